"""The suite of faults in short (``make faults`` is the long form): nothing is lost, doubled, hung or wrong."""

from __future__ import annotations

import pytest
from faults.report import format_table, list_problems
from faults.run import Outcome, Plan, run
from faults.trials import LANE_FAULTS
from fragile import Fragile

_SLOW = ("black hole", "delay", "slow line")
_PLAN = Plan(
    seconds=120,  # on a busy machine; it ends with the last fault
    seed=12,
    faults=12,
    lanes=3,
    phase=3,
    server_faults=("server stopped 3 s", "session forgotten"),
    lane_faults=tuple(fault for fault in LANE_FAULTS if fault not in _SLOW),
    has_runs=False,
)


@pytest.fixture(scope="module")
def outcome(fragile: Fragile, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(fragile, "http", _PLAN, tmp_path_factory.mktemp("faults"), lambda trial: None)


def test_faults_are_injected_during_operations(outcome: Outcome) -> None:
    assert outcome.count_injected() >= 12, format_table([outcome])
    assert sum(trial.was_during for trial in outcome.trials) >= 8, format_table([outcome])


def test_faults_lose_and_double_nothing(outcome: Outcome) -> None:
    assert list_problems([outcome]) == [], format_table([outcome])


def test_faults_leave_session_usable(outcome: Outcome) -> None:
    assert outcome.holdings
    for before, after in outcome.holdings:
        assert after["state"] == "READY"
        assert after["threads"] <= before["threads"] + 2
        assert after["descriptors"] <= before["descriptors"] + 4
