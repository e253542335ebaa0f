"""The faults view in a real JupyterLab, on a federation that does what it is told (``scripted_faults.py``)."""

from __future__ import annotations

import re

import pytest
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect

SETUP = (
    "from flare_widgets.views.faults.view import FaultsView\n"
    "from scripted_faults import ScriptedBoard\n"
    "board = ScriptedBoard('server', 'hospital-a', 'hospital-b')"
)
SHOW = "view = FaultsView(board)\nview.show()"


@pytest.fixture
def view(bench: NotebookPage) -> Locator:
    bench.fill(SETUP, SHOW)
    bench.run(0)
    bench.run(1)
    found = bench.outputs(1).locator(".flw-faults.flw-live")
    expect(found.locator(".flw-process")).to_have_count(3)
    return found


def row(view: Locator, name: str) -> Locator:
    return view.locator(".flw-process").filter(has=view.page.locator(".flw-process-name", has_text=name))


def button(view: Locator, who: str, label: str) -> Locator:
    return row(view, who).get_by_role("button", name=re.compile(f"^{label}\\b"))


def test_site_paused_and_resumed_by_mouse(view: Locator) -> None:
    state = row(view, "hospital-a").locator(".flw-process-state")
    expect(state).to_contain_text("running")
    expect(button(view, "hospital-a", "Bring back")).to_have_attribute("aria-disabled", "true")
    button(view, "hospital-a", "Pause").click()
    expect(state).to_contain_text("paused")
    expect(view.locator(".flw-head")).to_contain_text("hospital-a paused, 2 running")
    expect(button(view, "hospital-a", "Pause")).to_have_attribute("title", "it is already paused")
    button(view, "hospital-a", "Bring back").click()
    expect(state).to_contain_text("running")
    expect(row(view, "hospital-b").locator(".flw-process-state")).to_contain_text("running")


def test_by_keyboard_and_focus_stays(view: Locator) -> None:
    pause = button(view, "hospital-b", "Pause")
    pause.focus()
    view.page.keyboard.press("Enter")
    expect(row(view, "hospital-b").locator(".flw-process-state")).to_contain_text("paused")
    expect(pause).to_be_focused()
    for _ in range(2):
        view.page.keyboard.press("Tab")
    expect(button(view, "hospital-b", "Bring back")).to_be_focused()
    view.page.keyboard.press("Enter")
    expect(row(view, "hospital-b").locator(".flw-process-state")).to_contain_text("running")


def test_killing_is_confirmed_by_keyboard(view: Locator) -> None:
    state = row(view, "hospital-b").locator(".flw-process-state")
    button(view, "hospital-b", "Kill").focus()
    view.page.keyboard.press("Enter")
    question = row(view, "hospital-b").locator(".flw-action-confirm")
    expect(question).to_contain_text("Kill hospital-b?")
    view.page.keyboard.press("Enter")  # the safe answer has the focus
    expect(question).to_be_hidden()
    expect(state).to_contain_text("running")
    button(view, "hospital-b", "Kill").focus()
    view.page.keyboard.press("Enter")
    view.page.keyboard.press("Shift+Tab")
    view.page.keyboard.press("Enter")
    expect(state).to_contain_text("killed")


def test_external_changes_shown_until_static_form(view: Locator, bench: NotebookPage) -> None:
    bench.run_code("board.inject('slow', 'server')")
    expect(row(view, "server").locator(".flw-process-state")).to_contain_text("throttled to 20 %")
    bench.run_code("board.states.clear()")
    static = bench.outputs(1).locator(".flw-faults:not(.flw-live)")
    expect(static).to_contain_text("The last known state.")
    expect(static).to_contain_text("throttled to 20 %")
    expect(bench.outputs(1).locator("button")).to_have_count(0)
