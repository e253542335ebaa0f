"""Whoever answers in the right server's place is refused, in words that say who was expected and who was found."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from kits import DAY, NOW, authority
from servers import FlareServer, hangs_up, plain, says, silent, tls, websocket
from waiting import list_tasks, wait_until
from websockets.asyncio.server import ServerConnection

from flare_widgets.api import Session, connect
from flare_widgets.errors import (
    AuthenticationError,
    FlareError,
    FLCommunicationError,
    NoConnection,
    ProtocolError,
    ServerIdentityError,
)
from flare_widgets.kit import StartupKit
from flare_widgets.wire import loop, transports

SOON = 0.3  # seconds to wait where waiting leads to nothing


@pytest.fixture(autouse=True)
def nothing_is_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After a failed connect nothing of it runs on, and asyncio has nothing to complain about."""
    before = len(list_tasks())  # sessions of other tests may be open
    yield
    wait_until(lambda: len(list_tasks()) <= before, 5)
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    return kits.write_kit(tmp_path / "kit")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refused(kit: Path, port: int, timeout: float = 5, **admin: Any) -> tuple[FlareError, float]:
    """The error of a connect, and how long it took."""
    kits.edit_admin(kit, **{"port": port, "host": "127.0.0.1", **admin})
    began = time.monotonic()
    with pytest.raises(FlareError) as caught:
        connect(kit, timeout=timeout)
    return caught.value, time.monotonic() - began


# nobody


def test_nobody_listens(kit: Path) -> None:
    port = free_port()
    error, took = refused(kit, port, SOON)
    assert type(error) is NoConnection
    assert isinstance(error, ConnectionError)
    assert error.address == f"127.0.0.1:{port}"
    assert "Check that the FL server is running" in str(error)
    assert SOON * 0.8 <= took < SOON + 2  # it may be about to start: it is tried until the time is over


def test_late_starting_server_is_found(kit: Path) -> None:
    port = free_port()
    kits.edit_admin(kit, host="127.0.0.1", port=port)
    session = Session("", kit)
    before = len(list_tasks())
    future = loop.start(session._connection.open(10))
    wait_until(lambda: len(list_tasks()) > before)
    with FlareServer().running(port):
        assert future.result(10) is not None
        session.close()


def test_localhost_is_tried_by_all_addresses(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in ("127.0.0.77", "127.0.0.1")]

    with FlareServer().running() as port:
        kits.edit_admin(kit, port=port)
        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        with connect(kit, timeout=5) as session:
            assert session.kit.username == kits.USER


@pytest.mark.parametrize(
    "host",
    [
        "no-such-host.invalid",
        "a" * 70,
        "a..b",
        "a b",
        "ü" * 70,
        "a\nb",
        "\ud800",
        "localhost:8002",
        "[::1]",
        "a/b",
        "a@b",
    ],
)
def test_name_that_is_unknown_or_impossible(kit: Path, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def no_name_server(name: Any, *args: Any, **kwargs: Any) -> Any:
        """The real function, which looks at the name first; but no name server is asked."""
        return real(name, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})

    monkeypatch.setattr(socket, "getaddrinfo", no_name_server)
    error, took = refused(kit, 8002, SOON, host=host)
    assert isinstance(error, NoConnection)
    assert "is unknown here" in str(error)
    assert "fed_admin.json" in str(error)
    assert took < SOON + 2


def test_address_of_sixth_version(kit: Path) -> None:
    port = free_port()
    error, _ = refused(kit, port, SOON, host="::1")
    assert type(error) is NoConnection
    assert error.address is not None
    assert error.address.endswith(f":{port}")


def test_name_server_that_hangs(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2))
    error, took = refused(kit, 8002, SOON)
    assert isinstance(error, NoConnection)
    assert took < 1.8


# somebody else


NOT_TLS = {
    "http": says(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
    "ssh": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "an echo": says(b"\x16\x03\x01\x00\x05hello"),
    "text": says(b"hello, who is there?\n" * 10),
}


@pytest.mark.parametrize("kind", NOT_TLS)
def test_server_without_tls(kit: Path, kind: str) -> None:
    with plain(NOT_TLS[kind]) as port:
        error, took = refused(kit, port, SOON)
    assert isinstance(error, NoConnection)
    assert f"127.0.0.1:{port}" in str(error)
    assert "TLS" in str(error)
    assert took < SOON + 2


@pytest.mark.parametrize("context", [None, "tls"])
def test_server_that_says_nothing(kit: Path, context: str | None) -> None:
    with plain(silent, tls(kits.server()) if context else None) as port:
        error, took = refused(kit, port, SOON)
    assert type(error) is NoConnection
    assert f"no answer from the FL server at 127.0.0.1:{port} within 0.3 s" in str(error)
    assert SOON * 0.8 <= took < SOON + 2


@pytest.mark.parametrize("half", [bytes(50), b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 101 Switching"], ids=ascii)
def test_server_that_says_half_of_something(kit: Path, half: bytes) -> None:
    with plain(says(half), tls(kits.server())) as port:
        error, took = refused(kit, port, SOON)
    assert isinstance(error, NoConnection)
    assert f"127.0.0.1:{port}" in str(error)
    assert took < SOON + 2


@pytest.mark.parametrize("context", [None, "tls"])
def test_server_that_hangs_up(kit: Path, context: str | None) -> None:
    with plain(hangs_up, tls(kits.server()) if context else None) as port:
        error, took = refused(kit, port, SOON)
    assert isinstance(error, NoConnection)
    assert f"127.0.0.1:{port}" in str(error)
    assert took < SOON + 2


IMPOSTORS = {
    "of another root": (lambda: kits.server(authority("evil corp", key="evil")), ["'server', issued by 'evil corp'"]),
    "of a root of the same name": (lambda: kits.server(authority(key="evil")), [f"issued by '{kits.PROJECT}'"]),
    "certified by itself": (lambda: authority("server", key="self"), ["'server', issued by 'server'"]),
    "certified by a site": (lambda: authority().issue("site-1").issue("server"), ["issued by 'site-1'"]),
    "for clients only": (lambda: kits.server(purpose=kits.CLIENT_ONLY), ["unsuitable certificate purpose"]),
    "a site": (lambda: authority().issue("site-1"), ["is 'site-1'"]),
    "a site called almost like it": (lambda: authority().issue("server2"), ["is 'server2'"]),
}


@pytest.mark.parametrize("impostor", IMPOSTORS)
@pytest.mark.parametrize("wants_us", [True, False])
def test_another_server(kit: Path, impostor: str, wants_us: bool) -> None:
    make, found = IMPOSTORS[impostor]
    with plain(silent_websocket, tls(make(), authority() if wants_us else None)) as port:
        error, took = refused(kit, port)
    assert type(error) is ServerIdentityError
    for words in [*found, f"127.0.0.1:{port}", "Check host and port in", str(kit)]:
        assert words in str(error)
    assert took < 4  # nothing is gained by trying again


@pytest.mark.parametrize("scheme", ["http", "tcp", "grpc"])
@pytest.mark.parametrize("who", ["another", "no TLS", "unknown"])
def test_own_settings_are_named_where_they_mislead(kit: Path, who: str, scheme: str) -> None:
    """Host and port come from the user's own file, as with a tunnel, so the admin's is not to blame."""
    own = kit / "local" / "resources.json"
    own.parent.mkdir(exist_ok=True)
    listener = (silent, tls(kits.server(name="another"))) if who == "another" else (says(b"220 mail.example.org"), None)
    with plain(*listener) as port:
        host = "no such host" if who == "unknown" else "127.0.0.1"
        own.write_text(json.dumps({"admin": {"host": host, "port": port, "scheme": scheme}}))
        error, _ = refused(kit, 9, 5 if who == "another" else 0.5)  # the others are tried until the time is over
    assert type(error) is (ServerIdentityError if who == "another" else NoConnection)
    assert str(own) in error.next_step
    assert "fed_admin.json" not in str(error)


#: A server whose certificate is of the right authority, but not valid now, and what to do.
WRONG_DATES = {
    "expired": (
        lambda: kits.server(begins=NOW - 9 * DAY, ends=NOW - DAY),
        f"the certificate of the server at .* expired on {NOW - DAY:%Y-%m-%d %H:%M} UTC; this machine's clock says 20",
        "Check this machine's clock; if it is right, ask your project admin to renew it",
    ),
    "not valid yet": (
        lambda: kits.server(begins=NOW + DAY),
        f"the certificate of the server at .* is valid only from {NOW + DAY:%Y-%m-%d %H:%M} UTC; this machine's clock",
        "Check this machine's clock; if it is right, wait until then",
    ),
    "issuer expired": (
        lambda: authority().issue("branch", ca=True, begins=NOW - 9 * DAY, ends=NOW - DAY).issue("server"),
        r"the certificate of the server at .* \(or of its issuer\) has expired; this machine's clock says 20",
        "Check this machine's clock; if it is right, ask your project admin to renew it",
    ),
}


@pytest.mark.parametrize("what", WRONG_DATES)
@pytest.mark.parametrize("scheme", ["http", "tcp", "grpc"])
def test_server_certificate_not_valid_now(kit: Path, what: str, scheme: str) -> None:
    make, says_what, next_step = WRONG_DATES[what]
    with plain(silent, tls(make())) as port:
        error, took = refused(kit, port, scheme=scheme)
    assert type(error) is ServerIdentityError
    assert re.search(says_what, error.description), error
    assert error.next_step == next_step
    assert took < 4


@pytest.mark.parametrize("scheme", ["http", "tcp", "grpc"])
def test_connection_that_is_reset(kit: Path, scheme: str) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        linger = struct.pack("ii", 1, 0)  # a reset instead of an end
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    with plain(reset) as port:
        error, _ = refused(kit, port, SOON, scheme=scheme)
    assert type(error) is NoConnection
    assert f"accepts the connection to 127.0.0.1:{port} and ends it before TLS" in str(error)
    assert "(connection reset)" in str(error)
    assert "if they are right, ask your network's administrator" in error.next_step


def test_another_server_is_hung_up_on_and_hears_nothing(kit: Path) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = b""
        # Hung up with TLS's session tickets unread, the connection is reset.
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(1):
                received += piece
        heard.append(received)

    with plain(listen, tls(authority().issue("site-1"))) as port:
        error, took = refused(kit, port)
        wait_until(lambda: heard)
    assert type(error) is ServerIdentityError
    assert heard == [b""]
    assert took < 4


@pytest.mark.parametrize("answer", ["text", "redirect"])
def test_peer_with_wrong_name_that_is_no_websocket(kit: Path, answer: str) -> None:
    with plain(says(ANSWERS[answer]), tls(authority().issue("site-1"))) as port:
        error, _ = refused(kit, port)
    assert type(error) is ServerIdentityError


async def silent_websocket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes up a websocket and says nothing more."""
    request = await reader.readuntil(b"\r\n\r\n")
    (key,) = re.findall(rb"(?i)sec-websocket-key: (\S+)", request)
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )
    await reader.read()


def test_server_that_does_not_want_us(kit: Path) -> None:
    with websocket(wait_for_end, tls(kits.server(), authority("another", key="another"))) as port:
        error, _ = refused(kit, port, 1.5)  # a TLS handshake, on a busy machine
    assert isinstance(error, NoConnection)
    assert not isinstance(error, ServerIdentityError)
    assert "perhaps it does not accept the kit's certificate" in str(error)


ANSWERS = {
    "not found": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nhello",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: https://login.example.org/\r\nContent-Length: 0\r\n\r\n",
    "a page": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "text": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_tls_server_that_is_no_websocket(kit: Path, answer: str) -> None:
    with plain(says(ANSWERS[answer]), tls(kits.server())) as port:
        error, _ = refused(kit, port, SOON)
    assert type(error) is NoConnection
    assert f"something answers at 127.0.0.1:{port}, but not as a FLARE server does" in str(error)


#: Where a redirect leads to: to no URI, to no websocket, elsewhere, to the same host, to itself.
LOCATIONS = [
    b"", b"/", b"/f3", b"?", b"#x", b"//", b"//elsewhere.example.org/", b"https://login.example.org/", b"ftp://x/",
    b"mailto:x", b"http://[::1", b"http://[", b"https://x:99999/", b"https://x:y/", b"wss://elsewhere.example.org/f3",
    b"wss://u:p@x/", b"ws://x/", b"wss:///", b"\xff\xfe", b"javascript:alert(1)", b"https://x/#y", b"wss://x/#y",
    b"x" * 7000, b"https://x\x1b[2J",
]  # fmt: skip


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 306, 307, 308, 399])
@pytest.mark.parametrize("locations", [LOCATIONS, [b"/a", b"/b"]], ids=["one", "two"])
def test_redirect_is_named_and_not_followed(kit: Path, status: int, locations: list[bytes]) -> None:
    requests: list[bytes] = []
    answers: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d X\r\n%sContent-Length: 0\r\n\r\n" % (status, answers[-1]))
        await writer.drain()

    with plain(redirect, tls(kits.server())) as port:
        loaded = StartupKit.load(kits.write_kit(kit.with_name("other"), host="127.0.0.1", port=port))
        lines = [b"Location: %s\r\n" % location for location in locations]
        for answer in lines if len(locations) > 2 else [b"".join(lines)]:
            answers.append(answer)
            with pytest.raises(NoConnection) as caught:
                loop.run(transports.connect(loaded), 10)
            assert "something answers at 127.0.0.1" in str(caught.value)
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 600
    assert len(requests) == len(answers)


def test_login_page_is_named(kit: Path) -> None:
    with plain(says(ANSWERS["redirect"]), tls(kits.server())) as port:
        error, _ = refused(kit, port, SOON)
    assert "it answers with a redirect to https://login.example.org/: a login page or a proxy?" in str(error)


async def wait_for_end(socket: ServerConnection) -> None:
    await socket.wait_closed()


def saying(*messages: bytes | str) -> Any:
    async def handler(socket: ServerConnection) -> None:
        for message in messages:
            await socket.send(message)
        await socket.wait_closed()

    return handler


@pytest.mark.parametrize("message", [b"hello", "hello", b"", b"\x00" * 16, b"\x00\x00\x00\x10" + bytes(12)])
def test_websocket_that_does_not_speak_flare(kit: Path, message: bytes | str) -> None:
    with websocket(saying(message), tls(kits.server())) as port:
        error, took = refused(kit, port)
    assert type(error) is ProtocolError
    assert f"127.0.0.1:{port} does not speak a known version of FLARE's protocol" in str(error)
    assert took < 4


def test_websocket_that_says_nothing(kit: Path) -> None:
    with websocket(wait_for_end, tls(kits.server())) as port:
        error, took = refused(kit, port, SOON)
    assert type(error) is NoConnection
    assert took < SOON + 2


# nearly the right one


def changed(**changes: Any) -> Any:
    return lambda answer: {**answer, **changes}


def test_right_server_is_taken(kit: Path, server: FlareServer) -> None:
    """All other tests here would prove little if nobody could pass."""
    with server.running() as port:
        kits.edit_admin(kit, port=port, host="127.0.0.1")
        with connect(kit, timeout=5) as session:
            assert session.list_jobs() == []


def test_it_holds_certificate_but_not_key(kit: Path, server: FlareServer) -> None:
    """Whoever ends the TLS connection in between (a proxy with the federation's certificate) cannot answer."""
    server.challenge = changed(signature=b"x" * 256)
    with server.running() as port:
        error, took = refused(kit, port)
    assert type(error) is ServerIdentityError
    assert "could not prove to be 'server'" in str(error)
    assert took < 4


def test_it_says_another_name(kit: Path, server: FlareServer) -> None:
    server.challenge = changed(cn="server-2")
    with server.running() as port:
        error, _ = refused(kit, port)
    assert type(error) is ServerIdentityError
    assert "says it is 'server-2'" in str(error)
    assert "is for 'server'" in str(error)


def test_identity_withheld_until_server_proves_itself(kit: Path, server: FlareServer) -> None:
    server.challenge = changed(signature=b"x" * 256)
    with server.running() as port:
        refused(kit, port)
    assert {h["cn__topic"] for h in server.heard} == {"challenge"}
    assert not any("signature" in h or "cert" in h for h in server.heard)


def test_it_asks_for_signature_of_its_own_text(kit: Path, server: FlareServer) -> None:
    """Also when a session connects again: it may have been taken over since."""
    with server.running() as port:
        kits.edit_admin(kit, port=port, host="127.0.0.1")
        with connect(kit, timeout=5) as session:
            server.challenge = changed(nonce=" if 0 else print('forged')")
            heard = len(server.heard)
            server.hang_up()
            with pytest.raises(ServerIdentityError, match="to sign a text that is not a nonce"):
                session.list_jobs()
    assert "register" not in {headers["cn__topic"] for headers in server.heard[heard:]}


def test_it_does_not_answer_challenge(kit: Path, server: FlareServer) -> None:
    server.challenge = lambda answer: {}
    with server.running() as port:
        error, _ = refused(kit, port)
    assert type(error) is ProtocolError


@pytest.mark.parametrize("code", ["comm_error", "target_unreachable", "service_unavailable", "unauthenticated"])
def test_it_is_not_ready_yet(kit: Path, server: FlareServer, code: str) -> None:
    answers = iter([code, code])
    server.challenge = lambda answer: next(answers, answer)
    with server.running() as port:
        kits.edit_admin(kit, port=port, host="127.0.0.1")
        with connect(kit, timeout=10) as session:
            assert not session.closed
    assert [h["cn__topic"] for h in server.heard].count("challenge") == 3


@pytest.mark.parametrize("code", ["authentication_error", "unauthenticated"])
def test_it_refuses_challenge(kit: Path, server: FlareServer, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flare_widgets.wire.connection._STARTUP_GRACE_S", 0.2)
    server.challenge = lambda answer: code
    with server.running() as port:
        error, _ = refused(kit, port)
    assert type(error) is FLCommunicationError
    assert f"refused the challenge: {code}" in str(error)


def test_it_refuses_to_register_us(kit: Path, server: FlareServer) -> None:
    server.registration = lambda answer: {}
    with server.running() as port:
        error, _ = refused(kit, port)
    assert type(error) is FLCommunicationError
    assert f"for project '{kits.PROJECT}'" in str(error)


def test_it_refuses_to_log_us_in(kit: Path, server: FlareServer) -> None:
    server.login = [{"type": "string", "data": "REJECT: AUTH_STUDY: no such study"}]
    with server.running() as port:
        error, _ = refused(kit, port)
    assert isinstance(error, AuthenticationError)
    assert (error.auth_code, "no such study" in str(error)) == ("AUTH_STUDY", True)


def test_it_speaks_newer_dialect(kit: Path, server: FlareServer, caplog: pytest.LogCaptureFixture) -> None:
    server.registration = changed(federation_protocol_version=2, nvflare_version="3.0.0")
    with server.running() as port:
        kits.edit_admin(kit, port=port, host="127.0.0.1")
        connect(kit, timeout=5).close()
    (record,) = [r for r in caplog.records if r.name.startswith("flare_widgets")]
    assert record.levelname == "WARNING"
    assert "protocol 2 (nvflare 3.0.0), newer than the 1 known here" in record.getMessage()
