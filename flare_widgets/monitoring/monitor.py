"""The monitor: watches jobs without blocking anybody.

One daemon thread a session, while that session watches something. It asks the server for facts, folds them into
snapshots, and tells callbacks and views. It never prints: what there is to say stands in the snapshot.
"""

from __future__ import annotations

import concurrent.futures
import contextvars
import dataclasses
import enum
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ..api import commands
from ..api.info import MonitorReturnCode
from ..api.session import Session
from ..errors import AuthorizationError, FlareError, JobNotFound, NoConnection, SessionClosed
from ..wire.states import SessionState
from .snapshot import JobSnapshot, fold_meta

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-monitor"

POLL_INTERVAL = 1.0
"""Seconds between two looks at a job; one costs the server about 6 ms, however many jobs it stores."""

_MAX_BACKOFF = 8.0  # seconds between two looks at a job whose server does not answer

Listener = Callable[[JobSnapshot], None]


class WatchState(enum.Enum):
    """How it stands with a watch."""

    WATCHING = "watching"
    """The job is looked at every now and then."""
    JOB_ENDED = "job ended"
    """The job reached a final status."""
    ENDED_BY_CALLBACK = "ended by callback"
    """The callback returned False."""
    STOPPED = "stopped"
    """:meth:`Watch.stop` was called, or the monitor closed."""
    FAILED = "failed"
    """The callback raised, the session ended, or the job is gone: see :attr:`Watch.error`."""


class Watch:
    """One job being watched. Made by :meth:`Monitor.watch`.

    Attributes
    ----------
    job_id
        The job.
    error
        Why the watch failed; None unless its state is FAILED.
    """

    def __init__(self, job_id: str, callback: Callable[[Session, dict[str, Any]], bool] | None) -> None:
        self.job_id = job_id
        self.error: BaseException | None = None
        self._callback = callback
        self._snapshot = JobSnapshot(job_id)
        self._state = WatchState.WATCHING
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._informed = threading.Event()
        self._done = threading.Event()

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
        return self._state is not WatchState.WATCHING

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(snapshot)`, in the monitor's thread, at every new snapshot.

        Returns
        -------
        callable
            Ends the subscription.
        """
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

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
        if self.error is not None:
            raise self.error
        ended = self._state is WatchState.JOB_ENDED
        return MonitorReturnCode.JOB_FINISHED if ended else MonitorReturnCode.ENDED_BY_CB

    def __repr__(self) -> str:
        return f"<Watch {self._snapshot}, {self._state.value}>"

    def _learn(self, session: Session, snapshot: JobSnapshot, meta: dict[str, Any]) -> None:
        """Take new facts; called by the monitor only."""
        if self.done:
            return
        if self._callback is not None:
            try:
                go_on = self._callback(session, meta)
            except Exception as e:
                log.warning("the callback of job %s raised", self.job_id, exc_info=True)
                trouble = f"your callback raised {type(e).__name__}: {e}. This watch has ended; the job goes on"
                self._end(WatchState.FAILED, dataclasses.replace(snapshot, trouble=trouble), e)
                return
            if not go_on:
                self._end(WatchState.ENDED_BY_CALLBACK, snapshot)
                return
        if snapshot.ended:
            self._end(WatchState.JOB_ENDED, snapshot)
        else:
            self._show(snapshot)

    def _fail(self, error: FlareError, trouble: str) -> None:
        self._end(WatchState.FAILED, dataclasses.replace(self._snapshot, trouble=trouble), error)

    def _show(self, snapshot: JobSnapshot) -> None:
        with self._lock:
            self._snapshot = snapshot
            listeners = list(self._listeners)
        if snapshot.facts_at is not None:
            self._informed.set()
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:
                log.exception("a view of job %s failed", self.job_id)

    def _end(self, state: WatchState, snapshot: JobSnapshot | None = None, error: BaseException | None = None) -> None:
        with self._lock:
            if self._state is not WatchState.WATCHING:
                return
            self._state, self.error = state, error
            self._snapshot = snapshot or self._snapshot
        self._show(self._snapshot)
        # Whoever waits goes on only when the views have the last snapshot: in a notebook that is executed without
        # a screen, what comes after the cell's end is lost.
        self._informed.set()
        self._done.set()


class _Job:
    """A job some watches look at: asked for once, however many they are."""

    def __init__(self, job_id: str) -> None:
        self.snapshot = JobSnapshot(job_id)
        self.watches: list[Watch] = []
        self.due = 0.0
        self.failures = 0


class Monitor:
    """Watches any number of jobs of one session.

    Parameters
    ----------
    session
        Whose jobs.
    poll_interval
        Seconds between two looks at a job.
    """

    def __init__(self, session: Session, poll_interval: float = POLL_INTERVAL) -> None:
        if poll_interval <= 0:
            raise ValueError("poll_interval must be > 0")
        self.session = session
        self.poll_interval = poll_interval
        self._jobs: dict[str, _Job] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, job_id: str, cb: Callable[..., bool] | None = None, *cb_args: Any, **cb_kwargs: Any) -> Watch:
        """Begin to watch a job; returns at once.

        Parameters
        ----------
        job_id
            The job.
        cb
            ``cb(session, job_id, job_meta, *cb_args, **cb_kwargs) -> bool``, called after each look in the
            monitor's thread; what it prints lands in the cell that called `watch`. When it returns False the watch
            ends. When it raises, this watch ends, others go on.
        """
        callback = None
        if cb is not None:
            # In a notebook, output goes where the context says: to the cell that began to watch.
            context = contextvars.copy_context()

            def callback(session: Session, meta: dict[str, Any]) -> bool:
                return context.run(cb, session, job_id, meta, *cb_args, **cb_kwargs)

        watch = Watch(job_id, callback)
        with self._changed:
            job = self._jobs.setdefault(job_id, _Job(job_id))
            watch._show(job.snapshot)
            job.watches.append(watch)
            job.due = 0.0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                self._thread.start()
            self._changed.notify()
        return watch

    def close(self) -> None:
        """Stop all watches."""
        with self._changed:
            watches = [w for job in self._jobs.values() for w in job.watches]
            self._jobs.clear()
            self._changed.notify()
        for watch in watches:
            watch.stop()

    def _run(self) -> None:
        while True:
            due = self._next()
            if due is None:
                return
            asked = [(job, self._ask(job)) for job in due]
            for job, answer in asked:
                self._receive(job, answer)

    def _next(self) -> list[_Job] | None:
        """Wait until jobs are due and return them; None when nothing is watched any more."""
        with self._changed:
            while True:
                for job_id, job in list(self._jobs.items()):
                    job.watches = [w for w in job.watches if not w.done]
                    if not job.watches:
                        del self._jobs[job_id]
                if not self._jobs:
                    self._thread = None
                    return None
                now = time.monotonic()
                due = [job for job in self._jobs.values() if job.due <= now]
                if due:
                    return due
                self._changed.wait(min(job.due for job in self._jobs.values()) - now)

    def _ask(self, job: _Job) -> concurrent.futures.Future[dict[str, Any]]:
        try:
            if self.session.state is SessionState.RECONNECTING:
                # Known at once; a command would wait for the connection, and the views with it.
                raise NoConnection(self.session.status.reason)
            return self.session.start(commands.get_job_meta(job.snapshot.job_id))
        except FlareError as e:
            failed: concurrent.futures.Future[dict[str, Any]] = concurrent.futures.Future()
            failed.set_exception(e)
            return failed

    def _receive(self, job: _Job, answer: concurrent.futures.Future[dict[str, Any]]) -> None:
        try:
            meta = answer.result()
        except (JobNotFound, AuthorizationError, SessionClosed) as e:
            trouble = f"{e}. Nobody watches this job any more" if isinstance(e, SessionClosed) else str(e)
            for watch in list(job.watches):
                watch._fail(e, trouble)
            return
        except (FlareError, concurrent.futures.CancelledError) as e:
            self._miss(job, e)
            return
        job.failures = 0
        job.due = time.monotonic() + self.poll_interval
        job.snapshot = fold_meta(job.snapshot, meta, time.time())
        for watch in list(job.watches):
            watch._learn(self.session, job.snapshot, meta)

    def _miss(self, job: _Job, error: BaseException) -> None:
        job.failures += 1
        job.due = time.monotonic() + min(self.poll_interval * 2 ** min(job.failures - 1, 8), _MAX_BACKOFF)
        what = f"no connection to {self.session.kit.address}" if isinstance(error, NoConnection) else str(error)
        job.snapshot = dataclasses.replace(job.snapshot, trouble=f"{what}, trying again ({job.failures})")
        for watch in list(job.watches):
            if not watch.done:
                watch._show(job.snapshot)
