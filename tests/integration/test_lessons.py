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

from flare_widgets.cli import main

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))

#: The job that each lesson runs.
JOBS = {"01_quickstart": "first-line", "02_real_data": "tumours"}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_lessons_are_committed_without_outputs(lesson: Path) -> None:
    notebook = nbformat.read(lesson, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.stem)
def test_the_demo_runs_a_lesson_to_its_end(lesson: Path, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    run = subprocess.run(
        [sys.executable, "-m", "flare_widgets.cli", "demo", str(lesson), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FLARE_WIDGETS_TEST": mark},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"0\.0 s  SUBMITTED\n.*\n? +[\d.]+ s  RUNNING\n +[\d.]+ s  FINISHED:COMPLETED", run.stdout)
    live = re.findall(rf"^  {JOBS[lesson.stem]} \w{{8}}  (\S+)", run.stdout, re.MULTILINE)
    assert live[-2:] == ["RUNNING", "FINISHED:COMPLETED"]
    assert "final status: FINISHED:COMPLETED" in run.stdout
    executed = tmp_path / lesson.stem / lesson.name
    page = tmp_path / lesson.stem / f"{lesson.stem}.html"
    assert str(executed) in run.stdout
    assert str(page) in run.stdout
    # The saved notebook still shows the job, without kernel, widget manager or network.
    notebook = nbformat.read(executed, as_version=4)
    views = [
        output.data
        for cell in notebook.cells
        if cell.cell_type == "code" and re.search(r"%flare monitor|^%%flare ", cell.source)
        for output in cell.outputs
        if output.output_type in ("display_data", "execute_result") and "text/html" in output.data
    ]
    assert len(views) == 2
    for data in views:
        assert "FINISHED:COMPLETED" in data["text/html"]
        assert "application/vnd.jupyter.widget-view+json" not in data
    assert "widgets" not in notebook.metadata
    html = page.read_text()
    assert "FINISHED:COMPLETED" in html
    assert not re.findall(r"<script[^>]+src=[^>]+>", html)
    assert not _heirs(mark)


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("'FINISHED:COMPLETED'", 0, "final status: FINISHED:COMPLETED"),
        ("'FINISHED:ABORTED'", 1, "final status: FINISHED:ABORTED"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("None", 1, "final status: unknown"),
    ],
)
def test_the_exit_code_tells_whether_the_job_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, code: int, words: str
) -> None:
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["final-status"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "lesson.ipynb")
    assert main(["demo", str(tmp_path / "lesson.ipynb"), "--out", str(tmp_path / "out")]) == code
    assert words in capsys.readouterr().out


def test_a_notebook_that_is_not_there_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
