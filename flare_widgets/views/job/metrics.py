"""The metrics in a job's view: a chart each, or words if there is not enough data for one. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...formatting.text import format_number, sanitize
from ...monitoring.job.model import SELECTOR_VALUE, Series
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.results.scalars import StepSeries
from ..core.svg_chart import ChartLine, ChartMark, format_tick, line_chart, value_scales_json

MAX_METRICS = 12
"""The most metrics by round in a view, and of TensorBoard's; the rest is counted."""

MAX_SITES = 40
"""The most sites with a line in the chart of a metric; the rest is counted."""

ALL_SITES_LABEL = "all sites (aggregate)"
"""The label of the aggregate over all sites."""

UNKNOWN_SITE_LABEL = "unknown site"
"""The label of a series by step that names no site."""

_MAX_POINTS = 8000  # of all lines, in one message to a browser
_MIN_POINTS_PER_LINE = 50  # for any number of lines
_MAX_NAME_CHARS = 60  # characters
_MAX_VALUES_IN_TEXT = 4  # values that are listed in words


@dataclass(frozen=True)
class MetricLine:
    """The values of one site, or of the aggregate: pairs of round (counted from 1) or step, and value."""

    name: str
    points: tuple[tuple[int, float], ...]
    is_bold: bool = False


@dataclass(frozen=True)
class Metric:
    """A metric over the rounds of a workflow, or over the steps of the sites.

    Attributes
    ----------
    name
        Its name, with the workflow if several have rounds. All text is sanitized and bounded; for HTML it must still be
        escaped.
    text
        The newest values in words.
    lines
        The lines, that of all sites together first.
    hidden_sites
        The number of sites that have no line here.
    best
        The best round or step (counted from 1) and its value; None if the job does not choose by this metric.
    stride
        One point in so many is drawn, counted back from the newest: 1 unless there are very many.
    x_label
        ``round`` or ``step``.
    note
        A sentence about the metric; empty if there is nothing to say.
    """

    name: str
    text: str
    lines: tuple[MetricLine, ...]
    hidden_sites: int = 0
    best: tuple[int, float] | None = None
    stride: int = 1
    x_label: str = "round"
    note: str = ""

    @property
    def has_chart(self) -> bool:
        """True if there is something to draw: a line needs two points."""
        return any(len(line.points) > 1 for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        points = [point for line in self.lines for point in line.points]
        scales = value_scales_json([*points, *([self.best] if self.best else [])])
        return {**dataclasses.asdict(self), "has_chart": self.has_chart, **scales}


@dataclass(frozen=True)
class _Source:
    """The data of a metric before there is a limit: points of position and value by site."""

    name: str
    points_by_site: Mapping[str, Sequence[tuple[int, float]]]
    x_label: str
    best: tuple[int, float] | None = None
    note: str = ""
    is_aligned: bool = True
    """True if the sites have values at the same positions, which are few."""

    @property
    def drawn_sites(self) -> list[str]:
        """The sites with a line, the aggregate first."""
        return sorted(self.points_by_site)[: MAX_SITES + 1]


def build_metrics(snapshot: JobSnapshot, scalars: Iterable[StepSeries] = ()) -> tuple[Metric, ...]:
    """Return the metrics to draw: those by round, the job's main metric first, then those by step.

    Values of two workflows never share a chart.
    """
    sources = list(_iter_round_sources(snapshot))
    sources += _iter_step_sources(scalars, {source.name for source in sources})
    room = max(_MIN_POINTS_PER_LINE, _MAX_POINTS // max(1, sum(len(source.drawn_sites) for source in sources)))
    return tuple(_build_metric(source, room) for source in sources)


def describe_hidden_metrics(snapshot: JobSnapshot, scalars: Iterable[StepSeries] = ()) -> str:
    """Return the number of metrics that :func:`build_metrics` leaves out, in words; empty if there are none."""
    by_round = {(series.name, series.workflow) for series in snapshot.metrics if series.points}
    by_step = {series.name for series in scalars if series.points}
    hidden = sum(max(0, len(names) - MAX_METRICS) for names in (by_round, by_step))
    return f"and {hidden} more {'metric' if hidden == 1 else 'metrics'}, not drawn" if hidden else ""


def _iter_round_sources(snapshot: JobSnapshot) -> Iterator[_Source]:
    found: dict[tuple[str, str], list[Series]] = {}
    for series in snapshot.metrics:
        if series.points:
            found.setdefault((series.name, series.workflow), []).append(series)
    ids = [workflow.id for workflow in snapshot.workflows]
    main = snapshot.headline_metric, snapshot.metric_workflow.id
    with_rounds = [workflow.id for workflow in snapshot.workflows if workflow.total_rounds]
    is_ambiguous = len({*with_rounds, *(r.workflow for r in snapshot.rounds)}) > 1

    def importance(key: tuple[str, str]) -> tuple[bool, int, bool]:
        return key[1] != main[1], ids.index(key[1]) if key[1] in ids else len(ids), key[0] != main[0]

    for name, workflow_id in sorted(found, key=importance)[:MAX_METRICS]:
        title = sanitize(name, _MAX_NAME_CHARS)
        if is_ambiguous and workflow_id in ids:
            title += f" (workflow {ids.index(workflow_id) + 1})"
        best, key = snapshot.best, snapshot.key_metric
        is_key = best is not None and key is not None and (key.name, best.workflow) == (name, workflow_id)
        note = ""
        if name == SELECTOR_VALUE:
            note = (
                "The server selects the best model by this value; the metric's name and its better direction are not "
                f"known{'' if snapshot.ended else ' yet'}."
            )
        yield _Source(
            title,
            {
                series.site: [(snapshot.nth_round(p.round, workflow_id), p.value) for p in series.points]
                for series in found[name, workflow_id]
            },
            "round" if snapshot.rounds_of(workflow_id) else "step",
            (snapshot.nth_round(best.round, workflow_id), best.value)
            if is_key and best is not None and math.isfinite(best.value)
            else None,
            note,
        )


def _iter_step_sources(scalars: Iterable[StepSeries], taken: set[str]) -> Iterator[_Source]:
    found: dict[str, dict[str, Sequence[tuple[int, float]]]] = {}
    for series in scalars:
        if series.points:
            points = [(point.step, point.value) for point in series.points]
            found.setdefault(series.name, {})[series.site or UNKNOWN_SITE_LABEL] = points
    for name in list(found)[:MAX_METRICS]:
        title = sanitize(name, _MAX_NAME_CHARS)
        yield _Source(f"{title} (TensorBoard)" if title in taken else title, found[name], "step", is_aligned=False)


class MetricsJsonCache:
    """The metrics of one job as data for a browser, rebuilt only if they have changed: there may be thousands."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._json: list[dict[str, Any]] = []

    def __call__(self, snapshot: JobSnapshot, scalars: tuple[StepSeries, ...] = ()) -> list[dict[str, Any]]:
        """Return :meth:`Metric.to_json` of each."""
        key = _cache_key(snapshot, scalars)
        if self._key is None or any(
            old is not new and not (is_small and old == new)
            for old, (new, is_small) in zip(self._key, key, strict=True)
        ):
            self._key = tuple(value for value, _ in key)
            self._json = [metric.to_json() for metric in build_metrics(snapshot, scalars)]
        return self._json


def _cache_key(snapshot: JobSnapshot, scalars: tuple[StepSeries, ...]) -> list[tuple[Any, bool]]:
    """Return the values that determine the charts, and whether each is small enough to be compared."""
    ids = [workflow.id for workflow in snapshot.workflows]
    starts = [(of, snapshot.nth_round(0, of), bool(snapshot.rounds_of(of))) for of in ids]
    small = (snapshot.best, snapshot.key_metric, snapshot.metric_workflow.id, snapshot.ended, starts)
    return [(snapshot.metrics, False), (scalars, False), (small, True)]


def build_charts(snapshot: JobSnapshot, scalars: Iterable[StepSeries] = ()) -> list[dict[str, Any]]:
    """Return the metrics for the static form: the name of each, its words, its note, and its chart or None."""
    found = []
    for metric in build_metrics(snapshot, scalars):
        mark = None if metric.best is None else ChartMark(*metric.best, "best")
        lines = [ChartLine(line.name, line.points, line.is_bold) for line in metric.lines]
        svg: Markup | None = None
        if metric.has_chart:
            title = f"{metric.name} by {metric.x_label}"
            svg = line_chart(lines, title=title, x_label=metric.x_label, mark=mark, hidden_count=metric.hidden_sites)
        found.append({"name": metric.name, "text": metric.text, "note": metric.note, "svg": svg})
    return found


def _build_metric(source: _Source, max_points: int) -> Metric:
    sites = source.drawn_sites
    lines = {site: source.points_by_site[site] for site in sites}
    if source.is_aligned:
        # The same positions are kept of each.
        rounds = sorted({x for points in lines.values() for x, _ in points})
        stride = math.ceil(len(rounds) / max_points) or 1
        kept = set(rounds[::-1][::stride]) | ({source.best[0]} if source.best is not None else set())
        drawn = {site: [(x, y) for x, y in points if x in kept] for site, points in lines.items()}
    else:
        stride = math.ceil(max(map(len, lines.values())) / max_points)
        drawn = {site: list(points)[::-1][::stride][::-1] for site, points in lines.items()}
    return Metric(
        source.name,
        _describe_values(source),
        tuple(_build_line(site, points) for site, points in drawn.items()),
        len(source.points_by_site) - len(sites),
        source.best,
        stride,
        source.x_label,
        source.note,
    )


def _build_line(site: str, points: Iterable[tuple[int, float]]) -> MetricLine:
    finite = tuple((x, value) for x, value in points if math.isfinite(value))
    return MetricLine(_label(site), finite, not site)


def _label(site: str) -> str:
    return sanitize(site, _MAX_NAME_CHARS) if site else ALL_SITES_LABEL


def _describe_values(source: _Source) -> str:
    newest = {site: source.points_by_site[site][-1] for site in source.drawn_sites[:_MAX_VALUES_IN_TEXT]}
    places = {x for x, _ in newest.values()}
    preposition = "in" if source.is_aligned else "at"

    def said(site: str, x: int, value: float) -> str:
        which = "" if len(places) == 1 else f" ({source.x_label} {format_tick(x)})"
        return f"{_label(site)} {format_number(value)}{which}"

    words = ", ".join(said(site, *point) for site, point in newest.items())
    more = len(source.points_by_site) - len(newest)
    if more:
        words += f" and {more} more {'site' if more == 1 else 'sites'}"
    if len(places) == 1:
        words += f" {preposition} {source.x_label} {format_tick(places.pop())}"
    if source.best is not None:
        words += f"; best {preposition} {source.x_label} {source.best[0]}: {format_number(source.best[1])}"
    return words
