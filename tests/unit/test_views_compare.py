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

from flare_widgets.monitoring.job.model import Freshness, KeyMetric, Point, Round, Series, StatusChange, Workflow
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.views.compare.view import CompareView, compare, comparison_html, comparison_text
from flare_widgets.views.compare.view_model import MAX_JOBS, best_cells, compare_snapshots, comparison_rows

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
            "metrics": series,
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


def test_table():
    headings, rows = comparison_rows(
        compare_snapshots([job(), job("bbbbbbbb-2", workflows=(Workflow("", total_rounds=9),), status="RUNNING")], NOW)
    )
    assert headings == ["job", "status", "workflow", "sites", "rounds", "time", "best accuracy", "best loss"]
    assert rows[0] == [
        "fedavg aaaaaaaa",
        "✓ FINISHED:COMPLETED",
        "FedAvg",
        "–",
        "3/3",
        "1 min 1 s",
        "0.800 (round 2)",
        "1.000 (round 2)",
    ]
    assert rows[1][:2] == ["fedavg bbbbbbbb", "● RUNNING"]
    assert rows[1][4] == "3/9"


def losses(*values):
    return compare_snapshots(
        [
            job(f"{n}" * 8, f"job-{n}", metrics=(Series("loss", "", (Point(0, 9.0), Point(1, value))),))
            for n, value in enumerate(values)
        ],
        NOW,
    )


def test_values_that_differ_look_different():
    _, rows = comparison_rows(losses(8.567, 0.010138, 0.010243, 0.010138))
    assert [row[-1].partition(" ")[0] for row in rows] == ["8.5670", "0.0101", "0.0102", "0.0101"]
    _, rows = comparison_rows(losses(1e-5 + 1e-9, 1e-5))
    assert [row[-1].partition(" ")[0] for row in rows] == ["1.0001e-05", "1e-05"]
    _, rows = comparison_rows(losses(1.0, 1.0 + 1e-15))
    assert rows[0][-1] == rows[1][-1] == "1.0000000000 (round 2)"


def test_best_of_each_metric_is_marked():
    comparison = losses(0.5, 0.2, 0.3, 0.2)
    assert best_cells(comparison) == [(1, 6), (3, 6)]
    html = comparison_html(comparison, NOW).split("</style>")[1]
    assert html.count("<strong") == 2
    assert '<strong title="best of all">0.200 (round 2)</strong>' in html
    text = comparison_text(comparison)
    assert text.count("0.200 (round 2) *") == 2
    assert "* best of all" in text


def test_equal_values_have_no_best():
    assert best_cells(losses(0.5, 0.5)) == []
    assert "best of all" not in comparison_text(losses(0.5, 0.5))


def test_what_differs_is_said():
    assert compare_snapshots([job(), job("b")], NOW).differences == ()
    cyclic = job("b", workflows=(Workflow("", "Cyclic", first_round=0, total_rounds=3),), duration=5.0)
    assert compare_snapshots([job(), cyclic], NOW).differences == ("workflow",)


def test_unknown_direction_claims_no_best():
    found = (Series("selector's value", "", (Point(0, 0.5), Point(1, 0.3))),)
    comparison = compare_snapshots([job(metrics=found), job("b", metrics=found)], NOW)
    assert comparison.best("selector's value") is None
    headings, rows = comparison_rows(comparison)
    assert (headings[-1], rows[0][-1]) == ("last selector's value", "0.300 (round 2)")
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
    comparison = compare_snapshots([job(workflows=workflows, rounds=rounds, metrics=found), job("b")], NOW)
    assert comparison.jobs[0].facts["rounds"] == "4/5"
    assert comparison.jobs[0].facts["workflow"] == "FedAvg, FedAvg"
    assert comparison.jobs[0].lines["accuracy"].points == ((1, 0.6), (2, 0.7))


def test_job_without_metrics_says_why():
    missing = Freshness("metrics", None, "your role may not read the log", 5.0)
    comparison = compare_snapshots([job(), job("b", "mute", metrics=(), freshness=(missing,))], NOW)
    assert comparison.jobs[1].problem == "no metrics: your role may not read the log"
    assert comparison_rows(comparison)[1][1][-2:] == ["–", "–"]
    assert "mute: no metrics: your role may not read the log" in comparison_text(comparison)


def test_nonfinite_numbers_are_omitted():
    wild = job(metrics=(Series("accuracy", "", (Point(0, math.nan), Point(1, math.inf), Point(2, 1.0))),))
    comparison = compare_snapshots([wild, job("b")], NOW)
    assert comparison.jobs[0].lines["accuracy"].points == ((3, 1.0),)


def test_long_run_is_thinned_keeping_best():
    values = [random.Random(1).random() for _ in range(50_000)]
    long = job(metrics=(Series("accuracy", "", tuple(Point(n, v) for n, v in enumerate(values))),))
    line = compare_snapshots([long, job("b")], NOW).jobs[0].lines["accuracy"]
    assert len(line.points) <= 2000
    assert line.best == max(values)


def test_hostile_words_are_only_text():
    hostile = JobSnapshot(
        HOSTILE,
        HOSTILE,
        status=HOSTILE,
        workflows=(Workflow("", HOSTILE),),
        trouble=HOSTILE,
        metrics=(Series(HOSTILE, "", (Point(0, 1.0),)),),
    )
    comparison = compare_snapshots([hostile, hostile], NOW)
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
    assert [row[1] for row in view.rows] == ["● RUNNING", "● RUNNING"]
    assert view.metrics[0]["name"] == "accuracy"
    assert view.metrics[0]["lines"] == [[[1, 0.5], [2, 0.8], [3, 0.7]]] * 2
    assert view.metrics[0]["best"] == (2, 0.8)
    json.dumps(view.get_state(["jobs", "headings", "rows", "metrics", "differences"]), allow_nan=False)
    watches[0].learn(job("a"))
    end = time.monotonic() + 5
    while view.rows[0][1] != "✓ FINISHED:COMPLETED":
        assert time.monotonic() < end
        time.sleep(0.01)
    ended = [view.has_ended]
    watches[1].learn(job("b"))
    assert [*ended, view.has_ended] == [False, True]
    assert replaced == []
    assert "✓ FINISHED:COMPLETED" in renewed[-1]["text/plain"]
    assert [watch.listeners for watch in watches] == [[], []]
    view.make_static()
    assert "<svg" in replaced[0]["text/html"]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_invalid_job_count_is_refused(count):
    with pytest.raises(ValueError, match=f"two to 8 jobs to compare, not {count}"):
        CompareView([FakeWatch(job(str(n))) for n in range(count)])


def test_jobs_are_watched_once_each(recorded):
    watched = []

    class FakeMonitor(Fake):
        def watch(self, job_id):
            watched.append(job_id)
            return FakeWatch(running(job_id))

    compare(FakeMonitor(), ["a", "b", "a"]).make_static()
    assert watched == ["a", "b"]
    with pytest.raises(ValueError, match="different jobs"):
        compare(FakeMonitor(), ["a", "a"])
    assert watched == ["a", "b"]
    assert MAX_JOBS == 8
