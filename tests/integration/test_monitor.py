"""The monitor, on real jobs of a real federation."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from failing_jobs import workflow_job
from jobs import write_job

from flare_widgets.api import JobNotFound, MonitorReturnCode, Session, SessionClosed, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import JobSnapshot, Monitor, WatchState

PATIENCE = 90.0


@pytest.fixture
def session(federation: LocalFederation) -> Iterator[Session]:
    with connect(federation.admin_kit) as session:
        yield session


@pytest.fixture
def monitor(session: Session) -> Iterator[Monitor]:
    monitor = Monitor(session, poll_interval=0.1)
    yield monitor
    monitor.close()


@pytest.fixture(scope="module")
def waiting(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A job that stays in the queue: it needs more sites than there are."""
    folder = write_job(tmp_path_factory.mktemp("jobs"), "waiting")
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 5'))
    with connect(federation.admin_kit) as session:
        job = session.submit_job(str(folder))
        yield job
        session.abort_job(job)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.02)


def _monitor_threads() -> int:
    return sum(t.name == "flare-monitor" for t in threading.enumerate())


def test_job_watched_from_submission_to_end(session: Session, monitor: Monitor, tmp_path: Path) -> None:
    job = session.submit_job(str(write_job(tmp_path)))
    seen: list[JobSnapshot] = []
    watch = monitor.watch(job)
    watch.subscribe(seen.append)
    assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    end = watch.snapshot
    assert end == seen[-1]
    assert watch.state is WatchState.JOB_ENDED
    assert (end.name, end.study, end.submitter) == ("quick", "default", "admin@nvidia.com")
    statuses = [step.status for step in end.timeline]
    assert statuses[0] == "SUBMITTED"
    assert statuses[-2:] == ["RUNNING", "FINISHED:COMPLETED"]
    assert [step.at for step in end.timeline] == sorted(step.at for step in end.timeline)
    assert {(s.name, s.state) for s in end.sites} == {(n, "deployed") for n in ("server", "site-1", "site-2")}
    # The server's own account of the same job.
    meta = session.get_job_meta(job)
    assert end.status == meta["status"]
    assert end.submitted_at == meta["submit_time"]
    assert end.duration is not None
    assert str(end.duration)[:4] in f"{float(meta['duration'].rpartition(':')[2]):.6f}"
    assert end.elapsed(now=time.time() + 1000) == end.duration


def test_callbacks_match_flare_and_false_stops(session: Session, monitor: Monitor, waiting: str) -> None:
    calls: list[Any] = []

    def cb(*args: Any, **kwargs: Any) -> bool:
        calls.append((args, kwargs, threading.current_thread().name))
        return len(calls) < 3

    watch = monitor.watch(waiting, cb, "extra", word="more")
    assert watch.wait(PATIENCE) is MonitorReturnCode.ENDED_BY_CB
    assert watch.state is WatchState.ENDED_BY_CALLBACK
    assert len(calls) == 3
    (got_session, job_id, meta, extra), kwargs, thread = calls[0]
    assert got_session is session
    assert (job_id, extra, kwargs, thread) == (waiting, "extra", {"word": "more"}, "flare-callbacks")
    assert meta == session.get_job_meta(waiting) or meta["job_id"] == waiting


def test_callback_exception_ends_only_its_watch(monitor: Monitor, waiting: str) -> None:
    def broken(*_: Any) -> bool:
        raise RuntimeError("my mistake")

    healthy = monitor.watch(waiting)
    failing = monitor.watch(waiting, broken)
    with pytest.raises(RuntimeError, match="my mistake"):
        failing.wait(PATIENCE)
    assert failing.state is WatchState.FAILED
    assert "RuntimeError: my mistake" in failing.snapshot.trouble
    before = healthy.snapshot.facts_at or 0
    _until(lambda: (healthy.snapshot.facts_at or 0) > before, "news for the other watch")
    assert healthy.state is WatchState.WATCHING
    assert healthy.snapshot.trouble == ""


def test_view_that_fails_hurts_nobody(monitor: Monitor, waiting: str, caplog: pytest.LogCaptureFixture) -> None:
    watch = monitor.watch(waiting)
    seen: list[JobSnapshot] = []

    def broken(_: JobSnapshot) -> None:
        raise ValueError("bad view")

    watch.subscribe(broken)
    unsubscribe = watch.subscribe(seen.append)
    _until(lambda: len(seen) >= 2, "snapshots for the other listener")
    assert "bad view" in caplog.text
    unsubscribe()
    count, news = len(seen), watch.snapshot.facts_at or 0
    _until(lambda: (watch.snapshot.facts_at or 0) > news + 0.3, "more news")
    assert len(seen) <= count + 1  # one may have been on its way


def test_many_watches_share_one_thread(monitor: Monitor, waiting: str) -> None:
    assert _monitor_threads() == 0
    watches = [monitor.watch(waiting) for _ in range(20)]
    _until(lambda: all(w.snapshot.facts_at for w in watches), "facts for all")
    assert _monitor_threads() == 1
    monitor.close()
    assert all(w.state is WatchState.STOPPED for w in watches)
    _until(lambda: _monitor_threads() == 0, "the end of the thread")


def test_unknown_job_is_told(monitor: Monitor) -> None:
    watch = monitor.watch("11111111-2222-4333-8444-555555555555")
    with pytest.raises(JobNotFound):
        watch.wait_for_first_update(PATIENCE)
    assert watch.state is WatchState.FAILED


def test_closed_session_ends_watch_with_error(federation: LocalFederation, waiting: str) -> None:
    session = connect(federation.admin_kit)
    watch = Monitor(session, poll_interval=0.1).watch(waiting)
    assert watch.wait_for_first_update(PATIENCE)
    session.close()
    with pytest.raises(SessionClosed):
        watch.wait(PATIENCE)
    assert watch.snapshot.status == "SUBMITTED"
    assert "Monitoring stopped" in watch.snapshot.trouble


def test_waiting_can_time_out(monitor: Monitor, waiting: str) -> None:
    watch = monitor.watch(waiting)
    assert watch.wait(0.05) is MonitorReturnCode.TIMEOUT
    assert not watch.done
    watch.stop()
    assert watch.wait(PATIENCE) is MonitorReturnCode.ENDED_BY_CB


def test_bad_intervals_are_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="poll_interval"):
        Monitor(session, poll_interval=0)


def test_failed_job_reason_in_last_snapshot(session: Session, tmp_path: Path) -> None:
    job = session.submit_job(str(workflow_job(tmp_path, "fails", server={"fail_in": 1})))
    told: list[str] = []
    watch = Monitor(session).watch(job)
    watch.on_failure(lambda _, failure: told.append(failure.sentence))
    assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    end = watch.snapshot
    assert end.status == "FINISHED:EXECUTION_EXCEPTION"
    assert end.failure is not None
    assert re.fullmatch(
        r"The server failed in round 2, in rounds_workflow\.py line \d+: KeyError: 'conv2'", end.failure.sentence
    )
    assert told == [end.failure.sentence]
    assert [r.number for r in end.rounds] == [0, 1]
    assert end.failure.sentence in str(end)
    assert JobSnapshot.from_json(json.loads(json.dumps(end.to_json()))) == end


def test_waiting_job_reason_is_reported(session: Session, waiting: str) -> None:
    found = threading.Event()
    watch = Monitor(session).watch(waiting)
    watch.on_failure(lambda *_: found.set())
    assert found.wait(PATIENCE)
    failure = watch.snapshot.failure
    watch.stop()
    assert failure is not None
    assert failure.kind == "unschedulable"
    assert failure.sentence.startswith("The job waits: it needs 5 sites, and 2 are connected")
