"""Base class of the watches: listeners, pause, and the end."""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Callable
from typing import Any, Generic, NoReturn, SupportsIndex, TypeVar

from ..errors import InvalidArgumentType, SessionClosed
from .callbacks import CallbackPool, SerialExecutor, Signal

S = TypeVar("S")


class WatchState(enum.Enum):
    """State of a watch."""

    WATCHING = "watching"
    """The server is polled periodically."""
    PAUSED = "paused"
    """:meth:`.Watch.pause` was called."""
    JOB_ENDED = "job ended"
    """The job reached a final status."""
    ENDED_BY_CALLBACK = "ended by callback"
    """The callback returned False."""
    STOPPED = "stopped"
    """:meth:`.Watch.stop` was called, or the monitor closed."""
    FAILED = "failed"
    """The callback raised, the session ended, or the server refused to answer: see :attr:`.Watch.error`."""


def check_process(pid: int, what: str) -> None:
    """Raise SessionClosed in a process that was forked from the one with this id."""
    if os.getpid() != pid:
        raise SessionClosed(
            f"this {what} belongs to the process that forked this one, where its threads are",
            next_step="Open a session in this process, and watch the job with it",
        )


def refuse_copy(what: str) -> NoReturn:
    """Raise InvalidArgumentType for whoever pickles or copies a `what`, with what to hand over in its place."""
    raise InvalidArgumentType(
        f"a {what} cannot be pickled or copied: its threads and its session belong to this process",
        next_step="Hand over the startup kit's folder and the job's id, and call "
        "flare_widgets.connect(folder).job(id).watch() in the other process",
    )


class BaseWatch(Generic[S]):
    """One caller's interest in something that the monitor polls.

    Callbacks of any kind run in a separate thread, one at a time; a slow one misses snapshots, but never
    the newest, and delays nothing else. Their output appears in the cell that registered them.

    Parameters
    ----------
    snapshot
        The first snapshot.
    pool
        The pool that runs the callbacks.
    wake
        A function that wakes the monitor's thread.
    refresh
        A function that makes all polls due at once.
    state
        The first state.

    Attributes
    ----------
    error
        The exception that made the watch fail; None unless its state is FAILED.
    """

    def __init__(
        self,
        snapshot: S,
        pool: CallbackPool,
        wake: Callable[[], None],
        refresh: Callable[[], None],
        state: WatchState = WatchState.WATCHING,
    ) -> None:
        self.error: BaseException | None = None
        self._snapshot = snapshot
        self._state = state
        self._is_final = False  # True if no further data will come: it is too late to pause
        self._wake = wake
        self._refresh = refresh
        self._lock = threading.Lock()
        self._signal: Signal[S] = Signal()
        self._executor = SerialExecutor(pool, self._deliver)
        self._pid = os.getpid()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        refuse_copy("watch")

    @property
    def snapshot(self) -> S:
        """The newest snapshot; updated before the listeners are called."""
        return self._snapshot

    @property
    def state(self) -> WatchState:
        """The state of the watch."""
        return self._state

    @property
    def done(self) -> bool:
        """True if the watch has ended, for whatever reason."""
        return self._state not in (WatchState.WATCHING, WatchState.PAUSED)

    @property
    def paused(self) -> bool:
        """True if the watch is paused."""
        return self._state is WatchState.PAUSED

    @property
    def is_active(self) -> bool:
        """True if the watch is neither paused nor done."""
        return self._state is WatchState.WATCHING

    def subscribe(self, listener: Callable[[S], Any]) -> Callable[[], None]:
        """Call `listener(snapshot)` for each new snapshot.

        Returns
        -------
        callable
            A function that ends the subscription. It may be called twice.
        """
        return self._signal.subscribe(listener)

    def pause(self) -> None:
        """Pause the watch until :meth:`resume`. The server is not polled for a paused watch."""
        with self._lock:
            if self._state is WatchState.WATCHING and not self._is_final:
                self._state = WatchState.PAUSED

    def resume(self) -> None:
        """Resume the watch, with an immediate poll."""
        with self._lock:
            if self._state is not WatchState.PAUSED:
                return
            self._state = WatchState.WATCHING
        self.refresh()

    def refresh(self) -> None:
        """Poll immediately: something has changed."""
        self._check_process()
        self._refresh()
        self._wake()

    def stop(self) -> None:
        """End the watch; the listeners are notified."""
        self._end(WatchState.STOPPED)

    # -- for the monitor -----------------------------------------------------------------------------------

    def notify(self) -> None:
        """Schedule a call of the listeners."""
        self._executor.request()

    def _check_process(self) -> None:
        check_process(self._pid, "watch")

    def _end(self, state: WatchState, error: BaseException | None = None) -> None:
        with self._lock:
            if self.done:
                return
            self._state, self.error = state, error
        self._wake()
        self._executor.request()

    def _deliver(self) -> None:
        """Call the listeners; runs in the callbacks' thread, never twice at a time."""
        self._signal.publish(self.snapshot)
