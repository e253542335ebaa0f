"""The lessons run by a person in a real JupyterLab, with real federations. (The first: ``test_real_federation.py``.)"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from lab_page import NotebookPage
from lab_server import LabServer
from lessons import check

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("0[2-9]*.ipynb"))
_LONGEST = 120_000  # ms that a cell may take: a job with its federation


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_keeps_what_it_promises(lesson: Path, notebook: NotebookPage, lab: LabServer) -> None:
    (lab.root / lesson.stem).mkdir()
    shutil.copy(lesson, lab.root / lesson.stem)
    notebook.open(f"{lesson.stem}/{lesson.name}")
    for index, cell in enumerate(nbformat.read(lesson, as_version=4).cells):
        if cell.cell_type != "code":
            continue
        notebook.run(index, wait=False)
        question = notebook.cell(index).locator(".flw-confirm.flw-live")
        ended = notebook.cell(index).locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[\d+\]:"))
        ended.or_(question).wait_for(timeout=_LONGEST)
        if question.count():
            question.get_by_role("button", name="Cancel", exact=True).click()
            ended.wait_for(timeout=_LONGEST)
    check(lesson, notebook.save(), person=True)
