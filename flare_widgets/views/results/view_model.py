"""Content of the view of a result, decided before drawing. Pure but for reading small files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ...bounds import has_too_many_values
from ...formatting.text import format_size, sanitize, sanitize_lines
from ...monitoring.results.files import RUN_FOLDER
from ...monitoring.results.statistics import GLOBAL, Histogram
from ...results import Model, Result
from .histogram import draw_histogram

MAX_FILES = 100
"""The most files that are listed."""

MAX_FEATURES = 12
"""The most features whose histograms are drawn."""

_MAX_SITES = 6  # histograms of sites drawn beside that of all sites
_MAX_UNFOLDED_BYTES = 20_000
_MAX_UNFOLDED_CHARS = 4000
_MAX_OUTPUTS = 5
_KINDS = {
    "model": "models",
    "metrics": "metrics",
    "scalars": "TensorBoard events",
    "evaluation": "evaluation",
    "statistics": "statistics",
    "tracking": "experiment tracking",
    "log": "logs",
    "config": "configuration",
    "output": "written by the job's code",
    "copy": "copies made for the evaluation",
    "internal": "FLARE's own",
}


@dataclass(frozen=True)
class ModelRow:
    """A model: its name, its facts, its content, and the line that loads it (empty if unknown). Sanitized text."""

    name: str
    facts: str
    content: str
    load_line: str
    warning: str


@dataclass(frozen=True)
class FileGroup:
    """Files of a kind: the kind in words, their number and size, and their paths with sizes."""

    kind: str
    summary: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FeatureHistograms:
    """The histograms of a feature: of all sites together, and of single sites, each with its label."""

    feature: str
    pictures: tuple[tuple[str, Markup], ...]
    rest: str


def build_model_rows(models: Iterable[Model], folder: Path) -> tuple[ModelRow, ...]:
    """Return the models of a result; in the lines that load them, paths are relative to the working folder if below it.

    Parameters
    ----------
    models
        The models.
    folder
        The working folder.
    """
    return tuple(_build_model_row(model, folder) for model in models)


def _build_model_row(model: Model, folder: Path) -> ModelRow:
    of_round = "" if model.round is None else f"round {model.round}"
    best = "best" if model.is_best else ""
    facts = [" of ".join(filter(None, [best, of_round])), model.format, format_size(model.size)]
    content = [str(info) for info in model.arrays[:4]]
    if len(model.arrays) > len(content):
        content.append(f"and {len(model.arrays) - len(content)} more arrays")
    path = model.path.relative_to(folder) if model.path.is_relative_to(folder) else model.path
    return ModelRow(
        model.name,
        ", ".join(filter(None, facts)),
        "; ".join([*content, *filter(None, [model.details])]),
        sanitize(model.load_line_for(path), 1000),
        "loading it runs code that its author chose" if model.is_unsafe else "",
    )


def build_file_groups(result: Result) -> tuple[FileGroup, ...]:
    """Return the files of a result by kind."""
    groups: dict[str, list[tuple[str, int]]] = {}
    for file in result.files:
        groups.setdefault(file.kind, []).append((file.path.removeprefix(RUN_FOLDER), file.size))
    shown = MAX_FILES
    found = []
    for kind, files in groups.items():
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        listed = files[: max(0, shown)]
        shown -= len(listed)
        found.append(
            FileGroup(
                _KINDS.get(kind, kind),
                f"{count}, {format_size(sum(size for _, size in files))}",
                tuple((sanitize(path, 200), format_size(size)) for path, size in listed),
            )
        )
    return tuple(found)


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
    pictures = []
    for histogram in shown:
        site = "all sites" if histogram.site == GLOBAL else sanitize(histogram.site, 60)
        label = f"{site}, {sanitize(histogram.dataset, 60)}" if with_dataset else site
        pictures.append((label, draw_histogram(histogram.bins, f"{sanitize(name, 60)}, {label}")))
    more = len(ordered) - len(shown)
    return FeatureHistograms(sanitize(name, 60), tuple(pictures), f"and {more} more" if more else "")


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
