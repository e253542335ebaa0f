"""The static form of the job view."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import tzinfo
from math import ceil
from typing import Any, TypeVar

from ...formatting.text import sanitize
from ...monitoring.job.model import Results
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.results.statistics import Statistics
from ..core.html import TimeFormatter, fit_to_notebook, scoped_style, template_environment
from ..results.view_model import MAX_FILES, build_file_tree, build_histograms, build_listed_models
from .events import MAX_EVENTS, build_events
from .matrix import CELL_STATES, STATIC_LIMITS, Matrix
from .metrics import MAX_OPEN_CHARTS, build_charts, describe_hidden_metrics
from .tables import build_evaluation_tables, build_statistics_table
from .timeline import STATUS_GLYPHS
from .view_model import JobProgress, build_view_model

_DEPLOYMENT_GLYPHS = {"waiting": "○", "deployed": "✓", "failed": "✕"}
_EVENT_GLYPHS = {"workflow": "·", "warning": "!", "error": "✕"}
_MAX_SITES = 200
_MAX_MODELS = 20
_MAX_STRETCHES_IN_WORDS = 8
# Of a form that is shortened, the number of charts, of their lines, of the points of each, and of cells of its tables.
_MAX_CHARTS, _MAX_LINES, _MAX_POINTS, _MAX_EVALUATIONS = 12, 12, 100, 200
_SHORTENED = "Shortened to keep the notebook small: the live view shows all of it."

P = TypeVar("P")


def job_html(
    snapshot: JobSnapshot,
    now: float,
    zone: tzinfo | None = None,
    notes: Iterable[str] = (),
    *,
    is_whole: bool = False,
) -> str:
    """Return a job as HTML for a saved notebook.

    It reads well without its style too (GitHub strips that): headline, properties, an ordered list of the steps, the
    failure, a table of sites and rounds.

    Parameters
    ----------
    snapshot
        The job's snapshot. Untrusted.
    now
        The time the form is made, in seconds since the epoch: the age of the data is relative to it.
    zone
        The time zone of the times; the reader's if not given.
    notes
        Additional sentences: the actions performed on the job, and the possible ones.
    is_whole
        True to shorten nothing, and to show histograms too: for a page of its own.
    """
    notes = [sanitize(note, 500) for note in notes]
    if is_whole:
        return _render(snapshot, now, zone, notes, 1.0, has_histograms=True)
    return fit_to_notebook(lambda share: _render(snapshot, now, zone, notes, share))


def _render(
    snapshot: JobSnapshot,
    now: float,
    zone: tzinfo | None,
    notes: list[str],
    share: float,
    *,
    has_histograms: bool = False,
) -> str:
    if share < 1:
        snapshot = _shorten(snapshot, share)
        notes = [*notes, _SHORTENED]
    max_sites = ceil(_MAX_SITES * share)
    job = build_view_model(snapshot, now, STATIC_LIMITS)
    # A static form of a job that has not ended shows times as of the server's last answer: the time at which the
    # form was made says nothing about the job.
    seen = now if job.updated_at is None else job.updated_at
    troubles = list(filter(None, [job.connection_problem, *(text.text_at(seen) for text in job.troubles)]))
    events = build_events(snapshot)
    results = snapshot.recorded or Results()
    histograms, more_features = build_histograms(results.statistics.histograms if has_histograms else ())
    moments = [step.at for step in job.steps] + [event.at for event in events.rows]
    if not job.has_ended:
        moments += [job.updated_at, now]
    times = TimeFormatter([at for at in moments if at is not None], zone)
    root, style = scoped_style("job-static.css")
    return (
        template_environment()
        .get_template("job.html.j2")
        .render(
            root=root,
            style=style,
            job=job,
            glyph="!" if troubles else STATUS_GLYPHS[job.category],
            last_known=job.last_known.text_at(now),
            troubles=troubles,
            elapsed=job.elapsed.text_at(seen),
            steps=[(step, None if step.at is None else times.format(step.at)) for step in job.steps],
            sites=[(site, _DEPLOYMENT_GLYPHS[site.state]) for site in job.sites[:max_sites]],
            more_sites=max(0, len(job.sites) - max_sites),
            progress=None if job.progress is None else _progress_context(job.progress, seen),
            matrix=None if job.matrix is None else _matrix_context(_shorten_matrix(job.matrix, share), seen),
            details=[(detail.term, detail.text.text_at(seen)) for detail in job.details],
            charts=build_charts(snapshot, snapshot.step_metrics),
            max_open_charts=MAX_OPEN_CHARTS,
            hidden_metrics=describe_hidden_metrics(snapshot, snapshot.step_metrics),
            evaluation=build_evaluation_tables(results.evaluations, snapshot.key_metric),
            statistics=(
                build_statistics_table(Statistics(results.statistics.numbers), "in the files of the result")
                if has_histograms
                else build_statistics_table(results.statistics)
            ),
            histograms=histograms,
            more_features=more_features,
            result_models=build_listed_models(results.files)[:_MAX_MODELS],
            result_tree=build_file_tree(results.files, max_files=MAX_FILES) if results.files and share == 1 else None,
            events=events,
            event_rows=[(row, _EVENT_GLYPHS[row.kind], times.format(row.at)) for row in events.rows],
            updated_at=None if job.updated_at is None else times.format(job.updated_at),
            made_at=times.format(now),
            common=times.common,
            notes=notes,
        )
    )


def _progress_context(progress: JobProgress, as_of: float) -> dict[str, Any]:
    percent = None if progress.fraction is None else int(100 * progress.fraction)
    return {"text": progress.text, "percent": percent, "time_left": progress.time_left.text_at(as_of)}


def _shorten(snapshot: JobSnapshot, share: float) -> JobSnapshot:
    """Return a snapshot with fewer lines in its charts, fewer points in each, and fewer events."""
    lines = list(dict.fromkeys(series.site for series in snapshot.round_metrics))[: ceil(_MAX_LINES * share)]
    names = list(dict.fromkeys((series.workflow, series.name) for series in snapshot.round_metrics))
    shown = names[: ceil(_MAX_CHARTS * share)]
    metrics = tuple(
        replace(series, points=_thin(series.points, share))
        for series in snapshot.round_metrics
        if series.site in lines and (series.workflow, series.name) in shown
    )
    by_step = snapshot.step_metrics[: ceil(_MAX_CHARTS * share)]
    scalars = tuple(replace(each, points=_thin(each.points, share)) for each in by_step)
    results = snapshot.recorded
    if results is not None:
        results = replace(
            results,
            scalars=scalars,
            evaluations=results.evaluations[: ceil(_MAX_EVALUATIONS * share)],
            statistics=Results().statistics if share < 0.5 else results.statistics,
        )
    events = snapshot.events[len(snapshot.events) - ceil(MAX_EVENTS * share) :]
    live_scalars = scalars if results is None else ()
    return replace(snapshot, round_metrics=metrics, live_scalars=live_scalars, recorded=results, events=events)


def _shorten_matrix(matrix: Matrix, share: float) -> Matrix:
    """Return a matrix with fewer rows: those in trouble come first."""
    count = ceil(len(matrix.rows) * share)
    if count == len(matrix.rows):
        return matrix
    rows = sorted(matrix.rows, key=lambda row: not {"f", "l"} & set(row.cells))[:count]
    left_out = f"and {len(matrix.rows) - count} more rows"
    return replace(matrix, rows=tuple(rows), rest="; ".join(filter(None, [left_out, matrix.rest])))


def _thin(points: tuple[P, ...], share: float) -> tuple[P, ...]:
    """Return every n-th point, with the last one."""
    stride = ceil(len(points) / ceil(_MAX_POINTS * share))
    return points[::-1][::stride][::-1] if points else points


def _matrix_context(matrix: Matrix, as_of: float) -> dict[str, Any]:
    edges = matrix.edges
    rows = [
        (
            {"name": row.site, "label": row.label},
            [(code, matrix.legend[code][0], index in edges) for index, code in enumerate(row.cells)],
            row.activity.text_at(as_of),
        )
        for row in matrix.rows
    ]
    return {
        "workflows": matrix.workflows,
        "columns": [(column, index in edges) for index, column in enumerate(matrix.columns)],
        "open_rows": rows[: matrix.open_count],
        "folded_rows": rows[matrix.open_count :],
        "summary": matrix.summary.text_at(as_of),
        "strip": _strip_context(matrix.strip) if matrix.strip_start else None,
        "rest": matrix.rest,
        "narrow_count": matrix.narrow_count,
    }


def _strip_context(strip: str) -> dict[str, Any]:
    """Return the paths of the columns in each state, one unit wide, and a description."""
    stretches, place = [], 0
    paths: dict[str, str] = {}
    for code, group in itertools.groupby(strip):
        count = sum(1 for _ in group)
        stretches.append((code, place + 1, count))
        paths[code] = paths.get(code, "") + f"M{place} 0h{count}v1h-{count}z"
        place += count
    described = [
        f"{first}{f' to {first + count - 1}' if count > 1 else ''}: {CELL_STATES[code][1]}"
        for code, first, count in stretches[:_MAX_STRETCHES_IN_WORDS]
        if code != " "
    ]
    paths.pop(" ", None)
    return {"paths": paths, "width": len(strip), "label": f"rounds {', '.join(described)}"}
