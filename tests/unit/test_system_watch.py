"""The watch of a system: what it asks, when, and what it makes of answers that do not come."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from scripted_session import ScriptedSession
from waiting import wait_until

from flare_widgets.api import SessionState
from flare_widgets.api.models import ClientInfo, JobInfo, ServerInfo, SystemInfo
from flare_widgets.errors import AuthorizationError, NoConnection, SessionClosed
from flare_widgets.monitoring import Monitor, WatchState
from flare_widgets.monitoring.system import watch as system_watch
from flare_widgets.monitoring.system.snapshot import SystemSnapshot
from flare_widgets.monitoring.system.watch import SystemWatch


class Scripted(ScriptedSession):
    """A server with two sites; one of them runs the job."""

    def __init__(self) -> None:
        super().__init__("j1")
        self.study = "default"
        for name, value in {"username": "ann@h.org", "role": "lead", "organization": "h"}.items():
            setattr(self.kit, name, value)
        self.disabled = '{"disabled_clients": ["site-3"]}'
        self.answers["check_status"] = self._status
        self.answers["cat"] = lambda _: self.disabled
        self.answers["report_version"] = lambda words: {n: {"version": "2.9.0"} for n in (words[2:] or ["server"])}
        self.answers["report_resources"] = lambda words: dict.fromkeys(words[2:] or ["server"], "unlimited")

    def _status(self, words: list[str]) -> Any:
        if words[1] == "client":
            running = {"client_name": "site-1", "job_id": "j1", "app_name": "app", "status": "started"}
            return [running, *({"client_name": n, "status": "no_jobs"} for n in words[2:] if n != "site-1")]
        clients = [ClientInfo(name, time.time()) for name in self.sites]
        return SystemInfo(ServerInfo("started", 1.0), clients, [JobInfo(job, "app") for job in sorted(self.running)])


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    monkeypatch.setattr(system_watch, "_INTERVALS_S", {"who": 0.02, "doing": 0.02, "disabled": 0.02, "jobs": 0.02})
    monkeypatch.setattr(system_watch, "_MAX_SERVER_SHARE", 1.0)
    return Scripted()


@pytest.fixture
def watch(session: Scripted) -> Iterator[SystemWatch]:
    monitor = Monitor(session)
    yield monitor.watch_system()
    monitor.close()


def until(watch: SystemWatch, condition: Any, seconds: float = 10) -> None:
    """Wait until the snapshot is so."""
    heard = threading.Event()
    stop = watch.subscribe(lambda snapshot: heard.set() if condition(snapshot) else None)
    try:
        assert condition(watch.snapshot) or heard.wait(seconds), watch.snapshot
    finally:
        stop()


def test_polling_only_while_view_is_visible(session: Scripted, watch: SystemWatch) -> None:
    assert session.sent == []
    watch.resume()
    until(watch, lambda s: s.facts_at is not None and s.site("site-3") is not None)
    watch.pause()
    end = time.monotonic() + 10
    while any(t.name == "flare-monitor" for t in threading.enumerate()):
        assert time.monotonic() < end, "the thread goes on though there is nothing to ask"
        time.sleep(0.01)
    count = len(session.sent)
    watch.resume()
    assert session.wait_for(lambda: len(session.sent) > count)


def test_answers_are_merged_into_snapshot(session: Scripted, watch: SystemWatch) -> None:
    watch.resume()
    until(watch, lambda s: s.site("site-3") is not None and s.site("site-1").jobs)
    snapshot = watch.snapshot
    assert [(s.name, s.connected, s.disabled) for s in snapshot.sites] == [
        ("site-1", True, False),
        ("site-2", True, False),
        ("site-3", False, True),
    ]
    assert (snapshot.username, snapshot.role, snapshot.study) == ("ann@h.org", "lead", "default")
    assert not session.counts().get("report_version")


def test_job_that_nobody_runs_is_found(session: Scripted, watch: SystemWatch) -> None:
    session.running.clear()
    watch.resume()
    until(watch, lambda s: s.zombies and s.zombies[0].seen > s.zombies[0].since)
    assert watch.snapshot.zombies[0].job_id == "j1"


def test_name_of_new_job_is_asked_at_once(
    session: Scripted, watch: SystemWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(system_watch._INTERVALS_S, "jobs", 3600.0)
    watch.resume()
    until(watch, lambda s: session.counts().get("list_jobs") == 1)
    session.running.add("j2")
    until(watch, lambda s: len(s.jobs) == 2 and session.counts()["list_jobs"] == 2)


def test_details_are_asked_once_when_wanted(session: Scripted, watch: SystemWatch) -> None:
    watch.resume()
    until(watch, lambda s: s.facts_at is not None)
    watch.request_details()
    until(watch, lambda s: s.details_at is not None)
    assert (watch.snapshot.version, watch.snapshot.sites[0].version) == ("2.9.0", "2.9.0")
    assert watch.snapshot.resources == "unlimited"
    asked = session.counts()["report_version"]
    until(watch, lambda s: session.counts()["check_status"] > 8)
    assert session.counts()["report_version"] == asked == 2


def test_denied_request_reported_and_not_repeated(session: Scripted, watch: SystemWatch) -> None:
    def refuse(_: list[str]) -> Any:
        raise AuthorizationError("no")

    session.answers.update(cat=refuse, report_version=refuse)
    watch.resume()
    until(watch, lambda s: dict(s.missing).get("disabled sites") == "not permitted to your role")
    watch.request_details()
    until(watch, lambda s: s.details_at is not None)
    assert watch.snapshot.details_missing == "versions: not permitted to your role"
    assert watch.snapshot.resources == "unlimited"
    until(watch, lambda s: session.counts()["list_jobs"] > 3)
    assert session.counts()["cat"] == 1


def test_unreachable_server_is_trouble_until_answer(session: Scripted, watch: SystemWatch) -> None:
    watch.resume()
    until(watch, lambda s: s.facts_at is not None)
    answers = dict(session.answers)

    def lost(_: list[str]) -> Any:
        raise NoConnection("cannot connect to server")

    session.answers.update(dict.fromkeys(answers, lost))
    until(watch, lambda s: bool(s.trouble))
    count = len(session.sent)
    assert session.wait_for(lambda: len(session.sent) > count + 2)
    # Only one thing is asked of a server that does not answer.
    assert {line.split()[0] for line in session.sent[count + 2 :]} == {"check_status"}
    session.answers.update(answers)
    until(watch, lambda s: not s.trouble)


def test_silent_server_is_trouble_between_polls(
    session: Scripted, watch: SystemWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_watch, "_INTERVALS_S", dict.fromkeys(system_watch._INTERVALS_S, 60.0))
    watch.resume()
    until(watch, lambda s: s.facts_at is not None)
    session.silence = 4.2
    until(watch, lambda s: bool(s.trouble), 2)
    session.silence = 0.0
    until(watch, lambda s: not s.trouble, 2)


def test_reconnecting_session_is_reported_at_once(session: Scripted, watch: SystemWatch) -> None:
    watch.resume()
    until(watch, lambda s: s.facts_at is not None)
    session.status = SimpleNamespace(reason="the connection was reset")
    session.state = SessionState.RECONNECTING
    until(watch, lambda s: s.trouble)
    session.state = SessionState.READY
    until(watch, lambda s: not s.trouble)


def test_closed_session_ends_it(session: Scripted, watch: SystemWatch) -> None:
    def closed(_: list[str]) -> Any:
        raise SessionClosed("the session was closed")

    ended = threading.Event()
    watch.subscribe(lambda _: ended.set() if watch.done else None)
    session.answers["check_status"] = closed
    watch.resume()
    assert ended.wait(10)
    assert watch.snapshot.trouble == "the session was closed"
    assert watch.state is WatchState.FAILED
    count = len(session.sent)
    watch.resume()
    watch.request_details()
    assert not session.wait_for(lambda: len(session.sent) > count, 0.2)


def test_stop_cancels_pending_requests_and_notifies(session: Scripted, watch: SystemWatch) -> None:
    never: concurrent.futures.Future[Any] = concurrent.futures.Future()
    session.answers["check_status"] = lambda _: never
    ended = threading.Event()
    watch.subscribe(lambda _: ended.set() if watch.done else None)
    watch.resume()
    assert session.wait_for(lambda: len(session.sent) == 1)
    watch.stop()
    assert ended.wait(10)
    wait_until(never.cancelled, 10)


def test_answers_that_are_nonsense_hurt_nothing(session: Scripted, watch: SystemWatch) -> None:
    session.answers["cat"] = lambda _: "cat: disabled_clients.json: No such file or directory"
    session.answers["list_jobs"] = lambda _: ["x", 3]
    watch.resume()
    until(watch, lambda s: session.counts().get("cat", 0) > 2 and session.counts().get("list_jobs", 0) > 2)
    assert [s.name for s in watch.snapshot.sites] == ["site-1", "site-2"]


def test_external_answer_is_applied_at_once(session: Scripted, watch: SystemWatch) -> None:
    heard: list[SystemSnapshot] = []
    watch.subscribe(heard.append)
    watch.update(session._status(["check_status", "server"]))
    assert [s.name for s in watch.snapshot.sites] == ["site-1", "site-2"]
    wait_until(lambda: heard == [watch.snapshot], 10)
