"""A Jupyter server with the extension, as a process, and pages of it without a browser."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[2]


class JupyterServer:
    """A running Jupyter server, with nothing of the user's.

    Parameters
    ----------
    root
        The folder it serves.
    home
        A folder for all that it writes.
    config
        Lines of its configuration file.
    base_url
        The path at which it is served.

    Attributes
    ----------
    url
        Its address, which ends with a slash.
    token
        Its token.
    runtime
        Its runtime folder.
    pid
        The id of its process.
    """

    def __init__(self, root: Path, home: Path, config: str = "", base_url: str = "/") -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.token = secrets.token_hex(16)
        self.runtime = home / "runtime"
        file = home / "config.py"
        file.write_text(config)
        self._log = home / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{base_url}"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("JUPYTER", "FLARE_"))},
            "PYTHONPATH": str(ROOT),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
        }
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--config={file}"),
                    "--ServerApp.jpserver_extensions={'flare_widgets.lab': True}",
                    *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
                    *(f"--ServerApp.base_url={base_url}", f"--IdentityProvider.token={self.token}"),
                    f"--ServerApp.root_dir={root}",
                ],
                env=environment,
                cwd=root,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid
        self._wait_until_it_answers()

    def __enter__(self) -> JupyterServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """All that it has logged."""
        return self._log.read_text(errors="replace")

    @property
    def with_token(self) -> dict[str, str]:
        """The header of a request with its token."""
        return {"Authorization": f"token {self.token}"}

    def request(
        self, path: str, headers: Mapping[str, str] = {}, method: str = "GET", body: bytes | None = None
    ) -> tuple[int, str]:
        """Return the status and the body of an answer."""
        request = urllib.request.Request(f"{self.url}{path}", body, dict(headers), method=method)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def log_in(self) -> dict[str, str]:
        """Return the cookies of a browser that has logged in with the token, as a header."""
        request = urllib.request.Request(f"{self.url}api/status?token={self.token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            cookies = [value.split(";")[0] for key, value in answer.headers.items() if key.lower() == "set-cookie"]
        return {"Cookie": "; ".join(cookies)}

    def open_link(
        self, headers: Mapping[str, str], origin: str | None = None
    ) -> contextlib.AbstractContextManager[ClientConnection]:
        """Open the websocket of a page, for the duration of a block."""
        return connect(
            f"{self.url.replace('http', 'ws', 1)}flare-widgets/link",
            additional_headers=dict(headers),
            origin=origin,  # type: ignore[arg-type]
            open_timeout=60,
            max_size=None,
            ping_interval=None,  # a page that is not read for a while is not dead
        )

    def stop(self) -> float:
        """End it; return the seconds that took."""
        began = time.monotonic()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return time.monotonic() - began

    def _wait_until_it_answers(self) -> None:
        end = time.monotonic() + 90
        while True:
            try:
                self.request("api")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise AssertionError(f"the Jupyter server did not start:\n{self.log}") from None
                time.sleep(0.1)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class LabPage:
    """A page as JupyterLab's half of the extension has it, without a browser.

    Parameters
    ----------
    server
        The Jupyter server.
    headers
        The headers by which its user is known; the token, if not given.

    Attributes
    ----------
    frames
        All frames that came, as text.
    sidebar
        The sidebar's facts.
    welcome
        The server's first frame.
    """

    def __init__(self, server: JupyterServer, headers: Mapping[str, str] | None = None) -> None:
        self._stack = contextlib.ExitStack()
        link = server.open_link(server.with_token if headers is None else headers)
        self._link = self._stack.enter_context(link)
        self._ref = 0
        self.frames: list[str] = []
        self.sidebar: dict[str, Any] = {}
        self.say({"op": "hello", "protocol": 1, "version": "0.1.0", "page": "test"})
        self.welcome = self.hear(lambda frame: frame["op"] == "welcome")

    def __enter__(self) -> LabPage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def say(self, frame: Any) -> None:
        """Send a frame; text and bytes as they are."""
        self._link.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))

    def hear(self, matches: Callable[[dict[str, Any]], object], seconds: float = 60) -> dict[str, Any]:
        """Return the next frame that matches."""
        end = time.monotonic() + seconds
        while True:
            text = self._link.recv(timeout=max(0.01, end - time.monotonic()))
            assert isinstance(text, str)
            self.frames.append(text)
            frame: dict[str, Any] = json.loads(text)
            if frame["op"] == "sidebar":
                self.sidebar |= frame["set"]
            if matches(frame):
                return frame

    def wait_for(self, matches: Callable[[dict[str, Any]], object], seconds: float = 60) -> None:
        """Wait until the sidebar's facts match."""
        if not matches(self.sidebar):
            self.hear(lambda frame: frame["op"] == "sidebar" and matches(self.sidebar), seconds)

    def ask(self, do: str, **args: Any) -> dict[str, Any]:
        """Return the answer to a request: ``done`` or ``refused``."""
        return self._request({"op": "ask", "do": do, "args": args})

    def open(self, kind: str, **args: Any) -> dict[str, Any]:
        """Return the answer to the request for a view, and follow it."""
        answer = self._request({"op": "open", "kind": kind, "args": args})
        if answer["op"] == "opened":
            self.say({"op": "follow", "model": answer["model"]})
            state = self.hear(lambda frame: frame["op"] == "state" and frame["model"] == answer["model"])
            answer["state"] = state["state"]
        return answer

    def send(self, model: str, **content: Any) -> None:
        """Send a message to a view."""
        self.say({"op": "send", "model": model, "content": content})

    def _request(self, frame: dict[str, Any]) -> dict[str, Any]:
        self._ref += 1
        self.say({**frame, "ref": self._ref})
        return self.hear(lambda answer: answer.get("ref") == self._ref)
