"""A question that a cell waits for the answer to, by mouse and by keyboard, in a real JupyterLab."""

from __future__ import annotations

import importlib.metadata

import pytest
from axe import serious
from contrast import contrasts
from lab_page import NotebookPage, mime_types
from playwright.sync_api import Locator, expect

ASK = (
    "from flare_widgets.views.core.confirm import ConfirmationView\n"
    "question = 'Permanently delete hello 76b8d043 (FINISHED:COMPLETED) and its results?'\n"
    "print('agreed:', ConfirmationView(question, 'Delete job').ask(60))"
)


HEARD = int(importlib.metadata.version("ipykernel").partition(".")[0]) >= 7
"""Return True if this kernel reads clicks while a cell runs."""

needs_ears = pytest.mark.skipif(not HEARD, reason="this ipykernel reads clicks only between cells")


@pytest.fixture
def question(bench: NotebookPage) -> Locator:
    bench.fill(ASK)
    bench.run(0, wait=False)
    question = bench.cell(0).locator(".flw-confirm.flw-live")
    expect(question).to_be_visible()
    return question


def answered(bench: NotebookPage, agreed: bool) -> None:
    expect(bench.outputs(0).filter(has_text="agreed:")).to_have_text(f"agreed: {agreed}")
    left = bench.cell(0).locator(".flw-confirm:not(.flw-live)")
    expect(left).to_contain_text("→ Delete job" if agreed else "→ Cancel")
    assert mime_types(bench.save(), 0)[0] == ["text/html", "text/plain"]


@needs_ears
@pytest.mark.parametrize("agreed", [True, False])
def test_by_mouse_while_cell_waits(bench: NotebookPage, question: Locator, agreed: bool) -> None:
    assert bench.running_cells() == [0]
    question.get_by_role("button", name="Delete job" if agreed else "Cancel", exact=True).click()
    answered(bench, agreed)


@needs_ears
@pytest.mark.parametrize(("keys", "agreed"), [(["Enter"], False), (["Escape"], False), (["Shift+Tab", "Enter"], True)])
def test_by_keyboard_from_where_focus_is(bench: NotebookPage, question: Locator, keys: list[str], agreed: bool) -> None:
    expect(question.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    for key in keys:
        bench.page.keyboard.press(key)
    answered(bench, agreed)


def test_interrupt_is_no_answer(bench: NotebookPage, question: Locator) -> None:
    bench.interrupt()
    expect(bench.cell(0).locator(".flw-confirm:not(.flw-live)")).to_contain_text("not answered here")
    expect(question).to_have_count(0)


@needs_ears
@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_word_can_be_read(bench: NotebookPage, question: Locator, theme: str) -> None:
    bench.theme(theme)
    poor = {text: ratio for text, ratio in contrasts(question).items() if ratio < 4.5}
    bench.theme("JupyterLab Light")
    assert poor == {}
    assert serious(question) == []
    question.get_by_role("button", name="Cancel", exact=True).click()
    answered(bench, False)


@pytest.mark.skipif(HEARD, reason="this ipykernel reads clicks while a cell runs")
def test_kernel_asks_when_clicks_are_unavailable(bench: NotebookPage) -> None:
    bench.fill(
        "from types import SimpleNamespace\nfrom flare_widgets.magics.prompt import confirm\n"
        "confirm(SimpleNamespace(config=SimpleNamespace(confirm=True, views=True)), 'Delete it?', 'Delete', False)\n"
        "print('agreed')"
    )
    bench.run(0, wait=False)
    prompt = bench.cell(0).locator(".jp-Stdin-input")
    expect(prompt).to_be_visible()
    expect(bench.cell(0).locator(".flw-confirm:not(.flw-live)")).to_contain_text("not answered here")
    prompt.fill("y")
    prompt.press("Enter")
    expect(bench.outputs(0).filter(has_text="agreed")).to_be_visible()
