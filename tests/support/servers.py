"""Servers for the tests, in a thread of their own: ones that are not FLARE at all, and one that nearly is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import kits
import msgpack
from waiting import wait_until
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed

from flare_widgets.api import Session, SessionState
from flare_widgets.wire import fobs, frames, streams
from flare_widgets.wire.frames import Frame, FrameType
from flare_widgets.wire.transports import grpc_messages

THEIR_NONCE = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
"""A nonce of the server, for us to sign."""

#: What FLARE says to whom it closes the session of.
EXPIRED = "Your session is closed due to inactivity or cert expiry."

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def running(start: Callable[[], Awaitable[Any]]) -> Iterator[int]:
    """Run a server until the end of the block; the port it listens on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="test-server", daemon=True)
    thread.start()

    async def begin() -> Any:
        return await start()

    async def end(server: Any) -> None:
        server.close()
        if not isinstance(server, asyncio.Server):  # a websocket server: takes leave of those who are connected
            await server.wait_closed()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def tls(party: kits.Party, clients_of: kits.Party | None = None) -> ssl.SSLContext:
    """The TLS settings of a server.

    Parameters
    ----------
    party
        Who the server is.
    clients_of
        The root that clients must be certified by; anybody may come when None.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "c"), Path(folder, "k")
        certificate.write_bytes(party.pem)
        key.write_bytes(party.key_pem)
        context.load_cert_chain(certificate, key)
    if clients_of is not None:
        context.load_verify_locations(cadata=clients_of.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def plain(handler: Handler, context: ssl.SSLContext | None = None) -> contextlib.AbstractContextManager[int]:
    """A server of bytes."""

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()

    return running(lambda: asyncio.start_server(quietly, "127.0.0.1", 0, ssl=context))


def says(answer: bytes) -> Handler:
    """Answers the same whatever is said."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await writer.drain()
        await reader.read()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says nothing."""
    await reader.read()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Goes as soon as somebody comes."""


def websocket(
    handler: Callable[[ServerConnection], Awaitable[None]], context: ssl.SSLContext, port: int = 0
) -> contextlib.AbstractContextManager[int]:
    """A server of websocket messages, on some port or a given one."""

    async def quietly(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await handler(socket)

    return running(lambda: serve_websocket(quietly, "127.0.0.1", port, ssl=context, close_timeout=0.1))


class FlareServer:
    """Nearly an FL server: greets, proves who it is, registers, logs in, and answers commands.

    Attributes are what a test may change.

    Attributes
    ----------
    party
        Who it claims to be.
    challenge, registration
        Change the answers to these requests: called with the answer (a dict), return another one. None is no answer.
    login
        The items of the answer to the login.
    commands
        The answers to commands: the verb, and the HCI reply or a function that makes it. Bytes are said as they are.
    clock
        The time it tells when it greets, in seconds since the epoch.
    alive
        Whether it gives a sign when it is asked for one.
    heard
        The cellnet headers of everything that was said to it.
    commanded
        The commands it was given, as decoded JSON; `lines` are their lines.
    """

    def __init__(self, root: kits.Party | None = None) -> None:
        self.party = kits.server(root)
        self.challenge: Callable[[dict[str, Any]], Any] = lambda answer: answer
        self.registration: Callable[[dict[str, Any]], Any] = lambda answer: answer
        self.login: list[dict[str, Any]] = [
            {"type": "string", "data": "OK"},
            {"type": "token", "data": "the-secret-session-token"},
        ]
        self.clock: Callable[[], Any] = time.time
        self.commands: dict[str, Any] = {}
        self.alive = True
        self.heard: list[dict[str, Any]] = []
        self.commanded: list[dict[str, Any]] = []
        self.sockets: list[ServerConnection] = []
        self._root = root or kits.authority()
        self._context = tls(self.party, self._root)
        self._streams = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def running(self, port: int = 0) -> contextlib.AbstractContextManager[int]:
        """Run it until the end of the block; the port it listens on."""
        return websocket(self._talk, self._context, port)

    @contextlib.contextmanager
    def running_grpc(self) -> Iterator[int]:
        """The same over grpc, without what is unasked."""
        import grpc

        class Handler(grpc.GenericRpcHandler):
            def service(self, details: Any) -> Any:
                return grpc.stream_stream_rpc_method_handler(talk)

        def talk(messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
            for number, message in enumerate(messages, 1):
                answer = self._answer_frame(frames.decode(grpc_messages.decode(message)))
                if answer is not None:
                    yield grpc_messages.encode(number, answer)

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        server.add_generic_rpc_handlers((Handler(),))
        pair = (self.party.key_pem, self.party.pem)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair], self._root.pem, True))
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait(10)

    @property
    def lines(self) -> list[str]:
        return [str(command["data"][0]["data"]) for command in self.commanded]

    def say(self, topic: str, text: str) -> None:
        """Say something unasked, to everybody who is connected."""
        self._say(lambda: self._stream("hci_channel", topic, text, {}))

    def say_part(self, text: str, size: int, number: int, *, is_last: bool = False) -> None:
        """Say a part of the answer to the latest command.

        Parameters
        ----------
        text
            The whole answer.
        size
            Bytes of a part; the last one has the rest.
        number
            The part's, from 0.
        is_last
            True for the last one.
        """
        blob, start = fobs.encode(text), number * size
        chunk = {"sm__id": 1000, "sm__sq": number, "sm__os": start, "sm__dt": 2 if is_last else 1, "sm__pe": "fobs"}
        about = {"sm__ch": "return_only", "sm__tp": "hci_channel:command", "sm__ri": self.heard[-1]["sm__ri"]}
        headers = {"cn__channel": "sm__STREAM", "cn__topic": "sm__DATA", "cn__origin": "server", **chunk, **about}
        payload = blob[start:] if is_last else blob[start : start + size]
        self._say(lambda: frames.encode(Frame(FrameType.DATA, headers, payload, 1)))

    def hang_up(self) -> None:
        """End all connections without a word."""
        assert self._loop is not None
        for socket in self.sockets:
            self._loop.call_soon_threadsafe(socket.transport.abort)

    def _say(self, make: Callable[[], bytes]) -> None:
        assert self._loop is not None
        for socket in self.sockets:
            asyncio.run_coroutine_threadsafe(socket.send(make()), self._loop).result(10)

    async def _talk(self, socket: ServerConnection) -> None:
        self._loop = asyncio.get_running_loop()
        self.sockets.append(socket)
        try:
            async for message in socket:
                answer = self._answer_frame(frames.decode(message if isinstance(message, bytes) else message.encode()))
                if answer is not None:
                    await socket.send(answer)
        finally:
            self.sockets.remove(socket)

    def _answer_frame(self, frame: Frame) -> bytes | None:
        if frame.type is FrameType.HELLO:
            greeting = {"endpoint_name": "server", "fqcn": "server", "timestamp": self.clock()}
            return frames.encode(Frame(FrameType.READY, {}, msgpack.packb(greeting)))
        if frame.type is FrameType.PING and self.alive:
            return frames.encode(Frame(FrameType.PONG, {}, msgpack.packb(None)))
        if frame.type is not FrameType.DATA:
            return None
        self.heard.append(frame.headers)
        return self._answer(frame)

    def _answer(self, frame: Frame) -> bytes | None:
        headers = frame.headers
        topic = headers.get("cn__topic")
        if topic == "challenge":
            return self._reply(headers, self.challenge(self._proof(headers["nonce"])))
        if topic == "register":
            return self._reply(
                headers,
                self.registration(
                    {
                        "__token__": "the-secret-cell-token",
                        "__token_signature__": "the-signature",
                        "federation_protocol_version": 1,
                    }
                ),
            )
        if headers.get("sm__ch") == "hci_channel" and topic == "sm__DATA":
            return self._command(headers, json.loads(fobs.decode(frame.payload)))
        return None

    def _proof(self, nonce: str) -> dict[str, Any]:
        from nvflare.lighter.utils import sign_content

        signature = sign_content("server" + nonce, self.party.key, return_str=False)
        return {"cn": "server", "nonce": THEIR_NONCE, "cert": self.party.pem, "signature": signature}

    def _reply(self, headers: dict[str, Any], value: Any) -> bytes | None:
        if value is None:
            return None
        code = "ok"
        if isinstance(value, str):
            code, value = value, None
        reply = {
            "cn__msg_type": "reply",
            "cn__req_id": headers["cn__req_id"],
            "cn__return_code": code,
            "cn__payload_encoding": "fobs",
        }
        return frames.encode(Frame(FrameType.DATA, reply, b"" if value is None else fobs.encode(value), 1))

    def _command(self, headers: dict[str, Any], command: dict[str, Any]) -> bytes | None:
        self.commanded.append({**command, "study": headers.get("study")})
        line = command["data"][0]["data"]
        verb = line.split()[0]
        if verb == "_cert_login":
            answer: Any = self.commands.get(verb, {"data": self.login})
            if callable(answer):
                answer = answer(line)
        else:
            answer = self.commands.get(verb, {"data": [{"type": "success", "data": ""}], "meta": {"status": "ok"}})
            if callable(answer):
                answer = answer(line)
        if answer is None:
            return None
        text = answer.decode() if isinstance(answer, bytes) else json.dumps(answer)
        return self._stream("return_only", "hci_channel:command", text, {"sm__ri": headers["sm__ri"]})

    def _stream(self, channel: str, topic: str, value: Any, more: dict[str, Any]) -> bytes:
        self._streams += 1
        ((chunk, payload),) = streams.split_into_chunks(fobs.encode(value), self._streams, channel, topic, "fobs", None)
        envelope = {"cn__channel": streams.CHANNEL, "cn__topic": streams.DATA_TOPIC, "cn__origin": "server"}
        return frames.encode(Frame(FrameType.DATA, {**envelope, **chunk, **more}, payload, 1))


def ok(**meta: Any) -> dict[str, Any]:
    """A server's answer to a command that it has done."""
    return {"data": [{"type": "success", "data": ""}], "meta": {"status": "ok", "info": "", **meta}}


def break_off(session: Session, server: FlareServer) -> None:
    """End the connection, and wait until the session has noticed."""
    connection = session._connection._connection
    assert connection is not None
    server.hang_up()
    wait_until(lambda: connection.lost_error is not None and not server.sockets)


def expire(session: Session, server: FlareServer) -> None:
    """End the session on the server, and wait until the client has heard of it."""
    server.say("SESSION_EXPIRED", EXPIRED)
    wait_until(lambda: session.state is SessionState.EXPIRED)
