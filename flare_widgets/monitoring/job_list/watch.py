"""Watch of all jobs of a session's study: one poll for all watches, only while any of them is active."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...api import commands
from ...api.job_status import JobStatus, has_ended
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, SessionClosed
from ...formatting.text import parse_duration, parse_iso_time
from ...script_arguments import describe_arguments, read_recorded_arguments
from ..callbacks import CallbackPool
from ..job import meta as job_meta
from ..job.updates import NOT_MONITORED, ConnectionProblem
from ..polling import intervals
from ..polling.pending import PendingPoll, describe_retry
from ..polling.poller import Poller
from ..polling.polls import Answer
from ..system.snapshot import JobListReport, SystemSnapshot, SystemUpdate, apply_system_updates
from ..watch import BaseWatch, WatchState

MAX_DETAILED_JOBS = 1000
"""Number of jobs, the newest, whose submitter is requested: the short list lacks it, and the long one is large."""

_START_TOLERANCE_S = 3.0  # seconds by which two sources of a job's start time may differ
_MAX_LISTED_JOBS = 100_000


@dataclass(frozen=True)
class ListedJob:
    """Entry of a job list.

    Attributes
    ----------
    job_id, name, study, submitter, submitter_organization
        The server's values; empty if it sends none. Hostile text: escape before showing.
    status
        The server's name for the status.
    submitted_at, started_at
        The time of the submission and, if the job is running, of its start (seconds since the epoch); None if unknown.
    duration
        Its run time in seconds, once it has ended; of a lost job, as far as it is known.
    progress
        Its round or its workflow, in words; only for a running job that is being watched, else empty.
    is_lost
        True if the server lists it as RUNNING, but has lost its process.
    arguments
        Names and values of the arguments of its sites' script, safe to show; known of jobs whose meta records them, as
        sweeps and ``%%flare`` do, and of those that are being watched.
    """

    job_id: str
    name: str = ""
    study: str = ""
    submitter: str = ""
    status: str = ""
    submitted_at: float | None = None
    started_at: float | None = None
    duration: float | None = None
    progress: str = ""
    submitter_organization: str = ""
    is_lost: bool = False
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def ended(self) -> bool:
        """True if the job has reached a final status."""
        return has_ended(self.status)

    def to_json(self) -> dict[str, Any]:
        """Return data that :func:`json.dumps` can write; unknown values are left out."""
        facts = {**vars(self), "arguments": describe_arguments(dict(self.arguments))}
        return {**{key: value for key, value in facts.items() if value not in (None, "", False)}, "ended": self.ended}


@dataclass(frozen=True)
class JobsSnapshot:
    """Snapshot of the jobs of a study.

    Attributes
    ----------
    jobs
        The jobs, newest first.
    facts_at
        The time of the server's last list (our clock); None before the first.
    trouble, trouble_label
        One sentence if the list may be stale, or monitoring has stopped, else empty; and the same in two words.
    """

    jobs: tuple[ListedJob, ...] = ()
    facts_at: float | None = None
    trouble: str = ""
    trouble_label: str = ""

    @property
    def has_running_jobs(self) -> bool:
        """True if any job is listed as RUNNING."""
        return any(job.status == JobStatus.RUNNING for job in self.jobs)

    def counts(self) -> dict[str, int]:
        """Return the number of jobs in each state: ``running``, ``waiting``, ``lost`` and ``ended``."""
        found = {"running": 0, "waiting": 0, "lost": 0, "ended": 0}
        for (status, is_lost), count in Counter((job.status, job.is_lost) for job in self.jobs).items():
            is_running = status == JobStatus.RUNNING
            found["lost" if is_lost else "ended" if has_ended(status) else "running" if is_running else "waiting"] += (
                count
            )
        return found


def read_list(
    entries: Iterable[Any],
    previous: Mapping[str, ListedJob],
    details: Mapping[str, Mapping[str, Any]],
    received_at: float,
    clock_offset: float = 0.0,
) -> tuple[ListedJob, ...]:
    """Return the jobs of a list, newest first.

    Parameters
    ----------
    entries
        The server's answer to ``list_jobs``; invalid entries are left out.
    previous
        The jobs known before, by id.
    details
        The stored meta of some of them, by id.
    received_at
        The time of the answer.
    clock_offset
        Seconds by which the server's clock is ahead of ours.
    """
    jobs: dict[str, ListedJob] = {}
    for entry in entries:
        job = _read_entry(entry, previous, details, received_at, clock_offset) if isinstance(entry, dict) else None
        if job is not None and len(jobs) < _MAX_LISTED_JOBS:
            jobs[job.job_id] = job
    return tuple(sorted(jobs.values(), key=lambda j: (j.submitted_at or 0.0, j.job_id), reverse=True))


def _read_entry(
    entry: dict[str, Any],
    previous: Mapping[str, ListedJob],
    details: Mapping[str, Mapping[str, Any]],
    received_at: float,
    clock_offset: float,
) -> ListedJob | None:
    job_id = job_meta.text_or_empty(entry.get("job_id"))
    if not job_id:
        return None
    old, more = previous.get(job_id), details.get(job_id, {})
    status = job_meta.text_or_empty(entry.get("status"))
    lasted = parse_duration(entry.get("duration"))
    submitted = job_meta.epoch_seconds(more.get("submit_time")) or parse_iso_time(entry.get("submit_time"))
    started = None
    if status == JobStatus.RUNNING and lasted is not None:
        started = received_at - lasted
        # The server recomputes the run time each time: a start that moved by the latency of an answer is no change.
        if old is not None and old.started_at is not None and abs(old.started_at - started) < _START_TOLERANCE_S:
            started = old.started_at
    return ListedJob(
        job_id,
        job_meta.text_or_empty(entry.get("job_name")) or job_meta.text_or_empty(more.get("name")),
        job_meta.text_or_empty(entry.get("study")),
        job_meta.text_or_empty(more.get("submitter_name")),
        status,
        None if submitted is None else submitted - clock_offset,
        started,
        lasted if has_ended(status) else None,
        submitter_organization=job_meta.text_or_empty(more.get("submitter_org")),
        arguments=tuple(sorted(read_recorded_arguments(more).items())) or (() if old is None else old.arguments),
    )


class JobsWatch(BaseWatch[JobsSnapshot]):
    """Watch of all jobs of a session's study. Made by :meth:`.Monitor.watch_jobs`.

    Parameters
    ----------
    jobs
        The list that is watched.
    pool
        The pool that runs the listeners.
    """

    def __init__(self, jobs: WatchedJobList, pool: CallbackPool) -> None:
        super().__init__(jobs.snapshot, pool, jobs.wake, jobs.poller.refresh)
        self._jobs = jobs

    @property
    def snapshot(self) -> JobsSnapshot:
        """The newest snapshot; updated before the listeners are called."""
        return self._jobs.snapshot


class WatchedJobList:
    """The jobs of a session's study: polled once, however many watches there are.

    Parameters
    ----------
    session
        The session to send commands with.
    wake
        A function that wakes the monitor's thread.
    """

    def __init__(self, session: Session, wake: Callable[[], None]) -> None:
        self.snapshot = JobsSnapshot()
        self.wake = wake
        self.watches: list[JobsWatch] = []
        self.poller: Poller[Answer] = Poller("the list of jobs", standby=lambda: not self.has_observers)
        self._session = session
        self._details_poller: Poller[list[dict[str, Any]]] = Poller("the submitters of jobs")
        self.presence_poller: Poller[list[SystemUpdate]] = Poller(
            "the running processes",
            standby=lambda: not self.has_observers or not self.snapshot.has_running_jobs,
        )
        self._system = SystemSnapshot()  # only of the jobs that run, and of those that are listed as such
        self._ran_at: dict[str, float] = {}  # the times at which the process of each was last seen
        self._entries: Sequence[Any] = ()
        self._details: dict[str, dict[str, Any]] = {}

    @property
    def pollers(self) -> list[Poller[Any]]:
        """The pollers that are repeated."""
        return [self.poller, self.presence_poller]

    @property
    def has_observers(self) -> bool:
        """True if any watch is neither paused nor done."""
        return any(watch.is_active for watch in self.watches)

    def refresh(self) -> None:
        """Poll immediately. May be called from any thread."""
        self.poller.refresh()
        self.wake()

    # -- the monitor's thread ------------------------------------------------------------------------------

    def drop_ended(self) -> bool:
        """Remove the watches that have ended; return whether any are left."""
        self.watches = [watch for watch in self.watches if not watch.done]
        if not self.watches:
            self.poller.cancel()
            self._details_poller.cancel()
            self.presence_poller.cancel()
        return bool(self.watches)

    def run_once(
        self, now: float, clock_offset: float, session_count: int, disconnect: ConnectionProblem | None = None
    ) -> bool:
        """Process received answers; return whether the snapshot changed.

        `session_count` is the number of sessions that share the server, which is asked more rarely by many;
        `disconnect` is the problem if the server is not answering.
        """
        before = self.snapshot
        self._receive(now, clock_offset, session_count)
        if disconnect is not None and not self.poller.retry_count:
            self._set_problem(disconnect.message, disconnect.label)
        return self.snapshot != before

    def update_watched(
        self, progress: Mapping[str, str], arguments: Mapping[str, tuple[tuple[str, str], ...]] | None = None
    ) -> bool:
        """Set the progress and the arguments of watched jobs; return whether that changed the snapshot."""
        arguments = arguments or {}
        jobs = tuple(
            job
            if words == job.progress and known == job.arguments
            else dataclasses.replace(job, progress=words, arguments=known)
            for job in self.snapshot.jobs
            for words in [progress.get(job.job_id, "") if job.status == JobStatus.RUNNING and not job.is_lost else ""]
            for known in [arguments.get(job.job_id) or job.arguments]
        )
        if jobs == self.snapshot.jobs:
            return False
        self.snapshot = dataclasses.replace(self.snapshot, jobs=jobs)
        return True

    def _receive(self, now: float, clock_offset: float, session_count: int) -> None:
        try:
            answer = self.poller.receive(now)
        except FlareError as e:
            self._handle_error(e)
        else:
            if answer is not None:
                self._entries = answer.value
                if self._system.facts_at is not None:
                    entries = tuple(entry for entry in self._entries if isinstance(entry, dict))
                    self._system = apply_system_updates(self._system, [JobListReport(entries, answer.received_at)])
                self._apply(answer.received_at, clock_offset)
                has_active_jobs = any(not job.ended for job in self.snapshot.jobs)
                interval_s = intervals.list_interval(has_active_jobs, self.poller.latency_s)
                self.poller.interval_s = intervals.shared_status_interval(interval_s, session_count)
                self._poll_details()
        self._receive_presence(now, session_count)
        details = self._details_poller.receive(now)
        if details is not None:
            self._details |= {str(meta.get("job_id")): meta for meta in details}
            self._apply(self.snapshot.facts_at or time.time(), clock_offset)

    def _receive_presence(self, now: float, session_count: int) -> None:
        try:
            updates = self.presence_poller.receive(now)
        except FlareError:
            return  # the list itself tells that the server does not answer
        if updates is not None:
            self._system = apply_system_updates(self._system, updates)
            seen_at = self._system.facts_at or time.time()
            self._ran_at |= {job.job_id: seen_at for job in self._system.jobs}
            self.presence_poller.interval_s = intervals.presence_interval(self.presence_poller.latency_s, session_count)

    def _apply(self, at: float, clock_offset: float) -> None:
        before = {job.job_id: job for job in self.snapshot.jobs}
        jobs = read_list(self._entries, before, self._details, at, clock_offset)
        lost = {zombie.job_id for zombie in self._system.zombies if zombie.certain}
        if lost:
            jobs = tuple(_mark_lost(job, self._ran_at.get(job.job_id)) if job.job_id in lost else job for job in jobs)
        self.snapshot = JobsSnapshot(jobs, at)

    def _poll_details(self) -> None:
        """Request the submitters of jobs that are new in the list."""
        there = {job.job_id for job in self.snapshot.jobs}
        self._details = {job_id: meta for job_id, meta in self._details.items() if job_id in there}
        new = [job.job_id for job in self.snapshot.jobs[:MAX_DETAILED_JOBS] if job.job_id not in self._details]
        if new and not self._details_poller.is_pending:
            # Unavailable details are not requested again.
            self._details |= {job_id: {} for job_id in new}
            self._details_poller.begin(PendingPoll(self._session, _poll_metas(new, len(there)), self.wake))

    def _handle_error(self, error: FlareError) -> None:
        if isinstance(error, (AuthorizationError, SessionClosed)):
            self._set_problem(f"{error}. Monitoring stopped", NOT_MONITORED)
            for watch in self.watches:
                watch._end(WatchState.FAILED, error)
        else:
            problem = describe_retry(self._session.kit.address, error, self.poller.retry_count)
            self._set_problem(problem.message, problem.label)

    def _set_problem(self, problem: str, label: str) -> None:
        self.snapshot = dataclasses.replace(self.snapshot, trouble=problem, trouble_label=label)


def _mark_lost(job: ListedJob, ran_at: float | None) -> ListedJob:
    """Return a job as lost: its clock has stopped when its process was last seen."""
    is_known = ran_at is not None and job.started_at is not None
    lasted = max(0.0, (ran_at or 0.0) - (job.started_at or 0.0)) if is_known else None
    return dataclasses.replace(job, is_lost=True, started_at=None, duration=lasted)


def _poll_metas(
    job_ids: Sequence[str], stored_count: int
) -> Generator[list[Any], Sequence[Answer], list[dict[str, Any]]]:
    """Request the stored meta of some jobs, the newest: by one list or one by one, whichever is cheaper."""
    if intervals.should_use_list(len(job_ids), stored_count):
        (answer,) = yield [commands.list_jobs(detailed=True, reverse=True, limit=len(job_ids))]
        return [meta for meta in answer.value or [] if isinstance(meta, dict)]
    answers = yield [commands.get_job_meta(job_id) for job_id in job_ids]
    return [answer.value for answer in answers if isinstance(answer.value, dict)]
