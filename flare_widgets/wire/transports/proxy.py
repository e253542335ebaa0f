"""An HTTP proxy on the way to the server: which one, and a tunnel through it (``CONNECT``). For the http scheme only.

The proxy sees the server's name and port. What goes through the tunnel is under TLS, whose end is the server.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import re
import socket
import urllib.parse
from dataclasses import dataclass, field

from ...errors import ConfigError, NoConnection
from ...formatting.secret import SecretText
from ...formatting.text import sanitize_lines
from ...kit import Settings
from .resolve import look_up

PROXY_VARIABLE = "FLARE_WIDGETS_PROXY"
"""Environment variable with the proxy's URL, which comes before the system's settings; ``none`` for no proxy."""

_NO_PROXY = "none"
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_MAX_ANSWER_BYTES = 16 << 10
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r)")


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    Attributes
    ----------
    host, port
        Its address.
    source
        Where it is set, for messages.
    authorization
        The value of its header ``Proxy-Authorization``; empty if it needs none.
    """

    host: str
    port: int
    source: str
    authorization: SecretText = field(default=SecretText(), repr=False)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"


def find_proxy(settings: Settings) -> Proxy | None:
    """Return the proxy to the server of a startup kit: that of our own variable, or the system's; None for none.

    The system's is in ``https_proxy`` or ``all_proxy``, with the exceptions in ``no_proxy``, or in the settings of
    macOS or Windows. This machine itself is never behind a proxy.

    Raises
    ------
    ConfigError
        It is not the URL of an HTTP proxy.
    """
    if settings.scheme not in ("http", "https"):
        return None
    import urllib.request

    own = SecretText(os.environ.get(PROXY_VARIABLE, "").strip())
    if own:
        return None if own.lower() == _NO_PROXY else _parse(own, PROXY_VARIABLE)
    if _is_this_machine(settings.host) or urllib.request.proxy_bypass(f"{settings.host}:{settings.port}"):
        return None
    found = urllib.request.getproxies()
    for name in ("https", "all"):
        if found.get(name):
            return _parse(SecretText(found[name]), f"{name}_proxy")
    return None


async def open_tunnel(proxy: Proxy, settings: Settings) -> socket.socket:
    """Return a socket that leads through a proxy to the server of a startup kit.

    Raises
    ------
    NoConnection
        The proxy cannot be reached, or refuses.
    """
    advice = f"Check {proxy.source}, or except the server from it: no_proxy={settings.host}"
    trouble = "it has no address"
    try:
        addresses = await look_up(proxy.host, proxy.port)
    except (OSError, ValueError) as e:
        addresses, trouble = [], f"its name is unknown: {getattr(e, 'strerror', None) or e}"
    for address in addresses:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (address, proxy.port))
            status = await _request_tunnel(sock, proxy, settings)
        except OSError as e:
            sock.close()
            trouble = (os.strerror(e.errno) if e.errno else str(e) or type(e).__name__).lower()
            continue
        except BaseException:
            sock.close()
            raise
        if status == 200:
            return sock
        sock.close()
        raise _refusal(proxy, settings, status, advice)
    raise NoConnection(f"the proxy {proxy.address} cannot be reached ({trouble})", next_step=advice)


async def _request_tunnel(sock: socket.socket, proxy: Proxy, settings: Settings) -> int:
    """Ask for the tunnel, and return the status of the answer; 0 if that is not HTTP."""
    loop = asyncio.get_running_loop()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host.encode("idna").decode()
    target = f"{host}:{settings.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(SecretText(f"Proxy-Authorization: {proxy.authorization}"))
    await loop.sock_sendall(sock, "".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # Byte by byte at the end would be exact; but nothing may follow here before we speak.
        received = await loop.sock_recv(sock, 4096)
        answer += received
        if not received or len(answer) > _MAX_ANSWER_BYTES or b"\r\n\r\n" in answer[:-4]:
            break
    found = _STATUS_LINE.match(answer)
    if found is None:
        return 0
    status = int(found[1])
    return status if status != 200 or answer.find(b"\r\n\r\n") == len(answer) - 4 else 0


def _refusal(proxy: Proxy, settings: Settings, status: int, advice: str) -> NoConnection:
    if status == 407:
        return NoConnection(
            f"the proxy {proxy.address} wants a user name and a password, or others than those in {proxy.source}",
            next_step=f"Put them into {proxy.source}: http://USER:PASSWORD@{proxy.address}",
        )
    if status == 0:
        return NoConnection(f"the proxy {proxy.address} does not answer as an HTTP proxy does", next_step=advice)
    return NoConnection(
        f"the proxy {proxy.address} does not connect to {settings.address}: HTTP status {status}",
        next_step=f"Ask your network's administrator to permit it. {advice}",
    )


def _parse(url: SecretText, source: str) -> Proxy:
    proxy = _try_parse(url, source)
    if proxy is None:
        raise ConfigError(
            f"{source} is not the URL of an HTTP proxy, the only kind that can be used here",
            next_step=f"Set it to http://HOST:PORT, or {PROXY_VARIABLE}={_NO_PROXY} for no proxy",
        )
    return proxy


def _try_parse(url: SecretText, source: str) -> Proxy | None:
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname or _UNPRINTABLE.search(parts.hostname):
            return None
        login = ""
        if parts.username is not None:
            name, password = (urllib.parse.unquote(text or "") for text in (parts.username, parts.password))
            login = f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
        host = sanitize_lines(parts.hostname, 300)
        return Proxy(host, 80 if parts.port is None else parts.port, source, SecretText(login))
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain")
