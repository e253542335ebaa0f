"""Lessons: run headless, or open in JupyterLab."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from ..local_files import is_file, translate_os_errors
from ..options import option
from .command import ExitCode, command, print_error

DEFAULT_LESSON = Path("notebooks", "01_quickstart.ipynb")

_LESSON = option(
    "lesson", type=Path, nargs="?", default=DEFAULT_LESSON, help=f"the notebook (default: {DEFAULT_LESSON})"
)


@command(_LESSON, option("--out", type=Path, default=Path("out"), help="the folder for the results (default: out)"))
def demo(lesson: Path, out: Path) -> int:
    """Run a lesson without a screen, and report what its job did."""
    missing = [name for name in ("nbclient", "nbconvert", "ipykernel", "nvflare") if not _is_installed(name)]
    if missing:
        return _fail(f"the demo needs {', '.join(missing)}: pip install 'flare-widgets[local]' jupyterlab")
    if not is_file(lesson):
        return _fail_missing_notebook(lesson)
    from ..demo import run

    with translate_os_errors(f"{lesson} cannot be run, or its results not be written to {out}"):
        return run(lesson, out)


@command(_LESSON)
def lab(lesson: Path) -> int:
    """Open a lesson in JupyterLab."""
    if not _is_installed("jupyterlab"):
        return _fail("JupyterLab is not installed: pip install 'flare-widgets[local]' jupyterlab")
    if not is_file(lesson):
        return _fail_missing_notebook(lesson)
    # The environment's own programs first: FLARE starts its processes with the Python it finds on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # JupyterLab refuses to run as root unless told; in a container the user often is root.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    line = [sys.executable, "-m", "jupyterlab", *root, str(lesson)]
    try:
        return subprocess.call(line, env={**os.environ, "PATH": path})
    except KeyboardInterrupt:
        return ExitCode.DONE


COMMANDS = (demo, lab)


def _fail_missing_notebook(lesson: Path) -> int:
    return _fail(
        f"there is no notebook {lesson} that can be read: run this in a clone of flare-widgets, "
        "or pass the path of a notebook"
    )


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _fail(message: str) -> int:
    print_error(message)
    return ExitCode.FAILED
