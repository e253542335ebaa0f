"""Each limit on a whole link, with a server that breaks it: an error to the caller at once, and the link is closed."""

from __future__ import annotations

import asyncio
import json
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kits
import msgpack
import pytest
from servers import FlareServer, Handler, plain, tls
from waiting import wait_until

from flare_widgets.api import Session, connect
from flare_widgets.errors import FlareError, NoConnection, ProtocolError
from flare_widgets.wire import cell, fobs, frames, loop, streams
from flare_widgets.wire.frames import Frame, FrameType
from flare_widgets.wire.transports import grpc as grpc_transport

TIMEOUT = 60.0
AT_ONCE = 10.0  # seconds, on a busy machine; far from the time-out
SOON = 0.7  # seconds to wait for a server that makes slow progress
SMALL = 48 << 20  # bytes that no attack may make us need


class Hostile(FlareServer):
    """Does all right until it is asked for the list of jobs, then sends raw bytes.

    Attributes
    ----------
    attack
        Given the request's headers, what to send: frames, or a call with the socket.
    """

    attack: Callable[[dict[str, Any]], list[bytes] | Callable[[Any], None]]

    def _command(self, headers: dict[str, Any], command: dict[str, Any]) -> bytes | None:
        if not command["data"][0]["data"].startswith("list_jobs"):
            return super()._command(headers, command)
        weapon = self.attack(headers)
        for socket in list(self.sockets):
            if callable(weapon):
                weapon(socket)
            else:
                self._task = asyncio.ensure_future(self._send(socket, weapon))
        return None

    @staticmethod
    async def _send(socket: Any, weapon: list[bytes]) -> None:
        for data in weapon:
            await socket.send(data)


def frame(headers: dict[str, Any], payload: bytes = b"") -> bytes:
    return frames.encode(Frame(FrameType.DATA, headers, payload, 1))


def chunk(request: dict[str, Any], payload: bytes, **more: Any) -> bytes:
    """A chunk of the answer."""
    return frame(
        {
            "cn__channel": streams.CHANNEL,
            "cn__topic": streams.DATA_TOPIC,
            "cn__origin": "server",
            "sm__ch": "return_only",
            "sm__ri": request["sm__ri"],
            "sm__id": 99,
            "sm__sq": 0,
            "sm__dt": 2,
            "sm__pe": "fobs",
            **more,
        },
        payload,
    )


def section(body: bytes, size: int | None = None) -> bytes:
    return struct.pack(">BBQ", 100, 0, len(body) if size is None else size) + body


MIB = bytes(1 << 20)

#: What the server does, and what is said of it.
ATTACKS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an enormous websocket message announced": (
        lambda r: lambda socket: socket.transport.write(b"\x82\x7f" + (1 << 40).to_bytes(8, "big") + bytes(100)),
        f"a frame has more than the {frames.MAX_FRAME_BYTES} bytes",
    ),
    "a websocket that breaks the rules": (
        lambda r: lambda socket: socket.transport.write(b"\xf3\x00"),
        "a broken websocket",
    ),
    "a frame whose length is another": (
        lambda r: [struct.pack(">IHBBHHHH", 2**31, 0, 1, 0, 0, 1, 1, 1)],
        "says it has",
    ),
    "lists announced in headers": (
        lambda r: [raw_headers(b"\x81\xa1x" + b"\xdd\xff\xff\xff\xff" * 1000)],
        "more than 4096 values",
    ),
    "headers as deep as they can be": (
        lambda r: [raw_headers(b"\x81\xa1x" + b"\x91" * 60_000)],
        "more than 128 levels",
    ),
    "a type in headers that runs code elsewhere": (
        lambda r: [raw_headers(b"\x81\xa1x\xc7\x03\x05abc")],
        "extension type 5",
    ),
    "lists announced in a payload": (
        lambda r: [chunk(r, section((b"\xdd" + (90_000).to_bytes(4, "big")) * 100 + b"\x01" * 90_000))],
        "more than 100000 values",
    ),
    "a million empty lists": (
        lambda r: [chunk(r, section(b"\xdd\x00\x10\x00\x00" + b"\x90" * (1 << 20)))],
        "more than 100000 values",
    ),
    "a section that is not there": (lambda r: [chunk(r, section(b"\x01", 2**63))], "a section says it has"),
    "a blob too large": (
        lambda r: [chunk(r, MIB, sm__sq=n, sm__dt=1) for n in range(66)],
        f"a stream exceeds {streams.MAX_BLOB_BYTES} bytes",
    ),
    "chunks before their turn": (
        lambda r: [chunk(r, b"x", sm__sq=n, sm__dt=1) for n in range(5, 75)],
        "64 chunks out of order",
    ),
    "a blob that never grows": (
        lambda r: [chunk(r, b"", sm__sq=n, sm__dt=1) for n in range(120)],
        "a stream exceeds 100 chunks",
    ),
    "a chunk without a number": (lambda r: [chunk(r, b"", sm__sq=None)], "without id or sequence number"),
}


def raw_headers(headers: bytes) -> bytes:
    size = frames.PREFIX_SIZE + len(headers)
    return struct.pack(">IHBBHHHH", size, len(headers), 1, 0, 0, 1, 1, 1) + headers


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Whatever a server did, nothing of it runs on."""
    before = loop.run(tasks())
    yield
    deadline = time.monotonic() + 10
    while len(left := loop.run(tasks())) > len(before):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


async def tasks() -> list[str]:
    current = asyncio.current_task()
    return [str(task) for task in asyncio.all_tasks() if task is not current]


@pytest.fixture
def server() -> Hostile:
    return Hostile()


@pytest.fixture
def session(server: Hostile, tmp_path: Path) -> Iterator[Session]:
    with server.running() as port:
        session = connect(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port), timeout=AT_ONCE)
        session.set_timeout(TIMEOUT)
        yield session
        session.close()


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_one_error_at_once(
    attack: str, session: Session, server: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_MAX_CHUNKS", 100)
    server.attack, says = ATTACKS[attack]
    link, (socket,) = session._connection._connection, server.sockets
    assert link is not None
    began = time.monotonic()
    with pytest.raises(ProtocolError) as caught:
        session.list_jobs()
    assert time.monotonic() - began < AT_ONCE
    assert says in str(caught.value)
    assert "does not speak a known version of FLARE's protocol" in str(caught.value)
    assert isinstance(link.lost_error, ProtocolError)
    wait_until(lambda: link._read_task.done())
    wait_until(lambda: socket not in server.sockets)


@pytest.mark.parametrize(
    "attack", [name for name in ATTACKS if name != "a blob too large"]
)  # which is what we do accept, and one byte more
def test_attack_needs_little_memory(
    attack: str, session: Session, server: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_MAX_CHUNKS", 100)
    weapon, _ = ATTACKS[attack]
    server.attack = lambda request: prepared(weapon, request)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            session.list_jobs()
        assert tracemalloc.get_traced_memory()[1] < SMALL
    finally:
        tracemalloc.stop()


def prepared(weapon: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> Any:
    """The server is in the same process, and its memory is not counted."""
    made = weapon(request)
    tracemalloc.reset_peak()
    return made


def test_deep_reply_fails_and_link_survives(session: Session, server: Hostile) -> None:
    server.commands["check_status"] = {"data": [], "meta": {"status": json.loads("[" * 80 + "]" * 80)}}
    with pytest.raises(ProtocolError, match="more than 64 levels"):
        session.get_system_info()
    assert session._connection._connection is not None
    assert session._connection._connection.lost_error is None


def test_first_answer_counts(session: Session, server: Hostile) -> None:
    """A request has one answer, however many come, and those for nobody are for nobody."""

    def answers(request: dict[str, Any]) -> list[bytes]:
        def answer(number: int, to: str, job: str) -> bytes:
            reply = {"data": [{"type": "success", "data": ""}], "meta": {"jobs": [{"job_id": job}]}}
            return chunk({"sm__ri": to}, fobs.encode(json.dumps(reply)), sm__id=number)

        return [answer(5, "nobody", "wrong"), *(answer(n, request["sm__ri"], f"job {n}") for n in (6, 7, 8))]

    server.attack = answers
    for _ in range(2):
        assert session.list_jobs() == [{"job_id": "job 6"}]
        server.attack = lambda request: [a.replace(b"job 9", b"job 6") for a in renumbered(answers(request))]


def renumbered(said: list[bytes]) -> list[bytes]:
    """The same on streams of other numbers: what was said on the old ones is known."""
    key = msgpack.packb("sm__id")
    return [data.replace(key + bytes([n]), key + bytes([n + 20])) for n, data in zip((5, 6, 7, 8), said, strict=True)]


def test_internal_fault_reaches_waiting_caller(
    session: Session, server: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should some bytes bring one to light: no hang until the time is over."""

    def fault(data: bytes) -> Any:
        raise RecursionError

    (socket,) = server.sockets
    monkeypatch.setattr(cell, "fobs", SimpleNamespace(decode=fault, encode_pieces=fobs.encode_pieces))
    server.attack = lambda request: [chunk(request, fobs.encode("{}"))]
    began = time.monotonic()
    with pytest.raises(ProtocolError, match=r"could not be read \(RecursionError\)"):
        session.list_jobs()
    assert time.monotonic() - began < AT_ONCE
    wait_until(lambda: socket not in server.sockets)


# the other schemes


READY = frames.encode(Frame(FrameType.READY, {}, msgpack.packb({"timestamp": 1.0})))


def refused(folder: Path, port: int, timeout: float, scheme: str) -> tuple[FlareError, float]:
    kit = kits.write_kit(folder / "kit", host="127.0.0.1", port=port, scheme=scheme)
    began = time.monotonic()
    with pytest.raises(FlareError) as caught:
        connect(kit, timeout=timeout)
    return caught.value, time.monotonic() - began


def test_tcp_oversized_frame_refused_by_prefix(tmp_path: Path) -> None:
    ended: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(frames.PREFIX_SIZE)
        writer.write(READY + struct.pack(">IHBBHHHH", 2**32 - 1, 0, 1, 0, 0, 1, 1, 1) + MIB)
        await reader.read(1 << 20)
        ended.append(await reader.read())

    with plain(handler, tls(kits.server())) as port:
        error, took = refused(tmp_path, port, TIMEOUT, "tcp")
        wait_until(lambda: ended)
    assert type(error) is ProtocolError
    assert f"says it has {2**32 - 1} bytes, more than the {frames.MAX_FRAME_BYTES} bytes we accept" in str(error)
    assert took < AT_ONCE


def test_grpc_frame_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grpc = grpc_transport._import_grpc()  # which keeps gRPC from writing to the screen
    monkeypatch.setattr(grpc_transport, "MAX_FRAME_BYTES", 1 << 20)

    def stream(requests: Any, context: Any) -> Iterator[bytes]:
        next(requests)
        yield bytes(2 << 20)
        for _ in requests:
            pass

    handler = grpc.method_handlers_generic_handler(
        "streamer.Streamer", {"Stream": grpc.stream_stream_rpc_method_handler(stream)}
    )
    party = kits.server()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=(handler,), options=[("grpc.max_send_message_length", -1)])
        port = server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(party.key_pem, party.pem)], kits.authority().pem, True)
        )
        server.start()
        try:
            error, took = refused(tmp_path, port, TIMEOUT, "grpc")
        finally:
            server.stop(0).wait(10)
    assert type(error) is ProtocolError
    assert "a frame has more than the" in str(error)
    assert took < AT_ONCE


# servers that make slow progress


def drips(data: bytes, before: bytes = b"") -> Handler:
    """Says some bytes at once, then one every twentieth of a second, for longer than anybody waits."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reading = asyncio.ensure_future(reader.read())
        try:
            writer.write(before)
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            reading.cancel()

    return handler


ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: " + b"x" * 400
SLOW: dict[str, tuple[str, Handler, bool]] = {
    "tls": ("http", drips(b"\x16\x03\x03\x40\x00\x02" + bytes(400)), False),
    "the websocket's handshake": ("http", drips(ANSWER), True),
    "headers without end": ("http", drips(b"X: y\r\n" * 70, b"HTTP/1.1 101 Switching Protocols\r\n"), True),
    "the greeting over tcp": ("tcp", drips(frames.encode(Frame(FrameType.READY, {}, bytes(400)))), True),
    "the answer to the challenge": ("tcp", drips(frame({}, bytes(400)), READY), True),
    "pings over tcp": ("tcp", drips(frames.encode(Frame(FrameType.PING)) * 30, READY), True),
    "http/2 for grpc": ("grpc", drips(bytes(400)), True),
}


@pytest.mark.parametrize("what", SLOW)
def test_slow_server_ends_at_timeout(what: str, tmp_path: Path) -> None:
    scheme, handler, secure = SLOW[what]
    with plain(handler, tls(kits.server()) if secure else None) as port:
        error, took = refused(tmp_path, port, SOON, scheme)
        assert isinstance(error, NoConnection)
        assert f"127.0.0.1:{port}" in str(error)
        assert took < SOON + 3
