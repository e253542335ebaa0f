"""The metrics in a job's view: a chart each, or words if there is not enough data for one. Pure."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...formatting.text import format_number, sanitize
from ...monitoring.job.model import Point, Series
from ...monitoring.job.snapshot import JobSnapshot
from ..core.svg_chart import ChartLine, ChartMark, line_chart, value_scales_json

MAX_METRICS = 12
"""The most metrics in a view; the rest is counted."""

MAX_SITES = 40
"""The most sites with a line in the chart of a metric; the rest is counted."""

ALL_SITES_LABEL = "all sites (aggregate)"
"""The label of the aggregate over all sites."""

_MAX_POINTS = 8000  # of all lines, in one message to a browser
_MIN_POINTS_PER_LINE = 50  # for any number of lines
_MAX_NAME_CHARS = 60  # characters
_MAX_VALUES_IN_TEXT = 4  # values that are listed in words


@dataclass(frozen=True)
class MetricLine:
    """The values of one site, or of the aggregate: pairs of round (counted from 1) and value."""

    name: str
    points: tuple[tuple[int, float], ...]
    is_bold: bool = False


@dataclass(frozen=True)
class Metric:
    """A metric over the rounds.

    Attributes
    ----------
    name
        Its name. All text is sanitized and bounded; for HTML it must still be escaped.
    text
        The newest values in words.
    lines
        The lines, that of all sites together first.
    hidden_sites
        The number of sites that have no line here.
    best
        The best round (counted from 1) and its value; None if the job does not choose by this metric.
    stride
        The step in rounds between the points shown, counted back from the newest: 1 unless there are very many.
    """

    name: str
    text: str
    lines: tuple[MetricLine, ...]
    hidden_sites: int = 0
    best: tuple[int, float] | None = None
    stride: int = 1

    @property
    def has_chart(self) -> bool:
        """True if there is something to draw: a line needs two points."""
        return any(len(line.points) > 1 for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        points = [point for line in self.lines for point in line.points]
        scales = value_scales_json([*points, *([self.best] if self.best else [])])
        return {**dataclasses.asdict(self), "has_chart": self.has_chart, **scales}


def build_metrics(snapshot: JobSnapshot) -> tuple[Metric, ...]:
    """Return the metrics to draw, the job's main metric first."""
    by_name: dict[str, list[Series]] = {}
    for series in snapshot.metrics:
        if series.points:
            by_name.setdefault(series.name, []).append(series)
    first = snapshot.headline_metric
    names = sorted(by_name, key=lambda name: name != first)[:MAX_METRICS]
    drawn = {name: sorted(by_name[name], key=lambda series: series.site)[: MAX_SITES + 1] for name in names}
    room = max(_MIN_POINTS_PER_LINE, _MAX_POINTS // max(1, sum(map(len, drawn.values()))))
    return tuple(_build_metric(snapshot, name, drawn[name], len(by_name[name]), room) for name in names)


class MetricsJsonCache:
    """The metrics of one job as data for a browser, rebuilt only if they have changed: there may be thousands."""

    def __init__(self) -> None:
        self._snapshot: JobSnapshot | None = None
        self._json: list[dict[str, Any]] = []

    def __call__(self, snapshot: JobSnapshot) -> list[dict[str, Any]]:
        """Return :meth:`Metric.to_json` of each."""
        before = self._snapshot
        if before is None or before.metrics is not snapshot.metrics or _cache_key(before) != _cache_key(snapshot):
            self._snapshot, self._json = snapshot, [metric.to_json() for metric in build_metrics(snapshot)]
        return self._json


def _cache_key(snapshot: JobSnapshot) -> tuple[Any, ...]:
    """Return the values, besides the metrics, that determine their charts."""
    starts = [(w.id, snapshot.nth_round(0, w.id)) for w in snapshot.workflows]
    return snapshot.best, snapshot.key_metric, snapshot.metric_workflow.id, starts


def build_charts(snapshot: JobSnapshot) -> list[dict[str, Any]]:
    """Return the metrics for the static form: the name of each, its words, and its chart or None."""
    found = []
    for metric in build_metrics(snapshot):
        mark = None if metric.best is None else ChartMark(*metric.best, "best")
        lines = [ChartLine(line.name, line.points, line.is_bold) for line in metric.lines]
        svg: Markup | None = None
        if metric.has_chart:
            svg = line_chart(lines, title=f"{metric.name} by round", mark=mark, hidden_count=metric.hidden_sites)
        found.append({"name": metric.name, "text": metric.text, "svg": svg})
    return found


def _build_metric(snapshot: JobSnapshot, name: str, shown: list[Series], total_count: int, max_points: int) -> Metric:
    rounds = sorted({point.round for series in shown for point in series.points})
    stride = math.ceil(len(rounds) / max_points) or 1
    best = snapshot.best
    key = snapshot.key_metric.name if snapshot.key_metric is not None else snapshot.headline_metric
    if best is not None and (name != key or not math.isfinite(best.value)):
        best = None
    kept = set(rounds[::-1][::stride]) | ({best.round} if best is not None else set())
    return Metric(
        sanitize(name, _MAX_NAME_CHARS),
        _describe_values(snapshot, shown, total_count, best is not None),
        tuple(_build_line(snapshot, series, kept) for series in shown),
        total_count - len(shown),
        None if best is None else (snapshot.nth_round(best.round), best.value),
        stride,
    )


def _build_line(snapshot: JobSnapshot, series: Series, kept_rounds: set[int]) -> MetricLine:
    points = [(snapshot.nth_round(p.round), p.value) for p in series.points if p.round in kept_rounds]
    finite = tuple((nth, value) for nth, value in points if math.isfinite(value))
    return MetricLine(
        sanitize(series.site, _MAX_NAME_CHARS) if series.site else ALL_SITES_LABEL, finite, not series.site
    )


def _describe_values(snapshot: JobSnapshot, shown: list[Series], total_count: int, is_key: bool) -> str:
    newest = [(series.site, series.points[-1]) for series in shown[:_MAX_VALUES_IN_TEXT]]
    rounds = {point.round for _, point in newest}

    def said(site: str, point: Point) -> str:
        which = "" if len(rounds) == 1 else f" (round {snapshot.nth_round(point.round)})"
        return f"{sanitize(site, _MAX_NAME_CHARS) or ALL_SITES_LABEL} {format_number(point.value)}{which}"

    words = ", ".join(said(*one) for one in newest)
    if total_count > len(newest):
        words += f" and {total_count - len(newest)} more sites"
    if len(rounds) == 1:
        words += f" in round {snapshot.nth_round(rounds.pop())}"
    if is_key and snapshot.best is not None:
        words += f"; best in round {snapshot.nth_round(snapshot.best.round)}: {format_number(snapshot.best.value)}"
    return words
