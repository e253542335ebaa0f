"""An HTTP proxy on the way to the server: found, gone through, and named where it is in the way."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from http_proxy import HttpProxy
from servers import FlareServer, plain, says, silent, tls

from flare_widgets.api import Session, check_kit, connect
from flare_widgets.errors import ConfigError, FlareError, NoConnection, ServerIdentityError
from flare_widgets.kit import StartupKit
from flare_widgets.wire.transports.proxy import Proxy, find_proxy

HOST = "flare.example.org"  # which only the proxy can resolve
SOON = 0.3


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "FLARE_WIDGETS_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        assert host != HOST, "the proxy resolves it"
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def server() -> FlareServer:
    return FlareServer()


@pytest.fixture
def proxy(server: FlareServer) -> Iterator[HttpProxy]:
    with server.running() as port:
        yield HttpProxy(port)


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    kit = kits.write_kit(tmp_path / "kit", host=HOST, port=8443)
    (kit / "startup" / "client.key").chmod(0o600)
    return kit


def refused(kit: Path, timeout: float = SOON) -> FlareError:
    with pytest.raises(FlareError) as caught:
        connect(kit, timeout=timeout)
    return caught.value


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "FLARE_WIDGETS_PROXY"])
def test_session_goes_through_proxy(
    kit: Path, server: FlareServer, proxy: HttpProxy, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy.running() as port:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        with connect(kit, timeout=5) as session:
            assert session.list_jobs() == []
            server.hang_up()
            assert session.list_jobs() == []  # connected again, by the same way
    assert [request.split(b"\r\n")[0] for request in proxy.requests] == [b"CONNECT flare.example.org:8443 HTTP/1.1"] * 2


def test_user_and_password_are_sent_and_never_shown(
    kit: Path, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.login = b"Basic " + base64.b64encode(b"ada:p@ss:word")
    with proxy.running() as port:
        monkeypatch.setenv("https_proxy", f"ada:p%40ss%3Aword@127.0.0.1:{port}")  # also without http://
        found = find_proxy(StartupKit.load(kit))
        assert found is not None
        with connect(kit, timeout=5) as session:
            assert session.list_jobs() == []
        monkeypatch.setenv("https_proxy", f"http://ada:other@127.0.0.1:{port}")
        error = refused(kit)
    assert "p@ss" not in repr(found) + str(found)
    assert proxy.login.decode()[6:] not in repr(found)
    assert "wants a user name and a password, or others than those in https_proxy" in str(error)
    assert "other@" not in str(error)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", f"does not connect to {HOST}:8443: HTTP status 403"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nabc", "HTTP status 502"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://login/\r\n\r\n", "HTTP status 302"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not answer as an HTTP proxy does"),
        (b"", "does not answer as an HTTP proxy does"),
        (b"HTTP/1.1 200 OK\r\n\r\nand more", "does not answer as an HTTP proxy does"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", "does not answer as an HTTP proxy does"),
    ],
    ids=["forbidden", "bad gateway", "redirect", "ssh", "nothing", "too much", "endless"],
)
def test_proxy_that_makes_no_tunnel_is_named(
    kit: Path, proxy: HttpProxy, answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.answer = answer
    with proxy.running() as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        error = refused(kit)
        report = check_kit(kit)
    for said in (str(error), report["port"].sentence):
        assert f"the proxy 127.0.0.1:{port}" in said
        assert words in said
        assert f"https_proxy, or except the server from it: no_proxy={HOST}" in said
    assert type(error) is NoConnection
    assert report["port"].outcome == "failed"


def test_proxy_that_is_not_there_is_named(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    error = refused(kit)
    assert f"the proxy 127.0.0.1:{port} cannot be reached (connection refused)" in str(error)
    monkeypatch.setenv("https_proxy", "http://no-such-host.invalid:3128")
    assert "its name is unknown" in str(refused(kit, 0.5))


def test_silent_proxy_ends_at_timeout(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with plain(silent) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert "within 0.3 s" in str(refused(kit))


def test_proxy_that_reads_along_is_refused_and_named(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends TLS itself, with a certificate of the company's own."""
    company = kits.authority("a company", key="a company")
    with plain(silent, tls(kits.server(company))) as between:
        proxy = HttpProxy(between)
        with proxy.running() as port:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            error = refused(kit, 5)
    assert type(error) is ServerIdentityError
    assert "found 'server', issued by 'a company'" in str(error)


def test_check_goes_through_proxy(kit: Path, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy.running() as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        report = check_kit(kit)
    assert report.ok, report
    assert report["host"].sentence == f"'{HOST}' is left to the proxy 127.0.0.1:{port}, which https_proxy names"
    assert report["port"].sentence == f"port 8443 answers through the proxy 127.0.0.1:{port}"
    assert report["login"].outcome == "ok"


def found(monkeypatch: pytest.MonkeyPatch, kit: Path, environ: dict[str, str], **admin: Any) -> Proxy | None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    kits.edit_admin(kit, **admin)
    return find_proxy(StartupKit.load(kit))


PROXY = {"https_proxy": "http://proxy.example.org:3128"}


@pytest.mark.parametrize(
    ("environ", "admin"),
    [
        ({}, {}),
        ({**PROXY, "no_proxy": "example.org"}, {}),
        ({**PROXY, "no_proxy": HOST}, {}),
        ({**PROXY, "no_proxy": f"x,{HOST}:8443"}, {}),
        ({**PROXY, "no_proxy": "*"}, {}),
        ({**PROXY, "FLARE_WIDGETS_PROXY": "none"}, {}),
        ({"http_proxy": "http://proxy.example.org:3128"}, {}),
        (PROXY, {"scheme": "tcp"}),
        (PROXY, {"scheme": "grpc"}),
        (PROXY, {"host": "localhost"}),
        (PROXY, {"host": "127.0.0.1"}),
        (PROXY, {"host": "127.8.8.8"}),
        (PROXY, {"host": "::1"}),
    ],
    ids=str,
)
def test_no_proxy(kit: Path, environ: dict[str, str], admin: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, kit, environ, **admin) is None


def test_own_variable_comes_first(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {**PROXY, "no_proxy": "*", "FLARE_WIDGETS_PROXY": "http://own.example.org"}
    proxy = found(monkeypatch, kit, environ)
    assert proxy == Proxy("own.example.org", 80, "FLARE_WIDGETS_PROXY")


@pytest.mark.parametrize(
    "url", ["socks5://x:1080", "https://x:443", "http://", "http://x:99999", "http://x:y", "http://[::1"]
)
def test_other_kind_of_proxy_is_refused(kit: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"https_proxy is not the URL of an HTTP proxy.*FLARE_WIDGETS_PROXY=none"):
        found(monkeypatch, kit, {"https_proxy": url})
    with pytest.raises(ConfigError):
        Session("", kit).try_connect(2)
    assert check_kit(kit)["host"].outcome == "failed"


def test_server_says_http_through_no_tunnel(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server in the proxy's place answers every request with a page."""
    with plain(says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert "does not answer as an HTTP proxy does" in str(refused(kit))
