"""Decisions of the supervisor about a process."""

from __future__ import annotations

from typing import Any

import pytest

from flare_widgets.federation.restart_policy import END_TIMEOUT_S, MAX_RESTARTS, RESTART_WINDOW_S, RestartAction, decide

NOW = 1000.0


def asked(**changes: Any) -> RestartAction:
    facts: dict[str, Any] = {
        "is_running": True,
        "should_restart": True,
        "shutdown_requested": False,
        "restart_requested": False,
        "end_requested_at": None,
        "start_times": [NOW - 10],
        "now": NOW,
    }
    return decide(**{**facts, **changes})


def test_what_runs_is_left_alone() -> None:
    assert asked() is RestartAction.NOTHING


@pytest.mark.parametrize("note", ["shutdown_requested", "restart_requested"])
def test_ending_process_is_killed_after_timeout(note: str) -> None:
    assert asked(**{note: True}, end_requested_at=NOW - END_TIMEOUT_S + 1) is RestartAction.NOTHING
    assert asked(**{note: True}, end_requested_at=NOW - END_TIMEOUT_S - 1) is RestartAction.KILL


def test_what_crashed_is_started_again() -> None:
    assert asked(is_running=False) is RestartAction.START


def test_requested_restart_is_never_limited() -> None:
    assert asked(is_running=False, restart_requested=True, start_times=[NOW] * 20) is RestartAction.START


def test_what_was_shut_down_stays_down() -> None:
    assert asked(is_running=False, shutdown_requested=True) is RestartAction.GIVE_UP
    assert asked(is_running=False, shutdown_requested=True, restart_requested=True) is RestartAction.GIVE_UP


def test_during_start_nothing_is_started_again() -> None:
    assert asked(is_running=False, should_restart=False) is RestartAction.GIVE_UP


def test_what_keeps_crashing_is_given_up() -> None:
    often = [NOW - 1] * (MAX_RESTARTS + 1)
    assert asked(is_running=False, start_times=often) is RestartAction.GIVE_UP
    assert asked(is_running=False, start_times=often[1:]) is RestartAction.START
    assert asked(is_running=False, start_times=[NOW - RESTART_WINDOW_S] * 20) is RestartAction.START
