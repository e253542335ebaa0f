"""Intervals of polling a job, and the commands."""

from __future__ import annotations

import dataclasses

import pytest

from flare_widgets.monitoring import JobSnapshot, StatusChange, apply_updates
from flare_widgets.monitoring.diagnosis import Failure
from flare_widgets.monitoring.job.diff import NewFailure, NewMetric, NewRound, NewStatus, diff_snapshots
from flare_widgets.monitoring.job.model import Point, Round, Workflow
from flare_widgets.monitoring.job.updates import Diagnosed, ListedStatus, MetricValue, PackingStarted
from flare_widgets.monitoring.polling import intervals

T = 1000.0


def job(status: str, age: float, *more: object) -> JobSnapshot:
    return apply_updates(JobSnapshot("job"), [ListedStatus(status, T - age), *more])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("snapshot", "seconds"),
    [
        (JobSnapshot("job"), 0.5),
        (job("SUBMITTED", 1), 0.5),
        (job("SUBMITTED", 90), 3),
        (job("SUBMITTED", 1e6), 15),
        (job("DISPATCHED", 100), 0.5),
        (job("RUNNING", 3), 0.5),
        (job("RUNNING", 60), 1),
        (job("RUNNING", 3600), 5),
        (job("RUNNING", 3600, Round(0, T - 60), Round(1, T - 58)), 1),
        (job("RUNNING", 3600, Round(0, T - 60), Round(1, T - 30)), 3),
        (job("RUNNING", 3600, Round(0, T - 3600), Round(1, T - 30)), 5),
        (job("RUNNING", 3600, Round(0, T - 3600), Round(1, T - 30), Workflow("", total_rounds=2)), 1),
        # The last round is about to end; it is late; it is the only one.
        (job("RUNNING", 3600, Round(0, T - 73), Round(1, T - 33), Workflow("", total_rounds=2)), 0.5),
        (job("RUNNING", 3600, Round(0, T - 130), Round(1, T - 90), Workflow("", total_rounds=2)), 1),
        (job("RUNNING", 3600, Round(0, T - 30), Workflow("", total_rounds=1)), 1),
        # It packs up its results; it does so for long.
        (job("RUNNING", 3600, Round(0, T - 3600), PackingStarted(T - 20)), 0.5),
        (job("RUNNING", 3600, Round(0, T - 3600), PackingStarted(T - 200)), 1),
    ],
)
def test_imminent_change_shortens_interval(snapshot: JobSnapshot, seconds: float) -> None:
    assert intervals.job_interval(snapshot, T, latency_s=0.006) == seconds


def test_slow_server_is_polled_less_often() -> None:
    quick = job("RUNNING", 3)
    assert intervals.job_interval(quick, T, latency_s=1.0) == pytest.approx(20)
    assert intervals.job_interval(quick, T, latency_s=0.025) == 0.5


@pytest.mark.parametrize(
    ("jobs", "stored", "by_list"),
    [
        (1, 10, True),
        (1, 50, False),
        (4, None, False),
        (5, None, True),
        (10, 100, True),
        (10, 1000, False),
        (100, 5000, True),
    ],
)
def test_list_used_where_cheaper(jobs: int, stored: int | None, by_list: bool) -> None:
    assert intervals.should_use_list(jobs, stored) is by_list


def test_what_is_new() -> None:
    empty = JobSnapshot("job")
    first = apply_updates(empty, [ListedStatus("RUNNING", T), Round(0, T), MetricValue("acc", "", Point(0, 0.5))])
    assert diff_snapshots(empty, first) == [
        NewStatus(StatusChange("RUNNING", T, False)),
        NewRound(Round(0, T)),
        NewMetric("acc", "", Point(0, 0.5)),
    ]
    assert diff_snapshots(first, first) == []
    better = MetricValue("acc", "", Point(0, 0.6, 1))
    failed = Failure("it broke", "unknown")
    second = apply_updates(first, [Round(1, T + 1), better, Diagnosed(failed, T), Round(0, T, T + 1)])
    assert diff_snapshots(first, second) == [
        NewRound(Round(1, T + 1)),
        NewMetric("acc", "", Point(0, 0.6, 1)),
        NewFailure(failed),
    ]
    assert diff_snapshots(second, dataclasses.replace(second, trouble="x")) == []


def test_idle_or_slow_list_polled_less() -> None:
    assert intervals.list_interval(has_active_jobs=True, latency_s=0.01) == 2.5
    assert intervals.list_interval(has_active_jobs=False, latency_s=0.01) == 6.0
    assert intervals.list_interval(has_active_jobs=True, latency_s=1.0) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("sessions", "status", "log"), [(1, 0.5, 0.5), (4, 0.5, 0.78), (8, 1.05, 1.82), (20, 2.8, 4.94), (500, 2.8, 5.0)]
)
def test_many_sessions_stretch_intervals(sessions: int, status: float, log: float) -> None:
    assert intervals.shared_status_interval(0.5, sessions) == pytest.approx(status)
    assert intervals.shared_log_interval(0.5, sessions) == pytest.approx(log)
    assert 10.0 <= intervals.presence_interval(0.01, sessions) <= 20.0
    assert intervals.shared_status_interval(15.0, sessions) == intervals.shared_log_interval(15.0, sessions) == 15.0


def test_sessions_that_went_silent_are_not_counted() -> None:
    sessions = [{"IDLE": "0.3"}, {"IDLE": "59"}, {"IDLE": "1700.5"}]
    assert intervals.count_active_sessions(sessions) == 2
    assert intervals.count_active_sessions([{"USER": "a"}, {"IDLE": None}, {"IDLE": "soon"}]) == 3
    assert intervals.count_active_sessions([]) == 1
