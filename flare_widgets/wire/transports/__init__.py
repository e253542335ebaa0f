"""Transports: the only modules that touch a socket.

A transport carries whole SFM frames. The startup kit's scheme selects the one that a federation uses; the others are
never imported.
"""

from __future__ import annotations

from ...kit import StartupKit
from .base import Transport, TransportClosed

__all__ = ["Transport", "TransportClosed", "connect"]

# nvflare's names of its drivers; the server's side of some differs, the bytes on the wire do not.
_PROTOCOLS = {
    **dict.fromkeys(("http", "https"), "http"),
    **dict.fromkeys(("tcp", "stcp", "atcp", "satcp"), "tcp"),
    **dict.fromkeys(("grpc", "grpcs", "agrpc", "agrpcs"), "grpc"),
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
    protocol = _PROTOCOLS[kit.scheme]
    if protocol == "tcp":
        from .tcp import connect_tcp

        return await connect_tcp(kit)
    if protocol == "grpc":
        from .grpc import connect_grpc

        return await connect_grpc(kit)
    from .http import connect_http

    return await connect_http(kit)
