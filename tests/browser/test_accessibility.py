"""Every view, checked by axe-core in both themes.

The session switcher, the submit form, the kit check and the metrics are checked in the tests of their own, in all their
states.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe import serious
from job_panel import JobPanel
from jobs_panel import JobsPanel
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect

JOB = (
    "from flare_widgets.views.display import show_job\n"
    "from scripted import ScriptedSession, ScriptedWatch\n"
    "watch, session = ScriptedWatch(), ScriptedSession()\n"
)
SHOW = "view = show_job(watch, session)"


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def themed(bench: NotebookPage, request: pytest.FixtureRequest) -> Iterator[NotebookPage]:
    bench.theme(request.param)
    yield bench
    bench.theme("JupyterLab Light")


def test_checker_finds_what_is_wrong(bench: NotebookPage) -> None:
    bench.fill(
        "from IPython.display import HTML\n"
        "HTML('<input type=text><p style=\"color:#ccc;background:#fff\">pale words</p>')"
    )
    bench.run(0)
    found = serious(bench.outputs(0))
    assert any(finding.startswith("label") for finding in found)
    assert any(finding.startswith("color-contrast") for finding in found)


def test_job_view(themed: NotebookPage) -> None:
    themed.fill(JOB + SHOW)
    themed.run(0)
    panel = JobPanel(themed.outputs(0))
    themed.run_code("watch.say('RUNNING')")
    panel.expect_status("RUNNING")
    assert serious(panel.live) == []
    panel.live.get_by_role("button", name="Log", exact=True).click()
    expect(panel.live.locator(".flw-log-words")).to_have_text("site-1 has no log of this job yet")
    assert serious(panel.live) == []
    themed.run_code("session.log('site-1', 'INFO begun', 'WARNING slow', 'ERROR broken')")
    expect(panel.live.locator(".flw-log-line[data-level]")).to_have_count(3)
    panel.live.locator(".flw-list").focus()
    themed.page.keyboard.press("Shift+ArrowUp")
    assert serious(panel.live) == []
    panel.button("Abort").click()
    assert serious(panel.live) == []
    themed.run_code("watch.say(trouble='the connection to server:8002 was lost; trying again (2)')")
    assert serious(panel.live) == []
    themed.run_code("watch.say('FINISHED:EXECUTION_EXCEPTION', duration=61.5)")
    panel.expect_live("FINISHED:EXECUTION_EXCEPTION")
    assert serious(panel.live) == []
    themed.run_code("view.make_static()")
    panel.expect_static("FINISHED:EXECUTION_EXCEPTION")
    assert serious(panel.static) == []


def shown(notebook: NotebookPage, *cells: str) -> Locator:
    """Run these cells, and return the outputs of the last one."""
    notebook.fill(*cells)
    for index in range(len(cells)):
        notebook.run(index)
    return notebook.outputs(len(cells) - 1)


def test_jobs_view_and_compare(themed: NotebookPage) -> None:
    table = JobsPanel(
        shown(
            themed,
            "from flare_widgets.views.jobs.view import JobsView\nfrom scripted_jobs import ScriptedMonitor\n"
            "monitor = ScriptedMonitor(12)",
            "view = JobsView(monitor, monitor.open_job, monitor.compare)\nview.show()",
        )
    )
    expect(table.rows.first).to_be_visible()
    assert serious(table.root) == []
    table.row(2).locator(".flw-job-name").click()
    expect(JobPanel(table.below).live).to_be_visible()
    assert serious(table.root) == []
    assert serious(table.below) == []
    table.row(2).locator(".flw-col-status").click()
    table.button("abort").click()
    expect(table.confirm).to_be_visible()
    assert serious(table.root) == []
    table.confirm.get_by_role("button", name="Cancel").click()
    table.row(3).locator(".flw-col-status").click(modifiers=["Control"])
    table.button("compare").click()
    compared = table.below.locator(".flw-compare")
    expect(compared.locator("canvas").first).to_be_visible()
    assert serious(compared) == []
    themed.run_code("monitor.say(trouble='the connection to server:8002 was lost; trying again (2)')")
    expect(table.root).to_contain_text("the connection to server:8002 was lost")
    assert serious(table.root) == []
    themed.run_code("view.make_static()")
    expect(table.root).to_have_count(0)
    assert serious(themed.outputs(1).first) == []


def test_system_view(themed: NotebookPage) -> None:
    output = shown(
        themed,
        "from scripted_system import ScriptedSystem, show\nsystem = ScriptedSystem('hospital-a', 'hospital-b')",
        "view, admin = show(system)",
    )
    live = output.locator(".flw-system.flw-live")
    expect(live.locator(".flw-row")).to_have_count(3)
    assert serious(live) == []
    live.locator("button.flw-row-line").nth(1).click()
    expect(live.locator(".flw-detail").nth(2)).to_have_text("2.9.0")
    assert serious(live) == []
    themed.run_code("system.say(jobs=())")
    live.get_by_role("button", name="Shut down", exact=True).first.click()
    expect(live.get_by_role("textbox")).to_be_focused()
    assert serious(live) == []
    themed.run_code("import time; system.change('hospital-b', last_seen=time.time() - 100)")
    expect(live.locator(".flw-banner li")).to_have_count(1)
    themed.run_code("system.say(trouble='no connection to server:8002, trying again (3)', facts_at=time.time() - 70)")
    expect(live).to_contain_text("no connection to server:8002")
    assert serious(live) == []
    themed.run_code("view.make_static()")
    static = output.locator(".flw-system:not(.flw-live)")
    expect(static).to_be_visible()
    assert serious(static) == []


def test_session_badge(themed: NotebookPage) -> None:
    output = shown(
        themed,
        "from flare_widgets.views.display import show_session\nfrom scripted_sessions import Sessions\n"
        "world = Sessions('heart', days=12)",
        "badge = show_session(world.manager['heart'].session)",
    )
    live = output.locator(".flw-session.flw-live")
    expect(live).to_contain_text("the certificate expires in 12 days")
    assert serious(live) == []
    themed.run_code("world.stop()")
    expect(live).to_contain_text("reconnecting for")
    assert serious(live) == []
    themed.run_code("world.manager.close_all()")
    static = output.locator(".flw-session:not(.flw-live)")
    expect(static).to_contain_text("closed")
    assert serious(static) == []


def test_faults_view(themed: NotebookPage) -> None:
    output = shown(
        themed,
        "from flare_widgets.views.faults.view import FaultsView\nfrom scripted_faults import ScriptedBoard\n"
        "board = ScriptedBoard('server', 'hospital-a', 'hospital-b', 'hospital-c')",
        "view = FaultsView(board)\nview.show()",
    )
    live = output.locator(".flw-faults.flw-live")
    expect(live.locator(".flw-process")).to_have_count(4)
    assert serious(live) == []
    for fault, site in (("pause", "hospital-a"), ("kill", "hospital-b"), ("slow", "hospital-c")):
        themed.run_code(f"board.inject('{fault}', '{site}')")
    expect(live.locator(".flw-process-state", has_text="throttled to 20 %")).to_be_visible()
    assert serious(live) == []
    themed.run_code("board.states.clear()")
    static = output.locator(".flw-faults:not(.flw-live)")
    expect(static).to_contain_text("The last known state.")
    assert serious(static) == []
