"""All jobs of a session's study, kept fresh: asked for once, however many look at them, and only while anybody does."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...api import commands
from ...api.models import is_terminal
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, NoConnection, SessionClosed
from ..callbacks import Dispatcher, Lane
from ..job import meta as job_meta
from ..polling import intervals
from ..polling.pending import Polling
from ..polling.polls import Answer, listing
from ..signal import Listeners

log = logging.getLogger("flare_widgets.monitoring")

MOST_DETAILS = 1000
"""Jobs, the newest, of which it is asked who submitted them: the short list does not say, the long one is long."""

_SAME_START = 3.0  # seconds by which two ways to learn when a job started may differ
_MOST_LISTED = 100_000
_AFTER_MISTAKE = 5.0
_MAX_BACKOFF = 4.0


@dataclass(frozen=True)
class ListedJob:
    """A job as a list of jobs has it.

    Attributes
    ----------
    job_id, name, study, submitter, submitter_organization
        As the server has them; empty when it does not say. Hostile text: escape before showing.
    status
        The server's word.
    submitted_at, started_at
        When it was submitted and, of one that runs, began to (seconds since the epoch); None when not known.
    duration
        Seconds it ran, once it has ended.
    round, total_rounds
        How many rounds have begun, of how many; only of a running job that somebody watches.
    """

    job_id: str
    name: str = ""
    study: str = ""
    submitter: str = ""
    status: str = ""
    submitted_at: float | None = None
    started_at: float | None = None
    duration: float | None = None
    round: int | None = None
    total_rounds: int | None = None
    submitter_organization: str = ""

    @property
    def ended(self) -> bool:
        """Whether it has reached a status it will not leave."""
        return is_terminal(self.status)

    def to_json(self) -> dict[str, Any]:
        """Return what :func:`json.dumps` can write; what is not known is left out."""
        known = {key: value for key, value in vars(self).items() if value not in (None, "")}
        return {**known, "ended": self.ended}


@dataclass(frozen=True)
class JobsSnapshot:
    """What is known about the jobs of a study.

    Attributes
    ----------
    jobs
        Newest first.
    facts_at
        When the server last listed them (our clock); None before it did.
    trouble
        One sentence when that may be stale, or nobody asks any more; else empty.
    """

    jobs: tuple[ListedJob, ...] = ()
    facts_at: float | None = None
    trouble: str = ""

    def counts(self) -> dict[str, int]:
        """Return how many jobs there are by what they do: ``running``, ``waiting`` and ``ended``."""
        found = {"running": 0, "waiting": 0, "ended": 0}
        for job in self.jobs:
            found["ended" if job.ended else "running" if job.status == "RUNNING" else "waiting"] += 1
        return found


def read_list(
    entries: Iterable[Any],
    before: Mapping[str, ListedJob],
    details: Mapping[str, Mapping[str, Any]],
    now: float,
    ahead: float = 0.0,
) -> tuple[ListedJob, ...]:
    """Return the jobs of a list, newest first.

    Parameters
    ----------
    entries
        The server's answer to ``list_jobs``; anything that is no job is left out.
    before
        The jobs as they were known, by id.
    details
        What the server stores about some of them, by id.
    now
        When the answer came.
    ahead
        Seconds by which the server's clock is ahead of ours.
    """
    jobs: dict[str, ListedJob] = {}
    for entry in entries:
        job = _read(entry, before, details, now, ahead) if isinstance(entry, dict) else None
        if job is not None and len(jobs) < _MOST_LISTED:
            jobs[job.job_id] = job
    return tuple(sorted(jobs.values(), key=lambda j: (j.submitted_at or 0.0, j.job_id), reverse=True))


def _read(
    entry: dict[str, Any],
    before: Mapping[str, ListedJob],
    details: Mapping[str, Mapping[str, Any]],
    now: float,
    ahead: float,
) -> ListedJob | None:
    job_id = job_meta.text(entry.get("job_id"))
    if not job_id:
        return None
    old, more = before.get(job_id), details.get(job_id, {})
    status = job_meta.text(entry.get("status"))
    lasted = job_meta.duration(entry.get("duration"))
    submitted = job_meta.seconds(more.get("submit_time")) or job_meta.iso_time(entry.get("submit_time"))
    started = None
    if status == "RUNNING" and lasted is not None:
        started = now - lasted
        # The server counts anew at each look: a start that moved by the time an answer took would be no news.
        if old is not None and old.started_at is not None and abs(old.started_at - started) < _SAME_START:
            started = old.started_at
    return ListedJob(
        job_id,
        job_meta.text(entry.get("job_name")) or job_meta.text(more.get("name")),
        job_meta.text(entry.get("study")),
        job_meta.text(more.get("submitter_name")),
        status,
        None if submitted is None else submitted - ahead,
        started,
        lasted if is_terminal(status) else None,
        submitter_organization=job_meta.text(more.get("submitter_org")),
    )


class JobsWatch:
    """All jobs of a session's study being watched. Made by :meth:`.Monitor.watch_jobs`.

    Listeners run in a thread of their own, one at a time; one that is slow misses snapshots, but never the newest.

    Parameters
    ----------
    table
        Who asks.
    dispatcher
        Who calls.
    """

    def __init__(self, table: JobsTable, dispatcher: Dispatcher) -> None:
        self._table = table
        self._lane = Lane(dispatcher, self._tell)
        self._listeners = Listeners[JobsSnapshot]()
        self._paused = False
        self._done = False

    @property
    def snapshot(self) -> JobsSnapshot:
        """The newest snapshot; renewed before the listeners are called."""
        return self._table.snapshot

    @property
    def done(self) -> bool:
        """Whether the watch has ended: :meth:`stop` was called, or the session is over."""
        return self._done

    @property
    def paused(self) -> bool:
        """Whether it does not want to hear of anything now."""
        return self._paused

    def subscribe(self, listener: Callable[[JobsSnapshot], None]) -> Callable[[], None]:
        """Have `listener` called at every new snapshot; return what ends that (and may be called twice)."""
        return self._listeners.add(listener)

    def pause(self) -> None:
        """Want no news, until :meth:`resume`. The server is not asked while nobody wants any."""
        self._paused = True

    def resume(self) -> None:
        """Want news again, at once."""
        if self._paused:
            self._paused = False
            self.refresh()

    def refresh(self) -> None:
        """Ask at once: something has changed."""
        self._table.refresh()

    def stop(self) -> None:
        """End the watch."""
        self._done = True
        self._lane.request()
        self._table.wake()

    def notify(self) -> None:
        """Have the listeners called soon."""
        self._lane.request()

    def _tell(self) -> None:
        self._listeners.tell(self.snapshot)


class JobsTable:
    """What the monitor keeps of the jobs of its session's study. Its methods are called by the monitor's thread.

    Parameters
    ----------
    session
        Whom to ask.
    wake
        Has the monitor look what there is to do.
    """

    def __init__(self, session: Session, wake: Callable[[], None]) -> None:
        self.snapshot = JobsSnapshot()
        self.wake = wake
        self.watches: list[JobsWatch] = []
        self._session = session
        self._due = 0.0  # on the monotonic clock
        self._failures = 0
        self._listing: Polling[Answer] | None = None
        self._asking: Polling[list[dict[str, Any]]] | None = None
        self._entries: Sequence[Any] = ()
        self._details: dict[str, dict[str, Any]] = {}

    def refresh(self) -> None:
        """Ask at once. May be called from any thread."""
        self._due = 0.0
        self.wake()

    def drop_ended(self) -> bool:
        """Forget the watches that have ended; return whether there are others."""
        self.watches = [watch for watch in self.watches if not watch.done]
        if not self.watches:
            for polling in (self._listing, self._asking):
                if polling is not None:
                    polling.cancel()
            self._listing = self._asking = None
        return bool(self.watches)

    def until_due(self) -> list[float]:
        """Return when something is to be done next (on the monotonic clock)."""
        return [self._due] if self.wanted and self._listing is None else []

    def advance(self, paused: bool, ahead: float, lost: str = "") -> bool:
        """Take what has arrived and ask for what is due; return whether there is anything new.

        `lost` says so when nobody answers now.
        """
        before = self.snapshot
        now = time.monotonic()
        self._receive(now, ahead)
        if self.wanted and not paused and self._listing is None and self._due <= now:
            self._listing = Polling(self._session, listing(), self.wake)
            self._listing.start()
            self._receive(now, ahead)  # of a session without a connection the answer is known at once
        if lost and not self._failures:
            self._say(lost)
        return self.snapshot != before

    def with_rounds(self, rounds: Mapping[str, tuple[int, int | None]]) -> bool:
        """Note the rounds of jobs that are watched; return whether that is news."""
        jobs = tuple(
            dataclasses.replace(job, round=begun, total_rounds=total)
            if (begun, total) != (job.round, job.total_rounds)
            else job
            for job in self.snapshot.jobs
            for begun, total in [rounds.get(job.job_id, (None, None)) if job.status == "RUNNING" else (None, None)]
        )
        if jobs == self.snapshot.jobs:
            return False
        self.snapshot = dataclasses.replace(self.snapshot, jobs=jobs)
        return True

    @property
    def wanted(self) -> bool:
        """Whether anybody wants news."""
        return any(not watch.paused and not watch.done for watch in self.watches)

    def _receive(self, now: float, ahead: float) -> None:
        if self._listing is not None:
            try:
                over, answer = self._listing.advance()
            except FlareError as e:
                self._listing = None
                self._refused(e, now)
            except Exception:
                log.exception("the list of jobs could not be read")
                self._listing, self._due = None, now + _AFTER_MISTAKE
            else:
                if over and answer is not None:
                    took, self._listing, self._failures = self._listing.took, None, 0
                    self._entries = answer.value
                    self._learn(answer.now, ahead)
                    active = any(not job.ended for job in self.snapshot.jobs)
                    self._due = now + intervals.list_interval(active, took)
                    self._ask_details()
        if self._asking is not None:
            try:
                over, found = self._asking.advance()
            except Exception:  # who submitted a job is no reason to do without the list of them
                log.exception("what the server stores about the jobs could not be read")
                over, found = True, []
            if over:
                self._asking = None
                self._details |= {str(meta.get("job_id")): meta for meta in found or []}
                self._learn(self.snapshot.facts_at or time.time(), ahead)

    def _learn(self, at: float, ahead: float) -> None:
        before = {job.job_id: job for job in self.snapshot.jobs}
        self.snapshot = JobsSnapshot(read_list(self._entries, before, self._details, at, ahead), at)

    def _ask_details(self) -> None:
        """Have it asked who submitted the jobs that are new here."""
        there = {job.job_id for job in self.snapshot.jobs}
        self._details = {job_id: meta for job_id, meta in self._details.items() if job_id in there}
        new = [job.job_id for job in self.snapshot.jobs[:MOST_DETAILS] if job.job_id not in self._details]
        if new and self._asking is None:
            # What cannot be learned is not asked for again and again.
            self._details |= {job_id: {} for job_id in new}
            self._asking = Polling(self._session, _ask(new, len(there)), self.wake)
            self._asking.start()

    def _refused(self, error: FlareError, now: float) -> None:
        if isinstance(error, (AuthorizationError, SessionClosed)):
            self._say(f"{error}. Nobody watches these jobs any more")
            for watch in self.watches:
                watch.stop()
            return
        self._failures += 1
        self._due = now + min(2.0 ** min(self._failures - 1, 8), _MAX_BACKOFF)
        lost = isinstance(error, NoConnection)
        what = f"no connection to {self._session.kit.address}" if lost else str(error)
        self._say(f"{what}, trying again ({self._failures})")

    def _say(self, trouble: str) -> None:
        self.snapshot = dataclasses.replace(self.snapshot, trouble=trouble)


def _ask(new: Sequence[str], stored: int) -> Generator[list[Any], Sequence[Answer], list[dict[str, Any]]]:
    """What the server stores about some jobs, the newest: by a list of them, or one by one, as costs it less."""
    if intervals.use_list(len(new), stored):
        (answer,) = yield [commands.list_jobs(detailed=True, reverse=True, limit=len(new))]
        return [meta for meta in answer.value or [] if isinstance(meta, dict)]
    answers = yield [commands.get_job_meta(job_id) for job_id in new]
    return [answer.value for answer in answers if isinstance(answer.value, dict)]
