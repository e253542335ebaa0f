"""Stall checks: when one is made, and how its answer is used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from scripted_session import ScriptedSession

from flare_widgets.monitoring import Failure, JobSnapshot, Monitor, apply_meta
from flare_widgets.monitoring.diagnosis import stall_check
from flare_widgets.monitoring.job.model import Round, SiteTask

NOW = 1_795_474_345.0
WAITING = {"job_id": "j", "status": "SUBMITTED", "submit_time": NOW - 100}
REFUSED = {
    **WAITING,
    "schedule_count": 1,
    "schedule_history": ["2026-11-23 22:12:26: connected sites (2) < min_sites (5)"],
}
RUNNING = {**WAITING, "status": "RUNNING", "start_time": "2026-11-23T22:12:26+00:00"}
FEW = Failure("The job waits: it needs 5 sites, and 2 are connected", "unschedulable")


def known(meta: dict[str, object]) -> JobSnapshot:
    return apply_meta(JobSnapshot("j"), meta, NOW)


def test_only_stalled_job_triggers_inquiry() -> None:
    late = SiteTask("b", "site-2", "train", 1, NOW - 500)
    rounds = (Round(0, NOW - 520), Round(1, NOW - 5))
    done = SiteTask("a", "site-1", "train", 0, NOW - 520, NOW - 511, "OK")
    running = replace(known(RUNNING), rounds=rounds, tasks=(done,))
    assert not stall_check.is_due(running, NOW)
    assert stall_check.is_due(replace(running, tasks=(done, late)), NOW)
    assert stall_check.is_due(replace(running, absent_seen_at=NOW + 1000), NOW)
    assert stall_check.is_due(known(REFUSED), NOW)
    assert stall_check.is_due(known(WAITING), NOW)  # no scheduler has looked at it for 100 s
    assert not stall_check.is_due(known({**WAITING, "submit_time": NOW - 5}), NOW)
    assert not stall_check.is_due(known({**REFUSED, "status": "FINISHED:ABORTED"}), NOW)
    assert not stall_check.is_due(replace(known(REFUSED), trouble="no connection"), NOW)


@pytest.fixture
def session() -> ScriptedSession:
    session = ScriptedSession("j", status="SUBMITTED", start_time="")
    session.metas["j"].update(REFUSED)
    return session


@pytest.fixture
def monitor(session: ScriptedSession) -> Iterator[Monitor]:
    monitor = Monitor(session, 0.01)
    yield monitor
    monitor.close()


def test_inquiry_answer_kept_until_job_progresses(
    monitor: Monitor, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(stall_check, "collect_evidence", lambda _, meta: asked.append(meta["status"]))
    monkeypatch.setattr(stall_check, "diagnose", lambda _: FEW)
    told, went_on = threading.Event(), threading.Event()
    watch = monitor.watch("j")
    watch.on_failure(lambda snapshot, failure: told.set() if failure == FEW else None)
    watch.subscribe(lambda snapshot: went_on.set() if snapshot.status == "RUNNING" and not snapshot.failure else None)
    assert told.wait(10)
    assert watch.snapshot.failure == FEW
    session.metas["j"].update(RUNNING)
    assert went_on.wait(10)
    assert asked == ["SUBMITTED"]  # once, not at every look


def test_failed_inquiry_leaves_watch_unchanged(
    monitor: Monitor, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Event()

    def gather(*_: object) -> None:
        asked.set()
        raise RuntimeError("broken")

    monkeypatch.setattr(stall_check, "collect_evidence", gather)
    watch = monitor.watch("j")
    ended = threading.Event()
    watch.on_end(lambda _: ended.set())
    assert asked.wait(10)
    session.metas["j"]["status"] = "FINISHED:ABORTED"
    assert ended.wait(30)
    assert "the stall check of job j failed" in caplog.text
