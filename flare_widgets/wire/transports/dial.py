"""Dialing the server's address: the steps common to all schemes, and their error messages."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ...errors import NoConnection
from ...kit import StartupKit
from .proxy import find_proxy
from .resolve import resolve
from .tls import check_peer, client_context, explain_tls_error

T = TypeVar("T")

# Large enough for a chunk of the server, so that reading one does not stop and go.
_BUFFER_BYTES = 2 << 20

HUNG_UP_MESSAGE = "it closed the connection; perhaps it does not accept the kit's certificate"

_HUNG_UP_ERRORS = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, EOFError)

StreamPair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(kit: StartupKit, open_at: Callable[[str], Awaitable[T]]) -> T:
    """Return the result of `open_at` for the first of the server's IP addresses that answers.

    If a proxy is on the way, it is that for the server's name, which the proxy resolves.

    Raises
    ------
    NoConnection
        Nothing answers, the name is unknown, or TLS fails.
    ServerIdentityError
        Something other than the kit's server answers.
    """
    trouble: NoConnection | None = None
    for address in [kit.host] if find_proxy(kit) is not None else await resolve(kit):
        try:
            return await open_at(address)
        except NoConnection:  # already in plain words
            raise
        except ssl.SSLError as e:
            raise await explain_tls_error(kit, address, e) from None
        except _HUNG_UP_ERRORS as e:
            trouble = hung_up_error(kit, e)
        except (OSError, asyncio.TimeoutError) as e:
            # localhost is often both ::1 and 127.0.0.1, with a listener on one of them.
            trouble = NoConnection(
                f"nothing answers at {kit.address} ({describe_error(e)})",
                next_step="Check that the FL server is running",
            )
    raise trouble or NoConnection(f"the server's name '{kit.host}' has no address")


async def open_streams(kit: StartupKit, address: str, protocols: tuple[str, ...] = ()) -> StreamPair:
    """Open a socket to one of the server's addresses, under TLS unless the kit says clear, and check its identity.

    Parameters
    ----------
    kit
        The startup kit of the server.
    address
        An IP address.
    protocols
        Protocols to offer by ALPN.
    """
    context = client_context(kit)
    if context is not None and protocols:
        context.set_alpn_protocols(list(protocols))
    # asyncio sets TCP_NODELAY on every TCP socket.
    reader, writer = await asyncio.open_connection(
        address, kit.port, limit=_BUFFER_BYTES, ssl=context, server_hostname=kit.host if context is not None else None
    )
    try:
        check_peer(kit, writer.get_extra_info("ssl_object"))
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


def hung_up_error(kit: StartupKit, error: BaseException) -> NoConnection:
    """Return the error for a peer that takes the connection and ends it before TLS is established."""
    return NoConnection(
        f"something accepts the connection to {kit.address} and ends it before TLS is established "
        f"({describe_error(error)}): a firewall or a proxy in between, another program, or a server that is starting",
        next_step=f"Check host and port in {kit.source('host', 'port')}; if they are right, ask your network's "
        "administrator whether the connection is allowed",
    )


def not_flare_error(kit: StartupKit, detail: str) -> NoConnection:
    """Return the error for a peer that answers, but does not behave like a FLARE server."""
    return NoConnection(
        f"something answers at {kit.address}, but not as a FLARE server does over '{kit.scheme}' ({detail})",
        next_step=f"Check scheme, host and port in {kit.source('scheme', 'host', 'port')}",
    )


def describe_close(error: BaseException) -> str:
    """Return in plain words the reason a connection ended."""
    if isinstance(error, ssl.SSLError):
        # A server that does not accept our certificate says so only after the handshake (TLS 1.3).
        return f"the server refused it: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, EOFError):
        return "closed by the server"
    return "the connection broke"


def describe_error(error: BaseException) -> str:
    """Return in plain words why a connection could not be made."""
    for kind, words in _ERROR_WORDS.items():
        if isinstance(error, kind) and (kind is not ConnectionAbortedError or not str(error)):
            return words
    # asyncio puts the address into strerror, and the sentence already has it.
    number = getattr(error, "errno", None)
    return (os.strerror(number) if number else str(error) or type(error).__name__).lower()


# asyncio raises some of these without a text.
_ERROR_WORDS: dict[type[BaseException], str] = {
    ConnectionRefusedError: "connection refused",
    ConnectionResetError: "connection reset",
    ConnectionAbortedError: "connection aborted",
    BrokenPipeError: "connection reset",
    EOFError: "connection closed",
    asyncio.TimeoutError: "it timed out",
    TimeoutError: "it timed out",
}
