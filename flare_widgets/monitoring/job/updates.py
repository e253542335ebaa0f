"""What a source can say about a job: small frozen facts, each of which stands for itself.

A fact names what it is about (the round, the site, the task), so that it may arrive late, twice or out of order.
``now`` and ``at`` are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..diagnosis import Failure
from .model import Best, Event, KeyMetric, Point, Round, SiteActivity, SiteTask


@dataclass(frozen=True)
class Meta:
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
    now: float
    ahead: float = 0.0


@dataclass(frozen=True)
class Status:
    """What a list of jobs says of one: only its status, and when (our clock)."""

    status: str
    now: float


@dataclass(frozen=True)
class Workflow:
    """What the job's configuration or its server's log says about how it works; None for what it does not say."""

    name: str = ""
    first_round: int | None = None
    total_rounds: int | None = None
    key_metric: KeyMetric | None = None


@dataclass(frozen=True)
class Measured:
    """A metric's value, of a site, or of all together when `site` is empty."""

    name: str
    site: str
    point: Point


@dataclass(frozen=True)
class LogRead:
    """A log was read up to `offset` bytes."""

    target: str
    file: str
    offset: int


@dataclass(frozen=True)
class ServerRuns:
    """Whether the server runs the job's process, and when it said so (our clock)."""

    running: bool
    now: float


@dataclass(frozen=True)
class Learned:
    """A group of facts is as of now (our clock)."""

    group: str
    now: float


@dataclass(frozen=True)
class Missed:
    """A group of facts could not be had, why, and when (our clock)."""

    group: str
    reason: str
    now: float


@dataclass(frozen=True)
class Trouble:
    """The server does not answer, and since when (our clock); a later answer ends it."""

    words: str
    now: float


@dataclass(frozen=True)
class Failed:
    """Why the job ended badly or does not come along; None that nothing is the matter; and since when (our clock)."""

    failure: Failure | None
    now: float


Fact = (
    Meta
    | Status
    | Workflow
    | Round
    | SiteTask
    | Measured
    | Best
    | Event
    | SiteActivity
    | LogRead
    | ServerRuns
    | Learned
    | Missed
    | Trouble
    | Failed
)
"""Anything that can be folded into a snapshot."""
