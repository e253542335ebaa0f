"""A session's connection when things go wrong, with a server that does as it is told."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import kits
import pytest
from servers import EXPIRED, FlareServer, break_off, expire, ok
from waiting import wait_until

from flare_widgets.api import ProtocolError, Session, SessionState, connect
from flare_widgets.api.session_methods import jobs
from flare_widgets.errors import (
    AuthenticationError,
    InternalError,
    NoConnection,
    OutcomeUnknown,
    ServerIdentityError,
    SessionClosed,
    SessionExpired,
)
from flare_widgets.wire import hci, streams
from flare_widgets.wire.cell import CellReply
from flare_widgets.wire.frames import Frame

ROOT = Path(__file__).resolve().parents[2]

#: Each thing a session can do on the server.
USES: dict[str, Callable[[Session], Any]] = {
    "get_system_info": lambda s: s.get_system_info(),
    "list_jobs": lambda s: s.list_jobs(),
    "get_job_meta": lambda s: s.get_job_meta("j"),
    "get_job_status": lambda s: s.get_job_status("j"),
    "clone_job": lambda s: s.clone_job("j"),
    "abort_job": lambda s: s.abort_job("j"),
    "delete_job": lambda s: s.delete_job("j"),
    "download_job_result": lambda s: s.download_job_result("j"),
    "monitor_job": lambda s: s.monitor_job("j"),
    "monitor_job_and_return_job_meta": lambda s: s.monitor_job_and_return_job_meta("j"),
    "wait_for_job": lambda s: s.wait_for_job("j"),
    "try_connect": lambda s: s.try_connect(5),
}


@pytest.fixture
def job(tmp_path: Path) -> Path:
    job = tmp_path / "my-job"
    job.mkdir()
    (job / "meta.json").write_text("{}")
    return job


def logins(server: FlareServer) -> int:
    return sum(h.get("cn__topic") == "register" for h in server.heard)


@pytest.mark.parametrize("use", USES)
def test_closed_session_can_do_nothing(session: Session, use: str) -> None:
    session.close()
    assert session.closed
    with pytest.raises(SessionClosed, match="the session is closed"):
        USES[use](session)


def test_closed_session_submits_nothing(session: Session, job: Path) -> None:
    session.close()
    with pytest.raises(SessionClosed):
        session.submit_job(str(job))


def test_closing_again_does_nothing(session: Session) -> None:
    for _ in range(3):
        session.close()
    assert session.closed


def test_answer_is_not_kept_by_connection(session: Session) -> None:
    """It may have megabytes, and the next message may be long in coming."""
    session.list_jobs()

    def kept() -> list[CellReply]:
        gc.collect()
        return [each for each in gc.get_objects() if isinstance(each, CellReply)]

    wait_until(lambda: not kept())


def test_server_is_told(session: Session, server: FlareServer) -> None:
    session.close()
    wait_until(lambda: any(h.get("cn__topic") == "bye" for h in server.heard))
    wait_until(lambda: not server.sockets)


def test_leaving_block_closes_also_after_error(kit: Path) -> None:
    with pytest.raises(ValueError, match="mine"), connect(kit, timeout=5) as session:
        raise ValueError("mine")
    assert session.closed


def test_waiter_is_notified_when_session_closes(session: Session, server: FlareServer) -> None:
    server.commands["check_status"] = None  # never answered
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.get_system_info)
        wait_until(lambda: "check_status server" in server.lines)
        session.close()
        with pytest.raises(SessionClosed):
            waiting.result(10)


@pytest.mark.parametrize("use", USES)
def test_expired_session_logs_in_again(session: Session, server: FlareServer, use: str) -> None:
    server.commands["get_job_meta"] = ok(job_meta={"status": "FINISHED:COMPLETED"})
    server.commands["clone_job"] = ok(job_id="k")
    expire(session, server)
    assert EXPIRED in session.status.reason
    assert not session.closed
    before = len(server.lines)
    if use == "download_job_result":  # of which the server offers none
        with pytest.raises(ProtocolError, match="the server offers no files"):
            USES[use](session)
    else:
        USES[use](session)
    assert session.state is SessionState.READY
    assert session.status.reason.startswith("logged in again")
    assert [line.split()[0] for line in server.lines[before:]].count("_cert_login") == 1
    assert logins(server) == 1  # over the same connection


def test_expired_session_commands_share_one_login(session: Session, server: FlareServer) -> None:
    expire(session, server)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: session.list_jobs(), range(16))) == [[]] * 16
    assert sum(line.startswith("_cert_login") for line in server.lines) == 2


def test_expired_disconnected_session_recovers_on_command(session: Session, server: FlareServer) -> None:
    expire(session, server)
    break_off(session, server)
    assert session.state is SessionState.EXPIRED
    assert logins(server) == 1  # not behind the user's back
    assert session.list_jobs() == []
    assert (session.state, logins(server)) == (SessionState.READY, 2)


def test_pending_request_survives_session_expiry(session: Session, server: FlareServer) -> None:
    server.commands["list_jobs"] = lambda line: None if server.lines.count(line) == 1 else ok(jobs=[])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.list_jobs)
        wait_until(lambda: "list_jobs" in server.lines)
        expire(session, server)
        server.hang_up()
        assert waiting.result(10) == []


def test_refused_relogin_of_expired_session_raises(session: Session, server: FlareServer) -> None:
    expire(session, server)
    server.login = [{"type": "string", "data": "REJECT: AUTH_DISABLED: no"}]
    with pytest.raises(AuthenticationError):
        session.list_jobs()
    assert session.state is SessionState.EXPIRED
    server.login = FlareServer().login
    assert session.list_jobs() == []


def test_session_with_expired_certificate_stays_expired(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire(session, server)
    kit = dataclasses.replace(session._connection.kit, expires_at=datetime(2001, 1, 1, tzinfo=timezone.utc))
    monkeypatch.setattr(session._connection, "kit", kit)
    for _ in range(2):
        with pytest.raises(SessionExpired, match=r"expired at 2001-01-01 00:00 UTC.*new startup kit"):
            session.list_jobs()
    assert session.closed
    assert session.state is SessionState.CLOSED


def test_inactive_session_command_repeated_after_login(session: Session, server: FlareServer) -> None:
    inactive = {"data": [{"type": "error", "data": "session_inactive"}, {"type": "string", "data": "timed out"}]}
    server.commands["clone_job"] = lambda line: inactive if server.lines.count(line) == 1 else ok(job_id="the clone")
    assert session.clone_job("j") == "the clone"
    assert [line.split()[0] for line in server.lines] == ["_cert_login", "clone_job", "_cert_login", "clone_job"]
    server.commands["clone_job"] = inactive
    with pytest.raises(SessionClosed, match="closed on the server"):
        session.clone_job("j")


def test_unknown_server_message_is_not_expiry(session: Session, server: FlareServer) -> None:
    server.say("SOMETHING_NEW", "words")
    assert session.list_jobs() == []
    assert not session.closed


def test_lost_connection_is_opened_again(session: Session, server: FlareServer) -> None:
    break_off(session, server)
    assert session.list_jobs() == []
    assert logins(server) == 2


def test_connection_loss_while_waiting_raises_immediately(session: Session, server: FlareServer) -> None:
    server.commands["clone_job"] = None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(session.clone_job, "j")
        wait_until(lambda: "clone_job j" in server.lines)
        began = time.monotonic()
        server.hang_up()
        with pytest.raises(NoConnection, match="was lost") as caught:
            waiting.result(10)
    assert time.monotonic() - began < 3
    assert session.kit.address in str(caught.value)


def test_command_that_is_not_answered(session: Session, server: FlareServer) -> None:
    server.commands["get_job_meta"] = None
    session.set_timeout(0.2)
    began = time.monotonic()
    with pytest.raises(NoConnection, match=r"did not answer 'get_job_meta' within 0\.2 s.*set_timeout") as caught:
        session.get_job_meta("j")
    assert 0.15 < time.monotonic() - began < 3
    assert not isinstance(caught.value, OutcomeUnknown)  # nothing was to be done
    assert session.list_jobs() == []
    assert logins(server) == 1


def test_time_limit_begins_anew_with_each_part(session: Session, server: FlareServer) -> None:
    server.commands["list_jobs"] = None
    answer = json.dumps(ok(jobs=[{"job_id": "j"}]))
    session.set_timeout(1)
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(session.list_jobs)
        wait_until(lambda: "list_jobs" in server.lines)
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 1.3:
            server.say_part(answer, 2, number)
            number += 1
            threading.Event().wait(0.05)
        server.say_part(answer, 2, number, is_last=True)
        assert listing.result(10) == [{"job_id": "j"}]
    assert server.lines.count("list_jobs") == 1


def test_answer_that_stops_halfway_times_out(session: Session, server: FlareServer) -> None:
    server.commands["list_jobs"] = None
    session.set_timeout(0.3)
    with ThreadPoolExecutor(1) as pool:
        listing = pool.submit(session.list_jobs)
        wait_until(lambda: "list_jobs" in server.lines)
        server.say_part(json.dumps(ok(jobs=[])), 2, 0)
        with pytest.raises(NoConnection, match="did not answer 'list_jobs'"):
            listing.result(10)


def test_long_command_arrives_whole(kit: Path, session: Session, server: FlareServer) -> None:
    assembler = streams.Assembler()
    answer = server._answer

    def assemble(frame: Frame) -> bytes | None:
        if frame.headers.get("sm__ch") != "hci_channel":
            return answer(frame)
        blob, _ = assembler.receive("", frame.headers, frame.payload)
        return None if blob is None else answer(dataclasses.replace(frame, payload=bytes(blob.payload)))

    server._answer = assemble  # type: ignore[method-assign]
    props = {"text": "x" * (3 << 20)}
    session.do_app_command("j", "topic", props)
    assert server.commanded[-1]["meta"]["cmd_props"] == props
    assert session.list_jobs() == []


def test_aborting_is_tried_again(session: Session, server: FlareServer) -> None:
    def fail_first(line: str) -> Any:
        if server.lines.count(line) == 1:
            server.sockets[0].transport.abort()
            return None
        return ok(info="aborted")

    server.commands["abort_job"] = fail_first
    assert session.abort_job("j") == "aborted"
    assert server.lines.count("abort_job j") == 2


WAITING_ABORTED = "Aborted the job j before running it."


@pytest.mark.parametrize(("overwritten", "aborts"), [(0, 1), (2, 3)])
def test_abort_that_scheduler_overwrites_is_repeated(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch, overwritten: int, aborts: int
) -> None:
    monkeypatch.setattr(jobs, "_ABORT_CHECK_DELAY_S", 0.01)
    server.commands["abort_job"] = ok(info=WAITING_ABORTED)

    def tell(line: str) -> Any:
        waits = server.lines.count("abort_job j") <= overwritten
        return ok(job_meta={"job_id": "j", "status": "SUBMITTED" if waits else "FINISHED:ABORTED"})

    server.commands["get_job_meta"] = tell
    assert session.abort_job("j") == WAITING_ABORTED
    assert server.lines.count("abort_job j") == aborts


def test_abort_without_effect_is_an_error(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_ABORT_CHECK_DELAY_S", 0.01)
    server.commands["abort_job"] = ok(info=WAITING_ABORTED)
    server.commands["get_job_meta"] = ok(job_meta={"job_id": "j", "status": "SUBMITTED"})
    with pytest.raises(InternalError, match="goes on with it"):
        session.abort_job("j")
    assert server.lines.count("abort_job j") == 4


def test_abort_stands_if_status_is_unknown(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_ABORT_CHECK_DELAY_S", 0.01)
    server.commands["abort_job"] = ok(info=WAITING_ABORTED)
    server.commands["get_job_meta"] = {"data": [], "meta": {"status": "error", "info": "gone"}}
    assert session.abort_job("j") == WAITING_ABORTED


def test_abort_is_not_retried_after_timeout(session: Session, server: FlareServer) -> None:
    server.commands["abort_job"] = None
    session.set_timeout(0.2)
    with pytest.raises(OutcomeUnknown, match=r"did not answer 'abort_job'.*unknown.*Abort it again"):
        session.abort_job("j")
    assert server.lines.count("abort_job j") == 1


def test_lost_abort_without_return_is_unknown(tmp_path: Path, server: FlareServer) -> None:
    server.commands["abort_job"] = None
    with ThreadPoolExecutor(1) as pool:
        with server.running() as port:
            session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=5)
            session.set_timeout(1)
            waiting = pool.submit(session.abort_job, "j")
            wait_until(lambda: "abort_job j" in server.lines)
        with pytest.raises(OutcomeUnknown, match=r"no connection to.*unknown whether 'abort_job' was done"):
            waiting.result(10)
    session.close()


def test_other_commands_are_not_repeated(session: Session, server: FlareServer) -> None:
    """They may have been done: a second clone would be a second job."""

    server.commands["clone_job"] = lambda line: server.sockets[0].transport.abort()
    with pytest.raises(
        OutcomeUnknown, match=r"was lost.*unknown whether 'clone_job' was done.*list_jobs\(reverse=True\)"
    ):
        session.clone_job("j")
    assert server.lines.count("clone_job j") == 1
    server.commands["clone_job"] = None
    session.set_timeout(0.2)
    with pytest.raises(OutcomeUnknown, match=r"did not answer 'clone_job'.*unknown.*list_jobs\(reverse=True\)"):
        session.clone_job("k")
    assert server.lines.count("clone_job k") == 1


def test_lost_read_is_repeated(session: Session, server: FlareServer) -> None:
    def fail_twice(line: str) -> Any:
        if server.lines.count(line) < 3:
            server.sockets[0].transport.abort()
            return None
        return ok(jobs=[{"job_id": "j"}])

    server.commands["list_jobs"] = fail_twice
    assert session.list_jobs() == [{"job_id": "j"}]
    assert logins(server) == 3


def test_server_that_goes_away_for_good(tmp_path: Path, server: FlareServer) -> None:
    with server.running() as port:
        session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=5)
        link = session._connection._connection
        assert link is not None
    wait_until(lambda: session.state is SessionState.RECONNECTING)
    session.set_timeout(0.5)
    began = time.monotonic()
    words = rf"no connection to the FL server at 127.0.0.1:{port} for \d+ s now: .*The session keeps trying"
    for use in (session.list_jobs, lambda: session.clone_job("j")):
        with pytest.raises(NoConnection, match=words) as caught:
            use()
        assert not isinstance(caught.value, OutcomeUnknown)  # nothing was sent
    assert 0.9 < time.monotonic() - began < 3
    session.unset_timeout()
    with server.running(port):
        assert session.list_jobs() == []
        session.close()


def test_another_server_in_place_is_refused(tmp_path: Path, server: FlareServer) -> None:
    with server.running() as port:
        session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=5)
        server.challenge = lambda proof: {**proof, "signature": b"x" * 256}
        break_off(session, server)
        with pytest.raises(ServerIdentityError):
            session.list_jobs()
        session.close()


def test_large_reply_is_decoded_beside_the_loop(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    decode = hci.decode

    def note(text: Any, max_chars: int) -> Any:
        threads.append(threading.current_thread().name)
        return decode(text, max_chars)

    monkeypatch.setattr(hci, "decode", note)
    server.commands["list_jobs"] = ok(jobs=[{"job_id": "x" * 300_000}])
    assert session.list_jobs() == [{"job_id": "x" * 300_000}]
    server.commands["list_jobs"] = ok(jobs=[])
    assert session.list_jobs() == []
    assert threads == ["flare-decode", "flare-io"]
    wait_until(lambda: "flare-decode" not in [thread.name for thread in threading.enumerate()])


def test_many_threads_get_their_own_answers(session: Session, server: FlareServer) -> None:
    server.commands["get_job_meta"] = lambda line: ok(job_meta={"asked": line.split()[1]})

    def ask(number: int) -> bool:
        return all(session.get_job_meta(f"{number}-{n}") == {"asked": f"{number}-{n}"} for n in range(25))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(16)))
    assert logins(server) == 1


def test_threads_share_one_reconnect(session: Session, server: FlareServer) -> None:
    break_off(session, server)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda _: session.list_jobs(), range(16))) == [[]] * 16
    assert logins(server) == 2


def test_callback_that_exits_harms_no_session(session: Session, server: FlareServer) -> None:
    from flare_widgets.api import commands

    def leave(future: Any) -> None:
        raise SystemExit("a user's callback")

    future = session.start(commands.list_jobs())
    with contextlib.suppress(SystemExit):  # if it is done already, the callback is called here
        future.add_done_callback(leave)
        future.result(10)
    assert session.list_jobs() == []
    assert logins(server) == 1


def test_session_survives_end_of_io_thread(kit: Path, server: FlareServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that wait fail; the next one connects again on another thread, also of a session that has expired."""
    from flare_widgets.wire import loop

    sessions = [connect(kit, timeout=5) for _ in range(3)]
    server.commands["clone_job"] = None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sessions[0].clone_job, "j")
        wait_until(lambda: "clone_job j" in server.lines)
        expire(sessions[2], server)
        ended = loop._thread
        assert ended is not None
        end_io_thread(monkeypatch)
        with pytest.raises(NoConnection, match="the thread that holds the connections to servers has ended"):
            waiting.result(10)
    assert sessions[0].list_jobs() == []
    assert sessions[2].list_jobs() == []
    assert loop._thread is not ended
    assert [session.state for session in sessions[::2]] == [SessionState.READY] * 2
    sessions[1].close()  # never used again
    for session in sessions:
        session.close()
        assert session.closed
    wait_until(lambda: not server.sockets, 15)  # long before the server gives up those of the thread that ended


def end_io_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the I/O thread end, as nothing should bring about."""
    from flare_widgets.wire import loop

    thread, ended = loop._thread, loop._loop
    assert thread is not None
    assert ended is not None
    monkeypatch.setattr(loop, "_MAX_RESTARTS", 0)
    ended.call_soon_threadsafe(sys.exit)
    thread.join(10)
    assert not thread.is_alive()


def test_futures_can_be_awaited_or_cancelled(session: Session, server: FlareServer) -> None:
    from flare_widgets.api import commands

    server.commands["get_job_meta"] = None
    assert session.start(commands.list_jobs()).result(10) == []
    future = session.start(commands.get_job_meta("j"))
    wait_until(lambda: "get_job_meta j" in server.lines)
    assert future.cancel()
    assert session.list_jobs() == []
