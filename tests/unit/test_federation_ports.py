"""The port of a federation."""

from __future__ import annotations

import contextlib
import socket
import sys

import pytest

from flare_widgets.federation.ports import ReservedPort, is_port_open


def test_ports_differ_and_nobody_answers() -> None:
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(50):
            ports.append(ReservedPort())
            stack.callback(ports[-1].release)
        assert len({port.number for port in ports}) == 50
        assert not is_port_open(ports[0].number)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux keeps a port this way")
def test_kept_port_is_for_server_only() -> None:
    port = ReservedPort()
    try:
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port.number))
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port.number))
            server.listen()
            assert is_port_open(port.number)
        assert not is_port_open(port.number)
    finally:
        port.release()
