"""Transports: the only modules that touch a socket.

A transport carries whole SFM frames. Which one a federation uses is said by the startup kit's scheme.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...kit import StartupKit
from .base import Transport, TransportClosed
from .grpc import connect_grpc
from .http import connect_http
from .tcp import connect_tcp

__all__ = ["Transport", "TransportClosed", "connect"]

# The names that nvflare knows its drivers by; the server's side of some differs, what is on the wire does not.
_CONNECTORS: dict[str, Callable[[StartupKit], Awaitable[Transport]]] = {
    **dict.fromkeys(("http", "https"), connect_http),
    **dict.fromkeys(("tcp", "stcp", "atcp", "satcp"), connect_tcp),
    **dict.fromkeys(("grpc", "grpcs", "agrpc", "agrpcs"), connect_grpc),
}


async def connect(kit: StartupKit) -> Transport:
    """Open the transport that the kit asks for.

    Raises
    ------
    NoConnection
        Nobody listens, the name is unknown, or what listens is not a FLARE server.
    ServerIdentityError
        The server's certificate is not the one the kit demands.
    ConfigError
        The kit's scheme needs a package which is not installed.
    """
    return await _CONNECTORS[kit.scheme](kit)
