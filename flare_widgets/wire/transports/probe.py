"""The first steps of a connection one by one, to find out which of them fails."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence

from ...errors import NoConnection
from ...kit import Settings, StartupKit
from .dial import describe_error, hung_up_error
from .proxy import Proxy, open_tunnel
from .tls import client_context, explain_tls_error


class ProbeConnection:
    """A connection to a port that answers, over which nothing has been sent yet.

    Attributes
    ----------
    address
        The IP address.
    """

    def __init__(self, address: str, sock: socket.socket) -> None:
        self.address = address
        self._socket: socket.socket | None = sock

    async def handshake(self, kit: StartupKit) -> str:
        """Do the TLS handshake, end the connection, and return the version of TLS.

        Raises
        ------
        NoConnection
            The peer does not speak TLS.
        ServerIdentityError
            The peer's certificate was not issued by the kit's root.
        ConfigError
            The kit's files or settings cannot be used for TLS.
        """
        # From here on asyncio owns the socket, and closes it on its own thread.
        sock, self._socket = self._socket, None
        if sock is None:
            raise asyncio.CancelledError  # closed by an interrupted caller, which no longer waits
        try:
            context = client_context(kit)
            assert context is not None  # no handshake is requested where the kit says clear
            if kit.scheme in ("grpc", "grpcs", "agrpc", "agrpcs"):
                context.set_alpn_protocols(["h2"])  # some gRPC servers refuse connections without it
            _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=kit.host)
        except ssl.SSLError as e:
            sock.close()
            raise await explain_tls_error(kit, self.address, e) from None
        except OSError as e:
            sock.close()
            raise hung_up_error(kit, e) from None
        except BaseException:
            sock.close()
            raise
        try:
            return str(writer.get_extra_info("ssl_object").version())
        finally:
            writer.transport.abort()

    def close(self) -> None:
        """End the connection, unless the handshake has done or will do so."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()


async def connect_through(proxy: Proxy, settings: Settings) -> ProbeConnection:
    """Connect to the server through a proxy; errors as in :func:`.open_tunnel`."""
    return ProbeConnection(proxy.address, await open_tunnel(proxy, settings))


async def connect_any(kit: Settings, addresses: Sequence[str]) -> ProbeConnection:
    """Connect to the first of the server's IP addresses that answers.

    Raises
    ------
    NoConnection
        None answers.
    """
    why: list[str] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (address, kit.port))
        except OSError as e:
            sock.close()
            why.append(f"{address}: {describe_error(e)}")
        except BaseException:
            sock.close()
            raise
        else:
            return ProbeConnection(address, sock)
    raise NoConnection(
        f"nothing answers at {kit.address} ({'; '.join(why) or 'it has no address'})",
        next_step=f"Check that the FL server is running; if it is, check host and port in {kit.source('host', 'port')}",
    )
