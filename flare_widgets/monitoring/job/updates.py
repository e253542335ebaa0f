"""What a source can say about a job: small frozen facts, each of which stands for itself.

A fact names what it is about (the round, the site, the task), so that it may arrive late, twice or out of order.
``now`` and ``at`` are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..diagnosis import Failure
from .model import BestRound, Event, KeyMetric, Point, Round, SiteActivity, SiteTask


@dataclass(frozen=True)
class JobMeta:
    """The server's answer to ``get_job_meta``.

    Attributes
    ----------
    meta
        The answer, of any shape.
    now
        When it came (our clock).
    ahead
        Seconds by which the server's clock, whose times are in the answer, is ahead of ours.
    """

    meta: dict[str, Any] = field(hash=False)
    received_at: float
    clock_offset: float = 0.0


@dataclass(frozen=True)
class ListedStatus:
    """What a list of jobs says of one: only its status, and when (our clock)."""

    status: str
    received_at: float


@dataclass(frozen=True)
class Workflow:
    """What the job's configuration or its server's log says about how it works; None for what it does not say."""

    name: str = ""
    first_round: int | None = None
    total_rounds: int | None = None
    key_metric: KeyMetric | None = None


@dataclass(frozen=True)
class MetricValue:
    """A metric's value, of a site, or of all together when `site` is empty."""

    name: str
    site: str
    point: Point


@dataclass(frozen=True)
class LogOffset:
    """A log was read up to `offset` bytes."""

    target: str
    file: str
    offset: int


@dataclass(frozen=True)
class ProcessPresence:
    """Whether the server runs the job's process, and when it said so (our clock)."""

    running: bool
    received_at: float


@dataclass(frozen=True)
class GroupRefreshed:
    """A group of facts is as of now (our clock)."""

    group: str
    at: float


@dataclass(frozen=True)
class GroupUnavailable:
    """A group of facts could not be had, why, and when (our clock)."""

    group: str
    reason: str
    at: float


@dataclass(frozen=True)
class ConnectionProblem:
    """The server does not answer, and since when (our clock); a later answer ends it."""

    message: str
    at: float


@dataclass(frozen=True)
class Diagnosed:
    """Why the job ended badly or does not come along; None that nothing is the matter; and since when (our clock)."""

    failure: Failure | None
    at: float


Update = (
    JobMeta
    | ListedStatus
    | Workflow
    | Round
    | SiteTask
    | MetricValue
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
"""Anything that can be folded into a snapshot."""
