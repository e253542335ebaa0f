"""Watch of one job: its snapshot, its subscribers, and its end."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ...api.models import MonitorReturnCode
from ...api.session import Session
from ..callbacks import CallbackPool, Signal, call_safely
from ..diagnosis.model import Failure
from ..watch import BaseWatch, WatchState
from .diff import JobEnded, NewFailure, NewMetric, NewRound, NewStatus, diff_snapshots
from .model import Round, StatusChange
from .snapshot import JobSnapshot
from .updates import NOT_MONITORED

__all__ = ["Watch", "WatchState"]

log = logging.getLogger("flare_widgets.monitoring")

Callback = Callable[[Session, dict[str, Any]], bool]

_SIBLING_WAIT_S = 2.0  # seconds that `wait` waits for other views of the same job


class _EventListener:
    """Listener that calls `callback` for each event of one kind, the past ones first."""

    def __init__(self, job_id: str, kind: type, callback: Callable[[JobSnapshot, Any], Any]) -> None:
        self._kind = kind
        self._callback = callback
        self._delivered = JobSnapshot(job_id)
        self._is_end_delivered = False

    def __call__(self, now: tuple[JobSnapshot, WatchState]) -> None:
        snapshot, state = now
        changes = diff_snapshots(self._delivered, snapshot)
        self._delivered = snapshot
        if state is WatchState.JOB_ENDED and not self._is_end_delivered:
            self._is_end_delivered = True
            changes.append(JobEnded())
        for change in changes:
            if isinstance(change, self._kind):
                call_safely(self._callback, snapshot, change)


class Watch(BaseWatch[JobSnapshot]):
    """Watch of one job. Made by :meth:`.Monitor.watch`.

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
    """

    def __init__(
        self,
        job_id: str,
        callback: Callback | None,
        session: Session,
        pool: CallbackPool,
        wake: Callable[[], None],
        refresh: Callable[[], None],
    ) -> None:
        super().__init__(JobSnapshot(job_id), pool, wake, refresh)
        self.job_id = job_id
        self.has_callback = callback is not None
        self.needs_details = callback is None
        self._callback = callback
        self._session = session
        self._published: tuple[JobSnapshot, WatchState] | None = None
        self._pending_meta: dict[str, Any] | None = None  # for the callback
        self._delivered_meta: dict[str, Any] | None = None  # the last one passed to it
        self._siblings: tuple[Watch, ...] = ()
        self._events: Signal[tuple[JobSnapshot, WatchState]] = Signal()
        self._first_update = threading.Event()
        self._finished = threading.Event()

    # -- subscriptions --------------------------------------------------------------------------------------

    def subscribe(self, listener: Callable[[JobSnapshot], Any]) -> Callable[[], None]:
        """Call `listener(snapshot)` for each new snapshot; return an unsubscribe function."""
        unsubscribe = super().subscribe(listener)
        self._need_details()
        return unsubscribe

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

    # -- waiting -------------------------------------------------------------------------------------------

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
        self._check_process()
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
        self._check_process()
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
            if self._is_final or not self.is_active:
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
        with self._lock:
            if not self.done:
                self._snapshot = dataclasses.replace(self._snapshot, trouble=problem, trouble_label=NOT_MONITORED)
        self._end(WatchState.FAILED, error)

    def _need_details(self) -> None:
        self.needs_details = True
        self._wake()

    def _subscribe_event(self, kind: type, callback: Callable[[JobSnapshot, Any], Any]) -> Callable[[], None]:
        unsubscribe = self._events.subscribe(_EventListener(self.job_id, kind, callback))
        self._need_details()
        self._executor.request()
        return unsubscribe

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
            news = self._published is None or self._published[0] is not snapshot or self._published[1] is not state
            self._published = snapshot, state
        self._events.publish((snapshot, state))
        if news:
            self._signal.publish(snapshot)
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
