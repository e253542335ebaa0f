"""The sessions and views of one Jupyter server, and the pages that are connected: who is told what.

Everything here runs on the event loop and is short; what takes time is done in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from traitlets.config import Config

from ..config import FlareWidgets
from ..errors import FlareError
from ..formatting.text import sanitize
from ..manager.shared_session import read_news_time, shared_session_file, write_shared_session
from ..views.core.live_view import hosted_by
from .hub import Hub, Made, Page, Refused
from .notifications import EndedJob, make_notices
from .paths import PathGuard
from .protocol import QUIET_ASKS, encode
from .session_files import RememberedSessions
from .sidebar import Sidebar
from .threads import run_in_thread
from .workspace import Workspace

log = logging.getLogger("flare_widgets.lab")

_NEWS_INTERVAL_S = 0.5  # seconds between two looks for submissions of kernels
_IDLE_AFTER_S = 60.0  # seconds without an observer after which FLARE is not asked for the sidebar any more


@dataclass(frozen=True)
class Settings:
    """The configuration of a Jupyter server.

    Attributes
    ----------
    root
        The root folder; None if its files are on no disk.
    is_hidden_allowed
        True if pages may name hidden files and folders.
    kit_folders, read_only, owner_only, reconnect
        As of :class:`.FlareLab`.
    data_folder, runtime_folder
        The folders for what is kept between servers, and for what lives as long as this one.
    config
        The configuration, for :class:`.FlareWidgets`.
    """

    root: Path | None
    is_hidden_allowed: bool
    kit_folders: tuple[str, ...]
    read_only: bool
    owner_only: bool
    reconnect: bool
    data_folder: Path
    runtime_folder: Path
    config: Config


class UserPage(Page, Protocol):
    """A page, and its user.

    Attributes
    ----------
    username
        The name by which the Jupyter server knows the user.
    last_frame_at
        The time of the page's last frame, by a monotonic clock.
    """

    username: str
    last_frame_at: float


@dataclass
class _Attention:
    """The attention of a page: what it looks at, and what it wants."""

    is_seen: bool = False
    are_notices_wanted: bool = False


class Service:
    """The sessions and views of a Jupyter server.

    Parameters
    ----------
    settings
        The configuration.

    Attributes
    ----------
    hub
        The models of views.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        config = FlareWidgets(config=settings.config)
        guard = PathGuard(settings.root, settings.is_hidden_allowed)
        remembered = RememberedSessions(settings.data_folder / "sessions.json")
        self._workspace = Workspace(
            config,
            guard,
            settings.kit_folders,
            settings.read_only,
            remembered,
            lambda: self._sidebar.request_update(),
            lambda: self._sidebar.refresh(),
        )
        self._sidebar = Sidebar(
            self._workspace,
            lambda news: self._call_soon(self._tell_all, news),
            lambda ended: self._call_soon(self._tell_ended, ended),
        )
        self.hub = Hub(self._make, hosted_by, self._explain)
        self._pages: dict[UserPage, _Attention] = {}
        self._seq = 0
        self._owner: str | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._shared_file = shared_session_file(settings.runtime_folder, os.getpid())
        self._sessions = dict(self._workspace.manager.sessions)
        self._workspace.manager.observe(lambda _: self._call_soon(self._on_sessions_change), ["sessions", "current"])
        self._news_task = asyncio.create_task(self._watch_kernels())
        if settings.reconnect:
            self._spawn(self._workspace.reconnect)

    @property
    def is_read_only(self) -> bool:
        """True if no session may change anything."""
        return bool(self._workspace.manager.read_only)

    # -- pages ---------------------------------------------------------------------------------------------

    def connect(self, page: UserPage) -> None:
        """Tell a page everything, and all news from now on."""
        self._pages[page] = _Attention()
        if self.refusal(page):
            return
        self._tell(page, self._sidebar.facts)
        self._spawn(self._look_around)

    def disconnect(self, page: UserPage) -> None:
        """Forget a page."""
        self._pages.pop(page, None)
        self.hub.disconnect(page)
        self._attend()

    def refusal(self, page: UserPage) -> str:
        """Return the reason why a page is not served; empty if it is."""
        if self._owner is None or self._owner == page.username:
            return ""
        return "The FLARE sessions of this Jupyter server belong to another user."

    def log_message(self, page: UserPage, model_id: str, content: Mapping[str, Any]) -> None:
        """Log who acted by a view: FLARE's own records know only the startup kit."""
        action = content.get("action", content.get("kind"))
        log.info("%s: %s in the view %s", _name(page), sanitize(str(action), 60), sanitize(model_id, 40))

    def log_open(self, page: UserPage, kind: str, args: Mapping[str, Any]) -> None:
        """Log who opened a view that does more than look."""
        log.info("%s: open %s %s", _name(page), sanitize(kind, 40), sanitize(str(args.get("job") or ""), 100))

    async def ask(self, page: UserPage, do: str, args: Mapping[str, Any]) -> Any:
        """Do what a page asks, and return the value for it.

        Raises
        ------
        Refused
            It cannot be done; the message is for people.
        """
        workspace = self._workspace
        in_thread: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "check_job": workspace.check_job,
            "check_kit": workspace.check_kit,
            "close": workspace.close,
            "connect": workspace.connect,
            "connect_cell": workspace.connect_cell,
            "forget": workspace.forget,
            "local_start": self._start_local,
            "local_stop": workspace.stop_local,
            "refresh": self._refresh,
            "study": workspace.change_study,
            "use": workspace.use,
        }
        attention = self._pages.get(page)
        if attention is None:
            raise Refused("This page is not connected any more.")
        if do in ("visible", "notifications"):
            if do == "visible":
                attention.is_seen = args.get("visible") is True
            else:
                attention.are_notices_wanted = args.get("wanted") is True
            self._attend()
            return None
        function = in_thread.get(do)
        if function is None:
            raise Refused(f"This server cannot do {sanitize(do, 40)!r}: reload the page, or update flare-widgets.")
        if do not in QUIET_ASKS:
            log.info("%s: %s %s", _name(page), do, sanitize(str(args.get("session") or args.get("kit") or ""), 100))
        if self._settings.owner_only and do in ("connect", "local_start") and self._owner is None:
            self._owner = page.username
        try:
            return await run_in_thread(function, args)
        except Refused:
            raise
        except Exception as e:
            raise Refused(self._explain(e)) from None

    async def close(self) -> None:
        """End all views, log out of all servers, and remove what kernels see of it."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        for task in [self._news_task, *self._tasks]:
            task.cancel()
        await self.hub.close()
        await run_in_thread(self._sidebar.close)
        with contextlib.suppress(OSError):
            write_shared_session(self._shared_file, None)
        await run_in_thread(self._workspace.end)

    # -- internals -----------------------------------------------------------------------------------------

    def _make(self, kind: str, args: Mapping[str, Any]) -> Made:
        return self._workspace.factories.make(kind, args)

    def _explain(self, error: Exception) -> str:
        if isinstance(error, FlareError):
            return self._workspace.shorten(str(error))
        log.error("an unexpected error: %s", type(error).__name__, exc_info=error)
        return f"This failed on the Jupyter server ({type(error).__name__}); see its log."

    def _start_local(self, _: Mapping[str, Any]) -> Any:
        kit = self._workspace.local.start()
        self._workspace.find_kits(is_forced=True)
        return self._workspace.connect_folder(kit)

    def _look_around(self) -> None:
        self._workspace.local.look()
        self._workspace.find_kits()

    def _refresh(self, _: Mapping[str, Any]) -> None:
        self._workspace.local.look()
        self._workspace.find_kits(is_forced=True)
        self._sidebar.refresh()

    def _attend(self) -> None:
        """Have FLARE asked while a page sees it or wants notices, and for a minute after that."""
        is_seen = any(each.is_seen for each in self._pages.values())
        is_wanted = any(each.are_notices_wanted for each in self._pages.values())
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if is_seen or is_wanted:
            self._spawn(self._sidebar.set_attention, is_seen, is_wanted)
        else:
            self._idle_timer = self._loop.call_later(_IDLE_AFTER_S, self._rest)

    def _rest(self) -> None:
        self._spawn(self._sidebar.set_attention, False, False)

    def _on_sessions_change(self) -> None:
        sessions = dict(self._workspace.manager.sessions)
        for name, managed in self._sessions.items():
            if sessions.get(name) is not managed:
                self.hub.end_owned(managed, "The session was closed.")
        self._sessions = sessions
        self._spawn(self._share)

    def _share(self) -> None:
        """Tell this user's kernels the current session."""
        try:
            write_shared_session(self._shared_file, self._workspace.shared_session())
        except OSError as e:
            log.warning("kernels cannot find the session: %s", e.strerror)

    async def _watch_kernels(self) -> None:
        """Have FLARE asked when a kernel has submitted a job: it touches the file by which it finds the session."""
        before = 0
        while True:
            await asyncio.sleep(_NEWS_INTERVAL_S)
            if any(each.is_seen or each.are_notices_wanted for each in self._pages.values()):
                latest = await run_in_thread(read_news_time, self._shared_file)
                if latest != before:
                    before = latest
                    await run_in_thread(self._sidebar.refresh)

    def _tell_all(self, news: dict[str, Any]) -> None:
        for page in self._pages:
            if not self.refusal(page):
                self._tell(page, news)

    def _tell(self, page: Page, facts: Mapping[str, Any]) -> None:
        self._seq += 1
        page.deliver(encode("sidebar", seq=self._seq, set=facts))

    def _tell_ended(self, ended: Sequence[EndedJob]) -> None:
        """Tell of ended jobs once: on the page that was used last."""
        pages = [page for page, each in self._pages.items() if each.are_notices_wanted and not self.refusal(page)]
        if pages:
            front = max(pages, key=lambda page: page.last_frame_at)
            for notice in make_notices(ended):
                front.deliver(encode("notification", **notice))

    def _call_soon(self, function: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, *args)

    def _spawn(self, function: Callable[..., object], *args: Any) -> None:
        """Run a function in a thread, for nobody who waits."""

        async def run() -> None:
            try:
                await run_in_thread(function, *args)
            except Exception as e:
                log.warning("work for the sidebar failed: %s", self._explain(e))

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _name(page: UserPage) -> str:
    return sanitize(page.username, 60) or "a user"
