"""Job monitor that never blocks its callers.

There is one daemon thread per session, while anything is watched. It polls the server, applies the updates to the
snapshots, and notifies the watches. It never prints: every message is in a snapshot.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..api.session import Session
from ..errors import AuthorizationError, FlareError, JobNotFound, NoConnection, SessionClosed
from .callbacks import CallbackPool
from .diagnosis import stall_check
from .diagnosis.final_fetch import FinalFetch
from .diagnosis.stall_check import StallCheck
from .job.reducer import apply_updates
from .job.updates import ConnectionProblem, Diagnosed, GroupUnavailable, JobMeta, ListedStatus, Update
from .job.watch import Watch, WatchState
from .job.watched_job import WatchedJob
from .job_list.watch import JobListPoller, JobsWatch
from .polling import intervals, polls
from .polling.batch_status import BatchStatusPoll
from .polling.pending import PendingPoll, disconnect_reason
from .system.watch import SystemWatch

__all__ = ["Monitor", "Watch", "WatchState"]

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-monitor"

_ACTIVITY_INTERVAL_S = 2.0  # seconds between two polls of a site's activity, if the log may not be read
_HUNG_ACTIVITY_INTERVAL_S = 15.0  # ... if it did not answer, or cannot be reached
_SYSTEM_INTERVAL_S = 10.0  # as often as sites report to the server
# Seconds between two checks of whether the server is still heard; nothing is sent for them.
_CONNECTION_CHECK_INTERVAL_S = 0.5
_MAX_BACKOFF_S = 8.0  # seconds between two polls of a job whose server does not answer
_INTERNAL_ERROR_DELAY_S = 5.0  # seconds until the next poll after an internal error
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
            raise ValueError("poll_interval must be > 0")
        self.session = session
        self.poll_interval = poll_interval
        self._jobs: dict[str, WatchedJob] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._callback_pool = CallbackPool()
        self._paused = False
        self._batch_poll = BatchStatusPoll(session, self._wake)
        self._system_poll: PendingPoll[dict[str, list[Update]]] | None = None
        self._system_due = 0.0
        self._system_watches: set[SystemWatch] = set()
        self._job_list = JobListPoller(session, self._wake)
        self._is_woken = False
        self._disconnect_reason = ""  # a message while the session is reconnecting or the server is silent
        self._suspended_until = 0.0

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
        callback = None
        if cb is not None:
            # In a notebook, the context decides which cell gets the output: the one that called `watch`.
            context = contextvars.copy_context()

            def callback(session: Session, meta: dict[str, Any]) -> bool:
                return context.run(cb, session, job_id, meta, *cb_args, **cb_kwargs)

        watch = Watch(job_id, callback, self._callback_pool, self.session)
        watch._wake = self._wake
        with self._changed:
            job = self._jobs.setdefault(job_id, WatchedJob(job_id))
            if job.snapshot.facts_at is not None:
                watch._update(job.snapshot, job.meta)
            job.watches.append(watch)
            job.due["status"] = 0.0
            self._start_thread()
        self._wake()
        return watch

    def watch_jobs(self) -> JobsWatch:
        """Start to watch all jobs of the session's study, as a list; returns immediately."""
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

        return SystemWatch(self.session, join)

    def pause(self) -> None:
        """Stop polling until :meth:`resume`; the watches stay."""
        self._paused = True
        self._wake()

    def resume(self) -> None:
        """Resume polling immediately."""
        self._paused = False
        with self._changed:
            for job in self._jobs.values():
                job.due.clear()
        self._job_list.refresh()

    def close(self) -> None:
        """Stop all watches."""
        with self._changed:
            tables = list(self._job_list.watches)
            watches = [w for job in self._jobs.values() for w in job.watches]
            systems = list(self._system_watches)
        for table in tables:
            table.stop()
        for watch in watches:
            watch.stop()
        for system in systems:
            system.stop()

    # -- the thread ----------------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        with self._changed:
            self._is_woken = True
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            self._run_once()

    def _run_once(self) -> None:
        """Process received answers, send due polls, and update the watches; never waits."""
        with self._changed:
            jobs, systems = list(self._jobs.values()), list(self._system_watches)
        try:
            self._detect_disconnect(jobs, systems)
            self._receive(jobs)
            if not self._paused:
                self._start_due_polls(jobs)
            self._publish(jobs)
            for system in systems:
                system.run_once(self._wake, self._disconnect_reason)
            self._update_job_list(jobs)
        except Exception:  # whatever the error: the polling must not stop silently
            log.exception("an error in the monitor; it continues")
            self._suspended_until = time.monotonic() + _INTERNAL_ERROR_DELAY_S

    def _wait(self) -> bool:
        """Wait until something is due or has arrived; return False when nothing is watched any more."""
        with self._changed:
            for job_id, job in list(self._jobs.items()):
                job.watches = [w for w in job.watches if not w.done]
                if not job.watches:
                    del self._jobs[job_id]
                    for polling in job.pending_polls.values():
                        polling.cancel()
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
            for job in self._jobs.values():
                due += [job.due.get(name, 0.0) for name in self._sources_to_poll(job) if name not in job.pending_polls]
            if self._system_poll is None and self._should_poll_system():
                due.append(self._system_due)
            due += [at for system in self._system_watches if (at := system.next_due()) is not None]
            due += self._job_list.due_times()
            if self._has_observers():
                due.append(now + _CONNECTION_CHECK_INTERVAL_S)
        return max(0.0, max(min(due), self._suspended_until) - now) if due else None

    def _has_observers(self) -> bool:
        """Return whether any watch must show a disconnect immediately."""
        jobs, systems = self._jobs.values(), self._system_watches
        return (
            self._job_list.has_observers
            or any(map(self._sources_to_poll, jobs))
            or any(system.is_active for system in systems)
        )

    def _detect_disconnect(self, jobs: Iterable[WatchedJob], systems: Iterable[SystemWatch]) -> None:
        """Set the disconnect message; poll immediately after a reconnect instead of at the next due time."""
        lost = disconnect_reason(self.session)
        if lost:
            for job in jobs:
                if job.active_watches and not job.snapshot.ended and not job.retry_count:
                    self._apply(job, [ConnectionProblem(lost, time.time())])
        if self._disconnect_reason and not lost:
            for job in jobs:
                if job.snapshot.trouble:
                    job.due.clear()
            for system in systems:
                system.refresh()
            self._job_list.refresh()
        self._disconnect_reason = lost

    def _sources_to_poll(self, job: WatchedJob) -> list[str]:
        """Return the names of the polls that a job needs."""
        if not job.active_watches or (job.snapshot.ended and not job.needs_meta):
            return []
        names = [] if job in self._batch_poll.jobs else ["status"]
        if job.needs_details and job.snapshot.status == "RUNNING":
            if job.log_tail.is_readable:
                names.append("rounds")
            else:
                names += polls.activity_targets(job.snapshot)
        return names

    def _should_poll_system(self) -> bool:
        return any(job.needs_details and job.snapshot.status == "RUNNING" for job in list(self._jobs.values()))

    def _start_due_polls(self, jobs: Iterable[WatchedJob]) -> None:
        now = time.monotonic()
        due: list[WatchedJob] = []
        for job in jobs:
            for name in self._sources_to_poll(job):
                if name in job.pending_polls or job.due.get(name, 0.0) > now:
                    continue
                if name == "status":
                    due.append(job)
                else:
                    self._start_poll(job, name, self._make_poll(job, name))
        self._start_status_polls(jobs, due)
        if self._system_poll is None and self._system_due <= now and self._should_poll_system():
            self._system_poll = PendingPoll(
                self.session, polls.poll_system([j.snapshot.job_id for j in jobs], self._clock_offset), self._wake
            )
            self._system_poll.start()

    def _make_poll(self, job: WatchedJob, name: str) -> polls.PollGenerator:
        if name == "rounds":
            return job.log_tail.poll(job.server_clock(self._clock_offset))
        return polls.poll_activity(job.snapshot.job_id, name)

    def _start_status_polls(self, jobs: Iterable[WatchedJob], due: list[WatchedJob]) -> None:
        """Poll the status of jobs, by the commands that cost the server least."""
        if due:
            self._batch_poll.start_if_cheaper([job for job in jobs if self._can_use_list(job)], due)
        for job in due:
            if job not in self._batch_poll.jobs:
                self._start_poll(job, "status", polls.poll_status(job.snapshot.job_id, self._clock_offset))

    def _can_use_list(self, job: WatchedJob) -> bool:
        """Return whether a job is due, or almost due, and its status can be read from a list."""
        # Callbacks need the whole meta, and so does a job without any data yet.
        if (
            job.needs_meta
            or job.is_unlisted
            or "status" not in self._sources_to_poll(job)
            or "status" in job.pending_polls
        ):
            return False
        early = intervals.early_allowance(self._next_interval(job, "status", 0.0, []))
        soon = job.due.get("status", 0.0) - early <= time.monotonic()
        return soon and not any(w.has_callback for w in job.active_watches)

    def _start_poll(self, job: WatchedJob, name: str, poll: polls.PollGenerator) -> None:
        polling: PendingPoll[list[Update]] = PendingPoll(self.session, poll, self._wake)
        job.pending_polls[name] = polling
        polling.start()

    def _receive(self, jobs: Iterable[WatchedJob]) -> None:
        """Process the answers that have arrived."""
        for job in jobs:
            facts: list[Update] = []
            for name, polling in list(job.pending_polls.items()):
                try:
                    over, found = polling.advance()
                except FlareError as e:
                    del job.pending_polls[name]
                    self._handle_error(job, e)
                    continue
                except Exception:  # an unexpected error in one poll: the others continue
                    log.exception("the source %s of job %s failed", name, job.snapshot.job_id)
                    del job.pending_polls[name]
                    job.due[name] = time.monotonic() + _INTERNAL_ERROR_DELAY_S
                    continue
                if over:
                    del job.pending_polls[name]
                    facts += found or []
                    job.due[name] = time.monotonic() + self._next_interval(job, name, polling.latency_s, found or [])
            if facts:
                self._apply(job, facts)
            if job.final_fetch is not None and job.final_fetch.is_done and not job.has_history:
                job.has_history = True
                self._apply(job, job.final_fetch.updates)
            if job.stall_check is not None and job.stall_check.is_done:
                why, job.stall_check = job.stall_check.result, None
                if why is not None and not job.snapshot.ended:
                    self._apply(job, [why])
        self._receive_batch()
        self._receive_system(jobs)

    def _next_interval(self, job: WatchedJob, name: str, latency_s: float, updates: list[Update]) -> float:
        if name in ("status", "rounds"):
            if self.poll_interval is not None:
                return self.poll_interval
            return intervals.job_interval(job.snapshot, time.time(), latency_s)
        hung = any(isinstance(fact, GroupUnavailable) for fact in updates)
        return (
            _HUNG_ACTIVITY_INTERVAL_S
            if hung
            else min(_HUNG_ACTIVITY_INTERVAL_S, max(_ACTIVITY_INTERVAL_S, latency_s / 0.05))
        )

    def _apply(self, job: WatchedJob, updates: list[Update]) -> None:
        before = job.snapshot
        metas = [fact.meta for fact in updates if isinstance(fact, JobMeta)]
        if metas:
            job.retry_count, job.needs_meta, job.meta = 0, False, metas[-1]
        job.snapshot = apply_updates(before, updates)
        if job.snapshot.status != before.status:
            job.due.clear()
            job.stall_check_due = 0.0
            if before.failure is not None:  # the reason for the stall is gone
                job.snapshot = apply_updates(job.snapshot, [Diagnosed(None, time.time())])

    def _publish(self, jobs: Iterable[WatchedJob]) -> None:
        """Update every watch, including paused ones, and start the final fetch of ended jobs."""
        self._start_stall_check(jobs)
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

    def _update_job_list(self, jobs: Iterable[WatchedJob]) -> None:
        """Update the watches of the job list."""
        if not self._job_list.watches:
            return
        news = self._job_list.run_once(self._paused, self._clock_offset, self._disconnect_reason)
        seen = (job.snapshot for job in jobs if job.snapshot.status == "RUNNING")
        rounds = {s.job_id: (s.rounds_begun, s.total_rounds) for s in seen if s.rounds}
        if self._job_list.update_rounds(rounds) or news:
            for watch in list(self._job_list.watches):
                watch.notify()

    def _start_stall_check(self, jobs: Iterable[WatchedJob]) -> None:
        """Start a stall check for at most one job at a time, and for each job at intervals."""
        now = time.monotonic()
        if self._paused or any(job.stall_check is not None for job in jobs):
            return
        for job in jobs:
            if job.needs_details and now >= job.stall_check_due and stall_check.is_due(job.snapshot, time.time()):
                job.stall_check = StallCheck(self.session, job.meta, self._wake)
                job.stall_check_due = now + stall_check.CHECK_INTERVAL_S
                return

    def _handle_error(self, job: WatchedJob, error: FlareError) -> None:
        if isinstance(error, (JobNotFound, AuthorizationError, SessionClosed)):
            trouble = f"{error}. Monitoring stopped" if isinstance(error, SessionClosed) else str(error)
            for watch in list(job.watches):
                watch._fail(error, trouble)
            return
        job.retry_count += 1
        usual = self.poll_interval or intervals.NORMAL_INTERVAL_S
        job.due["status"] = time.monotonic() + min(usual * 2 ** min(job.retry_count - 1, 8), _MAX_BACKOFF_S)
        what = f"no connection to {self.session.kit.address}" if isinstance(error, NoConnection) else str(error)
        self._apply(job, [ConnectionProblem(f"{what}, trying again ({job.retry_count})", time.time())])

    def _receive_batch(self) -> None:
        gathered = self._batch_poll.receive()
        if gathered is None:
            return
        now, wall = time.monotonic(), time.time()
        for job in gathered.jobs:
            if gathered.error is not None:
                self._handle_error(job, gathered.error)
                continue
            status = gathered.statuses.get(job.snapshot.job_id, "")
            job.due["status"] = now + self._next_interval(job, "status", gathered.latency_s, [])
            if status == job.snapshot.status:
                job.retry_count = 0
                self._apply(job, [ListedStatus(status, wall)])
            else:
                # The rest of the change is in its meta. A job of another study is not listed.
                job.needs_meta, job.is_unlisted = True, not status
                job.due["status"] = 0.0

    def _receive_system(self, jobs: Iterable[WatchedJob]) -> None:
        if self._system_poll is None:
            return
        try:
            over, found = self._system_poll.advance()
        except Exception:
            log.exception("the server's own state could not be read")
            over, found = True, None
        if not over:
            return
        self._system_due = time.monotonic() + max(_SYSTEM_INTERVAL_S, self._system_poll.latency_s / 0.05)
        self._system_poll = None
        for job in jobs:
            facts = (found or {}).get(job.snapshot.job_id)
            if facts and job.needs_details:
                self._apply(job, facts)

    @property
    def _clock_offset(self) -> float:
        return polls.significant_clock_offset(self.session)
