"""One job being watched: its snapshot, who wants to hear of it, and how the watch ends."""

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
from ..callbacks import Dispatcher, Lane
from ..diagnosis import Failure
from .diff import Ended, NewFailure, NewMetric, NewRound, NewStatus, changes
from .model import Round, StatusChange
from .snapshot import JobSnapshot

log = logging.getLogger("flare_widgets.monitoring")

Listener = Callable[[JobSnapshot], None]
Callback = Callable[[Session, dict[str, Any]], bool]
F = TypeVar("F", bound=Callable[..., Any])


class WatchState(enum.Enum):
    """How it stands with a watch."""

    WATCHING = "watching"
    """The job is looked at every now and then."""
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


_COURTESY = 2.0  # seconds that who waits for the end waits for other views of the same job
_GOING_ON = (WatchState.WATCHING, WatchState.PAUSED)


@dataclasses.dataclass(eq=False)
class _Heard:
    """A callback for events of a kind, and what it has been told."""

    kind: type
    callback: Callable[[JobSnapshot, Any], Any]
    told: JobSnapshot
    told_end: bool = False


class Watch:
    """One job being watched. Made by :meth:`.Monitor.watch`.

    Callbacks of any kind run in a thread of their own, one at a time; one that is slow misses snapshots, but never
    the newest, and delays nobody else. What they print lands in the cell that registered them.

    Callbacks for events (``on_...``) are told what has happened before, first: whenever one is registered, it hears of
    each event once.

    Attributes
    ----------
    job_id
        The job.
    details
        Whether rounds, metrics and what sites do are asked for, not only the status. True unless the watch was made
        for a callback, which is told the job's meta only; registering anything more makes it true. It may be set: a
        table of a hundred jobs needs no more than their status.
    error
        Why the watch failed; None unless its state is FAILED.
    """

    def __init__(self, job_id: str, callback: Callback | None, dispatcher: Dispatcher, session: Session) -> None:
        self.job_id = job_id
        self.error: BaseException | None = None
        self.has_callback = callback is not None
        self.details = callback is None
        self._callback = callback
        self._session = session
        self._snapshot = JobSnapshot(job_id)
        self._shown: tuple[JobSnapshot, WatchState] | None = None
        self._meta: dict[str, Any] | None = None  # for the callback
        self._given: dict[str, Any] | None = None  # the last one that was
        self._state = WatchState.WATCHING
        self._final = False
        self._beside: tuple[Watch, ...] = ()
        self._listeners: list[Listener] = []
        self._events: list[_Heard] = []
        self._lock = threading.Lock()
        self._informed = threading.Event()
        self._done = threading.Event()
        self._lane = Lane(dispatcher, self._deliver)
        self._wake: Callable[[], None] = lambda: None

    @property
    def snapshot(self) -> JobSnapshot:
        """The newest snapshot of the job."""
        return self._snapshot

    @property
    def state(self) -> WatchState:
        """How it stands with the watch."""
        return self._state

    @property
    def done(self) -> bool:
        """Whether the watch has ended, for whatever reason."""
        return self._state not in _GOING_ON

    @property
    def paused(self) -> bool:
        """Whether :meth:`pause` was called."""
        return self._state is WatchState.PAUSED

    # -- who wants to hear of it ---------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(snapshot)` at new snapshots.

        Returns
        -------
        callable
            Ends the subscription.
        """
        heard = _in_this_context(listener)
        with self._lock:
            self._listeners.append(heard)
            self.details = True
        self._wake()
        return lambda: _remove(self._lock, self._listeners, heard)

    def on_status(self, callback: Callable[[JobSnapshot, StatusChange], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, change)` at each new status; returns what ends that, as do the others."""
        return self._on(NewStatus, lambda snapshot, new: callback(snapshot, new.change))

    def on_round(self, callback: Callable[[JobSnapshot, Round], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, round)` when a round begins."""
        return self._on(NewRound, lambda snapshot, new: callback(snapshot, new.round))

    def on_metric(self, callback: Callable[[JobSnapshot, NewMetric], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, metric)` at each new value; `metric` has ``name, site, point``."""
        return self._on(NewMetric, callback)

    def on_failure(self, callback: Callable[[JobSnapshot, Failure], Any]) -> Callable[[], None]:
        """Call `callback(snapshot, failure)` when it was found out why the job ended badly or does not start."""
        return self._on(NewFailure, lambda snapshot, new: callback(snapshot, new.failure))

    def on_end(self, callback: Callable[[JobSnapshot], Any]) -> Callable[[], None]:
        """Call `callback(snapshot)` when the job has ended, and what can be learned of it was."""
        return self._on(Ended, lambda snapshot, _: callback(snapshot))

    # -- begin and end -------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Look at the job no longer, until :meth:`resume`."""
        with self._lock:
            if self._state is WatchState.WATCHING and not self._final:
                self._state = WatchState.PAUSED
        self._wake()

    def resume(self) -> None:
        """Look at the job again, at once."""
        with self._lock:
            if self._state is WatchState.PAUSED:
                self._state = WatchState.WATCHING
        self._wake()

    def stop(self) -> None:
        """Watch no longer; the job goes on."""
        self._end(WatchState.STOPPED)

    def wait_for_facts(self, timeout: float | None = None) -> bool:
        """Wait until the server has first answered about the job, or the watch has ended.

        Parameters
        ----------
        timeout
            Seconds to wait; for as long as it takes when not given.

        Returns
        -------
        bool
            Whether either has come about.

        Raises
        ------
        Exception
            What made the watch fail, as in :meth:`wait`.
        """
        informed = self._informed.wait(timeout)
        if self.error is not None:
            raise self.error
        return informed

    def wait(self, timeout: float | None = None) -> MonitorReturnCode:
        """Wait until the watch ends. An interrupt leaves at once; the watch goes on.

        Parameters
        ----------
        timeout
            Seconds to wait; for as long as it takes when not given.

        Raises
        ------
        Exception
            What made the watch fail: the callback's exception, or why the job cannot be watched any more.
        """
        if not self._done.wait(timeout):
            return MonitorReturnCode.TIMEOUT
        for other in self._beside:
            # A notebook that goes on, or ends, with this cell must have the end in its other views of the job too.
            other._done.wait(_COURTESY)
        if self.error is not None:
            raise self.error
        ended = self._state is WatchState.JOB_ENDED
        return MonitorReturnCode.JOB_FINISHED if ended else MonitorReturnCode.ENDED_BY_CB

    def __repr__(self) -> str:
        return f"<Watch {self._snapshot}, {self._state.value}>"

    # -- for the monitor -----------------------------------------------------------------------------------

    def _follow(
        self, snapshot: JobSnapshot, meta: dict[str, Any], *, final: bool = False, beside: Sequence[Watch] = ()
    ) -> None:
        """Take what is known of the job, if it is new, or the last of it, which others `beside` are told as well.

        `meta` is for the callback.
        """
        with self._lock:
            if self._final or self._state is not WatchState.WATCHING:
                return
            looked = self.has_callback and bool(meta) and meta is not self._given
            if snapshot is self._snapshot and not looked and not final:
                return
            self._snapshot, self._final = snapshot, final
            self._beside = tuple(other for other in beside if other is not self and not other.has_callback)
            if looked:
                self._meta = self._given = meta
        if snapshot.facts_at is not None:
            self._informed.set()
        self._lane.request()

    def _fail(self, error: BaseException, trouble: str) -> None:
        self._end(WatchState.FAILED, dataclasses.replace(self._snapshot, trouble=trouble), error)

    def _end(self, state: WatchState, snapshot: JobSnapshot | None = None, error: BaseException | None = None) -> None:
        with self._lock:
            if self._state not in _GOING_ON:
                return
            self._state, self.error = state, error
            self._snapshot = snapshot or self._snapshot
        self._wake()
        self._lane.request()

    def _on(self, kind: type, callback: Callable[[JobSnapshot, Any], Any]) -> Callable[[], None]:
        entry = _Heard(kind, _in_this_context(callback), JobSnapshot(self.job_id))
        with self._lock:
            self._events.append(entry)
            self.details = True
        self._wake()
        self._lane.request()
        return lambda: _remove(self._lock, self._events, entry)

    def _deliver(self) -> None:
        """Tell everybody; in the callbacks' thread, never twice at a time."""
        with self._lock:
            meta, self._meta = self._meta, None
            over = self.done
        if meta is not None and not over:
            self._call_back(meta)
        with self._lock:
            # Before the listeners hear of the end: they may want to know whether more will come.
            if self._final and self._state is WatchState.WATCHING and self._meta is None:
                self._state = WatchState.JOB_ENDED
            snapshot, state, over = self._snapshot, self._state, self.done
            listeners, events = list(self._listeners), list(self._events)
            news = self._shown is None or self._shown[0] is not snapshot or self._shown[1] is not state
            self._shown = snapshot, state
        for heard in events:
            found = changes(heard.told, snapshot)
            heard.told = snapshot
            if state is WatchState.JOB_ENDED and not heard.told_end:
                heard.told_end = True
                found.append(Ended())
            for change in found:
                if isinstance(change, heard.kind):
                    self._call(heard.callback, snapshot, change)
        for listener in listeners if news else ():
            self._call(listener, snapshot)
        if over:
            # Whoever waits goes on only when the views have the last snapshot: in a notebook that is executed
            # without a screen, what comes after the cell's end is lost.
            self._wake()
            self._informed.set()
            self._done.set()

    def _call_back(self, meta: dict[str, Any]) -> None:
        assert self._callback is not None
        try:
            go_on = self._callback(self._session, meta)
        except BaseException as e:  # also sys.exit(): whoever waits must hear of it
            log.warning("the callback of job %s raised", self.job_id, exc_info=True)
            self._fail(e, f"your callback raised {type(e).__name__}: {e}. This watch has ended; the job goes on")
            return
        if not go_on:
            self._end(WatchState.ENDED_BY_CALLBACK)

    def _call(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            callback(*args)
        except BaseException:
            log.exception("a callback or view of job %s failed", self.job_id)


def _in_this_context(callback: F) -> Callable[..., Any]:
    """Have a callback print where it was registered: in a notebook, output goes where the context says."""
    context = contextvars.copy_context()
    return lambda *args: context.run(callback, *args)


def _remove(lock: threading.Lock, entries: list[Any], entry: Any) -> None:
    with lock:
        if entry in entries:
            entries.remove(entry)
