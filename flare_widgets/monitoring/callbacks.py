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

_IDLE = 2.0  # seconds after which a thread that has nothing to do ends


class Dispatcher:
    """Runs calls one after the other where they belong together, and side by side where they do not."""

    def __init__(self) -> None:
        self._queue: collections.deque[Callable[[], None]] = collections.deque()
        self._changed = threading.Condition()
        self._idle = 0

    def submit(self, call: Callable[[], None]) -> None:
        """Have `call` called soon, in another thread."""
        with self._changed:
            self._queue.append(call)
            if self._idle >= len(self._queue):
                self._changed.notify()
                return
        threading.Thread(target=self._serve, name=THREAD_NAME, daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                try:
                    if not self._changed.wait_for(lambda: self._queue, _IDLE):
                        return
                    call = self._queue.popleft()
                finally:
                    self._idle -= 1
            call()


class Lane:
    """Calls that belong together: never two at a time, and always with the newest there is.

    Parameters
    ----------
    dispatcher
        Who calls.
    call
        What to call; it is called once more whenever :meth:`request` came meanwhile.
    """

    def __init__(self, dispatcher: Dispatcher, call: Callable[[], None]) -> None:
        self._dispatcher = dispatcher
        self._call = call
        self._lock = threading.Lock()
        self._wanted = False
        self._busy = False

    def request(self) -> None:
        """Have it called soon, after the call that may be under way."""
        with self._lock:
            self._wanted = True
            if self._busy:
                return
            self._busy = True
        self._dispatcher.submit(self._serve)

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._busy = False
                    return
                self._wanted = False
            try:
                self._call()
            except BaseException:  # also a callback's sys.exit(): the lane must stay open
                log.exception("a callback failed")
