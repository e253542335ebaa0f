"""The monitor: watches jobs without blocking anybody.

One daemon thread a session, while that session watches something. It asks the server for facts, folds them into
snapshots, and tells the watches. It never prints: what there is to say stands in the snapshot.
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
from .callbacks import Dispatcher
from .diagnosis import stall_check
from .diagnosis.final_fetch import Aftermath
from .diagnosis.stall_check import Inquiry
from .job.reducer import fold
from .job.updates import Fact, Failed, Meta, Missed, Status, Trouble
from .job.watch import Watch, WatchState
from .job.watched_job import WatchedJob
from .job_list.watch import JobsTable, JobsWatch
from .polling import intervals, polls
from .polling.batch_status import Gathering
from .polling.pending import Polling, loss
from .system.watch import SystemWatch

__all__ = ["Monitor", "Watch", "WatchState"]

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-monitor"

_ACTIVITY = 2.0  # seconds between two questions to a site what it does, where the log may not be read
_ACTIVITY_HUNG = 15.0  # ... when it did not answer, or nobody may ask it
_SYSTEM = 10.0  # as often as sites report to the server
_LOOK = 0.5  # seconds between two looks at whether the server is still heard; nothing is sent for them
_MAX_BACKOFF = 8.0  # seconds between two looks at a job whose server does not answer
_AFTER_MISTAKE = 5.0  # seconds until the next look after a mistake of our own
_HISTORIES = 2  # histories of ended jobs that are fetched at the same time


class Monitor:
    """Watches any number of jobs of one session.

    Parameters
    ----------
    session
        Whose jobs.
    poll_interval
        Seconds between two looks at a job; when not given, as often as something may have changed: twice a second
        after a submit or a change, rarely when a job waits or its rounds are long.
    """

    def __init__(self, session: Session, poll_interval: float | None = None) -> None:
        if poll_interval is not None and poll_interval <= 0:
            raise ValueError("poll_interval must be > 0")
        self.session = session
        self.poll_interval = poll_interval
        self._jobs: dict[str, WatchedJob] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._dispatcher = Dispatcher()
        self._paused = False
        self._gathering = Gathering(session, self._wake)
        self._system: Polling[dict[str, list[Fact]]] | None = None
        self._system_due = 0.0
        self._systems: set[SystemWatch] = set()
        self._table = JobsTable(session, self._wake)
        self._woken = False
        self._lost = ""  # in words, that the session is connecting again, or the server silent
        self._resting_until = 0.0

    def watch(self, job_id: str, cb: Callable[..., bool] | None = None, *cb_args: Any, **cb_kwargs: Any) -> Watch:
        """Begin to watch a job; returns at once.

        Parameters
        ----------
        job_id
            The job.
        cb
            ``cb(session, job_id, job_meta, *cb_args, **cb_kwargs) -> bool``, called after each look in a thread of
            its own; what it prints lands in the cell that called `watch`. When it returns False the watch ends.
            When it raises, this watch ends, others go on.
        """
        callback = None
        if cb is not None:
            # In a notebook, output goes where the context says: to the cell that began to watch.
            context = contextvars.copy_context()

            def callback(session: Session, meta: dict[str, Any]) -> bool:
                return context.run(cb, session, job_id, meta, *cb_args, **cb_kwargs)

        watch = Watch(job_id, callback, self._dispatcher, self.session)
        watch._wake = self._wake
        with self._changed:
            job = self._jobs.setdefault(job_id, WatchedJob(job_id))
            if job.snapshot.facts_at is not None:
                watch._follow(job.snapshot, job.meta)
            job.watches.append(watch)
            job.due["status"] = 0.0
            self._start_thread()
        self._wake()
        return watch

    def watch_jobs(self) -> JobsWatch:
        """Begin to watch all jobs of the session's study, as a list of them; returns at once."""
        watch = JobsWatch(self._table, self._dispatcher)
        with self._changed:
            self._table.watches.append(watch)
            self._start_thread()
        self._table.refresh()
        return watch

    def watch_system(self) -> SystemWatch:
        """Return a watch of the server and its sites, that asks nothing before :meth:`.SystemWatch.resume`."""

        def join(watch: SystemWatch) -> None:
            with self._changed:
                self._systems.add(watch)
                self._start_thread()
            self._wake()

        return SystemWatch(self.session, join)

    def pause(self) -> None:
        """Ask the server nothing more, until :meth:`resume`; watches stay."""
        self._paused = True
        self._wake()

    def resume(self) -> None:
        """Go on, at once."""
        self._paused = False
        with self._changed:
            for job in self._jobs.values():
                job.due.clear()
        self._table.refresh()

    def close(self) -> None:
        """Stop all watches."""
        with self._changed:
            tables = list(self._table.watches)
            watches = [w for job in self._jobs.values() for w in job.watches]
            systems = list(self._systems)
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
            self._woken = True
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            self._turn()

    def _turn(self) -> None:
        """Take what has arrived, ask for what is due, and tell the watches; never waits."""
        with self._changed:
            jobs, systems = list(self._jobs.values()), list(self._systems)
        try:
            self._notice_loss(jobs, systems)
            self._receive(jobs)
            if not self._paused:
                self._ask(jobs)
            self._tell(jobs)
            for system in systems:
                system.turn(self._wake, self._lost)
            self._tend_table(jobs)
        except Exception:  # whatever it was: a job must not be thought to be watched when it is not
            log.exception("a mistake in the monitor; it goes on")
            self._resting_until = time.monotonic() + _AFTER_MISTAKE

    def _wait(self) -> bool:
        """Wait until something is due or has arrived; False when nothing is watched any more."""
        with self._changed:
            for job_id, job in list(self._jobs.items()):
                job.watches = [w for w in job.watches if not w.done]
                if not job.watches:
                    del self._jobs[job_id]
                    for polling in job.under_way.values():
                        polling.cancel()
            self._systems = {system for system in self._systems if not system.rests}
            if not self._table.drop_ended() and not self._jobs and not self._systems:
                self._thread = None
                return False
            if not self._woken:
                self._changed.wait(self._until_due())
            self._woken = False
            return True

    def _until_due(self) -> float | None:
        now = time.monotonic()
        # What is paused asks nothing; but a history that is being fetched must not be waited for without end.
        due = [now + j.aftermath.left for j in self._jobs.values() if j.aftermath is not None and not j.history_known]
        if not self._paused:
            for job in self._jobs.values():
                due += [job.due.get(name, 0.0) for name in self._wanted(job) if name not in job.under_way]
            if self._system is None and self._wants_system():
                due.append(self._system_due)
            due += [at for system in self._systems if (at := system.due()) is not None]
            due += self._table.until_due()
            if self._attended():
                due.append(now + _LOOK)
        return max(0.0, max(min(due), self._resting_until) - now) if due else None

    def _attended(self) -> bool:
        """Whether anybody wants to know at once that the server is lost."""
        jobs, systems = self._jobs.values(), self._systems
        return self._table.wanted or any(map(self._wanted, jobs)) or any(system.looking for system in systems)

    def _notice_loss(self, jobs: Iterable[WatchedJob], systems: Iterable[SystemWatch]) -> None:
        """Say that the server is lost; ask at once when it is back, instead of when the next look was due."""
        lost = loss(self.session)
        if lost:
            for job in jobs:
                if job.watching and not job.snapshot.ended and not job.failures:
                    self._learn(job, [Trouble(lost, time.time())])
        if self._lost and not lost:
            for job in jobs:
                if job.snapshot.trouble:
                    job.due.clear()
            for system in systems:
                system.look_again()
            self._table.refresh()
        self._lost = lost

    def _wanted(self, job: WatchedJob) -> list[str]:
        """The names of the sources that a job is to be asked from."""
        if not job.watching or (job.snapshot.ended and not job.needs_meta):
            return []
        names = [] if job in self._gathering.jobs else ["status"]
        if job.details and job.snapshot.status == "RUNNING":
            if job.rounds.readable:
                names.append("rounds")
            else:
                names += polls.sites_of(job.snapshot)
        return names

    def _wants_system(self) -> bool:
        return any(job.details and job.snapshot.status == "RUNNING" for job in list(self._jobs.values()))

    def _ask(self, jobs: Iterable[WatchedJob]) -> None:
        now = time.monotonic()
        due: list[WatchedJob] = []
        for job in jobs:
            for name in self._wanted(job):
                if name in job.under_way or job.due.get(name, 0.0) > now:
                    continue
                if name == "status":
                    due.append(job)
                else:
                    self._start(job, name, self._poll(job, name))
        self._ask_status(jobs, due)
        if self._system is None and self._system_due <= now and self._wants_system():
            self._system = Polling(
                self.session, polls.system([j.snapshot.job_id for j in jobs], self._ahead), self._wake
            )
            self._system.start()

    def _poll(self, job: WatchedJob, name: str) -> polls.Poll:
        if name == "rounds":
            return job.rounds.poll(job.clock(self._ahead))
        return polls.activity(job.snapshot.job_id, name)

    def _ask_status(self, jobs: Iterable[WatchedJob], due: list[WatchedJob]) -> None:
        """Ask how each job is, by whichever commands cost the server least."""
        if due:
            self._gathering.begin([job for job in jobs if self._may_be_listed(job)], due)
        for job in due:
            if job not in self._gathering.jobs:
                self._start(job, "status", polls.status(job.snapshot.job_id, self._ahead))

    def _may_be_listed(self, job: WatchedJob) -> bool:
        """Whether a list would do for a job that is, or will soon be, to be looked at."""
        # Callbacks want the whole meta, and so does a job of which nothing is known yet.
        if job.needs_meta or job.unlisted or "status" not in self._wanted(job) or "status" in job.under_way:
            return False
        early = intervals.gather(self._pause(job, "status", 0.0, []))
        soon = job.due.get("status", 0.0) - early <= time.monotonic()
        return soon and not any(w.has_callback for w in job.watching)

    def _start(self, job: WatchedJob, name: str, poll: polls.Poll) -> None:
        polling: Polling[list[Fact]] = Polling(self.session, poll, self._wake)
        job.under_way[name] = polling
        polling.start()

    def _receive(self, jobs: Iterable[WatchedJob]) -> None:
        """Take the answers that have come."""
        for job in jobs:
            facts: list[Fact] = []
            for name, polling in list(job.under_way.items()):
                try:
                    over, found = polling.advance()
                except FlareError as e:
                    del job.under_way[name]
                    self._refused(job, e)
                    continue
                except Exception:  # a source met what nobody thought of: the others go on
                    log.exception("the source %s of job %s failed", name, job.snapshot.job_id)
                    del job.under_way[name]
                    job.due[name] = time.monotonic() + _AFTER_MISTAKE
                    continue
                if over:
                    del job.under_way[name]
                    facts += found or []
                    job.due[name] = time.monotonic() + self._pause(job, name, polling.took, found or [])
            if facts:
                self._learn(job, facts)
            if job.aftermath is not None and job.aftermath.over and not job.history_known:
                job.history_known = True
                self._learn(job, job.aftermath.facts)
            if job.inquiry is not None and job.inquiry.over:
                why, job.inquiry = job.inquiry.found, None
                if why is not None and not job.snapshot.ended:
                    self._learn(job, [why])
        self._receive_list()
        self._receive_system(jobs)

    def _pause(self, job: WatchedJob, name: str, took: float, found: list[Fact]) -> float:
        if name in ("status", "rounds"):
            if self.poll_interval is not None:
                return self.poll_interval
            return intervals.interval(job.snapshot, time.time(), took)
        hung = any(isinstance(fact, Missed) for fact in found)
        return _ACTIVITY_HUNG if hung else min(_ACTIVITY_HUNG, max(_ACTIVITY, took / 0.05))

    def _learn(self, job: WatchedJob, facts: list[Fact]) -> None:
        before = job.snapshot
        metas = [fact.meta for fact in facts if isinstance(fact, Meta)]
        if metas:
            job.failures, job.needs_meta, job.meta = 0, False, metas[-1]
        job.snapshot = fold(before, facts)
        if job.snapshot.status != before.status:
            job.due.clear()
            job.inquiry_due = 0.0
            if before.failure is not None:  # whatever it waited for, it goes on
                job.snapshot = fold(job.snapshot, [Failed(None, time.time())])

    def _tell(self, jobs: Iterable[WatchedJob]) -> None:
        """Bring every watch up to date, also one that was paused; and have the history of ended jobs fetched."""
        self._inquire(jobs)
        fetching = sum(j.aftermath is not None and not j.aftermath.over for j in jobs)
        for job in jobs:
            if job.snapshot.ended and job.details and job.aftermath is None and fetching < _HISTORIES:
                fetching += 1
                job.aftermath = Aftermath(
                    self.session, job.snapshot.job_id, job.meta, job.clock(self._ahead), self._wake
                )
            watching, final = job.watching, job.final
            for watch in watching:
                watch._follow(job.snapshot, job.meta, final=final, beside=watching if final else ())

    def _tend_table(self, jobs: Iterable[WatchedJob]) -> None:
        """Bring those up to date who watch all jobs."""
        if not self._table.watches:
            return
        news = self._table.advance(self._paused, self._ahead, self._lost)
        seen = (job.snapshot for job in jobs if job.snapshot.status == "RUNNING")
        rounds = {s.job_id: (s.rounds_begun, s.total_rounds) for s in seen if s.rounds}
        if self._table.with_rounds(rounds) or news:
            for watch in list(self._table.watches):
                watch.notify()

    def _inquire(self, jobs: Iterable[WatchedJob]) -> None:
        """Have it found out why a job does not come along: of one at a time, and of each now and then."""
        now = time.monotonic()
        if self._paused or any(job.inquiry is not None for job in jobs):
            return
        for job in jobs:
            if job.details and now >= job.inquiry_due and stall_check.is_due(job.snapshot, time.time()):
                job.inquiry = Inquiry(self.session, job.meta, self._wake)
                job.inquiry_due = now + stall_check.PAUSE
                return

    def _refused(self, job: WatchedJob, error: FlareError) -> None:
        if isinstance(error, (JobNotFound, AuthorizationError, SessionClosed)):
            trouble = f"{error}. Nobody watches this job any more" if isinstance(error, SessionClosed) else str(error)
            for watch in list(job.watches):
                watch._fail(error, trouble)
            return
        job.failures += 1
        usual = self.poll_interval or intervals.USUAL
        job.due["status"] = time.monotonic() + min(usual * 2 ** min(job.failures - 1, 8), _MAX_BACKOFF)
        what = f"no connection to {self.session.kit.address}" if isinstance(error, NoConnection) else str(error)
        self._learn(job, [Trouble(f"{what}, trying again ({job.failures})", time.time())])

    def _receive_list(self) -> None:
        gathered = self._gathering.receive()
        if gathered is None:
            return
        now, wall = time.monotonic(), time.time()
        for job in gathered.jobs:
            if gathered.error is not None:
                self._refused(job, gathered.error)
                continue
            status = gathered.statuses.get(job.snapshot.job_id, "")
            job.due["status"] = now + self._pause(job, "status", gathered.took, [])
            if status == job.snapshot.status:
                job.failures = 0
                self._learn(job, [Status(status, wall)])
            else:
                # What else is new with the new status stands in its meta. A job of another study is not listed.
                job.needs_meta, job.unlisted = True, not status
                job.due["status"] = 0.0

    def _receive_system(self, jobs: Iterable[WatchedJob]) -> None:
        if self._system is None:
            return
        try:
            over, found = self._system.advance()
        except Exception:
            log.exception("the server's own state could not be read")
            over, found = True, None
        if not over:
            return
        self._system_due = time.monotonic() + max(_SYSTEM, self._system.took / 0.05)
        self._system = None
        for job in jobs:
            facts = (found or {}).get(job.snapshot.job_id)
            if facts and job.details:
                self._learn(job, facts)

    @property
    def _ahead(self) -> float:
        return polls.ahead(self.session)
