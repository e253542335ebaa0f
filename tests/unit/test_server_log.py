"""The server's log of a job, read as it grows: logs of real jobs, in pieces of any kind, and hostile lines."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flare_widgets.monitoring import JobSnapshot, apply_updates
from flare_widgets.monitoring.job.model import KeyMetric, Point, Round, SiteTask, Workflow
from flare_widgets.monitoring.job.round_tasks import Column
from flare_widgets.monitoring.job.updates import MetricValue, Update
from flare_widgets.monitoring.logs.facts import ServerLogParser
from flare_widgets.monitoring.logs.files import (
    ServerConfig,
    read_config,
    read_metrics_summary,
    read_round_metrics,
)
from flare_widgets.monitoring.logs.records import MAX_LINE_CHARS

RECORDINGS = Path(__file__).parent / "recordings_live"
NAMES = sorted(path.name.partition(".")[0] for path in RECORDINGS.glob("*.log.json"))


def config(name: str) -> ServerConfig:
    path = RECORDINGS / f"{name}.config.json"
    found = read_config(path.read_text()) if path.exists() else ServerConfig((KeyMetric("accuracy"),))
    assert found is not None
    return found


def text(name: str) -> str:
    return (RECORDINGS / f"{name}.log.json").read_bytes().decode()


def facts_of(name: str) -> list[Update]:
    return [*config(name).updates, *ServerLogParser().feed(text(name))]


def learned(name: str) -> JobSnapshot:
    return apply_updates(JobSnapshot("job"), facts_of(name))


def line(message: str, context: str = "", **more: Any) -> str:
    record = {"asctime": "2026-11-25 16:44:31,934", "name": "x", "levelname": "INFO", "fl_ctx": context}
    return json.dumps({**record, "message": message, **more}) + "\n"


def test_job_of_fed_avg() -> None:
    """Recorded up to the fifth of 24 rounds: compared with what FLARE's own record says of those before."""
    known = learned("fed-avg")
    record = [json.loads(row) for row in (RECORDINGS / "fed-avg.round_metrics.jsonl").read_text().splitlines()][:4]
    assert known.current_workflow.name == "FedAvg"
    assert [r.number for r in known.rounds] == [0, 1, 2, 3, 4]
    times = [r.started_at for r in known.rounds if r.started_at is not None]
    assert len(times) == 5
    assert times == sorted(times)
    matrix = known.matrix(now=times[-1] + 2)
    assert {site: [cell.state for cell in row.values()] for site, row in matrix.items()} == {
        "site-2": ["submitted"] * 4 + ["working"],
        "site-1": ["submitted"] * 4 + ["waiting"],
    }
    assert known.matrix(now=times[-1] + 100)["site-2"][Column("controller", 4)].state == "late"
    for task in known.tasks[:-1]:
        assert (task.name, task.code) == ("train", "OK")
        assert task.sent_at is not None
        assert task.returned_at is not None
        assert task.sent_at < task.returned_at
    # What the selector logs (from round 1 on) is what FLARE recorded.
    for site in ("site-1", "site-2"):
        series = known.series("accuracy", site)
        assert series is not None
        recorded = {
            row["round"]: metric["value"]
            for row in record[1:]
            for entry in row["sites"]
            if entry["name"] == site
            for metric in entry["metrics"]
            if metric["name"] == "accuracy"
        }
        assert {p.round: p.value for p in series.points} == recorded
    assert known.best is not None
    assert (known.best.round, round(known.best.value, 6)) == (3, 0.461583)


def test_negated_metric_is_restored_in_snapshot() -> None:
    known = learned("fed-avg-loss")
    assert known.key_metric == KeyMetric("loss", "min")
    site = known.series("loss", "site-2")
    assert site is not None
    assert [(p.round, round(p.value, 6)) for p in site.points] == [(1, 0.43), (2, 0.38)]
    assert known.best is not None
    assert (known.best.round, round(known.best.value, 6)) == (2, 0.385)
    # FLARE's own record, where there is one, is believed rather than the selector's mean.
    before = known.series("loss")
    assert before is not None
    assert [round(p.value, 4) for p in before.points] == [0.435, 0.385]
    record = [*read_round_metrics((RECORDINGS / "fed-avg-loss.round_metrics.json").read_text(), ["controller"])]
    record += read_metrics_summary((RECORDINGS / "fed-avg-loss.summary.json").read_text(), ["controller"])
    after = apply_updates(known, record).series("loss")
    assert after is not None
    assert [round(p.value, 4) for p in after.points] == [0.4833, 0.4333, 0.3833]
    assert apply_updates(known, record) == apply_updates(
        apply_updates(JobSnapshot("job"), record), facts_of("fed-avg-loss")
    )


def test_workflow_average_overrides_selector_mean() -> None:
    known = learned("fed-avg-stop")
    series = known.series("accuracy")
    assert series is not None
    assert [round(p.value, 4) for p in series.points] == [0.5167, 0.5667, 0.6167]
    assert (known.rounds_begun, known.total_rounds) == (3, 8)
    assert "Stopping at round=2 out of total_rounds=8." in [e.text for e in known.events]


def test_scatter_and_gather_logs_round_ends() -> None:
    known = learned("scatter-and-gather")
    assert (known.current_workflow.name, known.rounds_begun, known.total_rounds) == ("ScatterAndGather", 3, 3)
    for this in known.rounds:
        assert this.started_at is not None
        assert this.ended_at is not None
        assert 0 < this.ended_at - this.started_at < 10
    assert [(e.kind, e.count) for e in known.events] == [("workflow", 1)]  # FLARE's own warnings are noise


def test_relay_is_round_of_cyclic() -> None:
    known = learned("cyclic")
    assert (known.current_workflow.name, known.rounds_begun, known.total_rounds) == ("CyclicController", 2, 2)
    assert {(t.site, t.round) for t in known.tasks} == {(f"site-{s}", r) for s in (1, 2) for r in (0, 1)}


def test_tasks_after_training_have_no_round() -> None:
    known = learned("cross-site")
    assert [w.name for w in known.workflows] == ["ScatterAndGather", "CrossSiteModelEval"]
    assert {(t.name, t.round) for t in known.tasks} == {("train", 0), ("submit_model", None), ("validate", None)}
    assert [column.round for column in known.columns[:2]] == [0, None]
    assert {column.task for column in known.columns[1:]} == {"submit_model", "validate"}
    assert [e.text for e in known.events if e.kind == "workflow"] == [
        "workflow ScatterAndGather (sag) started",
        "workflow CrossSiteModelEval (cross) started",
    ]


def test_job_without_rounds() -> None:
    known = learned("statistics")
    assert (known.current_workflow.name, known.round, known.rounds_begun) == ("StatisticsController", None, 0)
    assert {t.name for t in known.tasks} == {"fed_stats_pre_run", "fed_stats"}
    assert all(t.code == "OK" and t.returned_at for t in known.tasks)
    assert set(known.matrix(now=0)) == {"site-1", "site-2"}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_chunking_yields_same_facts(name: str, data: st.DataObject) -> None:
    whole = text(name)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=12))
    log, found, begin = ServerLogParser(), list[Update](config(name).updates), 0
    for cut in sorted([*cuts, len(whole)]):
        found += log.feed(whole[begin:cut])
        begin = cut
    assert found == facts_of(name)


def test_times_are_moved_to_our_clock() -> None:
    (this,) = ServerLogParser(utc_offset=3600, clock_offset=10).feed(line("Round 4 started."))
    (plain,) = ServerLogParser().feed(line("Round 4 started."))
    assert isinstance(this, Round)
    assert isinstance(plain, Round)
    assert plain.started_at is not None
    assert this.started_at == plain.started_at - 3610


def test_code_of_result_and_failed_task() -> None:
    context = "[identity=p, peer=site-1, peer_run=j, peer_rc=EXECUTION_EXCEPTION, task_name=train, task_id=t1]"
    log = ServerLogParser()
    found = log.feed(
        line("Round 2 started.")
        + line("assigned task to client site-1: name=train, id=t1")
        + line("got result from client site-1 for task: name=train, id=t1")
        + line("finished processing client result", context, levelname="ERROR")
    )
    known = apply_updates(JobSnapshot("job"), found)
    assert known.matrix(now=0)["site-1"][Column("", 2)].state == "failed"
    assert [e.kind for e in known.events] == ["error"]


def test_late_result_keeps_its_round() -> None:
    found = ServerLogParser().feed(
        line("Round 0 started.")
        + line("assigned task to client site-1: name=train, id=t1")
        + line("Round 1 started.")
        + line("got result from client site-1 for task: name=train, id=t1")
    )
    assert [(f.round, f.returned_at is None) for f in found if isinstance(f, SiteTask)] == [(0, True), (0, False)]


def test_averages_that_numpy_wrote() -> None:
    message = "Round 3 global metrics: {'auc': np.float64(0.75), 'loss': 1, 'bad': float('nan')}"
    assert ServerLogParser().feed(line(message)) == []
    message = "Round 3 global metrics: {'auc': np.float64(0.75), 'loss': 1, 'n': '5', 'huge': 1" + "0" * 400 + "}"
    assert ServerLogParser().feed(line(message)) == [
        MetricValue("auc", "", Point(3, 0.75, 1)),
        MetricValue("loss", "", Point(3, 1.0, 1)),
    ]


HOSTILE = [
    "no json",
    "[]",
    "5",
    "null",
    '{"message": 5}',
    '{"message": null, "asctime": 7, "fl_ctx": []}',
    '{"message": "Round 99999999999999 started."}',
    '{"message": "Round -1 started.", "asctime": "9999-99-99"}',
    '{"message": "validation metric nan from client x"}',
    '{"message": "new best validation metric at round 1: inf"}',
    '{"message": "Round 1 global metrics: {[]: 1}"}',
    '{"message": "Round 1 global metrics: ' + "{" * 5000 + '}"}',
    "[" * 100_000,
    "x" * (MAX_LINE_CHARS + 1),
    *(
        line("live metrics: " + data).rstrip()
        for data in ("", "{", "[" * 5000, "5", "[[1]]", '{"a": ' * 5000, '{"round": 1' + "0" * 5000 + "}")
    ),
    '{"message": "\\ud800", "fl_ctx": "[peer=, peer_rc=, task_id=]"}',
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_are_passed_over(hostile: str) -> None:
    log = ServerLogParser()
    found = log.feed(hostile + "\n" + line("Round 3 started."))
    assert [f.number for f in found if isinstance(f, Round)] == [3]
    assert all(isinstance(f, Round) for f in found)


@pytest.mark.parametrize(
    "message",
    [
        "\n" * MAX_LINE_CHARS,
        "peer=a, peer_rc=b, " * 50_000,
        "starting workflow " * 50_000,
        "validation metric " * 50_000,
        "Round 1 global metrics: {" * 40_000,
        "task " * 200_000,
        "assigned task to client " * 40_000,
        'live metrics: {"round": 1, "site": "a", "metrics": [' + '["x", 1], ' * 100_000,
    ],
    ids=["breaks", "context", "workflow", "metric", "global", "task", "assigned", "live"],
)
def test_no_line_can_stall_reader(message: str) -> None:
    began = time.process_time()
    ServerLogParser().feed(line(message, message))
    assert (
        time.process_time() - began < 5
    )  # a slow machine needs a hundredth; going back over it again and again, hours


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_words_make_facts_that_fold(message: str, context: str) -> None:
    words = ("Round 1 started.", f"validation metric 0.5 from client {message}", f"got result from client {message}")
    found = ServerLogParser().feed("".join(line(w, context) for w in (message, *words)))
    known = apply_updates(JobSnapshot("job"), found)
    assert JobSnapshot.from_json(json.loads(json.dumps(known.to_json()))) == known


def test_names_are_bounded() -> None:
    huge = "x" * 15_000
    context = f"[peer={huge}, peer_rc={huge}, task_id=t]"
    found = ServerLogParser().feed(line("Round 0 started.") + line(f"validation metric 1 from client {huge}", context))
    assert len(repr(found)) < 2000


@pytest.mark.parametrize(
    "words", ["", "[]", "5", "{", '{"workflows": 5, "components": {}}', '{"workflows": [5, {"args": []}]}', "[" * 10**5]
)
def test_configurations_that_are_none(words: str) -> None:
    found = read_config(words)
    assert found is None or all(isinstance(w, Workflow) and (w.id, w.total_rounds) == ("", None) for w in found.updates)


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("round_metrics.json", "metrics/round_metrics.json"),
        ("round_metrics.jsonl", None),
        ("../../x.json", None),
        ("a b.json", None),
        (5, None),
    ],
)
def test_metrics_path_found_only_when_readable(file: Any, path: str | None) -> None:
    component = {"path": "a.MetricsArtifactWriter", "args": {"round_file_name": file}}
    found = read_config(json.dumps({"components": [component]}))
    assert found is not None
    assert found.round_metrics_path == path


@pytest.mark.parametrize(
    "record",
    [
        "x",
        "[]",
        '{"round": "1"}',
        '{"round": 1, "aggregated_metrics": 5, "sites": [5, {"name": 5}]}',
        '{"round": 1, "aggregated_metrics": [{"name": "a", "value": true}, {"name": "b", "value": NaN}, 5]}',
        '{"round": 1, "aggregated_metrics": [{"name": "a", "value": 1' + "0" * 400 + "}]}",
    ],
)
def test_hostile_records_of_metrics_say_nothing(record: str) -> None:
    assert list(read_round_metrics(record)) == []
    assert list(read_metrics_summary(record)) == []
