"""The live view of a local federation's processes, with buttons to inject faults and to undo them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import traitlets

from ...formatting.reader_time import format_date_time
from ...formatting.table import align
from ...formatting.text import format_duration, sanitize
from ..core.actions import Action, Actions
from ..core.live_view import LiveView
from .html import faults_html


@dataclass(frozen=True)
class ProcessRow:
    """The state of one process, and the faults that can be injected into it.

    Attributes
    ----------
    name
        ``server``, or the site's name.
    state, description
        ``running``, ``paused``, ``slow``, ``killed`` or ``down``; and the same in words.
    since
        The start of this state, in seconds since the epoch.
    disabled_reasons
        For each fault the reason why it makes no sense now; empty if it does.
    """

    name: str
    state: str
    description: str
    since: float
    disabled_reasons: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the browser's data; :attr:`disabled_reasons` is part of the actions."""
        return {
            "name": sanitize(self.name, 64),
            "state": sanitize(self.state, 20),
            "description": sanitize(self.description, 80),
            "since": self.since,
        }


class FaultBoard(Protocol):
    """The view's interface to a federation."""

    @property
    def title(self) -> str:
        """The federation's name."""

    @property
    def faults(self) -> Mapping[str, str]:
        """The available faults, each with its button label."""

    def rows(self) -> Sequence[ProcessRow]:
        """Return the states of its processes, quickly; none if it has ended."""

    def denial_reason(self) -> str:
        """Return the reason why nothing may be changed now; empty if it may."""

    def question(self, fault: str, process: str) -> str:
        """Return the question before a fault that destroys something; empty for the others."""

    def inject(self, fault: str, process: str) -> str:
        """Inject a fault into a process, and return the resulting state in words."""


class FaultsView(LiveView):
    """The processes of a local federation, each with its state and buttons: Kill, Pause, Slow down, Bring back.

    While it is visible, it polls the states once a second. When the federation has ended, it is replaced by its
    static form.

    Parameters
    ----------
    board
        The federation.

    Attributes
    ----------
    title : str
        The federation's name.
    rows : list of dict
        ``name, state, description, since`` of each process; ``actions`` as :meth:`.Actions.to_json` describes them,
        whose names are the fault, a space and the process.
    label : str
        A summary in one sentence.
    """

    bundle = "faults"

    title = traitlets.Unicode().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._actions: dict[str, Actions] = {}
        self._last_rows: tuple[ProcessRow, ...] = tuple(board.rows())
        super().__init__()

    def __repr__(self) -> str:
        return self._text()

    def _state(self) -> dict[str, Any]:
        rows = tuple(self._board.rows())
        # The last rows are what the static form shows of a federation that has ended.
        self._last_rows = rows or self._last_rows
        actions = {} if self._is_static or not rows else self._actions_json(rows)
        return {
            "title": sanitize(self._board.title, 64),
            "rows": [row.to_json() | {"actions": actions.get(row.name, [])} for row in self._last_rows],
            "label": describe(self._board.title, rows),
        }

    def _mimebundle(self) -> dict[str, str]:
        ended = not self._board.rows()
        return {
            "text/plain": self._text(),
            "text/html": faults_html(self._board.title, [row.to_json() for row in self._last_rows], time.time(), ended),
        }

    def _facts(self) -> object:
        return self._last_rows

    def _is_finished(self) -> bool:
        return not self._board.rows()

    def _handle_message(self, message: dict[str, Any]) -> None:
        if message.get("kind") == "refresh":
            self._request_update()
            return
        _, _, who = str(message.get("action", "")).partition(" ")
        if who in self._actions:
            self._actions[who].handle_message(message)

    def _actions_json(self, rows: Sequence[ProcessRow]) -> dict[str, list[dict[str, Any]]]:
        names = {row.name for row in rows}
        self._actions = {name: one for name, one in self._actions.items() if name in names}
        for row in rows:
            if row.name not in self._actions:
                offers = [self._build_action(what, label, row.name) for what, label in self._board.faults.items()]
                self._actions[row.name] = Actions(offers, self._request_update)
        return {name: actions.to_json() for name, actions in self._actions.items()}

    def _build_action(self, fault: str, label: str, process: str) -> Action:
        question = sanitize(self._board.question(fault, process))
        return Action(
            f"{fault} {process}",
            label,
            is_destructive=bool(question),
            emphasis="danger" if fault == "kill" else "",
            question=question,
            confirm_label=f"{label} {sanitize(process, 64)}",
            run=lambda _: self._board.inject(fault, process),
            # The row shows the resulting state.
            describe_result=lambda _: "",
            disabled_reason=lambda: self._disabled_reason(fault, process),
        )

    def _disabled_reason(self, fault: str, process: str) -> str:
        return self._board.denial_reason() or next(
            (row.disabled_reasons.get(fault, "") for row in self._last_rows if row.name == process), "it was removed"
        )

    def _text(self) -> str:
        now = time.time()
        rows = [
            (sanitize(r.name, 64), f"{sanitize(r.description, 80)} for {format_duration(max(0.0, now - r.since))}")
            for r in self._last_rows
        ]
        head = describe(self._board.title, self._board.rows())
        return "\n".join([f"{head} ({format_date_time(now)})", *align(rows, indent="  ")])


def describe(title: str, rows: Sequence[ProcessRow]) -> str:
    """Describe the state of a federation in one sentence. Pure."""
    name = sanitize(title, 64)
    if not rows:
        return f"{name}: ended"
    odd = [f"{sanitize(row.name, 64)} {sanitize(row.description, 80)}" for row in rows if row.state != "running"]
    well = len(rows) - len(odd)
    rest = [f"{well} running"] if well else []
    return f"{name}: {', '.join([*odd, *rest])}"
