"""What a transport is."""

from __future__ import annotations

from typing import Protocol


class TransportClosed(ConnectionError):
    """The connection ended; the message says how."""


class Transport(Protocol):
    """One connection to the server."""

    @property
    def last_received_at(self) -> float:
        """When bytes of the server last came, by :func:`time.monotonic`.

        Those of a large frame count while it comes, where the transport can see them (not with gRPC).
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
        """End the connection; returns soon whatever the peer does."""
