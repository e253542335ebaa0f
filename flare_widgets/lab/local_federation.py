"""The local federation that the sidebar starts and ends: one, by the name that ``%flare up`` uses too."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import FlareError
from ..federation import FederationError, LocalFederation, RunningFederation
from ..formatting.text import sanitize
from .hub import Refused

log = logging.getLogger("flare_widgets.lab")

_SITES = 2
_NOT_INSTALLED = 'NVIDIA FLARE is not installed where JupyterLab runs: pip install "flare-widgets[local]" there.'


class LocalFederationControl:
    """The local federation of this user, as far as the sidebar shows it. Methods may block.

    Parameters
    ----------
    on_change
        Called, from any thread, when its state has changed.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._federation: LocalFederation | None = None
        self._is_started_here = False
        self._folder: Path | None = None
        is_installed = all(importlib.util.find_spec(name) is not None for name in ("nvflare", "psutil"))
        self._state = "stopped" if is_installed else "absent"
        self._words = "" if is_installed else _NOT_INSTALLED

    def to_json(self) -> dict[str, Any]:
        """Return ``state, words`` for the sidebar."""
        return {"state": self._state, "words": self._words}

    def kit_folders(self) -> list[Path]:
        """Return the folder of its kits while it runs."""
        return [self._folder / "kits"] if self._folder is not None and self._state == "running" else []

    def look(self) -> None:
        """Look whether it runs: it may have been started by a kernel, or ended."""
        if self._state in ("absent", "starting"):
            return
        with self._lock:
            federation = self._federation
            if federation is not None and not federation.running:
                federation = self._federation = None
            if federation is None:
                running = _list_shared()
                if running:
                    self._folder = running[0].folder
                    self._set("running", f"{', '.join(running[0].sites)} on port {running[0].port}")
                elif self._state == "running":
                    self._set("stopped", "")

    def start(self) -> Path:
        """Start it, or use the one that runs; return the startup kit of its admin."""
        if self._state == "absent":
            raise Refused(self._words)
        if not self._lock.acquire(blocking=False):
            raise Refused("The local federation is just being started or ended.")
        try:
            running = _list_shared()
            self._is_started_here = not running
            if running:
                self._federation = LocalFederation.attach(running[0].name)
            else:
                self._set("starting", "")
                self._federation = LocalFederation(_SITES, progress=lambda words: self._set("starting", words)).start()
            federation = self._federation
            self._folder = federation.folder
            self._set("running", f"{', '.join(federation.site_names)} on port {federation.port}")
            return federation.admin_kit
        except FlareError as e:
            self._set("failed", str(e))
            raise
        finally:
            self._lock.release()

    def stop(self) -> None:
        """End it with everything it runs."""
        if not self._lock.acquire(blocking=False):
            raise Refused("The local federation is just being started or ended.")
        try:
            federation = self._federation
            if federation is None:
                running = _list_shared() if self._state != "absent" else []
                if not running:
                    raise Refused("No local federation is running.")
                federation = LocalFederation.attach(running[0].name)
            federation.stop()
            self._federation = None
            self._set("stopped", "")
        finally:
            self._lock.release()

    def release(self) -> None:
        """End what was started here: the Jupyter server ends."""
        federation, self._federation = self._federation, None
        if federation is not None and self._is_started_here:
            try:
                federation.stop()
            except FederationError as e:
                log.warning("the local federation could not be ended: %s", e)

    def _set(self, state: str, words: str) -> None:
        self._state, self._words = state, sanitize(words, 500)
        self._on_change()


def _list_shared() -> list[RunningFederation]:
    """Return the running federations that are for all of the user's processes; not those in folders of their own."""
    return [federation for federation in LocalFederation.list_running() if federation.is_in_default_folder]
