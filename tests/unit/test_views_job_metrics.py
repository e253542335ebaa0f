"""Metrics in a job's view."""

from __future__ import annotations

import dataclasses
import json
import math
from xml.etree import ElementTree as ET

import pytest

from flare_widgets.monitoring.job.model import BestRound, KeyMetric, Point, Round, Series
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.views.job.html import job_html
from flare_widgets.views.job.metrics import MAX_METRICS, MAX_SITES, MetricsJsonCache, build_charts, build_metrics

T = 1795442615.0


def series(name: str, site: str, *values: float, begin: int = 0) -> Series:
    return Series(name, site, tuple(Point(begin + n, value) for n, value in enumerate(values)))


def job(*found: Series, **facts) -> JobSnapshot:
    rounds = tuple(Round(n, T + n) for n in range(3))
    return JobSnapshot("id", status="RUNNING", first_round=0, rounds=rounds, metrics=found, facts_at=T, **facts)


def test_key_metric_first_rounds_from_one():
    loss, sites = series("loss", "", 3, 2, 1), series("accuracy", "b", 0.3, 0.4)
    snapshot = job(
        loss, series("accuracy", "", 0.4, 0.6, 0.5), sites, key_metric=KeyMetric("accuracy"), best=BestRound(1, 0.6)
    )
    first, second = build_metrics(snapshot)
    assert (first.name, second.name) == ("accuracy", "loss")
    assert [(line.name, line.is_bold) for line in first.lines] == [("all sites (aggregate)", True), ("b", False)]
    assert first.lines[0].points == ((1, 0.4), (2, 0.6), (3, 0.5))
    assert first.best == (2, 0.6)
    assert first.text == "all sites (aggregate) 0.500 (round 3), b 0.400 (round 2); best in round 2: 0.600"
    assert second.best is None


def test_best_round_applies_to_substitute_metric():
    [only] = build_metrics(job(series("accuracy", "", 0.4, 0.6), best=BestRound(1, 0.6)))
    assert only.best == (2, 0.6)


def test_one_point_written_two_points_drawn():
    [metric] = build_metrics(job(series("accuracy", "", 0.4), series("accuracy", "a", 0.3)))
    assert not metric.has_chart
    assert metric.text == "all sites (aggregate) 0.400, a 0.300 in round 1"
    html = job_html(job(series("accuracy", "", 0.4)), T)
    assert "accuracy: all sites (aggregate) 0.400 in round 1" in html
    assert "<svg" not in html
    assert build_metrics(job(series("accuracy", "", 0.4, 0.5)))[0].has_chart
    assert "accuracy by round" in job_html(job(series("accuracy", "", 0.4, 0.5)), T)


def test_job_without_metrics_has_no_section():
    assert build_metrics(job(Series("accuracy", "", ()))) == ()
    assert "flw-metrics" not in job_html(job(), T)


def test_large_job_stays_small():
    values = tuple(0.5 + n / 10_000 for n in range(1000))
    points = series("", "", *values).points
    found = [Series(f"m{m}", f"site-{s:03}" if s else "", points) for m in range(14) for s in range(61)]
    snapshot = job(*found, key_metric=KeyMetric("m0"), best=BestRound(777, values[777]))
    drawn = build_metrics(snapshot)
    assert len(drawn) == MAX_METRICS
    assert {len(metric.lines) for metric in drawn} == {MAX_SITES + 1}
    assert {metric.hidden_sites for metric in drawn} == {60 - MAX_SITES}
    assert len(json.dumps([metric.to_json() for metric in drawn])) < 800_000
    # The newest and the best round are there however few are.
    kept = dict(drawn[0].lines[0].points)
    assert kept[1000] == values[999]
    assert kept[778] == values[777]
    assert drawn[0].stride == 20
    [first, *_] = build_charts(snapshot)
    assert f"and {60 - 11} more, not drawn" in first["svg"]
    assert len(job_html(snapshot, T)) < 800_000


def test_metrics_rebuilt_only_when_changed():
    made = MetricsJsonCache()
    before = job(series("accuracy", "", 0.4, 0.6))
    first = made(before)
    assert made(dataclasses.replace(before, facts_at=T + 1, trouble="lost")) is first
    assert made(dataclasses.replace(before, best=BestRound(1, 0.6)))[0]["best"] == (2, 0.6)
    assert made(dataclasses.replace(before, first_round=1))[0]["lines"][0]["points"] == ((0, 0.4), (1, 0.6))
    assert made(dataclasses.replace(before, metrics=(series("loss", "", 1),)))[0]["name"] == "loss"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nonfinite_values_are_omitted(value):
    [metric] = build_metrics(job(series("accuracy", "", 0.4, value, 0.6), best=BestRound(1, value)))
    assert metric.lines[0].points == ((1, 0.4), (3, 0.6))
    assert metric.best is None


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</svg></style><script>",
        "javascript:alert(1)",
        "</p><style>*{display:none}</style>",
        "\x1b[31m\x00\u202e\u2066",
        "{{7*7}}",
        "n" * 1_000_000,
    ],
    ids=lambda words: repr(words[:20]),
)
def test_hostile_names_are_escaped_everywhere(words):
    snapshot = job(series(words, "", 1, 2), series(words, words, 1, 2), series(words + "2", words, 3))
    html = job_html(snapshot, T)
    assert len(html) < 60_000
    body = html.split("</style>", 1)[1]
    for markup in ("<script", "<img", 'onerror=alert(1)>"', "<style", "\x1b", "\u202e", "\x00"):
        assert markup not in body
    for chart in build_charts(snapshot):
        if chart["svg"]:
            ET.fromstring(chart["svg"])
    sent = json.dumps([metric.to_json() for metric in build_metrics(snapshot)])
    assert len(sent) < 3000
