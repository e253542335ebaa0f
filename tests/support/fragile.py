"""A federation for tests that harm it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kits
import psutil
import pytest
from waiting import wait_until

from flare_widgets.federation import LocalFederation

# Loaded by each Python process of the federation: lets a file say after how many idle seconds FLARE's server ends a
# session (a constant in its code, half an hour), and lets it look for such sessions more often. And a job that is
# deleted while the server looks for jobs to start does not end the thread that does so.
CHANGES = """\
import importlib.machinery
import sys


def forget_soon(module):
    idle = property(lambda self: float(open({file!r}).read()), lambda self, value: None)
    module.SessionManager.idle_timeout = idle
    module.SessionManager.monitor_interval = property(lambda self: 0.1, lambda self, value: None)


def survive_deletion(module):
    scan = module.SimpleJobDefManager._scan

    def scan_what_is_there(self, *args, **kwargs):
        try:
            scan(self, *args, **kwargs)
        except Exception as e:
            if "does not exist" not in str(e):
                raise

    module.SimpleJobDefManager._scan = scan_what_is_there


changes = {{"nvflare.fuel.hci.server.sess": forget_soon, "nvflare.apis.impl.job_def_manager": survive_deletion}}


class Finder:
    def find_spec(self, name, path, target=None):
        if name not in changes:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            changes[name](module)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
"""


class Fragile:
    """A federation of its own for tests that harm it.

    Parameters
    ----------
    folder
        An empty folder.
    scheme
        The server's protocol.

    Attributes
    ----------
    federation
        A server and a site.
    kit
        The admin's startup kit.
    folder
        The federation's folder.
    scratch
        Where its processes put temporary files.
    """

    def __init__(self, folder: Path, scheme: str = "http") -> None:
        (folder / "python").mkdir()
        self._idle = folder / "idle"
        self.forget_sessions(after=1800)
        (folder / "python" / "sitecustomize.py").write_text(CHANGES.format(file=str(self._idle)))
        self.scratch = folder / "tmp"
        self.scratch.mkdir()
        self.federation = LocalFederation(1, folder=folder / "federation", scheme=scheme)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
            patch.setenv("TMPDIR", str(self.scratch))
            patch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "python"), os.environ.get("PYTHONPATH", "")]))
            self.federation.start()
        self.kit = self.federation.admin_kit
        self.folder = self.federation.folder

    def forget_sessions(self, after: float) -> None:
        """Let the server end sessions that have been idle for some seconds."""
        new = self._idle.with_suffix(".new")
        new.write_text(str(after))
        new.rename(self._idle)

    def server(self) -> psutil.Process:
        (found,) = [p for p in psutil.process_iter() if self._is_server(p)]
        return found

    def _is_server(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            return "nvflare.private.fed.app.server.server_train" in line and str(self.folder / "kits/server") in line
        return False

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """The server hangs until the end of the block."""
        server = self.server()
        server.suspend()
        try:
            # On a busy machine a thread may yet answer a command.
            wait_until(lambda: _is_stopped(server))
            yield
        finally:
            server.resume()

    def stop(self) -> None:
        self.federation.stop()

    def altered_kit(self, folder: Path, **admin: Any) -> Path:
        """A copy of the kit with other settings."""
        kit = Path(shutil.copytree(self.kit, folder / "kit"))
        kits.edit_admin(kit, **admin)
        return kit


def _is_stopped(process: psutil.Process) -> bool:
    """Return True if all threads of a process are stopped."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)
