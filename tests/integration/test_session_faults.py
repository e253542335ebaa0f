"""Our client when the federation lets it down: servers that hang, die, forget us, or are not the right ones."""

from __future__ import annotations

import base64
import contextlib
import logging
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
from common import ADMIN
from fragile import Fragile
from jobs import write_job
from oracle import Oracle
from waiting import wait_until

from flare_widgets.api import FlareError, NoConnection, Session, SessionState, new_secure_session
from flare_widgets.kit import StartupKit
from flare_widgets.wire import frames
from flare_widgets.wire.frames import Frame, FrameType

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def session(fragile: Fragile) -> Iterator[Session]:
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        yield session


def usable(session: Session) -> bool:
    try:
        return bool(session.get_system_info())
    except NoConnection:
        return False


def timed(call: Any) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_hung_server_times_out_and_recovers(fragile: Fragile, session: Session) -> None:
    session.set_timeout(1)
    with fragile.hung():
        began = time.monotonic()
        with pytest.raises(NoConnection, match=r"did not answer 'check_status' within 1 s") as caught:
            session.get_system_info()
        assert 0.9 < time.monotonic() - began < 3
        assert session.kit.address in str(caught.value)
        assert not session.closed
    wait_until(lambda: usable(session), 20)


def test_hung_server_times_out_connect(fragile: Fragile) -> None:
    with fragile.hung():
        began = time.monotonic()
        with pytest.raises(NoConnection, match=r"no answer from the FL server at localhost:\d+ within 1 s"):
            new_secure_session(ADMIN, str(fragile.kit), timeout=1)
        assert 0.9 < time.monotonic() - began < 4


def test_hung_server_does_not_block_close(fragile: Fragile) -> None:
    session = new_secure_session(ADMIN, str(fragile.kit))
    with fragile.hung():
        assert timed(session.close) < 1
    assert session.closed


def test_hung_server_does_not_block_exit(fragile: Fragile) -> None:
    code = f"""
import sys
from flare_widgets.api import new_secure_session
session = new_secure_session("", {str(fragile.kit)!r})
print("ready", flush=True)
sys.stdin.readline()
"""
    with started(code) as process, fragile.hung():
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert timed(lambda: process.wait(20)) < 3
        assert process.returncode == 0


def test_interrupt_during_hung_request_returns_immediately(fragile: Fragile) -> None:
    code = f"""
import sys
from flare_widgets.api import new_secure_session
session = new_secure_session("", {str(fragile.kit)!r})
session.set_timeout(60)
print("ready", flush=True)
sys.stdin.readline()
try:
    print("waiting", flush=True)
    session.get_system_info()
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()
print(len(session.get_system_info().client_info), flush=True)
"""
    check_interrupt(fragile, code, "1\n")


def test_interrupt_during_hung_connect_returns_immediately(fragile: Fragile) -> None:
    code = f"""
import sys
from flare_widgets.api import new_secure_session
print("ready", flush=True)
sys.stdin.readline()
try:
    print("waiting", flush=True)
    new_secure_session("", {str(fragile.kit)!r}, timeout=60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()
print(new_secure_session("", {str(fragile.kit)!r}, timeout=20).closed, flush=True)
"""
    check_interrupt(fragile, code, "False\n")


def check_interrupt(fragile: Fragile, code: str, at_last: str) -> None:
    """Interrupt the script while it waits for a hung server, and let it go on when the server does."""
    with started(code) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with fragile.hung():
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "waiting\n"
            time.sleep(0.2)  # to be in the midst of it; whenever the interrupt comes, it must work
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            assert process.stdout.readline() == "interrupted\n"
            assert time.monotonic() - began < 2
        output, errors = process.communicate("\n", timeout=30)
        assert (output, errors, process.returncode) == (at_last, "", 0)


@contextlib.contextmanager
def started(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has said that it is ready; ended at the end of the block."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_killed_server_is_reconnected(fragile: Fragile, session: Session, tmp_path: Path) -> None:
    folder = write_job(tmp_path, "stored-job")
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 50'))  # so that it is never started
    job = session.submit_job(str(folder))
    link = session._connection._connection
    before = session.get_system_info().server_info.start_time
    killed = fragile.server()
    killed.kill()
    killed.wait(10)
    assert link is not None
    wait_until(lambda: link.lost_error is not None, 10)
    session.set_timeout(0.5)
    began = time.monotonic()
    with pytest.raises(NoConnection, match=r"no connection to .* for \d+ s now.*The session keeps trying"):
        session.get_system_info()  # the new server takes a second at least
    assert time.monotonic() - began < 3
    session.unset_timeout()
    wait_until(lambda: usable(session))
    assert session.get_system_info().server_info.start_time != before
    assert session.get_job_meta(job)["job_id"] == job
    assert not session.closed


def test_idle_session_logs_in_again(fragile: Fragile, tmp_path: Path) -> None:
    theirs = Oracle(fragile.kit, ADMIN, tmp_path)
    try:
        assert "value" in theirs.opened()
        # The server looks at the oldest first: when ours has ended, so has theirs.
        session = new_secure_session(ADMIN, str(fragile.kit))
        fragile.forget_sessions(after=0.5)
        wait_until(lambda: session.state is SessionState.EXPIRED, 20)
        assert "closed due to inactivity" in session.status.reason
        assert not session.closed
        assert session.list_jobs() == session.list_jobs()
        wait_until(lambda: session.state is SessionState.EXPIRED, 20)
        session.try_connect(5)
        assert theirs("list_jobs")["error"] == "SessionExpired"
        session.close()
    finally:
        fragile.forget_sessions(after=1800)
        theirs.close()
    with new_secure_session(ADMIN, str(fragile.kit)) as again:
        assert usable(again)


def test_secrets_are_never_shown(
    fragile: Fragile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signatures: list[bytes] = []
    sign, sign_digest = StartupKit.sign, StartupKit.sign_digest

    def note(self: StartupKit, content: bytes) -> bytes:
        signatures.append(sign(self, content))
        return signatures[-1]

    def note_of_file(self: StartupKit, digest: bytes) -> bytes:
        signatures.append(sign_digest(self, digest))
        return signatures[-1]

    monkeypatch.setattr(StartupKit, "sign", note)
    monkeypatch.setattr(StartupKit, "sign_digest", note_of_file)
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        link = session._connection._connection
        assert link is not None
        assert link._session_token
        secrets = [link._session_token, *link._session_token.split(":"), link._cell.credentials["__token__"]]
        secrets.append(link._cell.credentials["__token_signature__"])
        shown += [repr(o) + str(o) for o in (session, session.kit, session._connection, link, link.registration)]
        session.list_jobs()
        session.submit_job(str(write_job(tmp_path, "job")))
        for call in (session.get_job_meta, session.download_job_result, session.submit_job):
            with pytest.raises(FlareError) as caught:
                call("nope")
            shown.append(repr(caught.value) + repr(caught.value.__context__))
        session.set_timeout(1)
        with fragile.hung(), pytest.raises(NoConnection) as caught:
            session.list_jobs()
        shown.append(repr(caught.value) + repr(caught.value.__context__))
    secrets += (fragile.kit / "startup" / "client.key").read_text().splitlines()[1:-1]
    for signature in signatures:
        secrets += [repr(signature)[2:-1], signature.hex(), base64.b64encode(signature).decode()]
    shown += [f"{r.getMessage()} {r.args} {r.exc_info}" for r in caplog.records]
    text = "\n".join(shown)
    assert len(signatures) > 8
    assert ADMIN in text
    assert [s for s in secrets if s in text] == []


def list_inner_ports(fragile: Fragile, module: str) -> list[int]:
    """The ports on which a process of the federation listens, but for the one for everybody."""
    mine = [p for p in psutil.process_iter() if is_running(p, module) and str(fragile.folder) in " ".join(p.cmdline())]
    ports = {c.laddr.port for p in mine for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return sorted(ports - {fragile.federation.port})


def is_running(process: psutil.Process, module: str) -> bool:
    try:
        return any(word.endswith(module) for word in process.cmdline())
    except psutil.Error:
        return False


class Stranger:
    """Another user of the machine, at an inner port: no TLS, no certificate, no token."""

    def __init__(self, port: int, party: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._party, self._name = party, f"{party}.{uuid.uuid4()}"
        self._received = b""
        self.send(Frame(FrameType.HELLO, {}, msgpack.packb({"endpoint_name": self._name, "fqcn": self._name})))

    def send(self, frame: Frame) -> None:
        self._socket.sendall(frames.encode(frame))

    def receive(self, seconds: float) -> Frame | None:
        """The next frame, if one comes in time."""
        self._socket.settimeout(seconds)
        while len(self._received) < (size := self._next_size()):
            try:
                piece = self._socket.recv(1 << 16)
            except (TimeoutError, ConnectionError):
                return None
            if not piece:
                return None
            self._received += piece
        frame, self._received = self._received[:size], self._received[size:]
        return frames.decode(frame)

    def _next_size(self) -> int:
        prefix = self._received[: frames.PREFIX_SIZE]
        return frames.read_length(prefix) if len(prefix) == frames.PREFIX_SIZE else frames.PREFIX_SIZE

    def ask(self, topic: str, seconds: float = 3) -> Any:
        """Return code of the answer to a request of FLARE's network management; None if there is no answer."""
        request_id = str(uuid.uuid4())
        self.send(
            Frame(
                FrameType.DATA,
                {
                    "cn__msg_type": "req", "cn__channel": "_net_manager", "cn__topic": topic, "cn__origin": self._name,
                    "cn__from": self._name, "cn__destination": self._party, "cn__to": self._party,
                    "cn__route": [[self._name, time.time()]], "cn__req_id": request_id, "cn__reply_expected": True,
                    "cn__payload_encoding": "none", "cn__payload_len": 0,
                },
                b"",
                app_id=1,
            )
        )  # fmt: skip
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and (frame := self.receive(left)) is not None:
            if frame.headers.get("cn__req_id") == request_id:
                return frame.headers.get("cn__return_code")
        return None


def test_inner_ports_answer_as_documented(fragile: Fragile) -> None:
    """docs/security.md says so: FLARE's own doing. Should it ever change, the page has to follow."""
    (site,), (server,) = (list_inner_ports(fragile, f"{kind}_train") for kind in ("client", "server"))
    stranger = Stranger(site, "site-1")
    greeting = stranger.receive(5)
    assert greeting is not None
    assert greeting.type is FrameType.READY
    assert [stranger.ask(topic) for topic in ("process_info", "config_vars")] == ["ok", "ok"]
    assert Stranger(server, "server").ask("process_info", 2) is None
    assert stranger.ask("stop_cell") == "ok"
    fragile.federation.kill("site-1")
    fragile.federation.bring_back("site-1")
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        wait_until(lambda: [each.name for each in session.get_system_info().client_info] == ["site-1"], 60)
