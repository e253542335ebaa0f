"""The live view of a local federation's processes, with buttons to harm them and to undo it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import traitlets

from ...formatting.text import clean
from ...monitoring.job.format import clock
from ..core.actions import Action, Actions
from ..core.html import faults_html
from ..core.live_view import LiveView

_STATIC = Path(__file__).parents[1] / "static"


@dataclass(frozen=True)
class ProcessRow:
    """How one process is, and what can be done to it.

    Attributes
    ----------
    name
        ``server``, or the site's.
    state, words
        ``running``, ``paused``, ``slow``, ``killed`` or ``down``; and that in words: ``stands still``.
    since
        When this began, in seconds since the epoch.
    why_not
        For each fault why it makes no sense now; empty when it does.
    """

    name: str
    state: str
    words: str
    since: float
    why_not: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return what the browser draws; :attr:`why_not` goes with the actions."""
        return {
            "name": clean(self.name, 64),
            "state": clean(self.state, 20),
            "words": clean(self.words, 80),
            "since": self.since,
        }


class Board(Protocol):
    """What the view needs of a federation."""

    @property
    def title(self) -> str:
        """What the federation is called."""

    @property
    def faults(self) -> Mapping[str, str]:
        """What can be done, and what a button for it says."""

    def rows(self) -> Sequence[ProcessRow]:
        """Return how its processes are, quickly; none when it has ended."""

    def inject(self, what: str, who: str) -> str:
        """Do something to a process, and return in words how it is then."""


class FaultsView(LiveView):
    """The processes of a local federation, each with how it is and with buttons: Kill, Pause, Slow down, Bring back.

    It asks how they are while somebody looks at it, once a second. When the federation has ended, its static form
    takes its place.

    Parameters
    ----------
    board
        The federation.

    Attributes
    ----------
    title : str
        What the federation is called.
    rows : list of dict
        ``name, state, words, since`` of each process; ``actions`` as :meth:`.Actions.to_json` describes them, whose
        names are the fault, a space and the process.
    sentence : str
        All of it in one sentence.
    """

    _esm = _STATIC / "faults.js"
    _css = _STATIC / "faults.css"

    title = traitlets.Unicode().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)

    def __init__(self, board: Board) -> None:
        self._board = board
        self._actions: dict[str, Actions] = {}
        self._known: tuple[ProcessRow, ...] = tuple(board.rows())
        super().__init__()

    def __repr__(self) -> str:
        return self._text()

    def _facts(self) -> dict[str, Any]:
        rows = tuple(self._board.rows())
        # What was seen last is what the static form shows of a federation that has ended.
        self._known = rows or self._known
        actions = {} if self._frozen or not rows else self._offers(rows)
        return {
            "title": clean(self._board.title, 64),
            "rows": [row.to_json() | {"actions": actions.get(row.name, [])} for row in self._known],
            "sentence": describe(self._board.title, rows),
        }

    def _forms(self) -> dict[str, str]:
        ended = not self._board.rows()
        return {
            "text/plain": self._text(),
            "text/html": faults_html(self._board.title, [row.to_json() for row in self._known], time.time(), ended),
        }

    def _done(self) -> bool:
        return not self._board.rows()

    def _wish(self, wish: dict[str, Any]) -> None:
        if wish.get("kind") == "look":
            self._request()
            return
        _, _, who = str(wish.get("action", "")).partition(" ")
        if who in self._actions:
            self._actions[who].wish(wish)

    def _offers(self, rows: Sequence[ProcessRow]) -> dict[str, list[dict[str, Any]]]:
        names = {row.name for row in rows}
        self._actions = {name: one for name, one in self._actions.items() if name in names}
        for row in rows:
            if row.name not in self._actions:
                offers = [self._offer(what, label, row.name) for what, label in self._board.faults.items()]
                self._actions[row.name] = Actions(offers, self._request)
        return {name: actions.to_json() for name, actions in self._actions.items()}

    def _offer(self, what: str, label: str, who: str) -> Action:
        return Action(
            f"{what} {who}",
            label,
            work=lambda _: self._board.inject(what, who),
            # The row says how it is now.
            outcome=lambda _: "",
            why_not=lambda: self._why_not(what, who),
        )

    def _why_not(self, what: str, who: str) -> str:
        return next((row.why_not.get(what, "") for row in self._known if row.name == who), "it has left")

    def _text(self) -> str:
        now = time.time()
        rows = [
            f"  {clean(r.name, 64):<16} {clean(r.words, 80)}, since {clock(max(0.0, now - r.since))}"
            for r in self._known
        ]
        head = describe(self._board.title, self._board.rows())
        return "\n".join([f"{head} ({datetime.fromtimestamp(now).astimezone():%H:%M:%S})", *rows])


def describe(title: str, rows: Sequence[ProcessRow]) -> str:
    """Say in one sentence how a federation is: ``local: site-1 stands still, 2 run``. Pure."""
    name = clean(title, 64)
    if not rows:
        return f"{name}: has ended"
    odd = [f"{clean(row.name, 64)} {clean(row.words, 80)}" for row in rows if row.state != "running"]
    well = len(rows) - len(odd)
    rest = [f"{well} {'runs' if well == 1 else 'run'}"] if well else []
    return f"{name}: {', '.join([*odd, *rest])}"
