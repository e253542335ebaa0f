"""Metrics in a job's view."""

from __future__ import annotations

import dataclasses
import html
import json
import math
from xml.etree import ElementTree as ET

import pytest

from flare_widgets.monitoring.job.model import (
    RANK_RECORD,
    SELECTOR_VALUE,
    BestRound,
    KeyMetric,
    Point,
    Results,
    Round,
    Series,
    Workflow,
)
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.results.scalars import StepPoint, StepSeries
from flare_widgets.views.job.html import job_html
from flare_widgets.views.job.metrics import (
    MAX_METRICS,
    MAX_SITES,
    MEAN_NOTE,
    MetricsJsonCache,
    build_charts,
    build_metrics,
    describe_hidden_metrics,
)

T = 1795442615.0


def series(name: str, site: str, *values: float, begin: int = 0) -> Series:
    return Series(name, site, tuple(Point(begin + n, value) for n, value in enumerate(values)))


def job(*found: Series, **facts) -> JobSnapshot:
    rounds = tuple(Round(n, T + n) for n in range(3))
    return JobSnapshot(
        "id",
        status="RUNNING",
        workflows=(Workflow("", first_round=0),),
        rounds=rounds,
        round_metrics=found,
        facts_at=T,
        **facts,
    )


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


def test_no_best_round_while_key_metric_is_unknown():
    [only] = build_metrics(job(series("accuracy", "", 0.4, 0.6), best=BestRound(1, 0.6)))
    assert only.best is None
    assert "best" not in only.text


def test_mean_of_selector_is_called_so_until_record_is_known():
    sites = series("loss", "a", 0.1), series("loss", "b", 0.3)
    assert build_metrics(job(series("loss", "", 0.2), *sites))[0].note == MEAN_NOTE
    assert build_metrics(job(Series("loss", "", (Point(0, 0.25, RANK_RECORD),)), *sites))[0].note == ""


def test_selector_value_says_that_its_direction_is_unknown():
    snapshot = job(series(SELECTOR_VALUE, "", -0.4, -0.3))
    [metric] = build_metrics(snapshot)
    assert metric.note == (
        "The server selects the best model by this value; the metric's name and its better direction are not known yet."
    )
    assert metric.note in html.unescape(job_html(snapshot, T))
    assert build_metrics(job(series("accuracy", "", 1, 2)))[0].note == ""


def test_workflows_never_share_a_chart():
    workflows = tuple(
        Workflow(name, "ScatterAndGather", started_at=T + 10 * n) for n, name in enumerate(("pretrain", "finetune"))
    )
    found = [
        dataclasses.replace(series(name, site, *values), workflow=workflow)
        for workflow, values in (("pretrain", (0.1, 0.2)), ("finetune", (0.7, 0.8)))
        for name, site in (("accuracy", ""), ("accuracy", "a"))
    ]
    found.append(dataclasses.replace(series("loss", "", 3, 2), workflow="pretrain"))
    snapshot = dataclasses.replace(
        job(*found, key_metric=KeyMetric("accuracy"), best=BestRound(1, 0.8, workflow="finetune")),
        workflows=workflows,
        rounds=tuple(Round(n, T + n, workflow=w.id) for w in workflows for n in range(2)),
    )
    drawn = build_metrics(snapshot)
    assert [metric.name for metric in drawn] == ["accuracy (workflow 2)", "accuracy (workflow 1)", "loss (workflow 1)"]
    assert [metric.lines[0].points for metric in drawn[:2]] == [((1, 0.7), (2, 0.8)), ((1, 0.1), (2, 0.2))]
    assert [metric.best for metric in drawn] == [(2, 0.8), None, None]
    assert [len(metric.lines) for metric in drawn] == [2, 2, 1]


def test_values_by_step_have_charts_of_their_own():
    def steps(name, site, *points):
        return StepSeries(name, site, tuple(StepPoint(*point) for point in points))

    scalars = (
        steps("loss", "site-1", (0, 0.9), (100, 0.5)),
        steps("loss", "site-2", (0, 0.8), (50, 0.7)),
        steps("accuracy", "", (7, 0.5)),
        steps("nothing", "site-1"),
    )
    rounds, loss, accuracy = build_metrics(job(series("accuracy", "", 1, 2)), scalars)
    assert (rounds.name, rounds.x_label) == ("accuracy", "round")
    assert (loss.name, loss.x_label, loss.best) == ("loss", "step", None)
    assert [line.points for line in loss.lines] == [((0, 0.9), (100, 0.5)), ((0, 0.8), (50, 0.7))]
    assert loss.text == "site-1 0.500 (step 100), site-2 0.700 (step 50)"
    assert (accuracy.name, accuracy.text) == ("accuracy (TensorBoard)", "unknown site 0.500 at step 7")
    snapshot = dataclasses.replace(job(), recorded=Results(scalars=scalars))
    assert "loss by step" in job_html(snapshot, T)


def test_values_of_workflow_without_rounds_are_by_step():
    points = [series("accuracy", site, *(n / 10_000 for n in range(9000))) for site in ("", "a")]
    snapshot = dataclasses.replace(
        job(*points, key_metric=KeyMetric("accuracy"), best=BestRound(777, 0.0777)), rounds=()
    )
    [metric] = build_metrics(snapshot)
    assert metric.x_label == "step"
    assert metric.text == "all sites (aggregate) 0.900, a 0.900 in step 9000; best in step 778: 0.078"
    assert dict(metric.lines[0].points)[778] == 0.0777
    assert "accuracy by step" in job_html(snapshot, T)
    cache = MetricsJsonCache()
    assert [cache(s)[0]["x_label"] for s in (snapshot, job(*points))] == ["step", "round"]


def test_metrics_without_a_chart_are_counted():
    found = [series(f"m{n}", "", 1, 2) for n in range(MAX_METRICS + 1)]
    scalars = [StepSeries(f"s{n}", "a", (StepPoint(0, 1.0),)) for n in range(MAX_METRICS)]
    assert describe_hidden_metrics(job(*found[1:]), scalars) == ""
    assert describe_hidden_metrics(job(*found), scalars) == "and 1 more metric, not drawn"
    more = StepSeries("s", "a", (StepPoint(0, 1.0),))
    assert describe_hidden_metrics(job(*found), [*scalars, more]) == "and 2 more metrics, not drawn"
    assert "and 1 more metric, not drawn" in job_html(job(*found), T)


def test_many_steps_are_thinned_by_site():
    scalars = tuple(
        StepSeries("loss", f"site-{odd}", tuple(StepPoint(2 * n + odd, float(n)) for n in range(20_000)))
        for odd in (0, 1)
    )
    [metric] = build_metrics(job(), scalars)
    assert [len(line.points) for line in metric.lines] == [2501, 2501]
    assert [line.points[-1][0] for line in metric.lines] == [39_998, 39_999]
    assert metric.stride == 8


def test_one_point_written_two_points_drawn():
    [metric] = build_metrics(job(series("accuracy", "", 0.4), series("accuracy", "a", 0.3)))
    assert not metric.has_chart
    assert metric.text == "all sites (aggregate) 0.400, a 0.300 in round 1"
    page = job_html(job(series("accuracy", "", 0.4)), T)
    assert "accuracy: all sites (aggregate) 0.400 in round 1" in page
    assert "<svg" not in page
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
    # A line for the aggregate, for the mean, and for some of the sites on request.
    assert {len(metric.lines) for metric in drawn} == {MAX_SITES + 2}
    assert {sum(line.is_optional for line in metric.lines) for metric in drawn} == {MAX_SITES}
    assert {metric.hidden_sites for metric in drawn} == {60 - MAX_SITES}
    assert len(json.dumps([metric.to_json() for metric in drawn])) < 800_000
    # The newest and the best round are there however few are.
    kept = dict(drawn[0].lines[0].points)
    assert kept[1000] == values[999]
    assert kept[778] == values[777]
    assert drawn[0].stride == 32
    [first, *_] = build_charts(snapshot)
    assert f"and {60 - MAX_SITES} more, not drawn" in first["svg"]
    assert len(job_html(snapshot, T)) < 60_000


def test_metrics_rebuilt_only_when_changed():
    made = MetricsJsonCache()
    before = job(series("accuracy", "", 0.4, 0.6))
    first = made(before)
    assert made(dataclasses.replace(before, facts_at=T + 1, trouble="lost")) is first
    better = dataclasses.replace(before, best=BestRound(1, 0.6), key_metric=KeyMetric("accuracy"))
    assert made(better)[0]["best"] == (2, 0.6)
    scalars = (StepSeries("loss", "a", (StepPoint(0, 1.0),)),)
    assert [metric["name"] for metric in made(better, scalars)] == ["accuracy", "loss"]
    assert made(dataclasses.replace(before, workflows=(Workflow("", first_round=1),)))[0]["lines"][0]["points"] == (
        (0, 0.4),
        (1, 0.6),
    )
    assert made(dataclasses.replace(before, round_metrics=(series("loss", "", 1),)))[0]["name"] == "loss"


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
    page = job_html(snapshot, T)
    assert len(page) < 60_000
    body = page.split("</style>", 1)[1]
    for markup in ("<script", "<img", 'onerror=alert(1)>"', "<style", "\x1b", "\u202e", "\x00"):
        assert markup not in body
    for chart in build_charts(snapshot):
        if chart["svg"]:
            ET.fromstring(chart["svg"])
    sent = json.dumps([metric.to_json() for metric in build_metrics(snapshot)])
    assert len(sent) < 3000


def test_axis_begins_with_first_round_live_and_static():
    late = job(series("accuracy", "", 0.4, 0.6, begin=1), key_metric=KeyMetric("accuracy"))
    [metric] = build_metrics(late)
    assert (metric.first_x, metric.note) == (1, "Round 1 comes with the result.")
    assert metric.lines[0].points[0] == (2, 0.4)
    [chart] = build_charts(late)
    labels = [text.text for text in ET.fromstring(chart["svg"]).iter("text") if text.get("text-anchor") == "middle"]
    assert labels == ["1", "2", "3"]
    page = html.unescape(job_html(late, T))
    assert "Round 1 comes with the result." in page
    assert (
        "Live: only the job's key metric (accuracy). Others arrive with the result. "
        "%%flare --key-metric NAME shows another one live." in page
    )
    [whole] = build_metrics(job(series("accuracy", "", 0.4, 0.6)))
    assert (whole.first_x, whole.note) == (1, "")
    cache = MetricsJsonCache()
    assert [cache(s)[0]["note"] for s in (late, dataclasses.replace(late, status="FINISHED:ABORTED"))] == [
        "Round 1 comes with the result.",
        "",
    ]


def test_words_stand_in_place_of_missing_chart():
    workflow = Workflow("", "FedAvg", first_round=0)
    page = html.unescape(job_html(dataclasses.replace(job(key_metric=KeyMetric("accuracy")), workflows=(workflow,)), T))
    assert "Live: only the job's key metric (accuracy), and the server's log has no value of it." in page


def test_many_sites_have_range_and_mean():
    sites = [series("accuracy", f"site-{n}", 0.1 * n, 0.1 * n + 0.3) for n in range(7)]
    [metric] = build_metrics(job(series("accuracy", "", 0.2, 0.5), *sites))
    assert [(line.name, line.is_bold, line.is_optional) for line in metric.lines[:3]] == [
        ("all sites (aggregate)", True, False),
        ("mean of 7 sites", False, False),
        ("site-0", False, True),
    ]
    assert [number for point in metric.band for number in point] == pytest.approx([1, 0, 0.6, 2, 0.3, 0.9])
    assert [value for _, value in metric.lines[1].points] == pytest.approx([0.3, 0.6])
    assert metric.to_json()["scale"]["high"] > 0.9
    [alone] = build_metrics(job(*sites))
    assert (alone.lines[0].name, alone.lines[0].is_bold) == ("mean of 7 sites", True)
    [few] = build_metrics(job(*sites[:6]))
    assert (few.band, [line.is_optional for line in few.lines]) == ((), [False] * 6)
    page = job_html(job(*sites), T)
    assert "range of 7 sites" in page
    assert "site-3" not in page.split("</svg>")[1]


def test_of_very_many_sites_those_far_from_mean_have_lines():
    sites = [series("accuracy", f"site-{n:03}", 0.5, 0.5 + (n in (7, 99)) * 0.4) for n in range(100)]
    [metric] = build_metrics(job(*sites))
    assert metric.hidden_sites == 100 - MAX_SITES
    assert {"site-007", "site-099"} < {line.name for line in metric.lines}


def test_static_form_has_values_as_table():
    values = [0.5 + n / 1000 for n in range(200)]
    snapshot = job(series("accuracy", "", *values), key_metric=KeyMetric("accuracy"), best=BestRound(77, values[77]))
    [chart] = build_charts(snapshot)
    table = chart["table"]
    rows = {row.name: row for row in table.rows}
    assert (table.corner, table.headings) == ("round", ("all sites (aggregate)",))
    assert (rows["200"].cells, rows["78"].best, rows["1"].cells) == (("0.699",), (0,), ("0.500",))
    assert len(rows) <= 53
    assert table.rest == "one round in 4 is shown"
    page = job_html(snapshot, T)
    assert "accuracy as a table" in page
    assert page.count("<td") <= 60
    assert build_charts(job(series("accuracy", "", 0.4)))[0]["table"] is None


def test_work_of_metrics_grows_with_points(monkeypatch):
    calls = 0
    nth_round = JobSnapshot.nth_round

    def count(self, *arguments):
        nonlocal calls
        calls += 1
        return nth_round(self, *arguments)

    monkeypatch.setattr(JobSnapshot, "nth_round", count)
    build_metrics(job(*(series("accuracy", f"site-{n:04}", *range(1, 51)) for n in range(1000))))
    assert calls <= 5
