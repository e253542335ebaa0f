"""How often to look at a job, and by which command: arithmetic, no clock.

What a look costs the server was measured (FLARE 2.9, loopback): ``get_job_meta`` 6 ms whatever is stored,
``list_jobs`` 4 ms and 0.11 ms for each job it stores.
"""

from __future__ import annotations

from ..job.snapshot import JobSnapshot

META_COST_S = 0.006
LIST_COST_S, LIST_COST_PER_JOB_S = 0.004, 0.00011

FAST_INTERVAL_S = 0.5
"""Seconds between two looks where something is about to change."""

NORMAL_INTERVAL_S = 1.0
"""Seconds between two looks at a job that runs."""

_MAX_RUNNING_INTERVAL_S = 5.0  # seconds, at most, between two looks at a job that runs
_MAX_WAITING_INTERVAL_S = 15.0  # ... at one that waits for its sites
_LIST_INTERVAL_S, _IDLE_LIST_INTERVAL_S = (
    2.5,
    6.0,
)  # seconds between two lists of all jobs, while any runs or waits and while none does
_MAX_SERVER_SHARE = 0.05  # of the time, at most, that the server may be busy with our looks at one job
_POLLS_PER_ROUND = 10  # looks in a round that takes long


def job_interval(snapshot: JobSnapshot, now: float, latency_s: float) -> float:
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
    return max(_base_interval(snapshot, now), latency_s / _MAX_SERVER_SHARE)


def early_allowance(interval_s: float) -> float:
    """Return how many seconds a look may come early, to share a list with others: half of its `pause`."""
    return interval_s / 2


def list_interval(has_active_jobs: bool, latency_s: float) -> float:
    """Return how many seconds to wait before all jobs are listed again for those who look at a table of them.

    Parameters
    ----------
    active
        Whether any job waits or runs.
    took
        How long the last list took: many jobs are listed less often.
    """
    return max(_LIST_INTERVAL_S if has_active_jobs else _IDLE_LIST_INTERVAL_S, latency_s / _MAX_SERVER_SHARE)


def should_use_list(job_count: int, stored_count: int | None) -> bool:
    """Whether one ``list_jobs`` costs the server less than a ``get_job_meta`` for each of `jobs`.

    Parameters
    ----------
    jobs
        How many jobs to look at.
    stored
        How many the server lists; None while that is not known: then one list tells.
    """
    if stored_count is None:
        return job_count > 4
    return LIST_COST_S + LIST_COST_PER_JOB_S * stored_count < META_COST_S * job_count


def _base_interval(snapshot: JobSnapshot, now: float) -> float:
    if not snapshot.status or not snapshot.timeline:
        return FAST_INTERVAL_S
    age = now - snapshot.timeline[-1].at
    if snapshot.status == "SUBMITTED":
        # Scheduled within a second, or else not before sites come: the server tries ever more rarely.
        return FAST_INTERVAL_S if age < 30 else min(_MAX_WAITING_INTERVAL_S, age / 30)
    if snapshot.status != "RUNNING" or age < 10:
        return FAST_INTERVAL_S
    if snapshot.is_zombie:
        return _MAX_WAITING_INTERVAL_S
    if snapshot.total_rounds and snapshot.rounds_begun >= snapshot.total_rounds:
        return NORMAL_INTERVAL_S
    begun = [r.started_at for r in snapshot.rounds[-2:] if r.started_at is not None]
    if len(begun) == 2:
        return min(_MAX_RUNNING_INTERVAL_S, max(NORMAL_INTERVAL_S, (begun[1] - begun[0]) / _POLLS_PER_ROUND))
    return min(_MAX_RUNNING_INTERVAL_S, max(NORMAL_INTERVAL_S, age / 120))
