"""Actions on a job from its view, by mouse and by keyboard, in a real JupyterLab."""

from __future__ import annotations

import re

import pytest
from job_panel import JobPanel
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect

SETUP = (
    "from flare_widgets.views.display import show_job\n"
    "from flare_widgets.errors import AuthorizationError\n"
    "from scripted import ScriptedSession, ScriptedWatch\n"
    "watch, session = ScriptedWatch(), ScriptedSession()"
)
SHOW = "view = show_job(watch, session)"


@pytest.fixture
def running(bench: NotebookPage) -> JobPanel:
    """The view of a running job, which is kept after its end."""
    return begin(bench)


def begin(bench: NotebookPage, setup: str = "") -> JobPanel:
    bench.fill(f"{SETUP}\n{setup}", SHOW)
    bench.run(0)
    bench.run(1)
    bench.run_code("watch.say('RUNNING')")
    panel = JobPanel(bench.outputs(1))
    panel.expect_status("RUNNING")
    return panel


@pytest.fixture
def ended(bench: NotebookPage, running: JobPanel) -> JobPanel:
    """The kept view of a job that has ended."""
    bench.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
    running.expect_status("FINISHED:COMPLETED")
    return running


def grey(button: Locator) -> str:
    """Return the reason in the tooltip of a disabled button."""
    expect(button).to_have_attribute("aria-disabled", "true")
    return button.get_attribute("title") or ""


def test_keyboard_abort_confirms_and_shows_reply(bench, running, pictures):
    keyboard = bench.page.keyboard
    running.button("Abort").focus()
    keyboard.press("Enter")
    expect(running.button("Keep running")).to_be_focused()
    bench.screenshot(bench.cell(1), pictures and pictures / "lab-confirm.png")
    keyboard.press("Escape")
    expect(running.button("Abort")).to_be_focused()
    bench.run_code("assert session.asked == []")

    keyboard.press("Enter")
    keyboard.press("Shift+Tab")
    expect(running.button("Yes, abort")).to_be_focused()
    keyboard.press("Enter")
    expect(running.words).to_have_text(["abort requested: Abort signal has been sent."])
    assert "requested" in grey(running.grey_button("Abort"))
    bench.run_code("assert session.asked == [f'abort_job {watch.job_id}'], session.asked")
    # The status stays RUNNING for a while, and so does the answer; it is gone with the next status.
    bench.run_code("watch.say()")
    expect(running.words).to_have_count(1)
    bench.run_code("watch.say('FINISHED:ABORTED')")
    running.expect_status("FINISHED:ABORTED")
    expect(running.words).to_have_count(0)
    bench.screenshot(bench.cell(1), pictures and pictures / "lab-kept.png")


def test_refused_abort_shows_reason_allows_retry(bench, running, pictures):
    bench.run_code("session.answers['abort_job'] = AuthorizationError('user admin@nvidia.com may not abort this job')")
    running.button("Abort").click()
    running.button("Yes, abort").click()
    expect(running.words).to_have_text(["✕ abort failed: user admin@nvidia.com may not abort this job"])
    expect(running.button("Abort")).to_be_visible()
    bench.screenshot(bench.cell(1), pictures and pictures / "lab-abort-refused.png")


def test_double_click_clones_once_with_hint(bench, running):
    running.button("Clone").dblclick()
    expect(running.words).to_have_text([re.compile(r"^cloned as 1a2b3c4d-.*: %flare monitor 1a2b3c4d shows it$")])
    bench.run_code("assert session.count('clone_job') == 1")


def test_download_shows_progress_and_is_cancellable(bench, ended, pictures):
    ended.button("Download").click()
    expect(ended.words).to_have_text(["Download: received 1.0 MB"])
    bench.run_code("session.sent = 2_500_000")
    expect(ended.words).to_have_text(["Download: received 2.5 MB"])
    assert grey(ended.grey_button("Delete")) == "it is being downloaded"
    bench.screenshot(bench.cell(1), pictures and pictures / "lab-download.png")
    ended.live.get_by_role("button", name="Cancel Download").click()
    expect(ended.words).to_have_text(["the download was cancelled: nothing was kept"])
    bench.run_code("session.whole.set()")
    ended.button("Download").focus()
    bench.page.keyboard.press("Enter")
    expect(ended.words).to_have_text([re.compile(r"^downloaded to results/[\w.-]+-76b8d043$")])


def test_delete_confirms_and_disables_all_actions(bench, ended, pictures):
    ended.button("Delete").click()
    expect(ended.live.get_by_role("group", name=re.compile("^Delete this job?"))).to_contain_text(
        "This cannot be undone"
    )
    bench.screenshot(bench.cell(1), pictures and pictures / "lab-delete.png")
    bench.page.keyboard.press("Enter")  # the focus is on the harmless answer
    expect(ended.button("Delete")).to_be_focused()
    bench.run_code("assert session.asked == []")
    ended.button("Delete").click()
    ended.button("Delete job").click()
    expect(ended.words).to_have_text(["deleted: the job and its results are gone from the server"])
    for label in ("Download", "Clone", "Delete"):
        assert grey(ended.grey_button(label)) == "the job was deleted"
    bench.run_code("view.make_static()")
    expect(ended.static).to_contain_text("deleted: the job and its results are gone from the server")


def test_forbidden_actions_greyed_with_reason(bench, pictures):
    panel = begin(bench, "session = ScriptedSession('lead', 'lead@example.org')")
    why = (
        "your role (lead) may abort only your own jobs under FLARE's default policy; "
        "this one was submitted by admin@nvidia.com"
    )
    abort = panel.grey_button("Abort")
    assert grey(abort) == why
    # By keyboard too: it can be reached, says why, and does nothing.
    abort.focus()
    expect(abort).to_be_focused()
    bench.page.keyboard.press("Enter")
    expect(panel.words).to_have_text([f"Abort: {why}"])
    expect(panel.button("Yes, abort")).to_have_count(0)
    expect(panel.live.get_by_role("button", name=re.compile("^Abort.*not possible: your role"))).to_be_visible()
    bench.screenshot(bench.cell(1), pictures and pictures / "lab-grey.png")
    bench.run_code("assert session.asked == []")


def test_kept_view_leaves_static_after_shutdown(notebook):
    notebook.create(SETUP, SHOW)
    notebook.run(0)
    notebook.run(1)
    notebook.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
    panel = JobPanel(notebook.outputs(1))
    panel.expect_status("FINISHED:COMPLETED")
    expect(panel.live).to_be_visible()
    notebook.command("notebook:shutdown-kernel", wait=False)
    panel.expect_static("FINISHED:COMPLETED")
    expect(panel.static).to_contain_text("%flare download 76b8d043 fetches its results")
