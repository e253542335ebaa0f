"""The http scheme: a websocket, one binary message a frame."""

from __future__ import annotations

import logging
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.frames import CloseCode

from ...errors import ProtocolError
from ...kit import StartupKit
from ..frames import MAX_FRAME, too_large
from .base import TransportClosed
from .dial import HUNG_UP, dial, ending, not_flare
from .tls import check_peer, client_context

_PATH = "/f3"
_PING = 20.0  # seconds between websocket pings, and until a peer that does not answer them is given up
_CLOSE = 0.5
_BROKEN = frozenset({CloseCode.MESSAGE_TOO_BIG, CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA})
# websockets logs the bytes of frames when debugging is on, and ours carry tokens. This logger has no parent and no
# handler, so nothing of it comes out.
_SILENT = logging.Logger("flare_widgets.silent", logging.CRITICAL + 1)


class _Socket(ClientConnection):
    """A websocket that knows when it last got bytes: a large message may take long to be complete."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        super().data_received(data)


class HttpTransport:
    """A websocket."""

    def __init__(self, socket: _Socket) -> None:
        self._socket = socket

    @property
    def heard_at(self) -> float:
        """When bytes last came."""
        return self._socket.heard_at

    async def send(self, frame: bytes) -> None:
        """Send one frame."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as e:
            raise TransportClosed(_why(e)) from None

    async def receive(self) -> bytes:
        """Return the next frame; a ProtocolError if what comes breaks the rules, or is too large."""
        try:
            message = await self._socket.recv(decode=False)
        except ConnectionClosed as e:
            if e.sent is not None and not e.rcvd_then_sent and e.sent.code in _BROKEN:
                too_big = e.sent.code == CloseCode.MESSAGE_TOO_BIG
                raise ProtocolError(too_large() if too_big else f"a broken websocket: {e.sent.reason}"[:200]) from None
            raise TransportClosed(_why(e)) from None
        return message if isinstance(message, bytes) else message.encode()

    async def close(self) -> None:
        """End the connection."""
        await self._socket.close()


async def connect_http(kit: StartupKit) -> HttpTransport:
    """Open a websocket to the kit's server, and check that it is that server."""
    context = client_context(kit)
    host = f"[{kit.host}]" if ":" in kit.host else kit.host

    async def open_at(address: str) -> _Socket:
        try:
            socket = await connect(
                f"{'ws' if context is None else 'wss'}://{host}:{kit.port}{_PATH}",
                host=address,
                port=kit.port,
                ssl=context,
                server_hostname=None if context is None else kit.host,
                proxy=None,
                compression=None,
                open_timeout=None,  # the caller's deadline is the only one
                close_timeout=_CLOSE,
                ping_interval=_PING,
                ping_timeout=_PING,
                max_size=MAX_FRAME,
                user_agent_header=None,
                logger=_SILENT,
                create_connection=_Socket,
            )
            assert isinstance(socket, _Socket)
            return socket
        except (InvalidHandshake, InvalidMessage, EOFError) as e:
            hung_up = isinstance(e, EOFError) or isinstance(e.__cause__, EOFError)
            raise not_flare(kit, HUNG_UP if hung_up else type(e).__name__) from None

    socket = await dial(kit, open_at)
    try:
        check_peer(kit, socket.transport.get_extra_info("ssl_object"))
    except BaseException:
        await socket.close()
        raise
    return HttpTransport(socket)


def _why(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"closed by the server, code {error.rcvd.code}"
    cause = error.__cause__
    if cause is not None:
        return ending(cause)
    return "the connection broke" if error.sent is None else "closed here"
