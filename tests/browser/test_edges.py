"""What seldom happens, and must not mislead anybody: kernels that end, many views, keys only, hostile words."""

from __future__ import annotations

import os
import re
import signal

import pytest
from job_panel import JobPanel
from jobs_panel import JobsPanel
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect

JOB = (
    "from flare_widgets.views.display import show_job\n"
    "from scripted import ScriptedSession, ScriptedWatch\n"
    "watch, session = ScriptedWatch(), ScriptedSession()\n"
    "watch.say('RUNNING')"
)
JOBS = (
    "from flare_widgets.views.jobs import JobsView\nfrom scripted_jobs import ScriptedMonitor\n"
    "monitor = ScriptedMonitor(12)\n"
    "table = JobsView(monitor, monitor.open_job, monitor.compare)\ntable.show()"
)
SYSTEM = (
    "from scripted_system import ScriptedSystem, show\n"
    "system = ScriptedSystem('hospital-a', 'hospital-b')\nsystem_view, admin = show(system)"
)
ENDED = "the kernel has ended, and this view with it: run the cell again"
GONE_WITHIN = 15_000  # the server looks for its dead kernels every three seconds


def kill_kernel(notebook: NotebookPage) -> None:
    """As when the machine has no memory left: nothing of the kernel's has the time to say goodbye."""
    file = notebook.lab.root / f"{notebook.name}.pid"
    notebook.run_code(f"import os; open({str(file)!r}, 'w').write(str(os.getpid()))")
    os.kill(int(file.read_text()), signal.SIGKILL)


def dismiss(notebook: NotebookPage) -> None:
    """JupyterLab says that the kernel died."""
    dialog = notebook.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("appears to have died", timeout=GONE_WITHIN)
    dialog.get_by_role("button", name="Ok").click()
    expect(dialog).to_have_count(0)


def is_grey(button: Locator) -> None:
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", "the kernel has ended")


def test_a_killed_kernel_is_said_with_the_age_of_what_is_shown(notebook, pictures):
    notebook.create(JOB, "view = show_job(watch, session)", JOBS, SYSTEM)
    for index in range(4):
        notebook.run(index)
    job, table = JobPanel(notebook.outputs(1)), JobsPanel(notebook.outputs(2))
    system = notebook.outputs(3).locator(".flw-system.flw-live")
    job.expect_status("RUNNING")
    expect(table.rows.first).to_be_visible()
    table.row(2).locator(".flw-col-status").click()
    expect(system).to_be_visible()
    kill_kernel(notebook)

    expect(job.live.locator(".flw-trouble")).to_have_text(ENDED, timeout=GONE_WITHIN)
    expect(job.status).to_have_css("text-decoration-line", "line-through")
    expect(job.live.locator(".flw-doubt")).to_have_text(re.compile(r"\d+ s ago"))
    expect(job.elapsed).to_have_text(re.compile(r"elapsed when last heard of$"))
    is_grey(job.grey_button("Abort"))
    expect(table.root.locator(".flw-jobs-trouble")).to_have_text(
        re.compile(rf"^{re.escape(ENDED)}. What is shown is as of \d+ s ago")
    )
    is_grey(table.button("abort"))
    dismiss(notebook)
    # What is listed can still be read, sorted and filtered; it only cannot be opened.
    table.search.fill("completed")
    expect(table.counts).to_contain_text("of 12 jobs")
    table.row(1).locator(".flw-job-name").click()
    expect(table.root.locator(".flw-spoken[role=status]")).to_have_text("the kernel has ended")
    expect(system.locator(".flw-troubles")).to_contain_text(ENDED)
    expect(system.locator(".flw-word").first).to_have_css("text-decoration-line", "line-through")
    notebook.screenshot(notebook.cell(1), pictures and pictures / "kernel-killed-job.png")
    notebook.screenshot(notebook.cell(2), pictures and pictures / "kernel-killed-jobs.png")
    notebook.screenshot(notebook.cell(3), pictures and pictures / "kernel-killed-system.png")

    # As it says: run again, it is live again. The new kernel does not make the other views live.
    notebook.wait_until_ready()
    notebook.run(0)
    notebook.run(1)
    expect(job.button("Abort")).to_be_visible()
    expect(job.live.locator(".flw-trouble")).to_be_hidden()
    expect(table.root.locator(".flw-jobs-trouble")).to_contain_text(ENDED)
    assert notebook.page.locator(".flw-live").get_by_text(re.compile("asking|loading", re.I)).count() == 0


def test_a_restarted_kernel_leaves_the_static_forms(notebook):
    notebook.create(JOB, "view = show_job(watch, session)", JOBS)
    for index in range(3):
        notebook.run(index)
    job, table = JobPanel(notebook.outputs(1)), JobsPanel(notebook.outputs(2))
    expect(table.rows.first).to_be_visible()
    notebook.command("notebook:restart-kernel", wait=False)
    notebook.page.locator(".jp-Dialog button.jp-mod-accept").click()
    job.expect_static("RUNNING")
    expect(table.root).to_have_count(0)
    expect(notebook.outputs(2).locator("table.flw-jobs")).to_contain_text("brats-segmentation")
