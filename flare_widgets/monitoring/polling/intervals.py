"""Polling intervals, and the choice of commands: arithmetic, no clock.

The cost of a poll for the server was measured (FLARE 2.9, loopback): ``get_job_meta`` 6 ms whatever is stored,
``list_jobs`` 4 ms and 0.11 ms for each job it stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...api.job_status import JobStatus
from ..job.snapshot import JobSnapshot

META_COST_S = 0.006
LIST_COST_S, LIST_COST_PER_JOB_S = 0.004, 0.00011

FAST_INTERVAL_S = 0.5
"""Seconds between two polls when a change is imminent."""

NORMAL_INTERVAL_S = 1.0
"""Seconds between two polls of a running job."""

_MAX_RUNNING_INTERVAL_S = 5.0  # maximum seconds between two polls of a running job
_MAX_WAITING_INTERVAL_S = 15.0  # ... of one that waits for its sites
_LIST_INTERVAL_S, _IDLE_LIST_INTERVAL_S = (
    2.5,
    6.0,
)  # seconds between two lists of all jobs, while any is running or waiting, and while none is
_MAX_SERVER_SHARE = 0.05  # maximum share of the server's time that our polls of one job may take
_ACTIVITY_INTERVAL_S = 2.0  # seconds between two polls of a site's activity, if the log may not be read
_HUNG_ACTIVITY_INTERVAL_S = 15.0  # ... if it did not answer, or cannot be reached
_PRESENCE_INTERVAL_S = 10.0  # as often as sites report to the server
_POLLS_PER_ROUND = 10  # polls in a long round
_MAX_FAST_PACKING_S = 60.0  # seconds that a job packs up its results and is expected to end at any moment
_DUE_ROUND, _LATE_ROUND = 0.8, 2.0  # parts of the time of the round before: its end is near from one to the other

SESSION_COUNT_INTERVAL_S = 30.0
"""Seconds between two polls of how many admin sessions the server has."""

# Many sessions share the server: each of the others adds so many seconds to the least interval, up to a maximum.
_STATUS_S_PER_SESSION, _MAX_SHARED_STATUS_INTERVAL_S = 0.15, 2.8
_LOG_S_PER_SESSION, _MAX_SHARED_LOG_INTERVAL_S = 0.26, 5.0
_PRESENCE_S_PER_SESSION, _MAX_SHARED_PRESENCE_INTERVAL_S = 1.1, 20.0
_SESSION_IDLE_AFTER_S = 60.0  # a kernel that was killed leaves a session, which the server keeps for half an hour
_MAX_SHARED_LIST_LATENCY_S = 0.5  # a status is not worth waiting longer for a list of jobs


def job_interval(snapshot: JobSnapshot, now: float, latency_s: float) -> float:
    """Return the number of seconds until the next poll of a job.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The current time.
    latency_s
        The duration of the last poll: a slow server is polled less often.
    """
    return max(_base_interval(snapshot, now), latency_s / _MAX_SERVER_SHARE)


def shared_status_interval(interval_s: float, session_count: int) -> float:
    """Return the number of seconds until the next poll of a status, or of all, while so many sessions are active."""
    return max(interval_s, min(_MAX_SHARED_STATUS_INTERVAL_S, _STATUS_S_PER_SESSION * (session_count - 1)))


def shared_log_interval(interval_s: float, session_count: int) -> float:
    """Return the number of seconds until new text of a job's log is requested while so many sessions are active."""
    return max(interval_s, min(_MAX_SHARED_LOG_INTERVAL_S, _LOG_S_PER_SESSION * (session_count - 1)))


def count_active_sessions(sessions: Iterable[Mapping[str, Any]]) -> int:
    """Return the number of sessions that sent a command lately; a monitor's own is always one."""
    count = 0
    for session in sessions:
        try:
            count += float(session.get("IDLE", 0.0)) < _SESSION_IDLE_AFTER_S
        except (TypeError, ValueError):
            count += 1
    return max(1, count)


def early_allowance(interval_s: float) -> float:
    """Return the number of seconds a poll may come early, to share a list with others: half of `interval_s`."""
    return interval_s / 2


def list_interval(has_active_jobs: bool, latency_s: float) -> float:
    """Return the number of seconds until all jobs are listed again for those who watch the job list.

    Parameters
    ----------
    has_active_jobs
        True if any job is waiting or running.
    latency_s
        The duration of the last list: a long list is requested less often.
    """
    return max(_LIST_INTERVAL_S if has_active_jobs else _IDLE_LIST_INTERVAL_S, latency_s / _MAX_SERVER_SHARE)


def activity_interval(is_hung: bool, latency_s: float) -> float:
    """Return the number of seconds until the next poll of a participant's activity.

    Parameters
    ----------
    is_hung
        True if it did not answer.
    latency_s
        The duration of the last poll.
    """
    if is_hung:
        return _HUNG_ACTIVITY_INTERVAL_S
    return min(_HUNG_ACTIVITY_INTERVAL_S, max(_ACTIVITY_INTERVAL_S, latency_s / _MAX_SERVER_SHARE))


def presence_interval(latency_s: float, session_count: int) -> float:
    """Return the number of seconds until the next poll of the connected sites and the running processes."""
    shared_s = min(_MAX_SHARED_PRESENCE_INTERVAL_S, _PRESENCE_S_PER_SESSION * (session_count - 1))
    return max(_PRESENCE_INTERVAL_S, shared_s, latency_s / _MAX_SERVER_SHARE)


def is_list_quick(latency_s: float) -> bool:
    """Return whether a list of all jobs comes soon enough for the watched ones to take their status from it."""
    return latency_s <= _MAX_SHARED_LIST_LATENCY_S


def should_use_list(job_count: int, stored_count: int | None) -> bool:
    """Return whether one ``list_jobs`` costs the server less than a ``get_job_meta`` for each of the jobs.

    Parameters
    ----------
    job_count
        The number of jobs to poll.
    stored_count
        The number of jobs the server lists; None if unknown: then one list tells.
    """
    if stored_count is None:
        return job_count > 4
    return LIST_COST_S + LIST_COST_PER_JOB_S * stored_count < META_COST_S * job_count


def _base_interval(snapshot: JobSnapshot, now: float) -> float:
    if not snapshot.status or not snapshot.timeline:
        return FAST_INTERVAL_S
    age = now - snapshot.timeline[-1].at
    if snapshot.status == JobStatus.SUBMITTED:
        # Scheduled within a second, or else not before sites connect: the server tries ever more rarely.
        return FAST_INTERVAL_S if age < 30 else min(_MAX_WAITING_INTERVAL_S, age / 30)
    if snapshot.status != JobStatus.RUNNING or age < 10:
        return FAST_INTERVAL_S
    if snapshot.is_zombie:
        return _MAX_WAITING_INTERVAL_S
    begun = [r.started_at for r in snapshot.current_rounds[-2:] if r.started_at is not None]
    if snapshot.packing_since is not None:
        return FAST_INTERVAL_S if now - snapshot.packing_since < _MAX_FAST_PACKING_S else NORMAL_INTERVAL_S
    if snapshot.total_rounds and snapshot.rounds_begun >= snapshot.total_rounds:
        return FAST_INTERVAL_S if _is_round_due(begun, now) else NORMAL_INTERVAL_S
    if len(begun) == 2:
        return min(_MAX_RUNNING_INTERVAL_S, max(NORMAL_INTERVAL_S, (begun[1] - begun[0]) / _POLLS_PER_ROUND))
    return min(_MAX_RUNNING_INTERVAL_S, max(NORMAL_INTERVAL_S, age / 120))


def _is_round_due(begun: Sequence[float], now: float) -> bool:
    """Return whether the last of two rounds, by the times at which they began, is about to end."""
    if len(begun) < 2:
        return False
    before, lasts = begun[1] - begun[0], now - begun[1]
    return _DUE_ROUND * before <= lasts < _LATE_ROUND * before
