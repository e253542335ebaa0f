"""How often to look at a job, and by which command: arithmetic, no clock.

What a look costs the server was measured (FLARE 2.9, loopback): ``get_job_meta`` 6 ms whatever is stored,
``list_jobs`` 4 ms and 0.11 ms for each job it stores.
"""

from __future__ import annotations

from ..job.snapshot import JobSnapshot

META_COST = 0.006
LIST_COST, LIST_COST_PER_JOB = 0.004, 0.00011

QUICK = 0.5
"""Seconds between two looks where something is about to change."""

USUAL = 1.0
"""Seconds between two looks at a job that runs."""

_SLOW = 5.0  # seconds, at most, between two looks at a job that runs
_SLOWEST = 15.0  # ... at one that waits for its sites
_LIST, _LIST_IDLE = 2.5, 6.0  # seconds between two lists of all jobs, while any runs or waits and while none does
_SHARE = 0.05  # of the time, at most, that the server may be busy with our looks at one job
_PER_ROUND = 10  # looks in a round that takes long


def interval(snapshot: JobSnapshot, now: float, took: float) -> float:
    """Return how many seconds to wait before the next look at a job.

    Parameters
    ----------
    snapshot
        What is known about it.
    now
        The time.
    took
        How long the last look took: a server that slows down is asked less often.
    """
    return max(_wish(snapshot, now), took / _SHARE)


def gather(pause: float) -> float:
    """Return how many seconds a look may come early, to share a list with others: half of its `pause`."""
    return pause / 2


def list_interval(active: bool, took: float) -> float:
    """Return how many seconds to wait before all jobs are listed again for those who look at a table of them.

    Parameters
    ----------
    active
        Whether any job waits or runs.
    took
        How long the last list took: many jobs are listed less often.
    """
    return max(_LIST if active else _LIST_IDLE, took / _SHARE)


def use_list(jobs: int, stored: int | None) -> bool:
    """Whether one ``list_jobs`` costs the server less than a ``get_job_meta`` for each of `jobs`.

    Parameters
    ----------
    jobs
        How many jobs to look at.
    stored
        How many the server lists; None while that is not known: then one list tells.
    """
    if stored is None:
        return jobs > 4
    return LIST_COST + LIST_COST_PER_JOB * stored < META_COST * jobs


def _wish(snapshot: JobSnapshot, now: float) -> float:
    if not snapshot.status or not snapshot.timeline:
        return QUICK
    age = now - snapshot.timeline[-1].at
    if snapshot.status == "SUBMITTED":
        # Scheduled within a second, or else not before sites come: the server tries ever more rarely.
        return QUICK if age < 30 else min(_SLOWEST, age / 30)
    if snapshot.status != "RUNNING" or age < 10:
        return QUICK
    if snapshot.zombie:
        return _SLOWEST
    if snapshot.total_rounds and snapshot.rounds_begun >= snapshot.total_rounds:
        return USUAL
    begun = [r.started_at for r in snapshot.rounds[-2:] if r.started_at is not None]
    if len(begun) == 2:
        return min(_SLOW, max(USUAL, (begun[1] - begun[0]) / _PER_ROUND))
    return min(_SLOW, max(USUAL, age / 120))
