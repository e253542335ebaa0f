"""All jobs being watched: what is read of a list, what is asked and when, and what is said of trouble."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from scripted_session import ScriptedSession
from simulation import Simulation

from flare_widgets.api import SessionState
from flare_widgets.api.models import JobInfo, ServerInfo, SystemInfo
from flare_widgets.errors import AuthorizationError, NoConnection, SessionClosed
from flare_widgets.monitoring import Monitor, WatchState
from flare_widgets.monitoring.job_list import watch as watching
from flare_widgets.monitoring.job_list.watch import JobsSnapshot, ListedJob, read_list
from flare_widgets.monitoring.polling import intervals
from flare_widgets.script_arguments import record_arguments

NOW = 1_795_000_000.0


def entry(job_id="a", status="RUNNING", **more):
    return {
        "job_id": job_id,
        "job_name": "hello",
        "status": status,
        "submit_time": "2026-11-18T11:06:40+00:00",
        "duration": "0:01:00",
        "study": "default",
        **more,
    }


def test_list_is_read_newest_first():
    jobs = read_list([entry("old"), entry("new", submit_time="2026-11-18T11:06:50+00:00")], {}, {}, NOW)
    assert [job.job_id for job in jobs] == ["new", "old"]
    assert jobs[1] == ListedJob("old", "hello", "default", "", "RUNNING", NOW, NOW - 60)


def test_running_start_time_stays_unchanged():
    (first,) = read_list([entry()], {}, {}, NOW)
    (again,) = read_list([entry(duration="0:01:02.5")], {"a": first}, {}, NOW + 3)
    assert again == first
    (later,) = read_list([entry(duration="0:00:01")], {"a": first}, {}, NOW + 3)
    assert later.started_at == NOW + 2


def test_who_submitted_it_stands_in_details():
    details = {"a": {"submitter_name": "ann@h.org", "submitter_org": "h", "submit_time": NOW + 5.25}}
    record_arguments(details["a"], {"rate": "0.1", "batch": "16"})
    (job,) = read_list([entry(status="FINISHED:COMPLETED")], {}, details, NOW, clock_offset=2.0)
    assert job.arguments == (("batch", "16"), ("rate", "0.1"))
    (again,) = read_list([entry(status="FINISHED:COMPLETED")], {"a": job}, {}, NOW)
    assert again.arguments == job.arguments
    assert (job.submitter, job.submitter_organization, job.submitted_at) == ("ann@h.org", "h", NOW + 3.25)
    assert (job.duration, job.started_at, job.ended) == (60.0, None, True)


@pytest.mark.parametrize("field", ["job_id", "job_name", "status", "submit_time", "duration", "study"])
@pytest.mark.parametrize("value", [None, 5, [], {}, "\x1b[31m", "x" * 100_000, float("nan")])
def test_malformed_entry_is_read_or_skipped(field, value):
    jobs = read_list([entry("b"), entry(**{field: value}), None, "job", 7], {}, {"a": {field: value}}, NOW)
    assert "b" in {job.job_id for job in jobs}
    for job in jobs:
        assert max(map(len, (job.job_id, job.name, job.status, job.study))) <= 1000
        assert job.to_json()["ended"] in (True, False)


def test_unknown_fields_are_not_sent():
    assert ListedJob("a", name="x", started_at=None).to_json() == {"job_id": "a", "name": "x", "ended": False}


class Watcher:
    """A monitor of a scripted session, and what a watch of its jobs was told."""

    def __init__(self, *jobs, monkeypatch=None, **kwargs):
        self.session = ScriptedSession(*jobs, **kwargs)
        self.session.answers["list_jobs"] = self.answer
        self.monitor = Monitor(self.session)
        self.told = threading.Condition()
        self.snapshots = []
        self.lists = 0
        self.watch = self.monitor.watch_jobs()
        self.watch.subscribe(self.take)

    def answer(self, words):
        if "-d" in words:
            return [{**meta, "submitter_name": "ann"} for meta in self.session.metas.values()]
        self.lists += 1
        return [entry(job, meta["status"]) for job, meta in self.session.metas.items()]

    def take(self, snapshot):
        with self.told:
            self.snapshots.append(snapshot)
            self.told.notify_all()

    def wait_for(self, condition, seconds=15):
        with self.told:
            assert self.told.wait_for(lambda: condition(self.watch.snapshot), seconds), self.watch.snapshot


@pytest.fixture
def watcher(monkeypatch):
    monkeypatch.setattr(intervals, "_LIST_INTERVAL_S", 0.05)
    monkeypatch.setattr(intervals, "_IDLE_LIST_INTERVAL_S", 0.05)
    watcher = Watcher("a", "b")
    yield watcher
    watcher.monitor.close()


def test_jobs_appear_change_and_disappear(watcher):
    watcher.wait_for(lambda s: {j.job_id for j in s.jobs} == {"a", "b"} and all(j.submitter for j in s.jobs))
    watcher.session.end("a")
    watcher.wait_for(lambda s: any(j.job_id == "a" and j.ended for j in s.jobs))
    watcher.session.metas["c"] = {"job_id": "c", "status": "SUBMITTED"}
    watcher.wait_for(lambda s: any(j.job_id == "c" and j.submitter == "ann" for j in s.jobs))
    del watcher.session.metas["a"]
    watcher.wait_for(lambda s: {j.job_id for j in s.jobs} == {"b", "c"})
    details = [line for line in watcher.session.sent if "-d" in line or line.startswith("get_job_meta")]
    assert len(details) == 2  # once for the first two, once for the new one


def test_list_is_polled_only_while_anybody_looks(monkeypatch):
    session = ScriptedSession("a")
    simulation = Simulation(monkeypatch, session)
    one, other = (simulation.monitor.watch_jobs() for _ in range(2))

    def lists_at(now):
        simulation.clock.now = now
        simulation.step()
        return session.sent.count("list_jobs")

    assert [lists_at(now) for now in (0.0, 2.4, 2.5)] == [1, 1, 2]
    one.pause()
    assert lists_at(5.0) == 3
    other.pause()
    assert lists_at(100.0) == 3
    assert simulation.monitor._job_list.poller.next_at() is None
    one.resume()
    assert lists_at(100.0) == 4


def test_one_question_serves_all_who_look(watcher):
    others = [watcher.monitor.watch_jobs() for _ in range(5)]
    watcher.wait_for(lambda s: s.facts_at)
    start, before = time.monotonic(), watcher.lists
    watcher.wait_for(lambda s: watcher.lists >= before + 3)
    assert watcher.lists - before <= (time.monotonic() - start) / 0.05 + 2
    assert all(watch.snapshot is watcher.watch.snapshot for watch in others)


def test_thread_ends_with_last_watch(watcher):
    watcher.wait_for(lambda s: s.facts_at)
    thread = watcher.monitor._thread
    watcher.watch.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert watcher.watch.done
    again = watcher.monitor.watch_jobs()
    assert watcher.monitor._thread is not None
    again.stop()


def test_lost_connection_reported_and_facts_kept(watcher):
    watcher.wait_for(lambda s: s.facts_at)

    def lost(_):
        raise NoConnection("no answer")

    watcher.session.answers["list_jobs"] = lost
    watcher.wait_for(lambda s: s.trouble)
    assert len(watcher.watch.snapshot.jobs) == 2
    known_at = watcher.watch.snapshot.facts_at
    watcher.session.answers["list_jobs"] = watcher.answer
    watcher.wait_for(lambda s: not s.trouble)
    assert watcher.watch.snapshot.facts_at > known_at


def test_reconnect_is_noticed_before_next_list():
    watcher = Watcher("a")
    watcher.session.status = SimpleNamespace(reason="gone")
    try:
        watcher.wait_for(lambda s: s.facts_at)
        start = time.monotonic()
        watcher.session.state = SessionState.RECONNECTING
        watcher.wait_for(lambda s: s.trouble, 2)
        assert time.monotonic() - start < 2
    finally:
        watcher.monitor.close()


def test_silent_server_reported_and_polled_again():
    watcher = Watcher("a")
    try:
        watcher.wait_for(lambda s: s.facts_at)
        never: concurrent.futures.Future[Any] = concurrent.futures.Future()
        watcher.session.answers["list_jobs"] = lambda _: never
        watcher.watch.refresh()
        watcher.session.silence = 4.2
        watcher.wait_for(lambda s: s.trouble, 2)
        assert len(watcher.watch.snapshot.jobs) == 1
        watcher.session.silence = 0.0
        never.set_result([])
        watcher.wait_for(lambda s: not s.trouble and not s.jobs)
    finally:
        watcher.monitor.close()


@pytest.mark.parametrize("error", [SessionClosed("the session has ended"), AuthorizationError("you may not list jobs")])
def test_where_nobody_may_ask_watch_ends(watcher, error):
    watcher.wait_for(lambda s: s.facts_at)

    def refuse(_):
        raise error

    watcher.session.answers["list_jobs"] = refuse
    watcher.wait_for(lambda s: str(error) in s.trouble)
    watcher.wait_for(lambda _: watcher.watch.done)
    assert (watcher.watch.state, watcher.watch.error) == (WatchState.FAILED, error)


def test_progress_comes_from_job_watchers():
    table = watching.WatchedJobList(ScriptedSession(), lambda: None)
    table.snapshot = JobsSnapshot((ListedJob("a", status="RUNNING"), ListedJob("b", status="FINISHED")), NOW)
    assert table.update_watched({"a": "round 3/10", "b": "workflow 2/2"})
    assert [j.progress for j in table.snapshot.jobs] == ["round 3/10", ""]
    assert not table.update_watched({"a": "round 3/10"})
    assert table.update_watched({})
    assert table.update_watched({}, {"b": (("rate", "0.1"),), "unknown": (("rate", "1"),)})
    assert [j.arguments for j in table.snapshot.jobs] == [(), (("rate", "0.1"),)]
    assert not table.update_watched({})


def test_many_jobs_listed_few_asked_singly():
    (command,) = next(watching._poll_metas([f"j{i}" for i in range(30)], 30))
    assert command.line.split() == ["list_jobs", "-d", "-r", "-m", "30"]
    asked = next(watching._poll_metas(["x"], 1000))
    assert [command.line for command in asked] == ["get_job_meta x"]


def test_job_whose_process_was_lost_is_listed_as_lost(monkeypatch):
    session = ScriptedSession("a", "b")
    simulation = Simulation(monkeypatch, session)
    session.answers["list_jobs"] = lambda _: [
        entry(job, "RUNNING", duration=f"0:01:{simulation.clock.now:02.0f}") for job in session.metas
    ]
    simulation.monitor.watch_jobs()
    jobs = simulation.monitor._job_list

    def look(now):
        simulation.clock.now = now
        simulation.step()
        return {job.job_id: job for job in jobs.snapshot.jobs}

    started = simulation.clock.time() - 500
    session.answers["check_status"] = lambda _: SystemInfo(
        ServerInfo("started", started), [], [JobInfo(job, "app") for job in sorted(session.running)]
    )
    look(0.0)
    assert not any(job.is_lost for job in look(3.0).values())
    # The server was killed and is back; it has one of the two again, for all it says.
    session.running.remove("a")
    started = simulation.clock.time() - 5
    look(20.0)
    found = look(24.0)
    assert (found["a"].is_lost, found["b"].is_lost) == (True, False)
    assert found["a"].started_at is None  # nothing counts on
    assert found["a"].duration == pytest.approx(60, abs=5)
    assert jobs.snapshot.counts() == {"running": 1, "waiting": 0, "lost": 1, "ended": 0}
    assert jobs.update_watched({"a": "round 3/8", "b": "round 4/8"})
    assert [job.progress for job in sorted(jobs.snapshot.jobs, key=lambda job: job.job_id)] == ["", "round 4/8"]


def test_job_without_process_on_the_same_server_is_not_lost(monkeypatch):
    session = ScriptedSession("a")
    session.running.clear()
    simulation = Simulation(monkeypatch, session)
    started = simulation.clock.time() - 500
    session.answers["list_jobs"] = lambda _: [entry("a", "RUNNING", duration="0:01:00")]
    session.answers["check_status"] = lambda _: SystemInfo(ServerInfo("started", started), [], [])
    table = simulation.monitor.watch_jobs()
    simulation.run(64.0)
    assert session.counts()["check_status"] >= 6
    assert not table.snapshot.jobs[0].is_lost
