"""Transports: the only modules that touch a socket.

A transport carries whole SFM frames. Which one a federation uses is said by the startup kit's scheme.
"""

from __future__ import annotations

from typing import Protocol

from ...errors import ConfigError
from ...kit import StartupKit


class TransportClosed(ConnectionError):
    """The connection ended; the message says how."""


class Transport(Protocol):
    """One connection to the server."""

    async def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises
        ------
        TransportClosed
            The connection has ended.
        """

    async def receive(self) -> bytes:
        """Return the next frame.

        Raises
        ------
        TransportClosed
            The connection has ended.
        """

    async def close(self) -> None:
        """End the connection; returns soon whatever the peer does."""


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
        from .http import connect_http

        return await connect_http(kit)
    raise ConfigError(f"the kit's scheme '{kit.scheme}' is not supported yet, only http")
