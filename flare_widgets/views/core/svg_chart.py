"""Line charts for the static forms: SVG that needs no script. The live ones are js/src/core/chart.ts."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET  # only for writing: it escapes

from markupsafe import Markup

from ...formatting.text import format_number, sanitize

MARKER_SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "M-3.5 -3.5H3.5V3.5H-3.5Z",
    "M0 -4.5L4.5 3.5H-4.5Z",
    "M0 -5L5 0L0 5L-5 0Z",
    "M0 4.5L4.5 -3.5H-4.5Z",
    "M-1.5 -4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
)
"""The markers of the lines, as in js/src/core/series-style.ts."""

DASH_PATTERNS = ("", "6 3", "2 3", "8 3 2 3")
"""The dashes and gaps of the lines, likewise."""

COLOURS = ("#1976d2", "#e65100", "#388e3c", "#9c27b0", "#00897b", "#8d6e63")
"""Colours for a page that has lost the style sheet, light or dark; those in chart-base.css follow the theme."""

MAX_MARKERS = 60
"""The most markers along all lines of a chart."""

MAX_LINES = 12
"""The most lines drawn: with more, a static chart tells none of them apart."""

_WIDTH, _HEIGHT = 480.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 10.0, 10.0, 24.0
_INSET = 11.0  # between the axes and the outermost points, whose marks must not hide the labels
_MAX_X_TICKS = 9
_MAX_POINTS_PER_LINE = 400  # per line: a chart has fewer pixels
_MAX_NAME_CHARS = 120  # characters
_BAND_ATTRIBUTES = {"class": "flw-band", "fill": "currentColor", "fill-opacity": "0.15", "stroke": "none"}
_PATH_COMMAND = re.compile(r"([MLHVaZ])([^MLHVaZ]*)")  # of the markers
_MIN_DIVISOR = 1e-300  # the smallest float that can be divided by


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart.

    Attributes
    ----------
    name
        The name in the legend. Untrusted text.
    points
        Pairs of position and value. If a value is not finite, the line has a gap.
    bold
        True for the line that the others are compared with.
    label
        The name shortened for the legend, if it is long.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    bold: bool = False
    label: str = ""


@dataclass(frozen=True)
class ChartMark:
    """A marked point.

    Attributes
    ----------
    x, y
        The position.
    label
        The reason for the mark: ``best``.
    """

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class ChartBand:
    """A filled band between two values at each position.

    Attributes
    ----------
    name
        The name in the legend. Untrusted text.
    points
        The position, the lowest and the highest value.
    """

    name: str
    points: tuple[tuple[float, float, float], ...]


def line_chart(
    lines: Sequence[ChartLine],
    *,
    title: str,
    x_label: str = "round",
    first_x: float | None = None,
    log_scale: bool = False,
    mark: ChartMark | None = None,
    hidden_count: int = 0,
    band: ChartBand | None = None,
    max_markers: int = MAX_MARKERS,
) -> Markup:
    """Return a chart as a ``figure`` with an inline SVG and a legend in words.

    Lines differ by dashes and markers, not by colour alone. The legend has their last values, which remain readable
    where SVG is not shown (GitHub).

    Parameters
    ----------
    lines
        The lines, the most important first; `MAX_LINES` of them are drawn, the others counted.
    title
        The title of the chart. Untrusted text.
    x_label
        The label of the x axis.
    first_x
        The position at which the axis begins, with or without a value; the first one that has a value if not given.
    log_scale
        True for a logarithmic scale of the values; values that are not above 0 are gaps then.
    mark
        A point to mark.
    hidden_count
        The number of additional lines that are not in `lines`.
    band
        A band behind the lines.
    max_markers
        The most markers along all lines; each line has one at least.
    """
    shown = [
        ChartLine(
            sanitize(line.name, _MAX_NAME_CHARS),
            _drawable_points(line.points, log_scale),
            line.bold,
            sanitize(line.label or line.name, _MAX_NAME_CHARS),
        )
        for line in lines[:MAX_LINES]
    ]
    points = [point for line in shown for point in line.points]
    band = None if band is None else _drawable_band(band, log_scale)
    if band is not None:
        points += [(x, value) for x, *ends in band.points for value in ends]
    if mark is not None and not _drawable_points([(mark.x, mark.y)], log_scale):
        mark = None
    if mark is not None:
        points.append((mark.x, mark.y))
    figure = ET.Element("figure", {"class": "flw-chart"})
    ET.SubElement(figure, "figcaption").text = sanitize(title)
    if points:
        gaps = [_gap_positions(line.points, log_scale) for line in lines[:MAX_LINES]]
        _add_plot(
            figure, shown, gaps, points, sanitize(title), sanitize(x_label), first_x, log_scale, mark, band, max_markers
        )
    _add_legend(figure, shown, len(lines) - len(shown) + hidden_count, band)
    notes = []
    if mark is not None:
        notes.append(
            f"◯ {sanitize(mark.label, _MAX_NAME_CHARS)}: {sanitize(x_label)} {format_tick(mark.x)}, "
            f"{format_number(mark.y)}"
        )
    if log_scale:
        notes.append("logarithmic scale")
    if not points:
        notes.append("no values")
    if notes:
        ET.SubElement(figure, "p", {"class": "flw-chart-note"}).text = " · ".join(notes)
    # Written by ElementTree, which has escaped all external text.
    return Markup(ET.tostring(figure, encoding="unicode", short_empty_elements=False))  # noqa: S704


# -- scales: pure arithmetic -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ValueScale:
    """The scale of the values: what every form of a chart draws them on.

    Attributes
    ----------
    low, high
        The ends of the axis.
    ticks, labels
        The ticks and their labels.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


def value_scale(values: Iterable[float], log_scale: bool = False) -> ValueScale | None:
    """Return a scale for values, None if it can show none of them: those above 0, if it is logarithmic."""
    shown = [value for value in values if math.isfinite(value) and (not log_scale or value > 0)]
    if not shown:
        return None
    low, high = _axis_range(shown, log_scale)
    found = log_ticks(low, high) if log_scale else ticks(low, high)
    return ValueScale(low, high, tuple(found), tuple(tick_labels(found)))


def value_scales_json(points: Iterable[tuple[float, float]]) -> dict[str, dict[str, Any] | None]:
    """Return the browser's data of the linear and the logarithmic scale of a chart's points."""
    values = [value for _, value in points]
    scales = {"scale": value_scale(values), "log_scale": value_scale(values, True)}
    return {name: None if scale is None else vars(scale) for name, scale in scales.items()}


def ticks(low: float, high: float, max_count: int = 5) -> list[float]:
    """Return at most `max_count` round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    if not low < high:
        return [low]
    if not math.isfinite(high - low):
        return [low, high]
    power = float(f"1e{math.floor(math.log10(max((high - low) / max_count, _MIN_DIVISOR)))}")
    for factor in (1, 2, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < max_count:
            # Numbers that are very close to one another are equal after rounding.
            return sorted({float(f"{n * step:.12g}") for n in range(first, last + 1)})
    return [low]


def position_ticks(first: float, last: float, max_count: int = _MAX_X_TICKS) -> list[float]:
    """Return the labelled positions of the x axis: whole numbers, of which the first position is one."""
    if not first < last:
        return [first]
    found = [value for value in ticks(first, last, max_count) if value == int(value)]
    step = found[1] - found[0] if len(found) > 1 else last - first
    return [first, *(value for value in found if value - first >= step / 2)]


def log_ticks(low: float, high: float, max_count: int = 6) -> list[float]:
    """Return at most `max_count` numbers from `low` to `high`, both above 0: powers of ten, or numbers between them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / max_count))
    for factors in ((1, 2, 5), (1, 3), (1,)) if stride == 1 else ((1,),):
        powers = [float(f"1e{p}") for p in range(first, last + 1, stride) if -300 < p < 300]
        found = [f * power for power in powers for f in factors if low <= f * power <= high]
        if 2 <= len(found) <= max_count:
            return [float(f"{value:.6g}") for value in found]
    return [value for value in ticks(low, high, max_count) if value > 0]


def format_tick(value: float, digits: int = 4) -> str:
    """Return an axis label without superfluous zeros: ``0.6``, ``20``, ``1e+09``."""
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        return f"{value:.{digits - 2}g}"
    # Rounded first: six digits are written without an exponent, four of a larger number are not.
    return f"{float(f'{value:.{digits}g}'):.{max(digits, 6)}g}"


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return the labels of one axis: with as many digits as it takes to tell them apart."""
    labels: list[str] = []
    for digits in range(4, 13):
        labels = [format_tick(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            break
    return labels


def _downsample(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return fewer points for a line that looks the same: the lowest and the highest of each stretch."""
    if len(points) <= _MAX_POINTS_PER_LINE:
        return list(points)
    stride = math.ceil(2 * len(points) / _MAX_POINTS_PER_LINE)
    kept = {points[0], points[-1]}
    for start in range(0, len(points), stride):
        stretch = points[start : start + stride]
        kept |= {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
    return sorted(kept)


def _drawable_points(points: Iterable[tuple[float, float]], log_scale: bool) -> tuple[tuple[float, float], ...]:
    kept = {x: y for x, y in points if math.isfinite(x) and math.isfinite(y) and (not log_scale or y > 0)}
    return tuple(sorted(kept.items()))


def _gap_positions(points: Iterable[tuple[float, float]], log_scale: bool) -> list[float]:
    """Return the positions that have no value to draw."""
    points = [point for point in points if math.isfinite(point[0])]
    return sorted({x for x, _ in points} - {x for x, _ in _drawable_points(points, log_scale)})


def _axis_range(values: Sequence[float], log_scale: bool) -> tuple[float, float]:
    """Return the lowest and the highest value of the axis: slightly beyond the data."""
    low, high = min(values), max(values)
    if log_scale:
        return (low / 1.5, high * 1.5) if low / 1.5 > 0 and math.isfinite(high * 1.5) else (low, high)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low - room, high + room) if math.isfinite(high - low) and math.isfinite(high + room) else (low, high)


def _drawable_band(band: ChartBand, log_scale: bool) -> ChartBand:
    points = tuple(sorted(p for p in band.points if all(map(math.isfinite, p)) and (not log_scale or p[1] > 0)))
    return ChartBand(sanitize(band.name, _MAX_NAME_CHARS), points)


class _Scale:
    """A mapping of values to positions from `start` to `end`."""

    def __init__(self, low: float, high: float, start: float, end: float, log_scale: bool = False) -> None:
        self._log_scale = log_scale
        self._low, self._high = (math.log10(low), math.log10(high)) if log_scale else (low, high)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        value = math.log10(value) if self._log_scale else value
        # Halves, because the difference of two numbers may overflow.
        whole = self._high / 2 - self._low / 2
        share = (value / 2 - self._low / 2) / whole if whole else 0.5
        return round(self._start + (self._end - self._start) * share, 1)


# -- elements --------------------------------------------------------------------------------------------------


def _add_plot(
    figure: ET.Element,
    lines: Sequence[ChartLine],
    gaps_by_line: Sequence[Sequence[float]],
    points: Sequence[tuple[float, float]],
    title: str,
    x_label: str,
    first_x: float | None,
    log_scale: bool,
    mark: ChartMark | None,
    band: ChartBand | None,
    max_markers: int,
) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, right = min(xs if first_x is None else [*xs, first_x]), max(xs)
    scale = value_scale(ys, log_scale)
    assert scale is not None  # there are points
    across = _Scale(left, right, _LEFT + _INSET, _WIDTH - _RIGHT - _INSET)
    up = _Scale(scale.low, scale.high, _HEIGHT - _BOTTOM, _TOP, log_scale)
    svg = ET.SubElement(
        figure,
        "svg",
        {
            "class": "flw-chart-picture",
            "viewBox": f"0 0 {_WIDTH:g} {_HEIGHT:g}",
            "width": f"{_WIDTH:g}",
            "height": f"{_HEIGHT:g}",
            "role": "img",
            "aria-label": title,
            "font-size": "12",
            "fill": "currentColor",
        },
    )
    ET.SubElement(svg, "title").text = title
    ET.SubElement(svg, "desc").text = _describe_lines(lines, x_label)
    for value, label in zip(scale.ticks, scale.labels, strict=True):
        y = up(value)
        where = {"x1": f"{_LEFT:g}", "x2": f"{_WIDTH - _RIGHT:g}", "y1": f"{y:g}", "y2": f"{y:g}"}
        ET.SubElement(svg, "line", {"class": "flw-grid", "stroke": "#9e9e9e", "stroke-opacity": "0.5", **where})
        _add_text(svg, label, _LEFT - 6, y + 4, "end")
    for value in position_ticks(left, right):
        _add_text(svg, format_tick(value), across(value), _HEIGHT - 8, "middle")
    if band is not None and band.points:
        upper = [f"{across(x):g} {up(high):g}" for x, _, high in band.points]
        lower = [f"{across(x):g} {up(low):g}" for x, low, _ in reversed(band.points)]
        ET.SubElement(svg, "path", {"d": f"M{'L'.join([*upper, *lower])}Z", **_BAND_ATTRIBUTES})
    # The important ones last, on top of the others.
    for index, line in sorted(enumerate(lines), key=lambda item: (item[1].bold, -item[0])):
        _add_line(svg, index, line, gaps_by_line[index], across, up, max(1, max_markers // len(lines)))
    if mark is not None:
        where = {"cx": f"{across(mark.x):g}", "cy": f"{up(mark.y):g}", "r": "8"}
        look = {"class": "flw-best", "fill": "none", "stroke": "currentColor", "stroke-width": "1.5"}
        ET.SubElement(svg, "circle", {**where, **look})


def _add_line(
    svg: ET.Element,
    index: int,
    line: ChartLine,
    gaps: Sequence[float],
    x_scale: _Scale,
    y_scale: _Scale,
    max_markers: int,
) -> None:
    points = _downsample(line.points)
    places = [(x_scale(x), y_scale(y)) for x, y in points]
    group = ET.SubElement(svg, "g", _colour_attributes(index))
    if len(places) > 1:
        # The number of gaps before each point: a line continues where that stays the same.
        before = [bisect.bisect(gaps, x) for x, _ in points]
        steps = zip(places, before, [-1, *before], strict=False)
        path = "".join(f"{'L' if gap == last else 'M'}{x:g} {y:g}" for (x, y), gap, last in steps)
        ET.SubElement(group, "path", {"d": path, **_stroke_attributes(index, line.bold)})
    stride = math.ceil(len(places) / max_markers) or 1
    shape, size = MARKER_SHAPES[_marker_number(index)], 1.1 if line.bold else 0.8
    markers = "".join(_move_shape(shape, x, y, size) for x, y in [*places[:-1:stride], *places[-1:]])
    if markers:
        ET.SubElement(group, "path", {"d": markers, "fill": "currentColor"})


def _move_shape(shape: str, x: float, y: float, size: float) -> str:
    """Return the path of a marker at another place and in another size: many of them in one path are short."""
    moved = []
    for command, text in _PATH_COMMAND.findall(shape):
        numbers = [float(number) for number in text.split()]
        if command == "a":  # the radii, and the end relative to the start
            numbers = [number * size if place in (0, 1, 5, 6) else number for place, number in enumerate(numbers)]
        elif command == "V":
            numbers = [y + number * size for number in numbers]
        else:
            numbers = [(y if place % 2 else x) + number * size for place, number in enumerate(numbers)]
        moved.append(command + " ".join(f"{round(number, 1):g}" for number in numbers))
    return "".join(moved)


def _add_legend(figure: ET.Element, lines: Sequence[ChartLine], hidden_count: int, band: ChartBand | None) -> None:
    if not lines:
        return
    legend = ET.SubElement(figure, "ul", {"class": "flw-legend"})
    for index, line in enumerate(lines):
        item = ET.SubElement(legend, "li", {"class": "flw-legend-item flw-bold" if line.bold else "flw-legend-item"})
        sample = {"width": "26", "height": "12", "aria-hidden": "true"}
        coloured = _colour_attributes(index)
        swatch = ET.SubElement(item, "svg", {**sample, **coloured, "class": f"flw-swatch {coloured['class']}"})
        ET.SubElement(swatch, "path", {"d": "M0 6H26", **_stroke_attributes(index, line.bold)})
        shape = {"d": MARKER_SHAPES[_marker_number(index)], "fill": "currentColor"}
        ET.SubElement(swatch, "path", {**shape, "transform": "translate(13 6)"})
        title = {} if line.label == line.name else {"title": line.name}
        name = ET.SubElement(item, "span", {"class": "flw-legend-name", **title})
        name.text, name.tail = line.label, " "
        value = format_number(line.points[-1][1]) if line.points else "no value"
        ET.SubElement(item, "span", {"class": "flw-legend-value"}).text = value
    if band is not None and band.points:
        item = ET.SubElement(legend, "li", {"class": "flw-legend-item"})
        swatch = ET.SubElement(
            item, "svg", {"width": "26", "height": "12", "aria-hidden": "true", "class": "flw-swatch"}
        )
        ET.SubElement(swatch, "path", {"d": "M0 1H26V11H0Z", **_BAND_ATTRIBUTES})
        name = ET.SubElement(item, "span", {"class": "flw-legend-name"})
        name.text, name.tail = band.name, " "
        _, low, high = band.points[-1]
        ET.SubElement(
            item, "span", {"class": "flw-legend-value"}
        ).text = f"{format_number(low)} to {format_number(high)}"
    if hidden_count > 0:
        ET.SubElement(legend, "li", {"class": "flw-legend-item"}).text = f"and {hidden_count} more, not drawn"


def _describe_lines(lines: Sequence[ChartLine], x_label: str) -> str:
    told = []
    for line in lines:
        if line.points:
            (first, begin), (last, end) = line.points[0], line.points[-1]
            told.append(
                f"{line.name}: {format_number(begin)} in {x_label} {format_tick(first)}, {format_number(end)} "
                f"in {x_label} {format_tick(last)}"
            )
    return "; ".join(told)


def _marker_number(index: int) -> int:
    """Return the number of the marker of a line; the first line shares its marker and its colour with no other."""
    return 1 + (index - 1) % (len(MARKER_SHAPES) - 1) if index else 0


def _colour_number(index: int) -> int:
    # Shifted each time that the markers begin again, so that no two of the first lines share both.
    count = len(COLOURS) - 1
    return 1 + (index - 1 + (index - 1) // count) % count if index else 0


def _colour_attributes(index: int) -> dict[str, str]:
    number = _colour_number(index)
    return {"class": f"flw-series-{number}", "color": COLOURS[number]}


def _stroke_attributes(index: int, bold: bool) -> dict[str, str]:
    look = {"fill": "none", "stroke": "currentColor", "stroke-width": "3" if bold else "1.5"}
    dashes = DASH_PATTERNS[index % len(DASH_PATTERNS)]
    return {**look, "stroke-dasharray": dashes} if dashes else look


def _add_text(svg: ET.Element, text: str, x: float, y: float, anchor: str) -> None:
    ET.SubElement(svg, "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}).text = text
