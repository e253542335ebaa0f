"""A network that tests can break: real bytes between real peers, until it is told otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import servers

from flare_widgets.wire.transports import Transport


class WrappedTransport:
    """A transport that passes everything on; a subclass spoils some of it."""

    def __init__(self, real: Transport) -> None:
        self._real = real

    @property
    def last_received_at(self) -> float:
        return self._real.last_received_at

    def confirmed_bytes(self) -> int | None:
        return self._real.confirmed_bytes()

    async def send(self, frame: bytes) -> None:
        await self._real.send(frame)

    async def receive(self) -> bytes:
        return await self._real.receive()

    async def close(self) -> None:
        await self._real.close()


@dataclass
class _Connection:
    """One client's connection, and the proxy's own to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    dead: bool = False

    def abort(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None:
                writer.transport.abort()


@dataclass
class Proxy:
    """The way to a server. Made by :func:`running`.

    Attributes
    ----------
    server_port
        Where the server is.
    port
        Where clients connect to.
    muted
        Whether what the server says is swallowed; what is said to it still arrives.
    passed
        The bytes that went to the server.
    """

    server_port: int
    port: int = 0
    muted: bool = False
    passed: int = 0
    _stalled: bool = False
    _left: dict[str, int] = field(default_factory=dict)
    _connections: list[_Connection] = field(default_factory=list)

    def cut(self) -> None:
        """End all connections at once; new ones work."""
        self.muted = False
        for connection in list(self._connections):
            self.loop.call_soon_threadsafe(connection.abort)

    def cut_after(self, direction: str, size: int) -> None:
        """End the connection, in the middle of whatever goes by then, after some bytes ``up`` or ``down``."""
        self._left[direction] = size

    def stall(self) -> None:
        """Let nothing through any more, without a word; also new connections only seem to work."""
        self._stalled = True
        for connection in self._connections:
            connection.dead = True

    def resume(self) -> None:
        """Let new connections through; the stalled ones stay dead, as in a router that has forgotten them."""
        self._stalled = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.loop = asyncio.get_running_loop()
        connection = _Connection(writer, dead=self._stalled)
        self._connections.append(connection)
        try:
            if connection.dead:
                await reader.read(-1)
                return
            there, connection.server = await asyncio.open_connection("127.0.0.1", self.server_port)
            await asyncio.gather(
                self._pump("up", connection, reader, connection.server),
                self._pump("down", connection, there, writer),
            )
        except OSError:
            pass
        finally:
            connection.abort()
            self._connections.remove(connection)

    async def _pump(
        self, direction: str, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(1 << 16):
            if connection.dead or (self.muted and direction == "down"):
                continue
            if direction in self._left:
                self._left[direction] -= len(data)
                if self._left[direction] <= 0:
                    sink.write(data[: self._left.pop(direction) - 1])
                    with contextlib.suppress(OSError):
                        await sink.drain()
                    raise ConnectionAbortedError
            self.passed += len(data) if direction == "up" else 0
            sink.write(data)
            await sink.drain()
        raise ConnectionAbortedError


@contextlib.contextmanager
def running(server_port: int) -> Iterator[Proxy]:
    """A proxy to a server of this machine, until the end of the block."""
    proxy = Proxy(server_port)
    with servers.running(lambda: asyncio.start_server(proxy.serve, "127.0.0.1", 0)) as proxy.port:
        yield proxy
