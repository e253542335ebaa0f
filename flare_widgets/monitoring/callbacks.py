"""Threads for callbacks, separate from the polling thread, so that a slow callback delays nothing else.

A thread exists only while there are calls to make; another one starts only while all others are busy.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-callbacks"

_IDLE_TIMEOUT_S = 2.0  # seconds after which an idle thread ends


class CallbackPool:
    """Pool of daemon threads that run callbacks concurrently."""

    def __init__(self) -> None:
        self._queue: collections.deque[Callable[[], None]] = collections.deque()
        self._changed = threading.Condition()
        self._idle_threads = 0

    def submit(self, callback: Callable[[], None]) -> None:
        """Run `callback` soon, in another thread."""
        with self._changed:
            self._queue.append(callback)
            if self._idle_threads >= len(self._queue):
                self._changed.notify()
                return
        threading.Thread(target=self._run_worker, name=THREAD_NAME, daemon=True).start()

    def _run_worker(self) -> None:
        while True:
            with self._changed:
                self._idle_threads += 1
                try:
                    if not self._changed.wait_for(lambda: self._queue, _IDLE_TIMEOUT_S):
                        return
                    call = self._queue.popleft()
                finally:
                    self._idle_threads -= 1
            call()


class SerialExecutor:
    """Serialized calls of one callback: never two at a time, and always once more after the newest request.

    Parameters
    ----------
    pool
        The pool that makes the calls.
    callback
        The function to call; it is called again if :meth:`request` was called meanwhile.
    """

    def __init__(self, pool: CallbackPool, callback: Callable[[], None]) -> None:
        self._pool = pool
        self._callback = callback
        self._lock = threading.Lock()
        self._is_requested = False
        self._is_running = False

    def request(self) -> None:
        """Schedule a call, after the one that may be running."""
        with self._lock:
            self._is_requested = True
            if self._is_running:
                return
            self._is_running = True
        self._pool.submit(self._run_pending)

    def _run_pending(self) -> None:
        while True:
            with self._lock:
                if not self._is_requested:
                    self._is_running = False
                    return
                self._is_requested = False
            try:
                self._callback()
            except BaseException:  # also a callback's sys.exit(): the executor must stay usable
                log.exception("a callback failed")
