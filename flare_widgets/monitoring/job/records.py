"""Flat records of a job's metrics, as ``pandas.DataFrame`` takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ...script_arguments import describe_arguments
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
    arguments
        The arguments of the job's script: ``batch=16 rate=0.1``. A frame has a column for each instead: ``arg.rate``.
    """

    workflow: str
    round: int | None
    site: str
    metric: str
    value: float
    step: int | None
    time: float | None
    arguments: str = ""


FLAT_COLUMNS = MetricRecord._fields[:-1]
"""The columns of every flat record, before those of its arguments."""


def list_round_metrics(snapshot: JobState) -> list[MetricRecord]:
    """Return the metrics by round of a job, in the order of workflows, metrics, sites and rounds."""
    arguments = _describe_arguments(snapshot)
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
            arguments,
        )
        for series in snapshot.round_metrics
        for point in series.points
    ]


def list_step_metrics(snapshot: JobState, scalars: Iterable[StepSeries]) -> list[MetricRecord]:
    """Return metrics by step of a job, in the order of metrics, sites and steps."""
    arguments = _describe_arguments(snapshot)
    return [
        MetricRecord("", None, series.site, series.name, point.value, point.step, None, arguments)
        for series in scalars
        for point in series.points
    ]


def argument_columns(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as columns of a flat record: ``arg.rate``, so that none is taken for another column."""
    return {f"arg.{name}": value for name, value in arguments.items()}


def flatten(snapshot: JobState, records: Iterable[MetricRecord]) -> list[dict[str, Any]]:
    """Return records of a job as dicts, with a column for each argument in place of one for all."""
    columns = argument_columns(snapshot.parameters)
    return [{**dict(zip(FLAT_COLUMNS, record, strict=False)), **columns} for record in records]


def _describe_arguments(snapshot: JobState) -> str:
    return describe_arguments({argument.name: argument.value for argument in snapshot.arguments})
