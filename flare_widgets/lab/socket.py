"""The websocket of a page: who may connect, frames in and out, and a page that does not take its frames."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from .._version import __version__
from ..formatting.text import sanitize
from . import protocol
from .authorization import RESOURCE, is_allowed, ws_authenticated
from .hub import Refused
from .protocol import Ask, Follow, Frame, Hello, Leave, Open, Send, encode, required_right

if TYPE_CHECKING:
    from .app import FlareLab
    from .service import Service

log = logging.getLogger("flare_widgets.lab")

MAX_SOCKETS = 20
"""Pages of a server that may be connected at a time."""

_MAX_UNSENT_BYTES = 4 << 20  # a page that is further behind is cut off, comes back, and gets the newest state
_MAX_PENDING_REQUESTS = 20
_BURST_FRAMES, _FRAMES_PER_S = 300, 50.0
_TRY_AGAIN_LATER, _POLICY_VIOLATION = 1013, 1008  # codes of a websocket's end


class RateLimit:
    """Limit for frames: a burst, and a rate after that.

    Parameters
    ----------
    burst
        Frames that may come at once.
    per_second
        Frames a second in the long run.
    clock
        Returns the time in seconds.
    """

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._at = float(burst), clock()

    def allows_one_more(self) -> bool:
        """Count a frame; return whether it is within the limit."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class LinkHandler(ExtensionHandlerMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """The websocket of one page."""

    auth_resource = RESOURCE

    @property
    def _app(self) -> FlareLab:
        app: FlareLab = self.extensionapp  # type: ignore[assignment]
        return app

    # -- who may ------------------------------------------------------------------------------------------

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the websocket for a user who may read."""
        if self.current_user is None or not await is_allowed(self, "read"):
            raise HTTPError(403)
        if len(self._app.pages) >= MAX_SOCKETS:
            raise HTTPError(503, reason="too many pages are connected")
        opened = super().get(*args, **kwargs)
        if opened is not None:
            await opened

    def set_default_headers(self) -> None:
        """Set no headers: those of pages make no sense here."""

    # -- frames -------------------------------------------------------------------------------------------

    def open(self, *_: Any, **__: Any) -> None:
        """Begin to take frames."""
        super().open()
        self._app.pages.add(self)
        self.last_frame_at = time.monotonic()
        self.username = str(getattr(self.current_user, "username", ""))
        self._service: Service | None = None
        self._limit = RateLimit(_BURST_FRAMES, _FRAMES_PER_S)
        self._unsent_bytes = 0
        self._is_cut_off = False
        self._requests: set[asyncio.Task[None]] = set()

    async def on_message(self, message: str | bytes) -> None:
        """Handle a frame; nothing in it may end the connection by an exception, whose log would have the URL."""
        try:
            if self._is_cut_off:
                return  # frames that came before its end
            if not self._limit.allows_one_more():
                self._cut_off(_POLICY_VIOLATION, "it sends too many frames")
                return
            frame = protocol.parse_frame(message)
            if frame is not None:
                await self._handle(frame)
        except Exception:
            log.exception("a frame of a page could not be handled")

    def on_close(self) -> None:
        """Forget the page."""
        super().on_close()
        self._app.pages.discard(self)
        for request in list(self._requests):
            request.cancel()
        if self._service is not None:
            self._service.disconnect(self)
            self._service = None

    def deliver(self, text: str) -> None:
        """Send a frame to the page, unless it is too far behind."""
        if self._is_cut_off or self.ws_connection is None or self.ws_connection.is_closing():
            return
        size = len(text)
        if self._unsent_bytes + size > _MAX_UNSENT_BYTES and self._unsent_bytes:
            self._cut_off(_TRY_AGAIN_LATER, "it does not take what it is sent")
            return
        try:
            sent = asyncio.ensure_future(self.write_message(text))
        except WebSocketClosedError:
            return
        self._unsent_bytes += size

        def note(done: asyncio.Future[None]) -> None:
            self._unsent_bytes -= size
            if not done.cancelled():
                done.exception()  # a page that has gone; unread, asyncio would print it

        sent.add_done_callback(note)

    def _cut_off(self, code: int, why: str) -> None:
        if not self._is_cut_off:
            self._is_cut_off = True
            log.warning("a page of %s was cut off: %s", sanitize(self.username, 60), why)
            self.close(code, why)

    async def _handle(self, frame: Frame) -> None:
        self.last_frame_at = time.monotonic()
        if isinstance(frame, Hello):
            await self._welcome(frame)
            return
        service = self._service
        if service is None:
            return
        refusal = service.refusal(self) or (
            "" if await is_allowed(self, required_right(frame)) else "You may not do this on this Jupyter server."
        )
        match frame:
            case Open() | Ask():
                self._request(frame, service, refusal)
            case Follow(model=model):
                try:
                    if refusal:
                        raise Refused(refusal)
                    service.hub.follow(self, model)
                except Refused as e:
                    self.deliver(encode("gone", model=model, why=str(e)))
            case Leave(model=model):
                service.hub.leave(self, model)
            case Send(model=model, content=content) if not refusal:
                if required_right(frame) != "read":
                    service.log_message(self, model, content)
                service.hub.send(model, content)

    async def _welcome(self, hello: Hello) -> None:
        may = [right for right in protocol.RIGHTS if await is_allowed(self, right)]
        service = await self._app.get_service()
        self.deliver(
            encode("welcome", protocol=protocol.PROTOCOL, version=__version__, read_only=service.is_read_only, may=may)
        )
        if hello.protocol == protocol.PROTOCOL and self._service is None and self in self._app.pages:
            self._service = service
            service.connect(self)

    def _request(self, frame: Open | Ask, service: Service, refusal: str) -> None:
        """Answer a request in a task of its own, so that it delays no other frame."""
        if len(self._requests) >= _MAX_PENDING_REQUESTS:
            refusal = refusal or "Too many requests are pending: wait for an answer first."

        async def answer() -> None:
            try:
                if refusal:
                    raise Refused(refusal)
                if isinstance(frame, Open):
                    if required_right(frame) != "read":
                        service.log_open(self, frame.kind, frame.args)
                    model = await service.hub.open(frame.kind, frame.args)
                    self.deliver(encode("opened", ref=frame.ref, model=model.id, view=model.view.bundle))
                else:
                    self.deliver(encode("done", ref=frame.ref, value=await service.ask(self, frame.do, frame.args)))
            except Refused as e:
                self.deliver(encode("refused", ref=frame.ref, why=str(e)))
            except Exception:
                log.exception("a request of a page failed")
                self.deliver(encode("refused", ref=frame.ref, why="This failed on the Jupyter server; see its log."))

        task = asyncio.create_task(answer())
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)
