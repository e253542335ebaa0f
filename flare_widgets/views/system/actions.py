"""The actions on the server and on sites, in the system view."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from ...api import Session, commands
from ...api.models import TargetType
from ...api.permissions import session_denial_reason
from ...errors import FlareError
from ...formatting.text import sanitize
from ...monitoring.system.snapshot import SystemSnapshot
from ...monitoring.system.watch import SystemWatch
from ..core.actions import Action, ActionContext, Actions

SERVER = "server"

_TIMEOUT_S = 90.0  # seconds for processes to come back, or to end
_POLL_INTERVAL_S = 0.5
_TARGET_NAME = re.compile(r"[A-Za-z0-9._-]+")  # FLARE's pattern of a target


class SystemActions:
    """The actions on the server and on each site; those of a target are created when the user expands it.

    Parameters
    ----------
    session
        The user's session.
    watch
        The watch of the system; polled again after each action.
    on_change
        Called, from any thread, on changes.
    """

    def __init__(self, session: Session, watch: SystemWatch, on_change: Callable[[], None]) -> None:
        self._session = session
        self._watch = watch
        self._on_change = on_change
        self._kit_host = session.kit.address.rpartition(":")[0].strip("[]") or SERVER
        self._actions_by_target: dict[str, Actions] = {}

    def add_actions_for(self, name: str) -> None:
        """Add the actions on the server, or on the site of this name."""
        known = self._watch.snapshot
        if name not in self._actions_by_target and (name == SERVER or known.site(name) is not None):
            offers = self._server_actions() if name == SERVER else self._site_actions(name)
            self._actions_by_target[name] = Actions(offers, self._on_change)
            self._on_change()

    def handle_message(self, message: dict[str, Any]) -> bool:
        """Handle a message from the browser; return whether it is about an action."""
        return any(actions.handle_message(message) for actions in list(self._actions_by_target.values()))

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the actions by the name of their target; see :meth:`.Actions.to_json`."""
        found = {}
        for name, actions in list(self._actions_by_target.items()):
            site = self._watch.snapshot.site(name)
            hidden = "enable" if site is None or not site.disabled else "disable"
            found[name] = [a for a in actions.to_json() if a["name"].split(" ")[0] != hidden or a["message"]]
        return found

    @property
    def is_busy(self) -> bool:
        """True if an action is running."""
        return any(
            a["state"] in ("asked", "running")
            for actions in self._actions_by_target.values()
            for a in actions.to_json()
        )

    @property
    def outcomes(self) -> list[str]:
        """The results of the actions so far, in words."""
        return [words for actions in self._actions_by_target.values() for words in actions.outcomes]

    # -- the offered actions -------------------------------------------------------------------------------

    def _server_actions(self) -> list[Action]:
        host = self._kit_host
        return [
            Action(
                "restart server",
                "Restart server and sites",
                run=self._restart_all,
                disabled_reason=lambda: self._disabled_reason("restart"),
                is_destructive=True,
                question=f"The server and all its sites end and start again. Type {sanitize(host)} to do it:",
                required_text=host,
                confirm_label="Restart all",
            ),
            Action(
                "stop server",
                "Shut down server and sites",
                run=lambda doing: self._shut_down(doing, TargetType.ALL),
                disabled_reason=lambda: self._disabled_reason("shutdown"),
                is_destructive=True,
                question="The server and all its sites end; nothing starts them again. "
                f"Type {sanitize(host)} to do it:",
                required_text=host,
                confirm_label="Shut down all",
            ),
        ]

    def _site_actions(self, name: str) -> list[Action]:
        shown = sanitize(name, 60)
        return [
            Action(
                f"restart {name}",
                "Restart",
                run=lambda doing: self._restart_site(doing, name),
                disabled_reason=lambda: self._disabled_reason("restart", name),
                is_destructive=True,
                question=f"{shown} ends and starts again. Type {shown} to do it:",
                required_text=name,
            ),
            Action(
                f"stop {name}",
                "Shut down",
                run=lambda doing: self._shut_down(doing, TargetType.CLIENT, name),
                disabled_reason=lambda: self._disabled_reason("shutdown", name),
                is_destructive=True,
                question=f"{shown} ends; only its own administrator can start it again. Type {shown} to do it:",
                required_text=name,
            ),
            Action(
                f"disable {name}",
                "Disable",
                run=lambda _: self._run_command(commands.disable_client(name), f"{shown} is disabled"),
                disabled_reason=lambda: self._disabled_reason("disable_client", name, must_be_connected=False),
                is_destructive=True,
                question=f"{shown} loses its connection until it is enabled again. Type {shown} to do it:",
                required_text=name,
            ),
            Action(
                f"enable {name}",
                "Enable",
                run=lambda _: self._run_command(
                    commands.enable_client(name), f"{shown} is enabled: it may connect again"
                ),
                disabled_reason=lambda: self._disabled_reason("enable_client", name, must_be_connected=False),
            ),
        ]

    def _disabled_reason(self, command: str, name: str | None = None, *, must_be_connected: bool = True) -> str:
        """Return the reason why a command is not possible now; empty if it is."""
        snapshot: SystemSnapshot = self._watch.snapshot
        if refused := session_denial_reason(self._session, command):
            return refused
        if self._watch.done:
            return "the session has ended"
        if snapshot.trouble:
            return "the server does not answer now"
        if name is not None and not _TARGET_NAME.fullmatch(name):
            return "FLARE's commands cannot name it"
        site = None if name is None else snapshot.site(name)
        if name is not None and must_be_connected and (site is None or not site.connected):
            return "it is not connected"
        if must_be_connected and snapshot.jobs:
            return "jobs are running, and FLARE refuses it until they have ended: abort them, or wait"
        return ""

    # -- performing them -----------------------------------------------------------------------------------

    def _run_command(self, command: commands.Command[Any], outcome: str) -> str:
        self._session.start(command).result()
        self._watch.refresh()
        return outcome

    def _restart_site(self, context: ActionContext, name: str) -> str:
        context.report("asked; waiting until it is back")
        try:
            self._session.restart(TargetType.CLIENT, [name], timeout=_TIMEOUT_S)
        except TimeoutError:
            return f"{sanitize(name, 60)} was told to restart, but is not back after {_TIMEOUT_S:.0f} s"
        finally:
            self._watch.refresh()
        return f"{sanitize(name, 60)} was restarted and is connected again"

    def _restart_all(self, context: ActionContext) -> str:
        """Restart everything and wait, in the same session: it logs in again by itself."""
        before = self._session.get_system_info()
        sites = {client.name for client in before.client_info}
        self._session.start(commands.restart(TargetType.SERVER)).result()
        context.report("asked; the server goes down and comes back")
        end = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < end:
            time.sleep(_POLL_INTERVAL_S)
            try:
                now = self._session.get_system_info()
            except FlareError:
                continue
            if now.server_info.start_time == before.server_info.start_time:
                continue
            self._watch.update(now)
            missing = sites - {client.name for client in now.client_info}
            if not missing:
                return "the server and all its sites were restarted and are connected again"
            context.report(f"the server is back; {len(missing)} of {len(sites)} sites are still to come")
        return f"the server was told to restart, but not everything is back after {_TIMEOUT_S:.0f} s"

    def _shut_down(self, context: ActionContext, kind: str, name: str = "") -> str:
        context.report("asked; waiting until it has ended")
        what = f"{sanitize(name, 60)} was" if name else "the server and its sites were"
        try:
            self._session.shutdown(kind, [name] if name else None, timeout=_TIMEOUT_S)
        except TimeoutError:
            return f"{what} told to shut down, but not gone after {_TIMEOUT_S:.0f} s"
        finally:
            self._watch.refresh()
        return f"{what} shut down"
