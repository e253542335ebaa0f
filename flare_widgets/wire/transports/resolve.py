"""Name resolution that leaves no thread behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

from ...errors import NoConnection
from ...kit import Settings


async def resolve(kit: Settings) -> list[str]:
    """Return the IP addresses of the kit's server.

    asyncio's own resolver keeps its thread pool forever; this thread ends with its answer, and as a daemon it never
    delays the end of the process when a name server hangs.

    Raises
    ------
    NoConnection
        The name is unknown.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[Any]] = loop.create_future()

    def finish(found: list[Any] | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(found or [])

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(kit.host, kit.port, type=socket.SOCK_STREAM)
            loop.call_soon_threadsafe(finish, found, None)
        except (OSError, ValueError) as e:  # ValueError: a name that no host can have
            loop.call_soon_threadsafe(finish, None, e)

    threading.Thread(target=look_up, name="flare-resolve", daemon=True).start()
    try:
        found = await future
    except (OSError, ValueError) as e:
        raise NoConnection(
            f"the server's name '{kit.host}' is unknown here ({getattr(e, 'strerror', None) or e})",
            next_step=f"Check 'host' in {kit.source('host')}, your network or VPN, or add it to the hosts file",
        ) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
