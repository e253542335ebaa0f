"""Job monitor that never blocks its callers.

There is one daemon thread per session, while anything is watched. It polls the server, applies the updates to the
snapshots, and notifies the watches. It never prints: every message is in a snapshot.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, SupportsIndex

from ..api.job_status import JobStatus
from ..api.session import Session
from ..errors import AuthorizationError, FlareError, InvalidArgumentError, JobNotFound, SessionClosed
from .callbacks import CallbackPool
from .diagnosis import stall_check
from .diagnosis.final_fetch import FinalFetch
from .diagnosis.stall_check import StallCheck
from .job.format import short_progress
from .job.reducer import apply_updates
from .job.updates import ConnectionProblem, Diagnosed, GroupUnavailable, JobMeta, ListedStatus, Update
from .job.watch import Watch, WatchState
from .job.watched_job import JobPoller, WatchedJob
from .job_list.watch import JobsWatch, WatchedJobList
from .polling import intervals, polls
from .polling.batch_status import BatchStatusPoll
from .polling.pending import PendingPoll, SharedRequest, describe_retry, find_disconnect
from .polling.poller import INTERNAL_ERROR_DELAY_S, Poller
from .system.watch import SystemWatch, read_server
from .watch import BaseWatch, check_process, refuse_copy

__all__ = ["Monitor", "Watch", "WatchState"]

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-monitor"

# Seconds between two checks of whether the server is still heard; nothing is sent for them.
_CONNECTION_CHECK_INTERVAL_S = 0.5
_MAX_FINAL_FETCHES = 2  # concurrent fetches of the history of ended jobs


class Monitor:
    """Monitor for any number of jobs of one session.

    Parameters
    ----------
    session
        The session whose jobs are watched.
    poll_interval
        Seconds between two polls of a job; if not given, it adapts: twice a second
        after a submit or a change, rarely if a job waits or its rounds are long.
    """

    def __init__(self, session: Session, poll_interval: float | None = None) -> None:
        if poll_interval is not None and poll_interval <= 0:
            raise InvalidArgumentError("poll_interval must be > 0")
        self.session = session
        self.poll_interval = poll_interval
        self._jobs: dict[str, WatchedJob] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._callback_pool = CallbackPool()
        self._paused = False
        self._batch_poll = BatchStatusPoll(session, self._wake)
        self._presence_poller: Poller[dict[str, list[Update]]] = Poller(
            "the running processes",
            standby=lambda: not any(job.is_running_in_detail for job in list(self._jobs.values())),
        )
        self._system_watches: set[SystemWatch] = set()
        self._job_list = WatchedJobList(session, self._wake)
        # A count is not worth asking for by a script that ends at once.
        self._session_count_poller: Poller[int] = Poller(
            "the number of sessions",
            standby=lambda: not self._is_polled,
            interval_s=intervals.SESSION_COUNT_INTERVAL_S,
            backoff_s=intervals.SESSION_COUNT_INTERVAL_S,
            max_backoff_s=intervals.SESSION_COUNT_INTERVAL_S,
            first_at=time.monotonic() + intervals.SESSION_COUNT_INTERVAL_S,
        )
        self._session_count = 1  # that are active; also while it is unknown
        self._is_woken = False
        self._disconnect: ConnectionProblem | None = None  # while the session is reconnecting or the server is silent
        self._suspended_until = 0.0

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        refuse_copy("monitor")

    def watch(self, job_id: str, cb: Callable[..., bool] | None = None, *cb_args: Any, **cb_kwargs: Any) -> Watch:
        """Start to watch a job; returns immediately.

        Parameters
        ----------
        job_id
            The job.
        cb
            ``cb(session, job_id, job_meta, *cb_args, **cb_kwargs) -> bool``, called after each poll in a separate
            thread; its output appears in the cell that called `watch`. If it returns False the watch ends.
            If it raises, this watch ends, others continue.
        """
        self._check_process()
        callback = None
        if cb is not None:
            # In a notebook, the context decides which cell gets the output: the one that called `watch`.
            context = contextvars.copy_context()

            def callback(session: Session, meta: dict[str, Any]) -> bool:
                return context.run(cb, session, job_id, meta, *cb_args, **cb_kwargs)

        with self._changed:
            new = WatchedJob(job_id, self.poll_interval, self.session.submitted_config(job_id))
            job = self._jobs.setdefault(job_id, new)
            watch = Watch(job_id, callback, self.session, self._callback_pool, self._wake, job.refresh)
            if job.snapshot.facts_at is not None:
                watch._update(job.snapshot, job.meta)
            job.watches.append(watch)
            job.status_poller.refresh()
            self._start_thread()
        self._wake()
        return watch

    def watch_jobs(self) -> JobsWatch:
        """Start to watch all jobs of the session's study, as a list; returns immediately."""
        self._check_process()
        watch = JobsWatch(self._job_list, self._callback_pool)
        with self._changed:
            self._job_list.watches.append(watch)
            self._start_thread()
        self._job_list.refresh()
        return watch

    def watch_system(self) -> SystemWatch:
        """Return a watch of the server and its sites, which sends nothing before :meth:`.SystemWatch.resume`."""

        def join(watch: SystemWatch) -> None:
            with self._changed:
                self._system_watches.add(watch)
                self._start_thread()
            self._wake()

        self._check_process()
        return SystemWatch(self.session, self._callback_pool, join)

    def pause(self) -> None:
        """Stop polling until :meth:`resume`; the watches stay."""
        self._paused = True
        self._wake()

    def resume(self) -> None:
        """Resume polling immediately."""
        self._paused = False
        with self._changed:
            for job in self._jobs.values():
                job.refresh()
        self._job_list.refresh()

    def close(self) -> None:
        """Stop all watches."""
        with self._changed:
            jobs = [watch for job in self._jobs.values() for watch in job.watches]
            watches: list[BaseWatch[Any]] = [*self._job_list.watches, *jobs, *self._system_watches]
        for watch in watches:
            watch.stop()

    # -- the thread ----------------------------------------------------------------------------------------

    def _check_process(self) -> None:
        check_process(self._pid, "monitor")

    def _start_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        if os.getpid() != self._pid:
            return  # there is no thread to wake, and the lock may be held by one that is not there
        with self._changed:
            self._is_woken = True
            if self._thread is not None:
                self._start_thread()  # if it is dead
            self._changed.notify()

    def _run(self) -> None:
        try:
            while self._wait():
                self._run_once()
        except BaseException:  # something ended this thread; whoever waits must not wait for ever
            log.exception("the thread of the monitor was ended; another one continues")
            self._suspended_until = time.monotonic() + INTERNAL_ERROR_DELAY_S
            with self._changed:
                self._thread = None
                self._start_thread()

    def _run_once(self) -> None:
        """Process received answers, send due polls, and update the watches; never waits."""
        with self._changed:
            jobs, systems = list(self._jobs.values()), list(self._system_watches)
        now = time.monotonic()
        try:
            self._detect_disconnect(jobs, systems)
            self._receive(jobs, now)
            if not self._paused:
                self._start_due_polls(jobs, now)
            self._publish(jobs, now)
            for system in systems:
                system.run_once(now, self._paused, self._disconnect)
            self._update_job_list(jobs, now)
        except Exception:  # whatever the error: the polling must not stop silently
            log.exception("an error in the monitor; it continues")
            self._suspended_until = time.monotonic() + INTERNAL_ERROR_DELAY_S

    def _wait(self) -> bool:
        """Wait until something is due or has arrived; return False when nothing is watched any more."""
        with self._changed:
            for job_id, job in list(self._jobs.items()):
                job.watches = [w for w in job.watches if not w.done]
                if not job.watches:
                    del self._jobs[job_id]
                    for poller in job.pollers:
                        poller.stop()
            self._system_watches = {system for system in self._system_watches if not system.is_idle}
            if not self._job_list.drop_ended() and not self._jobs and not self._system_watches:
                self._thread = None
                return False
            if not self._is_woken:
                self._changed.wait(self._seconds_until_due())
            self._is_woken = False
            return True

    def _seconds_until_due(self) -> float | None:
        now = time.monotonic()
        # Paused jobs are not polled; but a running final fetch must not be waited for indefinitely.
        due = [
            now + j.final_fetch.seconds_left
            for j in self._jobs.values()
            if j.final_fetch is not None and not j.has_history
        ]
        if not self._paused:
            jobs, systems = self._jobs.values(), self._system_watches
            pollers: list[Poller[Any]] = [self._presence_poller, self._session_count_poller, *self._job_list.pollers]
            pollers += [poller for job in jobs for poller in job.pollers]
            pollers += [poller for system in systems for poller in system.pollers]
            due += [at for poller in pollers if (at := poller.next_at()) is not None]
            # A watch must show a disconnect at once.
            if self._is_polled or any(system.is_active for system in systems):
                due.append(now + _CONNECTION_CHECK_INTERVAL_S)
        return max(0.0, max(min(due), self._suspended_until) - now) if due else None

    def _detect_disconnect(self, jobs: Iterable[WatchedJob], systems: Iterable[SystemWatch]) -> None:
        """Set the disconnect message; poll immediately after a reconnect instead of at the next due time."""
        lost = find_disconnect(self.session)
        if lost is not None:
            for job in jobs:
                if job.active_watches and not job.snapshot.ended and not job.status_poller.retry_count:
                    self._apply(job, [lost])
        if self._disconnect is not None and lost is None:
            for job in jobs:
                if job.snapshot.trouble:
                    job.refresh()
            for system in systems:
                system.refresh()
            self._job_list.refresh()
        self._disconnect = lost

    def _start_due_polls(self, jobs: Sequence[WatchedJob], now: float) -> None:
        listable = [job for job in jobs if job.can_use_list]
        soon = [job for job in listable if self._is_almost_due(job, now)]
        self._batch_poll.begin_if_due(listable, soon, self._job_list.poller, now)
        for job in jobs:
            job_id = job.snapshot.job_id
            if job.status_poller.is_due(now):
                self._begin(job.status_poller, polls.poll_status(job_id, self._clock_offset))
            if job.rounds_poller.is_due(now):
                self._begin(job.rounds_poller, job.log_tail.poll(job.server_clock(self._clock_offset)))
            for name, poller in job.activity_pollers().items():
                if poller.is_due(now):
                    self._begin(poller, polls.poll_activity(job_id, name))
        if self._presence_poller.is_due(now) or self._job_list.presence_poller.is_due(now):
            self._begin_presence_poll([job.snapshot.job_id for job in jobs])
        if self._session_count_poller.is_due(now):
            self._begin(self._session_count_poller, polls.poll_session_count())

    def _begin(self, poller: Poller[Any], poll: Any) -> None:
        poller.begin(PendingPoll(self.session, poll, self._wake))

    def _begin_presence_poll(self, job_ids: list[str]) -> None:
        """Ask once for the watched jobs and for the job list."""
        poll: PendingPoll[polls.Answer] = PendingPoll(self.session, polls.poll_system_info(), self._wake)
        offset = self._clock_offset
        if self._presence_poller.next_at() is not None:
            read = functools.partial(polls.read_system_info, job_ids=job_ids, clock_offset=offset)
            self._presence_poller.begin(SharedRequest(poll, read))
        if self._job_list.presence_poller.next_at() is not None:
            self._job_list.presence_poller.begin(
                SharedRequest(poll, functools.partial(read_server, clock_offset=offset))
            )
        poll.start()

    def _is_almost_due(self, job: WatchedJob, now: float) -> bool:
        """Return whether the status of a job is due, or may be polled already to share a list with others."""
        at = job.status_poller.next_at()
        if at is None:
            return False
        return at - intervals.early_allowance(self._status_interval(job, 0.0)) <= now

    def _receive(self, jobs: Iterable[WatchedJob], now: float) -> None:
        """Process the answers that have arrived."""
        for job in jobs:
            updates = [update for poller in job.pollers for update in self._receive_one(job, poller, now)]
            if updates:
                self._apply(job, updates)
            if job.final_fetch is not None and job.final_fetch.is_done and not job.has_history:
                job.has_history = True
                self._apply(job, job.final_fetch.updates)
            if job.stall_check is not None and job.stall_check.is_done:
                why, job.stall_check = job.stall_check.result, None
                if why is not None and not job.snapshot.ended:
                    self._apply(job, [why])
        self._receive_session_count(now)
        presence = self._presence_poller.receive(now)
        if presence is not None:
            self._presence_poller.interval_s = intervals.presence_interval(
                self._presence_poller.latency_s, self._session_count
            )
            for job in jobs:
                if job.needs_details and (found := presence.get(job.snapshot.job_id)):
                    self._apply(job, found)

    def _receive_session_count(self, now: float) -> None:
        try:
            count = self._session_count_poller.receive(now)
        except AuthorizationError:
            self._session_count_poller.stop()  # this user may not know it
        except FlareError:
            pass  # the jobs' own polls tell that the server does not answer
        else:
            self._session_count = count or self._session_count

    def _receive_one(self, job: WatchedJob, poller: JobPoller, now: float) -> list[Update]:
        try:
            updates = poller.receive(now)
        except FlareError as e:
            self._handle_error(job, e, poller.retry_count)
            return []
        if updates is None:
            return []
        if poller in (job.status_poller, job.rounds_poller):
            poller.interval_s = self._status_interval(job, poller.latency_s)
            if poller is job.rounds_poller and self.poll_interval is None:
                poller.interval_s = intervals.shared_log_interval(poller.interval_s, self._session_count)
        else:
            is_hung = any(isinstance(update, GroupUnavailable) for update in updates)
            poller.interval_s = intervals.activity_interval(is_hung, poller.latency_s)
        match updates:
            case [ListedStatus(status=status)] if status != job.snapshot.status:
                # The rest of the change is in its meta. A job of another study is not listed.
                job.needs_meta, job.is_unlisted = True, not status
                poller.refresh()
                return []
        return updates

    def _status_interval(self, job: WatchedJob, latency_s: float) -> float:
        if self.poll_interval is not None:
            return self.poll_interval
        interval_s = intervals.job_interval(job.snapshot, time.time(), latency_s)
        return intervals.shared_status_interval(interval_s, self._session_count)

    def _apply(self, job: WatchedJob, updates: list[Update]) -> None:
        before = job.snapshot
        metas = [fact.meta for fact in updates if isinstance(fact, JobMeta)]
        if metas:
            job.needs_meta, job.meta = False, metas[-1]
        job.snapshot = apply_updates(before, updates)
        if job.snapshot.status != before.status:
            job.refresh()
            job.stall_check_due = 0.0
            if before.failure is not None:  # the reason for the stall is gone
                job.snapshot = apply_updates(job.snapshot, [Diagnosed(None, time.time())])

    def _publish(self, jobs: Iterable[WatchedJob], now: float) -> None:
        """Update every watch, including paused ones, and start the final fetch of ended jobs."""
        self._start_stall_check(jobs, now)
        fetching = sum(j.final_fetch is not None and not j.final_fetch.is_done for j in jobs)
        for job in jobs:
            if job.snapshot.ended and job.needs_details and job.final_fetch is None and fetching < _MAX_FINAL_FETCHES:
                fetching += 1
                job.final_fetch = FinalFetch(
                    self.session, job.snapshot.job_id, job.meta, job.server_clock(self._clock_offset), self._wake
                )
            watching, final = job.active_watches, job.is_final
            for watch in watching:
                watch._update(job.snapshot, job.meta, is_final=final, siblings=watching if final else ())

    def _update_job_list(self, jobs: Iterable[WatchedJob], now: float) -> None:
        """Update the watches of the job list."""
        if not self._job_list.watches:
            return
        news = self._job_list.run_once(now, self._clock_offset, self._session_count, self._disconnect)
        snapshots = [job.snapshot for job in jobs]
        progress = {s.job_id: short_progress(s) for s in snapshots if s.status == JobStatus.RUNNING}
        arguments = {s.job_id: tuple((a.name, a.value) for a in s.arguments) for s in snapshots}
        if self._job_list.update_watched(progress, arguments) or news:
            for watch in list(self._job_list.watches):
                watch.notify()

    def _start_stall_check(self, jobs: Iterable[WatchedJob], now: float) -> None:
        """Start a stall check for at most one job at a time, and for each job at intervals."""
        if self._paused or any(job.stall_check is not None for job in jobs):
            return
        for job in jobs:
            if job.needs_details and now >= job.stall_check_due and stall_check.is_due(job.snapshot, time.time()):
                job.stall_check = StallCheck(self.session, job.meta, self._wake)
                job.stall_check_due = now + stall_check.CHECK_INTERVAL_S
                return

    def _handle_error(self, job: WatchedJob, error: FlareError, retry_count: int) -> None:
        if isinstance(error, (JobNotFound, AuthorizationError, SessionClosed)):
            trouble = f"{error}. Monitoring stopped" if isinstance(error, SessionClosed) else str(error)
            for watch in list(job.watches):
                watch._fail(error, trouble)
            return
        self._apply(job, [describe_retry(self.session.kit.address, error, retry_count)])

    @property
    def _is_polled(self) -> bool:
        """True if anybody watches the job list, or waits for the status of a job."""
        return self._job_list.has_observers or any(job.needs_status for job in list(self._jobs.values()))

    @property
    def _clock_offset(self) -> float:
        return polls.significant_clock_offset(self.session)
