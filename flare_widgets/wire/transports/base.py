"""Interface of a transport."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any, Protocol

# In Linux's struct tcp_info: tcpi_bytes_acked, since 4.1.
_BYTES_ACKED = struct.Struct("=120xQ")


class TransportClosed(ConnectionError):
    """The connection ended; the message gives the reason."""


class Transport(Protocol):
    """One connection to the server."""

    @property
    def last_received_at(self) -> float:
        """Time when bytes from the server last arrived, by :func:`time.monotonic`.

        Parts of a large frame count as they arrive, where the transport can see them (not with gRPC).
        """

    def confirmed_bytes(self) -> int | None:
        """Return the number of our bytes whose arrival the peer's system has confirmed; None if it is unknown."""

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
        """End the connection; return soon whatever the peer does."""


def read_confirmed_bytes(sock: Any) -> int | None:
    """Return the number of bytes sent on a TCP socket that its peer has confirmed; None where the system hides it."""
    if sys.platform != "linux" or sock is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
    except OSError:
        return None
    return int(_BYTES_ACKED.unpack(info)[0]) if len(info) == _BYTES_ACKED.size else None
