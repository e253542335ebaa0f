"""The lessons and the demo, executed for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest
from lessons import PROMISES, check

from flare_widgets.cli import main

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_lessons_are_committed_without_outputs(lesson: Path) -> None:
    notebook = nbformat.read(lesson, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    assert "widgets" not in notebook.metadata


def test_checked_lessons_match_index() -> None:
    assert [lesson.stem for lesson in LESSONS] == sorted(PROMISES)
    index = (LESSONS[0].parent / "README.md").read_text()
    assert re.findall(r"\]\((\S+\.ipynb)\)", index) == [lesson.name for lesson in LESSONS]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_lesson_runs_and_keeps_promises(lesson: Path, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    run = subprocess.run(
        [sys.executable, "-m", "flare_widgets.cli", "demo", str(lesson), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FLARE_WIDGETS_TEST": mark},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "final status: FINISHED:COMPLETED" in run.stdout
    executed = tmp_path / lesson.stem / lesson.name
    page = tmp_path / lesson.stem / f"{lesson.stem}.html"
    assert str(executed) in run.stdout
    assert str(page) in run.stdout
    check(lesson, nbformat.read(executed, as_version=4))
    html = page.read_text()
    assert "FINISHED:COMPLETED" in html
    assert not re.findall(r"<script[^>]+src=[^>]+>", html)
    assert not _heirs(mark)
    if lesson == LESSONS[0]:
        assert re.search(r"0\.0 s  SUBMITTED\n.*\n? +[\d.]+ s  RUNNING\n +[\d.]+ s  FINISHED:COMPLETED", run.stdout)
        live = re.findall(r"^  first-line \w{8}  (\S+)", run.stdout, re.MULTILINE)
        assert live[-2:] == ["RUNNING", "FINISHED:COMPLETED"]


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("'FINISHED:COMPLETED'", 0, "final status: FINISHED:COMPLETED"),
        ("'FINISHED:ABORTED'", 1, "final status: FINISHED:ABORTED"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("None", 1, "final status: unknown"),
    ],
)
def test_exit_code_tells_whether_job_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, code: int, words: str
) -> None:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["final-status"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "lesson.ipynb")
    assert main(["demo", str(tmp_path / "lesson.ipynb"), "--out", str(tmp_path / "out")]) == code
    assert words in capsys.readouterr().out


def test_missing_notebook_is_one_error_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("demo", "lab"):
        assert main([command, str(tmp_path / "no.ipynb")]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert "there is no notebook" in lines[0]


def _heirs(mark: str) -> list[str]:
    """Return the processes that descend from one that was started with this mark in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("FLARE_WIDGETS_TEST") == mark:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
