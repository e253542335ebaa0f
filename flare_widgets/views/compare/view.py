"""The view of several jobs side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

import traitlets
from markupsafe import Markup

from ...errors import InvalidArgumentError
from ...formatting.reader_time import format_date_time
from ...formatting.table import Table
from ...monitoring import Monitor
from ...optional_packages import make_frame
from ..core import svg_chart
from ..core.html import fit_to_notebook, scoped_style, template_environment
from ..core.live_view import LiveView
from ..core.pretty import PrettyText
from ..core.tab import describe_tab
from ..job.metrics import Metric
from ..job.view import JobSource
from .charts import build_metrics, build_parallel, draw_parallel
from .view_model import Cell, Column, Comparison, build_columns, compare_snapshots

if TYPE_CHECKING:
    from typing_extensions import Self

    from ...api.session import Session

_MAX_STATIC_ROWS, _MAX_STATIC_LINES, _MAX_STATIC_POINTS = 60, 9, 150
_LOG_RATIO = 50.0  # of the largest to the smallest value, from which on a static chart is logarithmic
_BEST = "* best of all"

T = TypeVar("T")


class CompareView(LiveView):
    """Any number of jobs side by side: arguments, status, rounds, time, the best of each metric, and charts.

    Parameters
    ----------
    watches
        The watches of the jobs; two at least.
    baseline
        The id of the job with which the values of the others are compared; the reader can choose another one.
    session
        The session of the jobs: with it, the reader may open the comparison in a tab of JupyterLab.

    Attributes
    ----------
    jobs : list of dict
        ``job_id``, ``label``, ``trouble`` and ``problem`` of each job.
    columns : list of dict
        The table, as :class:`.Column` has it.
    ranking : list of int
        The indices of the jobs, the best first.
    baseline_row : int
        The index of the baseline; -1 if there is none.
    metrics : list of dict
        The charts, as :class:`flare_widgets.views.job.metrics.Metric` has them.
    parallel : dict
        Parallel coordinates, as :class:`.Parallel` has them; empty if there are none.
    shared : str
        What all jobs have in common, in words.
    has_ended : bool
        True if there will be no more updates: all jobs have ended, or the view was made static.

    Raises
    ------
    InvalidArgumentError
        There are fewer than two jobs, or the baseline is none of them.
    """

    bundle = "compare"
    _max_messages_per_s = 2  # they are large

    jobs = traitlets.List(traitlets.Dict()).tag(sync=True)
    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    ranking = traitlets.List(traitlets.Int()).tag(sync=True)
    baseline_row = traitlets.Int(-1).tag(sync=True)
    metrics = traitlets.List(traitlets.Dict()).tag(sync=True)
    parallel = traitlets.Dict().tag(sync=True)
    shared = traitlets.Unicode().tag(sync=True)
    has_ended = traitlets.Bool().tag(sync=True)

    def __init__(
        self, watches: Sequence[JobSource], baseline: str | None = None, *, session: Session | None = None
    ) -> None:
        if len(watches) < 2:
            raise InvalidArgumentError(f"pass two jobs or more to compare, not {len(watches)}")
        self._watches = tuple(watches)
        ids = [watch.snapshot.job_id for watch in watches]
        if baseline is not None and baseline not in ids:
            raise InvalidArgumentError(f"the baseline {baseline!r} is none of the jobs that are compared")
        self._baseline = None if baseline is None else ids.index(baseline)
        self._unsubscribe: list[Callable[[], None]] = []
        super().__init__(tab=describe_tab(session, "compare", jobs=ids))
        self._unsubscribe = [watch.subscribe(lambda _: self._request_update()) for watch in watches]
        self._update_or_finish()

    def records(self) -> list[dict[str, Any]]:
        """Return a flat record for each job, which ``pandas.DataFrame`` takes as it is.

        Returns
        -------
        list of dict
            ``job_id, name, status, workflow, sites, rounds, time`` (seconds), ``arg.NAME`` of each argument of the
            sites' script, and ``metric.NAME`` and ``round.NAME``: the best value of each metric and its round, or the
            last ones if its better direction is unknown.
        """
        return self._comparison().records()

    def to_frame(self) -> Any:
        """Return the :meth:`records` as a ``pandas.DataFrame``.

        Raises
        ------
        NotInstalled
            pandas is missing.
        """
        return make_frame(self.records())

    def _comparison(self) -> Comparison:
        return compare_snapshots([watch.snapshot for watch in self._watches], time.time())

    def _state(self) -> dict[str, Any]:
        comparison = self._comparison()
        parallel = build_parallel(comparison)
        return {
            "jobs": [
                {key: getattr(j, key) for key in ("job_id", "label", "trouble", "problem")} for j in comparison.jobs
            ],
            "columns": [_column_json(column) for column in build_columns(comparison, self._baseline)],
            "ranking": comparison.ranking(),
            "baseline_row": -1 if self._baseline is None else self._baseline,
            "metrics": [metric.to_json() for metric in build_metrics(comparison, self._baseline)],
            "parallel": {} if parallel is None else parallel.to_json(),
            "shared": comparison.shared,
            "has_ended": self._is_static or self._have_all_ended(),
        }

    def _mimebundle(self) -> dict[str, str]:
        comparison = self._comparison()
        return {
            "text/plain": comparison_text(comparison, self._baseline),
            "text/html": comparison_html(comparison, time.time(), self._baseline),
        }

    def _handle_message(self, message: dict[str, Any]) -> None:
        if message.get("kind") == "baseline":
            row = message.get("row")
            is_row = isinstance(row, int) and not isinstance(row, bool) and 0 <= row < len(self._watches)
            self._baseline = row if is_row else None
            self._request_update()

    def _facts(self) -> object:
        return [self._baseline, *(replace(watch.snapshot, facts_at=None) for watch in self._watches)]

    def _milestone(self) -> object:
        return [self._baseline, *(watch.snapshot.status for watch in self._watches)]

    def _is_finished(self) -> bool:
        return self._have_all_ended()

    def _is_of_lasting_use(self) -> bool:
        return True

    def _have_all_ended(self) -> bool:
        return all(watch.done for watch in self._watches)

    def _unfollow(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()


class CompareText(PrettyText):
    """Jobs side by side as text, with the same records as the view."""

    _records: list[dict[str, Any]]

    def __new__(cls, view: CompareView) -> Self:
        """Return the text of a view as it is now."""
        text = super().__new__(cls, repr(view))
        text._records = view.records()
        return text

    def records(self) -> list[dict[str, Any]]:
        """Return a flat record for each job; see :meth:`CompareView.records`."""
        return self._records

    def to_frame(self) -> Any:
        """Return the :meth:`records` as a ``pandas.DataFrame``."""
        return make_frame(self._records)


def compare(monitor: Monitor, job_ids: Sequence[str], baseline: str | None = None) -> CompareView:
    """Return jobs side by side; show them by naming the result at the end of a cell, or by ``show()``.

    Running jobs are followed; the metrics of ended ones are fetched from their results, which takes some seconds.

    Parameters
    ----------
    monitor
        The session's monitor.
    job_ids
        Two jobs or more.
    baseline
        The job with which the values of the others are compared.

    Raises
    ------
    InvalidArgumentError
        There are fewer than two different jobs, or the baseline is none of them.

    Examples
    --------
    >>> compare(monitor, [first, second])  # doctest: +SKIP
    >>> compare(monitor, found_ids).to_frame()  # doctest: +SKIP
    """
    asked = list(dict.fromkeys(job_ids))
    if len(asked) < 2:
        raise InvalidArgumentError(f"pass two different jobs or more to compare, not {len(asked)}")
    watches = [monitor.watch(job_id) for job_id in asked]
    return CompareView(watches, baseline, session=monitor.session)


def comparison_text(comparison: Comparison, baseline: int | None = None) -> str:
    """Return jobs side by side as an aligned table."""
    columns = build_columns(comparison, baseline)
    rows = [list(map(_cell_text, cells)) for cells in zip(*(column.cells for column in columns), strict=True)]
    has_best = any(cell.is_best for column in columns for cell in column.cells)
    notes = [*_troubles(comparison), *([_BEST] if has_best else []), *_notes(comparison, baseline)]
    return Table([column.heading for column in columns], rows, notes).to_text()


def comparison_html(comparison: Comparison, now: float, baseline: int | None = None, *, is_whole: bool = False) -> str:
    """Return jobs side by side as HTML for a saved notebook, with a chart of each metric.

    A large comparison is shortened, unless all of it is wanted: for a page of its own.
    """
    root, style = scoped_style("compare-static.css")
    columns, metrics = build_columns(comparison, baseline), build_metrics(comparison, baseline)
    parallel, labels = build_parallel(comparison), [job.label for job in comparison.jobs]

    def render(share: float) -> str:
        count = len(labels) if is_whole else ceil(_MAX_STATIC_ROWS * share)
        rows = _rows_to_keep(comparison, baseline, count)
        shown = metrics[: ceil(len(metrics) * share)]
        left_out = [
            f"{count} more {noun}{'' if count == 1 else 's'}"
            for count, noun in ((len(labels) - len(rows), "job"), (len(metrics) - len(shown), "chart"))
            if count
        ]
        rest = [f"The live view has {' and '.join(left_out)}."] if left_out else []
        return (
            template_environment()
            .get_template("compare.html.j2")
            .render(
                root=root,
                style=style,
                columns=columns,
                rows=rows,
                baseline=baseline,
                troubles=_troubles(comparison),
                notes=[*_notes(comparison, baseline), *rest],
                charts=[_render_chart(comparison, metric) for metric in shown],
                parallel=None if parallel is None else draw_parallel(parallel, labels, rows),
                made_at=format_date_time(now),
            )
        )

    return render(1.0) if is_whole else fit_to_notebook(render)


def _rows_to_keep(comparison: Comparison, baseline: int | None, count: int) -> list[int]:
    """Return the indices of the jobs in the table, in their order: of many, the best."""
    kept = set(comparison.ranking()[:count]) | ({baseline} if baseline is not None else set())
    return sorted(kept)


def _render_chart(comparison: Comparison, metric: Metric) -> Markup:
    lines = [line for line in metric.lines if not line.is_optional][:_MAX_STATIC_LINES]
    values = [value for line in metric.lines for _, value in line.points]
    better = {"min": " (lower is better)", "max": " (higher is better)"}.get(comparison.directions[metric.name], "")
    winner = next((f" ({comparison.jobs[number].label})" for number in sorted(comparison.winners(metric.name))), "")
    is_log = bool(values) and min(values) > 0 and max(values) / min(values) >= _LOG_RATIO
    return svg_chart.line_chart(
        [svg_chart.ChartLine(line.name, _thin(line.points), line.is_bold, line.label) for line in lines],
        title=f"{metric.name} by round{better}",
        first_x=1,
        log_scale=is_log,
        mark=None if metric.best is None else svg_chart.ChartMark(*metric.best, f"best{winner}"),
        hidden_count=len(metric.lines) - len(lines),
        band=svg_chart.ChartBand(metric.band_label, _thin(metric.band)) if metric.band else None,
    )


def _thin(points: tuple[T, ...]) -> tuple[T, ...]:
    """Return fewer points; the newest one stays."""
    return points[::-1][:: ceil(len(points) / _MAX_STATIC_POINTS) or 1][::-1]


def _column_json(column: Column) -> dict[str, Any]:
    cells = [{key: value for key, value in vars(cell).items() if value not in ("", False)} for cell in column.cells]
    return {**vars(column), "cells": cells}


def _cell_text(cell: Cell) -> str:
    note = f" ({cell.note})" if cell.note else ""
    difference = f" {cell.difference}" if cell.difference else ""
    return f"{cell.text}{note}{difference}{' *' if cell.is_best else ''}"


def _troubles(comparison: Comparison) -> list[str]:
    return [f"{job.label}: {job.trouble}" for job in comparison.jobs if job.trouble]


def _notes(comparison: Comparison, baseline: int | None) -> list[str]:
    notes = [f"{job.label}: {job.problem}" for job in comparison.jobs if job.problem]
    if comparison.shared:
        notes.append(f"Same in all: {comparison.shared}")
    if baseline is not None:
        notes.append(f"Differences are to {comparison.jobs[baseline].label}")
    return notes
