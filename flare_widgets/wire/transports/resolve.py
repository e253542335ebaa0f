"""Name resolution that leaves no thread behind, as asyncio's own does."""

from __future__ import annotations

import socket
from typing import Any

from ...errors import NoConnection
from ...kit import Settings
from ..loop import run_in_thread


async def resolve(kit: Settings) -> list[str]:
    """Return the IP addresses of the kit's server.

    Raises
    ------
    NoConnection
        The name is unknown.
    """
    try:
        return await look_up(kit.host, kit.port)
    except (OSError, ValueError) as e:
        raise NoConnection(
            f"the server's name '{kit.host}' is unknown here ({getattr(e, 'strerror', None) or e})",
            next_step=f"Check 'host' in {kit.source('host')}, your network or VPN, or add it to the hosts file",
        ) from None


async def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host.

    Raises
    ------
    OSError, ValueError
        The name is unknown; no host can have it.
    """
    found = await run_in_thread("flare-resolve", _look_up, host, port)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
