"""A federation whose server has a port of its own for admins: what is at each of the two."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import kits
import pytest

if importlib.util.find_spec("nvflare") is None:
    pytest.skip("needs the extra 'local'", allow_module_level=True)

from bare_server import bare_server, edit

from flare_widgets.api import connect
from flare_widgets.errors import NoConnection
from flare_widgets.federation import provision
from flare_widgets.federation.ports import ReservedPort


@pytest.fixture(scope="module", params=["http", "tcp", "grpc"])
def kit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The admin's kit of a federation as a ``project.yml`` with ``admin_port`` makes it: both files name that port."""
    port = ReservedPort()

    def change(folder: Path) -> None:
        server, admin = (folder / name / "startup" for name in ("server", provision.ADMIN))
        edit(server / "fed_server.json", lambda config: config["servers"][0].update(admin_port=port.number))
        edit(admin / "fed_admin.json", lambda config: config["admin"].update(port=port.number))

    with bare_server(tmp_path_factory.mktemp("admin_port") / "federation", change, scheme=request.param) as kit:
        with connect(kit, timeout=30) as session:  # waits until it listens
            assert session.get_system_info().server_info.status == "stopped"
            assert session.list_jobs() == []
        yield kit
    port.release()


def fl_port(kit: Path) -> int:
    service = (kit.parent / "server" / "startup" / "fed_server.json").read_text()
    return int(service.partition('"target": "localhost:')[2].partition('"')[0])


def test_login_at_sites_port_is_refused(kit: Path, tmp_path: Path) -> None:
    """The server has a listener there, which wants no admins; nvflare's client waits for 10 seconds, or longer."""
    wrong = tmp_path / kit.name
    shutil.copytree(kit, wrong)
    kits.edit_admin(wrong, port=fl_port(kit))
    began = time.monotonic()
    with pytest.raises(NoConnection, match=rf"localhost:{fl_port(kit)}\b.*(was lost|within 4 s)"):
        connect(wrong, timeout=4)
    assert time.monotonic() - began < 8
    with connect(kit) as session:
        assert session.list_jobs() == []
