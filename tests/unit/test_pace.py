"""How often a job is looked at, and by which command."""

from __future__ import annotations

import dataclasses

import pytest

from flare_widgets.monitoring import JobSnapshot, StatusChange, fold
from flare_widgets.monitoring.diagnosis import Failure
from flare_widgets.monitoring.job.diff import NewFailure, NewMetric, NewRound, NewStatus, changes
from flare_widgets.monitoring.job.model import Point, Round
from flare_widgets.monitoring.job.updates import Failed, Measured, Status, Workflow
from flare_widgets.monitoring.polling import intervals

T = 1000.0


def job(status: str, age: float, *more: object) -> JobSnapshot:
    return fold(JobSnapshot("job"), [Status(status, T - age), *more])  # type: ignore[list-item]


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
        (job("RUNNING", 3600, Round(0, T - 3600), Round(1, T - 30), Workflow(total_rounds=2)), 1),
    ],
)
def test_where_something_is_about_to_change_one_looks_often(snapshot: JobSnapshot, seconds: float) -> None:
    assert intervals.interval(snapshot, T, took=0.006) == seconds


def test_a_server_that_slows_down_is_asked_less_often() -> None:
    quick = job("RUNNING", 3)
    assert intervals.interval(quick, T, took=1.0) == pytest.approx(20)
    assert intervals.interval(quick, T, took=0.025) == 0.5


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
def test_a_list_is_asked_for_where_it_costs_less(jobs: int, stored: int | None, by_list: bool) -> None:
    assert intervals.use_list(jobs, stored) is by_list


def test_what_is_new() -> None:
    empty = JobSnapshot("job")
    first = fold(empty, [Status("RUNNING", T), Round(0, T), Measured("acc", "", Point(0, 0.5))])
    assert changes(empty, first) == [
        NewStatus(StatusChange("RUNNING", T, False)),
        NewRound(Round(0, T)),
        NewMetric("acc", "", Point(0, 0.5)),
    ]
    assert changes(first, first) == []
    better = Measured("acc", "", Point(0, 0.6, 1))
    failed = Failure("it broke", "unknown")
    second = fold(first, [Round(1, T + 1), better, Failed(failed, T), Round(0, T, T + 1)])
    assert changes(first, second) == [
        NewRound(Round(1, T + 1)),
        NewMetric("acc", "", Point(0, 0.6, 1)),
        NewFailure(failed),
    ]
    assert changes(second, dataclasses.replace(second, trouble="x")) == []


def test_a_list_is_asked_for_less_often_when_nothing_runs_or_it_takes_long() -> None:
    assert intervals.list_interval(active=True, took=0.01) == 2.5
    assert intervals.list_interval(active=False, took=0.01) == 6.0
    assert intervals.list_interval(active=True, took=1.0) == pytest.approx(20.0)
