"""Servers and kits that are not the right ones: refused, and said why; beside nvflare's client."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
import servers
from common import ADMIN
from fragile import Fragile
from oracle import Oracle, outcome

from flare_widgets.api import FLCommunicationError, ServerIdentityError, new_secure_session
from flare_widgets.federation import LocalFederation
from flare_widgets.kit import StartupKit

#: Whom nvflare's client refuses, or is refused by: settings of the kit, the user's name, and the error of both.
REFUSALS = {
    "another project": ({"project_name": "another"}, ADMIN, "FLCommunicationError", "FLCommunicationError"),
    "another user": ({}, "bob", "FLCommunicationError", "FLCommunicationError"),
    "nobody there": ({"port": 1}, ADMIN, "NoConnection", "NoConnection"),
    # Better: ours says whom it found. It is a NoConnection too.
    "another identity": ({"server_identity": "other"}, ADMIN, "NoConnection", "ServerIdentityError"),
}


@pytest.fixture(scope="module")
def theirs_refused(fragile: Fragile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Oracle]]:
    """nvflare's clients that try in vain, from the beginning: it takes them up to ten seconds."""
    clients = {}
    try:
        for case, (admin, user, _, _) in REFUSALS.items():
            folder = tmp_path_factory.mktemp("refused")
            clients[case] = Oracle(fragile.altered_kit(folder, **admin), user, folder)
        yield clients
    finally:
        for client in clients.values():
            client.close()


@pytest.mark.usefixtures("theirs_refused")  # which begin to try
def test_refused_project_is_named(fragile: Fragile, tmp_path: Path) -> None:
    with pytest.raises(FLCommunicationError, match=r"refused to register admin@nvidia\.com for project 'another'"):
        new_secure_session(ADMIN, str(fragile.altered_kit(tmp_path, project_name="another")))


def test_real_server_under_another_name(fragile: Fragile, tmp_path: Path) -> None:
    kit = fragile.altered_kit(tmp_path, server_identity="other")
    with pytest.raises(ServerIdentityError) as caught:
        new_secure_session(ADMIN, str(kit))
    assert "is 'server', but the startup kit" in str(caught.value)
    assert "is for the server 'other'" in str(caught.value)


def test_site_in_servers_place(fragile: Fragile, tmp_path: Path) -> None:
    """A site's certificate is as good as the server's, but for the name in it."""
    site = fragile.folder / "kits" / "site-1" / "startup"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site / "client.crt", site / "client.key")

    async def wait_for_end(socket: Any) -> None:
        await socket.wait_closed()

    with servers.websocket(wait_for_end, context) as port, pytest.raises(ServerIdentityError) as caught:
        new_secure_session(ADMIN, str(fragile.altered_kit(tmp_path, host="127.0.0.1", port=port)))
    assert f"127.0.0.1:{port} is 'site-1'" in str(caught.value)
    assert "is for the server 'server'" in str(caught.value)


def test_kit_of_another_federation(fragile: Fragile, federation: LocalFederation, tmp_path: Path) -> None:
    """Of the same project name and the same names, but another root."""
    kit = Path(shutil.copytree(federation.admin_kit, tmp_path / "kit"))
    kits.edit_admin(kit, port=StartupKit.load(fragile.kit).port)
    with pytest.raises(ServerIdentityError, match="expected 'server', with a certificate issued by 'local'"):
        new_secure_session(ADMIN, str(kit))


@pytest.mark.parametrize("case", REFUSALS)
def test_what_nvflare_refuses_ours_refuses(
    fragile: Fragile, theirs_refused: dict[str, Oracle], tmp_path: Path, case: str
) -> None:
    admin, user, other, mine = REFUSALS[case]
    answer = outcome(lambda: new_secure_session(user, str(fragile.altered_kit(tmp_path, **admin)), timeout=1))
    assert (answer.get("error"), theirs_refused[case].opened().get("error")) == (mine, other)
