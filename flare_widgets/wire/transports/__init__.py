"""Transports: the only modules that touch a socket.

A transport carries whole SFM frames. Which one a federation uses is said by the startup kit's scheme.
"""

from __future__ import annotations

from ...errors import ConfigError
from ...kit import StartupKit
from .base import Transport, TransportClosed
from .http import connect_http

__all__ = ["Transport", "TransportClosed", "connect"]


async def connect(kit: StartupKit) -> Transport:
    """Open the transport that the kit asks for.

    Raises
    ------
    NoConnection
        Nobody listens, the name is unknown, or what listens is not a FLARE server.
    ServerIdentityError
        The server's certificate is not the one the kit demands.
    ConfigError
        The kit asks for a scheme or a security mode that is not supported.
    """
    if kit.scheme in ("http", "https"):
        return await connect_http(kit)
    raise ConfigError(f"the kit's scheme '{kit.scheme}' is not supported yet, only http")
