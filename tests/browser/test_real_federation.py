"""What a user does: the lesson, and an aborted job, in a real JupyterLab with a real federation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from job_panel import JobPanel
from jobs import write_job
from jobs_panel import JobsPanel
from lab_page import NotebookPage, mime_types
from lab_server import LabServer
from playwright.sync_api import expect

from flare_widgets.api import connect
from flare_widgets.federation import LocalFederation

LESSON = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
JOB_PATIENCE = 90_000


EVIL = "<img src=x onerror=pwned()><script>pwned()</script>'\"&amp;\u202egnp.\u0007\x1b[31m{{7*7}}"
EVIL_SHOWN = "<img src=x onerror=pwned()><script>pwned()</script>'\"&amp;\ufffdgnp.\ufffd\ufffd[31m{{7*7}}"


@pytest.fixture(scope="module")
def federation() -> Iterator[LocalFederation]:
    with LocalFederation(2) as federation:
        yield federation


def test_the_lesson_from_top_to_bottom(notebook: NotebookPage, lab: LabServer, pictures: Path | None) -> None:
    shutil.copy(LESSON, lab.root / LESSON.name)
    cells = nbformat.read(LESSON, as_version=4).cells
    notebook.open(LESSON.name)
    monitor = next(i for i, c in enumerate(cells) if c.source.startswith("%flare monitor"))
    code = [i for i, c in enumerate(cells) if c.cell_type == "code"]
    for index in (i for i in code if i <= monitor):
        notebook.run(index)
    panel = JobPanel(notebook.outputs(monitor))
    panel.expect_status("RUNNING")
    # The kernel is free while the job runs, and the view is alive.
    notebook.run_code("assert 1 + 1 == 2")
    expect(panel.live).to_be_visible()
    notebook.screenshot(notebook.cell(monitor), pictures and pictures / "lesson-running.png")
    for index in (i for i in code if i > monitor):
        notebook.run(index)
    panel.expect_static("FINISHED:COMPLETED")
    status = next(i for i, c in enumerate(cells) if "final-status" in c.metadata.get("tags", ()))
    expect(notebook.outputs(status)).to_have_text("'FINISHED:COMPLETED'")
    saved = notebook.save()
    assert mime_types(saved, monitor) == [["text/html", "text/plain"]]
    # The kernel is gone, the notebook is opened again: it still shows the result.
    lab.shut_down_kernels()
    notebook.open(LESSON.name)
    panel.expect_static("FINISHED:COMPLETED")
    panel.static.scroll_into_view_if_needed()  # JupyterLab does not lay out what is far out of sight
    expect(panel.sites).to_have_text(["✓server deployed", "✓site-1 deployed", "✓site-2 deployed"], use_inner_text=True)


def test_the_abort_button_aborts_a_running_job_while_a_cell_blocks(
    notebook: NotebookPage, federation: LocalFederation, tmp_path: Path
) -> None:
    folder = write_job(tmp_path, "endless", wait=True)
    notebook.create(
        f"%load_ext flare_widgets\nsession = %flare connect '{federation.admin_kit}'\njob = %flare submit '{folder}'",
        "%flare monitor",
        "import time\nwhile True:\n    time.sleep(0.1)",
    )
    notebook.run(0)
    notebook.run(1)
    panel = JobPanel(notebook.outputs(1))
    panel.expect_status("RUNNING")
    notebook.run(2, wait=False)
    notebook.wait_until_busy()
    panel.button("Abort").click()
    panel.button("Yes, abort").click()
    expect(panel.static).to_be_visible(timeout=JOB_PATIENCE)
    panel.expect_static("FINISHED:ABORTED")
    notebook.interrupt()
    with connect(federation.admin_kit) as session:
        assert [job["status"] for job in session.list_jobs(name_prefix="endless")] == ["FINISHED:ABORTED"]


def test_the_table_shows_opens_and_aborts_a_real_job(
    notebook: NotebookPage, federation: LocalFederation, tmp_path: Path
) -> None:
    folder = write_job(tmp_path, "endless", wait=True)
    notebook.create(
        "from flare_widgets.api import connect\nfrom flare_widgets.monitoring import Monitor\n"
        f"from flare_widgets.views.display import show_jobs\nsession = connect('{federation.admin_kit}')",
        "view = show_jobs(Monitor(session))",
    )
    notebook.run(0)
    notebook.run(1)
    table = JobsPanel(notebook.outputs(1))
    expect(table.root.locator(".flw-nothing")).to_have_text("No jobs yet. %flare submit FOLDER, or the lesson 01.")
    notebook.run_code(f"job = session.submit_job('{folder}')")
    expect(table.row(1)).to_contain_text("running", timeout=JOB_PATIENCE)
    expect(table.row(1)).to_contain_text("admin@nvidia.com"[:5])
    table.row(1).locator(".flw-job-name").click()
    opened = JobPanel(table.below)
    opened.expect_status("RUNNING")
    table.row(1).locator(".flw-col-status").click()
    table.button("abort").click()
    table.confirm.get_by_role("button", name="Yes, abort it").click()
    expect(table.row(1)).to_contain_text("aborted", timeout=JOB_PATIENCE)
    opened.expect_status("FINISHED:ABORTED")
    notebook.run_code("view.freeze()")
    expect(notebook.outputs(1).locator("table.flw-jobs")).to_contain_text("FINISHED:ABORTED")
    notebook.run_code("session.close()")


@pytest.fixture
def three_views(notebook: NotebookPage, federation: LocalFederation, tmp_path: Path) -> NotebookPage:
    """A notebook with a job that runs until it is aborted, the table of the jobs, and the system."""
    folder = write_job(tmp_path, "lasting", wait=True)
    notebook.create(
        "from flare_widgets.api import connect\nfrom flare_widgets.monitoring import Monitor\n"
        "from flare_widgets.views.display import show_job, show_jobs, show_system\n"
        f"session = connect('{federation.admin_kit}')\nmonitor = Monitor(session)\n"
        f"job = session.submit_job('{folder}')",
        "view = show_job(monitor.watch(job), session)",
        "table = show_jobs(monitor)",
        "system = show_system(session, monitor)",
    )
    for index in range(4):
        notebook.run(index)
    notebook.page.set_viewport_size({"width": 1280, "height": 1600})
    JobPanel(notebook.outputs(1)).expect_status("RUNNING")
    expect(JobsPanel(notebook.outputs(2)).rows.first).to_be_visible()
    expect(notebook.outputs(3).locator(".flw-system.flw-live")).to_be_visible()
    return notebook


@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_a_lost_connection_is_said_and_all_views_recover(
    three_views: NotebookPage, federation: LocalFederation, fault: str, pictures: Path | None
) -> None:
    notebook = three_views
    job, table = JobPanel(notebook.outputs(1)), JobsPanel(notebook.outputs(2))
    system = notebook.outputs(3).locator(".flw-system.flw-live")
    import time

    began = time.monotonic()
    getattr(federation, fault)("server")
    try:
        notebook.page.wait_for_timeout(200)
        for name, loc in (
            ("job", job.live.locator(".flw-trouble")),
            ("jobs", table.root.locator(".flw-jobs-trouble")),
            ("system", system.locator(".flw-troubles")),
        ):
            expect(loc).to_be_visible(timeout=30000)
            print(fault, name, round(time.monotonic() - began, 1), loc.inner_text())
            print(
                job.live.inner_text().split(chr(10))[:9],
                table.root.locator(".flw-fresh").inner_text(),
                system.locator(".flw-fresh").inner_text(),
            )
        notebook.screenshot(notebook.page.locator(".jp-Notebook"), pictures and pictures / f"lost-{fault}.png")
    finally:
        began = time.monotonic()
        federation.bring_back("server")
    for name, loc in (
        ("job", job.live.locator(".flw-trouble")),
        ("jobs", table.root.locator(".flw-jobs-trouble")),
        ("system", system.locator(".flw-troubles")),
    ):
        expect(loc).to_be_hidden(timeout=60000)
        print(fault, "back", name, round(time.monotonic() - began, 1))
    notebook.run_code("session.abort_job(job)")
    print(job.live.count(), notebook.outputs(1).all_inner_texts())
