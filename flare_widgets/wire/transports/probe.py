"""The first steps of a connection one by one, to say which of them fails."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence

from ...errors import NoConnection
from ...kit import Settings, StartupKit
from .tls import client_context, explain_tls_error


class ProbeConnection:
    """A connection to a port where somebody answers, on which nothing has been said yet.

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
            There is no TLS.
        ServerIdentityError
            The certificate of who answers does not come from the kit's root.
        ConfigError
            The kit's files or settings cannot be used for TLS.
        """
        # From here on the socket is asyncio's, which closes it on its own thread.
        sock, self._socket = self._socket, None
        if sock is None:
            raise asyncio.CancelledError  # whoever closed it was interrupted, and waits no more
        try:
            context = client_context(kit)
            assert context is not None  # nobody asks for a handshake where the kit says clear
            if kit.scheme in ("grpc", "grpcs", "agrpc", "agrpcs"):
                context.set_alpn_protocols(["h2"])  # some gRPC servers talk to nobody without
            _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=kit.host)
        except ssl.SSLError as e:
            sock.close()
            raise await explain_tls_error(kit, self.address, e) from None
        except OSError as e:
            sock.close()
            raise NoConnection(
                f"something answers at {kit.address}, but ends the connection before TLS begins "
                f"({_describe_error(e)}): "
                "not a FLARE server, or a proxy in between"
            ) from None
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


async def connect_any(kit: Settings, addresses: Sequence[str]) -> ProbeConnection:
    """Connect to the first of the server's IP addresses where somebody answers.

    Raises
    ------
    NoConnection
        Nobody does.
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
            why.append(f"{address}: {_describe_error(e)}")
        except BaseException:
            sock.close()
            raise
        else:
            return ProbeConnection(address, sock)
    raise NoConnection(
        f"nobody answers at {kit.address} ({'; '.join(why) or 'it has no address'}). Is the FL server running? "
        f"If it is, check host and port in {kit.startup / 'fed_admin.json'}"
    )


def _describe_error(error: OSError) -> str:
    # asyncio puts the address into strerror, and it is in the sentence already.
    return (os.strerror(error.errno) if error.errno else str(error) or type(error).__name__).lower()
