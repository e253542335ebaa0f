"""Line charts for the static forms: SVG that needs no script. The live ones are js/src/lib/chart.ts."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # to write only: it escapes

from markupsafe import Markup

from ...formatting.text import clean
from ...monitoring.job.format import number

SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "M-3.5 -3.5H3.5V3.5H-3.5Z",
    "M0 -4.5L4.5 3.5H-4.5Z",
    "M0 -5L5 0L0 5L-5 0Z",
    "M0 4.5L4.5 -3.5H-4.5Z",
    "M-1.5 -4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
)
"""The marks of the lines, as in js/src/lib/marks.ts."""

DASHES = ("", "6 3", "2 3", "8 3 2 3")
"""The dashes and gaps of the lines, likewise."""

COLOURS = ("#1976d2", "#e65100", "#388e3c", "#9c27b0", "#00897b", "#8d6e63")
"""For a page that has lost the style sheet, light or dark; chart-look.css has those that follow the theme."""

MOST_LINES = 12
"""Lines that are drawn: with more, a picture that does not move tells none of them apart."""

_WIDTH, _HEIGHT = 480.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 10.0, 10.0, 24.0
_MOST_MARKS = 30  # along a line
_MOST_POINTS = 400  # of a line: fewer pixels are there
_NAME = 60  # characters
_LOWEST = 1e-300  # a float that can be divided by


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes
    ----------
    name
        What the legend says. Hostile text.
    points
        Pairs of place and value. Where a value is not finite, the line has a gap.
    bold
        Whether it is the one that the others are compared with.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    bold: bool = False


@dataclass(frozen=True)
class Mark:
    """A point to mark.

    Attributes
    ----------
    x, y
        Where.
    words
        Why: ``best``.
    """

    x: float
    y: float
    words: str


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str = "round",
    log: bool = False,
    mark: Mark | None = None,
    more: int = 0,
) -> Markup:
    """Return a chart as a ``figure`` with an inline SVG and a legend in words.

    Lines differ by dashes and marks, not by colour alone. The legend has their last values: it says what matters
    where SVG is not shown (GitHub).

    Parameters
    ----------
    lines
        What to draw, the most important first; `MOST_LINES` of them are drawn, the others counted.
    title
        What the chart is about. Hostile text.
    x_label
        What the places are.
    log
        Whether the values are on a logarithmic scale; values that are not above 0 are gaps then.
    mark
        A point to mark.
    more
        How many lines there are besides.
    """
    shown = [Line(clean(line.name, _NAME), _drawable(line.points, log), line.bold) for line in lines[:MOST_LINES]]
    points = [point for line in shown for point in line.points]
    if mark is not None and not _drawable([(mark.x, mark.y)], log):
        mark = None
    if mark is not None:
        points.append((mark.x, mark.y))
    figure = ET.Element("figure", {"class": "flw-chart"})
    ET.SubElement(figure, "figcaption").text = clean(title)
    if points:
        gaps = [_gaps(line.points, log) for line in lines[:MOST_LINES]]
        _picture(figure, shown, gaps, points, clean(title), clean(x_label), log, mark)
    _legend(figure, shown, len(lines) - len(shown) + more)
    notes = []
    if mark is not None:
        notes.append(f"◯ {clean(mark.words, _NAME)}: {clean(x_label)} {tick(mark.x)}, {number(mark.y)}")
    if log:
        notes.append("logarithmic scale")
    if not points:
        notes.append("no values")
    if notes:
        ET.SubElement(figure, "p", {"class": "flw-chart-note"}).text = " · ".join(notes)
    # Written by ElementTree, which has escaped all that came from outside.
    return Markup(ET.tostring(figure, encoding="unicode", short_empty_elements=False))  # noqa: S704


# -- scales: pure arithmetic -----------------------------------------------------------------------------------


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most `most` round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    if not low < high:
        return [low]
    if not math.isfinite(high - low):
        return [low, high]
    power = float(f"1e{math.floor(math.log10(max((high - low) / most, _LOWEST)))}")
    for factor in (1, 2, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            # Numbers that are very near to one another are the same when they are rounded.
            return sorted({float(f"{n * step:.12g}") for n in range(first, last + 1)})
    return [low]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` numbers from `low` to `high`, both above 0: powers of ten, or what lies between them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / most))
    for factors in ((1, 2, 5), (1, 3), (1,)) if stride == 1 else ((1,),):
        powers = [float(f"1e{p}") for p in range(first, last + 1, stride) if -300 < p < 300]
        found = [f * power for power in powers for f in factors if low <= f * power <= high]
        if 2 <= len(found) <= most:
            return [float(f"{value:.6g}") for value in found]
    return [value for value in ticks(low, high, most) if value > 0]


def tick(value: float, digits: int = 4) -> str:
    """Return a number at an axis, without the zeros that say nothing: ``0.6``, ``20``, ``1e+09``."""
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        return f"{value:.{digits - 2}g}"
    # Rounded first: six digits are written without an exponent, four of a larger number are not.
    return f"{float(f'{value:.{digits}g}'):.{max(digits, 6)}g}"


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return the numbers at one axis: with as many digits as it takes to tell them apart."""
    labels: list[str] = []
    for digits in range(4, 13):
        labels = [tick(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            break
    return labels


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return points for a line that looks the same: of each stretch its lowest and its highest."""
    if len(points) <= _MOST_POINTS:
        return list(points)
    stride = math.ceil(2 * len(points) / _MOST_POINTS)
    kept = {points[0], points[-1]}
    for start in range(0, len(points), stride):
        stretch = points[start : start + stride]
        kept |= {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
    return sorted(kept)


def _drawable(points: Iterable[tuple[float, float]], log: bool) -> tuple[tuple[float, float], ...]:
    kept = {x: y for x, y in points if math.isfinite(x) and math.isfinite(y) and (not log or y > 0)}
    return tuple(sorted(kept.items()))


def _gaps(points: Iterable[tuple[float, float]], log: bool) -> list[float]:
    """Return the places that have no value to draw."""
    points = [point for point in points if math.isfinite(point[0])]
    return sorted({x for x, _ in points} - {x for x, _ in _drawable(points, log)})


def _range(values: Sequence[float], log: bool) -> tuple[float, float]:
    """Return the lowest and the highest value that the axis reaches: a little more than there is."""
    low, high = min(values), max(values)
    if log:
        return (low / 1.5, high * 1.5) if low / 1.5 > 0 and math.isfinite(high * 1.5) else (low, high)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return (low - room, high + room) if math.isfinite(high - low) and math.isfinite(high + room) else (low, high)


class _Scale:
    """Turns values into places from `start` to `end`."""

    def __init__(self, low: float, high: float, start: float, end: float, log: bool = False) -> None:
        self._log = log
        self._low, self._high = (math.log10(low), math.log10(high)) if log else (low, high)
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        value = math.log10(value) if self._log else value
        # Halves, because the difference of two numbers may be larger than any number.
        whole = self._high / 2 - self._low / 2
        share = (value / 2 - self._low / 2) / whole if whole else 0.5
        return round(self._start + (self._end - self._start) * share, 1)


# -- elements --------------------------------------------------------------------------------------------------


def _picture(
    figure: ET.Element,
    lines: Sequence[Line],
    gaps: Sequence[Sequence[float]],
    points: Sequence[tuple[float, float]],
    title: str,
    x_label: str,
    log: bool,
    mark: Mark | None,
) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    (left, right), (low, high) = (min(xs), max(xs)), _range(ys, log)
    across = _Scale(left, right, _LEFT, _WIDTH - _RIGHT)
    up = _Scale(low, high, _HEIGHT - _BOTTOM, _TOP, log)
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
    ET.SubElement(svg, "desc").text = _described(lines, x_label)
    values = log_ticks(low, high) if log else ticks(low, high)
    for value, label in zip(values, tick_labels(values), strict=True):
        y = up(value)
        where = {"x1": f"{_LEFT:g}", "x2": f"{_WIDTH - _RIGHT:g}", "y1": f"{y:g}", "y2": f"{y:g}"}
        ET.SubElement(svg, "line", {"class": "flw-grid", "stroke": "#9e9e9e", "stroke-opacity": "0.5", **where})
        _words(svg, label, _LEFT - 6, y + 4, "end")
    for value in ticks(left, right, 9):
        if value == int(value) or left == right:
            _words(svg, tick(value), across(value), _HEIGHT - 8, "middle")
    # The important ones last, above the others.
    for index, line in sorted(enumerate(lines), key=lambda item: (item[1].bold, -item[0])):
        _line(svg, index, line, gaps[index], across, up)
    if mark is not None:
        where = {"cx": f"{across(mark.x):g}", "cy": f"{up(mark.y):g}", "r": "8"}
        look = {"class": "flw-best", "fill": "none", "stroke": "currentColor", "stroke-width": "1.5"}
        ET.SubElement(svg, "circle", {**where, **look})


def _line(svg: ET.Element, index: int, line: Line, gaps: Sequence[float], across: _Scale, up: _Scale) -> None:
    points = _thinned(line.points)
    places = [(across(x), up(y)) for x, y in points]
    group = ET.SubElement(svg, "g", _coloured(index))
    if len(places) > 1:
        # How many gaps lie before each point: a line goes on where that stays the same.
        before = [bisect.bisect(gaps, x) for x, _ in points]
        steps = zip(places, before, [-1, *before], strict=False)
        path = "".join(f"{'L' if gap == last else 'M'}{x:g} {y:g}" for (x, y), gap, last in steps)
        ET.SubElement(group, "path", {"d": path, **_stroke(index, line.bold)})
    stride = math.ceil(len(places) / _MOST_MARKS) or 1
    size = 1.1 if line.bold else 0.8
    for x, y in [*places[:-1:stride], *places[-1:]]:
        shape = {"d": SHAPES[index % len(SHAPES)], "fill": "currentColor"}
        ET.SubElement(group, "path", {**shape, "transform": f"translate({x:g} {y:g}) scale({size})"})


def _legend(figure: ET.Element, lines: Sequence[Line], more: int) -> None:
    if not lines:
        return
    legend = ET.SubElement(figure, "ul", {"class": "flw-legend"})
    for index, line in enumerate(lines):
        item = ET.SubElement(legend, "li", {"class": "flw-legend-item flw-bold" if line.bold else "flw-legend-item"})
        sample = {"width": "26", "height": "12", "aria-hidden": "true"}
        coloured = _coloured(index)
        swatch = ET.SubElement(item, "svg", {**sample, **coloured, "class": f"flw-swatch {coloured['class']}"})
        ET.SubElement(swatch, "path", {"d": "M0 6H26", **_stroke(index, line.bold)})
        shape = {"d": SHAPES[index % len(SHAPES)], "fill": "currentColor"}
        ET.SubElement(swatch, "path", {**shape, "transform": "translate(13 6)"})
        name = ET.SubElement(item, "span", {"class": "flw-legend-name"})
        name.text, name.tail = line.name, " "
        value = number(line.points[-1][1]) if line.points else "no value"
        ET.SubElement(item, "span", {"class": "flw-legend-value"}).text = value
    if more > 0:
        ET.SubElement(legend, "li", {"class": "flw-legend-item"}).text = f"and {more} more, not drawn"


def _described(lines: Sequence[Line], x_label: str) -> str:
    told = []
    for line in lines:
        if line.points:
            (first, begin), (last, end) = line.points[0], line.points[-1]
            told.append(
                f"{line.name}: {number(begin)} in {x_label} {tick(first)}, {number(end)} in {x_label} {tick(last)}"
            )
    return "; ".join(told)


def _coloured(index: int) -> dict[str, str]:
    return {"class": f"flw-series-{index % len(COLOURS)}", "color": COLOURS[index % len(COLOURS)]}


def _stroke(index: int, bold: bool) -> dict[str, str]:
    look = {"fill": "none", "stroke": "currentColor", "stroke-width": "3" if bold else "1.5"}
    dashes = DASHES[index % len(DASHES)]
    return {**look, "stroke-dasharray": dashes} if dashes else look


def _words(svg: ET.Element, text: str, x: float, y: float, anchor: str) -> None:
    ET.SubElement(svg, "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor}).text = text
