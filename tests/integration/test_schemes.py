"""Federations whose scheme is not http, the default, which the other tests use."""

from __future__ import annotations

import importlib.util
import shutil
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import kits
import pytest

if importlib.util.find_spec("nvflare") is None:
    pytest.skip("needs the extra 'local'", allow_module_level=True)

from walk import walk

from flare_widgets.api import connect
from flare_widgets.errors import NoConnection, ProtocolError, ServerIdentityError
from flare_widgets.federation import LocalFederation


@pytest.fixture(scope="module", params=["tcp", "grpc"])
def federation(request: pytest.FixtureRequest) -> Iterator[LocalFederation]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy"):  # FLARE's gRPC would ask them even for this machine
            patch.setenv(name, "http://127.0.0.1:9")
        federation = LocalFederation(2, scheme=request.param)
        federation.start()
    try:
        yield federation
    finally:
        federation.stop()


@pytest.fixture
def scheme(federation: LocalFederation) -> str:
    return federation._scheme


def test_every_command_works(federation: LocalFederation, tmp_path: Path) -> None:
    with connect(federation.admin_kit) as session:
        walk(session, tmp_path, version("nvflare"))


def test_connection_leaves_nothing_behind(federation: LocalFederation, scheme: str) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        with connect(federation.admin_kit) as session:
            session.list_jobs()
    threads = {thread.name for thread in set(threading.enumerate()) - before}
    # Our own for all sockets, and gRPC's own for all channels.
    assert len(threads - {"flare-io"}) <= (scheme == "grpc"), threads


def test_kit_of_another_federation(federation: LocalFederation, scheme: str, tmp_path: Path) -> None:
    kit = kits.write_kit(tmp_path / "kit", scheme=scheme, port=federation.port)
    with pytest.raises(ServerIdentityError, match=r"expected 'server'.*found 'server', issued by 'local'"):
        connect(kit)


@pytest.mark.parametrize("other", ["tcp", "grpc"])
def test_server_of_another_scheme(other: str, federation: LocalFederation, scheme: str, tmp_path: Path) -> None:
    if other == scheme:
        other = "http"
    kit = tmp_path / "kit"
    shutil.copytree(federation.admin_kit, kit)
    kits.edit_admin(kit, scheme=other)
    with pytest.raises((NoConnection, ProtocolError), match=r"answer|speak|lost"):
        connect(kit, timeout=1)
