"""A result as a cell shows it: live, as static HTML, and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from ...formatting.table import align
from ...formatting.text import display_width, format_size, join_names, sanitize
from ...local_files import get_working_folder, shorten_path
from ...monitoring.results.statistics import Statistics
from ...results import Result
from ..core.html import fit_to_notebook, scoped_style, template_environment
from ..core.live_view import LiveView
from ..core.pretty import LiveOnDisplay
from ..core.tab import describe_tab
from ..job.metrics import MAX_OPEN_CHARTS, MetricsJsonCache, build_charts, describe_hidden_metrics
from ..job.tables import build_evaluation_tables, build_site_statistics
from .actions import FileActions
from .histogram import write_histogram
from .view_model import (
    MAX_DRAWN,
    MAX_FILES,
    MAX_TREE_FILES,
    FolderNode,
    build_file_tree,
    build_histograms,
    build_model_rows,
    build_statistics_by_site,
    read_outputs,
    result_to_json,
)

if TYPE_CHECKING:
    from ...api.transfer.progress import ProgressCallback

_MAX_TEXT_CHARS = 300
_MAX_DRAWN_WHOLE = 300  # histograms on a page of their own
_MAX_SITES = 15  # with statistics, in a static form that is shortened
_MAX_TEXT_ROWS, _MAX_TEXT_SITES = 20, 5  # of statistics as text
_MAX_TEXT_FILES, _MAX_TEXT_LINES = 30, 8  # of the tree as text, and of a file that is unfolded in it


class ResultView(LiveOnDisplay, Result):
    """A :class:`.Result` that a notebook shows: models, metrics, evaluation, statistics and files.

    Parameters
    ----------
    path, fetch
        As of :class:`.Result`.
    session
        The session of its job: with it, the reader may open the result in a tab of JupyterLab.
    """

    _live: LiveResultView | None = None

    def __init__(
        self,
        path: str | Path,
        *,
        fetch: Callable[[str, ProgressCallback | None], Path] | None = None,
        session: object = None,
    ) -> None:
        super().__init__(path, fetch=fetch)
        self._session = session

    def show(self) -> None:
        """Show the result live in the current cell; in a terminal, print it as text."""
        if self._live is None:
            self._live = LiveResultView(self, session=self._session)
        self._live.show()

    def _repr_html_(self) -> str:
        return result_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else describe(self))


class LiveResultView(LiveView):
    """A result, drawn live: charts to point at, a heat map for each metric, files to download one by one.

    It stays live until the kernel ends; nothing is polled.

    Parameters
    ----------
    result
        The result.
    session
        As of :class:`ResultView`.
    shorten
        Returns a path as it is shown; relative to the working folder, or to the home, if not given.
    folder
        The folder of the result as JupyterLab's file browser knows it; empty if it does not.

    Attributes
    ----------
    heading : dict
        The job's ``name`` and ``job_id``, the ``place`` of the result in words, and its ``folder``.
    contents : dict
        Models, histograms and files: see :func:`.result_to_json`.
    metrics : list of dict
        The metrics by round and step, see :class:`.Metric`.
    hidden_metrics : str
        The number of the metrics that are not among them, in words.
    evaluation, statistics : list of dict
        The tables, of the models a metric each and of the features a site each: see :class:`.ValueTable`.
    file_actions : dict
        The downloads of files that are not on this machine: see :meth:`.FileActions.asked_to_json`.
    """

    bundle = "results"

    heading = traitlets.Dict().tag(sync=True)
    contents = traitlets.Dict().tag(sync=True)
    metrics: traitlets.List[Any] = traitlets.List().tag(sync=True)
    hidden_metrics = traitlets.Unicode().tag(sync=True)
    evaluation: traitlets.List[Any] = traitlets.List().tag(sync=True)
    statistics: traitlets.List[Any] = traitlets.List().tag(sync=True)
    file_actions = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        result: Result,
        *,
        session: object = None,
        shorten: Callable[[Path], str] | None = None,
        folder: str = "",
    ) -> None:
        self._result, self._folder = result, folder
        self._shorten = _show_path if shorten is None else shorten
        self._metrics_json = MetricsJsonCache()
        self._tables: dict[str, list[dict[str, Any]]] | None = None
        self._actions = FileActions(result.missing, result.fetch, self._request_update, shorten=shorten or shorten_path)
        tab = describe_tab(session, "results", job=sanitize(result.job_id, 100)) if result.job_id else {}
        super().__init__(tab=tab)
        self._update_or_finish()

    def _state(self) -> dict[str, Any]:
        result, snapshot = self._result, self._result.snapshot
        if self._tables is None:
            evaluation = build_evaluation_tables(result.cross_site, snapshot.key_metric)
            self._tables = {
                "evaluation": [table.to_json(with_shades=True) for table in evaluation],
                "statistics": [table.to_json() for table in build_site_statistics(result.statistics)],
            }
        return {
            "heading": {
                "name": _name(result),
                "job_id": sanitize(result.job_id, 100),
                "place": _describe_place(result, self._shorten),
                "folder": self._folder,
            },
            "contents": result_to_json(result, self._shorten),
            "metrics": self._metrics_json(snapshot, snapshot.step_metrics),
            "hidden_metrics": describe_hidden_metrics(snapshot, snapshot.step_metrics),
            "file_actions": {} if self._is_static else self._actions.asked_to_json(),
            **self._tables,
        }

    def _mimebundle(self) -> dict[str, str]:
        return {"text/plain": describe(self._result), "text/html": result_html(self._result)}

    def _facts(self) -> object:
        return self._result.models, tuple(self._result.missing)

    def _is_finished(self) -> bool:
        return True

    def _is_of_lasting_use(self) -> bool:
        return True

    def _handle_message(self, message: dict[str, Any]) -> None:
        if not self._is_static:
            self._actions.handle_message(message)


def display_static(result: Result) -> None:
    """Show the static form of a result in the current cell."""
    from IPython.display import display

    forms = {"text/plain": describe(result), "text/html": result_html(result)}
    display(forms, raw=True)  # type: ignore[no-untyped-call]


def result_html(result: Result, *, is_whole: bool = False) -> str:
    """Return a result as HTML for a saved notebook; a large one is shortened, unless all of it is wanted."""
    if is_whole:
        return _render(result, 1.0, max_drawn=_MAX_DRAWN_WHOLE, max_files=MAX_TREE_FILES)
    return fit_to_notebook(
        lambda share: _render(result, share, max_drawn=int(MAX_DRAWN * share), max_files=ceil(MAX_FILES * share))
    )


def _render(result: Result, share: float, max_drawn: int, max_files: int) -> str:
    root, style = scoped_style("results-static.css")
    outputs = read_outputs(result.outputs)
    texts = dict(outputs[: int(len(outputs) * share)])
    variables = _context(result, max_drawn) | {"tree": build_file_tree(result.files, (), texts, max_files)}
    if share < 1:
        for name in ("charts", "histograms"):
            variables[name] = variables[name][: int(len(variables[name]) * share)]
        variables["statistics_by_site"] = variables["statistics_by_site"][: ceil(_MAX_SITES * share)]
        variables["is_shortened"] = True
    return template_environment().get_template("results.html.j2").render(root=root, style=style, **variables)


def _context(result: Result, max_drawn: int) -> dict[str, Any]:
    """Return the template variables of a result."""
    snapshot = result.snapshot
    by_site, others = build_statistics_by_site(result.statistics, max_drawn)
    histograms, more_features = build_histograms(others)
    return {
        "name": _name(result),
        "job_id": sanitize(result.job_id, 100),
        "place": _describe_place(result, _show_path),
        "arguments": [(name, value) for name, value in result.config.arguments.items()],
        "models": build_model_rows(result.models, _show_path),
        "notes": result.notes,
        "charts": build_charts(snapshot, snapshot.step_metrics),
        "hidden_metrics": "",
        "max_open_charts": MAX_OPEN_CHARTS,
        "evaluation": build_evaluation_tables(result.cross_site, snapshot.key_metric),
        "statistics": None,
        "statistics_by_site": by_site,
        "open_sites": max_drawn > MAX_DRAWN,
        "shaded": True,
        "histograms": histograms,
        "more_features": more_features,
        "reason": result.reason,
        "is_shortened": False,
    }


def describe(result: Result) -> str:
    """Return a result as text: a line for each thing in it, with what to call for more."""
    lines = [f"Result of {result.name or 'a job'} in {_show_path(result.path)}"]
    for model in result.models:
        lines.append(f"  model       {model}")
        if model.fetch is not None:
            lines.append("              still on the server: .load() downloads it")
        elif model.load_line:
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
        lines += _describe_statistics(result.statistics)
    if result.files:
        tree = build_file_tree(result.files, (), dict(read_outputs(result.outputs)), _MAX_TEXT_FILES)
        lines += [f"  files       {tree.summary}", *_describe_folder(tree, "    ")]
    return "\n".join(sanitize(line, 1000) for line in lines)


def _describe_folder(folder: FolderNode, indent: str) -> Iterator[str]:
    """Yield what is in a folder as lines, what is deeper further to the right."""
    for below in folder.folders:
        yield f"{indent}{below.name}/  {below.summary}"
        yield from _describe_folder(below, f"{indent}  ")
    for file in folder.files:
        yield f"{indent}{file.name}  {file.size}{', ' if file.kind else ''}{file.kind}"
        lines = file.text.splitlines()
        shown = lines if len(lines) <= _MAX_TEXT_LINES else [*lines[: _MAX_TEXT_LINES - 1], "…"]
        yield from (f"{indent}  {line}" for line in shown)


def _describe_statistics(statistics: Statistics) -> list[str]:
    """Return a table for all sites and one for each, as lines, with a histogram at the end of a row."""
    sites, _ = build_statistics_by_site(statistics)
    lines = []
    for site in sites[:_MAX_TEXT_SITES]:
        rows = site.table.rows[:_MAX_TEXT_ROWS]
        numbers = align([[site.title, *site.table.headings], *([row.name, *row.cells] for row in rows)], numbers=True)
        histograms = ["", *("" if each is None else write_histogram(each.bins) for each in site.histograms)]
        width = max(map(display_width, numbers))
        lines += [
            f"    {line}{' ' * (width - display_width(line))}   {histogram}".rstrip()
            for line, histogram in zip(numbers, histograms, strict=False)
        ]
        lines += [f"    ... and {len(site.table.rows) - len(rows)} more"] if len(site.table.rows) > len(rows) else []
    rest = len(sites) - _MAX_TEXT_SITES
    return [*lines, *([f"    ... and {rest} more site{'' if rest == 1 else 's'}"] if rest > 0 else [])]


def _name(result: Result) -> str:
    return sanitize(result.name or result.path.name, _MAX_TEXT_CHARS)


def _describe_place(result: Result, shorten: Callable[[Path], str]) -> str:
    size = format_size(sum(file.size for file in result.files))
    left = sum(result.missing.values())
    missing = f", of which {format_size(left)} are still on the server" if left else ""
    return f"{size} in {sanitize(shorten(result.path), 1000)}{missing}"


def _show_path(path: Path) -> str:
    here = get_working_folder()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
