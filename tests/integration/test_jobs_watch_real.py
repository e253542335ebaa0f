"""All jobs of a study being watched and handled by their table, on a real federation."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm
from common import ADMIN, LEAD, MEMBER, Finished
from fragile import Fragile
from jobs import write_job
from oracle import Oracle
from waiting import wait_until

from flare_widgets.api import Session, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import JobsWatch, ListedJob, Monitor
from flare_widgets.monitoring.watch import BaseWatch
from flare_widgets.views.jobs.view import JobsView


class Sent(BaseComm):
    """A comm that keeps what a browser would get."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.rows: dict[str, Any] = {}
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        data = json.loads(json.dumps(data)) or {}
        message = data.get("content", {}) if data.get("method") == "custom" else {}
        if message.get("kind") == "rows":
            for key in message.get("removed", []):
                self.rows.pop(key, None)
            self.rows.update(message["set"])


@pytest.fixture
def session(federation: LocalFederation) -> Iterator[Session]:
    with connect(federation.admin_kit) as session:
        yield session


@pytest.fixture
def watch(session: Session) -> Iterator[JobsWatch]:
    monitor = Monitor(session)
    watch = monitor.watch_jobs()
    wait_until(lambda: watch.snapshot.facts_at)
    yield watch
    monitor.close()


@pytest.fixture
def view(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsView]:
    monkeypatch.setattr(comm, "create_comm", Sent)
    monitor = Monitor(session)
    view = JobsView(monitor)
    view._handle_custom_msg({"kind": "resync", "feed": "rows", "token": "t"}, [])
    yield view
    view.make_static()
    monitor.close()


def _job(watch: JobsWatch, job_id: str) -> ListedJob | None:
    return next((job for job in watch.snapshot.jobs if job.job_id == job_id), None)


def _wish(view: JobsView, action: str, *jobs: str) -> None:
    view._handle_custom_msg({"kind": "ask", "action": action}, [])
    view._handle_custom_msg({"kind": "start", "action": action, "arguments": {"jobs": list(jobs)}}, [])


def _course(view: JobsView, action: str) -> dict[str, Any]:
    return next(offer for offer in view.actions if offer["name"] == action)


def test_job_appears_runs_ends_and_disappears(session: Session, watch: JobsWatch, tmp_path: Path) -> None:
    seen: list[str] = []
    job = session.submit_job(str(write_job(tmp_path, "to-be-seen", sites=1)))
    watch.subscribe(lambda _: seen.append(getattr(_job(watch, job), "status", "gone")))
    watch.refresh()
    wait_until(lambda: (found := _job(watch, job)) and found.submitter == ADMIN)
    wait_until(lambda: (found := _job(watch, job)) and found.ended)
    found, meta = _job(watch, job), session.get_job_meta(job)
    assert found is not None
    assert (found.name, found.study, found.status) == ("to-be-seen", "default", "FINISHED:COMPLETED")
    assert found.submitted_at == meta["submit_time"]
    assert found.duration is not None
    assert found.duration > 0
    session.delete_job(job)
    watch.refresh()
    wait_until(lambda: _job(watch, job) is None)
    wait_until(lambda: seen[-1] == "gone")  # the listener runs in a thread of its own


def test_it_says_what_nvflares_client_says(oracle: Oracle, finished: Finished, watch: JobsWatch) -> None:
    theirs = {job["job_id"]: job for job in oracle("list_jobs")["value"]}
    wait_until(lambda: {job.job_id for job in watch.snapshot.jobs} == set(theirs))
    assert [job.job_id for job in watch.snapshot.jobs] == [j["job_id"] for j in reversed(oracle("list_jobs")["value"])]
    for job in watch.snapshot.jobs:
        assert (job.name, job.status) == (theirs[job.job_id]["job_name"], theirs[job.job_id]["status"])


def test_start_of_running_job_is_servers(session: Session, watch: JobsWatch, tmp_path: Path) -> None:
    job = session.submit_job(str(write_job(tmp_path, "long", wait=True, sites=1)))
    try:
        watch.refresh()
        wait_until(lambda: (found := _job(watch, job)) and found.started_at)
        found = _job(watch, job)
        assert found is not None
        looks = watch.snapshot.facts_at
        wait_until(lambda: watch.snapshot.facts_at != looks)
        assert _job(watch, job) == found  # no news, so nothing is sent
    finally:
        session.abort_job(job)


def test_table_aborts_clones_and_deletes(session: Session, view: JobsView, tmp_path: Path) -> None:
    rows = view.comm.rows
    job = session.submit_job(str(write_job(tmp_path, "handled-in-table", wait=True, sites=1)))
    view._watch.refresh()
    wait_until(lambda: rows.get(job, {}).get("status") == "RUNNING")
    _wish(view, "delete", job)
    wait_until(lambda: _course(view, "delete")["state"] == "failed")
    assert "running" in _course(view, "delete")["message"]
    _wish(view, "abort", job)
    wait_until(lambda: rows[job]["status"] == "FINISHED:ABORTED")
    assert session.get_job_status(job) == "FINISHED:ABORTED"
    _wish(view, "clone", job)
    wait_until(lambda: _course(view, "clone")["state"] == "done")
    copy = wait_until(
        lambda: next((str(i) for i, row in rows.items() if row["name"] == "handled-in-table" and i != job), None)
    )
    # A job that is aborted while FLARE starts it may run all the same, even when it was deleted.
    wait_until(lambda: rows[copy]["status"] == "RUNNING")
    _wish(view, "abort", copy)
    wait_until(lambda: rows[copy]["category"] in ("done", "stopped", "failed"))
    session.wait_for_job(copy, timeout=60)
    wait_until(lambda: not session.get_system_info().job_info, 150)  # FLARE counts a job until its processes have ended
    _wish(view, "delete", job, copy)
    wait_until(lambda: job not in rows and copy not in rows)
    assert {job, copy}.isdisjoint(listed["job_id"] for listed in session.list_jobs())


@pytest.mark.parametrize(("user", "word"), [(LEAD, "refused"), (MEMBER, "reason")])
def test_forbidden_job_actions_match_server_refusal(
    federation: LocalFederation, finished: Finished, monkeypatch: pytest.MonkeyPatch, user: str, word: str
) -> None:
    """Disabled actions are those that the server refuses."""
    monkeypatch.setattr(comm, "create_comm", Sent)
    with connect(federation.kit(user)) as session:
        monitor = Monitor(session)
        view = JobsView(monitor)
        try:
            wait_until(lambda: view._row_sync.rows.get(finished.job_id, {}).get("submitter") == ADMIN)
            if word == "refused":
                assert "delete" in view._row_sync.rows[finished.job_id]["denied_actions"]
            else:
                assert "may not delete" in _course(view, "delete")["disabled_reason"]
            with pytest.raises(Exception, match=r"[Nn]ot authorized|permission|may not"):
                session.delete_job(finished.job_id)
        finally:
            view.make_static()
            monitor.close()


@contextlib.contextmanager
def _killed(fragile: Fragile) -> Iterator[None]:
    fragile.server().kill()  # it is started again after some seconds
    yield


@pytest.mark.parametrize(("lose", "words"), [(_killed, "no connection to"), (Fragile.hung, "does not answer")])
def test_lost_server_reported_within_five_seconds(fragile: Fragile, tmp_path: Path, lose: Any, words: str) -> None:
    with connect(fragile.kit) as session:
        monitor = Monitor(session)
        system = monitor.watch_system()
        system.resume()
        job_id = session.submit_job(str(write_job(tmp_path, "waits-for-two-sites")))
        watches: list[BaseWatch[Any]] = [monitor.watch_jobs(), system, monitor.watch(job_id)]
        try:
            wait_until(lambda: all(watch.snapshot.facts_at and not watch.snapshot.trouble for watch in watches))
            said: dict[Any, str] = {}
            for watch in watches:
                watch.subscribe(lambda s: said.setdefault(type(s), s.trouble) if s.trouble else None)
            with lose(fragile):
                start = time.monotonic()
                wait_until(lambda: len(said) == 3, 10)
                assert time.monotonic() - start < 5
            assert [words in each for each in said.values()] == [True] * 3
            wait_until(lambda: not any(watch.snapshot.trouble for watch in watches), 60)
            session.delete_job(job_id)
        finally:
            monitor.close()
