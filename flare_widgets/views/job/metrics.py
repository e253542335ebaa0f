"""What a job's view draws of its metrics: a chart each, or words where there is not enough for one. Pure."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...formatting.text import clean
from ...monitoring.job.format import metric_shown, nth_round, number
from ...monitoring.job.model import Point, Series
from ...monitoring.job.snapshot import JobSnapshot
from ..core.svg_chart import Line, Mark, line_chart

MOST_METRICS = 12
"""Metrics that a view offers; the rest is counted."""

MOST_SITES = 40
"""Sites with a line in the chart of a metric; the rest is counted."""

TOGETHER = "all together"
"""What the aggregate over all sites is called."""

_MOST_POINTS = 8000  # of all lines, in one message to a browser
_LEAST_POINTS = 50  # of a line, however many there are
_NAME = 60  # characters
_TOLD = 4  # values that are told in words


@dataclass(frozen=True)
class MetricLine:
    """The values of one site, or of all together: pairs of round (counted from 1) and value."""

    name: str
    points: tuple[tuple[int, float], ...]
    bold: bool = False


@dataclass(frozen=True)
class Metric:
    """A metric over the rounds.

    Attributes
    ----------
    name
        Its name. All text is clean and bounded; for HTML it must still be escaped.
    words
        The newest values in words.
    lines
        That of all sites together first.
    more
        How many sites have no line here.
    best
        The best round (counted from 1) and its value; None when the job does not choose by this metric.
    every
        Each how many rounds a point is shown, counted back from the newest: 1 unless there are very many.
    """

    name: str
    words: str
    lines: tuple[MetricLine, ...]
    more: int = 0
    best: tuple[int, float] | None = None
    every: int = 1

    @property
    def drawable(self) -> bool:
        """Whether there is something to draw: a line needs two points."""
        return any(len(line.points) > 1 for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {**dataclasses.asdict(self), "drawable": self.drawable}


def metrics(snapshot: JobSnapshot) -> tuple[Metric, ...]:
    """Return the metrics to draw, the one that stands for the job first."""
    by_name: dict[str, list[Series]] = {}
    for series in snapshot.metrics:
        if series.points:
            by_name.setdefault(series.name, []).append(series)
    first = metric_shown(snapshot)
    names = sorted(by_name, key=lambda name: name != first)[:MOST_METRICS]
    drawn = {name: sorted(by_name[name], key=lambda series: series.site)[: MOST_SITES + 1] for name in names}
    room = max(_LEAST_POINTS, _MOST_POINTS // max(1, sum(map(len, drawn.values()))))
    return tuple(_metric(snapshot, name, drawn[name], len(by_name[name]), room) for name in names)


class MetricsJson:
    """The metrics of one job as data for a browser, made again only when they are others: there may be thousands."""

    def __init__(self) -> None:
        self._of: JobSnapshot | None = None
        self._made: list[dict[str, Any]] = []

    def __call__(self, snapshot: JobSnapshot) -> list[dict[str, Any]]:
        """Return :meth:`Metric.to_json` of each."""
        before = self._of
        if before is None or before.metrics is not snapshot.metrics or _apart(before) != _apart(snapshot):
            self._of, self._made = snapshot, [metric.to_json() for metric in metrics(snapshot)]
        return self._made


def _apart(snapshot: JobSnapshot) -> tuple[Any, ...]:
    """What the metrics' picture depends on besides the metrics."""
    first = snapshot.rounds[0].number if snapshot.rounds else None
    return snapshot.best, snapshot.key_metric, snapshot.first_round, first


def charts(snapshot: JobSnapshot) -> list[dict[str, Any]]:
    """Return the same for the static form: the name of each metric, its words, and its chart or None."""
    found = []
    for metric in metrics(snapshot):
        mark = None if metric.best is None else Mark(*metric.best, "best")
        lines = [Line(line.name, line.points, line.bold) for line in metric.lines]
        svg: Markup | None = None
        if metric.drawable:
            svg = line_chart(lines, title=f"{metric.name} by round", mark=mark, more=metric.more)
        found.append({"name": metric.name, "words": metric.words, "svg": svg})
    return found


def _metric(snapshot: JobSnapshot, name: str, drawn: list[Series], count: int, room: int) -> Metric:
    rounds = sorted({point.round for series in drawn for point in series.points})
    every = math.ceil(len(rounds) / room) or 1
    best = snapshot.best
    key = snapshot.key_metric.name if snapshot.key_metric is not None else metric_shown(snapshot)
    if best is not None and (name != key or not math.isfinite(best.value)):
        best = None
    kept = set(rounds[::-1][::every]) | ({best.round} if best is not None else set())
    return Metric(
        clean(name, _NAME),
        _words(snapshot, drawn, count, best is not None),
        tuple(_line(snapshot, series, kept) for series in drawn),
        count - len(drawn),
        None if best is None else (nth_round(snapshot, best.round), best.value),
        every,
    )


def _line(snapshot: JobSnapshot, series: Series, kept: set[int]) -> MetricLine:
    points = [(nth_round(snapshot, p.round), p.value) for p in series.points if p.round in kept]
    finite = tuple((nth, value) for nth, value in points if math.isfinite(value))
    return MetricLine(clean(series.site, _NAME) if series.site else TOGETHER, finite, not series.site)


def _words(snapshot: JobSnapshot, drawn: list[Series], count: int, is_key: bool) -> str:
    newest = [(series.site, series.points[-1]) for series in drawn[:_TOLD]]
    rounds = {point.round for _, point in newest}

    def said(site: str, point: Point) -> str:
        which = "" if len(rounds) == 1 else f" (round {nth_round(snapshot, point.round)})"
        return f"{clean(site, _NAME) or TOGETHER} {number(point.value)}{which}"

    words = ", ".join(said(*one) for one in newest)
    if count > len(newest):
        words += f" and {count - len(newest)} more sites"
    if len(rounds) == 1:
        words += f" in round {nth_round(snapshot, rounds.pop())}"
    if is_key and snapshot.best is not None:
        words += f"; best in round {nth_round(snapshot, snapshot.best.round)}: {number(snapshot.best.value)}"
    return words
