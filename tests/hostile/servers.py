"""Hostile servers on this machine: what they say in HTTP and in TLS, and who they claim to be."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kits
from damage import VERSIONS, recorded
from servers import tls
from websockets.utils import accept_key

from flare_widgets.errors import FlareError
from flare_widgets.kit import StartupKit
from flare_widgets.wire import loop
from flare_widgets.wire.connection import Connection

from .mutations import PIECES, SECRET, damage, repeat

PORTS: set[int] = set()
"""The ports of such servers: a client may connect to no others."""

_TIMEOUT_S = 0.4  # of a client whom nobody answers
_MAX_S = 5.0

Talk = Callable[[socket.socket], None]


def _meet(talk: Talk, scheme: str, use: Callable[[StartupKit], Any]) -> None:
    """Have a client use a server that says whatever it says to the first few who come."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    PORTS.add(port)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError, ValueError):
                    connection.settimeout(2 * _TIMEOUT_S)
                    talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        use(_kit(scheme, port))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@functools.cache
def _kit_folder() -> Path:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    kit = kits.write_kit(Path(folder.name) / "kit", host="127.0.0.1", port=9)
    with (kit / "startup" / "client.key").open("a") as key:
        key.write(f"\n# {SECRET}\n")
    return kit


def _kit(scheme: str, port: int) -> StartupKit:
    kits.edit_admin(_kit_folder(), scheme=scheme, port=port)
    return StartupKit.load(_kit_folder())


def attack_by(random: random.Random, talk: Talk, scheme: str) -> str:
    """Connect to a hostile server, or check the kit; return what the client says of it."""
    words = []

    def use(kit: StartupKit) -> None:
        if random.random() < 0.1:
            words.append(str(StartupKit.check(kit.root, timeout=_TIMEOUT_S)))
            return
        try:
            loop.run(asyncio.wait_for(Connection.open(kit, "default"), _TIMEOUT_S))
        except FlareError as e:
            words.append(str(e))
        except asyncio.TimeoutError:
            words.append("no answer")

    began = time.monotonic()
    _meet(talk, scheme, use)
    if time.monotonic() - began > _MAX_S:
        raise TimeoutError(f"{time.monotonic() - began:.1f} s")
    if not words:
        raise AssertionError("a session with a hostile server")
    return words[0]


# -- HTTP --------------------------------------------------------------------------------------------------------


_STATUS_LINES = (
    b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.0 101 x", b"HTTP/1.1 302 Found",
    b"HTTP/1.1 307 x", b"HTTP/1.1 401 Unauthorized", b"HTTP/1.1 407 Proxy", b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Busy",
    b"HTTP/1.1 100 Continue", b"HTTP/9.9 101 x", b"HTTP/1.1 -1 x", b"HTTP/1.1 99999999999 x", b"HTTP/1.1", b"",
    b"SSH-2.0-OpenSSH_9", b"\x16\x03\x01", b"HTTP/1.1 101 " + b"x" * 100_000, b"HTTP/1.1 302 \x1b[2J\xff",
)  # fmt: skip


_HEADERS = (
    b"Location", b"Location", b"Content-Length", b"Transfer-Encoding", b"Sec-WebSocket-Extensions", b"Set-Cookie",
    b"Sec-WebSocket-Protocol", b"WWW-Authenticate", b"Connection", b"X", b"", b" ", b"\x00", b"Upgrade",
)  # fmt: skip


def _header(random: random.Random) -> bytes:
    name = random.choice(_HEADERS)
    value = random.choice(
        (
            b"https://login.example.org/", b"wss://elsewhere.example.org/f3", b"/f3", b"//", b"file:///etc/passwd",
            b"http://[::1", b"javascript:alert(1)", b"-1", b"99999999999999999999", b"chunked", b"gzip, chunked",
            b"permessage-deflate; server_max_window_bits=99", b"a=b; " * 2000, b"close", b"x\r\n y", b"",
            random.choice(PIECES).encode("utf-8", "surrogatepass"), repeat(random, 3000).encode("utf-8", "replace"),
        )
    )  # fmt: skip
    return name + b": " + value + b"\r\n"


def _websocket_frames(random: random.Random) -> bytes:
    said = recorded(random.choice(VERSIONS))
    payload = damage(random, random.choice(said), random.choice(said))[:60_000]
    first = random.choice((0x82, 0x82, 0x82, 0x81, 0x02, 0x00, 0x80, 0x88, 0x89, 0xC2, 0xF2, 0x83))
    length = random.choice((len(payload), len(payload), 0, 65_535))
    size = bytes([126]) + length.to_bytes(2, "big")
    size = random.choice((size, size, size, bytes([127]) + b"\xff" * 8, bytes([127]) + (1 << 40).to_bytes(8, "big")))
    masked = bytes([size[0] | random.choice((0, 0, 0, 0x80))]) + size[1:]
    return (bytes([first]) + masked + payload) * random.choice((1, 1, 3, 300 if len(payload) < 1000 else 3))


def http_talk(random: random.Random) -> Talk:
    """Return a server that has the right certificate, and answers the request for a websocket as it likes."""
    status = random.choice(_STATUS_LINES)
    headers = [_header(random) for _ in range(random.choice((0, 1, 2, 5, 300)))]
    is_accepted, frames = random.random() < 0.8, _websocket_frames(random)
    body = random.choice((b"", b"<html>login", b"5\r\nabc\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFF\r\n", bytes(200_000)))
    cut = random.choice((None, None, None, 1, 20, 60))

    def talk(connection: socket.socket) -> None:
        with tls(kits.server(), kits.authority()).wrap_socket(connection, server_side=True) as stream:
            request = stream.recv(65_536)
            answer = status + b"\r\n"
            if b" 101 " in status and is_accepted:
                key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0].decode()
                answer += b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                answer += f"Sec-WebSocket-Accept: {accept_key(key)}\r\n".encode()
            answer += b"".join(headers) + b"\r\n" + (frames if b" 101 " in status else body)
            stream.sendall(answer[:cut])
            if cut is None:
                stream.recv(65_536)

    return talk


# -- TLS ---------------------------------------------------------------------------------------------------------


@functools.cache
def _false_parties() -> tuple[tuple[kits.Party, kits.Party | None], ...]:
    """Parties that are not the server, each with the root by which it would take clients."""
    ours, theirs = kits.authority(), kits.authority(key="foreign")
    day, now = kits.DAY, kits.NOW
    parties = [
        ours.issue("server", begins=now - 9 * day, ends=now - day),
        ours.issue("server", begins=now + day),
        ours.issue("site-1"),
        ours.issue("*"),
        ours,
        theirs.issue("server"),
        theirs,
    ]
    return tuple((party, root) for party in parties for root in (ours, theirs))


def _records(random: random.Random) -> bytes:
    kind = random.choice((20, 21, 22, 23, 24, 0, 255))
    body = random.choice((b"\x02\x28", b"\x01\x00", b"\x00\x00\x00\x00", bytes(random.randrange(300)), b"\xff" * 100))
    return bytes([kind, 3, random.randrange(5)]) + random.choice((len(body), 65_535)).to_bytes(2, "big") + body


def tls_talk(random: random.Random) -> Talk:
    """Return a server that is not the kit's: another certificate, or a handshake that is none."""
    way = random.choice(("party", "party", "damaged", "damaged", "records", "plain", "old"))
    party, root = random.choice(_false_parties())
    asks = random.random() < 0.5
    version = random.choice((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
    records = b"".join(_records(random) for _ in range(random.choice((1, 3, 200))))
    plain = random.choice((*PIECES, "HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-x\r\n", "220 mail\r\n"))

    def talk(connection: socket.socket) -> None:
        hello = connection.recv(65_536, socket.MSG_PEEK if way == "party" else 0)
        if way == "party":
            context = tls(party, root if asks else None)
            context.minimum_version = context.maximum_version = version
            with context.wrap_socket(connection, server_side=True) as stream:
                stream.recv(65_536)
                stream.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        elif way in ("damaged", "old"):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            incoming.write(hello)
            server = tls(kits.server(), kits.authority() if asks else None).wrap_bio(incoming, outgoing, True)
            with contextlib.suppress(ssl.SSLError):
                server.do_handshake()
            answer = outgoing.read()
            connection.sendall(damage(random, answer) if way == "damaged" else b"\x16\x03\x00" + answer[3:])
        else:
            connection.sendall(records if way == "records" else plain.encode("utf-8", "surrogatepass"))

    return talk
