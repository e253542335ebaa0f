"""State of a job at one moment: the fields of a snapshot, and the questions it answers. No text for people.

All times are seconds since the epoch (UTC).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from ...api.job_status import JobStatus, has_ended
from ..diagnosis import Failure
from .model import (
    BestRound,
    Event,
    Freshness,
    KeyMetric,
    LogPosition,
    Point,
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
_TYPICAL_TASK_ROUNDS = 10  # recent rounds from which the usual duration of a task is taken
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
class JobState:
    """Everything known about a job at one moment.

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
        return has_ended(self.status)

    @property
    def submitted_at(self) -> float | None:
        """The time when the job was submitted."""
        return self._time_of(lambda s: s == JobStatus.SUBMITTED)

    @property
    def started_at(self) -> float | None:
        """The time when the job began to run."""
        return self._time_of(lambda s: s == JobStatus.RUNNING)

    @property
    def ended_at(self) -> float | None:
        """The time when the job ended."""
        return self._time_of(has_ended)

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

    def as_of(self, now: float) -> float:
        """Return the time that the state is for: `now`, or the server's last answer if it does not answer now."""
        return self.facts_at if self.trouble and self.facts_at is not None else now

    @property
    def is_zombie(self) -> bool:
        """True if the server lists the job as RUNNING, but has had no process for it for `ZOMBIE_AFTER` seconds.

        That happens when the server was killed and restarted: such a job never ends.
        """
        if self.status != JobStatus.RUNNING or self.absent_seen_at is None:
            return False
        # If the first poll falls into the seconds in which a job ends, absence alone proves nothing.
        alive = max(self.running_seen_at or 0.0, self.started_at or 0.0, self.presence_since or 0.0)
        return self.absent_seen_at - alive > ZOMBIE_AFTER

    @property
    def silence_by_site(self) -> dict[str, float]:
        """The sites that had sent the server no heartbeat for `SILENT_AFTER` seconds, and for how many.

        As of the last poll. Empty if the job is not running.
        """
        asked = self.freshness_of("system").at
        if asked is None or self.status != JobStatus.RUNNING:
            return {}
        here = set(self.participating_sites)
        ages = {a.site: asked - a.last_seen for a in self.activity if a.site in here and a.last_seen is not None}
        return {site: age for site, age in ages.items() if age > SILENT_AFTER}

    @property
    def silent_sites(self) -> tuple[str, ...]:
        """The sites of `silence_by_site`."""
        return tuple(self.silence_by_site)

    def is_scheduler_idle(self, now: float) -> bool:
        """Return whether the server has not tried to start a submitted job for `SCHEDULER_IDLE_AFTER_S` seconds.

        A server whose scheduler has died answers as usual, but schedules no job.
        """
        if self.status != JobStatus.SUBMITTED or self.scheduling.attempts or self.submitted_at is None:
            return False
        return now - self.submitted_at > SCHEDULER_IDLE_AFTER_S

    def waiting_reason(self, now: float) -> str:
        """Return the reason why a submitted job has not started at the time `now`; empty if it has."""
        if self.status != JobStatus.SUBMITTED:
            return ""
        if self.is_scheduler_idle(now):
            return f"the server's scheduler has not considered it for {now - (self.submitted_at or now):.0f} s"
        return self.scheduling.reason

    def freshness_of(self, group: str) -> Freshness:
        """Return the age of a group of updates (one of `GROUPS`), and the reason if it is missing."""
        return next((f for f in self.freshness if f.group == group), Freshness(group))

    @property
    def missing_groups(self) -> tuple[Freshness, ...]:
        """The groups of updates that are missing, and would tell something that is not known otherwise."""
        return tuple(f for f in self.freshness if f.missing_reason and self._is_missed(f.group))

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

    def nth_round(self, number: int) -> int:
        """Return the ordinal of a round, counted from 1 as in "round 6/10"; FLARE itself mostly counts from 0."""
        begin = self.first_round
        if begin is None:
            begin = self.rounds[0].number if self.rounds else 0
        return number - begin + 1

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

    def site_states(self, now: float) -> dict[str, MatrixCell]:
        """Return the current state of each site.

        As in the matrix, or ``waiting``, ``deployed`` or ``failed`` as it was deployed, or ``silent``.
        """
        states = {s.name: MatrixCell(s.state) for s in self.sites if s.name != "server" or s.state == "failed"}
        if self.status == JobStatus.SUBMITTED:
            return {site: cell for site, cell in states.items() if cell.state != "waiting"}
        for activity in self.activity:
            if activity.site != "server" and activity.at is not None:
                states[activity.site] = MatrixCell("working" if activity.tasks else "waiting")
        for task in self.tasks:
            if task.round is None:
                returned = "waiting" if task.returned_at is not None else "working"
                states[task.site] = MatrixCell("failed" if task.failed else returned)
        # The last rounds show the usual duration of a task; a long job has had a great many tasks.
        since = (self.round or 0) - _TYPICAL_TASK_ROUNDS
        recent = tuple(task for task in self.tasks if task.round is not None and task.round >= since)
        for site, row in dataclasses.replace(self, tasks=recent).matrix(now).items():
            if self.round is not None and self.round in row:
                states[site] = row[self.round]
        for site in self.silent_sites:
            if site not in states or states[site].state != "failed":
                states[site] = MatrixCell("silent")
        return states

    @property
    def participating_sites(self) -> tuple[str, ...]:
        """The names of the sites (without the server) that the job was deployed to or that had a task, sorted."""
        deployed = {s.name for s in self.sites if s.name != "server"}
        return tuple(sorted(deployed | {t.site for t in self.tasks}))

    def series(self, name: str, site: str = "") -> Series | None:
        """Return a metric of a site, or the aggregate."""
        return next((s for s in self.metrics if (s.name, s.site) == (name, site)), None)

    @property
    def headline_metric(self) -> str | None:
        """The name of the job's main metric: the key metric if it has an aggregate, else the first one that has."""
        names = [series.name for series in self.metrics if not series.site and series.points]
        key = self.key_metric.name if self.key_metric is not None else None
        return key if key in names else next(iter(names), None)

    @property
    def newest_points(self) -> dict[str, dict[str, Point]]:
        """The newest points by the site's name (empty for the aggregate) and the metric's."""
        found: dict[str, dict[str, Point]] = {}
        for series in self.metrics:
            if series.points:
                found.setdefault(series.site, {})[series.name] = series.points[-1]
        return found

    def _is_missed(self, group: str) -> bool:
        if group == "failure":
            return self.failure is None
        if not self.ended:
            return True
        if group == "metrics":
            return bool(self.rounds) and not self.metrics  # a job that reached no round has none
        return group == "rounds" and not self.rounds  # the others are of no use now

    def _time_of(self, matches: Callable[[str], bool]) -> float | None:
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
