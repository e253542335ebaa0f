"""Sessions: one as a badge, and all of them with the current one marked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import traitlets

from ...api import Session
from ...formatting.text import clean
from ..core.actions import Action, Actions
from ..core.live_view import LiveView
from .html import sessions_html
from .view_model import SessionFacts, describe_session

__all__ = ["Manager", "SessionBadge", "SessionSwitcher"]

_STATIC = Path(__file__).parents[1] / "static"


class Managed(Protocol):
    """A session with a name; see :class:`.ManagedSession`."""

    @property
    def session(self) -> Session: ...


class Manager(Protocol):
    """What the switcher needs of something that has sessions; see :class:`.SessionManager`."""

    sessions: Any
    current: Any

    def use(self, name: str) -> Any: ...

    def close(self, name: str | None = None) -> Any: ...

    def observe(self, handler: Callable[..., Any], names: Any = ...) -> None: ...

    def unobserve(self, handler: Callable[..., Any], names: Any = ...) -> None: ...


class _SessionsView(LiveView):
    """What both views of sessions share.

    Attributes
    ----------
    sessions : list
        The sessions, as :meth:`.SessionFacts.to_json` writes them.
    current : str
        The name of the one that is worked with.
    switches : bool
        Whether another can be made the current one.
    actions : dict
        By a session's name what can be done to it; see :meth:`.Actions.to_json`.
    sentence : str
        What a screen reader hears.
    """

    _esm = _STATIC / "session.js"
    _css = _STATIC / "session.css"

    sessions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)
    switches = traitlets.Bool().tag(sync=True)
    actions = traitlets.Dict().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)


class SessionBadge(_SessionsView):
    """One session in a line: whose it is, with which server, how it stands. Static once the session is closed.

    Parameters
    ----------
    session
        The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__(switches=False)
        self._unsubscribe = session.subscribe(lambda _: self._request())

    def _facts(self) -> dict[str, Any]:
        facts = SessionFacts.of(self._session)
        return {"sessions": [facts.to_json()], "sentence": describe_session(facts, time.time())}

    def _forms(self) -> dict[str, str]:
        facts, now = SessionFacts.of(self._session), time.time()
        return {"text/plain": describe_session(facts, now), "text/html": sessions_html([facts], "", now)}

    def _done(self) -> bool:
        return self._session.closed

    def _release(self) -> None:
        # Not before the constructor has come to it: a session may be closed at once.
        getattr(self, "_unsubscribe", lambda: None)()


class SessionSwitcher(_SessionsView):
    """All sessions of a manager: the current one is marked, another is made so by a click, and each can be closed.

    Parameters
    ----------
    manager
        Who has the sessions.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._listening_lock = threading.Lock()
        self._listening: dict[int, Callable[[], None]] = {}
        self._closing: dict[str, Actions] = {}
        super().__init__(switches=True)
        manager.observe(self._changed, ["sessions", "current"])
        self._changed(None)

    def _managed(self) -> Mapping[str, Managed]:
        found: Mapping[str, Managed] = self._manager.sessions
        return found

    def _all(self) -> list[SessionFacts]:
        return [SessionFacts.of(managed.session, name) for name, managed in self._managed().items()]

    def _facts(self) -> dict[str, Any]:
        found = self._all()
        named = {facts.name for facts in found}
        offers = {name: actions.to_json() for name, actions in list(self._closing.items()) if name in named}
        current = str(self._manager.current)
        return {
            "sessions": [facts.to_json() for facts in found],
            "current": current,
            "actions": {} if self._frozen else offers,
            "sentence": _count(len(found), current),
        }

    def _forms(self) -> dict[str, str]:
        found, now, current = self._all(), time.time(), str(self._manager.current)
        lines = [
            f"{'▸' if facts.name == current else ' '} {clean(facts.name)}  {describe_session(facts, now)}"
            for facts in found
        ]
        return {
            "text/plain": "\n".join(lines) or _NONE,
            "text/html": sessions_html(found, current, now, named=True, none=_NONE),
        }

    def _wish(self, wish: dict[str, Any]) -> None:
        if self._frozen:
            return
        if any(actions.wish(wish) for actions in list(self._closing.values())):
            return
        match wish:
            case {"kind": "use", "name": str() as name} if name in self._managed():
                self._manager.use(name)

    def _release(self) -> None:
        self._manager.unobserve(self._changed, ["sessions", "current"])
        with self._listening_lock:
            for unsubscribe in self._listening.values():
                unsubscribe()
            self._listening.clear()

    def _changed(self, _: Any) -> None:
        """Listen to the sessions there are, and to no others."""
        managed = dict(self._managed())
        with self._listening_lock:
            here = {id(each.session): each.session for each in managed.values()}
            for gone in set(self._listening) - set(here):
                self._listening.pop(gone)()
            for key in set(here) - set(self._listening):
                self._listening[key] = here[key].subscribe(lambda _: self._request())
            self._closing = {
                name: self._closing.get(name) or Actions([self._close_action(name)], self._request) for name in managed
            }
        self._request()

    def _close_action(self, name: str) -> Action:
        return Action(
            f"close {name}",
            "Close",
            work=lambda _: self._manager.close(name),
            outcome=lambda _: "closed",
            confirm=f"Log out of {clean(name, 60)}? Its jobs go on.",
            yes="Log out",
        )


_NONE = "No session. %flare connect KIT opens one."


def _count(number: int, current: str) -> str:
    what = "no session" if not number else f"{number} {'session' if number == 1 else 'sessions'}"
    return f"{what}, current: {clean(current) or 'none'}"
