"""Snapshot of a job at one moment: frozen, plain, comparable data.

A :class:`JobSnapshot` is all that a view or a callback needs. It is made by applying updates to the
previous snapshot (:func:`.apply_updates`). All times are seconds since the epoch (UTC).
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from statistics import median
from typing import Any

from ...api.models import is_terminal
from ..diagnosis import Failure
from .deserialize import deserialize
from .format import describe
from .model import (
    BestRound,
    Event,
    Freshness,
    KeyMetric,
    LogPosition,
    Round,
    Scheduling,
    Series,
    SiteActivity,
    SiteDeployment,
    SiteTask,
    StatusChange,
)

SCHEMA = 1
"""Version of the snapshot's JSON form; raised when a field changes its meaning (not when one is added)."""

ZOMBIE_AFTER = 20.0
"""Seconds that a job may be listed as RUNNING with no process on the server; starting and ending take up to 7."""

SCHEDULER_IDLE_AFTER_S = 30.0
"""Seconds without a scheduling attempt after which the scheduler is assumed dead; it checks once a second."""

SILENT_AFTER = 25.0
"""Seconds without a heartbeat after which a site counts as silent; sites send one every 10 s."""

_UNSCHEDULED = Scheduling()
_LATE_FACTOR = 3.0  # times the median duration of that kind of task
_MIN_LATE_S = 10.0  # seconds
_RECENT_ROUNDS = 5  # rounds from which the duration of the next ones is estimated


@dataclass(frozen=True)
class MatrixCell:
    """Cell of the site × round matrix.

    Attributes
    ----------
    state
        ``waiting`` (for its turn, or for others), ``working``, ``late`` (working for much longer than usual),
        ``submitted``, ``failed``, or ``unfinished`` (the job ended meanwhile).
    since
        The time when that state began; None if unknown.
    task
        The task's name.
    """

    state: str
    since: float | None = None
    task: str = ""


@dataclass(frozen=True)
class JobSnapshot:
    """Snapshot of everything known about a job.

    Attributes
    ----------
    job_id, name, study, submitter
        The server's values; empty if it sends none. Hostile text: escape before showing.
    status
        The server's name for the status; empty before the first answer.
    timeline
        The statuses passed so far, oldest first; the last one is the current one.
    sites
        The sites that the job is deployed to; ``server`` first. Empty if the job is for all sites and not yet deployed.
    duration
        The job's run time in seconds, once it has ended; None before that or if the server does not send it.
    facts_at
        The time of the server's last answer about this job (our clock); None before the first answer.
    trouble
        One sentence if the data may be stale or monitoring has stopped, else empty.
    scheduling
        The server's attempts to start the job, and the reason why it waits.
    workflow
        The kind of workflow (``FedAvg``, ...); empty if unknown.
    rounds
        The rounds started so far, by number.
    first_round, total_rounds
        The values in the job's configuration; None if it has none.
    tasks
        The tasks that the server gave to sites, in the order of round, site and time.
    metrics
        The metrics, by name and site; the aggregate first.
    key_metric, best
        The metric by which the job selects its best model, and the best round so far.
    events
        The events, oldest first; only the newest if there were many.
    activity
        The current activity of each site, as far as it was polled.
    logs
        The read positions in the logs.
    running_seen_at, absent_seen_at
        The times when the server last reported the job's process as running, and as not running (our clock).
    presence_since
        The time of the first such report.
    failure
        The diagnosis of a failed or stalled job, once there is one.
    freshness
        The age of each group of updates, and the reason if one is missing.
    seen
        The statuses of the timeline as they were received: their times may contradict each other.
    troubled_at
        The time of the last connection problem.
    """

    job_id: str
    name: str = ""
    study: str = ""
    submitter: str = ""
    status: str = ""
    timeline: tuple[StatusChange, ...] = ()
    sites: tuple[SiteDeployment, ...] = ()
    duration: float | None = None
    facts_at: float | None = None
    trouble: str = ""
    scheduling: Scheduling = _UNSCHEDULED
    workflow: str = ""
    rounds: tuple[Round, ...] = ()
    first_round: int | None = None
    total_rounds: int | None = None
    tasks: tuple[SiteTask, ...] = ()
    metrics: tuple[Series, ...] = ()
    key_metric: KeyMetric | None = None
    best: BestRound | None = None
    events: tuple[Event, ...] = ()
    activity: tuple[SiteActivity, ...] = ()
    logs: tuple[LogPosition, ...] = ()
    running_seen_at: float | None = None
    absent_seen_at: float | None = None
    presence_since: float | None = None
    failure: Failure | None = None
    freshness: tuple[Freshness, ...] = ()
    seen: tuple[StatusChange, ...] = ()
    troubled_at: float | None = None
    schema: int = SCHEMA

    # -- status and times -----------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """True if the job has reached a final status."""
        return is_terminal(self.status)

    @property
    def submitted_at(self) -> float | None:
        """The time when the job was submitted."""
        return self._time_of(lambda s: s == "SUBMITTED")

    @property
    def started_at(self) -> float | None:
        """The time when the job began to run."""
        return self._time_of(lambda s: s == "RUNNING")

    @property
    def ended_at(self) -> float | None:
        """The time when the job ended."""
        return self._time_of(is_terminal)

    def elapsed(self, now: float) -> float | None:
        """Return the seconds the job has been running at the time `now`; its duration once it has ended.

        None if it has not started, or if it ended without running.
        """
        if self.duration is not None:
            return self.duration
        if self.started_at is None:
            return None
        return max(0.0, (self.ended_at if self.ended_at is not None else now) - self.started_at)

    def age(self, now: float) -> float | None:
        """Return the seconds since the server last answered about this job, None before its first answer."""
        return None if self.facts_at is None else max(0.0, now - self.facts_at)

    @property
    def is_zombie(self) -> bool:
        """True if the server lists the job as RUNNING, but has had no process for it for `ZOMBIE_AFTER` seconds.

        That happens when the server was killed and restarted: such a job never ends.
        """
        if self.status != "RUNNING" or self.absent_seen_at is None:
            return False
        # If the first poll falls into the seconds in which a job ends, absence alone proves nothing.
        alive = max(self.running_seen_at or 0.0, self.started_at or 0.0, self.presence_since or 0.0)
        return self.absent_seen_at - alive > ZOMBIE_AFTER

    @property
    def silent_sites(self) -> tuple[str, ...]:
        """The sites that, at the last poll, had sent the server no heartbeat for `SILENT_AFTER` seconds."""
        asked = self.freshness_of("system").at
        if asked is None:
            return ()
        late = (a.site for a in self.activity if a.last_seen is not None and asked - a.last_seen > SILENT_AFTER)
        return tuple(site for site in late if site in self.participating_sites)

    def waiting_reason(self, now: float) -> str:
        """Return the server's reason why a submitted job has not started at the time `now`; empty if it has.

        A server whose scheduler has died answers as usual, but schedules no job: that is reported after
        `SCHEDULER_IDLE_AFTER_S` seconds.
        """
        if self.status != "SUBMITTED":
            return ""
        waiting = now - (self.submitted_at or now)
        if not self.scheduling.attempts and waiting > SCHEDULER_IDLE_AFTER_S:
            return f"the server's scheduler has not considered it for {waiting:.0f} s"
        return self.scheduling.reason

    def freshness_of(self, group: str) -> Freshness:
        """Return the age of a group of updates (one of `GROUPS`), and the reason if it is missing."""
        return next((f for f in self.freshness if f.group == group), Freshness(group))

    # -- rounds --------------------------------------------------------------------------------------------

    @property
    def round(self) -> int | None:
        """The number of the latest round, as FLARE counts (mostly from 0)."""
        return self.rounds[-1].number if self.rounds else None

    @property
    def rounds_begun(self) -> int:
        """The number of rounds started: the *k* in "round *k* of *n*" (`total_rounds`)."""
        if not self.rounds:
            return 0
        begin = self.rounds[0].number if self.first_round is None else self.first_round
        return max(self.rounds[-1].number - begin + 1, len(self.rounds))

    def round_end(self, number: int) -> float | None:
        """Return the end of a round: as logged, else the start of the next one or, for the last one, the job's end."""
        for index, this in enumerate(self.rounds):
            if this.number == number:
                if this.ended_at is not None:
                    return this.ended_at
                return self.rounds[index + 1].started_at if index + 1 < len(self.rounds) else self.ended_at
        return None

    def remaining(self, now: float) -> float | None:
        """Estimate the seconds that the remaining rounds will take, from the last ones; None if there is no basis."""
        if self.ended or self.total_rounds is None or not self.rounds:
            return None
        lasted = []
        for this in self.rounds[-_RECENT_ROUNDS - 1 :]:
            end = self.round_end(this.number)
            if end is not None and this.started_at is not None:
                lasted.append(end - this.started_at)
        if not lasted:
            return None
        typical = median(lasted)
        current = self.rounds[-1]
        left = typical * (self.total_rounds - self.rounds_begun)
        if current.ended_at is None and current.started_at is not None:
            left += max(0.0, typical - (now - current.started_at))
        return max(0.0, left)

    def matrix(self, now: float) -> dict[str, dict[int, MatrixCell]]:
        """Return the site × round matrix: by site, by round, the site's activity.

        If a site had several tasks in a round, the latest one counts. A site that had none in a round has
        no cell there; but in the current round of a running job it is waiting.
        """
        typical = self._typical_durations()
        rows: dict[str, dict[int, MatrixCell]] = {site: {} for site in self.participating_sites}
        newest: dict[tuple[str, int], SiteTask] = {}
        for task in self.tasks:
            if task.round is not None:
                before = newest.get((task.site, task.round))
                if before is None or (task.sent_at or 0.0) >= (before.sent_at or 0.0):
                    newest[task.site, task.round] = task
        for (site, number), task in newest.items():
            rows.setdefault(site, {})[number] = self._matrix_cell(task, now, typical)
        if self.round is not None and not self.ended:
            for row in rows.values():
                row.setdefault(self.round, MatrixCell("waiting", self.rounds[-1].started_at))
        return rows

    @property
    def participating_sites(self) -> tuple[str, ...]:
        """The names of the sites (without the server) that the job was deployed to or that had a task, sorted."""
        deployed = {s.name for s in self.sites if s.name != "server"}
        return tuple(sorted(deployed | {t.site for t in self.tasks}))

    def series(self, name: str, site: str = "") -> Series | None:
        """Return a metric of a site, or the aggregate."""
        return next((s for s in self.metrics if (s.name, s.site) == (name, site)), None)

    # -- as data -------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able data with `ended` added; :meth:`from_json` reads it back."""
        return {**dataclasses.asdict(self), "ended": self.ended}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobSnapshot:
        """Create a snapshot from the output of :meth:`to_json`.

        Raises
        ------
        ValueError
            The data was written by a version whose fields have another meaning, or is not a snapshot.
        """
        if not isinstance(data, dict):
            raise ValueError(f"a snapshot is a map, not {type(data).__name__}")
        if data.get("schema") != SCHEMA:
            raise ValueError(f"a snapshot of schema {data.get('schema')!r} cannot be read, only {SCHEMA}")
        return typing.cast(JobSnapshot, deserialize(cls, data))

    def __str__(self) -> str:
        return describe(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the snapshot as readable text, not field by field, when a cell returns it."""
        from .summary import summarize  # which imports this module

        printer.text(str(self) if cycle or not self.ended else summarize(self))

    def _time_of(self, matches: Any) -> float | None:
        return next((s.at for s in self.timeline if matches(s.status)), None)

    def _typical_durations(self) -> dict[str, float]:
        """Return the median duration in seconds of each kind of task."""
        took: dict[str, list[float]] = {}
        for task in self.tasks:
            if task.sent_at is not None and task.returned_at is not None and not task.failed:
                took.setdefault(task.name, []).append(task.returned_at - task.sent_at)
        return {name: median(times[-100:]) for name, times in took.items()}

    def _matrix_cell(self, task: SiteTask, now: float, typical: dict[str, float]) -> MatrixCell:
        if task.failed or (self.failure is not None and self.failure.site == task.site and task.returned_at is None):
            return MatrixCell("failed", last_activity_at(task), task.name)
        if task.returned_at is not None:
            return MatrixCell("submitted", task.returned_at, task.name)
        if self.ended:
            return MatrixCell("unfinished", task.sent_at, task.name)
        if task.sent_at is None:
            return MatrixCell("waiting", None, task.name)
        usual = typical.get(task.name)
        late = usual is not None and now - task.sent_at > max(_LATE_FACTOR * usual, usual + _MIN_LATE_S)
        return MatrixCell("late" if late else "working", task.sent_at, task.name)


def last_activity_at(task: SiteTask) -> float | None:
    """Return the time of a task's last change."""
    return task.returned_at if task.returned_at is not None else task.sent_at
