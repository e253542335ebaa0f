"""Many wishes to send something become few messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Coalescer:
    """Call a function soon after each request, but not more often than once an interval.

    The first request is served at once and in the thread that makes it. One that comes too early is served when
    the interval is over, from a short-lived thread, and stands for all that came meanwhile; so the newest state
    is always sent, and never late by more than the interval. The function is never run by two threads at once.

    Parameters
    ----------
    send
        What to call. It must look up for itself what there is to send; when it returns True there is more, and it is
        called once more after the interval.
    interval
        Seconds between two calls.
    """

    def __init__(self, send: Callable[[], bool | None], interval: float) -> None:
        self._send = send
        self._interval = interval
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._timer: threading.Timer | None = None
        self._last = float("-inf")
        self._closed = False

    def request(self) -> None:
        """Ask for a call of `send`."""
        with self._lock:
            if self._closed or self._timer is not None:
                return
            wait = self._last + self._interval - time.monotonic()
            if wait > 0:
                self._timer = threading.Timer(wait, self._due)
                self._timer.name = "flare-view"
                self._timer.daemon = True
                self._timer.start()
                return
            self._last = time.monotonic()
        self._call()

    def close(self) -> None:
        """Serve no more requests; what was asked for and not yet sent is dropped."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _due(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._timer = None
            self._last = time.monotonic()
        self._call()

    def _call(self) -> None:
        with self._sending:
            more = self._send()
        if more:
            self.request()
