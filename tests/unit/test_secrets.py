"""No secret is in a traceback, however verbose, nor in a log, a repr or a pickle."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import kits
import pytest
from servers import FlareServer
from shells import ipython

from flare_widgets.api import Session, connect, connect_async
from flare_widgets.errors import FlareError
from flare_widgets.formatting.secret import SecretBytes, SecretText, hide
from flare_widgets.kit import StartupKit
from flare_widgets.wire import hci, loop

TOKENS = ["the-secret-session-token", "the-secret-cell-token", "the-secret-signature", "the-secret-ssid"]


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All proofs of who we are that were made."""
    made: list[bytes] = []
    sign = StartupKit.sign

    def note(self: StartupKit, content: bytes) -> bytes:
        made.append(sign(self, content))
        return made[-1]

    monkeypatch.setattr(StartupKit, "sign", note)
    return made


@pytest.fixture(autouse=True)
def whole_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the frames that a user does not see: a log has them."""
    for module in ("connector", "dual", "tracebacks"):
        monkeypatch.setattr(f"flare_widgets.api.{module}.trim_traceback", lambda error, _: error)


class Raw(FlareServer):
    """Gives away many secrets, and what it is told to in an upload."""

    def __init__(self) -> None:
        super().__init__()
        self.registration = lambda answer: {
            **answer,
            "__token_signature__": "the-secret-signature",
            "ssid": "the-secret-ssid",
        }


@pytest.fixture
def server() -> FlareServer:
    return Raw()


@pytest.fixture
def kit(tmp_path: Path, server: FlareServer) -> Iterator[Path]:
    with server.running() as port:
        yield kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port)


@pytest.fixture
def session(kit: Path) -> Iterator[Session]:
    with connect(kit, timeout=5) as session:
        session.set_timeout(0.3)
        yield session


@pytest.fixture
def job(tmp_path: Path) -> Path:
    job = tmp_path / "my-job"
    job.mkdir()
    (job / "meta.json").write_text("{}")
    return job


def all_variables(error: BaseException | None) -> str:
    """All variables of all frames, also of errors that the error replaced, as rich or a crash reporter shows them."""
    shown: list[str] = []
    seen: set[int] = set()
    errors = [error]
    while errors:
        error = errors.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        errors += [error.__cause__, error.__context__]
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            for name, value in trace.tb_frame.f_locals.items():
                with contextlib.suppress(Exception):
                    shown.append(f"{name} = {value!r}")
            trace = trace.tb_next
        shown.append(repr(error) + repr(vars(error)))
    return "\n".join(shown)


def all_forms(error: BaseException) -> str:
    """An error in every form in which people, notebooks and crash reporters show or keep one."""
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)  # without the test's own variables
    captured = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join([*captured.format(), all_variables(error), repr(pickle.dumps(error.args))])


def forms_of_secrets(signatures: list[bytes], kit: Path) -> list[str]:
    found = [*TOKENS, *(kit / "startup" / "client.key").read_text().splitlines()[1:4]]
    for signature in signatures:
        found += [repr(signature)[2:40], signature.hex(), base64.b64encode(signature).decode()]
    return found


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def cut_off(server: FlareServer) -> Any:
    return lambda line: server.sockets[0].transport.abort()


def submit(session: Session, job: Path, **more: Any) -> Any:
    return session.submit_job(str(job), **more)


#: What can go wrong with a session, and how a server brings it about.
FAILURES: dict[str, tuple[Callable[[FlareServer], Any], Callable[[Session, Path], Any]]] = {
    "time-out": (lambda s: s.commands.update(list_jobs=None), lambda s, job: s.list_jobs()),
    "time-out of a write": (lambda s: s.commands.update(clone_job=None), lambda s, job: s.clone_job("j")),
    "no JSON": (lambda s: s.commands.update(list_jobs=b"not JSON"), lambda s, job: s.list_jobs()),
    "no reply": (lambda s: s.commands.update(list_jobs=b"[]"), lambda s, job: s.list_jobs()),
    "not permitted": (
        lambda s: s.commands.update(list_jobs={"data": [], "meta": {"status": "not_authorized"}}),
        lambda s, job: s.list_jobs(),
    ),
    "cut off": (lambda s: s.commands.update(clone_job=cut_off(s)), lambda s, job: s.clone_job("j")),
    "upload not answered": (
        lambda s: None,
        lambda s, job: s._sender.connection and submit(s, job, progress=lambda done, total: total == 0),
    ),
    "upload interrupted": (lambda s: None, lambda s, job: submit(s, job, progress=interrupt)),
    "upload cancelled": (
        lambda s: None,
        lambda s, job: asyncio.run(asyncio.wait_for(s.aio.submit_job(str(job)), 0.3)),
    ),
    "props that are no JSON": (lambda s: None, lambda s, job: loop.run(_execute(s))),
    "session lost": (lambda s: setattr(s, "login", [{"type": "string", "data": "REJECT"}]), lambda s, job: _expired(s)),
}


async def _execute(session: Session) -> Any:
    link = session._connection._connection
    assert link is not None
    return await link.execute("list_jobs", 1.0, props={"x": object()})


def _expired(session: Session) -> Any:
    link = session._connection._connection
    assert link is not None
    session._sender.log_in_again(link)
    return session.list_jobs()


@pytest.mark.parametrize("failure", FAILURES)
def test_failing_session_shows_no_secret(
    failure: str, session: Session, server: FlareServer, kit: Path, job: Path, signatures: list[bytes]
) -> None:
    prepare, fail = FAILURES[failure]
    prepare(server)
    with pytest.raises(BaseException) as caught:
        fail(session, job)
    shown = all_forms(caught.value)
    assert "self = <" in shown  # variables are in it
    assert [secret for secret in forms_of_secrets(signatures, kit) if secret in shown] == []


OLD = {"__token__": "the-secret-cell-token", "__token_signature__": "the-secret-signature"}

#: What can go wrong while connecting.
REFUSALS: dict[str, tuple[Callable[[FlareServer], Any], dict[str, Any]]] = {
    "false proof": (lambda s: setattr(s, "challenge", lambda a: {**a, "signature": b"x"}), {}),
    "no nonce": (lambda s: setattr(s, "challenge", lambda a: {**a, "nonce": "text"}), {}),
    "not registered": (
        lambda s: setattr(
            s, "registration", lambda a: {**a, "__token__": "", "ssid": "the-secret-ssid", "x": TOKENS[2]}
        ),
        {},
    ),
    "not logged in": (
        lambda s: setattr(s, "login", [{"type": "token", "data": TOKENS[0]}, {"type": "string", "data": "REJECT: no"}]),
        {},
    ),
    "login without JSON": (
        lambda s: s.commands.update(_cert_login=b'{"data": [{"type": "token", "data": "the-secret-session-token"}'),
        {},
    ),
    "login without data": (lambda s: s.commands.update(_cert_login=b'{"token": "the-secret-session-token"}'), {}),
    "login too deep": (
        lambda s: s.commands.update(
            _cert_login=b'{"data": [{"type": "token", "data": "the-secret-session-token"}], "x": '
            + b"[" * 70
            + b"]" * 70
            + b"}"
        ),
        {},
    ),
    "login not answered": (lambda s: s.commands.update(_cert_login=lambda line: None), {"timeout": 0.3}),
    "no studies": (lambda s: setattr(s, "registration", lambda a: dict(OLD)), {"study": "heart"}),
    "study too long": (lambda s: None, {"study": "a" * 70_000}),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_failing_connect_shows_no_secret(refusal: str, server: FlareServer, kit: Path, signatures: list[bytes]) -> None:
    prepare, options = REFUSALS[refusal]
    prepare(server)
    with pytest.raises(FlareError) as caught:
        connect(kit, **{"timeout": 5, **options})
    shown = all_forms(caught.value)
    assert "self = <" in shown
    assert [secret for secret in forms_of_secrets(signatures, kit) if secret in shown] == []


def test_verbose_traceback_of_notebook_shows_no_secret(
    kit: Path, server: FlareServer, signatures: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    server.commands["list_jobs"] = b"not JSON"
    with ipython() as shell:
        shell.run_line_magic("xmode", "Verbose")
        shell.run_cell(
            f"import flare_widgets\ns = flare_widgets.connect({str(kit)!r}); s.set_timeout(0.3)\ns.list_jobs()"
        )
        shell.run_line_magic("xmode", "Context")
        shell.run_cell("s.close()")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "".join(capsys.readouterr()))
    assert "the reply to a command is not JSON" in shown
    assert "self = <" in shown
    assert [secret for secret in forms_of_secrets(signatures, kit) if secret in shown] == []


def test_debug_logs_and_reprs_show_no_secret(
    kit: Path, server: FlareServer, job: Path, signatures: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    logging.getLogger("asyncio").setLevel(1)
    assert loop._loop is not None or loop.run(asyncio.sleep(0, True))
    assert loop._loop is not None
    io_loop, slow = loop._loop, loop._loop.slow_callback_duration
    io_loop.call_soon_threadsafe(io_loop.set_debug, True)
    io_loop.slow_callback_duration = 0.0  # every step is logged
    shown: list[str] = []
    try:
        with connect(kit, timeout=5) as session:
            assert session.list_jobs() == []
            link = session._connection._connection
            assert link is not None
            things = [session, session.kit, session.aio, session._sender, session._connection, link, link._cell]
            shown += [repr(thing) + repr(getattr(thing, "__dict__", "")) for thing in things]
            with pytest.raises(BaseException):  # noqa: B017
                submit(session, job, progress=interrupt)
    finally:
        io_loop.slow_callback_duration = slow
        io_loop.call_soon_threadsafe(io_loop.set_debug, False)
    # The test's server is in the same process, with logs of its own.
    records = [record for record in caplog.records if record.name != "websockets.server"]
    logged = [f"{record.getMessage()} {record.args}" for record in records]
    assert any("Executing" in line for line in logged)
    text = "\n".join([*shown, *logged])
    assert "'_session_token': <secret>" in text
    assert [secret for secret in forms_of_secrets(signatures, kit) if secret in text] == []


def test_cancelled_async_connect_shows_no_secret(kit: Path, server: FlareServer, signatures: list[bytes]) -> None:
    server.commands["_cert_login"] = lambda line: None

    async def attempt() -> None:
        await asyncio.wait_for(_enter(), 0.5)

    async def _enter() -> None:
        async with connect_async(kit, timeout=5):
            pass

    with pytest.raises((TimeoutError, asyncio.TimeoutError)) as caught:
        asyncio.run(attempt())
    shown = all_forms(caught.value)
    assert [secret for secret in forms_of_secrets(signatures, kit) if secret in shown] == []


def test_secret_is_what_it_is_but_not_shown() -> None:
    text, data = SecretText("a token"), SecretBytes(b"a token")
    assert (text, data) == ("a token", b"a token")
    assert {repr(text), repr(data), repr(data[1:]), repr(hide({"k": ["x", b"y"]})["k"][0])} == {"<secret>"}
    assert data[0] == ord("a")
    assert hide({"k": [1, None, "x"]}) == {"k": [1, None, "x"]}
    for secret in (text, data):
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            pickle.dumps(secret)
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            copy.deepcopy([secret])


def test_command_with_token_is_secret() -> None:
    assert repr(hci.encode("list_jobs", "token")) == "<secret>"
    assert "list_jobs" in repr(hci.encode("list_jobs"))
