"""Charts of the static forms: read back as XML, as a browser would."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from flare_widgets.views.core.svg_chart import (
    DASH_PATTERNS,
    MARKER_SHAPES,
    MAX_LINES,
    ChartLine,
    ChartMark,
    format_tick,
    line_chart,
    log_ticks,
    tick_labels,
    ticks,
    value_scale,
    value_scales_json,
)

ALL = ChartLine("all together", ((1, 0.4), (2, 0.612), (3, 0.607)), bold=True)
SITE = ChartLine("hospital-a", ((1, 0.41), (3, 0.59)))


def read(*lines: ChartLine, **options) -> ET.Element:
    return ET.fromstring(line_chart(lines, title=options.pop("title", "accuracy"), **options))


def find(element: ET.Element, tag: str) -> ET.Element:
    found = element.find(tag)
    assert found is not None
    return found


def line_path(figure: ET.Element) -> str:
    """Return the path of the first line."""
    return next(p for p in find(figure, "svg").iter("path") if p.get("fill") == "none").attrib["d"]


def text(element: ET.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def test_has_facts_in_words_too():
    figure = read(ALL, SITE, mark=ChartMark(2, 0.612, "best"))
    assert [text(item) for item in figure.iter("li")] == ["all together 0.607", "hospital-a 0.590"]
    assert figure.findtext("p") == "◯ best: round 2, 0.612"
    svg = find(figure, "svg")
    assert svg.findtext("title") == svg.get("aria-label") == "accuracy"
    assert svg.findtext("desc") == (
        "all together: 0.400 in round 1, 0.607 in round 3; hospital-a: 0.410 in round 1, 0.590 in round 3"
    )
    assert [t.text for t in svg.iter("text")] == ["0.4", "0.45", "0.5", "0.55", "0.6", "1", "2", "3"]


def test_draws_each_point_where_value_is():
    figure = read(ChartLine("a", ((1, 0.0), (2, 5.0), (3, 10.0))))
    path = line_path(figure)
    places = [tuple(map(float, place.split())) for place in path[1:].split("L")]
    (x1, y1), (x2, y2), (x3, y3) = places
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert y1 > y3
    labels = {t.text: float(t.attrib["y"]) for t in figure.iter("text") if t.get("text-anchor") == "end"}
    assert labels["0"] == pytest.approx(y1 + 4, abs=0.2)
    assert labels["10"] == pytest.approx(y3 + 4, abs=0.2)


def test_log_scale_spaces_equal_factors_equally():
    figure = read(ChartLine("loss", ((1, 100.0), (2, 10.0), (3, 1.0), (4, 0.0))), log_scale=True)
    path = line_path(figure)
    ys = [float(place.split()[1]) for place in path[1:].split("L")]
    assert len(ys) == 3
    assert ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.2)
    assert "logarithmic scale" in (figure.findtext("p") or "")


def test_lines_differ_beyond_colour_bold_topmost():
    figure = read(*(ChartLine(f"s{n}", ((1, n), (2, n)), bold=n == 0) for n in range(MAX_LINES)))
    looks = {
        tuple((p.get("d"), p.get("stroke-dasharray")) for p in find(item, "svg").iter("path"))
        for item in figure.iter("li")
    }
    assert len(looks) == MAX_LINES
    groups = list(find(figure, "svg").iter("g"))
    assert find(groups[-1], "path").get("stroke-width") == "3"


def test_looks_as_live_chart_does():
    marks = (Path(__file__).parents[2] / "js/src/core/series-style.ts").read_text(encoding="utf-8")
    (shapes,) = re.findall(r"MARKER_SHAPES = \[(.*?)\] as const", marks, re.DOTALL)
    (dashes,) = re.findall(r"DASH_PATTERNS: .*? = (\[.*\]);", marks)
    assert re.findall(r'"(.*?)"', shapes) == list(MARKER_SHAPES)
    assert [" ".join(map(str, dash)) for dash in json.loads(dashes)] == list(DASH_PATTERNS)


def test_excess_lines_are_counted_not_drawn():
    figure = read(*(ChartLine(f"site-{n}", ((1, n), (2, n))) for n in range(200)))
    items = [text(item) for item in figure.iter("li")]
    assert len(items) == MAX_LINES + 1
    assert items[-1] == f"and {200 - MAX_LINES} more, not drawn"


def test_long_line_thinned_but_keeps_peaks():
    points = tuple((n, 1000.0 if n == 54_321 else n % 7) for n in range(100_000))
    chart = line_chart([ChartLine("a", points)], title="t")
    assert len(chart) < 20_000
    path = line_path(ET.fromstring(chart))
    ys = [float(place.split()[1]) for place in path[1:].split("L")]
    assert min(ys) < 20
    assert sorted(ys)[1] > 100


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></svg><svg onload=alert(1)>",
    "]]><!--",
    "javascript:alert(1)",
    "\x1b[31m\x00\u202e\u2066\n",
    "\ud800",
    "{{7*7}}{% raw %}",
    "n" * 1_000_000,
]


@pytest.mark.parametrize("words", HOSTILE, ids=lambda words: repr(words[:20]))
def test_hostile_words_stay_text(words):
    markup = line_chart([ChartLine(words, ((1, 1), (2, 2)))], title=words, x_label=words, mark=ChartMark(1, 1, words))
    figure = ET.fromstring(markup)  # well-formed: nothing broke out of its element
    assert {element.tag for element in figure.iter()} <= {
        *(
            "figure",
            "figcaption",
            "svg",
            "title",
            "desc",
            "line",
            "text",
            "g",
            "path",
            "circle",
            "ul",
            "li",
            "span",
            "p",
        )
    }
    attributes = {name for element in figure.iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name or name == "style" for name in attributes)
    assert len(markup) < 20_000
    assert "\x1b" not in markup
    assert "\u202e" not in markup
    assert "\x00" not in markup
    markup.encode()


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        (),
        (math.nan, math.inf, -math.inf),
        (0.0,),
        (1.0, 1.0),
        (-1e308, 1e308),
        (1e-320, 1e308),
        (5e-324, 5e-324),
        (1.7e308, 1.7976931348623157e308),
        (-3.0, 0.0),
    ],
)
def test_any_numbers_drawn_or_reported_missing(values, log):
    figure = read(ChartLine("a", tuple(enumerate(values))), log_scale=log)
    places = [f for e in figure.iter() for k in ("x", "y", "x1", "y1", "cx", "cy") if (f := e.get(k)) is not None]
    assert all(-1 <= float(place) <= 600 for place in places)
    drawn = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    assert (figure.find("svg") is not None) is bool(drawn)
    assert ("no values" in (figure.findtext("p") or "")) is not bool(drawn)


def test_ticks_are_round_and_inside():
    assert ticks(0, 10) == [0, 5, 10]
    assert ticks(0.39, 0.62) == [0.4, 0.45, 0.5, 0.55, 0.6]
    assert ticks(-1, 1) == [-1, -0.5, 0, 0.5, 1]
    assert log_ticks(0.5, 2000) == [1, 10, 100, 1000]
    assert log_ticks(1.5, 6) == [2, 5]
    assert [format_tick(v) for v in (0.1 + 0.2, 20, 1e9, 0.0001, 0)] == ["0.3", "20", "1e+09", "0.0001", "0"]


@pytest.mark.parametrize(
    ("low", "high", "linear", "log"),
    [
        (0, 10, [0, 5, 10], None),
        (0.39, 0.62, [0.4, 0.45, 0.5, 0.55, 0.6], [0.4, 0.45, 0.5, 0.55, 0.6]),
        (1, 1, [1], [1]),
        (0.5, 2000, [500, 1000, 1500, 2000], [1, 10, 100, 1000]),
        (1e-300, 3e-300, [1e-300, 2e-300, 3e-300], [1e-300, 2e-300, 3e-300]),
        (-1e308, 1e308, [-1e308, 1e308], None),
        (1, 1.0000000000000004, [1], [1]),
        (0.00067, 150, [50, 100, 150], [0.01, 1, 100]),
        (1e-300, 1e300, [0, 5e299, 1e300], [1e-200, 1e-100, 1, 1e100, 1e200]),
        (-5.5, -4.5, [-5.4, -5.2, -5, -4.8, -4.6], None),
        (12, 3456, [1000, 2000, 3000], [30, 100, 300, 1000, 3000]),
    ],
)
def test_ticks_of_any_range(low, high, linear, log):
    assert ticks(low, high) == linear
    assert log is None or log_ticks(low, high) == log


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [(0.0,), (-1e308, 1e308), (1e-320, 1e308), (5e-324, 5e-324), (1e16, 1e16 + 2)])
def test_value_scale_has_room_for_every_value(values, log):
    scale = value_scale(values, log)
    shown = [value for value in values if value > 0 or not log]
    assert (scale is None) is (not shown)
    if scale is not None:
        assert scale.low <= min(shown) <= max(shown) <= scale.high
        assert len(scale.labels) == len(set(scale.ticks)) == len(scale.ticks)
        assert all(math.isfinite(tick) for tick in scale.ticks)


def test_no_value_has_no_scale():
    assert value_scales_json([(1, math.nan), (2, -math.inf)]) == {"scale": None, "log_scale": None}
    both = value_scales_json([(1, 0.4), (2, 0.6)])
    assert both["scale"] is not None
    assert both["scale"]["labels"] == ("0.4", "0.45", "0.5", "0.55", "0.6")
    assert json.dumps(both, allow_nan=False)


@pytest.mark.parametrize(("missing", "log"), [(math.nan, False), (math.inf, False), (-1.0, True), (0.0, True)])
def test_missing_value_leaves_gap_in_line(missing, log):
    figure = read(
        ChartLine("a", ((1, 1.0), (2, 2.0), (3, missing), (4, 2.0), (6, 3.0))),
        ChartLine("b", ((5, 1.0),)),
        log_scale=log,
    )
    path = line_path(figure)
    # Over place 5, which only the other line names, it goes straight on.
    assert re.sub(r"[^ML]", "", path) == "MLML"


def test_tick_labels_have_distinguishing_digits():
    assert tick_labels([12345.2, 12345.4, 12345.6]) == ["12345.2", "12345.4", "12345.6"]
    assert tick_labels([0.98766, 0.98768, 0.9877]) == ["0.98766", "0.98768", "0.9877"]
    assert tick_labels([1.72e308, 1.74e308]) == ["1.72e+308", "1.74e+308"]
    assert tick_labels([0, 0.5, 1]) == ["0", "0.5", "1"]
