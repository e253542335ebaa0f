"""A FLARE server without sites, for what a local federation does not offer: other certificates, other security."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flare_widgets.federation import environment, layout, provision
from flare_widgets.federation.ports import ReservedPort


@contextlib.contextmanager
def bare_server(folder: Path, change: Callable[[Path], Any] | None = None, *, scheme: str = "http") -> Iterator[Path]:
    """Provision a federation, and start its server only; which may not listen yet.

    Parameters
    ----------
    folder
        A new folder for it.
    change
        Changes the kits in the folder it is given, before the start.
    scheme
        How the server is reached.

    Yields
    ------
    Path
        The admin's startup kit.
    """
    port = ReservedPort()
    folder.mkdir()
    try:
        subprocess.run(
            environment.module_command("provision", str(folder), str(port.number), scheme, "{}", "site-1"),
            env=environment.make_child_environment("", os.environ),
            check=True,
            capture_output=True,
            timeout=60,
        )
        kits = folder / layout.KITS
        if change is not None:
            change(kits)
        with (folder / "server.log").open("wb") as log:
            server = subprocess.Popen(
                environment.server_command(kits / "server"),
                env=environment.make_child_environment("", os.environ),
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield kits / provision.ADMIN
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    finally:
        port.release()


def edit(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file."""
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


def secured_by(mode: str) -> Callable[[Path], None]:
    """Return a function that sets ``connection_security`` in the kits of a server and its admin."""

    def change(kits: Path) -> None:
        server, admin = (kits / name / "startup" for name in ("server", provision.ADMIN))
        edit(server / "fed_server.json", lambda config: config["servers"][0].update(connection_security=mode))
        edit(admin / "fed_admin.json", lambda config: config["admin"].update(connection_security=mode))

    return change
