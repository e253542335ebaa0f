"""The job view against a real federation: what it offers is done, its log is the participants' log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from common import LEAD, MEMBER, Finished
from jobs import with_code, write_job
from waiting import wait_until

from flare_widgets.api import Session, connect, permissions
from flare_widgets.api.saved_results import make_folder_name
from flare_widgets.errors import JobNotFound
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import Monitor
from flare_widgets.views.job.view import JobView

#: A site and a server that log a line every now and then.
CHATTY = """

import logging
import threading


def talk(name, until):
    log = logging.getLogger(name)
    for number in range(10_000):
        if until():
            break
        log.warning("talking %d", number)
        time.sleep(0.2)


class Quick(Quick):
    def control_flow(self, abort_signal, fl_ctx):
        talk("Talker", lambda: abort_signal.triggered)


class Nothing(Nothing):
    def handle_event(self, event_type, fl_ctx):
        if event_type == "_start_run":
            threading.Thread(target=talk, args=("SiteTalker", lambda: False), daemon=True).start()
"""


class Shown:
    """A view that is kept, and what it sent to the browser."""

    def __init__(self, session: Session, monitor: Monitor, job_id: str, folder: Path | None = None) -> None:
        watch = monitor.watch(job_id)
        assert watch.wait_for_first_update(20)
        self.view = JobView(watch, session, folder=None if folder is None else str(folder))
        self.messages: list[dict[str, Any]] = []
        assert self.view._log_feed is not None
        self.view._log_feed._send = self.messages.append

    def wish(self, **message: Any) -> None:
        self.view._handle_custom_msg(message, [])

    def action(self, name: str) -> dict[str, Any]:
        assert self.view._actions is not None
        return next(one for one in self.view._actions.to_json() if one["name"] == name)

    def act(self, name: str, seconds: float = 30) -> dict[str, Any]:
        """Do it, and wait for what comes of it."""
        self.wish(kind="ask", action=name)
        self.wish(kind="start", action=name)
        wait_until(lambda: self.action(name)["state"] not in ("asked", "running"), seconds)
        return self.action(name)

    def log(self, target: str, enough: Callable[[list[str], dict[str, Any]], bool], seconds: float = 60) -> list[str]:
        """Ask for a log as the browser does, until it is enough; return the lines."""
        lines: list[str] = []
        epoch = 0
        deadline = time.monotonic() + seconds
        while True:
            self.messages.clear()
            self.wish(kind="log", target=target, since=len(lines) + 1, epoch=epoch)
            answer = wait_until(lambda: self.messages)[-1]
            assert answer["first"] == len(lines) + 1 or answer["epoch"] != epoch
            epoch = answer["epoch"]
            lines += [as_logged(line) for line in answer["lines"]]
            if enough(lines, answer):
                return lines
            assert time.monotonic() < deadline, (answer, lines[-3:])
            time.sleep(0.1 if answer["more"] else 1.0)


def as_logged(line: str | list[str]) -> str:
    """Return a line as FLARE logged it, from its columns or as it stands."""
    if isinstance(line, str):
        return line
    at, source, level, context, message = line
    return " - ".join(filter(None, (at, source, level, f"[{context}]" if context else "", message)))


Show = Callable[..., Shown]


@pytest.fixture
def show(ours: Session, federation: LocalFederation) -> Iterator[Show]:
    made: list[tuple[Monitor, Session]] = []
    views: list[JobView] = []

    def show(job_id: str, user: str = "", folder: Path | None = None) -> Shown:
        session = connect(federation.kit(user)) if user else ours
        monitor = Monitor(session)
        made.append((monitor, session))
        shown = Shown(session, monitor, job_id, folder)
        views.append(shown.view)
        return shown

    yield show
    for view in views:
        view.make_static()
    for monitor, session in made:
        monitor.close()
        if session is not ours:
            session.close()


@pytest.fixture
def talking(ours: Session, tmp_path: Path) -> Iterator[str]:
    """A job that talks until it is aborted."""
    job_id = ours.submit_job(str(with_code(write_job(tmp_path, "talking"), CHATTY)))
    wait_until(lambda: ours.get_job_meta(job_id)["status"] == "RUNNING")
    yield job_id
    ours.abort_job(job_id)
    wait_until(lambda: ours.get_job_meta(job_id)["status"].startswith("FINISHED"))


def test_abort_and_then_delete(ours: Session, talking: str, show: Show) -> None:
    shown = show(talking)
    assert "RUNNING" in shown.action("delete")["disabled_reason"]
    # The server refuses to abort what is not up yet; the view says so and can be asked again.
    wait_until(lambda: shown.act("abort")["state"] == "done", 60)
    assert shown.action("abort")["message"].startswith("abort requested")
    wait_until(lambda: shown.view.view_model["has_ended"], 60)
    assert shown.view.view_model["status"] == "FINISHED:ABORTED"
    assert ours.get_job_meta(talking)["status"] == "FINISHED:ABORTED"
    assert shown.action("abort")["disabled_reason"] == "the job has ended"
    assert shown.action("abort")["state"] == "ready"


def test_clone_download_delete(ours: Session, finished: Finished, show: Show, tmp_path: Path) -> None:
    cloned = show(finished.job_id).act("clone")
    assert cloned["state"] == "done", cloned
    job_id = cloned["message"].removeprefix("cloned as ").partition(":")[0]
    ours.wait_for_job(job_id, timeout=120, poll_interval=0.2)

    shown = show(job_id, folder=tmp_path)
    downloaded = shown.act("download", 60)
    folder = tmp_path / make_folder_name(job_id, ours.job(job_id).name)
    assert downloaded["message"] == f"downloaded to {folder}"
    assert (folder / "meta.json").is_file()

    deleted = shown.act("delete")
    assert deleted["state"] == "done", deleted
    with pytest.raises(JobNotFound):
        ours.get_job_meta(job_id)
    assert shown.action("clone")["disabled_reason"] == "the job was deleted"


def test_lead_is_warned_and_server_decides(finished: Finished, show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = show(finished.job_id, LEAD)
    reasons = {name: shown.action(name)["disabled_reason"] for name in ("clone", "download", "delete")}
    assert all("your role (lead) may" in reason and "only your own jobs" in reason for reason in reasons.values())
    assert shown.act("clone")["state"] == "ready", "it was done although it is grey"
    # A forecast may be wrong: what the server says then is shown.
    monkeypatch.setattr(permissions, "denial_reason", lambda *_, **__: "")
    refused = shown.act("clone")
    assert refused["state"] == "failed"
    assert "not authorized" in refused["message"].lower()


def test_server_and_site_logs_stream_live(talking: str, show: Show) -> None:
    shown = show(talking)
    for target, word in (("server", "Talker - WARNING"), ("site-1", "SiteTalker"), ("site-2", "SiteTalker")):
        wait_until(lambda target=target: target in shown.view.view_model["log_targets"])  # type: ignore[misc]
        begun = shown.log(target, lambda lines, _: any("talking 3" in line for line in lines))
        assert any(word in line for line in begun)
        said = [line.rpartition("talking ")[2] for line in begun if "talking " in line]
        assert said == [str(n) for n in range(len(said))], "lines are missing, or come twice"


def test_log_of_job_that_has_ended(ours: Session, finished: Finished, show: Show) -> None:
    shown = show(finished.job_id)
    for target in ("server", "site-1"):
        lines = shown.log(target, lambda _, answer: answer["state"] == "over")
        assert len(lines) > 10
    oracle = ours.get_job_logs(finished.job_id)["logs"]["server"]
    assert shown.log("server", lambda _, answer: not answer["more"]) == oracle.rstrip("\n").split("\n")


def test_forbidden_log_read_is_reported(finished: Finished, show: Show) -> None:
    lead = show(finished.job_id, LEAD)
    lead.log("server", lambda _, answer: "moved this log into the results" in answer["message"])
    assert lead.messages[-1]["state"] == "none"
    assert lead.log("site-1", lambda _, answer: answer["state"] == "over")
    member = show(finished.job_id, MEMBER)
    member.log("site-1", lambda _, answer: answer["state"] == "none")
    assert member.messages[-1]["message"].startswith("you may not read site-1's log: ")
    assert member.messages[-1]["message"].endswith("log.txt there")
