"""Flat records of a job's metrics, as ``pandas.DataFrame`` takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ...optional_packages import import_package
from ..results.scalars import StepSeries
from .state import JobState


class MetricRecord(NamedTuple):
    """Value of a metric.

    Attributes
    ----------
    workflow
        The id of the workflow; empty if unknown, or if the value is by step.
    round
        The round, counted from 1 as in the views; None if the value is by step.
    site
        The site; empty for all sites together.
    metric
        The metric's name.
    value
        A finite number.
    step
        The step, as the job's code counts them; None if the value is by round.
    time
        The end of the round, in seconds since the epoch; None if unknown.
    """

    workflow: str
    round: int | None
    site: str
    metric: str
    value: float
    step: int | None
    time: float | None


def list_round_metrics(snapshot: JobState) -> list[MetricRecord]:
    """Return the metrics by round of a job, in the order of workflows, metrics, sites and rounds."""
    ends = {(r.workflow, r.number): snapshot.round_end(r) for r in snapshot.rounds}
    return [
        MetricRecord(
            series.workflow,
            snapshot.nth_round(point.round, series.workflow),
            series.site,
            series.name,
            point.value,
            None,
            ends.get((series.workflow, point.round)),
        )
        for series in snapshot.metrics
        for point in series.points
    ]


def list_step_metrics(scalars: Iterable[StepSeries]) -> list[MetricRecord]:
    """Return the metrics by step of a job, in the order of metrics, sites and steps."""
    return [
        MetricRecord("", None, series.site, series.name, point.value, point.step, None)
        for series in scalars
        for point in series.points
    ]


def make_frame(records: Iterable[Any], columns: Iterable[str]) -> Any:
    """Return records as a ``pandas.DataFrame``.

    Raises
    ------
    NotInstalled
        pandas is missing.
    """
    pandas = import_package("pandas", "a DataFrame")
    return pandas.DataFrame([tuple(record) for record in records], columns=list(columns))
