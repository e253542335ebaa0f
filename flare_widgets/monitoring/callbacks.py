"""Where callbacks run: not on the thread that asks the server, so that a slow one hurts nobody else.

There is a thread only while something is to be called, and one more only while all others are busy with slow calls.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-callbacks"

_IDLE_TIMEOUT_S = 2.0  # seconds after which a thread that has nothing to do ends


class CallbackPool:
    """Runs calls one after the other where they belong together, and side by side where they do not."""

    def __init__(self) -> None:
        self._queue: collections.deque[Callable[[], None]] = collections.deque()
        self._changed = threading.Condition()
        self._idle_threads = 0

    def submit(self, callback: Callable[[], None]) -> None:
        """Have `call` called soon, in another thread."""
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
    """Calls that belong together: never two at a time, and always with the newest there is.

    Parameters
    ----------
    dispatcher
        Who calls.
    call
        What to call; it is called once more whenever :meth:`request` came meanwhile.
    """

    def __init__(self, pool: CallbackPool, callback: Callable[[], None]) -> None:
        self._pool = pool
        self._callback = callback
        self._lock = threading.Lock()
        self._is_requested = False
        self._is_running = False

    def request(self) -> None:
        """Have it called soon, after the call that may be under way."""
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
            except BaseException:  # also a callback's sys.exit(): the lane must stay open
                log.exception("a callback failed")
