"""Origin of log lines: the user's own code is told from FLARE's, in real logs; and the lines to jump to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flare_widgets.monitoring.logs.origin import Mark, Origin, OriginTracker, find_mark, find_origin, source_name
from flare_widgets.monitoring.logs.records import LogRecord, parse_line, parse_log

HERE = Path(__file__).parent
OWN = {
    # Of the recorded jobs' own code, and of a library that one of them calls.
    *("Rounds", "OwnScatterAndGather", "OwnFedAvg", "OwnAveraging", "NamedModelPersistor", "SurvivalCurve"),
    *("Starter", "StepsInRounds", "plugins"),
    *("TaskScriptRunner", "ExternalProcessBackend", "SubprocessLauncher"),
}


def recorded_logs():
    for path in sorted((HERE / "recordings_failures").glob("*.json")):
        for log in json.loads(path.read_text())["logs"]:
            yield path.stem, log["text"]
    for path in sorted((HERE / "recordings_workflows").glob("*/log.json")):
        yield path.parent.name, path.read_text()


def record(logger, message="words", level="INFO"):
    return LogRecord("2026-11-28 02:45:02,961", logger, level, message)


def origins_in(text):
    tracker = OriginTracker()
    return "".join(tracker.classify(parse_line(line)).value for line in text.splitlines())


def test_recorded_logs_own_code_only():
    loggers = {r.logger for _, text in recorded_logs() for r in parse_log(text) if find_origin(r) is Origin.OWN}
    assert loggers == OWN


def test_recorded_prints_found_whole():
    printed = {
        r.message.split(" on ")[0]
        for _, text in recorded_logs()
        for r in parse_log(text)
        if source_name(r) == "print" and " on site" in r.message
    }
    assert printed == {"round 0", "round 1"}


@pytest.mark.parametrize(
    ("logger", "message", "level", "origin"),
    [
        ("TaskScriptRunner", "loss 0.31", "INFO", Origin.OWN),
        ("TaskScriptRunner", "start task run() with full path: /x/client.py", "INFO", Origin.FLARE),
        ("TaskScriptRunner", "Traceback (most recent call last):", "ERROR", Origin.OWN),
        ("TaskScriptRunner", "fire abort event", "ERROR", Origin.FLARE),
        ("ExternalProcessBackend", "loss 0.31", "INFO", Origin.OWN),
        ("ExternalProcessBackend", "launching external trainer (launch 1)", "INFO", Origin.FLARE),
        ("SubprocessLauncher", "_stop_external_process: terminating pid=7", "INFO", Origin.FLARE),
        ("root", "loss 0.31", "INFO", Origin.OWN),
        ("__main__", "loss 0.31", "WARNING", Origin.OWN),
        ("FedAvg", "Sampled clients", "INFO", Origin.FLARE),
        ("LiveMetrics", "live metrics: {}", "INFO", Origin.TRANSPORT),
        ("", "words", "INFO", Origin.FLARE),
        ("Cell", "Register blob CB", "INFO", Origin.TRANSPORT),
        ("Cell", "no such cell", "ERROR", Origin.FLARE),
        ("FedAvg", "Aggregation_weight missing for site-1 and set to default value", "WARNING", Origin.TRANSPORT),
    ],
)
def test_record_has_origin(logger, message, level, origin):
    assert find_origin(record(logger, message, level)) is origin


def test_further_lines_share_origin():
    head = "2026-11-28 02:45:02,961 - "
    text = f"cut off\n{head}TaskScriptRunner - INFO - a\nb\n{head}Cell - INFO - c\n{head}FedAvg - INFO - d\n\n"
    assert origins_in(text) == "footff"


def test_marks_are_rounds_and_tasks():
    assigned = "got task assignment: name=train, id=8a77"
    assert find_mark("       Round 4 started.      ", None) == Mark(4)
    assert find_mark("", record("ScatterAndGather", "Round 0 started.")) == Mark(0)
    assert find_mark("", record("ClientRunner", assigned)) == Mark(None, "train", "8a77")
    assert find_mark("Round 4 finished.", None) is None
    assert find_mark("", record("TaskScriptRunner", assigned)) is None
