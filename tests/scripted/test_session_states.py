"""The states of a session: which may follow which, who is told, and that closing works in each of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import kits
import network
import pytest
import servers
from servers import FlareServer, expire
from waiting import list_tasks, wait_until

from flare_widgets.api import NoConnection, OutcomeUnknown, Session, SessionClosed, SessionState, SessionStatus, connect
from flare_widgets.kit import StartupKit
from flare_widgets.wire import connection as link
from flare_widgets.wire import keepalive, loop
from flare_widgets.wire.connection import Connection
from flare_widgets.wire.frames import Frame
from flare_widgets.wire.keepalive import KeepAlive, UploadProgress
from flare_widgets.wire.reconnecting import ReconnectingConnection
from flare_widgets.wire.session_state import NOTIFY_THREAD_NAME, TRANSITIONS, StateMachine
from flare_widgets.wire.transports import http

CONNECTING, READY, RECONNECTING = SessionState.CONNECTING, SessionState.READY, SessionState.RECONNECTING
EXPIRED, CLOSED = SessionState.EXPIRED, SessionState.CLOSED
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def earlier_threads() -> Iterator[None]:
    """Sessions that other tests left open have threads too."""
    _earlier_threads.update(threading.enumerate())
    yield
    _earlier_threads.clear()


_earlier_threads: set[threading.Thread] = set()


def notifiers() -> list[threading.Thread]:
    """Return the threads that notify listeners and were started by the test."""
    return [t for t in threading.enumerate() if t.name == NOTIFY_THREAD_NAME and t not in _earlier_threads]


class TestLife:
    def test_nothing_follows_end(self) -> None:
        life = StateMachine()
        assert life.transition_to(CLOSED, "it was closed")
        for state in SessionState:
            assert not life.transition_to(state, "again")
        assert life.status == SessionStatus(CLOSED, "it was closed")

    @pytest.mark.parametrize("before", SessionState)
    @pytest.mark.parametrize("after", SessionState)
    def test_only_what_may_follow_does(self, before: SessionState, after: SessionState) -> None:
        life = StateMachine()
        life.transition_to(before)
        assert life.state is before
        assert life.transition_to(after, "now") == (after in TRANSITIONS[before])
        assert life.state is (after if after in TRANSITIONS[before] else before)

    def test_every_state_can_close(self) -> None:
        assert all(CLOSED in TRANSITIONS[state] for state in SessionState if state is not CLOSED)

    def test_repeated_state_is_notified_once(self) -> None:
        life, told = StateMachine(), list[SessionStatus]()
        life.subscribe(told.append)
        life.transition_to(READY)
        assert not life.transition_to(READY)
        assert life.transition_to(RECONNECTING, "why")
        assert life.transition_to(RECONNECTING, "why else")
        life.transition_to(CLOSED)
        wait_until(lambda: told and told[-1].state is CLOSED)
        assert [(s.state, s.reason) for s in told] == [
            (CONNECTING, ""),
            (READY, ""),
            (RECONNECTING, "why"),
            (RECONNECTING, "why else"),
            (CLOSED, ""),
        ]

    def test_slow_or_broken_listener_hurts_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        life, told, go_on = StateMachine(), list[SessionStatus](), threading.Event()

        def breaks(status: SessionStatus) -> None:
            raise ValueError("mine")

        def hangs(status: SessionStatus) -> None:
            go_on.wait(10)

        life.subscribe(hangs)
        life.subscribe(breaks)
        life.subscribe(told.append)
        for n in range(100):
            life.transition_to(RECONNECTING, str(n))
        life.transition_to(CLOSED)
        wait_until(lambda: len(told) == 102)
        assert [s.reason for s in told[1:-1]] == [str(n) for n in range(100)]
        wait_until(lambda: "mine" in caplog.text)
        go_on.set()
        wait_until(lambda: not notifiers())

    def test_unsubscribed_listener_leaves_no_thread(self) -> None:
        life, told = StateMachine(), list[SessionStatus]()
        unsubscribe = life.subscribe(told.append)
        wait_until(lambda: told)
        unsubscribe()
        unsubscribe()
        life.transition_to(READY)
        wait_until(lambda: not notifiers())
        assert [s.state for s in told] == [CONNECTING]

    def test_late_subscriber_gets_only_closed_state(self) -> None:
        life, told = StateMachine(), list[SessionStatus]()
        life.transition_to(CLOSED)
        life.subscribe(told.append)
        wait_until(lambda: told and not notifiers())
        assert [s.state for s in told] == [CLOSED]


class TestWatch:
    """Seconds of two clocks, as a test sets them."""

    def watched(self) -> tuple[KeepAlive, list[float]]:
        clocks = [100.0, 5000.0]
        return KeepAlive(clock=lambda: clocks[0], wall_clock=lambda: clocks[1]), clocks

    def advance(self, clocks: list[float], seconds: float) -> None:
        clocks[0] += seconds
        clocks[1] += seconds

    def test_who_owes_nothing_may_be_silent(self) -> None:
        watched, clocks = self.watched()
        for _ in range(100):
            self.advance(clocks, keepalive.CHECK_INTERVAL_S)
            assert not watched.should_probe(None, last_received_at=0)

    @pytest.mark.parametrize("slept", [(3600.0, 3600.0), (0.0, 3600.0)])
    def test_machine_that_slept_is_noticed_once(self, slept: tuple[float, float]) -> None:
        watched, clocks = self.watched()
        clocks[0] += slept[0] + 1
        clocks[1] += slept[1] + 1
        assert watched.should_probe(None, last_received_at=0)
        self.advance(clocks, keepalive.CHECK_INTERVAL_S)
        assert not watched.should_probe(None, last_received_at=0)

    def test_silence_while_answer_is_due(self) -> None:
        watched, clocks = self.watched()
        doubts = []
        for _ in range(11):
            doubts.append(watched.should_probe(100.0, last_received_at=101.0))
            self.advance(clocks, 1.0)
        assert doubts == [False] * 11
        assert watched.should_probe(100.0, last_received_at=101.0)
        assert not watched.should_probe(100.0, last_received_at=clocks[0])  # it speaks: perhaps a large frame comes

    def test_silence_ends_within_what_docs_say(self) -> None:
        checks = 2 * keepalive.CHECK_INTERVAL_S  # one may just have been
        assert keepalive.PROBE_AFTER_S + checks / 2 + keepalive.PROBE_TIMEOUT_S <= 12
        assert "given up after 12 seconds of" in (ROOT / "docs/sessions.md").read_text()


class TestUploadProgress:
    def observe(self, *counts: int | None) -> list[float]:
        """Return the times of progress, seen after each second's look."""
        clock = [100.0]
        progress = UploadProgress(clock=lambda: clock[0])
        seen = []
        for count in counts:
            progress.update(count)
            seen.append(progress.last_at)
            clock[0] += keepalive.PROGRESS_INTERVAL_S
        return seen

    def test_slow_upload_is_progress(self) -> None:
        assert self.observe(0, 40_000, 80_000, 80_000) == [-math.inf, 101, 102, 102]

    def test_pings_alone_are_none(self) -> None:
        assert self.observe(0, 100, 200, 300, 100_300)[:4] == [-math.inf] * 4

    def test_what_is_unknown_is_none(self) -> None:
        assert self.observe(None, None, None) == [-math.inf] * 3

    def test_bytes_before_the_upload_are_none(self) -> None:
        clock = [100.0]
        progress = UploadProgress(clock=lambda: clock[0])
        progress.update(0)
        clock[0] += 60
        progress.update(1 << 20)
        assert progress.last_at == -math.inf


class Taker(FlareServer):
    """Takes an upload's parts, and says so."""

    def _answer(self, frame: Frame) -> bytes | None:
        headers = frame.headers
        if headers.get("sm__ch") != "aux_communication":
            return super()._answer(frame)
        if headers.get("sm__dt") != 2:  # not the last piece
            return None
        return self._stream("return_only", "x", {}, {"sm__ri": headers["sm__ri"]})


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of 12 s is 2 s here."""
    monkeypatch.setattr(keepalive, "CHECK_INTERVAL_S", 0.05)
    monkeypatch.setattr(keepalive, "PROBE_AFTER_S", 1.0)
    monkeypatch.setattr(keepalive, "PROBE_TIMEOUT_S", 1.0)
    monkeypatch.setattr(keepalive, "PROGRESS_INTERVAL_S", 0.1)


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what has arrived")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("line", [pytest.param("slow", marks=LINUX), "black hole", "black hole, progress unknown"])
def test_slow_line_is_kept_and_black_hole_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """A part of an upload takes many times the silence after which a connection is given up."""
    is_slow = line == "slow"
    if line.endswith("unknown"):  # as on other systems than Linux
        monkeypatch.setattr(http, "read_confirmed_bytes", lambda _: None)
    taker, hole = Taker(), threading.Event()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader_of_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)

        async def answers() -> None:
            while data := await reader_of_server.read(1 << 16):
                writer.write(data)

        answering = asyncio.ensure_future(answers())
        try:
            while data := await reader.read(4096):
                if hole.is_set():
                    await asyncio.sleep(3600)
                to_server.write(data)
                await to_server.drain()
                await asyncio.sleep(0.02 if len(data) == 4096 else 0)  # 200 kB/s
        finally:
            answering.cancel()
            to_server.close()

    kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1")
    with taker.running() as port, servers.plain(forward) as slow:
        kits.edit_admin(kit, port=slow)
        session = connect(kit, timeout=10)
        link = session._connection._connection
        assert link is not None
        if not is_slow:
            hole.set()
        began = time.monotonic()
        part = link.stream("aux_communication", "part", bytes(900_000), 60)
        if is_slow:
            assert loop.run(part) == {}
            assert time.monotonic() - began > 3
            assert link.lost_error is None
        else:
            with pytest.raises(NoConnection, match="no longer answers"):
                loop.run(part)
            assert time.monotonic() - began < 4
        session.close()


@pytest.mark.usefixtures("soon")
def test_black_hole_is_noticed_over_grpc(tmp_path: Path) -> None:
    taker = Taker()
    with taker.running_grpc() as port, network.running(port) as way:
        kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=way.port, scheme="grpc")
        with connect(kit, timeout=10) as session:
            link = session._connection._connection
            assert link is not None
            assert loop.run(link.stream("aux_communication", "part", bytes(900_000), 60)) == {}
            way.stall()
            began = time.monotonic()
            with pytest.raises(NoConnection, match="no longer answers"):
                loop.run(link.stream("aux_communication", "part", bytes(900_000), 60))
            assert 1 < time.monotonic() - began < 4
            way.resume()
            assert session.list_jobs() == []


def test_idle_session_measures_server_silence(kit: Path, server: FlareServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PING_INTERVAL_S", 0.05)
    monkeypatch.setattr(keepalive, "CHECK_INTERVAL_S", 0.05)
    with connect(kit, timeout=5) as session:
        # It is heard again and again, so that silence stays short for many times the time it may last.
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert session.silence < 1
            time.sleep(0.02)
        asked = len(server.lines)
        server.alive = False
        wait_until(lambda: session.silence > 1)
        server.alive = True
        assert session.state is SessionState.READY  # nothing was owed, so nothing is given up
        session.list_jobs()
        assert session.silence < 1
        assert len(server.lines) == asked + 1
        session.close()
        wait_until(lambda: session.silence == 0)  # the I/O thread may still be at it


def test_silent_server_is_dropped_and_reconnected(kit: Path, server: FlareServer) -> None:
    with connect(kit, timeout=5) as session:
        told: list[SessionStatus] = []
        session.subscribe(told.append)
        session.set_timeout(0.2)
        server.commands["list_jobs"] = None
        server.alive = False
        with pytest.raises(NoConnection, match="did not answer 'list_jobs' within"):
            session.list_jobs()
        assert session.state is READY  # not known yet
        wait_until(lambda: [s.state for s in told] == [READY, RECONNECTING, READY])
        assert "no longer answers" in told[1].reason
        assert session.get_system_info()


def test_lost_session_reconnects_without_command(tmp_path: Path, server: FlareServer) -> None:
    with server.running() as port:
        session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=5)
    wait_until(lambda: session.state is RECONNECTING)
    wait_until(lambda: "nothing answers" in session.status.reason)
    with server.running(port):
        wait_until(lambda: session.state is READY)
        session.close()
        assert session.state is CLOSED


def test_old_server_submission_has_no_token(
    kit: Path, server: FlareServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "my-job"
    job.mkdir()
    (job / "meta.json").write_text("{}")
    server.registration = lambda answer: {k: v for k, v in answer.items() if not k.startswith("federation")}
    sent: list[str] = []

    def upload_folder(link: Any, kit: StartupKit, folder: Path, command: str, progress: Any) -> Any:
        sent.append(command)
        raise NoConnection("lost")

    monkeypatch.setattr("flare_widgets.api.transfer.upload.upload_folder", upload_folder)
    with connect(kit, timeout=5) as session:
        with pytest.raises(OutcomeUnknown, match=r"lost.*unknown whether.*list_jobs\(reverse=True\)"):
            session.submit_job(str(job))
        assert len(sent) == 1
        assert "--submit-token" not in sent[0]


def test_unresolved_submission_explains_token_lookup(
    kit: Path, server: FlareServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "my-job"
    job.mkdir()
    (job / "meta.json").write_text("{}")
    tokens: list[str] = []

    def upload_folder(link: Any, kit: StartupKit, folder: Path, command: str, progress: Any) -> Any:
        tokens.append(command.split("--submit-token ")[1].split('"')[0])
        raise NoConnection("lost")

    monkeypatch.setattr("flare_widgets.api.transfer.upload.upload_folder", upload_folder)
    with connect(kit, timeout=5) as session:
        with pytest.raises(OutcomeUnknown) as caught:
            session.submit_job(str(job))
        assert len(tokens) == 3
        assert len(set(tokens)) == 1
        assert f"list_jobs(submit_token='{tokens[0]}')" in str(caught.value)
        assert server.lines.count(f"list_jobs --submit-token {tokens[0]}") == 2


def test_cancelled_send_leaves_other_requests_intact(kit: Path, server: FlareServer) -> None:
    server.commands["check_status"] = {"meta": {"status": "ok"}, "data": [{"type": "string", "data": "here"}]}

    async def give_up(link: Connection) -> Any:
        gate, send = asyncio.Event(), link._transport.send

        async def send_later(frame: bytes) -> None:
            await gate.wait()
            await send(frame)

        link._transport.send = send_later  # type: ignore[method-assign]
        # Both have queued what they send before the first begins to: it sends for both.
        first = asyncio.ensure_future(link.execute("list_jobs", 0.1))
        second = asyncio.ensure_future(link.execute("check_status server", 5))
        with pytest.raises(NoConnection, match="did not answer 'list_jobs'"):
            await first
        gate.set()
        return await second

    with connect(kit, timeout=5) as session:
        assert session._connection._connection is not None
        assert loop.run(give_up(session._connection._connection)).texts("string") == ["here"]


def hang(session: Session, server: FlareServer) -> None:
    """Have the session wait for a server that says nothing more, not even goodbye."""
    server.commands.update(_logout=None, list_jobs=None)
    server.alive = False


def lose(session: Session, server: FlareServer) -> None:
    server.challenge = lambda answer: None
    server.hang_up()
    wait_until(lambda: session.state is RECONNECTING)


@pytest.mark.parametrize(
    ("bring_about", "state"),
    [
        (lambda session, server: None, READY),
        (hang, READY),
        (expire, EXPIRED),
        (lose, RECONNECTING),
        (lambda session, server: session.close(), CLOSED),
    ],
    ids=["ready", "hung", "expired", "reconnecting", "closed"],
)
def test_close_is_immediate_and_clears_secrets(
    kit: Path, server: FlareServer, bring_about: Callable[[Session, FlareServer], None], state: SessionState
) -> None:
    tasks = len(list_tasks())
    session = connect(kit, timeout=5)
    link = session._connection._connection
    assert link is not None
    bring_about(session, server)
    assert session.state is state
    with ThreadPoolExecutor(1) as pool:
        waiting = None if state is CLOSED else pool.submit(session.list_jobs)
        time.sleep(0.05)
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 0.1
        assert (session.state, session.closed) == (CLOSED, True)
        if waiting is not None and waiting.exception(1) is not None:
            assert isinstance(waiting.exception(), SessionClosed)
    check_secrets(session, kit)
    wait_until(lambda: not server.sockets)
    wait_until(lambda: len(list_tasks()) <= tasks)


def test_closing_while_connecting_takes_no_time(tmp_path: Path) -> None:
    tasks = len(list_tasks())
    with servers.plain(servers.silent) as port:
        kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port)
        session = Session("", kit)
        assert session.state is CONNECTING
        with ThreadPoolExecutor(1) as pool:
            connecting = pool.submit(session.try_connect, 30)
            time.sleep(0.1)
            began = time.monotonic()
            session.close()
            assert time.monotonic() - began < 0.1
            with pytest.raises(SessionClosed):
                connecting.result(3)
        check_secrets(session, kit)
        wait_until(lambda: len(list_tasks()) <= tasks)


def test_close_ends_reconnect_despite_swallowed_cancellation(
    tmp_path: Path, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``asyncio.wait_for`` does before Python 3.12 when it times out just then."""
    pauses: list[int] = []

    async def pause(self: ReconnectingConnection, attempt: int) -> None:
        pauses.append(attempt)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)

    monkeypatch.setattr(ReconnectingConnection, "_wait_before_retry", pause)
    tasks = len(list_tasks())
    with server.running() as port:
        session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=5)
    wait_until(lambda: pauses)
    session.close()
    wait_until(lambda: len(list_tasks()) <= tasks)


def check_secrets(session: Session, kit: Path) -> None:
    """Look whether anything of the client still has the key, a token or credentials."""

    def left() -> list[Any]:
        gc.collect()
        things = gc.get_objects()
        found: list[Any] = [t for t in things if type(t) is StartupKit and t.root == kit and t._key is not None]
        found += [
            t
            for t in things
            if type(t) is Connection and t._kit.root == kit and (t._session_token or t._cell.credentials)
        ]
        return found

    wait_until(lambda: not left(), 3)
    with pytest.raises(SessionClosed, match="no longer has the user's key"):
        session.kit.sign(b"anything")
    assert session.kit.address in repr(session)
