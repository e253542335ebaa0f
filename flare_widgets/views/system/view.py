"""The server and its sites: as text, as static HTML, and live."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

import traitlets

from ...api.models import SystemInfo
from ...api.session import Session
from ...monitoring.system.format import describe_system, summarize_system
from ...monitoring.system.snapshot import SystemReport, SystemSnapshot, apply_system_updates
from ...monitoring.system.watch import SystemWatch
from ..core.live_view import LiveView
from ..core.pretty import LiveOnDisplay
from ..core.tab import describe_tab
from ..core.visibility import VisibilityTracker
from .actions import SystemActions
from .html import system_html
from .view_model import build_view_model

__all__ = ["SystemStatus", "SystemView"]


class SystemControls(Protocol):
    """The interface for actions on the server and on sites that a view needs; see :class:`.SystemActions`."""

    @property
    def is_busy(self) -> bool: ...

    @property
    def outcomes(self) -> list[str]: ...

    def add_actions_for(self, name: str) -> None: ...

    def handle_message(self, message: dict[str, Any]) -> bool: ...

    def to_json(self) -> dict[str, list[dict[str, Any]]]: ...


class SystemStatus(LiveOnDisplay, SystemInfo):
    """The result of ``Session.get_system_info``, shown in words.

    Parameters
    ----------
    session
        The session that sent the query.
    info
        The answer.
    now
        The time it arrived, in seconds since the epoch.
    job_names
        The names of jobs by id, as far as they are known. Untrusted.

    Attributes
    ----------
    snapshot : SystemSnapshot
        The same data as the system view draws it.
    """

    def __init__(
        self, session: Session, info: SystemInfo, now: float, job_names: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(info.server_info, info.client_info, info.job_info)
        kit = session.kit
        who = SystemSnapshot(
            address=kit.address,
            study=session.study,
            username=kit.username,
            role=kit.role,
            organization=kit.organization,
            job_names=tuple(job_names.items()),
        )
        self.snapshot = apply_system_updates(who, [SystemReport(info, now)])
        self._now = now

    def __repr__(self) -> str:
        return describe_system(self.snapshot, self._now)

    def _repr_html_(self) -> str:
        return system_html(self.snapshot, self._now)


class SystemView(LiveView):
    """The server and its sites, drawn live wherever it is displayed.

    The server is polled only while the view is visible. It becomes static when the session is closed, and when
    the kernel ends.

    Parameters
    ----------
    watch
        The watch of the system.
    session
        The session for actions; without one none are offered.

    Attributes
    ----------
    view_model : dict
        The server and its sites, ready to be drawn: a :class:`.SystemViewModel`.
    label : str
        A summary in one sentence, as of `sent_at`, for screen readers.
    actions : dict
        The actions by expanded target (``server``, or a site's name); see :meth:`.Actions.to_json`.
    """

    bundle = "system"

    view_model = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    actions = traitlets.Dict().tag(sync=True)

    def __init__(self, watch: SystemWatch, session: Session | None = None) -> None:
        self._watch = watch
        self._actions: SystemControls | None = (
            None if session is None else SystemActions(session, watch, self._on_actions_change)
        )
        self._resumed_at = 0.0
        self._visibility = VisibilityTracker(self._on_visibility_change)
        self._unsubscribe: Callable[[], None] = lambda: None
        super().__init__(tab=describe_tab(session, "system"))
        # Last, since the listener is called at once, in another thread.
        self._unsubscribe = watch.subscribe(lambda _: self._request_update())
        if self._is_static:
            self._unsubscribe()
        # The system may have changed between the first snapshot and the subscription.
        self._request_update()

    def _state(self) -> dict[str, Any]:
        snapshot = self._watch.snapshot
        # What a view knows when it comes into sight again is as old as before, until the server has answered.
        is_paused = self._watch.paused or (snapshot.facts_at or 0.0) < self._resumed_at
        now = snapshot.facts_at if is_paused and snapshot.facts_at is not None else time.time()
        return {
            "view_model": build_view_model(snapshot, is_paused and not snapshot.trouble).to_json(),
            "label": summarize_system(snapshot, now),
            "actions": {} if self._actions is None or self._is_static else self._actions.to_json(),
        }

    def _mimebundle(self) -> dict[str, str]:
        snapshot, now = self._watch.snapshot, time.time()
        outcomes = [] if self._actions is None else self._actions.outcomes
        return {
            "text/plain": "\n".join([describe_system(snapshot, now), *(f"  {words}" for words in outcomes)]),
            "text/html": system_html(snapshot, now, outcomes=outcomes),
        }

    def _facts(self) -> object:
        snapshot = self._watch.snapshot
        sites = tuple(replace(site, last_seen=None) for site in snapshot.sites)
        outcomes = [] if self._actions is None else self._actions.outcomes
        return replace(snapshot, facts_at=None, details_at=None, sites=sites), outcomes

    def _milestone(self) -> object:
        snapshot = self._watch.snapshot
        return snapshot.trouble_label, [(site.name, site.connected, site.disabled) for site in snapshot.sites]

    def _is_finished(self) -> bool:
        # After a server shutdown, the user wants to see its result.
        return self._watch.done and not (self._actions is not None and self._actions.is_busy)

    def _dispose(self) -> None:
        self._unsubscribe()
        self._visibility.close()
        self._watch.stop()

    def _handle_message(self, message: dict[str, Any]) -> None:
        if self._is_static or self._visibility.handle_message(message):
            return
        if message["kind"] == "show_actions" and isinstance(message.get("name"), str):
            if self._actions is not None:
                self._actions.add_actions_for(message["name"])
        elif message["kind"] == "request_details":
            self._watch.request_details()
        elif self._actions is not None:
            self._actions.handle_message(message)

    def _on_actions_change(self) -> None:
        self._request_update()

    def _on_visibility_change(self, is_visible: bool) -> None:
        if is_visible:
            self._resumed_at = time.time()
            self._watch.resume()
        else:
            self._watch.pause()
        self._request_update()
