"""The table of jobs without a notebook: its comm records what it would send."""

from __future__ import annotations

import html.parser
import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeSubject
from recording import Elements
from waiting import wait_until

from flare_widgets.api.permissions import session_denial_reason
from flare_widgets.errors import JobNotDone
from flare_widgets.monitoring.job_list.watch import JobsSnapshot, ListedJob
from flare_widgets.views.core.live_view import LiveView
from flare_widgets.views.jobs.view import NO_JOBS_TEXT, JobsView, jobs_table

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e'\"&"
NOW = 1_795_000_000.0
RUNNING = ListedJob("aaaaaaaa-1", "hello", "default", "ann@h.org", "RUNNING", NOW - 60, NOW - 50)
ENDED = ListedJob("bbbbbbbb-2", "bye", "default", "bob@g.org", "FINISHED:COMPLETED", NOW - 90, duration=15.0)


pytestmark = pytest.mark.usefixtures("recorded")


class FakeMonitor(FakeSubject):
    """A monitor, its session and its watch in one."""

    def __init__(self, *jobs, role="project_admin"):
        super().__init__()
        self.session = self
        self.read_only = False
        self.kit = SimpleNamespace(username="ann@h.org", organization="h", role=role, address="server:8002")
        self.study, self.closed, self.done, self.paused = "default", False, False, False
        self.snapshot = JobsSnapshot(jobs, NOW)
        self.acted = []
        self.refreshed = 0

    def watch_jobs(self):
        return self

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False

    def refresh(self):
        self.refreshed += 1

    def stop(self):
        self.done = True

    def abort_job(self, job_id):
        self.acted.append(("abort", job_id))

    def delete_job(self, job_id):
        if job_id == RUNNING.job_id:
            raise JobNotDone("it is running")
        self.acted.append(("delete", job_id))

    def learn(self, *jobs, **facts):
        self.snapshot = JobsSnapshot(jobs, **{"facts_at": NOW + 3, **facts})
        self.notify(self.snapshot)


class Note(LiveView):
    """A view to be shown below."""

    def _mimebundle(self):
        return {"text/plain": "a note", "text/html": "<p>a note</p>"}


def act(view, action, *jobs):
    view._handle_custom_msg({"kind": "ask", "action": action}, [])
    view._handle_custom_msg({"kind": "start", "action": action, "arguments": {"jobs": list(jobs)}}, [])


def state(view, action):
    return next(entry for entry in view._actions.to_json() if entry["name"] == action)


def test_rows_sent_on_request_not_trait():
    view = JobsView(FakeMonitor(RUNNING, ENDED))
    traits = {name: value for name, value in view.get_state().items() if not name.startswith("_")}
    assert "hello" not in json.dumps(traits, default=str)
    view._handle_custom_msg({"kind": "resync", "feed": "rows", "token": "t"}, [])
    wait_until(lambda: view.comm.rows)
    (message,) = view.comm.rows
    assert [key for key, _ in message["set"]] == ["aaaaaaaa-1", "bbbbbbbb-2"]
    assert message["set"][1][1] == {
        "name": "bye",
        "study": "default",
        "submitter": "bob@g.org",
        "status": "FINISHED:COMPLETED",
        "submitted_at": NOW - 90,
        "duration": 15.0,
        "category": "done",
        "status_text": "completed",
    }


def test_large_table_starts_with_newest_rows_and_encodes_no_others(monkeypatch):
    monkeypatch.setattr("flare_widgets.views.jobs.view._MAX_ROW_MESSAGES_PER_S", 0.001)  # no second part meanwhile
    encoded: list[str] = []

    class Counted(JobsView):
        def _row_json(self, job):
            encoded.append(job.job_id)
            return super()._row_json(job)

    jobs = tuple(replace(ENDED, job_id=f"{i:08}", submitted_at=NOW - i) for i in range(20_000))
    view = Counted(FakeMonitor(*jobs))
    assert encoded == []
    view._handle_custom_msg({"kind": "resync", "feed": "rows", "token": "t"}, [])
    wait_until(lambda: view.comm.rows)
    view._row_sync.close()
    assert len(view.comm.rows) == 1
    first = view.comm.rows[0]
    assert [key for key, _ in first["set"]] == encoded == [job.job_id for job in jobs[:200]]
    assert (first["total"], first["last"]) == (20_000, False)


def test_look_without_news_sends_no_rows():
    monitor = FakeMonitor(RUNNING, ENDED)
    view = JobsView(monitor)
    view._handle_custom_msg({"kind": "resync", "feed": "rows", "token": "t"}, [])
    wait_until(lambda: view.comm.rows)
    for _ in range(5):
        monitor.learn(RUNNING, ENDED)
    time.sleep(0.15)
    assert len(view.comm.rows) == 1
    assert view.updated_at == NOW + 3
    monitor.learn(ENDED)
    wait_until(lambda: len(view.comm.rows) == 2)
    assert view.comm.rows[-1]["removed"] == ["aaaaaaaa-1"]
    monitor.learn(ENDED)  # at the next look a browser is told of what it may have missed
    wait_until(lambda: view.seq == 1)


def test_trouble_is_trait():
    monitor = FakeMonitor(RUNNING)
    view = JobsView(monitor)
    monitor.learn(RUNNING, trouble="no connection", facts_at=NOW)
    wait_until(lambda: view.connection_problem == "no connection")
    assert view.updated_at == NOW


def test_who_may_not_is_told_before():
    member = FakeMonitor(RUNNING, ENDED, role="member")
    assert state(JobsView(member), "abort")["disabled_reason"] == session_denial_reason(member, "abort_job") != ""
    lead = JobsView(FakeMonitor(RUNNING, ENDED, role="lead"))
    assert state(lead, "abort")["disabled_reason"] == ""
    rows = lead._row_sync.rows
    assert "denied_actions" not in rows["aaaaaaaa-1"]
    assert rows["bbbbbbbb-2"]["denied_actions"] == ["abort", "clone", "delete", "download", "results"]


def test_batch_abort_refreshes_list():
    monitor = FakeMonitor(RUNNING, ENDED)
    view = JobsView(monitor)
    act(view, "abort", "aaaaaaaa-1", "bbbbbbbb-2", "aaaaaaaa-1")
    wait_until(lambda: state(view, "abort")["state"] == "done")
    assert monitor.acted == [("abort", "aaaaaaaa-1"), ("abort", "bbbbbbbb-2")]
    assert state(view, "abort")["message"] == "abort requested for hello aaaaaaaa, bye bbbbbbbb"
    assert monitor.refreshed


def test_partial_batch_failure_is_reported():
    monitor = FakeMonitor(RUNNING, ENDED)
    view = JobsView(monitor)
    act(view, "delete", "aaaaaaaa-1", "bbbbbbbb-2")
    wait_until(lambda: state(view, "delete")["state"] == "done")
    assert state(view, "delete")["message"] == "deleted bye bbbbbbbb; not hello aaaaaaaa: it is running"
    act(view, "delete", "aaaaaaaa-1")
    wait_until(lambda: state(view, "delete")["state"] == "failed")
    assert state(view, "delete")["message"] == "delete failed: it is running"


@pytest.mark.parametrize("jobs", [[], ["not-listed"], [None, 5], "aaaaaaaa-1", {"a": 1}, None])
def test_only_jobs_of_table_are_touched(jobs):
    monitor = FakeMonitor(RUNNING)
    view = JobsView(monitor)
    view._handle_custom_msg({"kind": "ask", "action": "abort"}, [])
    view._handle_custom_msg({"kind": "start", "action": "abort", "arguments": {"jobs": jobs}}, [])
    wait_until(lambda: state(view, "abort")["state"] == "failed")
    assert monitor.acted == []


def test_opened_job_replaces_previous_one():
    ended, notes = [], []

    def open_job(job_id):
        notes.append(Note())
        return notes[-1], lambda: ended.append(job_id)

    view = JobsView(FakeMonitor(RUNNING, ENDED), open_job)
    act(view, "open", "aaaaaaaa-1")
    wait_until(lambda: notes and view.nested == f"IPY_MODEL_{notes[0].model_id}")
    assert "a note" in repr(view)
    act(view, "open", "bbbbbbbb-2")
    wait_until(lambda: len(notes) == 2 and view.nested == f"IPY_MODEL_{notes[1].model_id}")
    assert ended == ["aaaaaaaa-1"]
    view._handle_custom_msg({"kind": "close"}, [])
    wait_until(lambda: view.nested == "")
    assert ended == ["aaaaaaaa-1", "bbbbbbbb-2"]
    assert "a note" not in repr(view)


def test_result_is_shown_below_table_once_downloaded():
    note, asked, ended = Note(), [], []

    def open_result(job_id, name, progress):
        progress(1_000, 4_000)
        asked.append((job_id, name))
        if job_id == RUNNING.job_id:
            raise JobNotDone("it is running")
        return note, lambda: ended.append(job_id)

    view = JobsView(FakeMonitor(RUNNING, ENDED), open_result=open_result)
    act(view, "results", "bbbbbbbb-2")
    wait_until(lambda: view.nested == f"IPY_MODEL_{note.model_id}")
    wait_until(lambda: state(view, "results")["state"] == "done")
    assert state(view, "results")["message"] == ""
    act(view, "results", "aaaaaaaa-1")
    wait_until(lambda: state(view, "results")["state"] == "failed")
    assert state(view, "results")["message"] == "results failed: it is running"
    assert view.nested == f"IPY_MODEL_{note.model_id}"
    assert asked == [("bbbbbbbb-2", "bye"), ("aaaaaaaa-1", "hello")]
    assert ended == []
    view._handle_custom_msg({"kind": "close"}, [])
    wait_until(lambda: ended == ["bbbbbbbb-2"])


def test_unavailable_actions_are_not_offered():
    names = [entry["name"] for entry in JobsView(FakeMonitor())._actions.to_json()]
    assert names == ["abort", "clone", "download", "delete"]


def test_hidden_view_pauses_and_resumes_polling():
    monitor = FakeMonitor(RUNNING)
    view = JobsView(monitor)
    monitor.learn(RUNNING)
    assert not monitor.paused  # somebody is about to look
    looked = {"kind": "visible", "display": "one"}
    view._handle_custom_msg({**looked, "on": True}, [])
    view._handle_custom_msg({**looked, "on": False}, [])
    paused = [monitor.paused]
    view._handle_custom_msg({**looked, "on": True}, [])
    assert [*paused, monitor.paused] == [True, False]


def test_it_freezes_when_session_is_over(replaced):
    monitor = FakeMonitor(RUNNING)
    view = JobsView(monitor)
    monitor.done = True
    monitor.learn(RUNNING, trouble="the session has ended")
    wait_until(lambda: replaced)
    assert "the session has ended" in replaced[0]["text/plain"]
    assert view.has_ended
    assert monitor.listeners == []


def test_text_says_what_and_when():
    lines = jobs_table(JobsSnapshot((RUNNING, ENDED), NOW)).to_text().splitlines()
    assert lines[1].startswith("hello  RUNNING ")
    assert lines[1].split()[-1] == "aaaaaaaa"
    assert "50 s" in lines[1]
    assert lines[-1].startswith("2 jobs (1 running, 1 ended), as of 20")


def test_empty_table_says_what_to_do():
    assert NO_JOBS_TEXT in jobs_table(JobsSnapshot((), NOW)).to_text()
    assert NO_JOBS_TEXT in html.unescape(jobs_table(JobsSnapshot((), NOW)).to_html())
    assert jobs_table(JobsSnapshot()).to_text() == "the server has not answered yet"
    assert jobs_table(JobsSnapshot(trouble="no connection")).to_text() == "no connection"


def test_newest_200_stand_for_all():
    jobs = tuple(ListedJob(f"{i:08x}", f"job-{i}", status="FINISHED", submitted_at=NOW - i) for i in range(1000))
    text = jobs_table(JobsSnapshot(jobs, NOW)).to_text()
    assert "job-199" in text
    assert "job-200" not in text
    assert "800 more" in text
    assert "%flare jobs" in text
    assert jobs_table(JobsSnapshot(jobs, NOW)).to_html().count("</tr>") == 203


@pytest.mark.parametrize("field", ["job_id", "name", "study", "submitter", "status"])
def test_hostile_jobs_are_only_text(field):
    hostile: dict[str, Any] = {field: HOSTILE}
    snapshot = JobsSnapshot((replace(ListedJob("a", submitted_at=1e18), **hostile),), NOW, HOSTILE)
    assert "\x1b" not in jobs_table(snapshot).to_text()
    assert "\u202e" not in jobs_table(snapshot).to_text()
    page = Elements(jobs_table(snapshot).to_html())
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert page.attributes <= {"class", "scope", "style", "title", "colspan"}
    assert "<script>alert(1)</script>" in page.words


def test_lost_job_is_shown_as_such():
    lost = replace(RUNNING, is_lost=True, started_at=None, duration=30.0)
    view = JobsView(FakeMonitor(lost))
    row = view._row_json(lost)
    assert (row["category"], row["status_text"]) == ("lost", "lost")
    assert "is_lost" not in row
    text = jobs_table(JobsSnapshot((lost,), NOW)).to_text()
    assert "LOST" in text
    assert "30 s" in text
    assert "1 jobs" not in text
    assert "1 job (1 lost)" in text


def test_paused_view_says_so_until_the_next_answer():
    monitor = FakeMonitor(RUNNING)
    view = JobsView(monitor)
    wait_until(lambda: not view.is_paused)
    view._on_visibility_change(False)
    wait_until(lambda: view.is_paused)
    view._on_visibility_change(True)
    assert view.is_paused  # what it shows is as old as before
    monitor.learn(RUNNING, facts_at=time.time() + 1)
    wait_until(lambda: not view.is_paused)
