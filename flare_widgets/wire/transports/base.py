"""Interface of a transport."""

from __future__ import annotations

from typing import Protocol


class TransportClosed(ConnectionError):
    """The connection ended; the message gives the reason."""


class Transport(Protocol):
    """One connection to the server."""

    @property
    def last_received_at(self) -> float:
        """Time when bytes from the server last arrived, by :func:`time.monotonic`.

        Parts of a large frame count as they arrive, where the transport can see them (not with gRPC).
        """

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
