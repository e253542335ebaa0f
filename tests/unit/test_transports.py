"""The tcp and grpc transports, up to where FLARE begins; test_wrong_servers has whole sessions, over http."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kits
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import hangs_up, plain, says, silent, tls

from flare_widgets.errors import ConfigError, FlareError, NoConnection, ProtocolError, ServerIdentityError
from flare_widgets.federation.ports import ReservedPort
from flare_widgets.kit import SCHEMES, StartupKit
from flare_widgets.wire import frames, transports
from flare_widgets.wire.frames import Frame, FrameType
from flare_widgets.wire.transports import TransportClosed
from flare_widgets.wire.transports.tcp import TcpTransport
from flare_widgets.wire.transports.tls import matches_host

ROOT = Path(__file__).resolve().parents[2]
BOTH = pytest.mark.parametrize("scheme", ["tcp", "grpc"])


@pytest.fixture
def open_at(tmp_path: Path) -> Callable[..., Any]:
    """Open a transport, and close it again; or the error."""

    def opened(port: int, **admin: Any) -> FlareError | None:
        kit = StartupKit.load(kits.write_kit(tmp_path / "kit", port=port, **{"host": "127.0.0.1", **admin}))

        async def attempt() -> None:
            transport = await asyncio.wait_for(transports.connect(kit), 5)
            await transport.close()

        try:
            asyncio.run(attempt())
        except FlareError as e:
            return e
        return None

    return opened


def test_every_scheme_of_kit_has_transport() -> None:
    assert set(transports._PROTOCOLS) == SCHEMES


@BOTH
def test_nobody_listens(scheme: str, open_at: Callable[..., Any]) -> None:
    port = ReservedPort()
    error = open_at(port.number, scheme=scheme)
    port.release()
    assert type(error) is NoConnection
    assert f"nothing answers at 127.0.0.1:{port.number} (connection refused)" in str(error)


@BOTH
def test_unknown_host(scheme: str, open_at: Callable[..., Any]) -> None:
    error = open_at(8002, scheme=scheme, host="nowhere.invalid")
    assert "'nowhere.invalid' is unknown here" in str(error)


@BOTH
def test_no_tls(scheme: str, open_at: Callable[..., Any]) -> None:
    with plain(says(b"SSH-2.0-OpenSSH_9.6\r\n")) as port:
        error = open_at(port, scheme=scheme)
    assert re.search(r"something answers at .*, but it does not speak TLS", str(error))


@BOTH
def test_another_federation(scheme: str, open_at: Callable[..., Any]) -> None:
    other = kits.authority("another", key="another root")
    # The server wants a certificate of its own federation, so it hangs up on who asks for its name.
    with plain(silent, tls(kits.server(other), clients_of=other)) as port:
        error = open_at(port, scheme=scheme)
    assert type(error) is ServerIdentityError
    assert "expected 'server', with a certificate issued by 'example_project'" in str(error)
    assert "found 'server', issued by 'another'" in str(error)


@BOTH
def test_somebody_of_same_federation(scheme: str, open_at: Callable[..., Any]) -> None:
    with plain(silent, tls(kits.server(name="site-1"))) as port:
        error = open_at(port, scheme=scheme)
    assert type(error) is ServerIdentityError
    assert "is 'site-1', but the startup kit" in str(error)


def test_custom_root_requires_kit_server_name(open_at: Callable[..., Any], tmp_path: Path) -> None:
    company = kits.authority("a company", key="a company")
    for name, refused in (("localhost", False), ("server", False), ("elsewhere", True)):
        folder = tmp_path / name
        folder.mkdir()
        kit = kits.write_kit(folder / "kit", connection_security="tls", scheme="tcp", host="localhost")
        (kit / "startup" / "customRootCA.pem").write_bytes(company.pem)
        with plain(silent, tls(company.issue(name))) as port:
            kits.edit_admin(kit, port=port)

            async def attempt(kit: Path = kit) -> None:
                await (await transports.connect(StartupKit.load(kit))).close()

            if refused:
                with pytest.raises(
                    ServerIdentityError, match=r"'elsewhere', but .* for the server 'server' or 'localho"
                ):
                    asyncio.run(attempt())
            else:
                asyncio.run(attempt())


def test_grpc_without_http2(open_at: Callable[..., Any]) -> None:
    with plain(silent, tls(kits.server())) as port:
        error = open_at(port, scheme="grpc")
    assert type(error) is NoConnection
    assert "'grpc' (no HTTP/2)" in str(error)


def test_grpc_without_grpcio(open_at: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    error = open_at(8002, scheme="grpc")
    assert type(error) is ConfigError
    assert 'pip install "flare-widgets[grpc]"' in str(error)


def test_grpc_after_fork_is_refused(tmp_path: Path) -> None:
    """The child says so at once, instead of a crash; a child that does something else is not harmed."""
    context = tls(kits.server())
    context.set_alpn_protocols(["h2"])
    with plain(silent, context) as port:
        kit = kits.write_kit(tmp_path / "kit", port=port, scheme="grpc", host="127.0.0.1")
        code = f"""
import os, sys
from flare_widgets.errors import ConfigError, NoConnection
from flare_widgets import connect
def attempt():
    try:
        connect({str(kit)!r}, timeout=0.5)
    except (ConfigError, NoConnection) as error:
        return type(error).__name__, str(error)
print(attempt()[0], flush=True)
for use in (lambda: ("nothing", ""), attempt, lambda: ("nothing", "")):
    if os.fork() == 0:
        print(*use(), flush=True)
        os._exit(0)
    print(os.wait()[1], flush=True)
print(attempt()[0])
"""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "multiprocessing.get_context('spawn')" in lines[3]
    assert lines[3].startswith("ConfigError gRPC does not work in a process that was forked from one that has used it.")
    del lines[3]
    assert lines == ["NoConnection", "nothing ", "0", "0", "nothing ", "0", "NoConnection"]


@pytest.mark.parametrize(("host", "expected"), [("a.example", True), ("A.example.", True), ("b.example", False)])
def test_hosts_of_certificate(host: str, expected: bool) -> None:
    assert matches_host(kits.authority().issue("a.example").certificate, host) is expected
    assert matches_host(kits.authority().issue("*.example").certificate, "x.example")
    assert not matches_host(kits.authority().issue("*.example").certificate, "x.y.example")


# frames on a stream of bytes


@given(st.lists(st.binary(max_size=50), max_size=5), st.lists(st.integers(1, 40)))
def test_frames_survive_arbitrary_fragmentation(payloads: list[bytes], cuts: list[int]) -> None:
    sent = [frames.encode(Frame(FrameType.DATA, {"k": n}, data)) for n, data in enumerate(payloads)]
    stream = b"".join(sent)

    async def received() -> list[bytes]:
        reader = asyncio.StreamReader()
        transport = TcpTransport(reader, None)  # type: ignore[arg-type]
        reading = asyncio.ensure_future(_all(transport))
        rest = stream
        for cut in cuts:
            reader.feed_data(rest[:cut])
            rest = rest[cut:]
            await asyncio.sleep(0)
        reader.feed_data(rest)
        reader.feed_eof()
        return await reading

    assert asyncio.run(received()) == sent


async def _all(transport: TcpTransport) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(await transport.receive())
        except TransportClosed:
            return found


@pytest.mark.parametrize("size", [0, 15, frames.MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_bad_frame_size_refused_before_reading(size: int) -> None:
    prefix = struct.pack(">IHBBHHHH", size, 0, 1, 0, 0, 1, 1, 1)

    async def receive() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(prefix)
        await asyncio.wait_for(TcpTransport(reader, None).receive(), 1)  # type: ignore[arg-type]

    with pytest.raises(ProtocolError, match=f"says it has {size} bytes"):
        asyncio.run(receive())


@given(st.binary(max_size=20))
def test_any_bytes_are_prefix_or_error(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert frames.PREFIX_SIZE <= frames.read_length(data) <= frames.MAX_FRAME_BYTES


def test_silent_or_closed_tcp_server_abandoned(tmp_path: Path) -> None:
    async def talk(port: int) -> float:
        kit = StartupKit.load(kits.write_kit(tmp_path / str(port), port=port, scheme="tcp", host="127.0.0.1"))
        transport = await transports.connect(kit)
        if port == hanging:
            with pytest.raises(TransportClosed, match=r"closed by the server|broke|refused"):
                await transport.receive()
        began = time.monotonic()
        await transport.close()
        with pytest.raises(TransportClosed):
            await transport.send(b"too late")
        return time.monotonic() - began

    with plain(hangs_up, tls(kits.server())) as hanging, plain(silent, tls(kits.server())) as mute:
        assert asyncio.run(talk(hanging)) < 2
        assert asyncio.run(talk(mute)) < 2
