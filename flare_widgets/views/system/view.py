"""The server and its sites: as text, as static HTML, and live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import traitlets

from ...api.models import SystemInfo
from ...api.session import Session
from ...monitoring.system.format import describe_system, sentence
from ...monitoring.system.snapshot import Connected, SystemSnapshot, fold_system
from ...monitoring.system.watch import SystemWatch
from ..core.live_view import LiveView
from ..core.pretty import MayBeLive
from ..core.visibility import Lookers
from .actions import SystemActions
from .html import system_html

__all__ = ["SystemStatus", "SystemView"]

_STATIC = Path(__file__).parents[1] / "static"


class Controls(Protocol):
    """What a view needs of what can be done to the server and to sites; see :class:`.SystemActions`."""

    @property
    def busy(self) -> bool: ...

    @property
    def outcomes(self) -> list[str]: ...

    def offer(self, name: str) -> None: ...

    def wish(self, message: dict[str, Any]) -> bool: ...

    def to_json(self) -> dict[str, list[dict[str, Any]]]: ...


class SystemStatus(MayBeLive, SystemInfo):
    """What ``Session.get_system_info`` returns, shown as a person would say it.

    Parameters
    ----------
    session
        Who asked whom.
    info
        The answer.
    now
        When it came, in seconds since the epoch.

    Attributes
    ----------
    snapshot : SystemSnapshot
        The same as the system view draws it.
    """

    def __init__(self, session: Session, info: SystemInfo, now: float) -> None:
        super().__init__(info.server_info, info.client_info, info.job_info)
        kit = session.kit
        who = SystemSnapshot(
            address=kit.address,
            study=session.study,
            username=kit.username,
            role=kit.role,
            organization=kit.organization,
        )
        self.snapshot = fold_system(who, [Connected(info, now)])
        self._now = now

    def __repr__(self) -> str:
        return describe_system(self.snapshot, self._now)

    def _repr_html_(self) -> str:
        return system_html(self.snapshot, self._now)


class SystemView(LiveView):
    """The server and its sites, drawn live wherever it is displayed.

    The server is asked only while somebody can see the view. It becomes static when the session is closed, and when
    the kernel ends.

    Parameters
    ----------
    watch
        Who knows the system.
    session
        Who may act on it; without one nothing is offered.

    Attributes
    ----------
    snapshot : dict
        The newest snapshot as :meth:`.SystemSnapshot.to_json` writes it.
    sentence : str
        The same in one sentence, as of `sent_at`: what a screen reader hears.
    actions : dict
        By what was unfolded (``server``, or a site's name) what can be done to it; see :meth:`.Actions.to_json`.
    """

    _esm = _STATIC / "system.js"
    _css = _STATIC / "system.css"

    snapshot = traitlets.Dict().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    actions = traitlets.Dict().tag(sync=True)

    def __init__(self, watch: SystemWatch, session: Session | None = None) -> None:
        self._watch = watch
        self._controls: Controls | None = None if session is None else SystemActions(session, watch, self._news)
        self._lookers = Lookers(self._looked_at)
        self._unsubscribe = watch.subscribe(lambda _: self._request())
        super().__init__()
        # Something may have happened between the first look and the subscription.
        self._request()

    def _facts(self) -> dict[str, Any]:
        snapshot = self._watch.snapshot
        return {
            "snapshot": snapshot.to_json(),
            "sentence": sentence(snapshot, time.time()),
            "actions": {} if self._controls is None or self._frozen else self._controls.to_json(),
        }

    def _forms(self) -> dict[str, str]:
        snapshot, now = self._watch.snapshot, time.time()
        outcomes = [] if self._controls is None else self._controls.outcomes
        return {
            "text/plain": "\n".join([describe_system(snapshot, now), *(f"  {words}" for words in outcomes)]),
            "text/html": system_html(snapshot, now, outcomes=outcomes),
        }

    def _done(self) -> bool:
        # Who shuts the server down wants to see what came of it.
        return self._watch.done and not (self._controls is not None and self._controls.busy)

    def _release(self) -> None:
        self._unsubscribe()
        self._lookers.close()
        self._watch.stop()

    def _wish(self, wish: dict[str, Any]) -> None:
        if self._frozen or self._lookers.note(wish):
            return
        if wish["kind"] == "unfold" and isinstance(wish.get("name"), str):
            if self._controls is not None:
                self._controls.offer(wish["name"])
        elif wish["kind"] == "details":
            self._watch.ask_details()
        elif self._controls is not None:
            self._controls.wish(wish)

    def _news(self) -> None:
        self._request()

    def _looked_at(self, by_somebody: bool) -> None:
        if by_somebody:
            self._watch.resume()
        else:
            self._watch.pause()
