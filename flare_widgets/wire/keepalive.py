"""When to doubt that a connection which looks alive is, and when to give it up. Pure.

A network that goes away without a word, a server that is stopped and a laptop that slept leave a connection that
accepts bytes for many minutes. So a server that owes an answer and is silent is asked for a sign: any byte is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

TICK = 1.0
"""Seconds between two looks at the clocks."""

SLEPT = 5.0
"""Seconds a look may come late until the machine must have slept."""

HEARTBEAT = 1.5
"""Seconds after which a silent server is asked for a sign in any case, so that silence for longer means something.
The sign is a frame of some bytes, that no command of the server takes part in."""

SILENCE = 10.0
"""Seconds that a server may be silent while it owes an answer, until it is asked for a sign."""

PATIENCE = 2.0
"""Seconds until it must have given one."""

LONG_PATIENCE = 10.0
"""The same while an answer is due that cannot simply be asked for again: of a part of an upload or a download, behind
which the sign may have to queue on a slow line, or of a command that was sent and must not be sent twice."""


@dataclass
class Watch:
    """What is known about the silence of one connection; times are those of :func:`time.monotonic`."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    tick: float = field(default_factory=lambda: TICK)

    def __post_init__(self) -> None:
        self._looked = self.clock(), self.wall()

    def doubts(self, asked_at: float | None, heard_at: float) -> bool:
        """Whether to ask the server for a sign; to be called every :attr:`tick` seconds.

        Parameters
        ----------
        asked_at
            When the oldest request was made that has no answer; None when none is due.
        heard_at
            When the server was last heard.
        """
        before, self._looked = self._looked, (self.clock(), self.wall())
        # Some systems' monotonic clocks stand still while the machine sleeps, others' do not.
        if max(now - then for now, then in zip(self._looked, before, strict=True)) > self.tick + SLEPT:
            return True
        return asked_at is not None and self.clock() - max(asked_at, heard_at) > SILENCE

    @staticmethod
    def patience(precious: bool) -> float:
        """Seconds to wait for the sign, when a precious answer is due and when none is."""
        return LONG_PATIENCE if precious else PATIENCE
