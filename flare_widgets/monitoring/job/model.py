"""Parts of a :class:`.JobSnapshot`: frozen, plain, comparable data. All times are seconds since the epoch.

Each part that can be received twice has a ``merge`` method, which combines both in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..results.evaluation import Evaluation
from ..results.files import ResultFile
from ..results.scalars import StepSeries
from ..results.statistics import Statistics

GROUPS = ("rounds", "metrics", "activity", "system", "failure")
"""Groups of updates that have an age of their own, apart from the status: see :class:`Freshness`."""


RANK_SELECTOR, RANK_GLOBAL, RANK_RECORD = 0, 1, 2
"""Trust in the source of a metric's value: the selector's log line, another line of the log, FLARE's record.

Other lines are those of the workflow's own average and of our component in the job.
"""

RANK_RECORDED, RANK_CONFIGURED = 0, 1
"""Trust in the source of an argument: the job's meta, where whoever made the job wrote it, or its configuration."""

SELECTOR_VALUE = "selector's value"
"""Name of the values by which the server selects the best model, while the metric's name and direction are unknown."""


@dataclass(frozen=True)
class StatusChange:
    """One status change of a job.

    Attributes
    ----------
    status
        The server's name for it: ``SUBMITTED``, ``DISPATCHED``, ``RUNNING``, ``FINISHED:COMPLETED``, ...
    at
        The time of the change, in seconds since the epoch.
    exact
        True if the server gave the time; False if `at` is the moment we first saw the status.
    """

    status: str
    at: float
    exact: bool


@dataclass(frozen=True)
class SiteDeployment:
    """Deployment of the job's app to one site (or the server).

    Attributes
    ----------
    name
        ``server`` or the site's name.
    state
        ``waiting`` (named in the job, no result yet), ``deployed`` or ``failed``.
    detail
        The server's message if it failed, else empty.
    """

    name: str
    state: str
    detail: str = ""

    def merge(self, other: SiteDeployment) -> SiteDeployment:
        """Return the further of two states."""
        order = ("waiting", "deployed", "failed")
        return max(self, other, key=lambda d: (order.index(d.state) if d.state in order else -1, d.detail))


@dataclass(frozen=True)
class Scheduling:
    """Attempts of the server to start the job, and the reason why the last one failed.

    Attributes
    ----------
    attempts
        The number of attempts.
    last_at
        The time of the last attempt; None if there was none.
    reason
        The server's reason why the job could not start, from the last attempt; empty if it started.
    """

    attempts: int = 0
    last_at: float | None = None
    reason: str = ""

    def merge(self, other: Scheduling) -> Scheduling:
        """Return the later of two records."""
        return max(self, other, key=lambda s: (s.attempts, s.last_at or 0.0, s.reason))


@dataclass(frozen=True)
class Workflow:
    """One of the workflows that a job runs, one after the other.

    Attributes
    ----------
    id
        Its id in the job's configuration: ``scatter_and_gather``, ``controller``, ...; empty if unknown.
    name
        The name of its class: ``ScatterAndGather``, ``FedAvg``, ...; empty if unknown.
    kind
        The kind of that class: ``swarm``, ``statistics``, ...; empty if unknown.
    is_self_directed
        True if the sites work without tasks from the server, which does not know what they do.
    untold
        Sentences about what FLARE does not tell of it.
    told_at_end
        Sentences about what FLARE tells of it at the end of the job only.
    position
        Its position in the configuration, from 0; None if unknown.
    first_round, total_rounds
        The values in the configuration; None if it has none, or if they are unknown.
    started_at, ended_at
        The times, as far as the server's log has them.
    """

    id: str
    name: str = ""
    kind: str = ""
    is_self_directed: bool = False
    untold: tuple[str, ...] = ()
    told_at_end: tuple[str, ...] = ()
    position: int | None = None
    first_round: int | None = None
    total_rounds: int | None = None
    started_at: float | None = None
    ended_at: float | None = None

    def merge(self, other: Workflow) -> Workflow:
        """Return the combined data of both."""
        return Workflow(
            self.id,
            max(self.name, other.name),
            max(self.kind, other.kind),
            self.is_self_directed or other.is_self_directed,
            max(self.untold, other.untold),
            max(self.told_at_end, other.told_at_end),
            _max_known(self.position, other.position),
            _max_known(self.first_round, other.first_round),
            _max_known(self.total_rounds, other.total_rounds),
            earliest(self.started_at, other.started_at),
            earliest(self.ended_at, other.ended_at),
        )


@dataclass(frozen=True)
class Round:
    """One round of a workflow, by the server's own number (FLARE counts from 0).

    Attributes
    ----------
    number
        The round's number.
    started_at, ended_at
        The times, as far as the server's log has them; not every workflow logs the end, see
        :meth:`.JobSnapshot.round_end`.
    workflow
        The workflow's id; empty if unknown.
    """

    number: int
    started_at: float | None = None
    ended_at: float | None = None
    workflow: str = ""

    def merge(self, other: Round) -> Round:
        """Return the combined data of both."""
        return Round(
            self.number,
            earliest(self.started_at, other.started_at),
            earliest(self.ended_at, other.ended_at),
            max(self.workflow, other.workflow),
        )


@dataclass(frozen=True)
class SiteTask:
    """Task of a site, mostly given to it by the server: one entry of the site × round matrix.

    Attributes
    ----------
    task_id
        FLARE's id of the task; one of our own where the sites work without tasks from the server.
    site, name
        The site, and the workflow's name for the task (``train``, ``validate``, ...).
    round
        The round it belongs to; None in workflows without rounds.
    sent_at, returned_at
        The times when the site got the task and when the server got the result; None if not (or if not observed).
    code
        FLARE's return code of the result: ``OK``, ``EXECUTION_EXCEPTION``, ...; empty until it is known.
    workflow
        The id of the workflow; empty if unknown.
    label
        The words for the site's work in it: ``training``, ``computing statistics``; empty if there are none.
    is_setup
        True if it only configures or starts the site.
    """

    task_id: str
    site: str
    name: str = ""
    round: int | None = None
    sent_at: float | None = None
    returned_at: float | None = None
    code: str = ""
    workflow: str = ""
    label: str = ""
    is_setup: bool = False

    @property
    def failed(self) -> bool:
        """True if the site returned an error code."""
        return self.code not in ("", "OK")

    def merge(self, other: SiteTask) -> SiteTask:
        """Return the combined data of both."""
        rounds = [r for r in (self.round, other.round) if r is not None]
        return SiteTask(
            self.task_id,
            max(self.site, other.site),
            max(self.name, other.name),
            min(rounds, default=None),
            earliest(self.sent_at, other.sent_at),
            earliest(self.returned_at, other.returned_at),
            # A failure outranks the OK of a less complete record.
            max(self.code, other.code, key=lambda code: (code not in ("", "OK"), code)),
            max(self.workflow, other.workflow),
            max(self.label, other.label),
            self.is_setup or other.is_setup,
        )


@dataclass(frozen=True)
class Point:
    """Metric value of one round.

    Attributes
    ----------
    round
        The round.
    value
        A finite number.
    rank
        The trust in the source: `RANK_SELECTOR`, `RANK_GLOBAL` or `RANK_RECORD`.
    """

    round: int
    value: float
    rank: int = 0

    def merge(self, other: Point) -> Point:
        """Return the more trusted one."""
        return max(self, other, key=lambda p: (p.rank, p.value))


@dataclass(frozen=True)
class Series:
    """Metric over the rounds of a workflow, of one site or aggregated.

    Attributes
    ----------
    name
        The metric's name.
    site
        The site; empty for the aggregate over all sites.
    points
        The points, by round.
    workflow
        The id of the workflow; empty if unknown.
    """

    name: str
    site: str
    points: tuple[Point, ...]
    workflow: str = ""


@dataclass(frozen=True)
class Argument:
    """Argument of the script that the sites run.

    Attributes
    ----------
    name, value
        Its name without dashes, and its value; safe to show.
    rank
        The trust in the source: `RANK_RECORDED` or `RANK_CONFIGURED`.
    """

    name: str
    value: str
    rank: int = RANK_RECORDED

    def merge(self, other: Argument) -> Argument:
        """Return the more trusted one."""
        return max(self, other, key=lambda a: (a.rank, a.value))


@dataclass(frozen=True)
class KeyMetric:
    """Metric by which the job selects its best model.

    Attributes
    ----------
    name
        The metric's name.
    mode
        ``max`` or ``min``: the better direction.
    """

    name: str
    mode: str = "max"


@dataclass(frozen=True)
class BestRound:
    """Best round so far, by the key metric; the fields are those of a :class:`Point` and its workflow's id."""

    round: int
    value: float
    rank: int = 0
    workflow: str = ""

    def merge(self, other: BestRound) -> BestRound:
        """Return the more trusted one; between equals the higher one: the selector maximizes."""
        return max(self, other, key=lambda b: (b.rank, b.value, b.round, b.workflow))


@dataclass(frozen=True, order=True)
class Event:
    """Noteworthy event in the job. The same one again is counted, not repeated.

    Attributes
    ----------
    at
        The time of the event, the first time.
    kind
        ``workflow``, ``warning`` or ``error``.
    text
        The description; hostile text: escape before showing.
    site
        The site it is about; ``server``, or empty for the job as a whole.
    count
        How many times it happened.
    last_at
        The time of the last one; None if it happened once.
    """

    at: float
    kind: str
    text: str
    site: str = ""
    count: int = 1
    last_at: float | None = None

    def merge(self, other: Event) -> Event:
        """Return the combined data of both."""
        return Event(
            min(self.at, other.at),
            self.kind,
            self.text,
            self.site,
            max(self.count, other.count),
            latest(self.last_at, other.last_at),
        )


@dataclass(frozen=True)
class Results:
    """Small data of a job's result, beyond its metrics by round; read at the job's end.

    Attributes
    ----------
    scalars
        TensorBoard's series, by step.
    evaluations
        Metrics of models on the data of sites.
    statistics
        Statistics of features.
    files
        The files of the server's run folder, the large ones too.
    """

    scalars: tuple[StepSeries, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    statistics: Statistics = field(default_factory=Statistics)
    files: tuple[ResultFile, ...] = ()

    @property
    def has_metrics(self) -> bool:
        """True if it has metrics, in any form."""
        return bool(self.scalars or self.evaluations)

    def merge(self, other: Results) -> Results:
        """Return the more complete one."""
        return max(self, other, key=lambda r: (len(r.scalars), len(r.evaluations), len(r.files), repr(r)))


@dataclass(frozen=True)
class SiteActivity:
    """Current activity of a site, as reported through the server.

    Attributes
    ----------
    site
        The site.
    tasks
        The tasks it is working on; empty when it is waiting.
    at
        The time of the report; None if there was none.
    last_seen
        The time of its last heartbeat at the server; sites send one every 10 s.
    """

    site: str
    tasks: tuple[str, ...] = ()
    at: float | None = None
    last_seen: float | None = None

    def merge(self, other: SiteActivity) -> SiteActivity:
        """Return the combined data of both."""
        newer = max(self, other, key=lambda a: (a.at or 0.0, a.tasks))
        return SiteActivity(self.site, newer.tasks, newer.at, latest(self.last_seen, other.last_seen))


@dataclass(frozen=True)
class LogPosition:
    """Read position in a log.

    Attributes
    ----------
    target, file
        The owner and the name of the log.
    offset
        Bytes read of everything ever written to it, including rotated files.
    """

    target: str
    file: str
    offset: int


@dataclass(frozen=True)
class Freshness:
    """Age of a group of updates, or the reason why it is missing.

    Attributes
    ----------
    group
        One of `GROUPS`.
    at
        The time of the last update (our clock); None if there was none.
    reason
        The error of the last failed poll; empty if none failed.
    missed_at
        The time of that failure.
    """

    group: str
    at: float | None = None
    reason: str = ""
    missed_at: float | None = None

    @property
    def missing_reason(self) -> str:
        """The reason why the group is missing or outdated; empty if it is up to date."""
        return self.reason if (self.missed_at or 0.0) > (self.at or 0.0) else ""

    def merge(self, other: Freshness) -> Freshness:
        """Return the combined data of both."""
        missed = max(self, other, key=lambda f: (f.missed_at or 0.0, f.reason))
        return Freshness(self.group, latest(self.at, other.at), missed.reason, missed.missed_at)


def _max_known(a: int | None, b: int | None) -> int | None:
    return max((n for n in (a, b) if n is not None), default=None)


def earliest(a: float | None, b: float | None) -> float | None:
    """Return the earlier of two times, ignoring None."""
    return min((t for t in (a, b) if t is not None), default=None)


def latest(a: float | None, b: float | None) -> float | None:
    """Return the later of two times, ignoring None."""
    return max((t for t in (a, b) if t is not None), default=None)
