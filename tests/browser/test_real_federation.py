"""The lesson, and an aborted job, in a real JupyterLab with a real federation."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from conftest import tab
from flare_sidebar import FlareSidebar
from job_panel import JobPanel
from jobs import write_job
from jobs_panel import JobsPanel
from lab_page import NotebookPage, mime_types
from lab_server import LabServer
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Locator, expect
from training_jobs import fed_avg

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


def test_lesson_from_top_to_bottom(notebook: NotebookPage, lab: LabServer, pictures: Path | None) -> None:
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
    panel.expect_live("FINISHED:COMPLETED")
    expect(panel.button("Clone")).to_be_visible()
    status = next(i for i, c in enumerate(cells) if "final-status" in c.metadata.get("tags", ()))
    expect(notebook.outputs(status)).to_have_text("'FINISHED:COMPLETED'")
    saved = notebook.save()
    assert mime_types(saved, monitor)[1] == ["text/html", "text/plain"]
    # The kernel is gone, the notebook is opened again: it still shows the result.
    lab.shut_down_kernels()
    notebook.open(LESSON.name)
    panel.expect_static("FINISHED:COMPLETED")
    panel.static.scroll_into_view_if_needed()  # JupyterLab does not lay out what is far out of sight
    expect(panel.static.locator(".flw-matrix tbody th")).to_have_text(["site-1", "site-2"])
    expect(panel.static.locator(".flw-round")).to_have_text("5 of 5 rounds")
    expect(panel.static.locator("figure svg").first).to_be_visible()


def test_abort_button_works_while_cell_blocks(
    notebook: NotebookPage, federation: LocalFederation, tmp_path: Path
) -> None:
    folder = write_job(tmp_path, "endless", wait=True, sites=1)
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
    expect(panel.status).to_have_text("FINISHED:ABORTED", timeout=JOB_PATIENCE)
    panel.expect_live("FINISHED:ABORTED")
    notebook.interrupt()
    with connect(federation.admin_kit) as session:
        assert [job["status"] for job in session.list_jobs(name_prefix="endless")] == ["FINISHED:ABORTED"]


def test_real_job_shown_opened_and_aborted(notebook: NotebookPage, federation: LocalFederation, tmp_path: Path) -> None:
    folder = write_job(tmp_path, "endless", wait=True, sites=1)
    notebook.create(
        "from flare_widgets.api import connect\nfrom flare_widgets.monitoring import Monitor\n"
        f"from flare_widgets.views.display import show_jobs\nsession = connect('{federation.admin_kit}')",
        "view = show_jobs(Monitor(session))",
    )
    notebook.run(0)
    notebook.run(1)
    table = JobsPanel(notebook.outputs(1))
    notebook.run_code(f"job = session.submit_job('{folder}')")
    expect(table.row(1)).to_contain_text("endless")
    expect(table.row(1)).to_contain_text("running", timeout=JOB_PATIENCE)
    expect(table.row(1)).to_contain_text("admin@nvidia.com"[:5])
    table.row(1).locator(".flw-job-name").click()
    opened = JobPanel(table.below)
    opened.expect_status("RUNNING")
    table.row(1).locator(".flw-col-status").click()
    table.button("abort").click()
    table.confirm.get_by_role("button", name="Abort job").click()
    expect(table.row(1)).to_contain_text("aborted", timeout=JOB_PATIENCE)
    opened.expect_status("FINISHED:ABORTED")
    table.button("results").click()
    expect(table.below.locator(".flw-results.flw-live .flw-name")).to_have_text("endless")
    expect(table.below.locator(".flw-job")).to_have_count(0)
    notebook.run_code("view.make_static()")
    expect(notebook.outputs(1).locator("table.flw-listing")).to_contain_text("FINISHED:ABORTED")
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


def test_hung_server_reported_and_views_recover(
    three_views: NotebookPage, federation: LocalFederation, tmp_path: Path, pictures: Path | None
) -> None:
    notebook = three_views
    job, table = JobPanel(notebook.outputs(1)), JobsPanel(notebook.outputs(2))
    system = notebook.outputs(3).locator(".flw-system.flw-live")
    troubles = [
        job.live.locator(".flw-banner"),
        table.root.locator(".flw-banner").first,
        system.locator(".flw-banner"),
    ]
    federation.pause("server")
    try:
        for trouble in troubles:
            expect(trouble).to_contain_text("no connection to localhost")
        expect(job.status).to_have_text(re.compile(r"^reconnecting"))
        expect(table.root.locator(".flw-fresh")).to_have_text(re.compile(r"^as of \d+ s ago$"))
        expect(system.locator(".flw-word").first).to_have_text(re.compile(r"^reconnecting"))
        expect(system.locator(".flw-row-state").first).not_to_contain_text("connected")
        notebook.screenshot(notebook.page.locator(".jp-Notebook"), pictures and pictures / "lost.png")
    finally:
        federation.bring_back("server")
    for trouble in troubles:
        expect(trouble).to_be_hidden()
    expect(job.status).to_have_text("RUNNING")
    # What comes next is seen in each of them.
    notebook.run_code("session.abort_job(job)")
    expect(job.status).to_have_text("FINISHED:ABORTED", timeout=JOB_PATIENCE)
    job.expect_live("FINISHED:ABORTED")
    expect(table.row(1)).to_contain_text("aborted")
    # FLARE counts a job as running until its processes have ended, which takes it up to a minute on a busy machine.
    expect(system.locator(".flw-elapsed").first).to_contain_text("no job is running", timeout=JOB_PATIENCE)
    # A server that is killed loses the process of its job, which it lists as RUNNING for ever.
    notebook.run_code(f"job = session.submit_job('{tmp_path / 'lasting'}')")
    expect(table.row(1)).to_contain_text("running", timeout=JOB_PATIENCE)
    table.row(1).locator(".flw-job-name").click()
    opened = JobPanel(table.below)
    opened.expect_status("RUNNING")
    expect(system.locator(".flw-elapsed").first).to_contain_text("1 job running", timeout=JOB_PATIENCE)
    federation.kill("server")
    federation.bring_back("server")
    expect(opened.status).to_have_text("LOST", timeout=JOB_PATIENCE)
    expect(opened.live.locator(".flw-banner")).to_contain_text("the server no longer runs it")
    expect(opened.grey_button("Abort")).to_have_attribute("title", re.compile("^no process runs it any more"))
    expect(table.row(1)).to_contain_text("lost", timeout=JOB_PATIENCE)
    expect(table.counts).to_contain_text("1 lost")
    expect(table.counts).not_to_contain_text("running")
    elapsed = opened.elapsed.inner_text()
    expect(system.locator(".flw-banner")).to_contain_text("but no process runs it", timeout=JOB_PATIENCE)
    assert opened.elapsed.inner_text() == elapsed
    notebook.screenshot(notebook.page.locator(".jp-Notebook"), pictures and pictures / "lost-job.png")


def test_hostile_real_job_name_is_escaped(notebook: NotebookPage, federation: LocalFederation, tmp_path: Path) -> None:
    """The server takes any name: it is that of meta.json."""
    folder = write_job(tmp_path, "hostile", sites=1)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "name": EVIL}))
    with connect(federation.admin_kit) as session:
        job_id = session.submit_job(str(folder))
        assert session.get_job_meta(job_id)["name"] == EVIL
    notebook.create(
        "from flare_widgets.api import connect\nfrom flare_widgets.monitoring import Monitor\n"
        "from flare_widgets.views.display import show_job, show_jobs\n"
        "from flare_widgets.views.compare.view import CompareView\n"
        f"session = connect('{federation.admin_kit}')\nmonitor = Monitor(session)\njob = {job_id!r}",
        "view = show_job(monitor.watch(job), session)",
        "table = show_jobs(monitor)",
        "both = CompareView([monitor.watch(job), monitor.watch(job)])\nboth.show()",
    )
    notebook.page.evaluate("() => { window.pwned = () => { window.__pwned = true } }")
    for index in range(4):
        notebook.run(index)
    job = JobPanel(notebook.outputs(1))
    expect(job.status).to_have_text("FINISHED:COMPLETED", timeout=JOB_PATIENCE)
    job.expect_live("FINISHED:COMPLETED")
    table = JobsPanel(notebook.outputs(2))
    expect(table.row(1).locator(".flw-job-name")).to_have_text(EVIL_SHOWN)
    notebook.run_code("view.make_static(); both.make_static(); table.make_static()")
    # A comparison shortens long names, and has them whole on hover.
    for index, (kind, shown) in enumerate({"job": 30, "listing": 30, "compare": 18}.items(), 1):
        output = notebook.outputs(index)
        expect(output.locator(f".flw-{kind}:not(.flw-live)").first).to_contain_text(EVIL_SHOWN[:shown])
        expect(output.locator("img, script")).to_have_count(0)
    expect(notebook.outputs(3).locator(".flw-compare:not(.flw-live) th[scope=row]").first).to_have_attribute(
        "title", EVIL_SHOWN
    )
    page, _ = HTMLExporter().from_notebook_node(notebook.save())
    assert "<img src=x" not in page
    assert "pwned()&lt;/script&gt;" in page
    assert not notebook.page.evaluate("() => window.__pwned")
    notebook.run_code("session.close()")


# -- without a kernel: the extension of JupyterLab, under a base URL -------------------------------------------


@pytest.fixture(scope="module")
def hub_lab(tmp_path_factory: pytest.TempPathFactory, federation: LocalFederation) -> Iterator[LabServer]:
    """A JupyterLab as a hub serves it, with the extension, a startup kit and a job's folder."""
    root = tmp_path_factory.mktemp("hub-lab")
    shutil.copytree(federation.admin_kit, root / "kits" / "lead")
    fed_avg(root, "training", rounds=1000, seconds=0.5)
    fed_avg(root, "short", rounds=2, seconds=0.1)
    reconnects = ("--FlareLab.reconnect=True",)
    home = tmp_path_factory.mktemp("hub-home")
    server = LabServer(root, home, ("browser", "server"), base_url="/user/ada/", arguments=reconnects)
    yield server
    server.close()


@pytest.fixture(scope="module")
def lab_sidebar(chromium: Browser, hub_lab: LabServer) -> Iterator[FlareSidebar]:
    """The sidebar in a page of its own, connected."""
    with tab(chromium, hub_lab) as (page, complaints):
        sidebar = FlareSidebar(page, hub_lab).open()
        sidebar.connect("lead")
        yield sidebar
        assert complaints == []


def expect_next_round(job_tab: Locator) -> None:
    """Wait until the job in a tab has gone on: the tab is alive."""
    shown = job_tab.locator(".flw-round")
    expect(shown).to_contain_text("of 1000")
    expect(shown).not_to_have_text(shown.inner_text())


def test_lab_follows_job_from_folder_to_abort(
    lab_sidebar: FlareSidebar, hub_lab: LabServer, chromium: Browser, federation: LocalFederation
) -> None:
    sidebar = lab_sidebar
    expect(sidebar.section("sites")).to_contain_text("2 of 2 connected")
    sidebar.choose_for_folder("training", "Submit as Job…")
    sidebar.tab.locator("button[data-action='submit']").click()
    job = JobPanel(sidebar.tab)
    expect(job.status).to_have_text("RUNNING", timeout=JOB_PATIENCE)
    expect_next_round(sidebar.tab)
    expect(sidebar.tab_title(re.compile(r"^● training \d+/1000$"))).to_be_visible()

    # A notebook beside it, whose kernel is restarted and ended.
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(metadata=python), hub_lab.root / "beside.ipynb")
    sidebar.command("docmanager:open", {"path": "beside.ipynb", "options": {"mode": "split-right"}})
    NotebookPage(sidebar.page, hub_lab).wait_until_ready()
    (kernel,) = hub_lab.api("/api/kernels")
    hub_lab.api(f"/api/kernels/{kernel['id']}/restart", "POST")
    expect_next_round(sidebar.tab)
    hub_lab.shut_down_kernels()
    assert hub_lab.api("/api/kernels") == []
    expect_next_round(sidebar.tab)
    sidebar.close_documents()

    sidebar.reload()
    expect_next_round(sidebar.tab)
    with tab(chromium, hub_lab) as (page, complaints):
        other = FlareSidebar(page, hub_lab).open()
        other.section("active jobs").get_by_text("training").click()
        expect_next_round(other.tab)
        JobPanel(other.tab).button("Abort").click()
        JobPanel(other.tab).button("Yes, abort").click()
        for each in (other, sidebar):
            expect(JobPanel(each.tab).status).to_have_text("FINISHED:ABORTED", timeout=JOB_PATIENCE)
            expect(each.tab_title("■ training")).to_be_visible()
            expect(each.section("active jobs")).not_to_contain_text("training")
        assert complaints == []
    with connect(federation.admin_kit) as session:
        assert [job["status"] for job in session.list_jobs(name_prefix="training")] == ["FINISHED:ABORTED"]


def test_lab_opens_results_by_mouse(lab_sidebar: FlareSidebar, hub_lab: LabServer) -> None:
    sidebar = lab_sidebar
    sidebar.choose_for_folder("short", "Submit as Job…")
    sidebar.tab.locator("button[data-action='submit']").click()
    expect(JobPanel(sidebar.tab).status).to_have_text("FINISHED:COMPLETED", timeout=JOB_PATIENCE)
    sidebar.show()
    sidebar.button("All jobs").click()
    jobs = sidebar.jobs()
    row = jobs.grid.locator(".flw-row").filter(has_text="short")
    expect(row).to_contain_text("completed", timeout=JOB_PATIENCE)
    row.locator(".flw-col-status").click()
    jobs.button("results").click()
    results = sidebar.tab.locator(".flw-results")
    expect(results.locator(".flw-name")).to_have_text("short", timeout=JOB_PATIENCE)
    expect(results).to_contain_text("results/short-")
    expect(sidebar.tab_title("Results short")).to_be_visible()
    (folder,) = (hub_lab.root / "results").glob("short-*")
    assert any(file.is_file() for file in folder.rglob("*"))
    results.get_by_role("button", name="Show in the file browser").click()
    expect(sidebar.page.locator(".jp-FileBrowser-crumbs")).to_contain_text(folder.name)
    sidebar.command("filebrowser:go-to-path", {"path": "/", "dontShowBrowser": True})
    sidebar.show()


def test_lab_survives_kill_of_flare_server(lab_sidebar: FlareSidebar, federation: LocalFederation) -> None:
    sidebar = lab_sidebar
    sidebar.button("All jobs").click()
    expect(sidebar.jobs().rows.first).to_be_visible()
    federation.kill("server")
    try:
        expect(sidebar.section("sessions")).to_contain_text("reconnecting")
        expect(sidebar.notice).to_contain_text(re.compile("no connection to localhost.*Below: as of", re.DOTALL))
        expect(sidebar.jobs().root.locator(".flw-banner").first).to_contain_text("no connection to localhost")
        expect(sidebar.status_item).to_contain_text("!")
        expect(sidebar.jobs().rows.first).to_be_visible()
    finally:
        federation.bring_back("server")
    expect(sidebar.section("sessions").get_by_text("ready")).to_be_visible(timeout=JOB_PATIENCE)
    expect(sidebar.notice).to_be_hidden()
    expect(sidebar.section("sites")).to_contain_text("2 of 2 connected", timeout=JOB_PATIENCE)
    expect(sidebar.jobs().root.locator(".flw-banner").first).to_be_hidden()


def test_lab_reconnects_after_kill_of_jupyter_server(lab_sidebar: FlareSidebar, hub_lab: LabServer) -> None:
    sidebar = lab_sidebar
    sidebar.button("All jobs").click()
    jobs = sidebar.jobs()
    expect(jobs.rows.first).to_be_visible()
    jobs.search.fill("no such job")
    expect(jobs.rows).to_have_count(0)
    hub_lab.kill()
    expect(sidebar.notice).to_contain_text("The Jupyter server does not answer. Trying again. Below: as of")
    expect(jobs.root).to_contain_text("Connection to the Jupyter server lost")
    dialog = sidebar.page.locator(".jp-Dialog")  # JupyterLab's own, when it notices
    sidebar.page.add_locator_handler(dialog, lambda shown: shown.press("Escape"))
    hub_lab.start()
    # It reconnects by itself, with the kit of last time; nothing is clicked.
    expect(sidebar.section("sessions").get_by_text("ready")).to_be_visible(timeout=JOB_PATIENCE)
    expect(jobs.root).not_to_contain_text("Connection to the Jupyter server lost")
    expect(jobs.search).to_have_value("no such job")
    jobs.search.fill("")
    expect(jobs.rows.first).to_be_visible()
    sidebar.page.remove_locator_handler(dialog)
