"""Diagnosis of failed jobs from the logs of real servers and sites (recorded by ``tests/support/failures.py``)."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from failure_sentences import SENTENCES, UNALIGNED, sentence_of
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.cell_jobs import CELL_FILE
from flare_widgets.monitoring import Evidence, Failure, LogText, diagnose
from flare_widgets.monitoring.diagnosis import FAILURE_KINDS
from flare_widgets.monitoring.logs.records import MAX_SHOWN_CHARS, MAX_SHOWN_LINES

RECORDINGS = Path(__file__).parent / "recordings_failures"


def recorded(case: str) -> Evidence:
    return Evidence.from_json(json.loads((RECORDINGS / f"{case}.json").read_text()))


def explained(case: str, **changes: Any) -> Failure:
    failure = diagnose(dataclasses.replace(recorded(case), **changes))
    assert failure is not None
    return failure


@pytest.mark.parametrize("case", SENTENCES)
def test_sentence(case: str) -> None:
    kind, site, number, place, _ = SENTENCES[case]
    failure = explained(case)
    assert failure.sentence == sentence_of(case, failure.sentence)
    assert (failure.kind, failure.site, failure.round) == (kind, site, number)
    assert (failure.file, failure.line, failure.function) == place
    assert failure.next_step


def test_briefly_silent_site_is_no_failure() -> None:
    evidence = recorded("site-silent")
    assert diagnose(evidence) is None
    assert any(m.startswith("site-2's log: no answer in time") for m in evidence.missing)


@pytest.mark.parametrize("case", sorted({p.stem for p in RECORDINGS.glob("*.json")} - {"site-silent"}))
def test_every_recording_gives_displayable_failure(case: str) -> None:
    failure = explained(case)
    assert failure.kind in FAILURE_KINDS
    assert len(failure.log) <= MAX_SHOWN_LINES
    assert all(line.isprintable() and len(line) <= MAX_SHOWN_CHARS for line in failure.log)
    assert bool(failure.log) == bool(failure.log_of)
    assert failure.next_step.endswith(".") or failure.next_step.endswith(")")
    assert Failure.from_json(json.loads(json.dumps(failure.to_json()))) == failure
    evidence = recorded(case)
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_users_line_and_end_of_log() -> None:
    failure = explained("script-exception")
    assert failure.code == 'raise ValueError("shapes (10,) and (12,) not aligned")'
    assert failure.error == UNALIGNED
    assert (failure.log_of, failure.log[-1]) == ("site-2", UNALIGNED)
    assert failure.missing == ()
    assert failure.next_step == "Correct train.py line 11 and submit the job again."
    assert failure.next_methods == ("submit_job",)
    assert str(failure) == f"{failure.sentence}\n{failure.next_step}"


def test_cell_is_named_instead_of_its_file() -> None:
    """A job that was made of a cell: its user has no file, and runs the cell again."""
    evidence = json.loads((RECORDINGS / "script-exception.json").read_text().replace("train.py", CELL_FILE))
    failure = diagnose(Evidence.from_json(evidence))
    assert failure is not None
    assert failure.sentence == f"site-2 failed in round 2, in line 11 of the cell: {UNALIGNED}"
    assert failure.next_step == "Correct line 11 of the cell and run the cell again."
    assert failure.next_methods == ()
    evidence = json.loads((RECORDINGS / "client-package.json").read_text())
    told = diagnose(Evidence.from_json(evidence))
    assert told is not None
    failure = diagnose(Evidence.from_json(json.loads(json.dumps(evidence).replace(told.file, CELL_FILE))))
    assert failure is not None
    assert f", which line {failure.line} of the cell imports" in failure.sentence
    assert failure.next_step.startswith("Correct the import in the cell and run it again; or ")


@pytest.mark.parametrize(
    ("path", "is_explained"),
    [("data/a.npz", True), ("a b.csv", True), ("/data/a.npz", False), ("C:/data/a.npz", False), ("//host/a", False)],
)
def test_missing_relative_path_is_explained(path: str, is_explained: bool) -> None:
    """Code at a site does not run in the notebook's folder."""
    missing = f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'"
    text = (RECORDINGS / "script-exception.json").read_text().replace(UNALIGNED, missing)
    for file, start, way in [
        ("train.py", "Correct train.py line 11 and submit the job again.", ""),
        (CELL_FILE, "Correct line 11 of the cell and run the cell again.", ", such as by --arg NAME=PATH"),
    ]:
        failure = diagnose(Evidence.from_json(json.loads(text.replace("train.py", file))))
        assert failure is not None
        note = f" It runs in a folder of the site, not in yours: give it the file's full path there{way}."
        assert failure.next_step == start + (note if is_explained else "")


def test_log_ends_where_failure_is() -> None:
    assert "trainer process" in explained("external-exit").log[-1]
    assert "trainer thread exited" in explained("script-import").log[-1]
    assert "invoking task executor" in explained("hard-exit").log[-1]
    assert "TIMEOUT" in explained("scatter-timeout").log[-1]
    assert "Alive clients 1 < required min 2" in explained("site-lost").log[-1]
    words = [line.partition(" - INFO - ")[2] for line in explained("external-exception").log]
    assert words[-1] == "for this site"
    assert "RuntimeError: no learning rate" in words  # others log in between


def test_lost_site() -> None:
    for case in ("site-hung", "site-lost"):
        failure = explained(case)
        assert (failure.kind, failure.site) == ("site-lost", "site-2")
        assert failure.round is not None
        assert failure.sentence == (
            f"The server lost site-2 in round {failure.round + 1}: 1 of the 2 sites that the job needs was left"
        )
    (missing,) = explained("site-hung").missing
    job = recorded("site-hung").meta["job_id"]
    assert missing == (
        "site-2's log: the site is not connected to the server; "
        f"its administrator can read {job}/log.txt in the site's folder"
    )
    assert explained("site-lost").missing == ()


def test_site_that_forgot_job() -> None:
    failure = explained("site-restarted")
    assert (failure.kind, failure.site) == ("site-lost", "site-1")
    assert failure.round is not None
    assert failure.sentence == (
        f"site-1 no longer runs the job (probably restarted in round {failure.round + 1}), and FLARE does not notice: "
        "the job may wait forever"
    )
    assert failure.next_methods == ("abort_job", "clone_job")
    # Just after its start, a site may not run it yet.
    evidence = recorded("site-restarted")
    assert evidence.at is not None
    assert diagnose(dataclasses.replace(evidence, at=evidence.at - 3600)) is None
    # At the end of a job, sites are done before its status changes.
    last = LogText("server", "job", "2026-11-25 16:12:53,132 - ServerRunner - INFO - ABOUT_TO_END_RUN fired")
    assert diagnose(dataclasses.replace(evidence, logs=(*evidence.logs, last))) is None
    assert diagnose(dataclasses.replace(evidence, logs=())) is None  # one cannot know


def test_restarted_server() -> None:
    failure = explained("server-restarted")
    assert (failure.kind, failure.site, failure.round) == ("server-restarted", "server", 1)
    assert failure.sentence == (
        "The server was restarted while the job was running in round 2; "
        "FLARE does not resume such a job, although its status stays RUNNING"
    )
    evidence = recorded("server-restarted")
    assert diagnose(dataclasses.replace(evidence, running=(evidence.meta["job_id"],))) is None
    assert diagnose(dataclasses.replace(evidence, running=None, server_started=None)) is None
    assert diagnose(dataclasses.replace(evidence, server_started=1.0)) is None  # not restarted: the job is just ending


def test_site_that_refuses() -> None:
    failure = explained("site-refuses")
    assert (failure.kind, failure.site) == ("refused", "site-1")
    assert failure.sentence == "site-1 did not accept the job: BYOC not permitted"
    assert failure.next_step.startswith("Ask site-1's administrator what it permits (BYOC is code in the job's custom")
    assert failure.log[-1].startswith("num_ok_sites 1 < required_min_sites 2")


def test_lead_may_not_read_servers_log() -> None:
    failure = explained("script-exception-lead")
    assert failure.sentence == f"site-2 failed, in train.py line 11: {UNALIGNED}"
    server = explained("server-exception-lead")
    assert server.kind == "unknown"
    assert server.missing == (
        "the server's log of the job: your role (lead) may not read it; "
        "it is in workspace/log.txt of the result, which the job's submitter can download",
    )
    assert "session.download_job_result" in server.next_step
    assert explained("aborted-lead").sentence == "The job was aborted by admin@nvidia.com"


def test_member_is_told_whom_to_ask() -> None:
    failure = explained("hard-exit-member")
    job = recorded("hard-exit-member").meta["job_id"]
    assert failure.sentence == "The job ended as FINISHED:EXECUTION_EXCEPTION; no log that can be read says why"
    assert failure.missing == (
        "the server's log of the job: your role (member) may not read it; "
        "it is in workspace/log.txt of the result, which the job's submitter can download",
        *(
            f"{site}'s log: your role (member) may not read it; its administrator can read {job}/log.txt "
            "in the site's folder"
            for site in ("site-1", "site-2")
        ),
    )
    aborted = explained("aborted-member")
    assert aborted.sentence == "The job was aborted by an unknown user"
    assert aborted.missing == (
        "who aborted the job: your role (member) may not read it; "
        "the server's administrator can read audit.log in its folder",
    )


def test_without_sites_log_servers_word_counts() -> None:
    logs = tuple(log for log in recorded("script-exception").logs if log.of == "server")
    failure = explained("script-exception", logs=logs, missing=("site-2's log: no answer in time",))
    assert failure.kind == "client-exception"
    assert failure.sentence.startswith("In round 2, site-2 failed in its task (TASK_ABORTED); the reason is in its log")
    assert failure.missing == ("site-2's log: no answer in time",)
    assert failure.next_step.startswith("Ask site-2's administrator for its log of this job.")


@pytest.mark.parametrize(
    ("message", "kind", "sentence"),
    [
        (
            "trainer process exited while TASK_READY was pending for task 'train'",
            "client-exit",
            "the training process of site-2 ended without a result, without an exception in its log "
            "(probably os._exit, sys.exit, or a kill)",
        ),
        (
            "trainer process group exited (rc=-9) before completing the HELLO handshake",
            "client-exit",
            "the training process of site-2 ended by signal 9 before it called flare.init, "
            "without an exception in its log (probably os._exit, sys.exit, or a kill)",
        ),
        (
            "trainer did not complete the HELLO handshake within launch_timeout=30.0s",
            "timeout",
            "the training script of site-2 did not call flare.init within 30 s",
        ),
        (
            "trainer heartbeat timed out after 30.4s (timeout=30.0s) before task 'train' produced a result",
            "timeout",
            "the training process of site-2 did not answer for 30.4 s",
        ),
        ("timed out after 5s waiting for 'train' result", "timeout", "site-2 failed: timed out after 5s waiting for"),
    ],
)
def test_lost_trainer_wordings_are_recognised(message: str, kind: str, sentence: str) -> None:
    logs = [log for log in recorded("external-exit").logs if log.of == "server"]
    own = LogText("site-2", "job", f"2026-11-25 16:12:53,132 - ClientAPIExecutor - ERROR - {message}")
    failure = explained("external-exit", logs=(own, *logs))
    assert failure.kind == kind
    assert failure.sentence.startswith(f"In round 2, {sentence}")


def test_handled_user_exception_is_not_cause() -> None:
    evidence = recorded("hard-exit")
    handled = [log for log in recorded("script-exception").logs if log.of == "site-2" and log.what == "errors"]
    elsewhere = dataclasses.replace(handled[0], of="site-1")
    server = LogText("server", "errors", recorded("server-exception").logs[1].text.replace("Exception in", "In"))
    failure = explained("hard-exit", logs=(elsewhere, server, *evidence.logs))
    assert failure.sentence == SENTENCES["hard-exit"][-1]


def test_older_server() -> None:
    """FLARE 2.7.3, with a job that runs its trainer by a launcher: it sends no log of a job that has ended."""
    # Nobody blames the site, and what its trainer printed is no error in the log.
    assert explained("external-exception-2.7").sentence == (
        "site-2 probably failed, in train.py line 14: "
        "RuntimeError: no learning rate for this site (because of KeyError: 'lr')"
    )
    assert explained("hard-exit-2.7").sentence == (
        "The process of the job on site-2 ended at once, without a final message in its log "
        "(probably os._exit, a crash in native code, or a kill)"
    )


def test_job_awaiting_failed_sites_is_diagnosed() -> None:
    failure = explained("client-package-2.7")
    assert recorded("client-package-2.7").meta["status"] == "RUNNING"
    assert failure.sentence == SENTENCES["client-package"][-1]
    assert failure.next_step.startswith("Abort the job: FLARE does not notice, and waits for ever.")
    assert failure.next_methods == ("abort_job", "clone_job")


def test_sites_failing_alike_are_grouped() -> None:
    logs = recorded("script-syntax").logs
    names = ["a", "b", "site-1", "site-2"]
    same = [dataclasses.replace(log, of=name) for name in names for log in logs if log.of == "site-2"]
    server = [log for log in logs if log.of == "server"]
    failure = explained("script-syntax", logs=(*same, *server))
    assert failure.sentence.startswith("a, b and 2 more sites failed in round 1, in train.py line 15")


def test_jobs_that_are_well() -> None:
    assert diagnose(Evidence()) is None
    assert diagnose(Evidence(meta={"status": "FINISHED:COMPLETED"})) is None
    assert diagnose(Evidence(meta={"status": "DISPATCHED"})) is None
    assert diagnose(Evidence(meta={"status": "SUBMITTED", "submit_time": 1000.0}, at=1010.0)) is None
    meta = {"status": "SUBMITTED", "submit_time": 1000.0, "schedule_history": ["2026-11-25 16:12:38: scheduled"]}
    assert diagnose(Evidence(meta=meta, at=5000.0)) is None


@pytest.mark.parametrize(
    ("running", "says"),
    [
        (None, "probably because of jobs that are running"),
        (("a", "b"), "probably because of 2 jobs that are running"),
        ((), "although no job is running: its scheduler is probably dead"),
    ],
)
def test_job_nobody_looks_at(running: Any, says: str) -> None:
    failure = diagnose(Evidence(meta={"status": "SUBMITTED", "submit_time": 1000.0}, running=running, at=1045.0))
    assert failure is not None
    assert failure.sentence == f"The server has not tried to schedule the job, {says}"


def test_job_that_was_given_up() -> None:
    failure = explained("few-sites", meta={**recorded("few-sites").meta, "status": "FINISHED:CAN_NOT_SCHEDULE"})
    assert failure.sentence == "The job could not be started: it needs 5 sites, and 2 are connected (tried 2 times)"


def test_remembered_evidence_is_used_in_diagnosis() -> None:
    text = "ServerRunner - error: 2026-11-25 16:12:53: [identity=x]: Result from site-2 is bad, error code: EXEC"
    meta = {"status": "FINISHED:EXECUTION_EXCEPTION", "start_time": "2026-11-25T16:12:38+00:00"}
    failure = diagnose(Evidence(meta=meta, logs=(LogText("server", "remembered", text),)))
    assert failure is not None
    assert failure.site == "site-2"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
STATUSES = st.sampled_from(
    [
        "SUBMITTED",
        "RUNNING",
        "ABORTED",
        *(f"FINISHED:{how}" for how in ("COMPLETED", "ABORTED", "EXECUTION_EXCEPTION", "FAILED_TO_RUN")),
        *(f"FINISHED:{how}" for how in ("CAN_NOT_SCHEDULE", "\x1b[2J")),
    ]
)
METAS = st.fixed_dictionaries(
    {"status": STATUSES},
    optional={
        "schedule_history": st.lists(st.text(max_size=40), max_size=2) | JSON,
        "job_deploy_detail": st.lists(st.text(max_size=20), max_size=2) | JSON,
        "start_time": st.just("2026-11-25T16:12:38+00:00") | JSON,
        "submit_time": JSON,
        "schedule_count": JSON,
        "job_id": JSON,
    },
)
LINES_OF_LOGS = st.sampled_from(
    [line for case in ("script-exception", "site-lost", "client-class") for log in recorded(case).logs
     for line in log.text.splitlines()]
) if RECORDINGS.exists() else st.text()  # fmt: skip
LOGS = st.lists(
    st.builds(
        LogText,
        st.sampled_from(["server", "site-1", "\x1b[31mevil\n"]),
        st.sampled_from(["job", "errors", "parent", "remembered"]),
        st.lists(LINES_OF_LOGS | st.text(max_size=30), max_size=15).map("\n".join),
    ),
    max_size=4,
)


@given(METAS, LOGS, st.text(max_size=20), st.lists(st.text(max_size=8), max_size=4), st.none() | st.floats(0, 2e9))
def test_whatever_is_said_report_is_clean(
    meta: dict[str, Any], logs: list[LogText], hostile: str, names: list[str], at: float | None
) -> None:
    evidence = Evidence(
        meta, tuple(logs), (hostile,), hostile, running=tuple(names), idle=tuple(names), server_started=at, at=at
    )
    failure = diagnose(evidence)
    if failure is None:
        return
    assert failure.kind in FAILURE_KINDS
    texts = [*failure.log, *failure.missing, failure.sentence, failure.site, failure.error, failure.file]
    texts += [failure.function, failure.code, failure.log_of, failure.next_step]
    assert all(text.isprintable() and len(text) <= 2000 for text in texts)
    assert Failure.from_json(json.loads(json.dumps(failure.to_json()))) == failure
