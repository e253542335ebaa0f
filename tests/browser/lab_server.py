"""A JupyterLab server of its own for the tests: nothing of the user's, nothing of the internet."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lessons import MARK

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"

# No news prompt, no toasts, no saving at a moment the test did not choose.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "docmanager-extension/plugin": {"autosave": False},
}


class LabServer:
    """A running JupyterLab.

    Parameters
    ----------
    root
        The folder it serves.
    home
        A folder for everything it writes down.
    extension
        Which halves of our extension it has: those of the browser and of the server, as an installed wheel has them.
    base_url
        The path at which it is served.
    arguments
        More of its command line.

    Attributes
    ----------
    base
        Its address, without a slash at the end.
    root
        The folder it serves.
    mark
        What all processes have in their environment that its kernels start.
    """

    def __init__(
        self,
        root: Path,
        home: Path,
        extension: Collection[str] = (),
        *,
        base_url: str = "/",
        arguments: Collection[str] = (),
    ) -> None:
        self.root = root
        self.mark = secrets.token_hex(16)
        self._home = home
        self._token = secrets.token_hex(16)
        for name, values in SETTINGS.items():
            file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")
        install_extension(home, extension)
        self._port = _free_port()
        self.base = f"http://127.0.0.1:{self._port}{base_url.rstrip('/')}"
        self._arguments = (f"--ServerApp.base_url={base_url}", *arguments)
        self._log = home / "lab.log"
        self.start()

    def start(self) -> None:
        """Start it, also again after `close` or `kill`."""
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                    *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self._port}", "--ServerApp.port_retries=0"),
                    *(f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={self.root}"),
                    *("--ServerApp.terminals_enabled=False", "--LanguageServerManager.autodetect=False"),
                    *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
                    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                    *self._arguments,
                ],
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.root,
            )
        self._wait_until_it_answers()

    def url(self, notebook: str) -> str:
        """Return the address at which a notebook opens, in a workspace without memory."""
        return f"{self.base}/lab/tree/{notebook}?token={self._token}&reset"

    @property
    def front_page(self) -> str:
        """The address of JupyterLab itself, in a workspace without memory."""
        return f"{self.base}/lab?token={self._token}&reset"

    def api(self, path: str, method: str = "GET", data: Any = None) -> Any:
        """Ask the server's REST API."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            headers={"Authorization": f"token {self._token}"},
            data=None if data is None else json.dumps(data).encode(),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def shut_down_kernels(self, notebooks: Collection[str] | None = None) -> None:
        """End the kernels of some notebooks, or of all."""
        for session in self.api("/api/sessions"):
            if notebooks is None or session["path"] in notebooks:
                try:
                    self.api(f"/api/sessions/{session['id']}", "DELETE")
                except urllib.error.HTTPError as e:
                    if e.code != HTTPStatus.NOT_FOUND:  # it has ended meanwhile
                        raise

    def kill(self) -> None:
        """End the server without giving it time for anything."""
        self._process.kill()
        self._process.wait(10)

    def close(self) -> None:
        """Stop the server."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def _environment(self) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
        home = self._home
        paths = [str(ROOT), str(Path(__file__).parent), str(SUPPORT), env.get("PYTHONPATH", "")]
        env.update(
            HOME=str(home),
            IPYTHONDIR=str(home / "ipython"),
            JUPYTER_CONFIG_DIR=str(home / "config"),
            # What is set here wins over what an installed wheel sets in the environment.
            JUPYTER_PREFER_ENV_PATH="0",
            JUPYTER_DATA_DIR=str(home / "data"),
            JUPYTER_RUNTIME_DIR=str(home / "runtime"),
            JUPYTERLAB_SETTINGS_DIR=str(home / "settings"),
            JUPYTERLAB_WORKSPACES_DIR=str(home / "workspaces"),
            **{MARK: self.mark},
            # The package need not be installed; and kernels import `scripted` from this folder.
            PYTHONPATH=os.pathsep.join(filter(None, paths)),
        )
        return env

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + 60
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"JupyterLab did not start:\n{self._log.read_text(encoding='utf-8')}")
            try:
                self.api("/api/status")
                return
            except OSError:
                if time.monotonic() > end:
                    self.close()
                    raise
                time.sleep(0.05)


def install_extension(home: Path, halves: Collection[str]) -> None:
    """Put the halves of our extension where JupyterLab finds those of a user."""
    if "browser" in halves:
        folder = home / "data" / "labextensions" / "flare-widgets"
        # Copied: a server serves no links that lead out of the folder.
        shutil.copytree(ROOT / "flare_widgets" / "labextension", folder)
        shutil.copytree(ROOT / "flare_widgets" / "views" / "static", folder / "static" / "views")
    for name, settings in {
        "jupyter_server_config.d/flare_widgets.json": {
            "ServerApp": {"jpserver_extensions": {"flare_widgets.lab": "server" in halves}}
        },
        "labconfig/page_config.json": {"disabledExtensions": {"flare-widgets": "browser" not in halves}},
    }.items():
        file = home / "config" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port
