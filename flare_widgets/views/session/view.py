"""Sessions: one as a badge, and all of them with the current one marked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import traitlets

from ...api import Session
from ...formatting.text import sanitize
from ..core.actions import Action, Actions
from ..core.live_view import LiveView
from .html import sessions_html
from .view_model import SessionViewModel

__all__ = ["Manager", "SessionBadge", "SessionSwitcher"]


class NamedSession(Protocol):
    """A session with a name; see :class:`.ManagedSession`."""

    @property
    def session(self) -> Session: ...


class Manager(Protocol):
    """The interface of a session manager that the switcher needs; see :class:`.SessionManager`."""

    sessions: Any
    current: Any

    def use(self, name: str) -> Any: ...

    def close(self, name: str | None = None) -> Any: ...

    def observe(self, handler: Callable[..., Any], names: Any = ...) -> None: ...

    def unobserve(self, handler: Callable[..., Any], names: Any = ...) -> None: ...


class _SessionsView(LiveView):
    """The common base of both views of sessions.

    Attributes
    ----------
    sessions : list
        The sessions, as :meth:`.SessionViewModel.to_json` writes them.
    current : str
        The name of the current session.
    can_switch : bool
        True if another session can be made the current one.
    actions : dict
        The actions of each session, by its name; see :meth:`.Actions.to_json`.
    label : str
        The text for screen readers.
    empty_text : str
        The text in place of sessions if there are none.
    """

    bundle = "session"

    sessions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    current = traitlets.Unicode().tag(sync=True)
    can_switch = traitlets.Bool().tag(sync=True)
    actions = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    empty_text = traitlets.Unicode("No session. %flare connect KIT opens one.").tag(sync=True)


class SessionBadge(_SessionsView):
    """One session in a line: its user, server and state. Static once the session is closed.

    Parameters
    ----------
    session
        The session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__(can_switch=False)
        self._unsubscribe = session.subscribe(lambda _: self._request_update())

    def _state(self) -> dict[str, Any]:
        model = SessionViewModel.of(self._session)
        return {"sessions": [model.to_json()], "label": model.describe(time.time())}

    def _mimebundle(self) -> dict[str, str]:
        model, now = SessionViewModel.of(self._session), time.time()
        return {"text/plain": model.describe(now), "text/html": sessions_html([model], "", now)}

    def _facts(self) -> object:
        return SessionViewModel.of(self._session)

    def _is_finished(self) -> bool:
        return self._session.closed

    def _dispose(self) -> None:
        # Only when the constructor has run: a session may be closed at once.
        getattr(self, "_unsubscribe", lambda: None)()


class SessionSwitcher(_SessionsView):
    """All sessions of a manager: the current one is marked, a click makes another current, and each can be closed.

    Parameters
    ----------
    manager
        The manager of the sessions.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._subscriptions_lock = threading.Lock()
        self._subscriptions: dict[int, Callable[[], None]] = {}
        self._actions_by_session: dict[str, Actions] = {}
        super().__init__(can_switch=True)
        manager.observe(self._on_sessions_change, ["sessions", "current"])
        self._on_sessions_change(None)

    def _managed_sessions(self) -> Mapping[str, NamedSession]:
        found: Mapping[str, NamedSession] = self._manager.sessions
        return found

    def _view_models(self) -> list[SessionViewModel]:
        return [SessionViewModel.of(managed.session, name) for name, managed in self._managed_sessions().items()]

    def _state(self) -> dict[str, Any]:
        found = self._view_models()
        named = {model.name for model in found}
        offers = {name: actions.to_json() for name, actions in list(self._actions_by_session.items()) if name in named}
        current = str(self._manager.current)
        return {
            "sessions": [model.to_json() for model in found],
            "current": current,
            "actions": {} if self._is_static else offers,
            "label": _describe_count(len(found), current),
        }

    def _mimebundle(self) -> dict[str, str]:
        found, now, current = self._view_models(), time.time(), str(self._manager.current)
        lines = [
            f"{'▸' if model.name == current else ' '} {sanitize(model.name)}  {model.describe(now)}" for model in found
        ]
        return {
            "text/plain": "\n".join(lines) or self.empty_text,
            "text/html": sessions_html(found, current, now, show_names=True, empty_text=self.empty_text),
        }

    def _facts(self) -> object:
        return self._view_models(), str(self._manager.current)

    def _milestone(self) -> object:
        return [(model.name, model.state) for model in self._view_models()], str(self._manager.current)

    def _handle_message(self, message: dict[str, Any]) -> None:
        if self._is_static:
            return
        if any(actions.handle_message(message) for actions in list(self._actions_by_session.values())):
            return
        match message:
            case {"kind": "use", "name": str() as name} if name in self._managed_sessions():
                self._manager.use(name)

    def _dispose(self) -> None:
        self._manager.unobserve(self._on_sessions_change, ["sessions", "current"])
        with self._subscriptions_lock:
            for unsubscribe in self._subscriptions.values():
                unsubscribe()
            self._subscriptions.clear()

    def _on_sessions_change(self, _: Any) -> None:
        """Subscribe to the existing sessions, and unsubscribe from all others."""
        managed = dict(self._managed_sessions())
        with self._subscriptions_lock:
            here = {id(each.session): each.session for each in managed.values()}
            for gone in set(self._subscriptions) - set(here):
                self._subscriptions.pop(gone)()
            for key in set(here) - set(self._subscriptions):
                self._subscriptions[key] = here[key].subscribe(lambda _: self._request_update())
            self._actions_by_session = {
                name: self._actions_by_session.get(name) or Actions([self._close_action(name)], self._request_update)
                for name in managed
            }
        self._request_update()

    def _close_action(self, name: str) -> Action:
        return Action(
            f"close {name}",
            "Close",
            run=lambda _: self._manager.close(name),
            describe_result=lambda _: "closed",
            question=f"Log out of {sanitize(name, 60)}? Its jobs go on.",
            confirm_label="Log out",
        )


def _describe_count(number: int, current: str) -> str:
    what = "no session" if not number else f"{number} {'session' if number == 1 else 'sessions'}"
    return f"{what}, current: {sanitize(current) or 'none'}"
