"""Updates of a job from all sources: small, frozen, self-contained.

An update names its subject (the round, the site, the task), so that it may arrive late, twice or out of order.
``received_at`` and ``at`` are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..diagnosis.model import Failure
from ..results.scalars import StepPoint
from .model import Argument, BestRound, Event, KeyMetric, Point, Results, Round, SiteActivity, SiteTask, Workflow

NOT_MONITORED = "not monitored"
"""Label of a problem of the monitor, not of the connection."""


@dataclass(frozen=True)
class JobMeta:
    """Answer of the server to ``get_job_meta``.

    Attributes
    ----------
    meta
        The answer, of any shape.
    received_at
        The time when it was received (our clock).
    clock_offset
        Seconds by which the server's clock, used in the answer, is ahead of ours.
    """

    meta: dict[str, Any] = field(hash=False)
    received_at: float
    clock_offset: float = 0.0


@dataclass(frozen=True)
class ListedStatus:
    """Status of a job in a list of jobs, and the time when it was received (our clock)."""

    status: str
    received_at: float


@dataclass(frozen=True)
class MetricValue:
    """Value of a metric, of a site, or of the aggregate if `site` is empty; `workflow` is the workflow's id.

    If the name is `.SELECTOR_VALUE` it is the key metric, with its sign turned if lower is better: the selector
    maximizes.
    """

    name: str
    site: str
    point: Point
    workflow: str = ""


@dataclass(frozen=True)
class ScalarValue:
    """Value of a metric of a site at a step, sent while the job runs."""

    name: str
    site: str
    point: StepPoint


@dataclass(frozen=True)
class LiveMetricsFound:
    """Presence of our component in the job, which logs all metrics of each round while the job runs."""


@dataclass(frozen=True)
class PackingStarted:
    """End of the job's work, and its time: from then on the server only packs up the results."""

    at: float


@dataclass(frozen=True)
class LogOffset:
    """Read position of a log: `offset` bytes."""

    target: str
    file: str
    offset: int


@dataclass(frozen=True)
class ProcessPresence:
    """Presence of the job's process on the server, the time of that report, and of the server's start (our clock)."""

    running: bool
    received_at: float
    server_started_at: float | None = None


@dataclass(frozen=True)
class GroupRefreshed:
    """Time at which a group of updates was last complete (our clock)."""

    group: str
    at: float


@dataclass(frozen=True)
class GroupUnavailable:
    """Failure to get a group of updates: the reason, and the time (our clock)."""

    group: str
    reason: str
    at: float


@dataclass(frozen=True)
class ConnectionProblem:
    """Lack of an answer from the server, and its time (our clock); a later answer ends it.

    Attributes
    ----------
    message
        The problem in a sentence.
    at
        The time.
    label
        The same in two words: ``reconnecting (4)``, ``no answer``.
    """

    message: str
    at: float
    label: str = ""


@dataclass(frozen=True)
class Diagnosed:
    """Diagnosis of a failed or stalled job, and its time (our clock); None if nothing is wrong."""

    failure: Failure | None
    at: float


Update = (
    JobMeta
    | ListedStatus
    | Argument
    | Workflow
    | KeyMetric
    | Round
    | SiteTask
    | MetricValue
    | ScalarValue
    | LiveMetricsFound
    | PackingStarted
    | Results
    | BestRound
    | Event
    | SiteActivity
    | LogOffset
    | ProcessPresence
    | GroupRefreshed
    | GroupUnavailable
    | ConnectionProblem
    | Diagnosed
)
"""Any update that can be applied to a snapshot."""
