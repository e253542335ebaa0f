"""Jobs beside each other: what is compared, the picture of it, and the forms."""

from __future__ import annotations

import json
import math
import random
import re
import time
from dataclasses import replace

import pytest
from fakes import Fake, FakeWatch
from recording import Elements

from flare_widgets.monitoring.job.model import (
    Argument,
    Freshness,
    KeyMetric,
    Point,
    Round,
    Series,
    StatusChange,
    Workflow,
)
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.views.compare.charts import (
    MAX_PLAIN_JOBS,
    Parallel,
    build_metrics,
    build_parallel,
    drop_common_start,
)
from flare_widgets.views.compare.view import CompareText, CompareView, compare, comparison_html, comparison_text
from flare_widgets.views.compare.view_model import build_columns, compare_snapshots
from flare_widgets.views.core.html import MAX_FORM_BYTES

NOW = 1000.0
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e'\"&"


def job(job_id="aaaaaaaa-1", name="fedavg", **facts):
    series = (
        Series("accuracy", "", tuple(Point(n, v) for n, v in enumerate((0.5, 0.8, 0.7)))),
        Series("loss", "", tuple(Point(n, v) for n, v in enumerate((2.0, 1.0, 1.5)))),
        Series("accuracy", "site-1", (Point(0, 99.0),)),
    )
    return replace(
        JobSnapshot(job_id, name),
        **{
            "status": "FINISHED:COMPLETED",
            "duration": 61.0,
            "workflows": (Workflow("", "FedAvg", first_round=0, total_rounds=3),),
            "rounds": tuple(Round(n) for n in range(3)),
            "round_metrics": series,
            **facts,
        },
    )


def test_best_follows_metric_direction():
    comparison = compare_snapshots([job(), job("b", "other")], NOW)
    assert comparison.metrics == ("accuracy", "loss")
    assert comparison.directions == {"accuracy": "max", "loss": "min"}
    line = comparison.jobs[0].lines["accuracy"]
    assert (line.best, line.best_round, line.points) == (0.8, 2, ((1, 0.5), (2, 0.8), (3, 0.7)))
    assert comparison.best("accuracy") == (2, 0.8)
    assert comparison.best("nothing") is None
    assert (comparison.jobs[0].lines["loss"].best, comparison.jobs[0].lines["loss"].best_round) == (1.0, 2)


def test_job_key_metric_overrides_direction():
    odd = job(key_metric=KeyMetric("accuracy", "min"))
    comparison = compare_snapshots([odd, job("b")], NOW)
    assert comparison.directions["accuracy"] == "min"
    assert comparison.jobs[1].lines["accuracy"].best == 0.5


def table(comparison, baseline=None):
    """The headings, and the texts of each row."""
    columns = build_columns(comparison, baseline)
    rows = [[cell.text for cell in cells] for cells in zip(*(column.cells for column in columns), strict=True)]
    return [column.heading for column in columns], rows


def test_table():
    headings, rows = table(
        compare_snapshots([job(), job("bbbbbbbb-2", workflows=(Workflow("", total_rounds=9),), status="RUNNING")], NOW)
    )
    assert headings == ["job", "status", "best accuracy", "best loss", "rounds", "time", "workflow"]
    assert rows[0] == ["fedavg aaaaaaaa", "✓ completed", "0.800", "1.000", "3/3", "1 min 1 s", "FedAvg"]
    assert rows[1][:2] == ["fedavg bbbbbbbb", "● running"]
    assert rows[1][4:] == ["3/9", "1 min 1 s", "–"]


def arguments(**values):
    return tuple(Argument(name, value) for name, value in sorted(values.items()))


def swept(*rates, **facts):
    return [
        job(
            f"{n}" * 8,
            f"train rate={rate}",
            arguments=arguments(rate=rate, epochs="2"),
            round_metrics=(Series("accuracy", "", (Point(0, 0.1), Point(1, 0.5 + n / 10))),),
            **facts,
        )
        for n, rate in enumerate(rates)
    ]


def test_arguments_that_differ_are_columns():
    comparison = compare_snapshots(swept("0.1", "1", "10"), NOW)
    headings, rows = table(comparison)
    assert headings[:4] == ["job", "status", "rate", "best accuracy"]
    assert [row[2] for row in rows] == ["0.1", "1", "10"]
    assert [cell.value for cell in build_columns(comparison)[2].cells] == [0.1, 1, 10]
    assert comparison.shared == "workflow FedAvg, epochs=2"
    assert "Same in all: workflow FedAvg, epochs=2" in comparison_text(comparison)


def test_baseline_gives_differences():
    comparison = compare_snapshots([*swept("0.1", "1"), job("c", "loss only", round_metrics=losses_of(1.0))], NOW)
    accuracy = next(column for column in build_columns(comparison, 1) if column.name == "accuracy")
    assert [(c.difference, c.tone) for c in accuracy.cells] == [("−0.1", "worse"), ("", ""), ("", "")]
    assert next(c for c in build_columns(comparison, 0) if c.name == "accuracy").cells[1].difference == "+0.1"
    assert "0.500 (round 2) −0.1" in comparison_text(comparison, 1)
    html = comparison_html(comparison, NOW, 1).split("</style>")[1]
    assert '<span class="flw-difference flw-worse">−0.1</span>' in html
    assert html.count("baseline</span>") == 1
    assert "Differences are to train rate=1" in html


def losses_of(*values):
    return (Series("loss", "", tuple(Point(n, value) for n, value in enumerate(values))),)


def test_records_are_flat():
    (first, second) = compare_snapshots(
        [*swept("0.1"), job("b", "other", round_metrics=losses_of(3.0, 2.0))], NOW
    ).records()
    assert first == {
        "job_id": "00000000",
        "name": "train rate=0.1",
        "status": "FINISHED:COMPLETED",
        "workflow": "FedAvg",
        "sites": None,
        "rounds": 3.0,
        "time": 61.0,
        "arg.epochs": 2,
        "arg.rate": 0.1,
        "metric.accuracy": 0.5,
        "round.accuracy": 2,
        "metric.loss": None,
        "round.loss": None,
    }
    assert list(second) == list(first)
    assert (second["arg.rate"], second["metric.loss"], second["round.loss"]) == (None, 2.0, 2)


def test_best_jobs_have_lines_and_others_a_range():
    comparison = compare_snapshots(swept(*map(str, range(1, 31))), NOW)
    assert comparison.ranking()[:3] == [29, 28, 27]
    (metric,) = build_metrics(comparison, 0)
    assert [n for n, line in enumerate(metric.lines) if not line.is_optional] == [0, *range(30 - MAX_PLAIN_JOBS, 30)]
    assert [n for n, line in enumerate(metric.lines) if line.is_bold] == [0]
    assert metric.band == ((1, 0.1, 0.1), (2, 0.5, 3.4))
    assert metric.note == "Best: train rate=30; higher is better"


def parallel_of(*rates) -> Parallel:
    found = build_parallel(compare_snapshots(swept(*rates), NOW))
    assert found is not None
    return found


def test_parallel_coordinates_place_jobs_on_axes():
    parallel = parallel_of("0.01", "1", "0.1")
    assert [axis.name for axis in parallel.axes] == ["rate", "accuracy"]
    assert parallel.axes[0].ticks == ((0.0, "0.01"), (0.5, "0.1"), (1.0, "1"))  # logarithmic
    assert parallel.lines == ((0.0, 0.0), (1.0, 0.5), (0.5, 1.0))
    assert parallel.merits == (0.0, 0.5, 1.0)
    names = parallel_of("small", "big", "7")
    assert [label for _, label in names.axes[0].ticks] == ["7", "big", "small"]


def test_parallel_coordinates_need_arguments_and_metrics():
    assert build_parallel(compare_snapshots(swept("1", "2"), NOW)) is None
    assert build_parallel(compare_snapshots([job(), job("b"), job("c")], NOW)) is None
    bare = [replace(snapshot, round_metrics=()) for snapshot in swept("1", "2", "3")]
    assert build_parallel(compare_snapshots(bare, NOW)) is None


@pytest.mark.parametrize(
    "values", [("1", "1e308", "-1e308"), ("0", "-0", "nan"), ("1e-320", "1", "2"), ("9" * 200, "1", "")]
)
def test_parallel_coordinates_of_extreme_values(values):
    parallel = parallel_of(*values)
    places = [at for line in parallel.lines for at in line if at is not None]
    assert all(0 <= at <= 1 for at in places)
    assert "parallel" in comparison_html(compare_snapshots(swept(*values), NOW), NOW)


def test_hundreds_of_jobs_stay_in_bounds():
    long = tuple(Point(n, math.sin(n)) for n in range(60))
    jobs = [
        replace(snapshot, round_metrics=tuple(Series(f"accuracy-{m}", "", long) for m in range(12)))
        for snapshot in swept(*map(str, range(300)))
    ]
    comparison = compare_snapshots(jobs, NOW)
    points = sum(len(line.points) for each in comparison.jobs for line in each.lines.values())
    assert points <= 300 * 12 * 22
    assert comparison.jobs[0].lines["accuracy-0"].points[-1] == (60, math.sin(59))
    html = comparison_html(comparison, NOW)
    assert len(html.encode()) <= MAX_FORM_BYTES
    assert "more jobs" in html


def test_same_job_twice_has_two_labels():
    assert [each.label for each in compare_snapshots([job(), job()], NOW).jobs] == [
        "fedavg aaaaaaaa (1)",
        "fedavg aaaaaaaa (2)",
    ]


def losses(*values):
    return compare_snapshots(
        [
            job(f"{n}" * 8, f"job-{n}", round_metrics=(Series("loss", "", (Point(0, 9.0), Point(1, value))),))
            for n, value in enumerate(values)
        ],
        NOW,
    )


def loss_texts(*values):
    columns = {column.name: column for column in build_columns(losses(*values))}
    return [cell.text for cell in columns["loss"].cells]


def test_values_that_differ_look_different():
    assert loss_texts(8.567, 0.010138, 0.010243, 0.010138) == ["8.5670", "0.0101", "0.0102", "0.0101"]
    assert loss_texts(1e-5 + 1e-9, 1e-5) == ["1.0001e-05", "1e-05"]
    assert loss_texts(1.0, 1.0 + 1e-15) == ["1.0000000000"] * 2


def test_best_of_each_metric_is_marked():
    comparison = losses(0.5, 0.2, 0.3, 0.2)
    best = [n for column in build_columns(comparison) for n, cell in enumerate(column.cells) if cell.is_best]
    assert best == [1, 3]
    html = comparison_html(comparison, NOW).split("</style>")[1]
    assert html.count("<strong") == 2
    assert '<strong title="best of all">0.200</strong>' in html
    text = comparison_text(comparison)
    assert text.count("0.200 (round 2) *") == 2
    assert "* best of all" in text


def test_equal_values_have_no_best():
    assert "best of all" not in comparison_text(losses(0.5, 0.5))


def test_unknown_direction_claims_no_best():
    found = (Series("selector's value", "", (Point(0, 0.5), Point(1, 0.3))),)
    comparison = compare_snapshots([job(round_metrics=found), job("b", round_metrics=found)], NOW)
    assert comparison.best("selector's value") is None
    (column,) = [column for column in build_columns(comparison) if column.kind == "metric"]
    assert (column.heading, column.cells[0].text, column.cells[0].note) == ("last selector's value", "0.300", "round 2")
    assert not any(cell.is_best for cell in column.cells)
    assert "better" not in comparison_text(comparison) + comparison_html(comparison, NOW).split("</style>")[1]


def test_two_workflows_are_told_apart():
    workflows = tuple(
        Workflow(name, "FedAvg", first_round=0, total_rounds=2 + n, started_at=NOW + n) for n, name in enumerate("ab")
    )
    found = tuple(
        Series("accuracy", "", tuple(Point(n, v) for n, v in enumerate(values)), workflow)
        for workflow, values in (("b", (0.6, 0.7)), ("a", (0.9, 0.1)))
    )
    rounds = tuple(Round(n, workflow=w) for w in "ab" for n in range(2))
    comparison = compare_snapshots([job(workflows=workflows, rounds=rounds, round_metrics=found), job("b")], NOW)
    assert comparison.jobs[0].facts["rounds"] == "4/5"
    assert comparison.jobs[0].facts["workflow"] == "FedAvg, FedAvg"
    assert comparison.jobs[0].lines["accuracy"].points == ((1, 0.6), (2, 0.7))


def test_job_without_metrics_says_why():
    missing = Freshness("metrics", None, "your role may not read the log", 5.0)
    comparison = compare_snapshots([job(), job("b", "mute", round_metrics=(), freshness=(missing,))], NOW)
    assert comparison.jobs[1].problem == "no metrics: your role may not read the log"
    assert table(comparison)[1][1][2:4] == ["–", "–"]
    assert "mute: no metrics: your role may not read the log" in comparison_text(comparison)


def test_nonfinite_numbers_are_omitted():
    wild = job(round_metrics=(Series("accuracy", "", (Point(0, math.nan), Point(1, math.inf), Point(2, 1.0))),))
    comparison = compare_snapshots([wild, job("b")], NOW)
    assert comparison.jobs[0].lines["accuracy"].points == ((3, 1.0),)


def test_long_run_is_thinned_keeping_best():
    values = [random.Random(1).random() for _ in range(50_000)]
    long = job(round_metrics=(Series("accuracy", "", tuple(Point(n, v) for n, v in enumerate(values))),))
    line = compare_snapshots([long, job("b")], NOW).jobs[0].lines["accuracy"]
    assert len(line.points) <= 2002  # with the best and the last
    assert line.best == max(values)


def test_hostile_words_are_only_text():
    hostile = JobSnapshot(
        HOSTILE,
        HOSTILE,
        status=HOSTILE,
        workflows=(Workflow("", HOSTILE),),
        trouble=HOSTILE,
        arguments=(Argument(HOSTILE, HOSTILE),),
        round_metrics=(Series(HOSTILE, "", (Point(0, 1.0),)),),
    )
    others = [replace(hostile, arguments=(Argument(HOSTILE, f"{HOSTILE}{n}"),)) for n in range(2)]
    comparison = compare_snapshots([hostile, *others], NOW)
    page = comparison_html(comparison, NOW)
    elements = Elements(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))
    assert "script" not in elements.tags
    assert not [name for name in elements.attributes if name.startswith("on") or name in ("src", "href")]
    assert "<script>alert(1)</script>" in elements.words
    assert "\u202e" not in page
    assert "\x1b" not in comparison_text(comparison) + page
    assert all("\x1b" not in metric for metric in comparison.metrics)


def running(job_id):
    return job(job_id, status="RUNNING", duration=None, timeline=(StatusChange("RUNNING", 900.0, True),))


def test_view_follows_jobs_and_stays(replaced, renewed):
    watches = [FakeWatch(running("a")), FakeWatch(running("b"))]
    view = CompareView(watches)
    assert [cell["text"] for cell in view.columns[1]["cells"]] == ["● running", "● running"]
    assert view.metrics[0]["name"] == "accuracy"
    assert [line["points"] for line in view.metrics[0]["lines"]] == [((1, 0.5), (2, 0.8), (3, 0.7))] * 2
    assert view.metrics[0]["best"] == (2, 0.8)
    json.dumps(view.get_state(["jobs", "columns", "ranking", "metrics", "parallel", "shared"]), allow_nan=False)
    watches[0].learn(job("a"))
    end = time.monotonic() + 5
    while view.columns[1]["cells"][0]["text"] != "✓ completed":
        assert time.monotonic() < end
        time.sleep(0.01)
    ended = [view.has_ended]
    watches[1].learn(job("b"))
    assert [*ended, view.has_ended] == [False, True]
    assert replaced == []
    assert "✓ completed" in renewed[-1]["text/plain"]
    assert [watch.listeners for watch in watches] == [[], []]
    view.make_static()
    assert "<svg" in replaced[0]["text/html"]


def test_baseline_is_chosen_by_the_reader(replaced):
    view = CompareView([FakeWatch(job("a")), FakeWatch(job("b", "other"))], baseline="b")
    assert view.baseline_row == 1
    for row, told in ((0, 0), (5, -1), (1, 1), (True, -1), ("0", -1)):
        view._on_message(None, {"kind": "baseline", "row": row}, None)
        wait_until(lambda told=told: view.baseline_row == told)
    with pytest.raises(ValueError, match="none of the jobs"):
        CompareView([FakeWatch(job("a")), FakeWatch(job("b"))], baseline="c")
    view.make_static()


def wait_until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_records_come_with_every_form():
    view = CompareView([FakeWatch(job("a")), FakeWatch(job("b", "other"))])
    records = view.records()
    assert [record["metric.accuracy"] for record in records] == [0.8, 0.8]
    assert view.to_frame().to_dict("records") == records
    text = CompareText(view)
    assert text.records() == records
    assert "fedavg" in text
    assert len(text.to_frame()) == 2
    view.make_static()


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_jobs_are_refused(count):
    with pytest.raises(ValueError, match=f"two jobs or more to compare, not {count}"):
        CompareView([FakeWatch(job(str(n))) for n in range(count)])


def test_jobs_are_watched_once_each(recorded):
    watched = []

    class FakeMonitor(Fake):
        session = None

        def watch(self, job_id):
            watched.append(job_id)
            return FakeWatch(running(job_id))

    compare(FakeMonitor(), ["a", "b", "a"]).make_static()
    assert watched == ["a", "b"]
    with pytest.raises(ValueError, match="different jobs"):
        compare(FakeMonitor(), ["a", "a"])
    assert watched == ["a", "b"]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a rate=1 batch=2", "a rate=1 batch=3"], ["batch=2", "batch=3"]),
        (["first", "second"], ["first", "second"]),
        (["a b", "a b"], ["b", "b"]),
        (["a", "a b"], ["a", "a b"]),
        (["a b"], ["a b"]),
    ],
)
def test_legend_leaves_out_what_all_begin_with(labels: list[str], told: list[str]) -> None:
    assert drop_common_start(labels) == told
