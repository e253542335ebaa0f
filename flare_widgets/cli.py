"""The command line: ``flare-widgets demo``, ``lab`` and ``check``."""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LESSON = Path("notebooks", "01_quickstart.ipynb")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="flare-widgets", description="NVIDIA FLARE in a notebook.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="run a lesson for real, without a screen, and show what its job did")
    demo.add_argument("lesson", type=Path, nargs="?", default=LESSON, help=f"the notebook (default: {LESSON})")
    demo.add_argument("--out", type=Path, default=Path("out"), help="where the results go (default: out)")
    lab = commands.add_parser("lab", help="open JupyterLab on a lesson")
    lab.add_argument("lesson", type=Path, nargs="?", default=LESSON, help=f"the notebook (default: {LESSON})")
    check = commands.add_parser("check", help="check a startup kit and the way to its server")
    check.add_argument("kit", metavar="KIT", help="the startup kit: its folder, or the startup folder in it")
    check.add_argument("--offline", action="store_true", help="look at the kit only, not at the server")
    check.add_argument("--timeout", type=_seconds, default=5.0, metavar="S", help="seconds for each step (default: 5)")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    if options.command == "check":
        return _check(options.kit, not options.offline, options.timeout, options.json)
    if not options.lesson.is_file():
        return _fail(f"there is no notebook {options.lesson}: run this in a clone of flare-widgets, or name one")
    if options.command == "demo":
        return _demo(options.lesson, options.out)
    return _lab(options.lesson)


def _demo(lesson: Path, out: Path) -> int:
    missing = [name for name in ("nbclient", "nbconvert", "ipykernel", "nvflare") if not _installed(name)]
    if missing:
        return _fail(f"the demo needs {', '.join(missing)}: pip install 'flare-widgets[local]' jupyterlab")
    from .demo import run

    return run(lesson, out)


def _lab(lesson: Path) -> int:
    if not _installed("jupyterlab"):
        return _fail("JupyterLab is not installed: pip install 'flare-widgets[local]' jupyterlab")
    # The environment's own programs first: FLARE starts its processes with the Python it finds on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # JupyterLab refuses to run as root unless told; in a container one often is.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [sys.executable, "-m", "jupyterlab", *root, str(lesson)]
    try:
        return subprocess.call(command, env={**os.environ, "PATH": path})
    except KeyboardInterrupt:
        return 0


def _check(kit: str, network: bool, timeout: float, as_json: bool) -> int:
    # Not at the top: who wants only the version or JupyterLab need not wait for cryptography.
    from .api import check_kit

    report = check_kit(kit, network, timeout)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the glyphs still has the words
    print(json.dumps(report.to_json(), indent=2) if as_json else report)  # noqa: T201
    return 0 if report.ok else 1


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _fail(message: str) -> int:
    print(f"flare-widgets: {message}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
