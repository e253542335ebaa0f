"""The monitor, where a real federation cannot be had: faults on demand, a hundred jobs, and days in seconds."""

from __future__ import annotations

import concurrent.futures
import gc
import importlib
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from scripted_session import ScriptedSession, record
from simulation import Simulation

from flare_widgets.api import MonitorReturnCode
from flare_widgets.errors import AuthorizationError, JobNotFound, NoConnection, SessionClosed
from flare_widgets.monitoring import JobSnapshot, Monitor, Watch, WatchState, apply_updates
from flare_widgets.monitoring import monitor as monitor_module
from flare_widgets.monitoring.job import round_tasks, state

PATIENCE = 20.0
Make = Callable[..., Monitor]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Monitor] = []

    def monitor(session: ScriptedSession, poll_interval: float | None = 0.01) -> Monitor:
        made.append(Monitor(session, poll_interval))
        return made[-1]

    yield monitor
    for each in made:
        each.close()


class Seen:
    """Waits until a snapshot of a watch is as wanted."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._changed = threading.Condition()
        watch.subscribe(self._take)

    def _take(self, _: JobSnapshot) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, wanted: Callable[[JobSnapshot], Any]) -> JobSnapshot:
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self._watch.snapshot), PATIENCE), self._watch.snapshot
        return self._watch.snapshot


def refuse(_: Any) -> Any:
    raise AuthorizationError("not for your role")


def no_connection(_: Any) -> Any:
    raise NoConnection("nobody there")


# -- cost -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("jobs", "details", "most"),
    [
        # A look every 5 s at a job that has been running for hours, and one every 10 s at the server.
        # How many others there are is asked every 30 s.
        (1, True, {"get_job_meta": 0, "list_jobs": 13, "tail": 13, "check_status": 7}),
        (1, False, {"get_job_meta": 0, "list_jobs": 13}),
        (10, True, {"get_job_meta": 0, "list_jobs": 13, "tail": 130, "check_status": 7}),
        (100, False, {"get_job_meta": 0, "list_jobs": 13}),
        (100, True, {"get_job_meta": 0, "list_jobs": 13, "tail": 1300, "check_status": 7}),
    ],
)
def test_commands_minute(monkeypatch: pytest.MonkeyPatch, jobs: int, details: bool, most: dict[str, int]) -> None:
    names = [f"job-{number}" for number in range(jobs)]
    simulation = Simulation(monkeypatch, ScriptedSession(*names))
    watches = [simulation.monitor.watch(name) for name in names]
    for watch in watches:
        watch.needs_details = details
    simulation.monitor._batch_poll.stored_count = jobs
    simulation.run(60)  # what is known after the first minute need not be asked again
    simulation.session.sent.clear()
    simulation.run(60)
    counts = simulation.session.counts()
    assert counts.pop("list_sessions") <= 3
    assert set(counts) <= set(most)
    assert all(counts.get(verb, 0) <= most[verb] for verb in most), counts
    assert counts["list_jobs"] >= 11
    if details:
        assert counts["tail"] >= 11 * jobs
    age = simulation.clock.time()
    assert all(age - (watch.snapshot.facts_at or 0) < 7 for watch in watches)


@pytest.mark.parametrize(
    ("sessions", "most"),
    [
        # Alone: rounds of 2 s are looked for each second.
        (1, {"get_job_meta": 0, "list_jobs": 61, "tail": 61, "check_status": 7, "list_sessions": 3}),
        (5, {"get_job_meta": 0, "list_jobs": 61, "tail": 61, "check_status": 7, "list_sessions": 3}),
        (20, {"get_job_meta": 0, "list_jobs": 22, "tail": 13, "check_status": 4, "list_sessions": 3}),
        (100, {"get_job_meta": 0, "list_jobs": 22, "tail": 13, "check_status": 4, "list_sessions": 3}),
    ],
)
def test_commands_minute_of_kernel_in_class(
    monkeypatch: pytest.MonkeyPatch, sessions: int, most: dict[str, int]
) -> None:
    """A kernel watches a job with short rounds, and the table of jobs."""
    session = ScriptedSession("job")
    session.answers["list_sessions"] = lambda _: [{"USER": "admin", "IDLE": "0.5"}] * sessions + [{"IDLE": "900"}] * 50
    simulation = Simulation(monkeypatch, session)
    watch, table = simulation.monitor.watch("job"), simulation.monitor.watch_jobs()
    rounds = iter(range(1000))
    started: dict[int, float] = {}
    ages: list[float] = []

    def train(now: float) -> None:
        if now // 2 not in started:
            started[int(now // 2)] = now
            seconds = int(simulation.clock.time()) - 1_794_960_000
            session.files["job"].write(record(f"Round {next(rounds)} started.", seconds))
        ages.append(simulation.clock.time() - min(watch.snapshot.facts_at or 0, table.snapshot.facts_at or 0))

    simulation.run(60, train)
    session.sent.clear()
    ages.clear()
    simulation.run(60, train)
    counts = session.counts()
    assert set(counts) <= set(most)
    assert all(counts.get(verb, 0) <= most[verb] for verb in most), counts
    assert counts["tail"] >= 11
    assert max(ages) < 3.0


def test_kernel_without_permission_asks_for_sessions_once(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job")
    session.answers["list_sessions"] = refuse
    simulation = Simulation(monkeypatch, session)
    simulation.monitor.watch("job")
    simulation.run(120)
    assert session.counts()["list_sessions"] == 1
    assert session.counts()["tail"] >= 24


def test_watched_jobs_take_status_from_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many jobs are stored to list them for a watched job alone."""
    session = ScriptedSession("job")
    session.metas |= {f"old-{n}": {"job_id": f"old-{n}", "status": "FINISHED:COMPLETED"} for n in range(100)}
    simulation = Simulation(monkeypatch, session)
    watch, table = simulation.monitor.watch("job"), simulation.monitor.watch_jobs()
    simulation.run(60)
    session.sent.clear()
    simulation.run(60)
    assert session.counts().get("get_job_meta", 0) == 0  # the table's list comes more often
    assert session.counts()["list_jobs"] <= 25
    session.end("job")
    table.pause()
    simulation.run(60)
    assert watch.snapshot.ended


def test_slow_table_delays_no_watched_job(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job")
    simulation = Simulation(monkeypatch, session)
    simulation.monitor.watch_jobs()
    simulation.run(30)
    hung: concurrent.futures.Future[Any] = concurrent.futures.Future()
    simulation.monitor._job_list.poller.latency_s = 3.0
    session.answers["list_jobs"] = lambda _: hung
    simulation.monitor._batch_poll.stored_count = 5000
    simulation.run(5)
    watch = simulation.monitor.watch("job")
    watch.needs_details = False
    session.sent.clear()
    simulation.run(60)
    assert session.counts()["get_job_meta"] >= 12


def test_many_stored_jobs_are_queried_singly(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job-1", "job-2")
    session.metas |= {f"old-{n}": {"job_id": f"old-{n}", "status": "FINISHED:COMPLETED"} for n in range(5000)}
    simulation = Simulation(monkeypatch, session)
    for name in ("job-1", "job-2"):
        simulation.monitor.watch(name).needs_details = False
    simulation.run(120)
    assert session.counts().get("list_jobs", 0) <= 1
    assert session.counts()["get_job_meta"] > 20


def test_staggered_jobs_share_list_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"job-{number}" for number in range(20)]
    simulation = Simulation(monkeypatch, ScriptedSession(*names))
    for name in names:
        simulation.monitor.watch(name).needs_details = False
        simulation.run(0.7)
    simulation.run(60)
    simulation.session.sent.clear()
    simulation.run(60)
    assert sum(simulation.session.counts().values()) <= 33


def test_other_study_job_is_queried_singly(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"job-{number}" for number in range(10)]
    session = ScriptedSession(*names)
    session.answers["list_jobs"] = lambda _: [meta for name, meta in session.metas.items() if name != "job-3"]
    simulation = Simulation(monkeypatch, session)
    watches = [simulation.monitor.watch(name) for name in names]
    for watch in watches:
        watch.needs_details = False
    simulation.run(60)
    session.sent.clear()
    simulation.run(60)
    assert 10 <= session.counts()["get_job_meta"] <= 13
    assert {line for line in session.sent if line.startswith("get_job_meta")} == {"get_job_meta job-3"}
    assert all(watch.state is WatchState.WATCHING for watch in watches)


def test_ended_job_costs_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job")
    simulation = Simulation(monkeypatch, session)
    watch, paused = simulation.monitor.watch("job"), simulation.monitor.watch("job")
    watch.needs_details = paused.needs_details = False
    simulation.run(30)
    paused.pause()
    session.end("job")
    simulation.run(30)
    assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    session.sent.clear()
    simulation.run(600)
    assert session.sent == []
    assert simulation.monitor._seconds_until_due() is None
    paused.resume()
    simulation.run(1)
    assert paused.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED


def test_many_rounds_do_not_leak_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job")
    simulation = Simulation(monkeypatch, session)
    watch = simulation.monitor.watch("job")
    heard = [0]
    watch.on_round(lambda *_: heard.__setitem__(0, heard[0] + 1))
    folding = importlib.import_module("flare_widgets.monitoring.job.reducer")
    monkeypatch.setattr(folding, "MAX_ROUNDS", 100)
    monkeypatch.setattr(folding, "MAX_TASKS", 200)
    monkeypatch.setattr("flare_widgets.monitoring.logs.facts._MAX_CACHED_TASKS", 200)
    small_cache = lru_cache(200)(round_tasks.round_column.__wrapped__)
    for module in (round_tasks, state):
        monkeypatch.setattr(module, "round_column", small_cache)
    files, number = session.files["job"], 0
    files.rotate_at = 50_000

    def work(_: float) -> None:
        nonlocal number
        for _ in range(3):
            files.write(record(f"Round {number} started."))
            for site in session.sites:
                files.write(record(f"assigned task to client {site}: name=train, id={number}-{site}"))
                files.write(record(f"got result from client {site} for task: name=train, id={number}-{site}"))
                files.write(record(f"validation metric 0.5 from client {site}"))
            number += 1
        for old in [name for name in files.files if name.startswith("log.json.") and int(name[9:]) > 2]:
            del files.files[old]

    def measure() -> tuple[int, int, int]:
        gc.collect()
        return tracemalloc.get_traced_memory()[0], threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    tracemalloc.start(1)
    try:
        simulation.run(100, work)  # by now all that is bounded is full
        session.sent.clear()
        before = measure()
        simulation.run(100, work)
        session.sent.clear()
        after = measure()
    finally:
        tracemalloc.stop()
    assert number > 500
    assert watch.snapshot.round is not None
    assert watch.snapshot.round > number - 40
    assert after[0] - before[0] < 100_000, (before, after)
    assert after[1] <= before[1] + 1
    assert after[2] <= before[2] + 1


# -- faults ---------------------------------------------------------------------------------------------------


def test_site_that_hangs_delays_no_other(make: Make) -> None:
    session = ScriptedSession("job")
    session.answers.update(dict.fromkeys(("tail", "cat", "ls", "get_job_log"), refuse))
    session.metas["job"]["job_deploy_detail"] = ["server: OK", "site-1: OK", "site-2: OK"]
    hung: concurrent.futures.Future[Any] = concurrent.futures.Future()
    answer = session.answers["show_stats"]
    session.answers["show_stats"] = lambda words: hung if words[-1] == "site-1" else answer(words)
    watch = make(session).watch("job")
    seen = Seen(watch)
    known = seen.wait(lambda s: any(a.site == "site-2" and a.tasks == ("training",) for a in s.activity))
    assert not any(a.site == "site-1" and a.at is not None for a in known.activity)
    begun = len([line for line in session.sent if line.startswith("get_job_meta")])
    assert session.wait_for(lambda: sum(line.startswith("get_job_meta") for line in session.sent) > begun + 2)
    assert session.sent.count("show_stats job client site-1") == 1  # never more than one under way
    hung.set_exception(NoConnection("no answer"))
    seen.wait(lambda s: s.freshness_of("activity").reason)


def test_only_one_poll_per_job_runs(make: Make) -> None:
    session = ScriptedSession("job")
    hung: concurrent.futures.Future[Any] = concurrent.futures.Future()
    session.answers["get_job_meta"] = lambda _: hung
    monitor = make(session)
    watches = [monitor.watch("job") for _ in range(5)]
    other = ScriptedSession("other")
    assert make(other).watch("other").wait_for_first_update(PATIENCE)
    deadline = time.monotonic() + PATIENCE  # the two monitors have a thread each, and either may be first
    while not session.sent and time.monotonic() < deadline:
        time.sleep(0.01)
    assert session.sent == ["get_job_meta job"]
    hung.set_result(session.metas["job"])
    assert all(watch.wait_for_first_update(PATIENCE) for watch in watches)


def test_slow_server_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job", status="DISPATCHED")
    simulation = Simulation(monkeypatch, session)
    simulation.monitor.watch("job").needs_details = False
    waiting: list[tuple[float, concurrent.futures.Future[Any]]] = []

    def slowly(_: Any) -> concurrent.futures.Future[Any]:
        waiting.append((simulation.clock.now + 0.6, concurrent.futures.Future()))
        return waiting[-1][1]

    session.answers["get_job_meta"] = session.answers["list_jobs"] = slowly

    def answer(now: float) -> None:
        while waiting and waiting[0][0] <= now:
            future = waiting.pop(0)[1]
            listed = session.sent[-1] == "list_jobs"
            future.set_result([session.metas["job"]] if listed else session.metas["job"])

    simulation.run(60, answer)
    assert len(session.sent) <= 6  # not 120, as of one that answers at once


def test_lost_connection_reported_and_facts_kept(make: Make) -> None:
    session = ScriptedSession("job")
    session.files["job"].write(record("Round 0 started."))
    watch = make(session).watch("job")
    seen = Seen(watch)
    seen.wait(lambda s: s.rounds)
    answers = dict(session.answers)
    session.answers.update(dict.fromkeys(answers, no_connection))
    known = seen.wait(lambda s: "(2)" in s.trouble)
    assert (known.status, known.round) == ("RUNNING", 0)
    session.answers.update(answers)
    session.files["job"].write(record("Round 1 started."))
    assert seen.wait(lambda s: s.round == 1 and not s.trouble).status == "RUNNING"
    assert watch.state is WatchState.WATCHING


def test_silent_server_reported_between_polls(make: Make) -> None:
    session = ScriptedSession("job")
    watch = make(session, poll_interval=60).watch("job")
    seen = Seen(watch)
    seen.wait(lambda s: s.status == "RUNNING")
    session.silence = 4.2
    seen.wait(lambda s: s.trouble)
    session.silence = 0.0
    assert seen.wait(lambda s: not s.trouble).status == "RUNNING"


@pytest.mark.parametrize(
    "error", [SessionClosed("the session was closed"), JobNotFound("gone"), AuthorizationError("no")]
)
def test_unwatchable_job_fails_its_watch(make: Make, error: Exception) -> None:
    session = ScriptedSession("job")
    watch = make(session).watch("job")
    assert watch.wait_for_first_update(PATIENCE)

    def answer(_: Any) -> Any:
        raise error

    session.answers.update(dict.fromkeys(("get_job_meta", "list_jobs"), answer))
    with pytest.raises(type(error)):
        watch.wait(PATIENCE)
    assert watch.state is WatchState.FAILED
    assert str(error) in watch.snapshot.trouble


def test_source_bug_does_not_stop_monitor(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    session = ScriptedSession("bad", "good")
    shell = session.answers["tail"]
    session.answers["tail"] = lambda words: 5 if "bad" in words[-1] else shell(words)  # no text: a mistake
    session.files["good"].write(record("Round 0 started."))
    monitor = make(session)
    bad, good = monitor.watch("bad"), monitor.watch("good")
    Seen(good).wait(lambda s: s.rounds)
    assert "the poll of the rounds of job bad failed" in caplog.text
    session.end("bad")
    assert bad.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    assert good.state is WatchState.WATCHING


def test_monitor_bug_is_logged_and_survived(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session, fold, failing = ScriptedSession("job"), apply_updates, threading.Event()

    def broken(*args: Any) -> JobSnapshot:
        if not failing.is_set():
            failing.set()
            raise ZeroDivisionError("a mistake")
        return fold(*args)

    monkeypatch.setattr(monitor_module, "apply_updates", broken)
    monkeypatch.setattr(monitor_module, "INTERNAL_ERROR_DELAY_S", 0.01)
    watch = make(session).watch("job")
    assert watch.wait_for_first_update(PATIENCE)
    assert "an error in the monitor; it continues" in caplog.text


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(2)])
def test_bad_callbacks_do_not_affect_others(make: Make, error: BaseException) -> None:
    session, release = ScriptedSession("job"), threading.Event()
    monitor = make(session)

    def fails(*_: Any) -> bool:
        raise error

    failing = monitor.watch("job", fails)
    slow = monitor.watch("job", lambda *_: release.wait(PATIENCE))
    quick = monitor.watch("job")
    with pytest.raises(type(error)):
        failing.wait(PATIENCE)
    session.end("job")
    assert quick.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    assert slow.state is WatchState.WATCHING
    release.set()
    assert slow.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED


@pytest.mark.parametrize("pause", [False, True])
def test_slow_final_callback_keeps_monitor_idle(make: Make, pause: bool) -> None:
    session, release, called = ScriptedSession("job"), threading.Event(), threading.Event()
    monitor = make(session)

    def slow(_: JobSnapshot) -> None:
        called.set()
        release.wait(PATIENCE)

    watch = monitor.watch("job")
    watch.subscribe(slow)
    assert called.wait(PATIENCE)
    session.end("job")
    deadline = time.monotonic() + PATIENCE
    while not watch._is_final:
        assert time.monotonic() < deadline
        release.wait(0.01)
    if pause:
        watch.pause()  # too late: it has ended
    turns, turn = [0], monitor._run_once

    def counted() -> None:
        turns[0] += 1
        turn()

    monitor._run_once = counted  # type: ignore[method-assign]
    sent = len(session.sent)
    assert not session.wait_for(lambda: len(session.sent) > sent, 0.3)
    assert turns[0] <= 3
    release.set()
    assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED


def test_paused_watch_learns_end_on_resume(make: Make) -> None:
    session, metas = ScriptedSession("job"), list[str]()
    monitor = make(session)

    def callback(_: Any, __: str, meta: dict[str, Any]) -> bool:
        metas.append(meta["status"])
        return True

    paused, other = monitor.watch("job", callback), monitor.watch("job")
    assert paused.wait_for_first_update(PATIENCE)
    paused.pause()
    session.end("job")
    assert other.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    assert paused.snapshot.status == "RUNNING"
    paused.resume()
    assert paused.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    assert paused.snapshot.status == "FINISHED:COMPLETED"
    assert metas[-1] == "FINISHED:COMPLETED"


def test_paused_monitor_asks_nothing(make: Make) -> None:
    session = ScriptedSession("job")
    monitor = make(session)
    watch = monitor.watch("job")
    assert watch.wait_for_first_update(PATIENCE)
    monitor.pause()
    session.wait_for(lambda: False, 0.1)  # what was under way
    sent = len(session.sent)
    assert not session.wait_for(lambda: len(session.sent) > sent, 0.3)
    monitor.resume()
    assert session.wait_for(lambda: len(session.sent) > sent)


def test_job_histories_fetched_two_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"job-{number}" for number in range(6)]
    session = ScriptedSession(*names, status="FINISHED:COMPLETED")
    started, release = threading.Semaphore(0), threading.Event()

    def download(*_: Any, **__: Any) -> str:
        started.release()
        release.wait(PATIENCE)
        raise AuthorizationError("not yours")

    monkeypatch.setattr(session, "read_result_files", download)
    for name in names:
        session.files[name].write(record("Round 0 started."))
    monitor = make(session)
    watches = [monitor.watch(name) for name in names]
    for watch in watches:
        Seen(watch).wait(lambda s: s.ended)
    assert started.acquire(timeout=PATIENCE)
    assert started.acquire(timeout=PATIENCE)
    assert not started.acquire(timeout=0.2)
    release.set()
    for watch in watches:
        assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
        assert watch.snapshot.round == 0
        assert watch.snapshot.freshness_of("metrics").missing_reason == "not permitted: not yours"


def test_missing_history_does_not_delay_end(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flare_widgets.monitoring.diagnosis.final_fetch.TIMEOUT_S", 0.2)
    session, release = ScriptedSession("job", status="FINISHED:COMPLETED"), threading.Event()

    def download(*_: Any, **__: Any) -> str:
        release.wait(PATIENCE)
        raise AuthorizationError("too late")

    monkeypatch.setattr(session, "read_result_files", download)
    watch = make(session).watch("job")
    assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
    assert "did not arrive within" in watch.snapshot.freshness_of("metrics").missing_reason
    release.set()


def test_zombie_is_suspected(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ScriptedSession("job")
    session.running.clear()
    simulation = Simulation(monkeypatch, session)
    watch = simulation.monitor.watch("job")
    simulation.run(15)
    suspected = [watch.snapshot.is_zombie]
    simulation.run(30)
    assert [*suspected, watch.snapshot.is_zombie] == [False, True]
    session.sent.clear()
    simulation.run(60)
    assert session.counts()["get_job_meta"] <= 5  # it will hardly change
