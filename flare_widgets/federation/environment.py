"""How the processes of a federation are started: their command lines and their environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import FederationError
from .processes import FEDERATION_VARIABLE
from .validation import is_unsafe_path

#: The folder ``flare_widgets`` is imported from.
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

# The package may be importable in the user's process only, since a notebook can change sys.path; and at the
# end of sys.path it shadows nothing.
_RUN_MODULE_CODE = "import sys; sys.path.append({root!r}); from {module} import main; sys.exit(main(sys.argv[1:]))"

# What a notebook's kernel is told by Jupyter and would mislead a job's process: whose child it is, how to
# draw, and that its output goes to something that understands colours.
_KERNEL_ONLY_VARIABLES = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR")


def get_interpreter() -> str:
    """The Python interpreter of the user's process, which every process of the federation runs on."""
    if not sys.executable:
        raise FederationError("The local federation cannot find this Python's interpreter (sys.executable is empty).")
    if is_unsafe_path(sys.executable):
        raise FederationError(
            f"NVIDIA FLARE cannot run jobs with the interpreter {sys.executable!r}: its path contains "
            "spaces, quotes, backslashes or '#'. Use an environment in another folder."
        )
    return sys.executable


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``main`` of a module of this package."""
    return [
        get_interpreter(),
        "-c",
        _RUN_MODULE_CODE.format(root=_PACKAGE_ROOT, module=f"{__package__}.{module}"),
        *arguments,
    ]


def server_command(kit: Path) -> list[str]:
    """The command line of the FL server whose startup kit is in ``kit``."""
    return _flare_command("server.server_train", kit, "fed_server.json", ())


def site_command(kit: Path, name: str) -> list[str]:
    """The command line of the site ``name`` whose startup kit is in ``kit``."""
    return _flare_command("client.client_train", kit, "fed_client.json", (f"uid={name}",))


def _flare_command(module: str, kit: Path, config: str, extra_arguments: Sequence[str]) -> list[str]:
    # What a provisioned sub_start.sh runs, without its detours: that script looks for python3 on the PATH,
    # and leaves processes behind that nobody watches over.
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
    """The environment of a federation's processes. Pure.

    Parameters
    ----------
    federation
        The federation's identity, which marks the process.
    inherited
        The user's environment. It is passed on: training code may need what is in it.
    """
    result = {name: value for name, value in parent_environment.items() if name not in _KERNEL_ONLY_VARIABLES}
    if result.get("MPLBACKEND", "").startswith("module://"):  # a notebook's: no good without one
        del result["MPLBACKEND"]
    # What a job starts as "python3" must be this environment's.
    scripts = str(Path(get_interpreter()).parent)
    result["PATH"] = os.pathsep.join([scripts, *filter(None, [parent_environment.get("PATH", "")])])
    result.setdefault("MALLOC_ARENA_MAX", "4")  # as sub_start.sh does, against fragmentation
    result[FEDERATION_VARIABLE] = federation_id
    return result
