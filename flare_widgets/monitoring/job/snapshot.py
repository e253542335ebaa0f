"""What is known about a job at one moment: frozen, plain, comparable data.

A :class:`JobSnapshot` is the only thing a view draws and a callback needs. It is made by folding facts into the
snapshot before it (:func:`.fold`). All times are seconds since the epoch (UTC).
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from statistics import median
from typing import Any

from ...api.models import is_terminal
from ..diagnosis import Failure
from .deserialize import loaded
from .format import describe
from .model import (
    Best,
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
"""Seconds that a job may be called RUNNING while the server runs no such job; starting and ending take up to 7."""

UNLOOKED = 30.0
"""Seconds after which a scheduler that has not tried to start a job is in trouble; it looks once a second."""

SILENT_AFTER = 25.0
"""Seconds after which a site that was not heard of is said to be silent; sites report every 10 s."""

_UNSCHEDULED = Scheduling()
_LATE = 3.0  # times the median of what a task took before
_LATE_AT_LEAST = 10.0  # seconds
_RECENT = 5  # rounds from which the time of the next ones is estimated


@dataclass(frozen=True)
class Cell:
    """A field of the site × round matrix.

    Attributes
    ----------
    state
        ``waiting`` (for its turn, or for others), ``working``, ``late`` (working for much longer than others did),
        ``submitted``, ``failed``, or ``unfinished`` (the job ended meanwhile).
    since
        When that began; None when it is not known.
    task
        The task's name.
    """

    state: str
    since: float | None = None
    task: str = ""


@dataclass(frozen=True)
class JobSnapshot:
    """What is known about a job.

    Attributes
    ----------
    job_id, name, study, submitter
        As the server has them; empty when it does not say. Hostile text: escape before showing.
    status
        The server's word; empty before the first answer.
    timeline
        The statuses passed so far, oldest first; the last one is the current one.
    sites
        Where the job goes; ``server`` first. Empty when the job is for all sites and not yet deployed.
    duration
        Seconds the job ran, once it has ended; None before that or when the server does not say.
    facts_at
        When the server last answered about this job (our clock); None before the first answer.
    trouble
        One sentence when the facts may be stale or nobody watches any more, else empty.
    scheduling
        How often the server tried to start it, and why it waits.
    workflow
        The kind of workflow (``FedAvg``, ...); empty when not known.
    rounds
        The rounds begun so far, by number.
    first_round, total_rounds
        What the job's configuration says; None when it does not.
    tasks
        What the server gave to sites, in the order of round, site and time.
    metrics
        By name and site; of the aggregate first.
    key_metric, best
        By what the job chooses its best model, and in which round that was.
    events
        What happened, oldest first; the newest of them when there were many.
    activity
        What each site does now, as far as asked.
    logs
        How far logs have been read.
    running_seen_at, absent_seen_at
        When the server was last known to run the job's process, and last known not to (our clock).
    presence_since
        When that was first asked.
    failure
        Why it ended badly, once that was found out.
    freshness
        How old each group of facts is, and why one is missing.
    seen
        The statuses of the timeline as they were learned: their times may contradict each other.
    troubled_at
        When the server last did not answer.
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
    best: Best | None = None
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

    # -- the job's life ------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the job has reached a status it will not leave."""
        return is_terminal(self.status)

    @property
    def submitted_at(self) -> float | None:
        """When the job was submitted."""
        return self._when(lambda s: s == "SUBMITTED")

    @property
    def started_at(self) -> float | None:
        """When the job began to run."""
        return self._when(lambda s: s == "RUNNING")

    @property
    def ended_at(self) -> float | None:
        """When the job ended."""
        return self._when(is_terminal)

    def elapsed(self, now: float) -> float | None:
        """Seconds the job has been running at the time `now`; its duration once it has ended.

        None while it has not started, or when it ended without running.
        """
        if self.duration is not None:
            return self.duration
        if self.started_at is None:
            return None
        return max(0.0, (self.ended_at if self.ended_at is not None else now) - self.started_at)

    def age(self, now: float) -> float | None:
        """Seconds since the server last answered about this job, None before its first answer."""
        return None if self.facts_at is None else max(0.0, now - self.facts_at)

    @property
    def zombie(self) -> bool:
        """Whether the server calls the job RUNNING, but has been running no such job for `ZOMBIE_AFTER` seconds.

        That happens when the server was killed and started again: such a job never ends.
        """
        if self.status != "RUNNING" or self.absent_seen_at is None:
            return False
        # Who has just begun to look may do so in the seconds in which a job ends: that alone is no sign.
        alive = max(self.running_seen_at or 0.0, self.started_at or 0.0, self.presence_since or 0.0)
        return self.absent_seen_at - alive > ZOMBIE_AFTER

    @property
    def silent_sites(self) -> tuple[str, ...]:
        """The sites that the server, when it was last asked, had not heard of for `SILENT_AFTER` seconds."""
        asked = self.fresh("system").at
        if asked is None:
            return ()
        late = (a.site for a in self.activity if a.last_seen is not None and asked - a.last_seen > SILENT_AFTER)
        return tuple(site for site in late if site in self.working_sites)

    def waits_for(self, now: float) -> str:
        """Return why a submitted job has not started at the time `now`, in the server's words; empty if it has.

        A server whose scheduler has died answers as ever, but looks at no job: that is said after `UNLOOKED` seconds.
        """
        if self.status != "SUBMITTED":
            return ""
        waiting = now - (self.submitted_at or now)
        if not self.scheduling.attempts and waiting > UNLOOKED:
            return f"the server's scheduler has not looked at it for {waiting:.0f} s"
        return self.scheduling.reason

    def fresh(self, group: str) -> Freshness:
        """Return how old a group of facts is (one of `GROUPS`), and why it is missing."""
        return next((f for f in self.freshness if f.group == group), Freshness(group))

    # -- rounds --------------------------------------------------------------------------------------------

    @property
    def round(self) -> int | None:
        """The number of the round begun last, by FLARE's own counting (mostly from 0)."""
        return self.rounds[-1].number if self.rounds else None

    @property
    def rounds_begun(self) -> int:
        """How many rounds have begun: the *k* in "round *k* of *n*" (`total_rounds`)."""
        if not self.rounds:
            return 0
        begin = self.rounds[0].number if self.first_round is None else self.first_round
        return max(self.rounds[-1].number - begin + 1, len(self.rounds))

    def round_end(self, number: int) -> float | None:
        """Return when a round ended: as logged, else when the next one or, for the last one, the job ended."""
        for index, this in enumerate(self.rounds):
            if this.number == number:
                if this.ended_at is not None:
                    return this.ended_at
                return self.rounds[index + 1].started_at if index + 1 < len(self.rounds) else self.ended_at
        return None

    def remaining(self, now: float) -> float | None:
        """Estimate how many seconds the rounds to come will take, from the last ones; None when nothing tells."""
        if self.ended or self.total_rounds is None or not self.rounds:
            return None
        lasted = []
        for this in self.rounds[-_RECENT - 1 :]:
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

    def matrix(self, now: float) -> dict[str, dict[int, Cell]]:
        """Return the site × round matrix: by site, by round, what the site did there.

        Where a site had several tasks in a round, the one it got last counts. A site that had none in a round has
        no cell there; but in the current round of a running job it is waiting.
        """
        typical = self._typical()
        rows: dict[str, dict[int, Cell]] = {site: {} for site in self.working_sites}
        newest: dict[tuple[str, int], SiteTask] = {}
        for task in self.tasks:
            if task.round is not None:
                before = newest.get((task.site, task.round))
                if before is None or (task.sent_at or 0.0) >= (before.sent_at or 0.0):
                    newest[task.site, task.round] = task
        for (site, number), task in newest.items():
            rows.setdefault(site, {})[number] = self._cell(task, now, typical)
        if self.round is not None and not self.ended:
            for row in rows.values():
                row.setdefault(self.round, Cell("waiting", self.rounds[-1].started_at))
        return rows

    @property
    def working_sites(self) -> tuple[str, ...]:
        """The names of the sites (not the server) that the job went to or that had a task, sorted."""
        deployed = {s.name for s in self.sites if s.name != "server"}
        return tuple(sorted(deployed | {t.site for t in self.tasks}))

    def series(self, name: str, site: str = "") -> Series | None:
        """Return a metric of a site, or of all together."""
        return next((s for s in self.metrics if (s.name, s.site) == (name, site)), None)

    # -- as data -------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data with `ended` added; :meth:`from_json` reads it back."""
        return {**dataclasses.asdict(self), "ended": self.ended}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobSnapshot:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            When the data was written by a version whose fields mean something else, or is no snapshot at all.
        """
        if not isinstance(data, dict):
            raise ValueError(f"a snapshot is a map, not {type(data).__name__}")
        if data.get("schema") != SCHEMA:
            raise ValueError(f"a snapshot of schema {data.get('schema')!r} cannot be read, only {SCHEMA}")
        return typing.cast(JobSnapshot, loaded(cls, data))

    def __str__(self) -> str:
        return describe(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show it, as what a cell returns, as a person would tell it: not field by field."""
        from .summary import summary  # which imports this module

        printer.text(str(self) if cycle or not self.ended else summary(self))

    def _when(self, wanted: Any) -> float | None:
        return next((s.at for s in self.timeline if wanted(s.status)), None)

    def _typical(self) -> dict[str, float]:
        """How many seconds each kind of task took, in the middle."""
        took: dict[str, list[float]] = {}
        for task in self.tasks:
            if task.sent_at is not None and task.returned_at is not None and not task.failed:
                took.setdefault(task.name, []).append(task.returned_at - task.sent_at)
        return {name: median(times[-100:]) for name, times in took.items()}

    def _cell(self, task: SiteTask, now: float, typical: dict[str, float]) -> Cell:
        if task.failed or (self.failure is not None and self.failure.site == task.site and task.returned_at is None):
            return Cell("failed", last_of(task), task.name)
        if task.returned_at is not None:
            return Cell("submitted", task.returned_at, task.name)
        if self.ended:
            return Cell("unfinished", task.sent_at, task.name)
        if task.sent_at is None:
            return Cell("waiting", None, task.name)
        usual = typical.get(task.name)
        late = usual is not None and now - task.sent_at > max(_LATE * usual, usual + _LATE_AT_LEAST)
        return Cell("late" if late else "working", task.sent_at, task.name)


def last_of(task: SiteTask) -> float | None:
    """Return when a task was last heard of."""
    return task.returned_at if task.returned_at is not None else task.sent_at
