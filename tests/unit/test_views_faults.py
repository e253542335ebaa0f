"""The view of a local federation's processes, without a federation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.utils.capture import capture_output
from shells import flare, ipython
from waiting import wait_until

from flare_widgets.errors import InvalidArgumentError, ReadOnlySession
from flare_widgets.federation.faults import FAULTS, disabled_reasons, state_text
from flare_widgets.federation.mailbox import ProcessState
from flare_widgets.magics import _SHELL_ATTRIBUTE
from flare_widgets.magics.verbs.faults import FederationFaultBoard
from flare_widgets.views.faults.view import FaultsView, ProcessRow, describe


class Board:
    """A federation that does what it is told."""

    title = "clinics"
    faults: Mapping[str, str] = FAULTS

    def __init__(self, *names: str) -> None:
        self.states = {name: ProcessState(name, "running", 1, time.time() - 65, 1) for name in names}
        self.done: list[tuple[str, str]] = []
        self.refuses = ""
        self.denied = ""

    def denial_reason(self) -> str:
        return self.denied

    def question(self, what: str, who: str) -> str:
        return f"Kill {who}?" if what == "kill" else ""

    def rows(self) -> list[ProcessRow]:
        return [
            ProcessRow(one.name, one.state, state_text(one), one.since, disabled_reasons(one))
            for one in self.states.values()
        ]

    def inject(self, what: str, who: str) -> str:
        if self.refuses:
            raise InvalidArgumentError(self.refuses)
        self.done.append((what, who))
        state = {"kill": "killed", "pause": "paused", "slow": "slow", "back": "running"}[what]
        self.states[who] = ProcessState(who, state, 1, time.time(), 1)
        return state_text(self.states[who])


def act(view: FaultsView, what: str, who: str) -> None:
    view._handle_message({"kind": "ask", "action": f"{what} {who}"})
    view._handle_message({"kind": "start", "action": f"{what} {who}"})


def action(view: FaultsView, what: str, who: str) -> dict[str, object]:
    row = next(row for row in view.rows if row["name"] == who)
    return next(one for one in row["actions"] if one["name"] == f"{what} {who}")


def test_wish_is_done_and_shown() -> None:
    board = Board("server", "site-1")
    view = FaultsView(board)
    assert [(row["name"], row["state"], row["description"]) for row in view.rows] == [
        ("server", "running", "running"),
        ("site-1", "running", "running"),
    ]
    assert view.label == "clinics: 2 running"
    assert action(view, "back", "site-1")["disabled_reason"] == "it is running normally"
    act(view, "back", "site-1")  # grey
    act(view, "pause", "site-9")  # nobody
    act(view, "explode", "site-1")
    act(view, "pause", "site-1")
    wait_until(lambda: view.rows[1]["state"] == "paused")
    assert board.done == [("pause", "site-1")]
    assert view.label == "clinics: site-1 paused, 1 running"
    wait_until(lambda: action(view, "pause", "site-1")["state"] == "done")
    assert action(view, "pause", "site-1")["disabled_reason"] == "it is already paused"
    assert action(view, "back", "site-1")["disabled_reason"] == ""
    view.make_static()


def test_what_fails_is_said_in_row() -> None:
    board = Board("server", "site-1")
    board.refuses = "site-1: it has just left"
    view = FaultsView(board)
    act(view, "kill", "site-1")
    wait_until(lambda: action(view, "kill", "site-1")["state"] == "failed")
    assert action(view, "kill", "site-1")["message"] == "kill failed: site-1: it has just left"
    view.make_static()


def test_look_refreshes_changed_processes() -> None:
    board = Board("server", "site-1")
    view = FaultsView(board)
    board.states["site-2"] = ProcessState("site-2", "running", 1, 0.0, 1)
    del board.states["site-1"]
    view._handle_message({"kind": "refresh"})
    wait_until(lambda: [row["name"] for row in view.rows] == ["server", "site-2"])
    assert action(view, "pause", "site-2")["disabled_reason"] == ""
    view.make_static()


def test_ended_federation_keeps_last_state() -> None:
    board = Board("server", "site-1")
    view = FaultsView(board)
    board.inject("kill", "site-1")
    view._handle_message({"kind": "refresh"})
    wait_until(lambda: view.rows[1]["state"] == "killed")
    with capture_output() as shown:
        view.show()
    assert "site-1 killed" in repr(view) or "site-1 killed" in shown.stdout
    board.states.clear()
    view._handle_message({"kind": "refresh"})
    wait_until(lambda: view.label == "clinics: ended")
    html = view._mimebundle()["text/html"]
    assert "killed" in html
    assert "The last known state." in html
    assert all(row["actions"] == [] for row in view.rows)


def test_hostile_names_are_harmless() -> None:
    board = Board("server")
    board.states["<script>\u202e"] = ProcessState("<script>\u202e", "down", None, 0.0, 1)
    view = FaultsView(board)
    html = view._mimebundle()["text/html"]
    assert "<script>" not in html.partition("</style>")[2]
    assert "\u202e" not in html + view._mimebundle()["text/plain"]
    view.make_static()


def test_one_sentence() -> None:
    board = Board("server", "a", "b")
    assert describe("x", board.rows()) == "x: 3 running"
    board.inject("slow", "a")
    board.inject("kill", "server")
    assert describe("x", board.rows()) == "x: server killed, a throttled to 20 %, 1 running"
    assert describe("x", []) == "x: ended"


def test_faults_enabled_and_undone_per_state() -> None:
    states = [ProcessState("a", state, 1, 0.0, 1) for state in ("running", "paused", "slow", "killed", "down")]
    assert [disabled_reasons(state)["back"] for state in states] == ["it is running normally", "", "", "", ""]
    for what in ("kill", "pause", "slow"):
        assert disabled_reasons(states[0])[what] == ""
        assert disabled_reasons(states[3])[what] != "" != disabled_reasons(states[4])[what]


def test_kill_is_asked_for() -> None:
    board = Board("server", "site-1")
    view = FaultsView(board)
    assert action(view, "kill", "site-1")["question"] == "Kill site-1?"
    assert action(view, "pause", "site-1")["question"] == ""
    view._handle_message({"kind": "start", "action": "kill site-1"})
    assert "not confirmed" in str(action(view, "kill", "site-1")["message"])
    act(view, "kill", "site-1")
    wait_until(lambda: board.done == [("kill", "site-1")])
    view.make_static()


def test_read_only_mode_set_later_holds() -> None:
    board = Board("server", "site-1")
    view = FaultsView(board)
    board.denied = "read-only mode is on"
    for what in FAULTS:
        act(view, what, "site-1")
        assert action(view, what, "site-1")["disabled_reason"] == "read-only mode is on"
    assert board.done == []
    assert not any(one["state"] in ("asked", "running") for row in view.rows for one in row["actions"])
    view.make_static()


def test_setting_read_only_holds_in_view_shown_before() -> None:
    injected: list[tuple[str, str]] = []
    states = {"site-1": ProcessState("site-1", "running", 1, 0.0, 1)}

    def inject(fault: str, process: str) -> ProcessState:
        injected.append((fault, process))
        return states[process]

    with ipython() as shell:
        federation: Any = SimpleNamespace(name="clinics", states=states, inject_fault=inject, running=True)
        getattr(shell, _SHELL_ATTRIBUTE).state.federations["clinics"] = federation
        view = flare(shell, "faults")
        assert action(view, "kill", "site-1")["disabled_reason"] == ""
        shell.run_line_magic("config", "FlareWidgets.read_only = True")
        for what in FAULTS:
            act(view, what, "site-1")
            assert "read-only mode is on" in str(action(view, what, "site-1")["disabled_reason"])
        assert injected == []
        shell.run_line_magic("config", "FlareWidgets.read_only = False")
        act(view, "kill", "site-1")
        wait_until(lambda: injected == [("kill", "site-1")])
        view.make_static()


def test_board_of_federation_obeys_read_only_mode() -> None:
    injected: list[tuple[str, str]] = []
    states = {"site-1": ProcessState("site-1", "running", 1, 0.0, 1)}

    def inject(fault: str, process: str) -> ProcessState:
        injected.append((fault, process))
        return states[process]

    federation: Any = SimpleNamespace(name="clinics", states=states, inject_fault=inject)
    is_read_only = True
    board = FederationFaultBoard(federation, lambda: is_read_only)
    with pytest.raises(ReadOnlySession, match="read-only mode is on"):
        board.inject("kill", "site-1")
    view = FaultsView(board)
    for what in FAULTS:
        act(view, what, "site-1")
    assert injected == []
    is_read_only = False
    act(view, "kill", "site-1")
    wait_until(lambda: injected == [("kill", "site-1")])
    assert [what for what in FAULTS if board.question(what, "site-1")] == ["kill"]
    view.make_static()
