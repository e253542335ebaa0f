"""The demo's lines on its job, from the messages of its views."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import comm
import pytest
from recording import RecordingComm
from test_monitoring_text import ROUND, ended, running, submitted

from flare_widgets.demo import _JobViewPrinter
from flare_widgets.views.job.view import JobView


def sent(snapshot: Any) -> dict[str, Any]:
    """Return the traits that a browser gets of a job."""
    watch = SimpleNamespace(job_id=snapshot.job_id, snapshot=snapshot, done=False, subscribe=lambda _: lambda: None)
    state: dict[str, Any] = JobView(watch).comm.sent[0]["state"]
    return state


def test_job_status_round_and_end_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    told = _JobViewPrinter()
    told("button", {"description": "another widget"})
    told("view", sent(submitted()))
    told("view", sent(submitted()))
    told.end_line()  # the cell that began to watch has ended
    told("view", sent(running(rounds=running().rounds[:1])))
    told("view", sent(running()))
    told("view", {"view_model": sent(running(facts_at=(running().facts_at or 0) + 1))["view_model"]})
    told("view", sent(ended()))
    told("view", sent(ended()))  # the last facts about it
    told.end_line()
    told("second view", sent(ended()))
    lines = [line.split("  ")[1:4] for line in capsys.readouterr().out.splitlines()]
    assert [words[1] for words in lines] == ["SUBMITTED", "RUNNING", "RUNNING", "FINISHED:COMPLETED"]
    assert [words[2] for words in lines[1:]] == ["round 1/10", ROUND, "6/10 rounds"]
