"""A closed session leaves nothing for the garbage collector to complain about, as a project with -W error demands."""

from __future__ import annotations

import gc
import time
import warnings
from pathlib import Path

import kits
import pytest
from servers import FlareServer, plain, silent, tls
from waiting import wait_until

from flare_widgets import connect
from flare_widgets.errors import ServerIdentityError


def collect_warnings(use: object) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert callable(use)
        use()
        # Until Python 3.10, a transport counts as unclosed until something closes it, also one that was lost.
        for _ in range(5):
            gc.collect()
            time.sleep(0.02)
    return [str(each.message) for each in found if issubclass(each.category, ResourceWarning)]


@pytest.mark.parametrize(("scheme", "is_lost"), [("http", False), ("http", True), ("grpc", False)])
def test_closed_session_leaves_no_resource(scheme: str, is_lost: bool, tmp_path: Path) -> None:
    server = FlareServer()
    with server.running_grpc() if scheme == "grpc" else server.running() as port:
        kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port, scheme=scheme)

        def use() -> None:
            with connect(kit) as session:
                if is_lost:
                    states: list[str] = []
                    session.subscribe(lambda change: states.append(str(change)))
                    server.hang_up()
                    wait_until(lambda: states)

        assert collect_warnings(use) == []


@pytest.mark.parametrize("scheme", ["http", "tcp", "grpc"])
def test_refused_server_leaves_no_resource(scheme: str, tmp_path: Path) -> None:
    with plain(silent, tls(kits.server(name="another"))) as port:
        kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port, scheme=scheme)

        def use() -> None:
            with pytest.raises(ServerIdentityError):
                connect(kit, timeout=3)

        assert collect_warnings(use) == []
