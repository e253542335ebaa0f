"""Our client with the servers of the nvflare that is installed here; ``make matrix`` installs one after the other."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from walk import walk

from flare_widgets.api import connect
from flare_widgets.federation import LocalFederation


@pytest.mark.parametrize("scheme", ["http", "tcp", "grpc"])
def test_every_command_works(scheme: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    record_property("nvflare", version("nvflare"))
    with LocalFederation(2, scheme=scheme) as federation, connect(federation.admin_kit) as session:
        # Kits of 2.7 are signed; from 2.8 on, mutual TLS is what they rely on.
        signed = (federation.admin_kit / "startup" / "signature.json").exists()
        assert signed == version("nvflare").startswith("2.7.")
        try:
            walk(session, tmp_path, version("nvflare"))
        except Exception:
            # The cause of a failure here is mostly at the server, whose log the next start may delete.
            print(federation.states, federation.logs["server"].read_text(errors="replace")[-6000:], sep="\n")
            raise
