"""The http scheme: a websocket over TLS, one binary message a frame."""

from __future__ import annotations

import asyncio
import logging
import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from ...errors import NoConnection
from ...kit import StartupKit
from ..frames import MAX_FRAME
from .base import TransportClosed
from .resolve import resolve
from .tls import check_peer, client_context, explain

_PATH = "/f3"
_PING = 20.0  # seconds between websocket pings, and until a peer that does not answer them is given up
_CLOSE = 0.5
# websockets logs the bytes of frames when debugging is on, and ours carry tokens. This logger has no parent and no
# handler, so nothing of it comes out.
_SILENT = logging.Logger("flare_widgets.silent", logging.CRITICAL + 1)


class HttpTransport:
    """A websocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, frame: bytes) -> None:
        """Send one frame."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as e:
            raise TransportClosed(_why(e)) from None

    async def receive(self) -> bytes:
        """Return the next frame."""
        try:
            message = await self._socket.recv(decode=False)
        except ConnectionClosed as e:
            raise TransportClosed(_why(e)) from None
        return message if isinstance(message, bytes) else message.encode()

    async def close(self) -> None:
        """End the connection."""
        await self._socket.close()


async def connect_http(kit: StartupKit) -> HttpTransport:
    """Open a websocket to the kit's server, and check that it is that server."""
    context = client_context(kit)
    trouble: NoConnection | None = None
    name = f"[{kit.host}]" if ":" in kit.host else kit.host
    for address in await resolve(kit):
        try:
            socket = await connect(
                f"wss://{name}:{kit.port}{_PATH}",
                host=address,
                port=kit.port,
                ssl=context,
                server_hostname=kit.host,
                proxy=None,
                compression=None,
                open_timeout=None,  # the caller's deadline is the only one
                close_timeout=_CLOSE,
                ping_interval=_PING,
                ping_timeout=_PING,
                max_size=MAX_FRAME,
                user_agent_header=None,
                logger=_SILENT,
            )
        except ssl.SSLError as e:
            raise await explain(kit, e) from None
        except (InvalidHandshake, InvalidMessage, EOFError) as e:
            hung_up = isinstance(e, EOFError) or isinstance(e.__cause__, EOFError)
            how = "it hung up; perhaps it does not accept the kit's certificate" if hung_up else type(e).__name__
            raise NoConnection(
                f"something answers at {kit.address}, but not as a FLARE server does ({how}). "
                f"Check host and port in {kit.startup / 'fed_admin.json'}"
            ) from None
        except (OSError, asyncio.TimeoutError) as e:
            # localhost is often ::1 and 127.0.0.1, with a listener on one of them.
            trouble = NoConnection(f"nobody answers at {kit.address} ({_reason(e)}). Is the FL server running?")
            continue
        ssl_object = socket.transport.get_extra_info("ssl_object")
        try:
            check_peer(kit, ssl_object.getpeercert(binary_form=True) if ssl_object else None)
        except NoConnection:
            await socket.close()
            raise
        return HttpTransport(socket)
    raise trouble or NoConnection(f"the server's name '{kit.host}' has no address")


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _why(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"closed by the server, code {error.rcvd.code}"
    cause = error.__cause__
    if isinstance(cause, ssl.SSLError):
        # A server that does not accept our certificate says so only after the handshake (TLS 1.3).
        return f"the server refused it: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    return "the connection broke" if error.sent is None else "closed here"
