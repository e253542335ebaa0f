"""The startup kits of a federation, made by NVIDIA FLARE's own provisioner.

Run in a separate process, so that nvflare is never imported into the user's::

    provision.main([folder, port, scheme, users, site, site, ...])
    provision.main(["--join", folder, port, scheme, site])
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .layout import AUTHORITY, KITS, PROVISION, STORAGE

ADMIN = "admin@nvidia.com"
_ORG = "nvidia"
_PROJECT = "local"

# The path of the certificates in the workspace of nvflare's provisioner.
_STATE_FOLDER = "state"
_CERTIFICATES_FILE = "cert.json"


def main(arguments: Sequence[str]) -> int:
    """Provision into ``folder/kits``; return the exit code of the process."""
    os.umask(0o077)
    if arguments[0] == "--join":
        _, folder, port, scheme, site = arguments
        provision_site(Path(folder), int(port), scheme, site)
        return 0
    folder, port, scheme, users, *sites = arguments
    provision(Path(folder), int(port), scheme, sites, json.loads(users))
    return 0


def provision(folder: Path, port: int, scheme: str, sites: Sequence[str], users: Mapping[str, str]) -> None:
    """Make the startup kits of a server, its sites and its users.

    Parameters
    ----------
    folder
        The federation's folder; the kits are written to ``kits`` in it.
    port
        The only port that the server listens on, on this machine only.
    scheme
        The server's protocol: ``http``, ``tcp`` or ``grpc``.
    sites
        The names of the sites.
    users
        The roles of the users besides the project admin, by name. All belong to one organization, that of the sites.
    """
    workspace = folder / PROVISION
    made = _run_provisioner(workspace, folder / STORAGE, port, scheme, sites, users)
    made.rename(folder / KITS)
    _save_authority(workspace, folder / AUTHORITY)
    shutil.rmtree(workspace)


def provision_site(folder: Path, port: int, scheme: str, site: str) -> None:
    """Make the startup kit of one more site, with the certificate authority of the others.

    Parameters
    ----------
    folder
        The federation's folder; the kit is written to ``kits`` in it.
    port, scheme
        The server's.
    site
        The new site's name.
    """
    workspace = folder / f"{PROVISION}-{site}"
    try:
        state = workspace / _PROJECT / _STATE_FOLDER
        state.mkdir(mode=0o700, parents=True)
        shutil.copyfile(folder / AUTHORITY / _CERTIFICATES_FILE, state / _CERTIFICATES_FILE)
        made = _run_provisioner(workspace, workspace / STORAGE, port, scheme, [site], {})
        (made / site).rename(folder / KITS / site)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _save_authority(workspace: Path, authority: Path) -> None:
    """Keep only the files that can issue certificates: the provisioner's state also has everybody's keys."""
    state = json.loads((workspace / _PROJECT / _STATE_FOLDER / _CERTIFICATES_FILE).read_text())
    authority.mkdir(mode=0o700, exist_ok=True)
    kept = {name: value for name, value in state.items() if isinstance(value, str)}
    (authority / _CERTIFICATES_FILE).write_text(json.dumps(kept))


def _run_provisioner(
    workspace: Path, storage: Path, port: int, scheme: str, sites: Sequence[str], users: Mapping[str, str]
) -> Path:
    from nvflare.lighter.constants import CtxKey
    from nvflare.lighter.entity import Project
    from nvflare.lighter.impl.cert import CertBuilder
    from nvflare.lighter.impl.signature import SignatureBuilder
    from nvflare.lighter.impl.static_file import StaticFileBuilder
    from nvflare.lighter.impl.workspace import WorkspaceBuilder
    from nvflare.lighter.provisioner import Provisioner
    from nvflare.lighter.spec import Builder

    class ServerBuilder(Builder):  # type: ignore[misc]  # has no types
        """The differences from a usual server. Runs before the signatures, which older versions give to every
        file."""

        def build(self, project: Any, ctx: Any) -> None:
            server = project.get_server()
            _edit_json(
                Path(ctx.get_kit_dir(server)) / "fed_server.json", lambda config: _bind_to_localhost(config, port)
            )
            resources = Path(ctx.get_local_dir(server)) / "resources.json"
            shutil.copyfile(f"{resources}.default", resources)
            _edit_json(resources, lambda config: _set_storage(config, storage))

    project = Project(_PROJECT, "A federation on one machine")
    project.set_server("server", _ORG, {"fed_learn_port": port, "default_host": "localhost"})
    for name in sites:
        project.add_client(name, _ORG, {})
    for name, role in {ADMIN: "project_admin", **users}.items():
        project.add_admin(name, _ORG, {"role": role})
    builders = [
        WorkspaceBuilder(["master_template.yml"]),
        StaticFileBuilder(config_folder="config", scheme=scheme),
        CertBuilder(),
        ServerBuilder(),
        SignatureBuilder(),
    ]
    context = Provisioner(str(workspace), builders).provision(project)
    made = context.get(CtxKey.CURRENT_PROD_DIR)
    if context.get(CtxKey.BUILD_ERROR) or not made:
        sys.exit("The provisioner of NVIDIA FLARE failed.")  # it has printed the reason
    return Path(made)


def _bind_to_localhost(config: dict[str, Any], port: int) -> None:
    """Make the server reachable from this machine only: by default, it listens on every network."""
    if "overseer_agent" in config:
        return  # before 2.8, it always does, and without the name its overseer knows, it would not serve
    for server in config["servers"]:
        server["service"]["target"] = f"localhost:{port}"


def _set_storage(config: dict[str, Any], storage: Path) -> None:
    """Give the server a private storage: by default, all servers of a machine share one in /tmp."""
    config["snapshot_persistor"]["args"]["storage"]["args"]["root_dir"] = str(storage / "snapshots")
    for component in config["components"]:
        if component["id"] == "job_manager":
            component["args"]["uri_root"] = str(storage / "jobs")


def _edit_json(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config, indent=2))
