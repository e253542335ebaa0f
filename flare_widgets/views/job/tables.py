"""The tables in a job's view: the evaluation of models by sites, and the statistics of features. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ...formatting.text import format_number, join_names, sanitize
from ...monitoring.job.metric_direction import metric_direction
from ...monitoring.job.model import KeyMetric, Results
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.results.evaluation import Evaluation
from ...monitoring.results.statistics import GLOBAL, FeatureStatistic, Statistics

MAX_TABLES, MAX_ROWS, MAX_COLUMNS = 6, 50, 20
"""The most metrics with a table each, and the rows and columns of a table; the rest is counted."""

ALL_SITES = "all sites"
"""Title of the statistics of all sites together."""

_MAX_NAME_CHARS = 60  # characters
_MAX_WHOLE = 1e15  # a larger number is not written in full
_MEAN = "mean of the sites"
_SERVER_MODEL = "SRV_"  # FLARE's prefix of the names of the server's models
_STATISTICS = ("count", "sum", "mean", "stddev", "var", "min", "max")


@dataclass(frozen=True)
class ValueRow:
    """A row: its name, its values in words (empty if unknown), and the columns in which it is the best.

    `shades` has the place of each value between the least and the greatest of the table, in percent, for a heat map,
    the other way round if lower is better; None if it has none.
    """

    name: str
    cells: tuple[str, ...]
    best: tuple[int, ...] = ()
    shades: tuple[int | None, ...] = dataclasses.field(default=(), compare=False)


@dataclass(frozen=True)
class ValueTable:
    """A table of numbers. All text is sanitized and bounded; for HTML it must still be escaped.

    Attributes
    ----------
    title
        Its title.
    corner
        The heading of the names of the rows.
    headings
        The headings of the columns.
    rows
        The rows.
    rest
        The rows and columns that are not shown, in words.
    """

    title: str
    corner: str
    headings: tuple[str, ...]
    rows: tuple[ValueRow, ...]
    rest: str = ""

    def to_json(self, *, with_shades: bool = False) -> dict[str, Any]:
        """Return plain JSON-able data."""
        data = dataclasses.asdict(self)
        for row in data["rows"] if not with_shades else ():
            del row["shades"]
        return data


def build_evaluation_tables(
    evaluations: Iterable[Evaluation], key_metric: KeyMetric | None = None
) -> tuple[ValueTable, ...]:
    """Return a table of models by sites for each metric; the best model of each site is marked.

    Nothing is marked if the better direction of the metric is unknown, or if there is only one model.
    """
    by_metric: dict[str, dict[str, dict[str, float]]] = {}
    for found in evaluations:
        by_metric.setdefault(found.metric, {}).setdefault(found.model, {})[found.site] = found.value
    key = key_metric.name if key_metric is not None else None
    metrics = sorted(by_metric, key=lambda metric: metric != key)[:MAX_TABLES]
    return tuple(
        _build_evaluation_table(metric, by_metric[metric], metric_direction(metric, key_metric)) for metric in metrics
    )


class TablesJsonCache:
    """The tables of one job as data for a browser, rebuilt only if they have changed."""

    def __init__(self) -> None:
        self._key: tuple[Results | None, KeyMetric | None] = (None, None)
        self._json: list[dict[str, Any]] = []

    def __call__(self, snapshot: JobSnapshot) -> list[dict[str, Any]]:
        """Return the title of each section and its tables."""
        results, key_metric = snapshot.recorded, snapshot.key_metric
        if results is not self._key[0] or key_metric != self._key[1]:
            self._key = results, key_metric
            results = results or Results()
            statistics = build_statistics_table(results.statistics)
            sections = {
                "Evaluation": build_evaluation_tables(results.evaluations, key_metric),
                "Statistics": () if statistics is None else (statistics,),
            }
            self._json = [
                {"title": title, "tables": [table.to_json() for table in tables]}
                for title, tables in sections.items()
                if tables
            ]
        return self._json


def build_statistics_table(statistics: Statistics, elsewhere: str = "in the result only") -> ValueTable | None:
    """Return a table of features by statistics, over all sites; of each site if there is no such row. None if empty.

    A column of whole numbers, such as counts, has no decimals. The histograms are only mentioned, with the place where
    they are (`elsewhere`); nothing is mentioned if that is empty.
    """
    numbers = statistics.numbers
    shown = [number for number in numbers if number.site == GLOBAL] or numbers
    with_sites = bool(shown) and shown[0].site != GLOBAL
    several_datasets = len({number.dataset for number in shown}) > 1
    values: dict[str, dict[str, float]] = {}
    for number in shown:
        of = [number.dataset if several_datasets else "", number.site if with_sites else ""]
        more = ", ".join(sanitize(text, _MAX_NAME_CHARS) for text in of if text)
        name = sanitize(number.feature, _MAX_NAME_CHARS) + (f" ({more})" if more else "")
        values.setdefault(name, {})[number.statistic] = number.value
    if not values:
        return None
    columns = list(dict.fromkeys(number.statistic for number in shown))
    columns.sort(key=lambda s: _STATISTICS.index(s) if s in _STATISTICS else len(_STATISTICS))
    title = "Statistics of each site" if with_sites else "Statistics of all sites"
    table = _build_table(title, "feature", columns, values, ("features", "statistics"), has_whole_columns=True)
    return dataclasses.replace(
        table, rest="; ".join(filter(None, (table.rest, _describe_others(statistics, shown, elsewhere))))
    )


def build_site_statistics(statistics: Statistics) -> tuple[ValueTable, ...]:
    """Return a table of features by statistics for all sites, and one for each site; its title is that of the sites."""
    sites = sorted({number.site for number in statistics.numbers}, key=lambda site: (site != GLOBAL, site))
    tables = []
    for site in sites[:MAX_COLUMNS]:
        numbers = tuple(dataclasses.replace(n, site=GLOBAL) for n in statistics.numbers if n.site == site)
        table = build_statistics_table(Statistics(numbers), elsewhere="")
        if table is not None:
            title = ALL_SITES if site == GLOBAL else sanitize(site, _MAX_NAME_CHARS)
            tables.append(dataclasses.replace(table, title=title))
    return tuple(tables)


def _describe_others(statistics: Statistics, shown: Sequence[FeatureStatistic], elsewhere: str) -> str:
    """Return the statistics that have no place in the table, in words; empty if it has all."""
    others = [
        "the histograms" if statistics.histograms else "",
        "the statistics of each site" if len(shown) < len(statistics.numbers) else "",
    ]
    return f"{join_names(filter(None, others))} are {elsewhere}" if elsewhere and any(others) else ""


def _build_evaluation_table(metric: str, models: Mapping[str, Mapping[str, float]], direction: str) -> ValueTable:
    sites = sorted({site for values in models.values() for site in values})
    # Models of the server first: then those of the sites are in the order of the columns.
    values = {m: dict(models[m]) for m in sorted(models, key=lambda m: (not m.startswith(_SERVER_MODEL), m))}
    columns = sites
    if len(sites) > 1:
        columns = [*sites[: MAX_COLUMNS - 1], _MEAN]
        for of_sites in values.values():
            if len(of_sites) == len(sites):
                of_sites[_MEAN] = fmean(of_sites.values())
    words = {"max": " (higher is better)", "min": " (lower is better)"}.get(direction, "")
    title = f"{sanitize(metric, _MAX_NAME_CHARS)}{words}"
    return _build_table(
        title,
        "model",
        columns,
        values,
        ("models", "sites"),
        direction,
        len(sites) + (len(sites) > 1),
        shade=_make_shade([value for row in models.values() for value in row.values()], direction),
    )


def _make_shade(values: Sequence[float], direction: str) -> Callable[[float], int] | None:
    """Return the function that gives the place of a value between both ends; None if all values are equal."""
    low, high = min(values), max(values)
    if not 0 < high - low < float("inf"):
        return None
    # The best is the strongest.
    start, end = (high, low) if direction == "min" else (low, high)
    return lambda value: round(100 * (value - start) / (end - start))


def _build_table(
    title: str,
    corner: str,
    columns: Sequence[str],
    values: Mapping[str, Mapping[str, float]],
    nouns: tuple[str, str],
    direction: str = "",
    total_columns: int = 0,
    has_whole_columns: bool = False,
    shade: Callable[[float], int] | None = None,
) -> ValueTable:
    shown = columns[:MAX_COLUMNS]
    better = {"max": max, "min": min}.get(direction)
    best = [
        better(numbers) if better is not None and len(numbers) > 1 else None
        for numbers in ([row[column] for row in values.values() if column in row] for column in shown)
    ]
    whole = {
        column
        for column in shown
        if has_whole_columns and all(row[column].is_integer() for row in values.values() if column in row)
    }
    formats = [_format_whole if column in whole else format_number for column in shown]
    rows = tuple(
        ValueRow(
            sanitize(name, 2 * _MAX_NAME_CHARS),
            tuple(form(row[column]) if column in row else "" for column, form in zip(shown, formats, strict=True)),
            tuple(i for i, column in enumerate(shown) if column in row and best[i] == row[column]),
            () if shade is None else tuple(shade(row[column]) if column in row else None for column in shown),
        )
        for name, row in list(values.items())[:MAX_ROWS]
    )
    hidden = len(values) - len(rows), max(len(columns), total_columns) - len(shown)
    rest = ", ".join(f"{count} more {noun}" for count, noun in zip(hidden, nouns, strict=True) if count > 0)
    return ValueTable(
        title,
        corner,
        tuple(sanitize(column, _MAX_NAME_CHARS) for column in shown),
        rows,
        f"and {rest}" if rest else "",
    )


def _format_whole(value: float) -> str:
    return f"{value:.0f}" if abs(value) < _MAX_WHOLE else format_number(value)
