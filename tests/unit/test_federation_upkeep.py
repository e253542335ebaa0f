"""What the supervisor decides about a process."""

from __future__ import annotations

from typing import Any

import pytest

from flare_widgets.federation.restart_policy import MOST_RESTARTS, PATIENCE, RESTARTS_WITHIN, Action, decide

NOW = 1000.0


def asked(**changes: Any) -> Action:
    facts: dict[str, Any] = {
        "running": True,
        "keep": True,
        "shutdown": False,
        "restart": False,
        "told_since": None,
        "starts": [NOW - 10],
        "now": NOW,
    }
    return decide(**{**facts, **changes})


def test_what_runs_is_left_alone() -> None:
    assert asked() is Action.NOTHING


@pytest.mark.parametrize("note", ["shutdown", "restart"])
def test_what_was_told_to_end_gets_time_but_not_for_ever(note: str) -> None:
    assert asked(**{note: True}, told_since=NOW - PATIENCE + 1) is Action.NOTHING
    assert asked(**{note: True}, told_since=NOW - PATIENCE - 1) is Action.KILL


def test_what_crashed_is_started_again() -> None:
    assert asked(running=False) is Action.START


def test_what_was_to_restart_is_started_again_however_often() -> None:
    assert asked(running=False, restart=True, starts=[NOW] * 20) is Action.START


def test_what_was_shut_down_stays_down() -> None:
    assert asked(running=False, shutdown=True) is Action.GIVE_UP
    assert asked(running=False, shutdown=True, restart=True) is Action.GIVE_UP


def test_during_the_start_nothing_is_started_again() -> None:
    assert asked(running=False, keep=False) is Action.GIVE_UP


def test_what_keeps_crashing_is_given_up() -> None:
    often = [NOW - 1] * (MOST_RESTARTS + 1)
    assert asked(running=False, starts=often) is Action.GIVE_UP
    assert asked(running=False, starts=often[1:]) is Action.START
    assert asked(running=False, starts=[NOW - RESTARTS_WITHIN] * 20) is Action.START
