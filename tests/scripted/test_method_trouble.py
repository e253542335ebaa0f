"""Every method of sessions, jobs, monitors and federations, when what it needs is broken: errors with a next step."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from servers import FlareServer, ok
from trouble import Trouble, broken_federation, check_error, make_broken, with_trouble

from flare_widgets import Monitor
from flare_widgets.api import Session, command_sender, commands, connect
from flare_widgets.api.job import Job
from flare_widgets.errors import FlareError
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import console
from flare_widgets.wire.frames import Frame

JOB_ID = "76b8f0c2-0000-4000-8000-000000000001"

ARGUMENTS: dict[str, Any] = {
    "job_id": JOB_ID, "job_ids": [JOB_ID], "study": "default",
    "user": "x@y.z", "target": "server", "target_type": "all",
    "client_name": "site-1", "client_names": ["site-1"], "config": "INFO", "topic": "t", "cmd_data": {},
    "command": "list_jobs", "listener": print, "value": 0.03, "timeout": 0.1, "poll_interval": 0.1,
    "names": ("ERRORLOG_site-1",), "wanted": lambda *_: True, "pattern": "x", "sites": ["site-1"], "props": None,
    "path": "workspace/log.txt", "name": "site-3", "process": "site-1", "fault": "kill",
}  # fmt: skip
"""Arguments of methods, by the names of their parameters."""

ADMINISTRATIVE = ("restart", "shutdown", "shutdown_system")


def public_methods(kind: type) -> list[str]:
    return [name for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")]


def call(method: Callable[..., Any], **more: Any) -> Any:
    """Call a method with whatever it takes; one that yields values is asked for the first."""
    known = {**ARGUMENTS, **more}
    words = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in known:
            words[name] = known[name]
        else:
            assert parameter.default is not parameter.empty, f"no argument {name!r} for {method.__qualname__}"
    result = method(**words)
    return next(result) if isinstance(result, Iterator) else result


class RefusingServer(FlareServer):
    """Takes no upload, and gives no file."""

    def _answer(self, frame: Frame) -> bytes | None:
        headers = frame.headers
        if headers.get("sm__ch") in (None, "hci_channel"):
            return super()._answer(frame)
        return self._stream("return_only", "x", {"status": "error"}, {"sm__ri": headers["sm__ri"]})


def is_fine(method: Callable[..., Any], **more: Any) -> bool:
    """Call a method; return False if it raised an error that says what to do."""
    try:
        call(method, **more)
    except FlareError as e:
        error = e
    else:
        return True
    check_error(error)
    return False


@pytest.fixture
def lost_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session whose server has gone."""
    server = FlareServer()
    with server.running() as port:
        session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=15)
    monkeypatch.setattr(command_sender, "_COMMAND_TIMEOUT_S", 0.1)  # without a limit of the session's own
    monkeypatch.setattr(console, "_FIRST_UPDATE_TIMEOUT_S", 0.3)
    session.set_timeout(0.03)
    yield session
    session.close()


LOCAL = {
    "set_timeout", "unset_timeout", "subscribe", "submitted_config", "close", "job", "get_available_apps_to_upload",
    "do_command", "monitor_job", "monitor_job_and_return_job_meta",
}  # fmt: skip
"""Methods that need no server, or whose result tells what happened, as it does with nvflare's client."""


def test_session_methods_without_server_say_so(lost_session: Session, tmp_path: Path) -> None:
    job = str(make_broken(tmp_path))
    methods = [name for name in public_methods(Session) if name not in ("close", "aio", "start")]
    done = {name for name in methods if is_fine(getattr(lost_session, name), job_definition_path=job)}
    assert done <= LOCAL
    with pytest.raises(FlareError) as caught:
        lost_session.start(commands.list_jobs()).result(15)
    check_error(caught.value)


def test_job_methods_without_server_say_so(lost_session: Session) -> None:
    job = lost_session.job(JOB_ID)
    methods = set(public_methods(Job)) - {"aio", "changes"}  # an asynchronous iterator, with a test of its own
    assert {name for name in methods if is_fine(getattr(job, name))} == set()
    for name in ("meta", "status", "name"):
        with contextlib.suppress(FlareError):
            getattr(job, name)


def test_closed_session_says_so(lost_session: Session, tmp_path: Path) -> None:
    lost_session.close()
    job = str(make_broken(tmp_path))
    methods = [name for name in public_methods(Session) if name not in ("aio", "start")]
    assert {name for name in methods if is_fine(getattr(lost_session, name), job_definition_path=job)} <= LOCAL


def test_monitor_without_server_does_not_hang(lost_session: Session) -> None:
    monitor = Monitor(lost_session)
    for make in (lambda: monitor.watch(JOB_ID), monitor.watch_jobs, monitor.watch_system):
        watch: Any = make()
        if hasattr(watch, "wait"):
            assert is_fine(watch.wait, timeout=0.3) in (True, False)
        assert str(watch.snapshot)
    assert {name for name in ("pause", "resume", "close") if is_fine(getattr(monitor, name))} == {
        "pause", "resume", "close"
    }  # fmt: skip


@with_trouble
def test_transfers_with_broken_machine_say_so(
    trouble: Trouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = RefusingServer()
    for verb in ("download_job", "download_job_components"):
        server.commands[verb] = ok(files=[["meta.json", "reference"]])
    with server.running() as port:
        kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port)
        with connect(kit, timeout=15) as session:
            session.set_timeout(0.3)
            path = trouble(monkeypatch, tmp_path)
            assert not is_fine(session.submit_job, job_definition_path=path)
            assert not is_fine(session.download_job_result, destination=path)
            assert not is_fine(session.job(JOB_ID).download, destination=path)


@with_trouble
def test_federation_methods_with_broken_machine_say_so(
    trouble: Trouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = broken_federation(monkeypatch, tmp_path)
    trouble(monkeypatch, tmp_path)
    for name in ("add_site", "kill", "pause", "slow_down", "bring_back", "inject_fault"):
        assert not is_fine(getattr(federation, name)), name
    assert is_fine(federation.remove_site, name="site-2") in (True, False)
    for name in ("states", "logs", "folder", "port", "running", "site_names", "admin_kit"):
        assert getattr(federation, name) is not None
    assert "LocalFederation" in repr(federation)
    assert is_fine(federation.stop)
    assert is_fine(LocalFederation.list_running)
