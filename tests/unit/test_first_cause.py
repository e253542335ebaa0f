"""The first cause of a failure: found among noise, consequences, and errors that a job got over."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.monitoring import Evidence, Failure, LogText, diagnose
from flare_widgets.monitoring.diagnosis.excerpt import MAX_EARLIER_LINES, MAX_LINES, shorten_log
from flare_widgets.monitoring.diagnosis.first_cause import (
    find_cause,
    find_output_error,
    format_lines_around,
    innermost_reason,
    is_consequence,
    shorten_chain,
)
from flare_widgets.monitoring.logs.records import MAX_SHOWN_LINES, parse_log

START = datetime(2026, 11, 28, 2, 40)
META = {"job_id": "j", "status": "FINISHED:EXECUTION_EXCEPTION", "start_time": "2026-11-28T02:40:00+00:00"}
FATAL = "Aborting current RUN due to FATAL_SYSTEM_ERROR received: "
GAVE_UP = "failed to start bridge: RuntimeError: cannot connect to server after 10.0 seconds"
NO_LICENCE = "Exception starting the runner: OSError: licence file /opt/licence.key not found"
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/srv/kits/server/j/app_server/custom/bridge.py", line 12, in start\n    self.open()\n'
    "OSError: licence file /opt/licence.key not found"
)
SHUTDOWN = [
    (1, "ServerRunner", "INFO", "asked to abort - triggered abort_signal to stop the RUN"),
    (1, "ServerRunner", "INFO", "END_RUN fired"),
    (1, "Cell", "ERROR", "cannot send to 'site-1': target_unreachable"),
    (4, "MPM", "INFO", "MPM: Good Bye!"),
]


def log_of(*records: tuple[float, str, str, str]) -> str:
    """A log: seconds after the record before, logger, level, message."""
    lines, at = [], START
    for seconds, logger, level, message in records:
        at += timedelta(seconds=seconds)
        lines.append(f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03} - {logger} - {level} - {message}")
    return "\n".join(lines) + "\n"


def server_log(*records: tuple[float, str, str, str]) -> LogText:
    return LogText("server", "job", log_of(*records, *SHUTDOWN))


def explained(*logs: LogText) -> Failure:
    failure = diagnose(Evidence(META, logs))
    assert failure is not None
    return failure


def test_cause_before_consequence_is_named() -> None:
    failure = explained(
        server_log(
            (0, "ServerRunner", "INFO", "starting workflow bridge (<class 'bridge.Bridge'>) ..."),
            (1, "Starter", "ERROR", NO_LICENCE + ".\nStack trace:\n" + "\n".join(f"  [bt] ({n})" for n in range(40))),
            (10, "Bridge", "ERROR", GAVE_UP),
            (0, "ServerRunner", "ERROR", FATAL + GAVE_UP),
        )
    )
    assert failure.sentence == f"The server failed: {NO_LICENCE} (which led to: {GAVE_UP})"
    assert (failure.kind, failure.site, failure.error) == ("server-exception", "server", f"{NO_LICENCE}.")
    assert failure.log_of == "server"
    assert failure.log[0].endswith("starting workflow bridge (<class 'bridge.Bridge'>) ...")
    assert NO_LICENCE in failure.log[1]
    assert failure.log[-1].endswith(GAVE_UP)
    assert not any("Good Bye" in line for line in failure.log)
    assert failure.next_step == (
        "Correct what the error names, in the job or (by its administrator) on the server, and submit the job again."
    )


def test_traceback_of_cause_gives_place() -> None:
    failure = explained(
        server_log(
            (1, "Starter", "ERROR", NO_LICENCE),
            (0, "Starter", "ERROR", TRACEBACK),
            (10, "ServerRunner", "ERROR", FATAL + GAVE_UP),
        )
    )
    assert failure.sentence == (
        "The server failed, in bridge.py line 12: OSError: licence file /opt/licence.key not found "
        f"(which led to: {GAVE_UP})"
    )
    assert (failure.file, failure.line, failure.function) == ("bridge.py", 12, "start")


def test_workflow_exception_that_is_consequence_yields_to_cause() -> None:
    end = "Exception in workflow bridge: TimeoutError: bridge did not answer within 10 s"
    last = TRACEBACK.replace("OSError: licence file /opt/licence.key not found", end.partition(": ")[2])
    failure = explained(
        server_log(
            (1, "Starter", "ERROR", NO_LICENCE),
            (10, "ServerRunner", "ERROR", end),
            (0, "ServerRunner", "ERROR", last),
            (0, "ServerRunner", "ERROR", FATAL + end),
        )
    )
    assert failure.sentence == f"The server failed: {NO_LICENCE} (which led to: {end})"


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_cause_of_either_level_is_named(level: str) -> None:
    failure = explained(
        server_log(
            (0, "Tuner", "WARNING", "learning rate of 0.5 is unusual"),
            (1, "Store", level, "could not open the database: PermissionError: [Errno 13] /var/db"),
            (10, "ServerRunner", "ERROR", FATAL + GAVE_UP),
        )
    )
    probably = "probably " if level == "WARNING" else ""
    assert failure.sentence == (
        f"The server {probably}failed: could not open the database: PermissionError: [Errno 13] /var/db "
        f"(which {probably}led to: {GAVE_UP})"
    )


def test_noise_before_cause_is_passed_over() -> None:
    failure = explained(
        server_log(
            (0, "blob_streamer", "ERROR", "blob_cb threw: 'NoneType' object has no attribute 'get_widget'"),
            (0, "FedAvg", "ERROR", "num_clients (3) is greater than the number of available clients. Returning all."),
            (1, "Starter", "ERROR", NO_LICENCE),
            (10, "ServerRunner", "ERROR", FATAL + GAVE_UP),
        )
    )
    assert failure.sentence.startswith(f"The server failed: {NO_LICENCE}")


@pytest.mark.parametrize(
    ("final", "start"),
    [
        (GAVE_UP, "The job ended as FINISHED:EXECUTION_EXCEPTION in round 3"),  # the reason is not known
        ("the model is not a number", "The server failed in round 3"),
    ],
)
def test_error_of_recovered_round_is_not_blamed(final: str, start: str) -> None:
    failure = explained(
        server_log(
            (0, "Rounds", "INFO", "Round 0 started."),
            (1, "Store", "ERROR", "cannot write the checkpoint: OSError: no space left on device"),
            (0, "Store", "ERROR", TRACEBACK),
            (1, "Rounds", "INFO", "Round 1 started."),
            (600, "Rounds", "INFO", "Round 2 started."),
            (20, "ServerRunner", "ERROR", FATAL + final),
        )
    )
    assert failure.sentence == f"{start}: {final}"
    assert failure.log[-1].endswith(final)


def test_old_error_without_rounds_is_not_blamed() -> None:
    failure = explained(
        server_log(
            (0, "Store", "ERROR", "cannot write the checkpoint: OSError: no space left on device"),
            (600, "ServerRunner", "ERROR", FATAL + GAVE_UP),
        )
    )
    assert "checkpoint" not in failure.sentence
    assert GAVE_UP in failure.sentence


def test_stated_wait_reaches_back_to_cause() -> None:
    gave_up = "client site-1 didn't have any activity for 600 seconds"
    failure = explained(
        server_log(
            (0, "WFCommServer", "INFO", "scheduled task config"),
            (1, "Starter", "ERROR", NO_LICENCE),
            (1, "WFCommServer", "INFO", "scheduled task start"),  # during the wait: no recovery
            (599, "ServerRunner", "ERROR", FATAL + gave_up),
        )
    )
    assert failure.sentence == f"The server failed: {NO_LICENCE} (which led to: {gave_up})"


def test_error_before_first_round_may_be_cause() -> None:
    failure = explained(
        server_log(
            (0, "Store", "ERROR", NO_LICENCE),
            (1, "Rounds", "INFO", "Round 0 started."),
            (20, "ServerRunner", "ERROR", FATAL + "store is not ready"),
        )
    )
    assert failure.sentence == f"The server failed in round 1: {NO_LICENCE} (which led to: store is not ready)"


def test_chain_of_records_gives_first_reason() -> None:
    failure = explained(
        server_log(
            (0, "Licence", "ERROR", "licence check failed because of OSError: licence.key not found"),
            (0, "Runner", "ERROR", "runner failed to start: RuntimeError: licence process exited"),
            (5, "Bridge", "ERROR", "bridge failed because the runner is not running"),
            (0, "ServerRunner", "ERROR", FATAL + "bridge failed because the runner is not running"),
        )
    )
    assert failure.sentence == (
        "The server failed: licence check failed because of OSError: licence.key not found "
        "(which led to: bridge failed because the runner is not running)"
    )


def test_long_chain_in_one_message_keeps_innermost_reason() -> None:
    chain = "".join(f"part {n} of the bridge failed because of RuntimeError: " for n in range(30))
    failure = explained(server_log((0, "ServerRunner", "ERROR", f"{FATAL}{chain}OSError: licence.key not found")))
    assert failure.sentence.endswith("OSError: licence.key not found")
    assert len(failure.sentence) < 400


def test_error_that_explains_itself_stands() -> None:
    failure = explained(
        server_log(
            (0, "Curves", "ERROR", "cannot draw: ValueError: no such colour"),
            (30, "ServerRunner", "ERROR", FATAL + "model file is damaged"),
        )
    )
    assert failure.sentence == "The server failed: model file is damaged"
    near = explained(
        server_log(
            (0, "Reader", "ERROR", "cannot read the model: ValueError: bad magic number"),
            (1, "ServerRunner", "ERROR", FATAL + "model file is damaged"),
        )
    )
    assert near.sentence == (
        "The server failed: cannot read the model: ValueError: bad magic number (which led to: model file is damaged)"
    )


def test_cause_at_unblamed_site_is_named() -> None:
    server = server_log((30, "ServerRunner", "ERROR", FATAL + "failed to start all clients"))
    site = LogText(
        "site-2",
        "job",
        log_of(
            (0, "ClientRunner", "INFO", "got task assignment: name=config, id=1"),
            (1, "Runner", "ERROR", "Exception starting XGBoost runner: XGBoostError: no GPU found"),
            (9, "Executor", "ERROR", "failed to start adaptor: RuntimeError: cannot start after 9 seconds"),
            (15, "ClientRunner", "INFO", "received request from Server to end current RUN"),
            (1, "Cell", "ERROR", "ReliableMessage: peer server lost request!"),
        ),
    )
    well = LogText("site-1", "job", log_of((0, "ClientRunner", "INFO", "Client is stopping ...")))
    failure = explained(server, well, site)
    assert failure.sentence == (
        "site-2 failed: Exception starting XGBoost runner: XGBoostError: no GPU found "
        "(which led to: failed to start adaptor: RuntimeError: cannot start after 9 seconds)"
    )
    assert (failure.site, failure.log_of) == ("site-2", "site-2")
    assert "XGBoostError: no GPU found" in failure.log[-2]


@pytest.mark.parametrize(
    "blame",
    [
        "client site-2 failed to configure: EXECUTION_EXCEPTION",
        "client site-2 failed to start",
        "client site-2 couldn't start workflow swarm: EXECUTION_EXCEPTION: None",
    ],
)
def test_site_that_could_not_begin_is_blamed(blame: str) -> None:
    server = server_log(
        (0, "XGBFedController", "ERROR", blame), (0, "ServerRunner", "ERROR", FATAL + "failed to start all clients")
    )
    logs = [
        LogText(f"site-{n}", "job", log_of((0, "Executor", "ERROR", f"{what} is missing"), *SHUTDOWN))
        for n, what in ((1, "a curve"), (2, "the licence"))
    ]
    assert explained(server, *logs).sentence == "site-2 failed: the licence is missing"


def test_servers_cause_precedes_sites_consequences() -> None:
    server = server_log((1, "Starter", "ERROR", NO_LICENCE), (10, "ServerRunner", "ERROR", FATAL + GAVE_UP))
    site = LogText("site-1", "job", log_of((12, "Agent", "ERROR", "ConnectionError: connection to server lost")))
    assert explained(server, site).sentence == f"The server failed: {NO_LICENCE} (which led to: {GAVE_UP})"


def test_output_of_trainer_tells_why_it_ended() -> None:
    server = server_log(
        (5, "ServerRunner", "ERROR", FATAL + "Result from site-2 is bad, error code: EXECUTION_EXCEPTION")
    )
    site = LogText(
        "site-2",
        "job",
        log_of(
            (0, "ClientRunner", "INFO", "got task assignment: name=train, id=1"),
            (1, "ExternalProcessBackend", "INFO", "usage: train.py [-h] --data DATA"),
            (0, "ExternalProcessBackend", "INFO", "train.py: error: the following arguments are required: --data"),
            (1, "ClientAPIExecutor", "ERROR", "trainer process group exited (rc=2) before completing the HELLO"),
        ),
    )
    failure = explained(server, site)
    assert failure.sentence == (
        "The training process of site-2 ended with exit code 2 before it called flare.init: "
        "train.py: error: the following arguments are required: --data"
    )
    assert failure.log[-2].endswith("required: --data")


def test_site_whose_failure_was_tolerated_is_not_blamed() -> None:
    bad = "Result from {} is bad, error code: EXECUTION_EXCEPTION."
    server = server_log(
        (0, "FedAvg", "INFO", "Round 0 started."),
        (1, "FedAvg", "WARNING", bad.format("site-1")),
        (1, "FedAvg", "INFO", "Round 1 started."),
        (600, "FedAvg", "INFO", "Round 2 started."),
        (5, "ServerRunner", "ERROR", FATAL + bad.format("site-2")),
    )
    recovered = LogText(
        "site-1",
        "job",
        log_of(
            (0, "ClientRunner", "INFO", "got task assignment: name=train, id=1"),
            (1, "Train", "ERROR", TRACEBACK),
            (5, "ClientRunner", "INFO", "got task assignment: name=train, id=2"),
        ),
    )
    failed = LogText("site-2", "job", log_of((606, "Train", "ERROR", TRACEBACK.replace("bridge.py", "train.py"))))
    failure = explained(server, recovered, failed)
    assert failure.sentence == (
        "site-2 failed in round 3, in train.py line 12: OSError: licence file /opt/licence.key not found"
    )


def test_other_log_tells_what_servers_does_not() -> None:
    gave_up = "failed to start connector: RuntimeError: cannot create channel after 10 seconds"
    server = server_log((10, "ServerRunner", "ERROR", FATAL + gave_up))
    output = (
        "usage: flower-superlink [-h] [--insecure]\n"
        "flower-superlink: error: argument --serverappio-api-address: this option is no longer supported\n"
    )
    failure = explained(server, LogText("server", "output", output, "superlink_log.txt"))
    assert failure.sentence == (
        "The server failed: flower-superlink: error: argument --serverappio-api-address: this option is no longer "
        f"supported (superlink_log.txt), which led to: {gave_up}"
    )
    assert failure.log == tuple(output.splitlines())
    # It is not needed where the server's own log tells the cause.
    own = server_log((1, "Starter", "ERROR", NO_LICENCE), (10, "ServerRunner", "ERROR", FATAL + gave_up))
    failure = explained(own, LogText("server", "output", output, "superlink_log.txt"))
    assert failure.sentence == f"The server failed: {NO_LICENCE} (which led to: {gave_up})"


def test_other_log_of_site_tells_why_it_failed() -> None:
    server = server_log((9, "ServerRunner", "ERROR", FATAL + "Result from site-1 is bad, error code: X"))
    site = LogText("site-1", "job", log_of((8, "FlowerExecutor", "ERROR", "client app exited with code 1")))
    output = LogText("site-1", "output", f"INFO : starting\n{TRACEBACK}\n", "client_app_log.txt")
    failure = explained(server, site, output)
    assert failure.sentence == (
        "site-1 failed: OSError: licence file /opt/licence.key not found (client_app_log.txt), "
        "which led to: client app exited with code 1"
    )
    assert failure.log[-1].startswith("OSError")


@pytest.mark.parametrize(
    "text",
    [
        GAVE_UP,
        "TimeoutError: only some sites answered within 8 s",
        "failed to configure all clients",
        "XGB Server stopped abnormally with code 1",
        "client site-1 didn't have any activity for 60 seconds",
        "the job has no progress for 60 seconds",
        "trainer process exited while TASK_READY was pending for task 'train'",
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "XGB client failed to start (exit code 101)",
        "superlink process exited with rc=2",
        "a site failed",
    ],
)
def test_consequences_are_recognized(text: str) -> None:
    assert is_consequence(text)


@pytest.mark.parametrize(
    "text",
    [
        NO_LICENCE,
        "failed to start bridge: ModuleNotFoundError: No module named 'xgboost'",
        "Exception starting XGBoost runner: XGBoostError: XGBoost is not compiled with federated learning support.",
        "error: argument --serverappio-api-address: this option is no longer supported",
        "KeyError: 'conv2'",
        "torch.cuda.OutOfMemoryError: CUDA out of memory",
        "cannot start superlink because of FileNotFoundError: flower-superlink",
    ],
)
def test_reasons_are_no_consequences(text: str) -> None:
    assert not is_consequence(text)


def test_innermost_reason_and_short_chain() -> None:
    assert innermost_reason("A failed: RuntimeError: B failed because of OSError: no licence") == "no licence"
    assert innermost_reason("no chain at all") == "no chain at all"
    assert shorten_chain("a\nb") == "a"
    assert shorten_chain("x" * 400 + " because of OSError: no licence") == "because of OSError: no licence"
    assert shorten_chain("x" * 400 + ": my.LicenceError: no licence") == "my.LicenceError: no licence"


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("usage: x\nx: error: bad argument", (1, "x: error: bad argument")),
        (
            "INFO: ready\nWARNING: error reporting is off\nFATAL: port 9092 is in use\nFATAL: server stopped",
            (2, "FATAL"),
        ),
        ("ERROR: server process exited\nERROR: no such file: a.toml", (1, "ERROR: no such file: a.toml")),
        (f"start\n{TRACEBACK}\n", (4, "OSError: licence file /opt/licence.key not found")),
        ("start\nSegmentation fault (core dumped)", (1, "Segmentation fault (core dumped)")),
        ("start\nconfiguration is invalid", (1, "configuration is invalid")),
        ("all is well\n0 errors", None),
        ("", None),
    ],
)
def test_output_error_is_first_that_explains(output: str, found: tuple[int, str] | None) -> None:
    got = find_output_error(output)
    assert (got is None) == (found is None)
    if got is not None and found is not None:
        assert got[0] == found[0]
        assert got[1].startswith(found[1])


def test_shortened_log_keeps_early_errors() -> None:
    many = [(1.0, "Cell", "INFO", f"message {n}") for n in range(5000)]
    text = log_of((0, "Starter", "ERROR", TRACEBACK), (0, "FedAvg", "INFO", "Round 3 started."), *many)
    lines = shorten_log(text)
    assert lines[0].endswith("Traceback (most recent call last):")
    assert lines[3] == "OSError: licence file /opt/licence.key not found"
    assert lines[4].endswith("Round 3 started.")
    assert lines[-1].endswith("message 4999")
    assert len(lines) == MAX_LINES + 5
    errors = log_of(*[(1.0, "Cell", "ERROR", f"error {n}") for n in range(5000)])
    assert len(shorten_log(errors)) == MAX_LINES + MAX_EARLIER_LINES
    assert shorten_log(errors)[0].endswith("error 0")


MESSAGES = st.sampled_from(
    [
        NO_LICENCE,
        GAVE_UP,
        TRACEBACK,
        FATAL + GAVE_UP,
        FATAL,
        "Round 1 started.",
        "scheduled task train",
        "END_RUN fired",
    ]
)


@given(
    st.lists(st.tuples(st.floats(0, 99), st.text(max_size=9), st.sampled_from(["INFO", "WARNING", "ERROR"]), MESSAGES))
)
def test_any_log_gives_displayable_cause(records: list[tuple[float, str, str, str]]) -> None:
    parsed = parse_log(log_of(*records))
    cause = find_cause(parsed)
    if cause is None:
        return
    assert cause.text.isprintable()
    assert 0 <= cause.index <= cause.final_index < len(parsed)
    shown = format_lines_around(parsed, cause)
    assert 0 < len(shown) <= MAX_SHOWN_LINES
    assert all(line.isprintable() for line in shown)


@pytest.mark.parametrize(
    "piece", ["site ", "a.", "Error: ", "after 1 s ", "because of ", "aError", "timeout", "(", "_A "]
)
def test_hostile_logs_take_no_time(piece: str) -> None:
    line = piece * (4000 // len(piece))
    records: list[tuple[float, str, str, str]] = [(1, f"process{n}", "ERROR", line[n:]) for n in range(700)]
    records += [(1, "process", "INFO", line)] * 300 + [(1, "ServerRunner", "ERROR", FATAL + line)]
    began = time.perf_counter()
    diagnose(Evidence(META, (LogText("server", "job", log_of(*records)), LogText("s", "output", line * 16, "x.log"))))
    assert time.perf_counter() - began < 10
