"""The job view in a real JupyterLab, with a job that does what the test says (``scripted.py``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from contrast import contrasts
from ipykernel._version import version_info as ipykernel_version
from job_panel import JobPanel
from lab_page import NotebookPage, mime_types
from layout import wait_until_it_fits
from playwright.sync_api import expect

SETUP = (
    "from flare_widgets.views.display import show_job\n"
    "from scripted import ScriptedSession, ScriptedWatch\n"
    "watch, session = ScriptedWatch(), ScriptedSession()"
)
SHOW = "view = show_job(watch, session)"
BUSY = "import time\nwhile True:\n    time.sleep(0.05)"


CELLS = (SETUP, SHOW, BUSY, "view")


@pytest.fixture
def shown(bench: NotebookPage) -> NotebookPage:
    """A notebook whose second cell shows a job that was just submitted; the cells after it are not run yet."""
    bench.fill(*CELLS)
    bench.run(0)
    bench.run(1)
    return bench


@pytest.fixture
def panel(shown: NotebookPage) -> JobPanel:
    panel = JobPanel(shown.outputs(1))
    panel.expect_status("SUBMITTED")
    return panel


@pytest.fixture
def running(shown: NotebookPage, panel: JobPanel) -> JobPanel:
    """The view of a job that has begun to run."""
    return begin_to_run(shown)


def begin_to_run(notebook: NotebookPage) -> JobPanel:
    notebook.run_code("watch.say('RUNNING')")
    panel = JobPanel(notebook.outputs(1))
    panel.expect_status("RUNNING")
    return panel


def open_running(notebook: NotebookPage) -> JobPanel:
    """The view of a job that has begun to run, in a new notebook."""
    notebook.create(*CELLS)
    notebook.run(0)
    notebook.run(1)
    return begin_to_run(notebook)


@pytest.fixture
def alone(notebook: NotebookPage) -> tuple[NotebookPage, JobPanel]:
    """The same in a notebook of its own, for a test that ends the kernel or opens the notebook again."""
    return notebook, open_running(notebook)


def test_follows_job_to_end(shown, panel, pictures):
    expect(panel.elapsed).to_have_text("queued")
    shown.run_code("watch.say('RUNNING')")
    panel.expect_status("RUNNING")
    expect(panel.sites).to_have_text([re.compile(rf"{s} deployed") for s in ("server", "site-1", "site-2")])
    expect(panel.freshness).to_have_text(re.compile(r"updated \d s ago"))
    expect(panel.live).to_have_attribute("aria-label", re.compile(r"^hello-numpy 76b8d043  RUNNING  \d s  site-1"))
    shown.screenshot(shown.cell(1), pictures and pictures / "lab-running.png")

    shown.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
    panel.expect_live("FINISHED:COMPLETED")
    expect(panel.elapsed).to_have_text("took 1 min 1 s")
    expect(panel.sites).to_have_count(3)
    panel.button("Clone").click()
    expect(panel.words).to_have_text([re.compile("^cloned as 1a2b3c4d")])
    shown.screenshot(shown.cell(1), pictures and pictures / "lab-ended.png")
    live = panel.live.bounding_box()
    shown.run_code("view.make_static()")
    panel.expect_static("FINISHED:COMPLETED")
    expect(panel.static).to_contain_text("cloned as 1a2b3c4d")
    static = panel.static.bounding_box()
    # What stands below must not jump when the live view gives way to the static one.
    assert abs(live["height"] - static["height"]) < 24
    assert abs(live["width"] - static["width"]) < 2
    shown.screenshot(shown.cell(1), pictures and pictures / "lab-completed.png")


def test_ticks_without_messages(shown, running):
    frames = []
    shown.page.evaluate(
        """() => {
          window.__messages = 0;
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          kernel.anyMessage.connect((_, { direction }) => { if (direction === 'recv') window.__messages++ });
        }"""
    )
    before = running.seconds()
    frames.append(shown.page.evaluate("() => window.__messages"))
    expect(running.elapsed).to_have_text(re.compile(rf"^{before + 2} s elapsed"))
    frames.append(shown.page.evaluate("() => window.__messages"))
    assert frames == [0, 0]


def test_elapsed_time_survives_wrong_browser_clock(notebook):
    """A browser whose clock is two hours ahead opens the notebook while the job runs and nothing is new."""
    open_running(notebook)
    notebook.save()
    notebook.page.evaluate("() => { window.__now = Date.now; Date.now = () => window.__now.call(Date) + 7200e3 }")
    try:
        notebook.reopen()
        again = JobPanel(notebook.outputs(1))
        again.expect_status("RUNNING")
        expect(again.elapsed).to_have_text(re.compile(r"^\d+ s elapsed"))
        expect(again.freshness).to_have_text(re.compile(r"\d s ago"))
    finally:
        notebook.page.evaluate("() => { Date.now = window.__now }")


def test_trouble_is_told_on_top(shown, running, pictures):
    shown.run_code(
        "watch.say(trouble='no connection to server:8002, trying again (3)', trouble_label='reconnecting (3)', "
        "facts_at=watch.snapshot.facts_at)"
    )
    banner = running.live.locator("> :first-child")
    expect(banner.locator("li > span:last-child")).to_have_text("no connection to server:8002, trying again (3)")
    expect(running.status).to_have_text("reconnecting (3)")
    expect(running.live.locator(".flw-last-known")).to_have_text(re.compile(r"^RUNNING \d s ago"))
    expect(running.elapsed).to_have_text("0 s elapsed when last seen")
    shown.screenshot(shown.cell(1), pictures and pictures / "lab-trouble.png")
    shown.run_code("watch.say()")
    shown.run_code("watch.say(trouble='')")
    expect(running.status).to_have_text("RUNNING")
    expect(banner).to_be_hidden()
    expect(running.elapsed).to_have_text(re.compile(r"^\d+ s elapsed$"))


@pytest.mark.skipif(ipykernel_version < (7, 1), reason="this ipykernel reads clicks only between cells")
def test_abort_reaches_python_during_running_cell(shown, running):
    shown.run_code("session.answers['abort_job'] = lambda _: watch.say('FINISHED:ABORTED', wait=False)")
    shown.run(2, wait=False)
    shown.wait_until_running(2)
    running.button("Abort").click()
    running.button("Yes, abort").click()
    running.expect_live("FINISHED:ABORTED")
    assert shown.running_cells() == [2], "the cell has ended: this shows nothing"


def test_short_id_copies_whole_id(shown, running):
    running.live.get_by_role("button", name=re.compile("copy job id")).click()
    expect(running.live.locator(".flw-copy")).to_have_text("✓76b8d043")
    copied = shown.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == "76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"


def test_saved_while_live_shows_static_form(alone):
    """Whatever becomes of the kernel: another kernel, none at all, or a reader who does not trust the notebook."""
    notebook, panel = alone
    notebook.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
    panel.expect_live("FINISHED:COMPLETED")
    saved = notebook.save()
    widget = "application/vnd.jupyter.widget-view+json"
    assert mime_types(saved, 1) == [[widget, "text/html", "text/plain"], ["text/html", "text/plain"]]
    assert len(str(saved.cells[1].outputs)) < 60_000
    notebook.shut_down_kernels()
    notebook.open(notebook.name)
    assert notebook.has_kernel()
    reopened = JobPanel(notebook.outputs(1))
    # The model is looked for for two seconds; the error about it comes then, and is not seen.
    expect(notebook.outputs(1).first).to_have_text("Error displaying widget: model not found")
    expect(notebook.outputs(1).first).to_be_hidden()
    reopened.expect_static("FINISHED:COMPLETED")
    expect(reopened.elapsed).to_have_text("took 1 min 1 s")

    # A kernel that does not exist, nor one of its language, which JupyterLab would take instead: it has to ask.
    saved.metadata.kernelspec = {"name": "no-such-kernel", "display_name": "none", "language": "no-such-language"}
    saved.metadata.pop("language_info", None)
    notebook.write(saved, "without-kernel.ipynb")
    notebook.open("without-kernel.ipynb", kernel=False)
    expect(notebook.page.locator(".jp-Dialog-header").get_by_text("Select Kernel")).to_be_visible()
    JobPanel(notebook.outputs(1)).expect_static("FINISHED:COMPLETED")
    expect(notebook.page.get_by_text("Loading widget")).to_be_hidden()
    assert not notebook.has_kernel()

    # JupyterLab removes style sheets from the outputs of others.
    notebook.page.keyboard.press("Escape")
    saved.cells[1].source += "  # by somebody else"
    notebook.write(saved, "of-others.ipynb")
    notebook.open("of-others.ipynb", kernel=False)
    text = notebook.outputs(1).filter(has_text="FINISHED:COMPLETED")
    expect(text).to_have_count(1)
    expect(text).to_contain_text("took 1 min 1 s")
    expect(notebook.page.locator(".jp-Dialog-header").get_by_text("Select Kernel")).to_be_visible()
    notebook.page.keyboard.press("Escape")


def test_file_keeps_up_after_reload_of_page(alone):
    notebook, panel = alone
    notebook.run_code(
        "from flare_widgets.monitoring.job.model import Round, Workflow\n"
        "flow = Workflow('', first_round=0, total_rounds=9)\n"
        "def go_on(count):\n"
        "    watch.say(workflows=(flow,), rounds=tuple(Round(n, time.time()) for n in range(count)))\n"
        "import time; go_on(1)"
    )
    expect(notebook.outputs(1).last).to_contain_text("round 1 of 9")
    notebook.save()
    notebook.page.reload()
    notebook.page.wait_for_function("() => window.jupyterapp?.restored", timeout=60_000)
    notebook.show()
    expect(panel.live.locator(".flw-round")).to_have_text("round 1 of 9")
    for count in (2, 3):
        notebook.run_code(f"go_on({count})")
        # In the page's own time: that of a person who saves a moment later.
        expect(notebook.outputs(1).last).to_contain_text(f"round {count} of 9", timeout=10_000)
        assert f"round {count} of 9" in str(notebook.save().cells[1].outputs[1])
        expect(notebook.outputs(1).last).to_be_hidden()
    notebook.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
    expect(notebook.outputs(1).last).to_contain_text("FINISHED:COMPLETED", timeout=10_000)
    notebook.shut_down_kernels()
    notebook.save()
    notebook.open(notebook.name)
    panel.expect_static("FINISHED:COMPLETED")


def test_kernel_restart_and_death_keep_static_form(alone):
    """The page still draws the live view; the file has the static form, for which the kernel has no time then."""
    notebook, panel = alone
    kept = notebook.outputs(1).last
    expect(kept).to_contain_text("RUNNING")
    expect(kept).to_contain_text("Europe/Berlin")
    expect(kept).to_be_hidden()
    notebook.command("notebook:restart-kernel", wait=False)
    notebook.page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(panel.live).to_contain_text("The kernel was shut down")
    notebook.save()
    notebook.open(notebook.name)
    panel.expect_static("RUNNING")

    notebook.run(0)
    notebook.run(1)
    panel = begin_to_run(notebook)
    panel.expect_live("RUNNING")
    expect(kept).to_contain_text("RUNNING")
    notebook.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute(
             { code: "import os, signal; os.kill(os.getpid(), signal.SIGKILL)" }).done.catch(() => {})"""
    )
    expect(panel.live).to_contain_text("The kernel was shut down")
    notebook.wait_until_ready()
    notebook.save()
    notebook.open(notebook.name)
    panel.expect_static("RUNNING")


def test_kernel_shutdown_leaves_static_form(alone):
    notebook, panel = alone
    notebook.command("notebook:shutdown-kernel", wait=False)
    panel.expect_static("RUNNING")
    expect(panel.static).to_contain_text("Snapshot from")
    assert mime_types(notebook.save(), 1) == [["text/html", "text/plain"]] * 2


def test_two_displays_of_one_view(shown, running):
    shown.run(3)
    second = JobPanel(shown.outputs(3))
    second.expect_status("RUNNING")
    expect(second.sites).to_have_count(3)
    second.button("Abort").click()
    # The question is a matter of the one who asks; the wish is one.
    expect(running.button("Keep running")).to_be_hidden()
    second.button("Yes, abort").click()
    expect(running.words).to_have_text(["abort requested: Abort signal has been sent."])
    expect(second.words).to_have_text(["abort requested: Abort signal has been sent."])

    shown.clear(1)
    expect(shown.outputs(1)).to_have_count(0)
    before = second.seconds()
    expect(second.elapsed).to_have_text(re.compile(rf"^{before + 2} s elapsed"))
    shown.run_code("watch.say('FINISHED:ABORTED')")
    second.expect_live("FINISHED:ABORTED")
    expect(shown.outputs(1)).to_have_count(0)


def test_boxed_view_becomes_static_without_actions(shown, running):
    """An output with other widgets around the view is not ours to replace: the live view itself comes to rest."""
    shown.run_code("import ipywidgets; box = ipywidgets.VBox([view])")
    shown.write_cell(3, "box")
    shown.run(3)
    boxed = JobPanel(shown.outputs(3))
    boxed.expect_status("RUNNING")
    shown.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
    boxed.expect_live("FINISHED:COMPLETED")
    shown.run_code("view.make_static()")
    running.expect_static("FINISHED:COMPLETED")
    boxed.expect_status("FINISHED:COMPLETED")
    expect(boxed.live).to_be_visible()
    expect(boxed.elapsed).to_have_text("took 1 min 1 s")
    expect(boxed.button("Abort")).to_be_hidden()
    expect(boxed.freshness).to_be_hidden()


def test_hostile_text_stays_text(shown, running, pictures):
    shown.page.evaluate("() => { window.pwned = 0 }")
    shown.run_code(
        "from flare_widgets.monitoring.job.model import SiteDeployment\n"
        "evil = '<img src=x onerror=window.pwned++><script>window.pwned++</script>\\u202e'\n"
        "watch.say(name=evil, submitter=evil, study=evil, trouble=evil, sites=(SiteDeployment(evil, 'failed', evil),))"
    )
    shown_as = "<img src=x onerror=window.pwned++><script>window.pwned++</script>\ufffd"
    expect(running.live.locator(".flw-name")).to_have_text(shown_as)
    shown.run_code("watch.say('FINISHED:' + evil)")
    running.expect_live(f"FINISHED:{shown_as}")
    shown.run_code("view.make_static()")
    running.expect_static(f"FINISHED:{shown_as}")
    expect(running.static.locator(".flw-name")).to_have_text(shown_as)
    expect(running.static.locator("img, script")).to_have_count(0)
    assert shown.page.evaluate("() => window.pwned") == 0
    shown.screenshot(shown.cell(1), pictures and pictures / "lab-hostile.png")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_word_can_be_read(shown, running, theme, pictures: Path | None):
    """WCAG AA: 4.5 to 1, for every text of every state, in JupyterLab's own colours."""
    shown.theme(theme)
    folder = pictures and pictures / theme.split()[-1].lower()

    def check(state: str, least: int) -> None:
        found = contrasts(shown.outputs(1).locator(".flw-job:visible"))
        assert len(found) >= least, f"{state}: too few texts found to mean anything: {found}"
        assert not {text: ratio for text, ratio in found.items() if ratio < 4.5}, state
        shown.screenshot(shown.cell(1), folder and folder / f"{state}.png")

    check("running", 12)
    running.button("Abort").click()
    check("confirm", 14)
    running.button("Keep running").click()
    shown.run_code("watch.say(facts_at=watch.snapshot.facts_at - 60)")
    expect(running.freshness).to_contain_text(re.compile(r"last seen 1 min( \d+ s)? ago"))
    check("stale", 12)
    shown.run_code("watch.say(trouble='no connection to server:8002, trying again (3)')")
    expect(running.live.locator(".flw-banner")).to_be_visible()
    check("trouble", 12)
    shown.run_code(
        "from flare_widgets.monitoring.job.model import SiteDeployment\n"
        "bad = SiteDeployment('site-2', 'failed', 'No space left on device')\n"
        "watch.say('FINISHED:EXECUTION_EXCEPTION', trouble='', duration=10.0, sites=(*watch.snapshot.sites[:2], bad))"
    )
    running.expect_live("FINISHED:EXECUTION_EXCEPTION")
    check("failed", 12)
    shown.run_code("view.make_static()")
    running.expect_static("FINISHED:EXECUTION_EXCEPTION")
    check("failed-static", 12)
    shown.theme("JupyterLab Light")


@pytest.mark.parametrize("width", [420, 1900])
def test_fits_output_it_is_in(shown, running, width, pictures):
    """420 pixels leave the output some 300: nothing is cut off, nothing overlaps."""
    shown.hide_left_area()
    shown.page.set_viewport_size({"width": width, "height": 900})
    running.button("Abort").click()
    wait_until_it_fits(running.live)
    if width < 500:
        assert running.live.bounding_box()["width"] < 340
    shown.screenshot(shown.cell(1), pictures and pictures / f"lab-{width}.png")
