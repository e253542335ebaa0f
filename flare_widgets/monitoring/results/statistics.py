"""Reader of federated statistics, as FLARE's ``JsonStatsFileWriter`` writes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..numbers import finite_or_none
from .values import clean_name, parse_json

MAX_NUMBERS = 20_000
"""Number of numbers that are read."""

MAX_HISTOGRAMS = 1000
"""Number of histograms that are read."""

MAX_BINS = 100
"""Number of bins of a histogram; of one with more, neighbours are put together."""

GLOBAL = "Global"
"""Name in place of a site's for the statistic of all sites together."""

_HISTOGRAM, _QUANTILE, _NAME, _LOCAL = "histogram", "quantile", "Name", "Local"
_MAX_LEVELS = 20  # of a hierarchy
_SAFE_PATH = re.compile(r"[^\x00-\x1f\x7f\\]{1,500}")
_WRITER = "JsonStatsFileWriter"


@dataclass(frozen=True)
class FeatureStatistic:
    """A number about a feature.

    Attributes
    ----------
    feature, statistic
        The feature; ``count``, ``mean``, ``stddev``, ..., ``quantile 0.5``.
    site
        The site, `GLOBAL`, or the name of a level of a hierarchy.
    dataset
        Name of the data set: ``train``, ...
    value
        The number.
    """

    feature: str
    statistic: str
    site: str
    dataset: str
    value: float


@dataclass(frozen=True)
class Bin:
    """A bin of a histogram, from `low` to below `high`, with its number of samples, which may be a fraction."""

    low: float
    high: float
    count: float


@dataclass(frozen=True)
class Histogram:
    """The histogram of a feature; attributes as of :class:`FeatureStatistic`."""

    feature: str
    site: str
    dataset: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Statistics:
    """The statistics of a job, in the order of the file."""

    numbers: tuple[FeatureStatistic, ...] = ()
    histograms: tuple[Histogram, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.histograms)


def read_statistics(text: str) -> Statistics:
    """Read statistics; empty if the text has none.

    Parameters
    ----------
    text
        ``{feature: {statistic: {site: {dataset: value}}}}``, where the site of all sites is ``Global`` and the value of
        a histogram a list of ``[low, high, count]``. That of hierarchical statistics begins with ``Global`` and has
        lists of levels, each with its ``Name`` and ``{statistic: {dataset: {feature: value}}}``.
    """
    content = parse_json(text)
    if not isinstance(content, dict):
        return Statistics()
    numbers: list[FeatureStatistic] = []
    histograms: list[Histogram] = []
    entries = _read_hierarchy(content, 0) if _is_hierarchy(content) else _read_features(content)
    for feature, statistic, site, dataset, value in entries:
        names = clean_name(feature), clean_name(site), clean_name(dataset)
        if statistic == _HISTOGRAM:
            bins = _read_bins(value)
            if bins and len(histograms) < MAX_HISTOGRAMS:
                histograms.append(Histogram(*names, bins))
            continue
        for kind, entry in _items(value) if statistic == _QUANTILE else [("", value)]:
            number = finite_or_none(entry)
            if number is not None and len(numbers) < MAX_NUMBERS:
                name = clean_name(f"{statistic} {kind}".rstrip())
                numbers.append(FeatureStatistic(names[0], name, names[1], names[2], number))
    return Statistics(tuple(numbers), tuple(histograms))


def find_statistics_path(config: Mapping[str, Any]) -> str | None:
    """Return the path of the statistics in the result's ``workspace``; None if the job writes none, or it is unsafe.

    Parameters
    ----------
    config
        The server's part of the job's configuration, parsed.
    """
    components = config.get("components")
    for component in components if isinstance(components, list) else ():
        if not isinstance(component, dict) or not isinstance(args := component.get("args"), dict):
            continue
        path = args.get("output_path")
        named = str(component.get("path") or component.get("name") or "")
        if named.rpartition(".")[2] == _WRITER and isinstance(path, str):
            parts = [part for part in path.split("/") if part not in ("", ".")]
            if not path.startswith("/") and ".." not in parts and _SAFE_PATH.fullmatch(path):
                return "/".join(parts)
    return None


Entry = tuple[str, str, str, str, Any]
"""Feature, statistic, site, dataset and the value as it stands."""


def _read_features(content: dict[str, Any]) -> Iterator[Entry]:
    for feature, statistics in content.items():
        for statistic, sites in _items(statistics):
            for site, datasets in _items(sites):
                for dataset, value in _items(datasets):
                    yield feature, statistic, site, dataset, value


def _is_hierarchy(content: dict[str, Any]) -> bool:
    return isinstance(content.get(GLOBAL), dict) and all(
        isinstance(value, list) for key, value in content.items() if key not in (GLOBAL, _NAME)
    )


def _read_hierarchy(level: dict[str, Any], depth: int) -> Iterator[Entry]:
    name = level.get(_NAME)
    site = name if isinstance(name, str) else GLOBAL
    for key, value in level.items():
        if key in (GLOBAL, _LOCAL):
            for statistic, datasets in _items(value):
                for dataset, features in _items(datasets):
                    for feature, entry in _items(features):
                        yield feature, statistic, site, dataset, entry
        elif isinstance(value, list) and depth < _MAX_LEVELS:
            for below in value:
                if isinstance(below, dict):
                    yield from _read_hierarchy(below, depth + 1)


def _read_bins(value: Any) -> tuple[Bin, ...]:
    """Return the bins of a histogram; none if it is no histogram."""
    bins = []
    for entry in value if isinstance(value, list) else ():
        numbers = [finite_or_none(number) for number in entry] if isinstance(entry, list) and len(entry) == 3 else []
        low, high, count = numbers or (None, None, None)
        if low is None or high is None or count is None:
            return ()
        bins.append(Bin(low, high, count))
    step = -(-len(bins) // MAX_BINS)
    if step > 1:
        groups = [bins[begin : begin + step] for begin in range(0, len(bins), step)]
        bins = [Bin(group[0].low, group[-1].high, sum(b.count for b in group)) for group in groups]
    return tuple(bins)


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
