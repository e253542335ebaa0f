"""Content of the view of a result, decided before drawing. Pure but for reading small files."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from ...bounds import has_too_many_values
from ...formatting.text import format_size, sanitize, sanitize_lines
from ...monitoring.job.model import Results
from ...monitoring.results.files import RUN_FOLDER, ResultFile
from ...monitoring.results.statistics import GLOBAL, Histogram, Statistics
from ...results import Model, Result
from ..job.tables import ALL_SITES, ValueTable, build_site_statistics
from .histogram import draw_histogram, place_bars

MAX_FILES = 100
"""The most files in the tree of a static form."""

MAX_FEATURES = 12
"""The most features whose histograms are drawn."""

MAX_DRAWN = 40
"""The most histograms that are drawn in the tables of a static form."""

MAX_TREE_FILES = 400
"""The most files in the tree of a live view, and of a page of its own."""

_MAX_SITES = 6  # histograms of sites drawn beside that of all sites
_MAX_UNFOLDED_BYTES = 20_000
_MAX_UNFOLDED_CHARS = 4000
_MAX_OUTPUTS = 5
_MAX_TREE_DEPTH = 8
_KINDS = {
    "model": "model",
    "metrics": "metrics",
    "scalars": "TensorBoard events",
    "evaluation": "evaluation",
    "statistics": "statistics",
    "tracking": "experiment tracking",
    "log": "log",
    "config": "configuration",
    "output": "written by the job's code",
    "copy": "copy made for the evaluation",
}


@dataclass(frozen=True)
class ModelRow:
    """A model: its name, its facts, its content, and the line that loads it (empty if unknown). Sanitized text.

    `action` is the name of the action that downloads its file; empty if there is none.
    """

    name: str
    facts: str
    content: str
    load_line: str
    warning: str
    action: str = ""


@dataclass(frozen=True)
class FeatureHistograms:
    """The histograms of a feature: of all sites together, and of single sites, each with its label."""

    feature: str
    histograms: tuple[tuple[str, Histogram], ...]
    rest: str

    @property
    def pictures(self) -> list[tuple[str, Markup]]:
        """The label and the picture of each."""
        return [(label, draw_histogram(h.bins, f"{self.feature}, {label}")) for label, h in self.histograms]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data: of each histogram the label, the ends of its range, and its bars."""
        shown = [
            {"label": label, "low": h.bins[0].low, "high": h.bins[-1].high, "bars": place_bars(h.bins)}
            for label, h in self.histograms
        ]
        return {"feature": self.feature, "histograms": shown, "rest": self.rest}


@dataclass(frozen=True)
class SiteStatistics:
    """The statistics of one site, or of all sites: a table, and the histogram of each of its rows, if there is one.

    `title` is the name of the site. `max_drawn` is the number of the histograms that are drawn.
    """

    title: str
    table: ValueTable
    histograms: tuple[Histogram | None, ...]
    max_drawn: int

    @property
    def pictures(self) -> list[Markup]:
        """The picture of each row, empty if it has none; no rows if no row has one."""
        drawn = itertools.count()
        found = [
            draw_histogram(histogram.bins, f"{row.name}, {self.title}", is_compact=True)
            if histogram is not None and next(drawn) < self.max_drawn
            else Markup()
            for row, histogram in zip(self.table.rows, self.histograms, strict=True)
        ]
        return found if any(found) else []


@dataclass(frozen=True)
class FileNode:
    """A file in the tree of a result. Sanitized text.

    Attributes
    ----------
    name
        Its name in its folder.
    size, kind
        Its size and its kind in words.
    text
        Its content, if it is unfolded.
    action
        The name of the action that downloads it; empty if there is none.
    """

    name: str
    size: str
    kind: str
    text: str = ""
    action: str = ""


@dataclass(frozen=True)
class FolderNode:
    """A folder in the tree of a result: its name, its files in words, and what is in it."""

    name: str
    summary: str
    folders: tuple[FolderNode, ...]
    files: tuple[FileNode, ...]


def build_model_rows(models: Iterable[Model], shorten: Callable[[Path], str]) -> tuple[ModelRow, ...]:
    """Return the models of a result.

    Parameters
    ----------
    models
        The models.
    shorten
        Returns a path as it is in the lines that load a model.
    """
    return tuple(_build_model_row(model, shorten) for model in models)


def _build_model_row(model: Model, shorten: Callable[[Path], str]) -> ModelRow:
    of_round = "" if model.round is None else f"round {model.round}"
    best = "best" if model.is_best else ""
    facts = [" of ".join(filter(None, [best, of_round])), model.format, format_size(model.size)]
    content = [str(info) for info in model.arrays[:4]]
    if len(model.arrays) > len(content):
        content.append(f"and {len(model.arrays) - len(content)} more arrays")
    return ModelRow(
        model.name,
        ", ".join(filter(None, facts)),
        "; ".join([*content, *filter(None, [model.details, "still on the server" if model.fetch is not None else ""])]),
        "" if model.fetch is not None else sanitize(model.load_line_for(Path(shorten(model.path))), 1000),
        "loading it runs code that its author chose" if model.is_unsafe else "",
        action_name(model.name) if model.fetch is not None else "",
    )


def build_listed_models(files: Iterable[ResultFile]) -> tuple[ModelRow, ...]:
    """Return the models among the files of a result that is on the server."""
    return tuple(
        ModelRow(sanitize(name, 300), format_size(file.size), "", "", "", action_name(name))
        for file in files
        if file.kind == "model" and (name := _short_name(file))
    )


def action_name(name: str) -> str:
    """Return the name of the action that downloads a file, given its path in the run folder."""
    return f"fetch {name}"


def result_to_json(result: Result, shorten: Callable[[Path], str]) -> dict[str, Any]:
    """Return a result on this machine as a live view gets it, but for its metrics and tables.

    Parameters
    ----------
    result
        The result.
    shorten
        Returns a path as it is shown.
    """
    histograms, more_features = build_histograms(result.statistics.histograms)
    return {
        "arguments": [f"{name} = {value}" for name, value in result.config.arguments.items()],
        "reason": sanitize(result.reason, 500),
        "notes": [sanitize(note, 500) for note in result.notes] if not result.models else [],
        "models": [asdict(row) for row in build_model_rows(result.models, shorten)],
        "histograms": [feature.to_json() for feature in histograms],
        "more_features": more_features,
        "tree": asdict(build_file_tree(result.files, result.missing, dict(read_outputs(result.outputs)))),
    }


def listing_to_json(results: Results, *, has_actions: bool) -> dict[str, Any]:
    """Return a result on the server as the view of its job gets it: models, histograms and files."""
    histograms, more_features = build_histograms(results.statistics.histograms)
    names = set(list_names(results.files)) if has_actions else set()
    models = build_listed_models(results.files)
    return {
        "models": [asdict(row if has_actions else replace(row, action="")) for row in models],
        "histograms": [feature.to_json() for feature in histograms],
        "more_features": more_features,
        "tree": asdict(build_file_tree(results.files, names)),
    }


def build_file_tree(
    files: Iterable[ResultFile],
    remote: Collection[str] = (),
    texts: Mapping[str, str] = MappingProxyType({}),
    max_files: int = MAX_TREE_FILES,
) -> FolderNode:
    """Return the files of a result as a tree; of many the first.

    Parameters
    ----------
    files
        The files.
    remote
        The paths in the run folder of those that an action downloads.
    texts
        The contents that are unfolded, by such a path.
    max_files
        The most files in the tree; the others are counted.
    """
    shown = [(PurePosixPath(_short_name(file)).parts, file) for file in files]
    rest = len(shown) - max_files
    root = _build_folder("", [(parts, file) for parts, file in shown[:max_files] if parts], remote, texts)
    return (
        root
        if rest <= 0
        else FolderNode("", f"{root.summary}, and {rest} more file{'' if rest == 1 else 's'}", root.folders, root.files)
    )


def _build_folder(
    name: str,
    entries: Sequence[tuple[tuple[str, ...], ResultFile]],
    remote: Collection[str],
    texts: Mapping[str, str],
    depth: int = 0,
) -> FolderNode:
    below: dict[str, list[tuple[tuple[str, ...], ResultFile]]] = {}
    files = []
    for parts, file in entries:
        if len(parts) > depth + 1 and depth < _MAX_TREE_DEPTH:
            below.setdefault(parts[depth], []).append((parts, file))
            continue
        short = _short_name(file)
        files.append(
            FileNode(
                sanitize("/".join(parts[depth:]), 200),
                format_size(file.size),
                _KINDS.get(file.kind, ""),
                texts.get(short, ""),
                action_name(short) if short in remote else "",
            )
        )
    folders = (_build_folder(folder, inside, remote, texts, depth + 1) for folder, inside in sorted(below.items()))
    count = "1 file" if len(entries) == 1 else f"{len(entries)} files"
    total = format_size(sum(file.size for _, file in entries))
    return FolderNode(sanitize(name, 200), f"{count}, {total}", tuple(folders), tuple(sorted(files, key=_file_name)))


def _file_name(node: FileNode) -> str:
    return node.name


def _short_name(file: ResultFile) -> str:
    return file.path.removeprefix(RUN_FOLDER)


def list_names(files: Iterable[ResultFile]) -> list[str]:
    """Return the paths of files in the run folder."""
    return [_short_name(file) for file in files]


def build_statistics_by_site(
    statistics: Statistics, max_drawn: int = MAX_DRAWN
) -> tuple[tuple[SiteStatistics, ...], list[Histogram]]:
    """Return the statistics of all sites and of each, and the histograms that belong to none of these tables.

    Parameters
    ----------
    statistics
        The statistics.
    max_drawn
        The most histograms that are drawn, of all tables together.
    """
    tables = build_site_statistics(statistics)
    titles = {table.title for table in tables}
    by_row: dict[tuple[str, str], Histogram] = {}
    others = []
    for histogram in statistics.histograms:
        title, feature = _title_of(histogram.site), sanitize(histogram.feature, 60)
        if title not in titles:
            others.append(histogram)
        elif histogram.bins:
            # A row has its data set in its name only if there are several.
            for name in (feature, f"{feature} ({sanitize(histogram.dataset, 60)})"):
                by_row.setdefault((title, name), histogram)
    found = []
    for table in tables:
        histograms = tuple(by_row.get((table.title, row.name)) for row in table.rows)
        room = min(max_drawn, MAX_FEATURES)
        max_drawn -= min(room, sum(histogram is not None for histogram in histograms))
        found.append(SiteStatistics(table.title, replace(table, title=""), histograms, room))
    return tuple(found), others


def _title_of(site: str) -> str:
    return ALL_SITES if site == GLOBAL else sanitize(site, 60)


def build_histograms(histograms: Iterable[Histogram]) -> tuple[tuple[FeatureHistograms, ...], int]:
    """Return the histograms by feature, and the number of features that are left out."""
    by_feature: dict[str, list[Histogram]] = {}
    for histogram in histograms:
        if histogram.bins:
            by_feature.setdefault(histogram.feature, []).append(histogram)
    features = [_build_feature(name, each) for name, each in list(by_feature.items())[:MAX_FEATURES]]
    return tuple(features), len(by_feature) - len(features)


def _build_feature(name: str, histograms: list[Histogram]) -> FeatureHistograms:
    ordered = sorted(histograms, key=lambda h: (h.site != GLOBAL, h.site, h.dataset))
    shown = ordered[: _MAX_SITES + 1]
    with_dataset = len({histogram.dataset for histogram in ordered}) > 1
    labelled = []
    for histogram in shown:
        site = _title_of(histogram.site)
        label = f"{site}, {sanitize(histogram.dataset, 60)}" if with_dataset else site
        labelled.append((label, histogram))
    more = len(ordered) - len(shown)
    return FeatureHistograms(sanitize(name, 60), tuple(labelled), f"and {more} more" if more else "")


def read_outputs(outputs: Mapping[str, Path]) -> tuple[tuple[str, str], ...]:
    """Return the first small JSON files that the job's code wrote, by name, unfolded; what is no JSON is left out."""
    found: list[tuple[str, str]] = []
    for name, path in outputs.items():
        if len(found) >= _MAX_OUTPUTS:
            break
        if path.suffix.lower() != ".json":
            continue
        text = _unfold(path)
        if text:
            found.append((sanitize(name, 200), text))
    return tuple(found)


def _unfold(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_UNFOLDED_BYTES:
            return ""
        text = path.read_text("utf-8", "replace")
        if has_too_many_values(text):
            return ""
        unfolded = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (OSError, ValueError, RecursionError):
        return ""
    cut = unfolded[:_MAX_UNFOLDED_CHARS]
    return sanitize_lines(cut) + ("\n…" if len(unfolded) > len(cut) else "")
