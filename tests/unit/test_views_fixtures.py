"""js/fixtures/job.json binds the two halves of the view: the front-end tests draw what this test finds right."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from flare_widgets.monitoring.job.snapshot import JobSnapshot

MAKER = runpy.run_path(str(Path(__file__).parents[2] / "js" / "fixtures" / "make_fixtures.py"))
FIXTURES = Path(__file__).parents[2] / "js" / "fixtures"


@pytest.mark.parametrize("name", list(MAKER["BUILDERS"]))
def test_fixture_is_what_its_script_writes(name: str) -> None:
    written = (FIXTURES / f"{name}.json").read_text(encoding="utf-8")
    assert written == MAKER["render"](MAKER["BUILDERS"][name]()), "run js/fixtures/make_fixtures.py"


@pytest.fixture(scope="module")
def cases():
    return json.loads((FIXTURES / "job.json").read_text(encoding="utf-8"))


def test_the_file_is_what_its_script_writes(cases):
    made = runpy.run_path(str(FIXTURES / "make_job.py"))["build"]()
    assert json.loads(json.dumps(made)) == cases, "run js/fixtures/make_job.py, then the front-end tests"


def test_every_way_a_job_can_go_is_among_the_cases(cases):
    assert {case["tone"] for case in cases.values()} == {
        "unknown",
        "waiting",
        "running",
        "done",
        "stopped",
        "failed",
    }


def test_the_snapshots_are_snapshots(cases):
    for case in cases.values():
        assert json.loads(json.dumps(JobSnapshot.from_json(case["snapshot"]).to_json())) == case["snapshot"]
