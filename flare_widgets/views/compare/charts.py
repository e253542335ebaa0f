"""The charts of a comparison: each metric by round, and parallel coordinates of arguments and metrics. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET  # only for writing: it escapes

from markupsafe import Markup

from ...formatting.text import format_number, format_numbers_apart
from ...script_arguments import to_value
from ..core.svg_chart import COLOURS
from ..job.metrics import Metric, MetricLine
from .view_model import Comparison

MAX_PLAIN_JOBS = 8
"""The most jobs with a line each, the best ones; of more, a chart has their range, and lines on request."""

_MAX_ARGUMENT_AXES, _MAX_METRIC_AXES = 8, 4
_MIN_JOBS, _MAX_TICKS = 3, 12
_MIN_TICK_DISTANCE = 0.07  # on an axis of length 1, so that labels do not overlap
_LOG_RATIO = 50.0  # of the largest to the smallest value, from which on an axis is logarithmic
_MAX_NAME_CHARS = 18
_NAME_CHAR_WIDTH = 7.0
_WIDTH, _HEIGHT = 720.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 60.0, 34.0, 14.0


def build_metrics(comparison: Comparison, baseline: int | None = None) -> list[Metric]:
    """Return the chart of each metric, with a line for each job in their order; those without values have none."""
    plain = set(comparison.ranking()[:MAX_PLAIN_JOBS]) | ({baseline} if baseline is not None else set())
    return [_build_metric(comparison, metric, plain, baseline) for metric in comparison.metrics]


def _build_metric(comparison: Comparison, metric: str, plain: set[int], baseline: int | None) -> Metric:
    jobs = comparison.jobs
    found = [job.lines.get(metric) for job in jobs]
    labels = drop_common_start([job.label for job in jobs])
    lines = tuple(
        MetricLine(job.label, labels[number], line.points if line else (), number == baseline, number not in plain)
        for number, (job, line) in enumerate(zip(jobs, found, strict=True))
    )
    best = comparison.best(metric)
    direction = {"max": "higher is better", "min": "lower is better"}.get(comparison.directions[metric], "")
    winner = next((jobs[number].label for number in sorted(comparison.winners(metric))), "")
    note = f"Best: {winner}; {direction}" if winner else direction.capitalize()
    known = [(job.label, line) for job, line in zip(jobs, found, strict=True) if line is not None]
    text = ", ".join(f"{label} {format_number(line.best)} in round {line.best_round}" for label, line in known[:4])
    more = f" and {len(known) - 4} more jobs" if len(known) > 4 else ""
    return Metric(
        metric,
        f"{text}{more}",
        lines,
        _build_band([line.points for line in lines], comparison.stride) if len(known) > MAX_PLAIN_JOBS else (),
        f"range of {len(known)} jobs" if len(known) > MAX_PLAIN_JOBS else "",
        best=best,
        stride=comparison.stride,
        first_x=1,
        note=note,
    )


def drop_common_start(labels: Sequence[str]) -> list[str]:
    """Return labels without the words with which all begin, for a legend that cuts off their ends.

    The jobs of a sweep begin with its name; what tells them apart comes after it.
    """
    words = [label.split(" ") for label in labels]
    common = 0
    while len(words) > 1 and all(len(each) > common + 1 and each[common] == words[0][common] for each in words):
        common += 1
    return [" ".join(each[common:]) for each in words]


def _build_band(lines: Sequence[Sequence[tuple[int, float]]], stride: int) -> tuple[tuple[int, float, float], ...]:
    values: dict[int, list[float]] = {}
    for points in lines:
        for x, y in points:
            if x % stride:
                continue  # of some jobs only
            values.setdefault(x, []).append(y)
    return tuple((x, min(found), max(found)) for x, found in sorted(values.items()))


@dataclass(frozen=True)
class Axis:
    """An axis of parallel coordinates.

    Attributes
    ----------
    name
        The argument or the metric.
    is_metric
        True for a metric.
    ticks
        Positions from 0 to 1, from below, and their labels.
    """

    name: str
    is_metric: bool
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates.

    Attributes
    ----------
    axes
        The arguments in which the jobs differ, then the metrics.
    lines
        Of each job its positions on the axes; None where it has no value.
    merits
        Of each job a number from 0 (worst) to 1 (best) by the first metric; None if unknown.
    """

    axes: tuple[Axis, ...]
    lines: tuple[tuple[float | None, ...], ...]
    merits: tuple[float | None, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            "axes": [{**vars(axis), "ticks": [list(tick) for tick in axis.ticks]} for axis in self.axes],
            "lines": [list(line) for line in self.lines],
            "merits": list(self.merits),
        }


def build_parallel(comparison: Comparison) -> Parallel | None:
    """Return parallel coordinates; None if the jobs are few, differ by no argument, or have no metric yet."""
    if len(comparison.jobs) < _MIN_JOBS or not comparison.arguments or not comparison.metrics:
        return None
    axes, columns = [], []
    for name in comparison.arguments[:_MAX_ARGUMENT_AXES]:
        texts = [job.arguments.get(name) for job in comparison.jobs]
        axis, places = _build_axis(name, [None if text is None else to_value(text) for text in texts])
        axes.append(axis)
        columns.append(places)
    merits: list[float | None] = [None] * len(comparison.jobs)
    for metric in comparison.metrics[:_MAX_METRIC_AXES]:
        lines = [job.lines.get(metric) for job in comparison.jobs]
        axis, places = _build_axis(metric, [None if line is None else line.best for line in lines], is_metric=True)
        axes.append(axis)
        columns.append(places)
        if metric == comparison.metrics[0]:
            sign = {"max": 1.0, "min": -1.0}.get(comparison.directions[metric])
            merits = [None if at is None or sign is None else (at if sign > 0 else 1 - at) for at in places]
    return Parallel(tuple(axes), tuple(zip(*columns, strict=True)), tuple(merits))


def _build_axis(
    name: str, values: Sequence[float | str | None], *, is_metric: bool = False
) -> tuple[Axis, list[float | None]]:
    """Return an axis, and the position of each value: numbers by size, anything else by name."""
    known = [value for value in values if value is not None]
    numbers = [float(value) for value in known if isinstance(value, (int, float)) and abs(value) < 1e300]
    if len(numbers) < len(known):
        texts = sorted({str(value) for value in known})
        place = {text: (n + 0.5) / len(texts) for n, text in enumerate(texts)}
        stride = math.ceil(len(texts) / _MAX_TICKS)
        ticks = tuple((place[text], text) for text in texts[::stride])
        return Axis(name, is_metric, ticks), [None if value is None else place[str(value)] for value in values]
    distinct = sorted(set(numbers))
    is_log = bool(distinct) and distinct[0] > 0 and distinct[-1] / distinct[0] >= _LOG_RATIO
    low, high = (distinct[0], distinct[-1]) if distinct else (0.0, 0.0)

    def position(value: float) -> float:
        bottom, top, at = (math.log(low), math.log(high), math.log(value)) if is_log else (low, high, value)
        return (at - bottom) / (top - bottom) if top > bottom else 0.5

    # Few values have a label each, others the ends and one between.
    shown = distinct if len(distinct) <= (3 if is_metric else 6) else [low, high]
    labelled: list[tuple[float, str]] = []
    for value, label in zip(shown, format_numbers_apart(shown) if is_metric else map(_label, shown), strict=True):
        at = round(position(value), 4)
        if not labelled or at - labelled[-1][0] >= _MIN_TICK_DISTANCE:
            labelled.append((at, label))
    return Axis(name, is_metric, tuple(labelled)), [
        None if value is None else round(position(float(value)), 4) for value in values
    ]


def _label(value: float) -> str:
    return f"{value:.6g}"


def draw_parallel(parallel: Parallel, labels: Sequence[str], rows: Sequence[int]) -> Markup:
    """Return parallel coordinates as a ``figure`` with an inline SVG, the best jobs in the strongest colour.

    Parameters
    ----------
    parallel
        The positions.
    labels
        The name of each job.
    rows
        The indices of the jobs that are drawn.
    """
    figure = ET.Element("figure", {"class": "flw-parallel"})
    ET.SubElement(figure, "figcaption").text = "Arguments and metrics: a line a job, the stronger the better"
    title = f"Parallel coordinates of {len(rows)} jobs: {', '.join(axis.name for axis in parallel.axes)}"
    svg = ET.SubElement(
        figure,
        "svg",
        {
            "class": "flw-parallel-picture",
            "viewBox": f"0 0 {_WIDTH:g} {_HEIGHT:g}",
            "width": f"{_WIDTH:g}",
            "height": f"{_HEIGHT:g}",
            "role": "img",
            "aria-label": title,
            "font-size": "11",
            "fill": "currentColor",
        },
    )
    gap = (_WIDTH - _LEFT - _RIGHT) / max(1, len(parallel.axes) - 1)
    best = max((merit for merit in parallel.merits if merit is not None), default=None)

    def y_of(at: float) -> float:
        return round(_HEIGHT - _BOTTOM - at * (_HEIGHT - _TOP - _BOTTOM), 1)

    look = {"class": "flw-parallel-lines flw-series-0", "color": COLOURS[0], "fill": "none", "stroke": "currentColor"}
    group = ET.SubElement(svg, "g", look)
    order = sorted(rows, key=lambda number: parallel.merits[number] or 0.0)
    for number in order:
        merit = parallel.merits[number]
        path, pen = "", "M"
        for place, at in enumerate(parallel.lines[number]):
            path += "" if at is None else f"{pen}{_LEFT + place * gap:g} {y_of(at):g}"
            pen = "M" if at is None else "L"
        is_best = merit is not None and merit == best
        width = "2.5" if is_best else "1.25"
        line = ET.SubElement(
            group, "path", {"d": path, "stroke-width": width, "stroke-opacity": f"{_opacity(merit):g}"}
        )
        ET.SubElement(line, "title").text = labels[number]
    for place, axis in enumerate(parallel.axes):
        x = f"{_LEFT + place * gap:g}"
        ends = {"x1": x, "x2": x, "y1": f"{_TOP:g}", "y2": f"{_HEIGHT - _BOTTOM:g}"}
        ET.SubElement(svg, "line", {"class": "flw-axis", "stroke": "currentColor", "stroke-opacity": "0.6", **ends})
        head = {"x": x, "y": "14", "text-anchor": "middle", "font-weight": "600"}
        # As long as there is room on both sides of the axis.
        ET.SubElement(svg, "text", head).text = _shorten(axis.name, int(min(gap, 2 * _LEFT) / _NAME_CHAR_WIDTH))
        for at, label in axis.ticks:
            where = {"x": f"{_LEFT + place * gap - 6:g}", "y": f"{y_of(at) + 4:g}", "text-anchor": "end"}
            ET.SubElement(svg, "text", where).text = _shorten(label)
    return Markup(ET.tostring(figure, encoding="unicode", method="html"))  # noqa: S704 - ElementTree escapes


def _opacity(merit: float | None) -> float:
    return 0.5 if merit is None else round(0.2 + 0.8 * merit * merit, 2)


def _shorten(text: str, max_chars: int = _MAX_NAME_CHARS) -> str:
    most = min(max_chars, _MAX_NAME_CHARS)
    return text if len(text) <= most else f"{text[: most - 1]}…"
