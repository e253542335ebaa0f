"""Decide when to probe a silent connection and when to drop it. Pure.

A network that vanishes without notice, a stopped server and a laptop that slept leave a connection that accepts
bytes for many minutes. So a server that owes an answer and is silent is probed: any byte it sends is an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

CHECK_INTERVAL_S = 1.0
"""Seconds between two checks of the clocks."""

SLEEP_THRESHOLD_S = 5.0
"""Seconds a check may be late before the machine is assumed to have slept."""

PING_INTERVAL_S = 1.5
"""Seconds after which a silent server is pinged in any case, so that longer silence is significant.
The ping is a frame of a few bytes; no server command is involved."""

PROBE_AFTER_S = 10.0
"""Seconds that a server which owes an answer may be silent before it is probed."""

PROBE_TIMEOUT_S = 2.0
"""Seconds that the server has to answer a probe."""

LONG_PROBE_TIMEOUT_S = 10.0
"""The same while an answer is due that cannot simply be requested again: to a part of an upload or a download, behind
which the probe may have to queue on a slow line, or to a command that was sent and must not be sent twice."""


@dataclass
class KeepAlive:
    """Silence of one connection over time; times are those of :func:`time.monotonic`."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    check_interval_s: float = field(default_factory=lambda: CHECK_INTERVAL_S)

    def __post_init__(self) -> None:
        self._checked_at = self.clock(), self.wall_clock()

    def should_probe(self, requested_at: float | None, last_received_at: float) -> bool:
        """Return True if the server should be probed; call this every :attr:`check_interval_s` seconds.

        Parameters
        ----------
        requested_at
            Time of the oldest request without an answer; None when none is due.
        last_received_at
            Time when the server was last heard from.
        """
        before, self._checked_at = self._checked_at, (self.clock(), self.wall_clock())
        # On some systems the monotonic clock is paused while the machine sleeps, on others it is not.
        if (
            max(now - then for now, then in zip(self._checked_at, before, strict=True))
            > self.check_interval_s + SLEEP_THRESHOLD_S
        ):
            return True
        return requested_at is not None and self.clock() - max(requested_at, last_received_at) > PROBE_AFTER_S

    @staticmethod
    def probe_timeout_s(non_idempotent: bool) -> float:
        """Return the seconds to wait for the answer to a probe, with or without a non-idempotent request pending."""
        return LONG_PROBE_TIMEOUT_S if non_idempotent else PROBE_TIMEOUT_S
