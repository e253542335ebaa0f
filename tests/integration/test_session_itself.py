"""The methods that are about the session itself, by both clients."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import Oracle, outcome

from flare_widgets.api import Session


@pytest.mark.parametrize("value", [3, 2.5, 0, -1, "3", "x", None], ids=repr)
def test_timeout_setting_matches_nvflare(ours: Session, oracle: Oracle, value: Any) -> None:
    try:
        mine, other = outcome(lambda: ours.set_timeout(value)), oracle("set_timeout", value)
        assert (mine.get("value"), mine.get("error")) == (other.get("value"), other.get("error"))
        # Whatever came of it, the session still answers.
        assert outcome(ours.list_studies)["value"] == oracle("list_studies")["value"]
    finally:
        mine, other = outcome(ours.unset_timeout), oracle("unset_timeout")
    assert (mine, other) == ({"value": None}, {"value": None, "calls": []})


def test_connecting_again(ours: Session, oracle: Oracle) -> None:
    mine, other = outcome(lambda: ours.try_connect(10)), oracle("try_connect", 10)
    assert (mine.get("value"), mine.get("error")) == (other.get("value"), other.get("error"))
    assert outcome(ours.list_studies)["value"] == oracle("list_studies")["value"]
