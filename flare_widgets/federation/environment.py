"""How the processes of a federation are started: their command lines and their environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import FederationError
from .processes import MARKER
from .validation import breaks_commands

#: The folder ``flare_widgets`` is imported from.
_ROOT = str(Path(__file__).resolve().parents[2])

# The package may be importable in the user's process only, since a notebook can change sys.path; and at the
# end of sys.path it shadows nothing.
_RUN_MODULE = "import sys; sys.path.append({root!r}); from {module} import main; sys.exit(main(sys.argv[1:]))"

# What a notebook's kernel is told by Jupyter and would mislead a job's process: whose child it is, how to
# draw, and that its output goes to something that understands colours.
_KERNEL_ONLY = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR")


def interpreter() -> str:
    """The Python interpreter of the user's process, which every process of the federation runs on."""
    if not sys.executable:
        raise FederationError("The local federation cannot find this Python's interpreter (sys.executable is empty).")
    if breaks_commands(sys.executable):
        raise FederationError(
            f"NVIDIA FLARE cannot run jobs with the interpreter {sys.executable!r}: its path contains "
            "spaces, quotes, backslashes or '#'. Use an environment in another folder."
        )
    return sys.executable


def own_module(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``main`` of a module of this package."""
    return [interpreter(), "-c", _RUN_MODULE.format(root=_ROOT, module=f"{__package__}.{module}"), *arguments]


def server_command(kit: Path) -> list[str]:
    """The command line of the FL server whose startup kit is in ``kit``."""
    return _flare("server.server_train", kit, "fed_server.json", ())


def site_command(kit: Path, name: str) -> list[str]:
    """The command line of the site ``name`` whose startup kit is in ``kit``."""
    return _flare("client.client_train", kit, "fed_client.json", (f"uid={name}",))


def _flare(module: str, kit: Path, config: str, more: Sequence[str]) -> list[str]:
    # What a provisioned sub_start.sh runs, without its detours: that script looks for python3 on the PATH,
    # and leaves processes behind that nobody watches over.
    return [
        interpreter(),
        "-u",
        "-m",
        f"nvflare.private.fed.app.{module}",
        "-m",
        str(kit),
        "-s",
        config,
        "--set",
        "secure_train=true",
        *more,
        "org=nvidia",
        "config_folder=config",
    ]


def child_environment(federation: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a federation's processes. Pure.

    Parameters
    ----------
    federation
        The federation's identity, which marks the process.
    inherited
        The user's environment. It is passed on: training code may need what is in it.
    """
    result = {name: value for name, value in inherited.items() if name not in _KERNEL_ONLY}
    if result.get("MPLBACKEND", "").startswith("module://"):  # a notebook's: no good without one
        del result["MPLBACKEND"]
    # What a job starts as "python3" must be this environment's.
    scripts = str(Path(interpreter()).parent)
    result["PATH"] = os.pathsep.join([scripts, *filter(None, [inherited.get("PATH", "")])])
    result.setdefault("MALLOC_ARENA_MAX", "4")  # as sub_start.sh does, against fragmentation
    result[MARKER] = federation
    return result
