"""The metrics in a job's view: a chart each, or words if there is not enough data for one. Pure."""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from markupsafe import Markup

from ...formatting.text import format_number, sanitize, shorten_names
from ...monitoring.job.format import live_metrics_note, metrics_without_first_round
from ...monitoring.job.model import RANK_SELECTOR, SELECTOR_VALUE, Point, Series
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.results.scalars import StepSeries
from ..core.hints import explain_key_metric
from ..core.svg_chart import MAX_MARKERS, ChartBand, ChartLine, ChartMark, format_tick, line_chart, value_scales_json
from .tables import ValueRow, ValueTable

MAX_METRICS = 12
"""The most metrics by round in a view, and of TensorBoard's; the rest is counted."""

MAX_OPEN_CHARTS = 4
"""The most charts that are shown at once; the others are folded. The live view has the same limit."""

MAX_SITES = 40
"""The most sites with a line in the chart of a metric; the rest is counted."""

MAX_PLAIN_SITES = 6
"""The most sites whose lines are all drawn; of more, a chart has their range and mean, and lines on request."""

ALL_SITES_LABEL = "all sites (aggregate)"
"""The label of the aggregate over all sites."""

MEAN_NOTE = "The value of all sites is the mean by which the server selects the best model."
"""The note on an aggregate that is not FLARE's own record: it does not weigh the sites by their data."""

UNKNOWN_SITE_LABEL = "unknown site"
"""The label of a series by step that names no site."""

_MAX_POINTS = 8000  # of all lines, in one message to a browser
_MIN_POINTS_PER_LINE = 50  # for any number of lines
_MAX_STATIC_CHART_CHARS = 26_500  # of all charts in one static form; the metrics after that have tables only
_MAX_STATIC_POINTS, _MAX_STATIC_MARKERS = 1200, 300  # of all lines, in one static form
_MAX_TABLE_CELLS, _MIN_TABLE_ROWS, _MAX_TABLE_ROWS = 300, 5, 50  # of all tables of values, and of each
_MAX_NAME_CHARS, _MAX_SITE_CHARS, _MAX_LABEL_CHARS = 60, 120, 28  # characters
_MAX_VALUES_IN_TEXT = 4  # values that are listed in words

_Points = Sequence[tuple[int, float]]
_Range = tuple[tuple[int, float, float], tuple[int, float]]
"""A position with the lowest and the highest value, and the position with the mean."""


@dataclass(frozen=True)
class MetricLine:
    """The values of one site, of the aggregate or of the mean: pairs of round (counted from 1) or step, and value.

    A line that is optional is not drawn until somebody asks for it. The label is the name, shortened if it is long.
    """

    name: str
    label: str
    points: tuple[tuple[int, float], ...]
    is_bold: bool = False
    is_optional: bool = False

    @cached_property
    def ends(self) -> list[float]:
        """The lowest and the highest value, and the lowest one above 0, as far as there are any."""
        return _find_ends([value for _, value in self.points])

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


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
    band
        The lowest and the highest value of the sites by round, if they are too many for a line each.
    band_label
        The label of the band.
    hidden_sites
        The number of sites that have no line here.
    best
        The best round or step (counted from 1) and its value; None if the job does not choose by this metric.
    stride
        One point in so many is drawn, and the newest one: 1 unless there are very many; else a power of two.
    x_label
        ``round`` or ``step``.
    first_x
        The round at which the axis begins, with or without a value; None of steps.
    note
        A sentence about the metric; empty if there is nothing to say.
    """

    name: str
    text: str
    lines: tuple[MetricLine, ...]
    band: tuple[tuple[int, float, float], ...] = ()
    band_label: str = ""
    hidden_sites: int = 0
    best: tuple[int, float] | None = None
    stride: int = 1
    x_label: str = "round"
    first_x: int | None = None
    note: str = ""

    @property
    def has_chart(self) -> bool:
        """True if there is something to draw: a line needs two points."""
        return any(len(line.points) > 1 for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        values = [value for line in self.lines for value in line.ends]
        values += [value for _, *ends in self.band for value in ends]
        values += [] if self.best is None else [self.best[1]]
        # A scale depends on its ends only; those of the logarithmic one are above 0.
        scales = value_scales_json([(0, value) for value in _find_ends(values)])
        lines = [line.to_json() for line in self.lines]
        return {**vars(self), "lines": lines, "has_chart": self.has_chart, **scales}


def _find_ends(values: Sequence[float]) -> list[float]:
    """Return the lowest and the highest value, and the lowest one above 0, as far as there are any."""
    if not values:
        return []
    low = min(values)
    positive = low if low > 0 else min((value for value in values if value > 0), default=None)
    return [low, max(values), *([] if positive is None else [positive])]


@dataclass(frozen=True)
class _Source:
    """The data of a metric before there is a limit: the series of each site, as pairs of position and value.

    Attributes
    ----------
    name, x_label, first_x, best, note
        As those of :class:`Metric`.
    points_by_site
        The points of the sites with a line, the aggregate first.
    newest
        The newest points of the first sites, for words.
    site_count
        The number of sites with values.
    hidden_count
        The number of those that have no line.
    band
        The lowest and the highest value and the mean of all sites, by position; empty if each has a line of its own.
    is_aligned
        True if the sites have values at the same positions, which are few.
    """

    name: str
    points_by_site: Mapping[str, _Points]
    x_label: str
    site_count: int
    hidden_count: int = 0
    best: tuple[int, float] | None = None
    first_x: int | None = None
    note: str = ""
    band: Sequence[_Range] = ()
    is_aligned: bool = True


def build_metrics(snapshot: JobSnapshot, scalars: Iterable[StepSeries] = ()) -> tuple[Metric, ...]:
    """Return the metrics to draw: those by round, the job's main metric first, then those by step.

    Values of two workflows never share a chart.
    """
    return _build_metrics(snapshot, scalars, _Memory(), _MAX_POINTS, _MIN_POINTS_PER_LINE)


def describe_live_metrics(snapshot: JobSnapshot) -> str:
    """Return a sentence on which metrics are live, and which come with the result; empty if there is no need."""
    note = live_metrics_note(snapshot)
    return f"{note} {explain_key_metric()}" if note and snapshot.key_metric is not None else note


def _build_metrics(
    snapshot: JobSnapshot,
    scalars: Iterable[StepSeries],
    memory: _Memory,
    max_points: int,
    min_points: int,
    has_optional: bool = True,
) -> tuple[Metric, ...]:
    sources = list(_iter_round_sources(snapshot, memory))
    sources += _iter_step_sources(scalars, {source.name for source in sources})
    room = max(min_points, max_points // max(1, sum(_count_lines(source, has_optional) for source in sources)))
    return tuple(_build_metric(source, memory, room, has_optional) for source in sources)


def _count_lines(source: _Source, has_optional: bool) -> int:
    count = len(source.points_by_site)
    return count if has_optional else min(count, MAX_PLAIN_SITES + 1)


def describe_hidden_metrics(snapshot: JobSnapshot, scalars: Iterable[StepSeries] = ()) -> str:
    """Return the number of metrics that :func:`build_metrics` leaves out, in words; empty if there are none."""
    by_step = {series.name for series in scalars if series.points}
    hidden = sum(max(0, len(names) - MAX_METRICS) for names in (snapshot.series_by_metric, by_step))
    return f"and {hidden} more {'metric' if hidden == 1 else 'metrics'}, not drawn" if hidden else ""


def _iter_round_sources(snapshot: JobSnapshot, memory: _Memory) -> Iterator[_Source]:
    found = snapshot.series_by_metric
    ids = [workflow.id for workflow in snapshot.workflows]
    main = snapshot.headline_metric, snapshot.metric_workflow.id
    with_rounds = [workflow.id for workflow in snapshot.workflows if workflow.total_rounds]
    is_ambiguous = len({*with_rounds, *snapshot.workflows_with_rounds}) > 1

    without_first = metrics_without_first_round(snapshot)

    def importance(key: tuple[str, str]) -> tuple[bool, int, bool]:
        return key[1] != main[1], ids.index(key[1]) if key[1] in ids else len(ids), key[0] != main[0]

    for name, workflow_id in sorted(found, key=importance)[:MAX_METRICS]:
        title = sanitize(name, _MAX_NAME_CHARS)
        if is_ambiguous and workflow_id in ids:
            title += f" (workflow {ids.index(workflow_id) + 1})"
        best, key = snapshot.best, snapshot.key_metric
        is_key = best is not None and key is not None and (key.name, best.workflow) == (name, workflow_id)
        has_rounds, offset = bool(snapshot.rounds_of(workflow_id)), snapshot.nth_round(0, workflow_id)
        notes = []
        if name == SELECTOR_VALUE:
            notes.append(
                "The server selects the best model by this value; the metric's name and its better direction are not "
                f"known{'' if snapshot.ended else ' yet'}."
            )
        if has_rounds and (name, workflow_id) in without_first:
            notes.append("Round 1 comes with the result.")
        all_series = {series.site: series for series in found[name, workflow_id]}
        sites = sorted(site for site in all_series if site)
        aggregate = [""] if "" in all_series else []
        if aggregate and len(sites) > 1 and all_series[""].points[-1].rank == RANK_SELECTOR:
            notes.append(MEAN_NOTE)
        drawn = sites if len(sites) <= MAX_SITES else memory.outliers_of((name, workflow_id), sites, all_series)
        yield _Source(
            title,
            {site: memory.points_of(all_series[site], offset) for site in (*aggregate, *drawn)},
            "round" if has_rounds else "step",
            len(sites),
            len(sites) - len(drawn),
            (best.round + offset, best.value) if is_key and best is not None and math.isfinite(best.value) else None,
            1 if has_rounds else None,
            " ".join(notes),
            memory.band_of((name, workflow_id), [all_series[site] for site in sites], offset)
            if len(sites) > MAX_PLAIN_SITES
            else (),
        )


def _find_outliers(sites: Sequence[str], series: Mapping[str, Series]) -> list[str]:
    """Return the sites, by name, whose newest values are the furthest from the mean of all."""
    newest = {site: series[site].points[-1].value for site in sites}
    finite = [value for value in newest.values() if math.isfinite(value)]
    mean = math.fsum(value / len(finite) for value in finite)
    return sorted(sorted(sites, key=lambda site: (-abs(newest[site] / 2 - mean / 2), site))[:MAX_SITES])


class _Band:
    """The lowest and the highest value and the mean of all sites in each round, kept up to date as points come."""

    def __init__(self) -> None:
        self._points: dict[str, tuple[Point, ...]] = {}
        self._values: dict[int, dict[str, float]] = {}
        self._ranges: dict[int, _Range] = {}
        self._offset = 0

    def update(self, all_series: Iterable[Series], offset: int) -> list[_Range]:
        """Take the series of all sites, which are those of before and maybe more; return the range in each round."""
        changed = set(self._values) if offset != self._offset else set()
        self._offset = offset
        for series in all_series:
            before, after = self._points.get(series.site, ()), series.points
            if before is not after:
                self._points[series.site] = after
                changed |= self._replace(series.site, before, after)
        for number in changed:
            found, x = self._values[number].values(), number + offset
            if found:
                mean = math.fsum(value / len(found) for value in found)
                self._ranges[number] = (x, min(found), max(found)), (x, mean)
            else:
                self._ranges.pop(number, None)
        return [self._ranges[number] for number in sorted(self._ranges)]

    def _replace(self, site: str, before: Sequence[Point], after: Sequence[Point]) -> set[int]:
        """Replace the points of a site; return the rounds in which they differ."""
        same = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a is not b), None)
        same = min(len(before), len(after)) if same is None else same
        for point in before[same:]:
            self._values[point.round].pop(site, None)
        for point in after[same:]:
            values = self._values.setdefault(point.round, {})
            if math.isfinite(point.value):
                values[site] = point.value
        return {point.round for point in (*before[same:], *after[same:])}


@dataclass(frozen=True)
class _Choice:
    """The positions whose points are drawn.

    Attributes
    ----------
    positions
        The positions; None for all.
    number
        The number of choices before, for the same chart.
    since
        The first position by which it differs from the choice before; infinity if there is none.
    """

    positions: Set[int] | None
    number: int = 0
    since: float = -math.inf

    def next(self, positions: Set[int] | None) -> _Choice:
        """Return the choice after this one."""
        since = -math.inf
        if self.positions is not None and positions is not None:
            since = min(self.positions ^ positions, default=math.inf)
        elif self.positions is positions:
            since = math.inf
        return _Choice(positions, self.number + 1, since)


class _DrawnPoints:
    """The points of a line that are drawn, kept up to date as points come."""

    def __init__(self) -> None:
        self._points: _Points = ()
        self._drawn: tuple[tuple[int, float], ...] = ()
        self._number = -1

    def update(self, points: _Points, choice: _Choice) -> tuple[tuple[int, float], ...]:
        """Take the points of the line, in order; return those that are chosen, if their values are finite."""
        count, since = len(self._points), choice.since
        if self._number != choice.number - 1 or points[:count] != self._points:
            since = -math.inf
        elif len(points) > count:
            since = min(since, points[count][0])
        self._points, self._number = points, choice.number
        if points and since <= points[-1][0]:
            kept = self._drawn[: bisect_left(self._drawn, since, key=itemgetter(0))]
            new = points[bisect_left(points, since, key=itemgetter(0)) :]
            chosen = new if choice.positions is None else [point for point in new if point[0] in choice.positions]
            self._drawn = (*kept, *(point for point in chosen if math.isfinite(point[1])))
        return self._drawn


class _Memory:
    """The lines made of the series of a job: most series are the same objects the next time."""

    def __init__(self) -> None:
        self._bands: dict[tuple[str, str], _Band] = {}
        self._points: dict[tuple[str, str, str], tuple[Series, int, _Points]] = {}
        self._choices: dict[str, _Choice] = {}
        self._drawn_points: dict[tuple[str, str], _DrawnPoints] = {}
        self._lines: dict[tuple[str, str], MetricLine] = {}
        self._outliers: dict[tuple[str, str], tuple[tuple[int, int], list[str]]] = {}

    def band_of(self, metric: tuple[str, str], all_series: Iterable[Series], offset: int) -> list[_Range]:
        """Return the lowest and the highest value and the mean in each round of a metric of a workflow."""
        return self._bands.setdefault(metric, _Band()).update(all_series, offset)

    def outliers_of(self, metric: tuple[str, str], sites: Sequence[str], series: Mapping[str, Series]) -> list[str]:
        """Return the outliers of a metric as of the beginning of its newest round, lest lines come and go."""
        as_of = max(series[site].points[-1].round for site in sites), len(sites)
        known = self._outliers.get(metric)
        if known is None or known[0] != as_of:
            known = self._outliers[metric] = as_of, _find_outliers(sites, series)
        return known[1]

    def points_of(self, series: Series, offset: int) -> _Points:
        """Return the points of a series as pairs."""
        key = series.name, series.site, series.workflow
        known = self._points.get(key)
        if known is None or known[1] != offset or known[0].points != series.points[: len(known[0].points)]:
            known = Series(series.name, series.site, (), series.workflow), offset, ()
        before, _, made = known
        if before is not series:
            new = series.points[len(before.points) :]
            made = (*made, *((point.round + offset, point.value) for point in new)) if new else made
            self._points[key] = series, offset, made
        return made

    def choose(self, metric: str, positions: Set[int] | None) -> _Choice:
        """Return the choice of the points of a metric that are drawn, by their positions; all if none are given."""
        before = self._choices.get(metric)
        choice = self._choices[metric] = _Choice(positions) if before is None else before.next(positions)
        return choice

    def draw(self, metric: str, site: str, points: _Points, choice: _Choice) -> tuple[tuple[int, float], ...]:
        """Return the points of a line that are drawn: those that are chosen, if their values are finite."""
        return self._drawn_points.setdefault((metric, site), _DrawnPoints()).update(points, choice)

    def same_line(self, metric: str, site: str, line: MetricLine) -> MetricLine:
        """Return a line, as the object that it was before if it has not changed."""
        known = self._lines.get((metric, site))
        if known != line:
            known = self._lines[metric, site] = line
        return known


def _iter_step_sources(scalars: Iterable[StepSeries], taken: Collection[str]) -> Iterator[_Source]:
    found: dict[str, dict[str, StepSeries]] = {}
    for series in scalars:
        if series.points:
            found.setdefault(series.name, {})[series.site or UNKNOWN_SITE_LABEL] = series
    for name in list(found)[:MAX_METRICS]:
        title = sanitize(name, _MAX_NAME_CHARS)
        sites = sorted(found[name])
        yield _Source(
            f"{title} (TensorBoard)" if title in taken else title,
            {site: [(point.step, point.value) for point in found[name][site].points] for site in sites[:MAX_SITES]},
            "step",
            len(sites),
            max(0, len(sites) - MAX_SITES),
            is_aligned=False,
        )


class MetricsJsonCache:
    """The metrics of one job as data for a browser, rebuilt only if they have changed: there may be thousands."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._json: list[dict[str, Any]] = []
        self._memory = _Memory()

    def __call__(self, snapshot: JobSnapshot, scalars: tuple[StepSeries, ...] = ()) -> list[dict[str, Any]]:
        """Return :meth:`Metric.to_json` of each."""
        key = _cache_key(snapshot, scalars)
        if self._key is None or any(
            old is not new and not (is_small and old == new)
            for old, (new, is_small) in zip(self._key, key, strict=True)
        ):
            self._key = tuple(value for value, _ in key)
            metrics = _build_metrics(snapshot, scalars, self._memory, _MAX_POINTS, _MIN_POINTS_PER_LINE)
            self._json = [metric.to_json() for metric in metrics]
        return self._json


def _cache_key(snapshot: JobSnapshot, scalars: tuple[StepSeries, ...]) -> list[tuple[Any, bool]]:
    """Return the values that determine the charts, and whether each is small enough to be compared."""
    ids = [workflow.id for workflow in snapshot.workflows]
    starts = [(of, snapshot.nth_round(0, of), bool(snapshot.rounds_of(of))) for of in ids]
    pending = metrics_without_first_round(snapshot)
    small = (snapshot.best, snapshot.key_metric, snapshot.metric_workflow.id, snapshot.ended, starts, pending)
    return [(snapshot.round_metrics, False), (scalars, False), (small, True)]


def build_charts(snapshot: JobSnapshot, scalars: Iterable[StepSeries] = ()) -> list[dict[str, Any]]:
    """Return the metrics for the static form: of each its name, words, note, table of values, and chart or None."""
    metrics = _build_metrics(snapshot, scalars, _Memory(), _MAX_STATIC_POINTS, _MIN_TABLE_ROWS, has_optional=False)
    room = _MAX_TABLE_CELLS // max(1, sum(metric.has_chart for metric in metrics))
    found, chars_left = [], _MAX_STATIC_CHART_CHARS
    for metric in metrics:
        mark = None if metric.best is None else ChartMark(*metric.best, "best")
        lines = [ChartLine(line.name, line.points, line.is_bold, line.label) for line in metric.lines]
        svg: Markup | None = None
        if metric.has_chart and chars_left > 0:
            svg = line_chart(
                lines,
                title=f"{metric.name} by {metric.x_label}",
                x_label=metric.x_label,
                first_x=metric.first_x,
                mark=mark,
                hidden_count=metric.hidden_sites,
                band=ChartBand(metric.band_label, metric.band) if metric.band else None,
                max_markers=min(MAX_MARKERS, _MAX_STATIC_MARKERS // len(metrics)),
            )
            chars_left -= len(svg)
            svg = svg if chars_left >= 0 else None
        table = _build_value_table(metric, room) if metric.has_chart else None
        found.append({"name": metric.name, "text": metric.text, "note": metric.note, "svg": svg, "table": table})
    return found


def _build_value_table(metric: Metric, max_cells: int) -> ValueTable:
    """Return the values of a chart as a table: of many positions the newest, the best, and some between."""
    columns = [(line.label, dict(line.points)) for line in metric.lines]
    if metric.band:
        columns += [
            ("lowest", {x: low for x, low, _ in metric.band}),
            ("highest", {x: high for x, _, high in metric.band}),
        ]
    positions = sorted({x for _, points in columns for x in points})
    max_rows = min(max(_MIN_TABLE_ROWS, max_cells // len(columns)), _MAX_TABLE_ROWS)
    stride = math.ceil(len(positions) / max_rows) or 1
    best = metric.best and metric.best[0]
    kept = sorted({*positions[::-1][::stride], positions[0], *(x for x in positions if x == best)})
    rows = tuple(
        ValueRow(
            format_tick(x, 12),
            tuple(format_number(points[x]) if x in points else "" for _, points in columns),
            (0,) if x == best else (),
        )
        for x in kept
    )
    rest = f"one {metric.x_label} in {stride * metric.stride} is shown" if stride * metric.stride > 1 else ""
    return ValueTable("", metric.x_label, tuple(name for name, _ in columns), rows, rest)


def _build_metric(source: _Source, memory: _Memory, max_points: int, has_optional: bool) -> Metric:
    has_band = bool(source.band)
    sites = list(source.points_by_site)
    if not has_optional:
        sites = [site for site in sites if not site] + ([] if has_band else sites)[: MAX_PLAIN_SITES + 1]
        sites = list(dict.fromkeys(sites))
    lines = {site: source.points_by_site[site] for site in sites}
    means = [mean for _, mean in source.band]
    if source.is_aligned:
        # The same positions are kept of each.
        kept, stride = _thin_out(_list_positions([*lines.values(), means]), max_points)
        kept |= {source.best[0]} if source.best is not None else set()
        choice = memory.choose(source.name, None if stride == 1 else kept)
        choices = dict.fromkeys(lines, choice)
    else:
        thinned = {site: _thin_out([x for x, _ in points], max_points) for site, points in lines.items()}
        stride = max(stride for _, stride in thinned.values())
        kept = set()
        choices = {site: _Choice(None if stride == 1 else of_site) for site, (of_site, _) in thinned.items()}
    named = [site for site in lines if site]
    optional = set(named if has_band else named[MAX_PLAIN_SITES:])
    labels = shorten_names(map(_name_line, lines), _MAX_LABEL_CHARS)
    built = []
    for site, points in lines.items():
        line_name = _name_line(site)
        drawn = memory.draw(source.name, site, points, choices[site])
        line = MetricLine(line_name, labels[line_name], drawn, not site, site in optional)
        built.append(memory.same_line(source.name, site, line))
    if has_band:
        name = f"mean of {source.site_count} sites"
        mean = tuple(mean for mean in means if mean[0] in kept)
        built.insert(bool("" in lines), MetricLine(name, name, mean, "" not in lines))
    return Metric(
        source.name,
        _describe_values(source),
        tuple(built),
        tuple(ends for ends, _ in source.band if ends[0] in kept),
        f"range of {source.site_count} sites" if has_band else "",
        source.hidden_count if has_optional or has_band else source.site_count - len(named),
        source.best,
        stride,
        source.x_label,
        source.first_x,
        source.note,
    )


def _list_positions(lines: Iterable[_Points]) -> Sequence[int]:
    """Return the positions of the points of lines, in order."""
    known = [points for points in lines if points]
    first = min((points[0][0] for points in known), default=0)
    last = max((points[-1][0] for points in known), default=-1)
    if any(len(points) == last - first + 1 for points in known):  # mostly one line has them all
        return range(first, last + 1)
    return sorted({x for points in known for x, _ in points})


def _thin_out(positions: Sequence[int], max_count: int) -> tuple[set[int], int]:
    """Return about so many of the positions of points, the last one among them, and one in how many that is.

    The others stay those that they are as more points come, until the number doubles: so only the new ones are sent.
    """
    stride, count = 1, len(positions)
    while count > stride * max_count:
        stride *= 2
    if stride == 1:
        return set(positions), 1
    spacing = (positions[-1] - positions[0]) // (count - 1)
    if positions[0] + spacing * (count - 1) == positions[-1] and spacing:
        # Counted from 0, as the first points may be forgotten.
        kept = {x for x in positions if x // spacing % stride == 0}
    else:
        kept = set(positions[::stride])
    return {*kept, positions[-1]}, stride


def _name_line(site: str) -> str:
    return sanitize(site, _MAX_SITE_CHARS) if site else ALL_SITES_LABEL


def _describe_values(source: _Source) -> str:
    shown = list(source.points_by_site)[:_MAX_VALUES_IN_TEXT]
    newest = {site: source.points_by_site[site][-1] for site in shown}
    places = {x for x, _ in newest.values()}
    preposition = "in" if source.is_aligned else "at"

    def said(site: str, x: int, value: float) -> str:
        which = "" if len(places) == 1 else f" ({source.x_label} {format_tick(x)})"
        return f"{_name_line(site)} {format_number(value)}{which}"

    words = ", ".join(said(site, *point) for site, point in newest.items())
    more = source.site_count - sum(1 for site in newest if site)
    if more:
        words += f" and {more} more {'site' if more == 1 else 'sites'}"
    if len(places) == 1:
        words += f" {preposition} {source.x_label} {format_tick(places.pop())}"
    if source.best is not None:
        words += f"; best {preposition} {source.x_label} {source.best[0]}: {format_number(source.best[1])}"
    return words
