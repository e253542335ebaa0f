"""Output and secrets of a session, with a scripted server."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import kits
import pytest
from servers import FlareServer, break_off
from waiting import list_tasks, wait_until

from flare_widgets.api import Session, connect, new_secure_session
from flare_widgets.errors import FlareError, FLCommunicationError, InternalError, OutcomeUnknown
from flare_widgets.wire import loop

ROOT = Path(__file__).resolve().parents[2]


def test_time_out_and_study_reach_server(kit: Path, server: FlareServer) -> None:
    with new_secure_session("", kit, timeout=5, study="my-study", command_timeout=7.5) as session:
        session.list_jobs()
        session.unset_timeout()
        session.list_jobs()
    login, timed, plain = server.commanded[:3]
    assert session.study == login["study"] == "my-study"
    assert timed["meta"] == {"cmd_timeout": 7.5}
    assert "meta" not in plain
    assert timed["data"][1] == {"type": "token", "data": "the-secret-session-token"}


@pytest.mark.parametrize("value", [0, -1])
def test_time_out_is_more_than_nothing(session: Session, value: float) -> None:
    with pytest.raises(ValueError, match="must be > 0"):
        session.set_timeout(value)


@pytest.mark.parametrize("value", ["5", None, True])
def test_time_out_is_number(session: Session, value: Any) -> None:
    with pytest.raises(TypeError, match="must be a number"):
        session.set_timeout(value)


@pytest.mark.parametrize("timeout", [0, -1, "5", None, True])
def test_time_to_connect_is_positive_number(kit: Path, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout must be a number > 0"):
        new_secure_session("", kit, timeout=timeout)


@pytest.mark.parametrize("tries", [-1, 301])
def test_login_tries_are_bounded(kit: Path, tries: int) -> None:
    with pytest.raises(ValueError, match="auto_login_max_tries is out of range"):
        new_secure_session("", kit, auto_login_max_tries=tries)


@pytest.mark.parametrize("study", ["A", "a b", "", "-a", "a" * 64, 5])
def test_study_must_have_proper_name(kit: Path, study: Any) -> None:
    with pytest.raises(ValueError, match="unsupported characters"):
        new_secure_session("", kit, study=study)


def test_another_users_name_is_refused(kit: Path, server: FlareServer) -> None:
    with pytest.raises(FLCommunicationError, match=f"belongs to {kits.USER}, not to bob"):
        new_secure_session("bob", kit)
    assert server.heard == []
    kits.edit_admin(kit, uid_source="cert")
    with new_secure_session("bob", kit, timeout=5) as session:
        assert session.username == kits.USER


def test_what_session_says_of_itself(session: Session, kit: Path) -> None:
    assert repr(session) == f"<Session {kits.USER} → {session.kit.address}, study default, ready>"
    session.close()
    assert repr(session).endswith(", closed>")
    assert session.upload_dir == session.download_dir == str(kit / "transfer")


def secrets_of(kit: Path) -> list[str]:
    key = (kit / "startup" / "client.key").read_text().splitlines()[1:-1]
    return ["the-secret-session-token", "the-secret-cell-token", "the-signature", *key]


def test_secrets_are_never_shown(
    kit: Path, server: FlareServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Not the tokens, not the key, no signature; not in errors, texts or logs, with all logging on."""
    signatures: list[bytes] = []
    sign = type(Session("", kit).kit).sign

    def note(self: Any, content: bytes) -> bytes:
        signatures.append(sign(self, content))
        return signatures[-1]

    monkeypatch.setattr("flare_widgets.kit.StartupKit.sign", note)
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    server.commands["get_job_meta"] = None
    server.commands["clone_job"] = {"data": [{"type": "error", "data": "no"}], "meta": {"status": "internal_error"}}
    with connect(kit, timeout=5) as session:
        link = session._connection._connection
        assert link is not None
        assert link._session_token == "the-secret-session-token"
        shown += [repr(o) + str(o) for o in (session, session.kit, session._connection, link, link._cell)]
        shown.append(repr(link.registration))
        session.list_jobs()
        session.set_timeout(0.1)
        for use in (session.get_job_meta, session.clone_job, session.download_job_result):
            with pytest.raises(FlareError) as caught:
                use("j")
            shown.append(
                repr(caught.value)
                + str(vars(caught.value))
                + str(caught.value.__cause__)
                + str(caught.value.__context__)
            )
        session.unset_timeout()
        break_off(session, server)
        session.list_jobs()
    shown += [r.getMessage() + str(r.args) + str(r.exc_info) for r in caplog.records if r.name != "websockets.server"]
    secrets = secrets_of(kit)
    for signature in signatures:
        secrets += [repr(signature)[2:-1], signature.hex(), base64.b64encode(signature).decode()]
    assert len(signatures) >= 4
    text = "\n".join(shown)
    assert kits.USER in text
    assert [s for s in secrets if s in text] == []


def test_tokens_are_forgotten_at_end(session: Session) -> None:
    link = session._connection._connection
    assert link is not None
    session.close()
    wait_until(lambda: link._session_token is None)
    assert link._cell.credentials == {}
    assert link.registration.credentials == {}


def test_forked_child_must_open_own_session(kit: Path, server: FlareServer) -> None:
    code = f"""
import os
from flare_widgets.api import SessionClosed, connect
session = connect({str(kit)!r}, timeout=10)
print(session.list_jobs(), flush=True)
child = os.fork()
if child == 0:
    try:
        session.list_jobs()
    except SessionClosed as error:
        print(error, flush=True)
    session.close()
    with connect({str(kit)!r}, timeout=10) as own:
        print("own", own.list_jobs(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("still", session.list_jobs(), session.closed)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[]",
        "this session belongs to the process that forked this one. "
        f"Open a new one here: flare_widgets.connect({str(kit)!r})",
        "own []",
        "still [] False",
    ]


@pytest.mark.parametrize("ending", ["", "del session", "session = None", "raise SystemExit(0)"])
def test_end_of_process_ends_session(kit: Path, server: FlareServer, ending: str) -> None:
    code = f"from flare_widgets.api import connect\nsession = connect({str(kit)!r}, timeout=10)\n{ending}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)
    assert any(h.get("cn__topic") == "bye" for h in server.heard)


def test_no_thread_but_one_is_left(kit: Path) -> None:
    before = len(list_tasks())  # sessions and views of other tests may be open
    threads = set(threading.enumerate())
    for _ in range(5):
        with connect(kit, timeout=5) as session:
            session.list_jobs()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "flare-resolve"])
    assert [t for t in threading.enumerate() if t.name.startswith("flare") and t not in threads] == []
    wait_until(lambda: len(list_tasks()) <= before)


def test_lost_connection_gives_each_request_error_of_own(session: Session, server: FlareServer) -> None:
    """Each caller adds its own context to it."""
    server.commands["get_job_meta"] = None
    link = session._connection._connection
    assert link is not None
    waiting = [loop.start(link.execute(f"get_job_meta {job_id}", 10)) for job_id in "ab"]
    wait_until(lambda: len(link._pending) == 2)
    server.hang_up()
    first, second = (future.exception(10) for future in waiting)
    assert str(first) == str(second)
    assert first is not second


def test_error_names_command_job_and_server(session: Session, server: FlareServer) -> None:
    server.commands["clone_job"] = {"data": [{"type": "error", "data": "no"}], "meta": {"status": "internal_error"}}
    server.commands["delete_job"] = None
    session.set_timeout(0.2)
    for call, kind, command in (
        (session.clone_job, InternalError, "clone_job"),
        (session.delete_job, OutcomeUnknown, "delete_job"),
    ):
        with pytest.raises(kind) as caught:
            call("j")
        error = caught.value
        assert (error.command, error.job_id, error.site, error.address) == (command, "j", None, session.kit.address)
    assert error.next_step == "Check with get_job_meta whether the job still exists"
