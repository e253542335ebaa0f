"""Command lines and environment of the processes of a federation."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import FederationError
from .processes import FEDERATION_VARIABLE
from .validation import is_unsafe_path

#: The folder that ``flare_widgets`` is imported from.
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

# The package may be importable in the user's process only, since a notebook can change sys.path. At the end of
# sys.path it shadows nothing.
_RUN_MODULE_CODE = "import sys; sys.path.append({root!r}); from {module} import main; sys.exit(main(sys.argv[1:]))"

# Variables that Jupyter sets for a notebook's kernel and that would mislead a job's process: its parent, how to
# draw, and that its output goes to something that understands colours.
_KERNEL_ONLY_VARIABLES = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR")


# gRPC obeys them for localhost too; the others know better, but not in every version.
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy", "ws_proxy", "wss_proxy", "socks_proxy")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def get_interpreter() -> str:
    """Return the Python interpreter of the user's process, which every process of the federation runs on."""
    if not sys.executable:
        raise FederationError("The local federation cannot find this Python's interpreter (sys.executable is empty).")
    if is_unsafe_path(sys.executable):
        raise FederationError(
            f"NVIDIA FLARE cannot run jobs with the interpreter {sys.executable!r}: its path "
            "contains spaces, quotes, backslashes or '#'",
            next_step="Use an environment in another folder.",
        )
    return sys.executable


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs ``main`` of a module of this package."""
    return [
        get_interpreter(),
        "-c",
        _RUN_MODULE_CODE.format(root=_PACKAGE_ROOT, module=f"{__package__}.{module}"),
        *arguments,
    ]


def server_command(kit: Path) -> list[str]:
    """Return the command line of the FL server whose startup kit is in ``kit``."""
    return _flare_command("server.server_train", kit, "fed_server.json", ())


def site_command(kit: Path, name: str) -> list[str]:
    """Return the command line of the site ``name`` whose startup kit is in ``kit``."""
    return _flare_command("client.client_train", kit, "fed_client.json", (f"uid={name}",))


def _flare_command(module: str, kit: Path, config: str, extra_arguments: Sequence[str]) -> list[str]:
    # The same command as a provisioned sub_start.sh runs, without its detours: that script looks for python3 on the
    # PATH, and leaves unsupervised processes behind.
    return [
        get_interpreter(),
        "-u",
        "-m",
        f"nvflare.private.fed.app.{module}",
        "-m",
        str(kit),
        "-s",
        config,
        "--set",
        "secure_train=true",
        *extra_arguments,
        "org=nvidia",
        "config_folder=config",
    ]


def make_child_environment(federation_id: str, parent_environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a federation's processes. Pure.

    Parameters
    ----------
    federation_id
        The federation's id, which marks the process.
    parent_environment
        The user's environment. It is passed on: training code may need its variables.
    """
    result = {name: value for name, value in parent_environment.items() if name not in _KERNEL_ONLY_VARIABLES}
    if result.get("MPLBACKEND", "").startswith("module://"):  # a notebook's backend: useless without one
        del result["MPLBACKEND"]
    # "python3" in a job must be this environment's Python.
    scripts = str(Path(get_interpreter()).parent)
    result["PATH"] = os.pathsep.join([scripts, *filter(None, [parent_environment.get("PATH", "")])])
    result |= _exempt_loopback(result)
    result.setdefault("MALLOC_ARENA_MAX", "4")  # as sub_start.sh does, against fragmentation
    result[FEDERATION_VARIABLE] = federation_id
    return result


def _exempt_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep a proxy away from this machine's own addresses. Pure.

    The proxy itself is kept: training code may need it.
    """
    if not any(environment.get(name) or environment.get(name.upper()) for name in _PROXY_VARIABLES):
        return {}
    # Programs read one spelling or the other, and most prefer the small letters: both get all names of both.
    usual = [environment.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    exempt = {name: _join_hosts(*usual) for name in ("no_proxy", "NO_PROXY")}
    if "no_grpc_proxy" in environment:  # gRPC asks it first, and then no other
        exempt["no_grpc_proxy"] = _join_hosts(environment["no_grpc_proxy"])
    return exempt


def _join_hosts(*lists: str) -> str:
    named = [host.strip() for each in lists for host in each.split(",") if host.strip()]
    return "*" if "*" in named else ",".join(dict.fromkeys([*named, *_LOOPBACK_NAMES]))
