"""Recorded runs of each kind of workflow: whole, of the jobs that are written, and true to what is told of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from workflow_jobs import JOBS
from workflow_jobs.expected import EXPECTED
from workflow_truth import RanWorkflow, read_workflows

RECORDINGS = Path(__file__).parent / "recordings_workflows"
MAX_BYTES = 250_000  # most have less than 100 kB; a round of XGBoost by columns has as much
PRIVATE = re.compile(rb"/(root|home|work|Users)/|/tmp/(?!None)")


def truth(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RECORDINGS / name / "truth.json").read_text())
    return loaded


def ran(name: str) -> list[RanWorkflow]:
    return read_workflows((RECORDINGS / name / "log.json").read_text())


def test_each_job_has_a_recording() -> None:
    assert {path.name for path in RECORDINGS.iterdir() if path.is_dir()} == set(JOBS) == set(EXPECTED)


@pytest.mark.parametrize("name", JOBS)
def test_job_folder_has_its_name(name: str, tmp_path: Path) -> None:
    folder = JOBS[name](tmp_path)
    assert folder == tmp_path / name
    assert [path.stem for path in folder.glob("meta.*")] == ["meta"]
    config = next((RECORDINGS / name).glob("config_fed_server.*"))
    written = (folder / "app" / "config" / config.name).read_text()
    assert written == config.read_text(), "the recording is of an older job: record it again"


@pytest.mark.parametrize("name", JOBS)
def test_recording_is_small_and_neutral(name: str) -> None:
    files = [path for path in (RECORDINGS / name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    assert [path.name for path in files if PRIVATE.search(path.read_bytes())] == []


@pytest.mark.parametrize("name", JOBS)
def test_log_has_the_expected_workflows(name: str) -> None:
    for workflow, expected in zip(ran(name), EXPECTED[name], strict=True):
        assert (workflow.name, workflow.class_name) == (expected.name, expected.class_name)
        assert workflow.rounds == (expected.round_numbers if expected.are_rounds_logged else [])
        both = Counter(expected.tasks)
        assert workflow.count_tasks("site-1") == both + Counter(expected.first_site_tasks)
        assert workflow.count_tasks("site-2") == both
        assert all(task.returned_at is not None for task in workflow.tasks)


@pytest.mark.parametrize("name", JOBS)
def test_truth_agrees_with_log(name: str) -> None:
    told = truth(name)
    assert told["status"] == "FINISHED:COMPLETED"
    workflows = ran(name)
    for one, workflow, expected in zip(told["workflows"], workflows, EXPECTED[name], strict=True):
        assert (one["id"], one["class"]) == (workflow.name, workflow.path)
        assert one["total_rounds"] == expected.total_rounds
        assert [number for number, _, _ in one["rounds"]] == expected.round_numbers
    tasks = [(task.site, task.name, index) for index, one in enumerate(workflows) for task in one.tasks]
    assert [(site, task, index) for site, task, _, _, index in told["tasks"]] == tasks
