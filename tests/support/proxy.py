"""A way to a server that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import servers

_PIECE = 1 << 16


class Proxy:
    """Passes on what a client and a server at a port of this machine say, and counts it.

    Parameters
    ----------
    port
        The server's.

    Attributes
    ----------
    up, down
        Bytes that went to and came from the server.
    cut_up, cut_down
        The connection is cut when it has carried so many, once.
    closed
        Whether nobody gets through any more.
    cuts
        How often a connection was cut.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self.up = self.down = self.cuts = 0
        self.cut_up: int | None = None
        self.cut_down: int | None = None
        self.closed = False

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        """Run it until the end of the block; the port it listens on."""
        with servers.plain(self._serve) as port:
            yield port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed:
            writer.transport.abort()
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server)
        pumps = [
            asyncio.ensure_future(self._pump(reader, to_server, up=True)),
            asyncio.ensure_future(self._pump(from_server, writer, up=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            writer.transport.abort()
            to_server.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        while data := await reader.read(_PIECE):
            if up:
                self.up += len(data)
            else:
                self.down += len(data)
            if self._is_cut():
                self.cuts += 1
                return
            writer.write(data)
            await writer.drain()

    def _is_cut(self) -> bool:
        if self.cut_up is not None and self.up >= self.cut_up:
            self.cut_up = None
            return True
        if self.cut_down is not None and self.down >= self.cut_down:
            self.cut_down = None
            return True
        return False
