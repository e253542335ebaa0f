"""Other front ends than JupyterLab, each as a server process of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab_server import ROOT, SUPPORT


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(module: str, arguments: Sequence[str], port: int, home: Path, path: str = "/") -> Iterator[str]:
    """Run ``python -m MODULE ARGUMENTS`` until it answers at `port`, and end it afterwards.

    Yields
    ------
    str
        Its address.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    paths = [str(ROOT), str(Path(__file__).parent), str(SUPPORT), env.get("PYTHONPATH", "")]
    env.update(
        HOME=str(home),
        XDG_CONFIG_HOME=str(home),
        IPYTHONDIR=str(home / "ipython"),
        JUPYTER_CONFIG_DIR=str(home / "config"),
        JUPYTER_PREFER_ENV_PATH="0",  # as in LabServer
        JUPYTER_DATA_DIR=str(home / "data"),
        JUPYTER_RUNTIME_DIR=str(home / "runtime"),
        PYTHONPATH=os.pathsep.join(filter(None, paths)),
    )
    log = home / f"{module}.log"
    with log.open("w", encoding="utf-8") as output:
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT, cwd=home)
    base = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while not _answers(base + path):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{module} did not start:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
