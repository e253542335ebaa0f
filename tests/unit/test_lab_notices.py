"""Facts about sessions, jobs and sites for the sidebar, and notices of jobs that have ended."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from flare_widgets.api import SessionState
from flare_widgets.lab.notifications import EndWatch, make_notices
from flare_widgets.lab.sidebar import changed_keys, ended_json, job_json, session_json, sites_json
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job_list.watch import ListedJob
from flare_widgets.monitoring.system.snapshot import Site, SystemSnapshot

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
NOW = 1_795_000_000.0
JOB = "07d15d2a-0000-4000-8000-000000000001"
RUNNING = ListedJob(JOB, "hello", "default", "ann@h.org", "RUNNING", NOW - 60, NOW - 50)
DONE = ListedJob(JOB, "hello", "default", "ann@h.org", "FINISHED:COMPLETED", NOW - 60, duration=50.0)
FAILED = ListedJob(JOB, HOSTILE, "default", "ann@h.org", "FINISHED:EXECUTION_EXCEPTION", NOW - 60, duration=50.0)


# -- folding ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "shown", "words"),
    [
        (SessionState.READY, "", "ready", ""),
        (SessionState.CONNECTING, "", "connecting", ""),
        (SessionState.RECONNECTING, "refused", "lost", "no connection to server:8002, trying again: refused"),
        (SessionState.EXPIRED, "", "asleep", "logged out by the server for being idle"),
        (SessionState.CLOSED, HOSTILE, "failed", "closed: <script>"),
    ],
)
def test_session_state_is_told(state, reason, shown, words):
    kit = SimpleNamespace(
        username=HOSTILE,
        role="lead",
        organization="h",
        project_name="p",
        address="server:8002",
        expires_at=SimpleNamespace(timestamp=lambda: NOW + 2.5 * 86_400),
    )
    status = SimpleNamespace(state=state, reason=reason)
    session: Any = SimpleNamespace(kit=kit, status=status, study="default", read_only=False)
    told = session_json("a", session, True, NOW)
    assert told["state"] == shown
    assert told["words"].startswith(words)
    assert told["days_left"] == 2
    assert "\x1b" not in json.dumps(told)


def test_job_without_details_is_told():
    told = job_json(RUNNING, None, NOW)
    assert told["status"] == "running"
    assert told["since"] == NOW - 50
    assert told["fraction"] is None
    waiting = ListedJob(JOB, HOSTILE, status="SUBMITTED", submitted_at=NOW)
    told = job_json(waiting, JobSnapshot(JOB), NOW)
    assert (told["status"], told["words"], told["since"]) == ("waiting", "submitted", NOW)
    assert "\x1b" not in told["name"]
    details = JobSnapshot(JOB, status="RUNNING", facts_at=NOW)
    assert job_json(RUNNING, details, NOW) == job_json(RUNNING, details, NOW + 3)  # no frame just for the time
    lost = ListedJob(JOB, "x", status="RUNNING", is_lost=True)
    assert job_json(lost, None, NOW)["words"] == "lost"


def test_only_sites_in_trouble_are_named():
    sites = (
        Site("fine", last_seen=NOW - 1),
        Site("silent", last_seen=NOW - 40),
        Site("gone", connected=False),
        Site("shut", connected=False, disabled=True),
        Site(HOSTILE, last_seen=NOW, answers=False),
    )
    told = sites_json(SystemSnapshot(sites=sites, facts_at=NOW), NOW)
    assert (told["connected"], told["total"]) == (3, 5)
    assert [each["words"] for each in told["trouble"]] == [
        "no heartbeat",
        "disconnected",
        "disabled",
        "does not answer",
    ]
    assert "\x1b" not in json.dumps(told)
    assert sites_json(SystemSnapshot(), NOW) == {"known": False, "connected": 0, "total": 0, "trouble": []}


def test_ended_jobs_of_last_day_are_counted():
    old = ListedJob("c", status="FINISHED:COMPLETED", submitted_at=NOW - 3 * 86_400)
    told = ended_json([RUNNING, DONE, FAILED, old], NOW)
    assert (told["finished"], told["failed"]) == (1, 1)
    assert NOW - 90_000 <= told["since"] <= NOW - 86_400


def test_only_changes_are_told():
    assert changed_keys({"a": 1, "b": [2]}, {"a": 1, "b": [3], "c": None}) == {"b": [3], "c": None}


# -- notices ---------------------------------------------------------------------------------------------------


def test_first_list_is_no_news():
    ends = EndWatch()
    ends.note([DONE], NOW)
    assert ends.take("s", {}, NOW + 100) == []


def test_end_is_told_once():
    ends = EndWatch()
    ends.note([RUNNING], NOW)
    ends.note([DONE], NOW + 1)
    ends.note([DONE], NOW + 2)
    (ended,) = ends.take("s", {}, NOW + 2)
    assert not ended.has_failed
    assert ends.take("s", {}, NOW + 100) == []
    (notice,) = make_notices([ended])
    assert notice["tone"] == "done"
    assert notice["open"] == {"kind": "job", "args": {"session": "s", "job": JOB}}


def test_failure_waits_for_its_reason():
    ends = EndWatch()
    ends.note([RUNNING], NOW)
    ends.note([FAILED], NOW + 1)
    assert ends.take("s", {}, NOW + 2) == []
    (ended,) = ends.take("s", {JOB: f"site-1 failed: {HOSTILE}"}, NOW + 2)
    (notice,) = make_notices([ended])
    assert notice["tone"] == "failed"
    assert "site-1 failed" in notice["words"]
    assert "\x1b" not in json.dumps(notice)


def test_failure_without_reason_is_told_at_last():
    ends = EndWatch()
    ends.note([RUNNING], NOW)
    ends.note([FAILED], NOW + 1)
    (ended,) = ends.take("s", {}, NOW + 20)
    assert "failed: execution exception" in make_notices([ended])[0]["words"]


def test_burst_is_one_notice():
    ends = EndWatch()
    jobs = [ListedJob(f"{n}", f"job-{n}", status="RUNNING") for n in range(5)]
    ends.note(jobs, NOW)
    statuses = ["FINISHED:COMPLETED"] * 4 + ["FINISHED:EXECUTION_EXCEPTION"]
    ends.note([ListedJob(f"{n}", status=status) for n, status in enumerate(statuses)], NOW)
    ended = ends.take("s", {"4": "why"}, NOW)
    (notice,) = make_notices(ended)
    assert notice["words"] == "5 jobs have ended, 1 of them failed"
    assert notice["open"] == {"kind": "jobs", "args": {"session": "s"}}


def test_removed_job_is_no_end():
    ends = EndWatch()
    ends.note([RUNNING], NOW)
    ends.note([], NOW + 1)
    assert ends.take("s", {}, NOW + 100) == []
