"""The plain HTTP requests of pages."""

from __future__ import annotations

import json

from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web

from .._version import __version__
from . import protocol
from .authorization import RESOURCE, is_allowed


class StatusHandler(ExtensionHandlerMixin, APIHandler):
    """Tells a page that the server half is here: a browser does not tell why a websocket was refused."""

    auth_resource = RESOURCE

    @web.authenticated
    async def get(self) -> None:
        """Return the versions of the protocol and of the package."""
        if not await is_allowed(self, "read"):
            raise web.HTTPError(403)
        self.finish(json.dumps({"protocol": protocol.PROTOCOL, "version": __version__}))
