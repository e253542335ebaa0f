"""Every view, checked by axe-core in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe import serious
from job_panel import JobPanel
from lab_page import NotebookPage
from playwright.sync_api import expect

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


def test_the_checker_finds_what_is_wrong(bench: NotebookPage) -> None:
    bench.fill(
        "from IPython.display import HTML\n"
        "HTML('<input type=text><p style=\"color:#ccc;background:#fff\">pale words</p>')"
    )
    bench.run(0)
    found = serious(bench.outputs(0))
    assert any(finding.startswith("label") for finding in found)
    assert any(finding.startswith("color-contrast") for finding in found)


def test_the_job_view(themed: NotebookPage) -> None:
    themed.fill(JOB + SHOW)
    themed.run(0)
    panel = JobPanel(themed.outputs(0))
    themed.run_code("watch.say('RUNNING')")
    panel.expect_status("RUNNING")
    assert serious(panel.live) == []
    panel.live.get_by_role("button", name="Log", exact=True).click()
    expect(panel.live.locator(".flw-log-words")).to_have_text("no log yet: the server begins it when the job runs")
    assert serious(panel.live) == []
    themed.run_code("session.log('server', 'INFO begun', 'WARNING slow', 'ERROR broken')")
    expect(panel.live.locator(".flw-log-line")).to_have_count(3)
    panel.live.locator(".flw-list").focus()
    themed.page.keyboard.press("Shift+ArrowUp")
    assert serious(panel.live) == []
    panel.button("Abort").click()
    assert serious(panel.live) == []
    themed.run_code("watch.say(trouble='the connection to server:8002 was lost; trying again (2)')")
    assert serious(panel.live) == []
    themed.run_code("watch.say('FINISHED:EXECUTION_EXCEPTION', duration=61.5)")
    panel.expect_static("FINISHED:EXECUTION_EXCEPTION")
    assert serious(panel.static) == []
