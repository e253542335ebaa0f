"""Tables and events in a job's view."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from drawn_jobs import CASES

from flare_widgets.monitoring.job.metric_direction import metric_direction
from flare_widgets.monitoring.job.model import Event, KeyMetric, Results
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.summary import summarize
from flare_widgets.monitoring.results.evaluation import Evaluation
from flare_widgets.monitoring.results.statistics import Bin, FeatureStatistic, Histogram, Statistics
from flare_widgets.views.job.events import MAX_EVENTS, build_events
from flare_widgets.views.job.html import job_html
from flare_widgets.views.job.tables import (
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_TABLES,
    TablesJsonCache,
    ValueRow,
    ValueTable,
    build_evaluation_tables,
    build_statistics_table,
)

T = 1795442615.0
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def evaluate(metric: str, **values: dict[str, float]) -> list[Evaluation]:
    return [Evaluation(site, model, metric, v) for model, found in values.items() for site, v in found.items()]


def test_best_model_of_each_site_is_marked():
    found = evaluate("accuracy", a={"a": 0.8, "b": 0.4}, SRV_best={"a": 0.5, "b": 0.9}, A={"a": 0.7})
    [table] = build_evaluation_tables(found)
    assert (table.title, table.corner) == ("accuracy (higher is better)", "model")
    assert table.headings == ("a", "b", "mean of the sites")
    assert table.rows == (
        ValueRow("SRV_best", ("0.500", "0.900", "0.700"), (1, 2)),
        ValueRow("A", ("0.700", "", "")),
        ValueRow("a", ("0.800", "0.400", "0.600"), (0,)),
    )


def test_direction_decides_which_model_is_best():
    values = {"SRV": {"a": 0.5}, "b": {"a": 0.8}}

    def marked(metric: str) -> list[tuple[int, ...]]:
        [table] = build_evaluation_tables(evaluate(metric, **values), KeyMetric("odd", "min"))
        return [row.best for row in table.rows]

    found = {metric: marked(metric) for metric in ("val_loss", "odd", "unknown")}
    assert found == {"val_loss": [(0,), ()], "odd": [(0,), ()], "unknown": [(), ()]}
    assert build_evaluation_tables(evaluate("unknown", **values))[0].title == "unknown"
    assert build_evaluation_tables(evaluate("accuracy", SRV={"a": 0.5}))[0].rows[0].best == ()


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("accuracy", "max"),
        ("val_acc_top1", "max"),
        ("dice_score", "max"),
        ("train_loss", "min"),
        ("RMSE", "min"),
        ("log_loss_score", "min"),
        ("valLoss", "min"),
        ("mIoU", "max"),
        ("acc1", "max"),
        ("brier_score", "min"),
        ("weight_mean", ""),
        ("x", ""),
        # No word of these is one of a direction: "time", "err", "acc", "loss", "auc" are parts of other words.
        ("sentiment", ""),
        ("terrain", ""),
        ("vaccinated", ""),
        ("glossary_size", ""),
        ("sauce", ""),
        ("score", ""),
    ],
)
def test_metric_direction_is_known_by_usual_names(name, direction):
    assert metric_direction(name) == direction
    assert metric_direction(name, None, KeyMetric("other", "min")) == direction
    assert metric_direction(name, KeyMetric(name, "min")) == "min"


def test_key_metric_has_the_first_table():
    found = [*evaluate("loss", SRV={"a": 1}), *evaluate("accuracy", SRV={"a": 1})]
    tables = build_evaluation_tables(found, KeyMetric("accuracy"))
    assert [table.title.split()[0] for table in tables] == ["accuracy", "loss"]


@pytest.mark.parametrize(
    ("metric", "expected"), [("accuracy", [(0, 50), (100, None)]), ("loss", [(100, 50), (0, None)])]
)
def test_best_value_has_strongest_shade(metric, expected):
    [table] = build_evaluation_tables(evaluate(metric, SRV={"a": 0.0, "b": 0.5}, a={"a": 1.0}))
    assert [row.shades[:2] for row in table.rows] == expected


def test_large_evaluation_is_counted():
    found = [
        Evaluation(f"site-{s:02}", f"model-{m}", f"m{n}", 0.5) for n in range(9) for m in range(60) for s in range(30)
    ]
    tables = build_evaluation_tables(found)
    assert len(tables) == MAX_TABLES
    assert (len(tables[0].rows), len(tables[0].headings)) == (MAX_ROWS, MAX_COLUMNS)
    assert tables[0].headings[-1] == "mean of the sites"
    assert tables[0].rest == "and 10 more models, 11 more sites"


def draw(statistics: Statistics) -> ValueTable:
    table = build_statistics_table(statistics)
    assert table is not None
    return table


def test_statistics_are_those_of_all_sites():
    results = CASES["statistics"][0].recorded
    assert results is not None
    table = draw(results.statistics)
    assert table.title == "Statistics of all sites"
    assert table.headings == ("count", "mean", "stddev")
    assert [row.name for row in table.rows] == ["age", "hours per week"]
    assert table.rows[0].cells == ("9000", "41.500", "12.250")
    assert all(row.best == () for row in table.rows)


def test_statistics_name_site_and_dataset_where_they_differ():
    numbers = tuple(FeatureStatistic("age", "mean", s, d, 1.0) for s in ("a", "b") for d in ("train", "test"))
    table = draw(Statistics(numbers))
    assert table.title == "Statistics of each site"
    assert [row.name for row in table.rows] == ["age (train, a)", "age (test, a)", "age (train, b)", "age (test, b)"]
    assert table.rest == ""
    assert build_statistics_table(Statistics()) is None


def test_whole_statistics_have_no_decimals():
    numbers = [("age", "count", 7.0), ("age", "mean", 40.0), ("height", "count", 12_345_678.0), ("height", "mean", 1.8)]
    statistics = Statistics(tuple(FeatureStatistic(f, s, "Global", "train", v) for f, s, v in numbers))
    table = draw(statistics)
    assert [row.cells for row in table.rows] == [("7", "40.000"), ("12345678", "1.800")]
    huge = Statistics((FeatureStatistic("age", "sum", "Global", "train", 3e200),))
    assert draw(huge).rows[0].cells == ("3e+200",)


def test_statistics_say_what_they_leave_out():
    everywhere, at_site = (FeatureStatistic("age", "count", site, "train", 7.0) for site in ("Global", "a"))
    histogram = Histogram("age", "Global", "train", (Bin(0, 1, 7),))

    def rest(*numbers: FeatureStatistic, histograms: tuple[Histogram, ...] = ()) -> str:
        return draw(Statistics(numbers, histograms)).rest

    assert rest(everywhere) == rest(at_site) == ""
    assert rest(everywhere, histograms=(histogram,)) == "the histograms are in the result only"
    assert rest(everywhere, at_site) == "the statistics of each site are in the result only"
    assert rest(everywhere, at_site, histograms=(histogram,)) == (
        "the histograms and the statistics of each site are in the result only"
    )


def test_tables_are_in_every_form():
    page = job_html(*CASES["evaluated"])
    assert "Evaluation: accuracy (higher is better)" in page
    assert 'class="flw-best-value">0.800<span class="flw-spoken"> (best)</span>' in page
    assert "1 more metric" in page
    assert "Statistics of all sites" in job_html(*CASES["statistics"])
    assert "flw-tables" not in job_html(*CASES["evaluation"]).split("</style>")[1]


def test_tables_rebuilt_only_when_changed():
    made, snapshot = TablesJsonCache(), CASES["evaluated"][0]
    first = made(snapshot)
    assert [section["title"] for section in first] == ["Evaluation"]
    assert made(dataclasses.replace(snapshot, facts_at=T)) is first
    assert made(dataclasses.replace(snapshot, key_metric=KeyMetric("loss", "min")))[0]["tables"][0]["title"] == (
        "loss (lower is better)"
    )
    assert made(dataclasses.replace(snapshot, recorded=None)) == []


def test_events_are_counted_by_kind():
    events = (
        Event(T, "workflow", "workflow FedAvg started", "server"),
        Event(T + 1, "warning", "odd", "site-1", 5, T + 9),
        Event(T + 2, "error", "worse", "server"),
        Event(T + 3, "strange", "?"),
    )
    found = build_events(JobSnapshot("id", events=events))
    assert found.title == "Events (1 error, 5 warnings)"
    assert [(row.kind, row.site, row.count) for row in found.rows] == [
        ("workflow", "", 1),
        ("warning", "site-1", 5),
        ("error", "", 1),
        ("workflow", "", 1),
    ]
    assert build_events(JobSnapshot("id", events=events[:1])).title == "Events"
    page = job_html(JobSnapshot("id", events=events, facts_at=T), T)
    assert "<summary>Events (1 error, 5 warnings)</summary>" in page
    assert 'site-1: odd <span class="flw-count">×5</span>' in page
    assert "flw-events" not in job_html(JobSnapshot("id", facts_at=T), T).split("</style>")[1]


def test_only_newest_events_are_shown():
    events = tuple(Event(T + n, "warning", f"odd {n}") for n in range(60))
    found = build_events(JobSnapshot("id", events=events))
    assert (len(found.rows), found.rest) == (MAX_EVENTS, "10 earlier events left out")
    assert found.title == "Events (60 warnings)"
    assert found.rows[-1].text == "odd 59"


def test_summary_has_last_warnings_and_errors():
    events = tuple(Event(T + n, "warning", f"odd {n}") for n in range(7))
    events += (Event(T + 8, "workflow", "FedAvg"), Event(T + 9, "error", "worse", "site-1", 3))
    lines = summarize(JobSnapshot("id", events=events), T).splitlines()
    assert lines[1] == "Warnings and errors (the last 5 of 8):"
    assert [re.sub(r"\d\d:\d\d:\d\d", "TIME", line) for line in lines[2:]] == [
        *(f"  TIME warning odd {n}" for n in (3, 4, 5, 6)),
        "  TIME error site-1: worse ×3",
    ]
    assert "Warnings" not in summarize(JobSnapshot("id", events=events[7:8]), T)


def test_hostile_names_are_only_text():
    found = evaluate(HOSTILE, **{HOSTILE: {HOSTILE: 1.0, "b": 2.0}})
    numbers = (FeatureStatistic(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1.0),)
    snapshot = JobSnapshot(
        "id",
        events=(Event(T, "error", HOSTILE, HOSTILE),),
        recorded=Results(evaluations=tuple(found), statistics=Statistics(numbers)),
        facts_at=T,
    )
    page = job_html(snapshot, T).split("</style>", 1)[1]
    sent = json.dumps([TablesJsonCache()(snapshot), build_events(snapshot).to_json()], ensure_ascii=False)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search("[\x1b\u202e]", page + sent + summarize(snapshot, T))
