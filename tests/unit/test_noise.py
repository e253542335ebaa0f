"""FLARE's own noise, and the line of a message that says most."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.monitoring.logs.noise import JOB_ENDING, NOISE, event_text, find_noise, is_noise
from flare_widgets.monitoring.logs.records import parse_log

LIVE = sorted((Path(__file__).parent / "recordings_live").glob("*.log.json"))
TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 3, in step\n    raise E\n'


@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.name)
def test_noise_jobs_that_ended_well_nothing_left(path: Path) -> None:
    is_ending, left = False, []
    records = parse_log(path.read_text())
    for record in records:
        is_ending = is_ending or bool(JOB_ENDING.search(record.message))
        if record.severity >= 2 and not is_noise(record, is_ending):
            left.append(record.message)
    assert left == []
    assert len(records) > 10


@pytest.mark.parametrize(
    "message",
    [
        "Aggregation_weight missing for site-1 and set to default value, 1.0 This kind of message will show 10 times at"
        " most.",
        "No formatter provided. Validation results can't be printed.",
        "num_clients (3) is greater than the number of available clients. Returning all (2) available clients.",
        "Late stream error: stream_id=17 channel=aux_communication topic=__end_run__: target_unreachable",
        "blob_cb threw: 'NoneType' object has no attribute 'get_widget'\n" + TRACEBACK + "AttributeError: 'NoneType'",
        "Stream error: blob_cb threw AttributeError: 'NoneType' object has no attribute 'get_widget'",
        "ask to abort job: reason: 'train' is aborted, abort_signal_triggered",
        "dropped app request (op='request') since server is already stopped",
        "app client is done with exit code -15",
        "'overseer_agent' in server config is obsolete and will be ignored.",
    ],
)
def test_noise_of_healthy_job_always(message: str) -> None:
    assert is_noise(message)
    assert is_noise(message, is_ending=True)


@pytest.mark.parametrize(
    "message",
    [
        "received dead job notification: reason='missing job on client'",
        "streamed response from server.7 failed asynchronously: StreamError: streaming shutdown",
        "cannot send to 'site-1': target_unreachable",
        "blob_cb threw: no decomposer for type Model",
        "no reply from client site-1 for ending workflow swarm",
        "======== MPM: Cleanup did not complete within 3 secs",
    ],
)
def test_noise_of_shutdown_only_at_end(message: str) -> None:
    assert is_noise(message, is_ending=True)
    assert not is_noise(message)


@pytest.mark.parametrize(
    "message",
    [
        "Exception starting XGBoost runner: XGBoostError: XGBoost is not compiled with federated learning support.",
        "validation metric `accuracy` not in metrics from site-1: ['loss']",
        "Client site-2 is deemed disconnected!",
        "Result from site-2 is bad, error code: EXECUTION_EXCEPTION",
        "app client is done with exit code 1",
        "ask to abort job: reason: 'train.py' is aborted, " + TRACEBACK + "ValueError: no",
        "",
    ],
)
def test_noise_messages_that_tell_something_are_none(message: str) -> None:
    assert not is_noise(message)
    assert not is_noise(message, is_ending=True)


def test_noise_reasons_are_given_once() -> None:
    assert all(noise.reason.endswith(".") for noise in NOISE)
    assert len({noise.start for noise in NOISE}) == len(NOISE)
    found = find_noise("Late stream error: x")
    assert found is not None
    assert "finished with" in found.reason


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("\n====\n   Start FedAvg.   \n====", "Start FedAvg."),
        (TRACEBACK + "ValueError: no such layer", "ValueError: no such layer"),
        (TRACEBACK + "RuntimeError: no learning rate\nfor this site", "RuntimeError: no learning rate"),
        ("trainer exception: " + TRACEBACK + "my.Broken", "my.Broken"),
        (
            TRACEBACK + "KeyError: 'lr'\n\nThe above exception was the direct cause of the following exception:\n\n"
            + TRACEBACK + "RuntimeError: no learning rate",
            "RuntimeError: no learning rate",
        ),
        (
            "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 1, in f\n"
            "  |     raise E\n  | ExceptionGroup: two (2 sub-exceptions)",
            "ExceptionGroup: two (2 sub-exceptions)",
        ),
        (TRACEBACK, "raise E"),
        ("Traceback (most recent call last):", "Traceback (most recent call last)"),
        ("XGBoostError: not compiled\nStack trace:\n  [bt] (0) lib.so", "XGBoostError: not compiled"),
        ("", ""),
        ("\n \n", ""),
    ],
)  # fmt: skip
def test_event_text_is_line_that_says_most(message: str, text: str) -> None:
    assert event_text(message) == text


@given(st.text() | st.lists(st.sampled_from([TRACEBACK, "  | ", "\n", "E: x", "Late stream error: "])).map("".join))
def test_event_text_any_message_is_one_line(message: str) -> None:
    text = event_text(message)
    assert len(text.splitlines()) <= 1
    assert text == text.strip()
    is_noise(message, is_ending=True)


@pytest.mark.parametrize("piece", ["x", " ", "'", "peer ", "connection ", "dropped request ", "= ", "\n", "(#.\t"])
def test_noise_long_messages_take_no_time(piece: str) -> None:
    message = piece * 500_000
    began = time.perf_counter()
    is_noise(message, is_ending=True)
    event_text(message)
    event_text(f"{TRACEBACK}{message}")
    assert time.perf_counter() - began < 2
