"""How the demo tells of its job, from what views of it are sent."""

from __future__ import annotations

import pytest
from test_monitoring_text import ROUND, ended, running, submitted

from flare_widgets.demo import _Told


def test_a_job_is_told_by_status_and_round_and_its_end_once(capsys: pytest.CaptureFixture[str]) -> None:
    told = _Told()
    told(submitted())
    told(submitted())
    told.pause()  # the cell that began to watch has ended
    told(running(rounds=running().rounds[:1]))
    told(running())
    told(running(facts_at=running().facts_at + 1))
    told(ended())
    told(ended())  # the last facts about it
    told.pause()
    told(ended())  # another view of the same job
    lines = [line.split("  ")[1:4] for line in capsys.readouterr().out.splitlines()]
    assert [words[1] for words in lines] == ["SUBMITTED", "RUNNING", "RUNNING", "FINISHED:COMPLETED"]
    assert [words[2] for words in lines[1:]] == ["round 1/10", ROUND, ROUND]
