"""The http scheme: a websocket, one binary message per frame."""

from __future__ import annotations

import functools
import logging
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode

from ...errors import ProtocolError
from ...formatting.text import sanitize_lines
from ...kit import StartupKit
from ..frames import MAX_FRAME_BYTES, too_large_message
from .base import TransportClosed, read_confirmed_bytes
from .dial import HUNG_UP_MESSAGE, describe_close, dial, not_flare_error
from .proxy import find_proxy, open_tunnel
from .tls import check_peer, client_context

_PATH = "/f3"
_PING_INTERVAL_S = 20.0  # seconds between websocket pings, and until a peer that does not answer them is dropped
_CLOSE_TIMEOUT_S = 0.5
_PROTOCOL_ERROR_CODES = frozenset({CloseCode.MESSAGE_TOO_BIG, CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA})
# websockets logs the bytes of frames when debugging is on, and ours carry tokens. This logger has no parent and no
# handler, so it prints nothing.
_NULL_LOGGER = logging.Logger("flare_widgets.silent", logging.CRITICAL + 1)


class _Connection(ClientConnection):
    """A websocket that checks its peer before it sends anything, and records when it last received bytes."""

    def __init__(self, kit: StartupKit, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kit = kit
        self.last_received_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        # A large message may take long to complete.
        self.last_received_at = time.monotonic()
        super().data_received(data)

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        check_peer(self._kit, self.transport.get_extra_info("ssl_object"))
        await super().handshake(*args, **kwargs)


class _Connector(connect):
    """A connector that follows no redirect: no FLARE server sends one."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class HttpTransport:
    """A websocket."""

    def __init__(self, socket: _Connection) -> None:
        self._socket = socket

    @property
    def last_received_at(self) -> float:
        """Time when bytes last arrived."""
        return self._socket.last_received_at

    def confirmed_bytes(self) -> int | None:
        """Return the number of our bytes that have arrived."""
        return read_confirmed_bytes(self._socket.transport.get_extra_info("socket"))

    async def send(self, frame: bytes) -> None:
        """Send one frame."""
        try:
            await self._socket.send(frame)
            return
        except ConnectionClosed as e:
            reason = _describe_close(e)
        raise TransportClosed(reason)  # outside the handler: the other error's frames have the bytes

    async def receive(self) -> bytes:
        """Return the next frame; raise ProtocolError if it is invalid or too large."""
        try:
            message = await self._socket.recv(decode=False)
        except ConnectionClosed as e:
            if e.sent is not None and not e.rcvd_then_sent and e.sent.code in _PROTOCOL_ERROR_CODES:
                too_big = e.sent.code == CloseCode.MESSAGE_TOO_BIG
                raise ProtocolError(
                    too_large_message() if too_big else f"a broken websocket: {e.sent.reason}"[:200]
                ) from None
            raise TransportClosed(_describe_close(e)) from None
        return message if isinstance(message, bytes) else message.encode()

    async def close(self) -> None:
        """End the connection."""
        try:
            await self._socket.close()
        finally:
            self._socket.transport.abort()  # Python 3.10 warns of one that nobody closed, also if it was lost


async def connect_http(kit: StartupKit) -> HttpTransport:
    """Open a websocket to the kit's server, and check its identity."""
    context = client_context(kit)
    host = f"[{kit.host}]" if ":" in kit.host else kit.host
    create_connection: Any = functools.partial(_Connection, kit.without_key())

    async def open_at(address: str) -> _Connection:
        proxy = find_proxy(kit)
        place: dict[str, Any] = (
            {"host": address, "port": kit.port} if proxy is None else {"sock": await open_tunnel(proxy, kit)}
        )
        try:
            socket = await _Connector(
                f"{'ws' if context is None else 'wss'}://{host}:{kit.port}{_PATH}",
                **place,
                ssl=context,
                server_hostname=None if context is None else kit.host,
                proxy=None,
                compression=None,
                open_timeout=None,  # the caller's deadline is the only one
                close_timeout=_CLOSE_TIMEOUT_S,
                ping_interval=_PING_INTERVAL_S,
                ping_timeout=_PING_INTERVAL_S,
                max_size=MAX_FRAME_BYTES,
                user_agent_header=None,
                logger=_NULL_LOGGER,
                create_connection=create_connection,
            )
        except OSError:  # before ValueError, which some of OpenSSL's are too
            raise
        except (WebSocketException, ValueError, EOFError) as e:
            raise not_flare_error(kit, _describe_refusal(e)) from None
        assert isinstance(socket, _Connection)
        return socket

    return HttpTransport(await dial(kit, open_at))


def _describe_refusal(error: Exception) -> str:
    """Return in plain words why the peer is not a websocket."""
    if isinstance(error, EOFError) or isinstance(error.__cause__, EOFError):
        return HUNG_UP_MESSAGE
    if not isinstance(error, InvalidStatus):
        return type(error).__name__
    status = error.response.status_code
    location = error.response.headers.get_all("Location")
    if 300 <= status < 400 and location:
        return f"it answers with a redirect to {sanitize_lines(location[0], 100)}: a login page or a proxy?"
    return f"it answers with HTTP status {status}"


def _describe_close(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"closed by the server, code {error.rcvd.code}"
    cause = error.__cause__
    if cause is not None:
        return describe_close(cause)
    return "the connection broke" if error.sent is None else "closed here"
