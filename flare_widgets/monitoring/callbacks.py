"""Callbacks: where and how the functions of users and views are called.

One policy for all watches:

* Callbacks run in a thread of their own, separate from the polling, so that a slow one delays nothing else.
* Those of one watch run one at a time, in the order in which they were registered. While they run, snapshots may be
  missed, but never the newest.
* Each runs in the context in which it was registered: in a notebook, its output appears in that cell.
* An exception in one (even `SystemExit`) is logged; the others are called all the same. Only the callback that is given
  to :meth:`.Monitor.watch` ends its watch, if it raises or returns False.
"""

from __future__ import annotations

import collections
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

S = TypeVar("S")

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-callbacks"

_IDLE_TIMEOUT_S = 2.0  # seconds after which an idle thread ends


def call_safely(callback: Callable[..., Any], *args: Any) -> None:
    """Call `callback`; log what it raises."""
    try:
        callback(*args)
    except BaseException:  # also sys.exit(): the thread must go on
        log.exception("a callback failed")


class CallbackPool:
    """Pool of daemon threads that run callbacks concurrently.

    A thread exists only while there are calls to make; another one starts only while all others are busy.
    """

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
            call_safely(self._callback)


class Signal(Generic[S]):
    """Listeners that are called with each new value. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[S], None]] = []

    def subscribe(self, listener: Callable[[S], Any]) -> Callable[[], None]:
        """Add a listener; return an unsubscribe function (which may be called twice)."""
        context = contextvars.copy_context()

        def call(value: S) -> None:
            context.run(listener, value)

        def remove() -> None:
            with self._lock:
                if call in self._listeners:
                    self._listeners.remove(call)

        with self._lock:
            self._listeners.append(call)
        return remove

    def publish(self, value: S) -> None:
        """Call all listeners, with no lock held."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            call_safely(listener, value)
