"""Throttling of many update requests to few messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Throttle:
    """Call a function soon after each request, but not more often than once an interval.

    The first request is served at once and in the requesting thread. One that comes too early is served when
    the interval is over, from a short-lived thread, together with all that came meanwhile; so the newest state
    is always sent, and never late by more than the interval. The function is never run by two threads at once.

    Parameters
    ----------
    send
        The function to call. It must look up the data to send itself; if it returns True there is more to send, and it
        is called once more after the interval.
    interval_s
        Seconds between two calls.
    """

    def __init__(self, send: Callable[[], bool | None], interval_s: float) -> None:
        self._send = send
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._last_call_at = float("-inf")
        self._closed = False

    def request(self) -> None:
        """Request a call of `send`."""
        with self._lock:
            if self._closed or self._timer is not None:
                return
            wait = self._last_call_at + self._interval_s - time.monotonic()
            if wait > 0:
                self._timer = threading.Timer(wait, self._on_timer)
                self._timer.name = "flare-view"
                self._timer.daemon = True
                self._timer.start()
                return
            self._last_call_at = time.monotonic()
        self._call()

    def close(self) -> None:
        """Stop serving requests; pending ones are dropped."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _on_timer(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._timer = None
            self._last_call_at = time.monotonic()
        self._call()

    def _call(self) -> None:
        with self._send_lock:
            more = self._send()
        if more:
            self.request()
