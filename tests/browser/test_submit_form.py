"""The submit form in a real JupyterLab, with a server that does what the test says (``scripted_submit.py``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe import serious
from contrast import contrasts
from job_panel import JobPanel
from lab_page import NotebookPage
from layout import wait_until_it_fits
from playwright.sync_api import Locator, expect

SETUP = (
    "import os, pathlib, tempfile\n"
    "from scripted_submit import ScriptedServer, make_jobs, show\n"
    "root = pathlib.Path(tempfile.mkdtemp()).resolve()\n"
    "make_jobs(root)\n"
    "os.chdir(root)\n"
    "server = ScriptedServer()"
)
SHOW = "form = show(server)"


class FormPanel:
    """One submit form, as a user reads and handles it."""

    def __init__(self, output: Locator) -> None:
        self.live = output.locator(".flw-submit.flw-live")
        self.static = output.locator(".flw-submit:not(.flw-live):visible")
        self.any = output.locator(".flw-submit:visible")
        self.folders = self.live.locator(".flw-folder")
        self.here = self.live.locator(".flw-here")
        self.field = self.live.get_by_label("path of a job folder")
        self.chosen = self.live.get_by_role("group", name="chosen job folder")
        self.problems = self.any.locator(".flw-problems li")
        self.words = self.live.locator(".flw-action-words")
        self.submit = self.live.get_by_role("button", name=re.compile("^Submit"))
        self.history = self.any.locator(".flw-submitted li")

    def folder(self, name: str) -> Locator:
        return self.folders.filter(has_text=name)

    def button(self, name: str) -> Locator:
        return self.live.get_by_role("button", name=name, exact=True)


@pytest.fixture
def shown(bench: NotebookPage) -> NotebookPage:
    bench.fill(SETUP, SHOW)
    bench.run(0)
    bench.run(1)
    return bench


@pytest.fixture
def panel(shown: NotebookPage) -> FormPanel:
    panel = FormPanel(shown.outputs(1))
    expect(panel.folders).to_have_count(2)
    return panel


def test_job_submitted_by_mouse(shown, panel, pictures):
    expect(panel.folder("jobs")).to_be_visible()
    panel.folder("jobs").click()
    expect(panel.here).to_have_text("jobs")
    expect(panel.live.locator(".flw-folder-job .flw-folder-name")).to_have_text(["broken", "elsewhere", "hello"])
    shown.screenshot(shown.cell(1), pictures and pictures / "submit-browse.png")
    panel.folder("hello").click()
    expect(panel.chosen).to_contain_text("3 files")
    expect(panel.chosen).to_contain_text("App app → server and all sites")
    expect(panel.problems).to_have_count(0)
    panel.chosen.get_by_text("3 files").click()
    expect(panel.chosen.locator(".flw-files li").first).to_contain_text("app/config/config_fed_client.json")
    shown.screenshot(shown.cell(1), pictures and pictures / "submit-chosen.png")
    shown.run_code("server.go_on.clear()")
    panel.submit.click()
    expect(panel.words).to_contain_text("sending 2.0 MB of 4.0 MB")
    expect(panel.live.locator("progress")).to_have_attribute("value", "0.5")
    shown.screenshot(shown.cell(1), pictures and pictures / "submit-sending.png")
    shown.run_code("server.go_on.set()")
    expect(panel.words).to_contain_text("submitted as job 16b8d043")
    expect(panel.history).to_have_text([re.compile("submitted hello as 16b8d043")])
    shown.run_code("assert server.submitted == [str(root / 'jobs' / 'hello')]")
    # Its view stands below the form, live.
    job = JobPanel(shown.outputs(1))
    job.expect_status("SUBMITTED")
    shown.run_code("server.watch.say('RUNNING')")
    job.expect_status("RUNNING")
    shown.screenshot(shown.cell(1), pictures and pictures / "submit-done.png")
    shown.run_code("server.watch.say('FINISHED:COMPLETED', duration=3.0)")
    job.expect_live("FINISHED:COMPLETED")
    expect(panel.live).to_be_visible()


def test_job_submitted_by_keyboard(shown, panel):
    keyboard = shown.page.keyboard
    panel.folders.first.focus()
    keyboard.press("ArrowDown")
    expect(panel.folder("jobs")).to_be_focused()
    keyboard.press("Enter")
    expect(panel.folder("broken")).to_be_focused()
    keyboard.press("ArrowLeft")
    expect(panel.folder("empty")).to_be_focused()
    keyboard.press("End")
    keyboard.press("ArrowRight")
    expect(panel.folder("broken")).to_be_focused()
    keyboard.press("End")
    keyboard.press("Enter")
    expect(panel.button("Choose another folder")).to_be_focused()
    expect(panel.chosen).to_contain_text("hello")
    for _ in range(2):
        keyboard.press("Tab")
    expect(panel.submit).to_be_focused()
    keyboard.press("Enter")
    expect(panel.words).to_contain_text("submitted as job 16b8d043")


def test_path_is_typed(shown, panel):
    panel.field.fill("jobs/nothing")
    panel.field.press("Enter")
    expect(panel.live.locator("p.flw-failed-words")).to_contain_text("jobs/nothing cannot be read: No such file")
    expect(panel.field).to_have_value("jobs/nothing")
    panel.field.fill("jobs/hello")
    panel.button("Open").click()
    expect(panel.chosen).to_contain_text("jobs/hello")
    panel.button("Choose another folder").click()
    expect(panel.folder("jobs")).to_be_visible()
    panel.field.fill("empty")
    panel.field.press("Enter")
    expect(panel.here).to_have_text("empty")
    expect(panel.live).to_contain_text("No folders here.")


def test_broken_folder_is_refused_until_fixed(shown, panel, pictures):
    panel.folder("jobs").click()
    panel.folder("broken").click()
    expect(panel.problems).to_have_text(
        [
            re.compile("error: app 'other' in the deploy_map does not exist: there is no other/config"),
            re.compile("warning: app: looks like an app but is not deployed to any site"),
        ]
    )
    expect(panel.submit).to_have_attribute("aria-disabled", "true")
    panel.submit.click(force=True)
    expect(panel.words).to_contain_text("fix the errors above")
    shown.screenshot(shown.cell(1), pictures and pictures / "submit-broken.png")
    shown.run_code(
        "import json\nmeta = root / 'jobs/broken/meta.json'\n"
        "meta.write_text(json.dumps({'name': 'mended', 'deploy_map': {'app': ['@ALL']}}))"
    )
    panel.button("Re-check").click()
    expect(panel.problems).to_have_count(0)
    panel.submit.click()
    expect(panel.words).to_contain_text("submitted as job")


def test_site_that_nobody_knows_is_warning(shown, panel):
    panel.folder("jobs").click()
    panel.folder("elsewhere").click()
    expect(panel.problems).to_have_text(
        [
            re.compile("warning: site-9 is not connected, or not known to the server"),
            re.compile("warning: requires at least 1 site, and 0 of its sites are connected: it will wait"),
        ]
    )
    expect(panel.submit).not_to_have_attribute("aria-disabled", "true")


def test_sending_can_be_cancelled(shown, panel):
    panel.folder("jobs").click()
    panel.folder("hello").click()
    shown.run_code("server.go_on.clear()")
    panel.submit.click()
    panel.button("Cancel Submit").click()
    expect(panel.words).to_contain_text("the upload was cancelled: the job was not submitted")
    shown.run_code("assert server.submitted == []; server.go_on.set()")
    panel.submit.click()
    expect(panel.words).to_contain_text("submitted as job")


def test_what_server_refuses_is_said(shown, panel):
    shown.run_code("server.refuse = 'the server does not like it'")
    panel.folder("jobs").click()
    panel.folder("hello").click()
    panel.submit.click()
    expect(panel.words).to_have_text(re.compile("✕ submit failed: the server does not like it"))
    expect(panel.history).to_have_count(0)


def test_who_may_not_submit_sees_why(bench):
    bench.fill(SETUP.replace("ScriptedServer()", "ScriptedServer(role='member')"), "form = show(server, 'jobs/hello')")
    bench.run(0)
    bench.run(1)
    panel = FormPanel(bench.outputs(1))
    expect(panel.chosen).to_be_visible()
    expect(panel.submit).to_have_attribute("title", re.compile(r"your role \(member\) may not submit jobs"))


def test_hostile_names_stay_text(shown, panel):
    shown.page.evaluate("() => { window.pwned = 0 }")
    shown.run_code(
        "import json\nevil = '<img src=x onerror=window.pwned++>\\u202e'\n"
        "(root / 'evil').mkdir()\n(root / evil).mkdir()\n"
        "(root / 'evil' / 'meta.json').write_text(json.dumps({'name': evil, 'deploy_map': {evil: ['@ALL', evil]}}))\n"
        "(root / 'evil' / evil).write_text('x')"
    )
    panel.field.fill(".")
    panel.field.press("Enter")
    shown_as = "<img src=x onerror=window.pwned++>\ufffd"
    expect(panel.folders.first).to_contain_text(shown_as)
    panel.folders.filter(has_text=re.compile("evil")).click()
    expect(panel.chosen.locator(".flw-name")).to_have_text(shown_as)
    expect(panel.problems.nth(1)).to_contain_text(shown_as)
    shown.run_code("form.make_static()")
    expect(panel.static).to_contain_text(shown_as)
    expect(panel.static.locator("img, script")).to_have_count(0)
    assert shown.page.evaluate("() => window.pwned") == 0


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_is_readable_and_controls_reachable(shown, panel, theme, pictures: Path | None):
    shown.theme(theme)
    folder = pictures and pictures / theme.split()[-1].lower()

    def check(state: str, view: Locator, least: int) -> None:
        found = contrasts(view)
        assert len(found) >= least, f"{state}: too few texts found to mean anything: {found}"
        assert not {text: ratio for text, ratio in found.items() if ratio < 4.5}, state
        assert serious(view) == []
        shown.screenshot(shown.cell(1), folder and folder / f"submit-{state}.png")

    panel.folder("jobs").click()
    expect(panel.folder("broken")).to_be_visible()
    check("browse", panel.live, 8)
    panel.folder("broken").click()
    expect(panel.problems).to_have_count(2)
    check("broken", panel.live, 8)
    shown.run_code("form.make_static()")
    expect(panel.static).to_be_visible()
    check("static", panel.static, 6)
    shown.theme("JupyterLab Light")


@pytest.mark.parametrize("width", [420, 1900])
def test_fits_output_it_is_in(shown, panel, width, pictures):
    shown.hide_left_area()
    shown.page.set_viewport_size({"width": width, "height": 900})
    panel.folder("jobs").click()
    expect(panel.folder("broken")).to_be_visible()
    wait_until_it_fits(panel.live)
    panel.folder("broken").click()
    expect(panel.problems).to_have_count(2)
    wait_until_it_fits(panel.live)
    shown.screenshot(shown.cell(1), pictures and pictures / f"submit-{width}.png")
