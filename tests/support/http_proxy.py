"""A small HTTP proxy that makes tunnels to a server, whatever name that is asked for by."""

from __future__ import annotations

import asyncio
import contextlib

import servers


class HttpProxy:
    """Answers ``CONNECT`` requests.

    Parameters
    ----------
    target
        The port of the server, on this machine.

    Attributes
    ----------
    requests
        What it was asked.
    login
        The header ``Proxy-Authorization`` that it wants, if any.
    answer
        What it says instead of making a tunnel, if anything.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.requests: list[bytes] = []
        self.login: bytes | None = None
        self.answer: bytes | None = None

    def running(self) -> contextlib.AbstractContextManager[int]:
        """Run it until the end of the block; the port it listens on."""
        return servers.plain(self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(request)
        if self.login is not None and b"\r\nProxy-Authorization: " + self.login + b"\r\n" not in request:
            self.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        if self.answer is not None:
            writer.write(self.answer)
            await writer.drain()
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        writer.write(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
        pumps = [
            asyncio.ensure_future(self._pump(reader, to_server)),
            asyncio.ensure_future(self._pump(from_server, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            to_server.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
