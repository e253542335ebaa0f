"""The parts of a :class:`.JobSnapshot`: frozen, plain, comparable data. All times are seconds since the epoch.

Each part that can be learned twice has a ``merged`` method: what is known after both, whichever came first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

GROUPS = ("rounds", "metrics", "activity", "system", "failure")
"""The groups of facts that have an age of their own, beside the status: see :class:`Freshness`."""


RANK_GLOBAL, RANK_RECORD = 1, 2
"""How far a metric's value is to be believed: the selector's mean, the workflow's own average, FLARE's record."""


@dataclass(frozen=True)
class StatusChange:
    """One step of a job's life.

    Attributes
    ----------
    status
        The server's word: ``SUBMITTED``, ``DISPATCHED``, ``RUNNING``, ``FINISHED:COMPLETED``, ...
    at
        When it came about, in seconds since the epoch.
    exact
        True when the server said when; False when `at` is the moment we first saw it.
    """

    status: str
    at: float
    exact: bool


@dataclass(frozen=True)
class SiteDeployment:
    """How the deployment of the job's app to one site (or the server) went.

    Attributes
    ----------
    name
        ``server`` or the site's name.
    state
        ``waiting`` (named in the job, nothing known yet), ``deployed`` or ``failed``.
    detail
        The server's words when it failed, else empty.
    """

    name: str
    state: str
    detail: str = ""

    def merged(self, other: SiteDeployment) -> SiteDeployment:
        """Return what both know."""
        order = ("waiting", "deployed", "failed")
        return max(self, other, key=lambda d: (order.index(d.state) if d.state in order else -1, d.detail))


@dataclass(frozen=True)
class Scheduling:
    """How often the server tried to start the job, and why it still waited after the last attempt.

    Attributes
    ----------
    attempts
        How often it tried.
    last_at
        When it last did; None when it has not.
    reason
        Its words for why the job could not start, from the last attempt; empty when it started.
    """

    attempts: int = 0
    last_at: float | None = None
    reason: str = ""

    def merged(self, other: Scheduling) -> Scheduling:
        """Return what is known from the later attempt."""
        return max(self, other, key=lambda s: (s.attempts, s.last_at or 0.0, s.reason))


@dataclass(frozen=True)
class Round:
    """One round, by the server's own number (FLARE counts from 0).

    Attributes
    ----------
    number
        Its number.
    started_at, ended_at
        When it did, as far as the server's log says; not every workflow logs the end, see
        :meth:`.JobSnapshot.round_end`.
    """

    number: int
    started_at: float | None = None
    ended_at: float | None = None

    def merged(self, other: Round) -> Round:
        """Return what both know."""
        return Round(self.number, first(self.started_at, other.started_at), first(self.ended_at, other.ended_at))


@dataclass(frozen=True)
class SiteTask:
    """A task that the server gave to a site: a cell of the site × round matrix.

    Attributes
    ----------
    task_id
        FLARE's id of it.
    site, name
        Who has it, and what the workflow calls it (``train``, ``validate``, ...).
    round
        The round it belongs to; None in workflows that have none.
    sent_at, returned_at
        When the site got it, and when the server got the result; None when it has not (or nobody saw it).
    code
        FLARE's return code of the result: ``OK``, ``EXECUTION_EXCEPTION``, ...; empty while it is not known.
    """

    task_id: str
    site: str
    name: str = ""
    round: int | None = None
    sent_at: float | None = None
    returned_at: float | None = None
    code: str = ""

    @property
    def failed(self) -> bool:
        """Whether the site could not do it."""
        return self.code not in ("", "OK")

    def merged(self, other: SiteTask) -> SiteTask:
        """Return what both know."""
        rounds = [r for r in (self.round, other.round) if r is not None]
        return SiteTask(
            self.task_id,
            max(self.site, other.site),
            max(self.name, other.name),
            min(rounds, default=None),
            first(self.sent_at, other.sent_at),
            first(self.returned_at, other.returned_at),
            # A failure outweighs the OK of a record that knew less.
            max(self.code, other.code, key=lambda code: (code not in ("", "OK"), code)),
        )


@dataclass(frozen=True)
class Point:
    """A metric's value in one round.

    Attributes
    ----------
    round
        The round.
    value
        A finite number.
    rank
        How far the source is to be believed: 0 for a line of the log about one metric, 1 for one that has the average
        of all (`RANK_GLOBAL`), 2 for the record that FLARE keeps of metrics (`RANK_RECORD`).
    """

    round: int
    value: float
    rank: int = 0

    def merged(self, other: Point) -> Point:
        """Return the one to be believed."""
        return max(self, other, key=lambda p: (p.rank, p.value))


@dataclass(frozen=True)
class Series:
    """A metric over the rounds, of one site or of all together.

    Attributes
    ----------
    name
        The metric's name.
    site
        Whose; empty for the aggregate over all sites.
    points
        By round.
    """

    name: str
    site: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class KeyMetric:
    """The metric by which the job chooses its best model.

    Attributes
    ----------
    name
        Its name.
    mode
        ``max`` or ``min``: what is better.
    """

    name: str
    mode: str = "max"


@dataclass(frozen=True)
class Best:
    """The best round so far, by the key metric."""

    round: int
    value: float
    rank: int = 0

    def merged(self, other: Best) -> Best:
        """Return the one to be believed: a later best one is better, or it would be none."""
        return max(self, other, key=lambda b: (b.rank, b.round, b.value))


@dataclass(frozen=True, order=True)
class Event:
    """Something that happened in the job and is worth a line.

    Attributes
    ----------
    at
        When.
    kind
        ``workflow``, ``round``, ``site``, ``metric``, ``warning`` or ``error``.
    text
        What, in words; hostile text: escape before showing.
    site
        Which site it is about; ``server``, or empty for the job as a whole.
    """

    at: float
    kind: str
    text: str
    site: str = ""


@dataclass(frozen=True)
class SiteActivity:
    """What a site says of itself, asked through the server.

    Attributes
    ----------
    site
        The site.
    tasks
        The tasks it works on; empty when it waits.
    at
        When it said so; None when it never did.
    last_seen
        When the server last heard of it; sites report every 10 s.
    """

    site: str
    tasks: tuple[str, ...] = ()
    at: float | None = None
    last_seen: float | None = None

    def merged(self, other: SiteActivity) -> SiteActivity:
        """Return what both know."""
        newer = max(self, other, key=lambda a: (a.at or 0.0, a.tasks))
        return SiteActivity(self.site, newer.tasks, newer.at, last(self.last_seen, other.last_seen))


@dataclass(frozen=True)
class LogPosition:
    """How far a log has been read.

    Attributes
    ----------
    target, file
        Whose, and which.
    offset
        Bytes read of what was ever written to it, files that were rotated away among them.
    """

    target: str
    file: str
    offset: int


@dataclass(frozen=True)
class Freshness:
    """How old a group of facts is, or why it is missing.

    Attributes
    ----------
    group
        One of `GROUPS`.
    at
        When it was last learned (our clock); None when never.
    reason
        Why it could not be had when it was last tried in vain; empty when it never was.
    missed_at
        When that was.
    """

    group: str
    at: float | None = None
    reason: str = ""
    missed_at: float | None = None

    @property
    def missing(self) -> str:
        """Why the group is missing or grows old; empty when it is there."""
        return self.reason if (self.missed_at or 0.0) > (self.at or 0.0) else ""

    def merged(self, other: Freshness) -> Freshness:
        """Return what both know."""
        missed = max(self, other, key=lambda f: (f.missed_at or 0.0, f.reason))
        return Freshness(self.group, last(self.at, other.at), missed.reason, missed.missed_at)


def finite(value: Any) -> float | None:
    """Return `value` if it is a finite number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def counting(value: Any) -> int | None:
    """Return `value` if it is a number of rounds that can be."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def first(a: float | None, b: float | None) -> float | None:
    """Return the earlier of two times, if there is one."""
    return min((t for t in (a, b) if t is not None), default=None)


def last(a: float | None, b: float | None) -> float | None:
    """Return the later of two times, if there is one."""
    return max((t for t in (a, b) if t is not None), default=None)
