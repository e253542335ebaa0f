"""When to doubt that a connection which looks alive is, and when to give it up. Pure.

A network that goes away without a word, a server that is stopped and a laptop that slept leave a connection that
accepts bytes for many minutes. So a server that owes an answer and is silent is asked for a sign: any byte is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

CHECK_INTERVAL_S = 1.0
"""Seconds between two looks at the clocks."""

SLEEP_THRESHOLD_S = 5.0
"""Seconds a look may come late until the machine must have slept."""

PING_INTERVAL_S = 1.5
"""Seconds after which a silent server is asked for a sign in any case, so that silence for longer means something.
The sign is a frame of some bytes, that no command of the server takes part in."""

PROBE_AFTER_S = 10.0
"""Seconds that a server may be silent while it owes an answer, until it is asked for a sign."""

PROBE_TIMEOUT_S = 2.0
"""Seconds until it must have given one."""

LONG_PROBE_TIMEOUT_S = 10.0
"""The same while an answer is due that cannot simply be asked for again: of a part of an upload or a download, behind
which the sign may have to queue on a slow line, or of a command that was sent and must not be sent twice."""


@dataclass
class KeepAlive:
    """What is known about the silence of one connection; times are those of :func:`time.monotonic`."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    check_interval_s: float = field(default_factory=lambda: CHECK_INTERVAL_S)

    def __post_init__(self) -> None:
        self._checked_at = self.clock(), self.wall_clock()

    def should_probe(self, requested_at: float | None, last_received_at: float) -> bool:
        """Whether to ask the server for a sign; to be called every :attr:`tick` seconds.

        Parameters
        ----------
        requested_at
            When the oldest request was made that has no answer; None when none is due.
        last_received_at
            When the server was last heard.
        """
        before, self._checked_at = self._checked_at, (self.clock(), self.wall_clock())
        # Some systems' monotonic clocks stand still while the machine sleeps, others' do not.
        if (
            max(now - then for now, then in zip(self._checked_at, before, strict=True))
            > self.check_interval_s + SLEEP_THRESHOLD_S
        ):
            return True
        return requested_at is not None and self.clock() - max(requested_at, last_received_at) > PROBE_AFTER_S

    @staticmethod
    def probe_timeout_s(non_idempotent: bool) -> float:
        """Seconds to wait for the sign, when a precious answer is due and when none is."""
        return LONG_PROBE_TIMEOUT_S if non_idempotent else PROBE_TIMEOUT_S
