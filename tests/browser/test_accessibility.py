"""Every view, checked by axe-core in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe import serious
from job_panel import JobPanel
from lab_page import NotebookPage

JOB = "from flare_widgets.views.display import show_job\nfrom scripted import ScriptedSession, ScriptedWatch\n"
SHOW = "watch, session = ScriptedWatch(), ScriptedSession()\nview = show_job(watch, session)"


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
    panel.button("Abort").click()
    assert serious(panel.live) == []
    themed.run_code("watch.say(trouble='the connection to server:8002 was lost; trying again (2)')")
    assert serious(panel.live) == []
    themed.run_code("watch.say('FINISHED:EXECUTION_EXCEPTION', duration=61.5)")
    panel.expect_static("FINISHED:EXECUTION_EXCEPTION")
    assert serious(panel.static) == []
