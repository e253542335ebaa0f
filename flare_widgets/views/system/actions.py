"""What can be done to the server and to sites, from the system view."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from ...api import Session, commands
from ...api.models import TargetType
from ...api.permissions import refusal
from ...errors import FlareError
from ...formatting.text import clean
from ...monitoring.system.snapshot import SystemSnapshot
from ...monitoring.system.watch import SystemWatch
from ..core.actions import Action, Actions, Doing

SERVER = "server"

_PATIENCE = 90.0  # seconds for processes to come back, or to end
_PAUSE = 0.5
_NAMEABLE = re.compile(r"[A-Za-z0-9._-]+")  # what FLARE takes for a target


class SystemActions:
    """The actions on the server and on each site; those of one of them exist when somebody has unfolded it.

    Parameters
    ----------
    session
        Whose wishes they are.
    watch
        What is known; told to look again after each action.
    changed
        Called, from any thread, when there is news.
    """

    def __init__(self, session: Session, watch: SystemWatch, changed: Callable[[], None]) -> None:
        self._session = session
        self._watch = watch
        self._changed = changed
        self._kit_host = session.kit.address.rpartition(":")[0].strip("[]") or SERVER
        self._of: dict[str, Actions] = {}

    def offer(self, name: str) -> None:
        """Offer what can be done to the server, or to a site of this name."""
        known = self._watch.snapshot
        if name not in self._of and (name == SERVER or known.site(name) is not None):
            offers = self._on_server() if name == SERVER else self._on_site(name)
            self._of[name] = Actions(offers, self._changed)
            self._changed()

    def wish(self, message: dict[str, Any]) -> bool:
        """Take a message from the browser; return whether it is about an action."""
        return any(actions.wish(message) for actions in list(self._of.values()))

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the actions by the name of what they are done to; see :meth:`.Actions.to_json`."""
        found = {}
        for name, actions in list(self._of.items()):
            site = self._watch.snapshot.site(name)
            hidden = "enable" if site is None or not site.disabled else "disable"
            found[name] = [a for a in actions.to_json() if a["name"].split(" ")[0] != hidden or a["words"]]
        return found

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return any(a["state"] in ("asked", "running") for actions in self._of.values() for a in actions.to_json())

    @property
    def outcomes(self) -> list[str]:
        """What has come of the actions so far, in words."""
        return [words for actions in self._of.values() for words in actions.outcomes]

    # -- what there is -------------------------------------------------------------------------------------

    def _on_server(self) -> list[Action]:
        host = self._kit_host
        return [
            Action(
                "restart server",
                "Restart server and sites",
                work=self._restart_all,
                why_not=lambda: self._grey("restart"),
                danger=True,
                confirm=f"The server and all its sites end and start again. Type {clean(host)} to do it:",
                type=host,
                yes="Restart all",
            ),
            Action(
                "stop server",
                "Shut down server and sites",
                work=lambda doing: self._shut_down(doing, TargetType.ALL),
                why_not=lambda: self._grey("shutdown"),
                danger=True,
                confirm=f"The server and all its sites end; nothing starts them again. Type {clean(host)} to do it:",
                type=host,
                yes="Shut down all",
            ),
        ]

    def _on_site(self, name: str) -> list[Action]:
        shown = clean(name, 60)
        return [
            Action(
                f"restart {name}",
                "Restart",
                work=lambda doing: self._restart_site(doing, name),
                why_not=lambda: self._grey("restart", name),
                danger=True,
                confirm=f"{shown} ends and starts again. Type {shown} to do it:",
                type=name,
            ),
            Action(
                f"stop {name}",
                "Shut down",
                work=lambda doing: self._shut_down(doing, TargetType.CLIENT, name),
                why_not=lambda: self._grey("shutdown", name),
                danger=True,
                confirm=f"{shown} ends; only its own administrator can start it again. Type {shown} to do it:",
                type=name,
            ),
            Action(
                f"disable {name}",
                "Disable",
                work=lambda _: self._told(commands.disable_client(name), f"{shown} is disabled"),
                why_not=lambda: self._grey("disable_client", name, connected=False),
                danger=True,
                confirm=f"{shown} loses its connection until it is enabled again. Type {shown} to do it:",
                type=name,
            ),
            Action(
                f"enable {name}",
                "Enable",
                work=lambda _: self._told(commands.enable_client(name), f"{shown} is enabled: it may connect again"),
                why_not=lambda: self._grey("enable_client", name, connected=False),
            ),
        ]

    def _grey(self, command: str, name: str | None = None, *, connected: bool = True) -> str:
        """Why a command is not possible now; empty when it is."""
        snapshot: SystemSnapshot = self._watch.snapshot
        if refused := refusal(self._session, command):
            return refused
        if self._watch.done:
            return "the session has ended"
        if snapshot.trouble:
            return "the server does not answer now"
        if name is not None and not _NAMEABLE.fullmatch(name):
            return "FLARE's commands cannot name it"
        site = None if name is None else snapshot.site(name)
        if name is not None and connected and (site is None or not site.connected):
            return "it is not connected"
        if connected and snapshot.jobs:
            return "jobs are running, and FLARE refuses it until they have ended: abort them, or wait"
        return ""

    # -- doing it ------------------------------------------------------------------------------------------

    def _told(self, command: commands.Command[Any], outcome: str) -> str:
        self._session.start(command).result()
        self._watch.look_again()
        return outcome

    def _restart_site(self, doing: Doing, name: str) -> str:
        doing.say("asked; waiting until it is back")
        try:
            self._session.restart(TargetType.CLIENT, [name], timeout=_PATIENCE)
        except TimeoutError:
            return f"{clean(name, 60)} was told to restart, but is not back after {_PATIENCE:.0f} s"
        finally:
            self._watch.look_again()
        return f"{clean(name, 60)} was restarted and is connected again"

    def _restart_all(self, doing: Doing) -> str:
        """Restart everything and wait, in the session there is: it logs in again by itself."""
        before = self._session.get_system_info()
        sites = {client.name for client in before.client_info}
        self._session.start(commands.restart(TargetType.SERVER)).result()
        doing.say("asked; the server goes down and comes back")
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            try:
                now = self._session.get_system_info()
            except FlareError:
                continue
            if now.server_info.start_time == before.server_info.start_time:
                continue
            self._watch.learn(now)
            missing = sites - {client.name for client in now.client_info}
            if not missing:
                return "the server and all its sites were restarted and are connected again"
            doing.say(f"the server is back; {len(missing)} of {len(sites)} sites are still to come")
        return f"the server was told to restart, but not everything is back after {_PATIENCE:.0f} s"

    def _shut_down(self, doing: Doing, kind: str, name: str = "") -> str:
        doing.say("asked; waiting until it has ended")
        what = f"{clean(name, 60)} was" if name else "the server and its sites were"
        try:
            self._session.shutdown(kind, [name] if name else None, timeout=_PATIENCE)
        except TimeoutError:
            return f"{what} told to shut down, but not gone after {_PATIENCE:.0f} s"
        finally:
            self._watch.look_again()
        return f"{what} shut down"
