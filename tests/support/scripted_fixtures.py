"""Fixtures of tests that run our client against a scripted server: the server, its kit, and a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kits
import pytest
from servers import FlareServer

from flare_widgets.api import Session, connect
from flare_widgets.federation import registry


@pytest.fixture(autouse=True)
def own_federations_only(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the federations that run on this machine besides: no test may attach to one, or end it."""
    list_running, own = registry.list_running, tmp_path_factory.getbasetemp()
    monkeypatch.setattr(
        registry, "list_running", lambda: [(said, up) for said, up in list_running() if up.folder.is_relative_to(own)]
    )


@pytest.fixture
def server() -> FlareServer:
    return FlareServer()


@pytest.fixture
def kit(tmp_path: Path, server: FlareServer) -> Iterator[Path]:
    """A kit for the server, which is running."""
    with server.running() as port:
        yield kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port)


@pytest.fixture
def session(kit: Path) -> Iterator[Session]:
    with connect(kit, timeout=5) as session:
        yield session
