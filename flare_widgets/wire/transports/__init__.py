"""Transports: the only modules that touch a socket.

A transport carries whole SFM frames. The startup kit's scheme selects the one that a federation uses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...kit import StartupKit
from .base import Transport, TransportClosed
from .grpc import connect_grpc
from .http import connect_http
from .tcp import connect_tcp

__all__ = ["Transport", "TransportClosed", "connect"]

# nvflare's names of its drivers; the server's side of some differs, the bytes on the wire do not.
_CONNECTORS: dict[str, Callable[[StartupKit], Awaitable[Transport]]] = {
    **dict.fromkeys(("http", "https"), connect_http),
    **dict.fromkeys(("tcp", "stcp", "atcp", "satcp"), connect_tcp),
    **dict.fromkeys(("grpc", "grpcs", "agrpc", "agrpcs"), connect_grpc),
}


async def connect(kit: StartupKit) -> Transport:
    """Open the transport that the kit names.

    Raises
    ------
    NoConnection
        Nothing listens, the name is unknown, or what listens is not a FLARE server.
    ServerIdentityError
        The server's certificate is not the one the kit requires.
    ConfigError
        The kit's scheme needs a package that is not installed.
    """
    return await _CONNECTORS[kit.scheme](kit)
