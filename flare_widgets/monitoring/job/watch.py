"""Watch of one job: its snapshot, its subscribers, and its end."""

from __future__ import annotations

import contextvars
import dataclasses
import enum
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ...api.models import MonitorReturnCode
from ...api.session import Session
from ..callbacks import CallbackPool, SerialExecutor
from ..diagnosis import Failure
from .diff import JobEnded, NewFailure, NewMetric, NewRound, NewStatus, diff_snapshots
from .model import Round, StatusChange
from .snapshot import JobSnapshot

log = logging.getLogger("flare_widgets.monitoring")

Listener = Callable[[JobSnapshot], None]
Callback = Callable[[Session, dict[str, Any]], bool]
F = TypeVar("F", bound=Callable[..., Any])


class WatchState(enum.Enum):
    """State of a watch."""

    WATCHING = "watching"
    """The job is polled periodically."""
    PAUSED = "paused"
    """:meth:`Watch.pause` was called."""
    JOB_ENDED = "job ended"
    """The job reached a final status."""
    ENDED_BY_CALLBACK = "ended by callback"
    """The callback returned False."""
    STOPPED = "stopped"
    """:meth:`Watch.stop` was called, or the monitor closed."""
    FAILED = "failed"
    """The callback raised, the session ended, or the job is gone: see :attr:`Watch.error`."""


_SIBLING_WAIT_S = 2.0  # seconds that `wait` waits for other views of the same job
_ACTIVE_STATES = (WatchState.WATCHING, WatchState.PAUSED)


@dataclasses.dataclass(eq=False)
class _EventSubscription:
    """Callback for one kind of event, and the last snapshot delivered to it."""

    kind: type
    callback: Callable[[JobSnapshot, Any], Any]
    delivered: JobSnapshot
    end_delivered: bool = False


class Watch:
    """Watch of one job. Made by :meth:`.Monitor.watch`.

    Callbacks of any kind run in a separate thread, one at a time; a slow one misses snapshots, but never
    the newest, and delays nothing else. Their output appears in the cell that registered them.

    Callbacks for events (``on_...``) first receive the past events: whenever one is registered, it gets
    each event once.

    Attributes
    ----------
    job_id
        The job.
    needs_details
        True if rounds, metrics and site activity are polled, not only the status. True unless the watch was made
        for a callback, which gets the job's meta only; registering anything more makes it true. It may be set: a
        table of a hundred jobs needs no more than their status.
    error
        The exception that made the watch fail; None unless its state is FAILED.
    """

    def __init__(self, job_id: str, callback: Callback | None, pool: CallbackPool, session: Session) -> None:
        self.job_id = job_id
        self.error: BaseException | None = None
        self.has_callback = callback is not None
        self.needs_details = callback is None
        self._callback = callback
        self._session = session
        self._snapshot = JobSnapshot(job_id)
        self._published: tuple[JobSnapshot, WatchState] | None = None
        self._pending_meta: dict[str, Any] | None = None  # for the callback
        self._delivered_meta: dict[str, Any] | None = None  # the last one passed to it
        self._state = WatchState.WATCHING
        self._is_final = False
        self._siblings: tuple[Watch, ...] = ()
        self._listeners: list[Listener] = []
        self._events: list[_EventSubscription] = []
        self._lock = threading.Lock()
        self._first_update = threading.Event()
        self._finished = threading.Event()
        self._executor = SerialExecutor(pool, self._deliver)
        self._wake: Callable[[], None] = lambda: None

    @property
    def snapshot(self) -> JobSnapshot:
        """The newest snapshot of the job."""
        return self._snapshot

    @property
    def state(self) -> WatchState:
        """The state of the watch."""
        return self._state

    @property
    def done(self) -> bool:
        """True if the watch has ended, for whatever reason."""
        return self._state not in _ACTIVE_STATES

    @property
    def paused(self) -> bool:
        """True if :meth:`pause` was called."""
        return self._state is WatchState.PAUSED

    # -- subscriptions --------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(snapshot)` for each new snapshot.

        Returns
        -------
        callable
            A function that ends the subscription.
        """
        heard = _bind_context(listener)
        with self._lock:
            self._listeners.append(heard)
            self.needs_details = True
        self._wake()
        return lambda: _remove(self._lock, self._listeners, heard)

    def on_status(self, callback: Callable[[JobSnapshot, StatusChange], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, change)` at each new status; return an unsubscribe function, as the others do."""
        return self._subscribe_event(NewStatus, lambda snapshot, new: callback(snapshot, new.change))

    def on_round(self, callback: Callable[[JobSnapshot, Round], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, round)` when a round begins."""
        return self._subscribe_event(NewRound, lambda snapshot, new: callback(snapshot, new.round))

    def on_metric(self, callback: Callable[[JobSnapshot, NewMetric], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, metric)` at each new value; `metric` has ``name, site, point``."""
        return self._subscribe_event(NewMetric, callback)

    def on_failure(self, callback: Callable[[JobSnapshot, Failure], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, failure)` when a failed or unstarted job has been diagnosed."""
        return self._subscribe_event(NewFailure, lambda snapshot, new: callback(snapshot, new.failure))

    def on_end(self, callback: Callable[[JobSnapshot], Any]) -> Callable[[], None]:
        """Call `callback(snapshot)` when the job has ended and its final data has been fetched."""
        return self._subscribe_event(JobEnded, lambda snapshot, _: callback(snapshot))

    # -- control ---------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop polling the job until :meth:`resume`."""
        with self._lock:
            if self._state is WatchState.WATCHING and not self._is_final:
                self._state = WatchState.PAUSED
        self._wake()

    def resume(self) -> None:
        """Poll the job again, immediately."""
        with self._lock:
            if self._state is WatchState.PAUSED:
                self._state = WatchState.WATCHING
        self._wake()

    def stop(self) -> None:
        """Stop watching; the job continues."""
        self._end(WatchState.STOPPED)

    def wait_for_first_update(self, timeout: float | None = None) -> bool:
        """Wait until the server's first answer about the job, or until the watch has ended.

        Parameters
        ----------
        timeout
            Seconds to wait; unlimited if not given.

        Returns
        -------
        bool
            True if either has happened.

        Raises
        ------
        Exception
            The error that made the watch fail, as in :meth:`wait`.
        """
        informed = self._first_update.wait(timeout)
        if self.error is not None:
            raise self.error
        return informed

    def wait(self, timeout: float | None = None) -> MonitorReturnCode:
        """Wait until the watch ends. An interrupt returns immediately; the watch continues.

        Parameters
        ----------
        timeout
            Seconds to wait; unlimited if not given.

        Raises
        ------
        Exception
            The error that made the watch fail: the callback's exception, or the reason why the job cannot be watched.
        """
        if not self._finished.wait(timeout):
            return MonitorReturnCode.TIMEOUT
        for other in self._siblings:
            # If a notebook ends, or continues, after this cell, its other views of the job must also show the end.
            other._finished.wait(_SIBLING_WAIT_S)
        if self.error is not None:
            raise self.error
        ended = self._state is WatchState.JOB_ENDED
        return MonitorReturnCode.JOB_FINISHED if ended else MonitorReturnCode.ENDED_BY_CB

    def __repr__(self) -> str:
        return f"<Watch {self._snapshot}, {self._state.value}>"

    # -- for the monitor -----------------------------------------------------------------------------------

    def _update(
        self, snapshot: JobSnapshot, meta: dict[str, Any], *, is_final: bool = False, siblings: Sequence[Watch] = ()
    ) -> None:
        """Set the snapshot if it is new or final; the `siblings` of a final one receive it as well.

        `meta` is passed to the callback.
        """
        with self._lock:
            if self._is_final or self._state is not WatchState.WATCHING:
                return
            looked = self.has_callback and bool(meta) and meta is not self._delivered_meta
            if snapshot is self._snapshot and not looked and not is_final:
                return
            self._snapshot, self._is_final = snapshot, is_final
            self._siblings = tuple(other for other in siblings if other is not self and not other.has_callback)
            if looked:
                self._pending_meta = self._delivered_meta = meta
        if snapshot.facts_at is not None:
            self._first_update.set()
        self._executor.request()

    def _fail(self, error: BaseException, problem: str) -> None:
        self._end(WatchState.FAILED, dataclasses.replace(self._snapshot, trouble=problem), error)

    def _end(self, state: WatchState, snapshot: JobSnapshot | None = None, error: BaseException | None = None) -> None:
        with self._lock:
            if self._state not in _ACTIVE_STATES:
                return
            self._state, self.error = state, error
            self._snapshot = snapshot or self._snapshot
        self._wake()
        self._executor.request()

    def _subscribe_event(self, kind: type, callback: Callable[[JobSnapshot, Any], Any]) -> Callable[[], None]:
        entry = _EventSubscription(kind, _bind_context(callback), JobSnapshot(self.job_id))
        with self._lock:
            self._events.append(entry)
            self.needs_details = True
        self._wake()
        self._executor.request()
        return lambda: _remove(self._lock, self._events, entry)

    def _deliver(self) -> None:
        """Call all callbacks; runs in the callbacks' thread, never twice at a time."""
        with self._lock:
            meta, self._pending_meta = self._pending_meta, None
            over = self.done
        if meta is not None and not over:
            self._run_callback(meta)
        with self._lock:
            # Before the listeners receive the end: they may check whether more will come.
            if self._is_final and self._state is WatchState.WATCHING and self._pending_meta is None:
                self._state = WatchState.JOB_ENDED
            snapshot, state, over = self._snapshot, self._state, self.done
            listeners, events = list(self._listeners), list(self._events)
            news = self._published is None or self._published[0] is not snapshot or self._published[1] is not state
            self._published = snapshot, state
        for heard in events:
            found = diff_snapshots(heard.delivered, snapshot)
            heard.delivered = snapshot
            if state is WatchState.JOB_ENDED and not heard.end_delivered:
                heard.end_delivered = True
                found.append(JobEnded())
            for change in found:
                if isinstance(change, heard.kind):
                    self._call_listener(heard.callback, snapshot, change)
        for listener in listeners if news else ():
            self._call_listener(listener, snapshot)
        if over:
            # `wait` returns only when the views have the last snapshot: in a notebook that is executed
            # without a screen, messages after the cell's end are lost.
            self._wake()
            self._first_update.set()
            self._finished.set()

    def _run_callback(self, meta: dict[str, Any]) -> None:
        assert self._callback is not None
        try:
            go_on = self._callback(self._session, meta)
        except BaseException as e:  # also sys.exit(): `wait` must raise it
            log.warning("the callback of job %s raised", self.job_id, exc_info=True)
            self._fail(e, f"your callback raised {type(e).__name__}: {e}. The watch has ended, the job has not")
            return
        if not go_on:
            self._end(WatchState.ENDED_BY_CALLBACK)

    def _call_listener(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            callback(*args)
        except BaseException:
            log.exception("a callback or view of job %s failed", self.job_id)


def _bind_context(callback: F) -> Callable[..., Any]:
    """Bind a callback to the current context: in a notebook, the context decides which cell gets the output."""
    context = contextvars.copy_context()
    return lambda *args: context.run(callback, *args)


def _remove(lock: threading.Lock, entries: list[Any], entry: Any) -> None:
    with lock:
        if entry in entries:
            entries.remove(entry)
