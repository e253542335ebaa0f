"""A downloaded result as a cell shows it. It does not change, so its static form is its only one."""

from __future__ import annotations

from typing import Any

from ...formatting.text import format_size, join_names, sanitize
from ...local_files import get_working_folder
from ...results import Result
from ..core.html import scoped_style, template_environment
from ..job.metrics import MAX_OPEN_CHARTS, build_charts
from ..job.tables import build_evaluation_tables, build_statistics_table
from .view_model import build_file_groups, build_histograms, build_model_rows, read_outputs

_MAX_TEXT_CHARS = 300


class ResultView(Result):
    """A :class:`.Result` that a notebook shows: models, metrics, evaluation, statistics and files."""

    def _repr_html_(self) -> str:
        root, style = scoped_style("results-static.css")
        return template_environment().get_template("results.html.j2").render(root=root, style=style, **context(self))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else describe(self))


def context(result: Result) -> dict[str, Any]:
    """Return the template variables of a result."""
    snapshot = result.snapshot
    histograms, more_features = build_histograms(result.statistics.histograms)
    return {
        "name": sanitize(result.name or result.path.name, _MAX_TEXT_CHARS),
        "job_id": sanitize(result.job_id, 100),
        "folder": sanitize(_show_folder(result), 1000),
        "size": format_size(sum(file.size for file in result.files)),
        "arguments": [(name, value) for name, value in result.config.arguments.items()],
        "models": build_model_rows(result.models, get_working_folder()),
        "notes": result.notes,
        "charts": build_charts(snapshot, snapshot.step_metrics),
        "hidden_metrics": "",
        "max_open_charts": MAX_OPEN_CHARTS,
        "evaluation": build_evaluation_tables(result.cross_site, snapshot.key_metric),
        "statistics": build_statistics_table(result.statistics, elsewhere=""),
        "shaded": True,
        "histograms": histograms,
        "more_features": more_features,
        "outputs": read_outputs(result.outputs),
        "file_groups": build_file_groups(result),
        "reason": result.reason,
    }


def describe(result: Result) -> str:
    """Return a result as text: a line for each thing in it, with what to call for more."""
    lines = [f"Result of {result.name or 'a job'} in {_show_folder(result)}"]
    for model in result.models:
        lines.append(f"  model       {model}")
        if model.load_line:
            lines.append(f"              {model.load_line}")
    if not result.models:
        lines += [f"  model       none here: {note}" for note in result.notes] or ["  model       none"]
    metrics = sorted({record.metric for record in [*result.metrics, *result.scalars]})
    if metrics:
        lines.append(f"  metrics     {join_names(metrics, 6)}: .metrics, .scalars, .to_frame()")
    if result.cross_site:
        lines.append(f"  evaluation  {len(result.cross_site)} values: .cross_site")
    if result.statistics:
        lines.append(f"  statistics  {len(result.statistics.numbers)} numbers: .statistics")
    lines += [f"  {group.kind}: {group.summary}" for group in build_file_groups(result)]
    return "\n".join(sanitize(line, 1000) for line in lines)


def _show_folder(result: Result) -> str:
    here = get_working_folder()
    return str(result.path.relative_to(here) if result.path.is_relative_to(here) else result.path)
