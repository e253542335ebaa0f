"""A way to a server that harms what it carries, one fault at a time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

import servers
from proxy import Proxy

#: The faults on the way, and how many seconds each lasts: at least and at most.
FAULTS: dict[str, tuple[float, float]] = {
    "reset": (0, 0),
    "close": (0, 0),
    "half a frame, reset": (0, 0),
    "reset, refuse connections": (2, 7),
    "black hole": (0, 0),
    "flip a byte": (0, 0),
    "repeat bytes": (0, 0),
    "drop bytes": (0, 0),
    "stall": (2, 7),
    "delay": (8, 8),
    "slow line": (10, 10),
}

DELAY_S = 0.3
BYTES_PER_S = 10_000

_PIECE = 1 << 16
_SMALL_PIECE = 1 << 11  # of a slow line
_HALF_READ_AFTER_S = 0.02  # a reset would overtake what has not been read
_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Pair:
    """A client's connection, and ours to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_hole: bool = False

    def end(self, *, reset: bool) -> None:
        for writer in (self.client, self.server):
            if reset:
                with contextlib.suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class FaultProxy(Proxy):
    """A proxy with a fault that begins in the midst of what it carries.

    Parameters
    ----------
    port
        The server's.
    rng
        Decides which byte is flipped.

    Attributes
    ----------
    fired_at
        The time when the fault began; None while it has not.
    ends_at
        The time when it ends, or has ended, by itself.
    """

    def __init__(self, port: int, rng: random.Random) -> None:
        super().__init__(port)
        self.fired_at: float | None = None
        self.ends_at = 0.0
        self._rng = rng
        self._fault = ""  # the one that waits, or goes on
        self._is_up = False
        self._bytes_left = 0
        self._seconds = 0.0
        self._pairs: set[_Pair] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0
        self._reopening: asyncio.Task[None] | None = None

    def arm(self, fault: str, *, up: bool, after: int, seconds: float) -> None:
        """Have a fault begin once so many more bytes have gone up, or down."""
        self.fired_at = None
        self._is_up, self._bytes_left, self._seconds = up, after, seconds
        self._fault = fault  # last: the proxy's thread looks at it first

    def disarm(self) -> None:
        """Forget a fault that has not begun. One that has goes on to its end, and a black hole stays one."""
        if self.fired_at is None:
            self._fault = ""

    def cut(self) -> None:
        """Reset all connections. Called from any thread."""
        loop = self._listener.get_loop() if self._listener is not None else None
        if loop is not None:
            loop.call_soon_threadsafe(self._reset_all)

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        with servers.running(self._listen) as self._port:
            try:
                yield self._port
            finally:
                assert self._listener is not None
                self._listener.get_loop().call_soon_threadsafe(self._listener.close)

    async def _listen(self, port: int = 0) -> asyncio.Server:
        self._listener = await asyncio.start_server(self._serve_quietly, "127.0.0.1", port)
        return self._listener

    async def _serve_quietly(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled at the end, which asyncio would report as an error of a callback.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server)
        pair = _Pair(writer, to_server)
        self._pairs.add(pair)
        pumps = [
            asyncio.ensure_future(self._carry(pair, reader, to_server, up=True)),
            asyncio.ensure_future(self._carry(pair, from_server, writer, up=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pairs.discard(pair)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            pair.end(reset=False)

    async def _carry(
        self, pair: _Pair, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        while data := await reader.read(_SMALL_PIECE if self._lasts("slow line") else _PIECE):
            if up:
                self.up += len(data)
            else:
                self.down += len(data)
            if self._is_due(up, len(data)) and (changed := await self._begin(pair, data, writer)) is not None:
                data = changed
            if pair.is_hole:
                continue
            if self._lasts("stall"):
                await asyncio.sleep(self.ends_at - time.monotonic())
            if self._lasts("delay"):
                await asyncio.sleep(DELAY_S)
            if self._lasts("slow line"):
                await asyncio.sleep(len(data) / BYTES_PER_S)
            writer.write(data)
            await writer.drain()

    def _lasts(self, fault: str) -> bool:
        return self._fault == fault and self.fired_at is not None and time.monotonic() < self.ends_at

    def _is_due(self, up: bool, size: int) -> bool:
        if not self._fault or self.fired_at is not None or up is not self._is_up:
            return False
        self._bytes_left -= size
        return self._bytes_left <= 0

    async def _begin(self, pair: _Pair, data: bytes, writer: asyncio.StreamWriter) -> bytes | None:
        """Begin the fault; return what to carry in place of `data`, None if there is no change."""
        fault = self._fault
        now = time.monotonic()
        self.ends_at = now + self._seconds
        self.fired_at = now
        if fault == "black hole":
            pair.is_hole = True
        elif fault == "flip a byte":
            at = self._rng.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        elif fault == "repeat bytes":
            return data + data
        elif fault == "drop bytes":
            return b""
        elif fault == "half a frame, reset":
            writer.write(data[: len(data) // 2])
            await writer.drain()
            await asyncio.sleep(_HALF_READ_AFTER_S)
            pair.end(reset=True)
        elif fault == "reset, refuse connections":
            assert self._listener is not None
            self._listener.close()  # first: who is reset comes back at once
            self._reset_all()
            self._reopening = asyncio.ensure_future(self._refuse_connections())
        elif fault in ("reset", "close"):
            pair.end(reset=fault == "reset")
        return None

    def _reset_all(self) -> None:
        for pair in list(self._pairs):
            pair.end(reset=True)

    async def _refuse_connections(self) -> None:
        with socket.socket() as placeholder:  # keeps the port, so that nobody else gets it
            placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            placeholder.bind(("127.0.0.1", self._port))
            await asyncio.sleep(self._seconds)
        await self._listen(self._port)
        self.ends_at = time.monotonic()
