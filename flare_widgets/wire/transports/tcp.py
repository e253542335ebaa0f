"""The tcp scheme: frames back to back on a TLS socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

from ...kit import StartupKit
from .. import frames
from .base import TransportClosed, read_confirmed_bytes
from .dial import StreamPair, describe_close, dial, open_streams

_CLOSE_TIMEOUT_S = 0.5
_READ_SIZE = 256 << 10  # bytes read at once, so that a slow frame is seen to arrive
# Seconds of silence until the operating system probes the peer, seconds between two probes, and the number of
# unanswered probes until it is dropped. The names are Linux's; macOS has the last two.
_KEEPALIVE_OPTIONS = (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4))


class TcpTransport:
    """A socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.last_received_at = time.monotonic()
        self._drain_lock = asyncio.Lock()  # until Python 3.10.6, only one task may wait in drain()

    def confirmed_bytes(self) -> int | None:
        """Return the number of our bytes that have arrived."""
        return read_confirmed_bytes(self._writer.get_extra_info("socket"))

    async def send(self, frame: bytes) -> None:
        """Send one frame."""
        if self._writer.is_closing():
            raise TransportClosed("the connection broke")
        try:
            self._writer.write(frame)
            async with self._drain_lock:
                await self._writer.drain()
            return
        except OSError as e:
            reason = describe_close(e)
        raise TransportClosed(reason)  # outside the handler: the other error's frames have the bytes

    async def receive(self) -> bytes:
        """Return the next frame; raise ProtocolError if the bytes are not a frame, or it is too large."""
        try:
            prefix = await self._reader.readexactly(frames.PREFIX_SIZE)
            self.last_received_at = time.monotonic()
            # Checked before the rest is read: the size a peer announces must not fill our memory.
            rest = frames.read_length(prefix) - frames.PREFIX_SIZE
            pieces = [prefix]
            while rest:
                pieces.append(await self._reader.readexactly(min(rest, _READ_SIZE)))
                rest -= len(pieces[-1])
                self.last_received_at = time.monotonic()
            return b"".join(pieces)
        except (OSError, EOFError) as e:
            raise TransportClosed(describe_close(e)) from None

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        # All closers wait for one asyncio future: one that is cancelled or times out must not cancel it for others.
        closing = asyncio.ensure_future(self._writer.wait_closed())
        closing.add_done_callback(_retrieve_exception)
        try:
            await asyncio.wait({closing}, timeout=_CLOSE_TIMEOUT_S)
        finally:
            self._writer.transport.abort()  # TLS waits for the peer's farewell, which may never come


async def connect_tcp(kit: StartupKit) -> TcpTransport:
    """Open a socket to the kit's server, and check its identity."""

    async def open_at(address: str) -> StreamPair:
        return await open_streams(kit, address)

    reader, writer = await dial(kit, open_at)
    _enable_keepalive(writer.get_extra_info("socket"))
    return TcpTransport(reader, writer)


def _enable_keepalive(connection: socket.socket) -> None:
    """Enable TCP keepalive to detect a vanished peer: FLARE's server pings only once a minute."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE_OPTIONS:
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _retrieve_exception(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()  # asyncio complains about exceptions that are never retrieved; the outcome does not matter
