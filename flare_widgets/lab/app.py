"""The extension of a Jupyter server: its configuration, its routes, its start and its end."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import traitlets
from jupyter_server.extension.application import ExtensionApp

from .requests import StatusHandler
from .socket import LinkHandler
from .threads import run_in_thread

if TYPE_CHECKING:
    from .service import Service

_STOP_TIMEOUT_S = 5.0


class FlareLab(ExtensionApp):
    """NVIDIA FLARE in JupyterLab's own frame: a sidebar, tabs and a status bar that need no kernel."""

    name = "flare_widgets"
    app_name = "NVIDIA FLARE"
    description = __doc__ or ""

    read_only = traitlets.Bool(
        False,
        config=True,
        help="Refuse everything that may change a FLARE server or a site, for all users.",
    )
    kit_folders = traitlets.List(
        traitlets.Unicode(), config=True, help="Folders to search for startup kits, besides the root folder."
    )
    owner_only = traitlets.Bool(
        False,
        config=True,
        help="If several users share this Jupyter server, serve only the first one who connects to FLARE.",
    )
    reconnect = traitlets.Bool(
        False, config=True, help="Connect again, when the first page is opened, with the kits that were connected last."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pages: set[LinkHandler] = set()
        self._service: Service | None = None
        self._starting: asyncio.Task[Service] | None = None

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend([(r"/flare-widgets/status", StatusHandler), (r"/flare-widgets/link", LinkHandler)])

    async def get_service(self) -> Service:
        """Return the sessions and views of this server; made, and its modules imported, by the first page."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        try:
            return await asyncio.shield(self._starting)
        except Exception:
            self._starting = None  # the next page tries again
            raise

    async def _start(self) -> Service:
        self._forward_log()
        service = await run_in_thread(_import_service)
        server = self.serverapp
        assert server is not None
        contents = server.contents_manager
        root = getattr(contents, "root_dir", None)
        settings = service.Settings(
            root=Path(root) if root else None,
            is_hidden_allowed=bool(getattr(contents, "allow_hidden", False)),
            kit_folders=tuple(self.kit_folders),
            read_only=self.read_only,
            owner_only=self.owner_only,
            reconnect=self.reconnect,
            data_folder=Path(server.data_dir) / "flare-widgets",
            runtime_folder=Path(server.runtime_dir),
            config=self.config,
        )
        self._service = service.Service(settings)
        return self._service

    def _forward_log(self) -> None:
        """Write what the package logs where the server writes: who did what, and what failed."""
        ours = logging.getLogger("flare_widgets")
        if self.serverapp is not None and not ours.handlers:
            for handler in self.serverapp.log.handlers:
                ours.addHandler(handler)
            ours.propagate = False
            logging.getLogger("flare_widgets.lab").setLevel(self.serverapp.log.level)

    async def stop_extension(self) -> None:
        """Log out of all FLARE servers."""
        if self._service is not None:
            try:
                await asyncio.wait_for(self._service.close(), _STOP_TIMEOUT_S)
            except asyncio.TimeoutError:
                self.log.warning("not all sessions with FLARE servers could be closed in time")


def _import_service() -> ModuleType:
    """Import what is heavy: FLARE's client, the views, and the notebook's widgets."""
    from . import service

    return service
