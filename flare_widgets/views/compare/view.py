"""The view of several jobs side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import traitlets
from markupsafe import Markup

from ...errors import InvalidArgumentError
from ...formatting.reader_time import format_date_time
from ...formatting.table import Table
from ...monitoring import Monitor
from ..core import svg_chart
from ..core.html import fit_to_notebook, scoped_style, template_environment
from ..core.live_view import LiveView
from ..job.view import JobSource
from .view_model import MAX_JOBS, Comparison, best_cells, compare_snapshots, comparison_rows


class CompareView(LiveView):
    """Several jobs side by side: status, rounds, time, the best of each metric, and the metrics over the rounds.

    Parameters
    ----------
    watches
        The watches of the jobs; two at least, eight at most.

    Attributes
    ----------
    jobs : list of dict
        The jobs as :class:`.ComparedJob` has them, without their points.
    headings, rows : list
        The table.
    best_cells : list
        The row and the column of each cell that has the best value of its metric.
    metrics : list of dict
        ``name``, ``lower_is_better``, the points of each job (``lines``), the ``best`` of them, and the ``scale``.
    differences : list of str
        The properties in which the jobs differ.
    has_ended : bool
        True if there will be no more updates: all jobs have ended, or the view was made static.

    Raises
    ------
    InvalidArgumentError
        There are fewer than two jobs, or more than eight.
    """

    bundle = "compare"

    jobs = traitlets.List(traitlets.Dict()).tag(sync=True)
    headings = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows = traitlets.List(traitlets.List()).tag(sync=True)
    best_cells = traitlets.List(traitlets.List()).tag(sync=True)
    metrics = traitlets.List(traitlets.Dict()).tag(sync=True)
    differences = traitlets.List(traitlets.Unicode()).tag(sync=True)
    has_ended = traitlets.Bool().tag(sync=True)

    def __init__(self, watches: Sequence[JobSource]) -> None:
        if not 2 <= len(watches) <= MAX_JOBS:
            raise InvalidArgumentError(f"give two to {MAX_JOBS} jobs to compare, not {len(watches)}")
        self._watches = tuple(watches)
        self._unsubscribe: list[Callable[[], None]] = []
        super().__init__()
        self._unsubscribe = [watch.subscribe(lambda _: self._request_update()) for watch in watches]
        self._update_or_finish()

    def _comparison(self) -> Comparison:
        return compare_snapshots([watch.snapshot for watch in self._watches], time.time())

    def _state(self) -> dict[str, Any]:
        comparison = self._comparison()
        headings, rows = comparison_rows(comparison)
        jobs = [{key: value for key, value in vars(job).items() if key != "lines"} for job in comparison.jobs]
        return {
            "jobs": jobs,
            "headings": headings,
            "rows": rows,
            "best_cells": [list(cell) for cell in best_cells(comparison)],
            "metrics": [_metric_json(comparison, metric) for metric in comparison.metrics],
            "differences": list(comparison.differences),
            "has_ended": self._is_static or self._have_all_ended(),
        }

    def _mimebundle(self) -> dict[str, str]:
        comparison = self._comparison()
        return {"text/plain": comparison_text(comparison), "text/html": comparison_html(comparison, time.time())}

    def _facts(self) -> object:
        return [replace(watch.snapshot, facts_at=None) for watch in self._watches]

    def _milestone(self) -> object:
        return [watch.snapshot.status for watch in self._watches]

    def _is_finished(self) -> bool:
        return self._have_all_ended()

    def _is_of_lasting_use(self) -> bool:
        return True

    def _have_all_ended(self) -> bool:
        return all(watch.done for watch in self._watches)

    def _unfollow(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()


def compare(monitor: Monitor, job_ids: Sequence[str]) -> CompareView:
    """Return jobs side by side; show them by naming the result at the end of a cell, or by ``show()``.

    Running jobs are followed; the metrics of ended ones are fetched from their results, which takes some seconds.

    Parameters
    ----------
    monitor
        The session's monitor.
    job_ids
        Two to eight jobs.

    Raises
    ------
    InvalidArgumentError
        There are fewer than two different jobs, or more than eight.

    Examples
    --------
    >>> compare(monitor, [first, second])  # doctest: +SKIP
    """
    asked = list(dict.fromkeys(job_ids))
    if not 2 <= len(asked) <= MAX_JOBS:
        raise InvalidArgumentError(f"give two to {MAX_JOBS} different jobs to compare, not {len(asked)}")
    return CompareView([monitor.watch(job_id) for job_id in asked])


def _metric_json(comparison: Comparison, metric: str) -> dict[str, Any]:
    lines = [job.lines.get(metric) for job in comparison.jobs]
    best = comparison.best(metric)
    points = [point for line in lines if line is not None for point in line.points]
    return {
        "name": metric,
        "direction": comparison.directions[metric],
        "lines": [[] if line is None else list(map(list, line.points)) for line in lines],
        "best": best,
        **svg_chart.value_scales_json([*points, *([best] if best else [])]),
    }


def comparison_text(comparison: Comparison) -> str:
    """Return jobs side by side as an aligned table."""
    headings, rows = comparison_rows(comparison)
    for row, column in best_cells(comparison):
        rows[row][column] += " *"
    notes = ["* best of all"] if best_cells(comparison) else []
    return Table(headings, rows, [*_troubles(comparison), *notes, *_notes(comparison)]).to_text()


def comparison_html(comparison: Comparison, now: float) -> str:
    """Return jobs side by side as HTML for a saved notebook, with a chart of each metric."""
    return fit_to_notebook(lambda share: _render(comparison, now, share))


def _render(comparison: Comparison, now: float, share: float) -> str:
    root, style = scoped_style("compare-static.css")
    headings, rows = comparison_rows(comparison)
    shown = comparison.metrics[: ceil(len(comparison.metrics) * share)]
    left_out = len(comparison.metrics) - len(shown)
    return (
        template_environment()
        .get_template("compare.html.j2")
        .render(
            root=root,
            style=style,
            headings=headings,
            rows=rows,
            troubles=_troubles(comparison),
            best_cells=best_cells(comparison),
            notes=_notes(comparison) + ([f"The live view has {left_out} more charts."] if left_out else []),
            charts=[_render_chart(comparison, metric) for metric in shown],
            made_at=format_date_time(now),
        )
    )


def _render_chart(comparison: Comparison, metric: str) -> Markup:
    lines = [
        svg_chart.ChartLine(job.label, line.points if (line := job.lines.get(metric)) else ())
        for job in comparison.jobs
    ]
    best = comparison.best(metric)
    better = {"min": " (lower is better)", "max": " (higher is better)"}.get(comparison.directions[metric], "")
    title = f"{metric} by round{better}"
    return svg_chart.line_chart(lines, title=title, mark=None if best is None else svg_chart.ChartMark(*best, "best"))


def _troubles(comparison: Comparison) -> list[str]:
    return [f"{job.label}: {job.trouble}" for job in comparison.jobs if job.trouble]


def _notes(comparison: Comparison) -> list[str]:
    notes = [f"{job.label}: {job.problem}" for job in comparison.jobs if job.problem]
    if comparison.differences:
        notes.append(f"Differences: {', '.join(comparison.differences)}")
    return notes
