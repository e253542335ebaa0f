"""Decide when to probe a silent connection and when to drop it. Pure.

A network that vanishes without notice, a stopped server and a laptop that slept leave a connection that accepts
bytes for many minutes. So a server that owes an answer and is silent is probed: any byte it sends is an answer.
"""

from __future__ import annotations

import math
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

PROBE_AFTER_S = 9.0
"""Seconds that a server which owes an answer may be silent before it is probed."""

PROBE_TIMEOUT_S = 2.0
"""Seconds that the server has to answer a probe. With the intervals of the checks, a connection is given up within 12
seconds of silence. On a slow line, probe and answer queue behind the parts of a transfer: ours are small there."""

PROGRESS_INTERVAL_S = 1.0
"""Seconds in which a transfer must progress to show that the peer is alive."""

MIN_PROGRESS_BYTES = 2048
"""Bytes of progress that show it; pings and commands alone are fewer, and the system of a hung server takes those."""


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


@dataclass
class UploadProgress:
    """Time of the last progress in our direction; times are those of :func:`time.monotonic`."""

    clock: Callable[[], float] = time.monotonic
    last_at: float = -math.inf

    def __post_init__(self) -> None:
        self._since = -math.inf
        self._bytes = 0

    def update(self, confirmed_bytes: int | None) -> None:
        """Take note of the number of bytes that the peer has confirmed, while an upload is under way."""
        now = self.clock()
        if confirmed_bytes is None or now - self._since < PROGRESS_INTERVAL_S:
            return
        if now - self._since < 3 * PROGRESS_INTERVAL_S and confirmed_bytes - self._bytes >= MIN_PROGRESS_BYTES:
            self.last_at = now
        self._since, self._bytes = now, confirmed_bytes
