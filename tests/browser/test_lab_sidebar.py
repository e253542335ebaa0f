"""The JupyterLab extension against a server that is nearly FLARE's: sidebar and tabs need no kernel."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from axe import serious
from conftest import tab
from fake_federation import FakeFederation
from flare_sidebar import FlareSidebar
from jobs import write_job
from lab_page import NotebookPage, box_of
from lab_server import LabServer
from playwright.sync_api import Browser, Page, expect
from waiting import wait_until

HELLO = "a0000001-0000-4000-8000-000000000001"
WAITING = "a0000002-0000-4000-8000-000000000002"
FAILED = "a0000003-0000-4000-8000-000000000003"
EVIL = "<img src=x onerror=window.pwned=1>"
KINDS = ("jobs", "job", "system", "submit", "compare")
_HAS_FOCUS = "() => document.querySelector('.flw-tab:not(.lm-mod-hidden)').contains(document.activeElement)"


@pytest.fixture(scope="module")
def federation() -> Iterator[FakeFederation]:
    federation = FakeFederation("site-1", "site-2", "hospital-c")
    federation.add_job(HELLO, "hello-numpy", age_s=134)
    federation.log(HELLO, "Round 0 started.")
    federation.add_job(WAITING, EVIL, "SUBMITTED", age_s=40)
    federation.add_job(FAILED, "stats", "FINISHED:EXECUTION_EXCEPTION", age_s=6000)
    with federation.running():
        yield federation


@pytest.fixture(scope="module")
def flare_lab(tmp_path_factory: pytest.TempPathFactory, federation: FakeFederation) -> Iterator[LabServer]:
    """A JupyterLab with both halves of the extension, and a startup kit in its folder."""
    root = tmp_path_factory.mktemp("flare-lab")
    federation.write_kit(root / "kits" / "ada")
    write_job(root, "cifar")
    server = LabServer(root, tmp_path_factory.mktemp("home"), ("browser", "server"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def flare_tab(chromium: Browser, flare_lab: LabServer) -> Iterator[tuple[Page, list[str]]]:
    with tab(chromium, flare_lab) as opened:
        FlareSidebar(opened[0], flare_lab).open()
        yield opened


@pytest.fixture
def sidebar(flare_tab: tuple[Page, list[str]], flare_lab: LabServer) -> Iterator[FlareSidebar]:
    """The sidebar, connected, in a page that all tests share; it is left without tabs."""
    page, complaints = flare_tab
    sidebar = FlareSidebar(page, flare_lab).show()
    expect(sidebar.section("sessions").get_by_role("listitem")).to_have_count(1)
    if not sidebar.section("sessions").get_by_text("ready").is_visible():
        sidebar.connect("ada")
    yield sidebar
    page.keyboard.press("Escape")
    sidebar.command("application:close-all")
    assert page.evaluate("() => window.pwned") is None
    found, complaints[:] = list(complaints), []
    assert found == []


def test_sidebar_shows_session_jobs_and_sites(sidebar: FlareSidebar, federation: FakeFederation) -> None:
    expect(sidebar.section("sessions")).to_contain_text("example_project · study default")
    expect(sidebar.section("active jobs")).to_contain_text("hello-numpy")
    expect(sidebar.section("active jobs")).to_contain_text("round 1")
    expect(sidebar.section("active jobs")).to_contain_text(EVIL)
    expect(sidebar.section("sites")).to_contain_text("3 of 3 connected")
    expect(sidebar.section("ended")).to_contain_text("1 failed")
    expect(sidebar.status_item).to_have_text("FLARE ● 1 ○ 1")
    del federation.sites["hospital-c"]
    expect(sidebar.section("sites")).to_contain_text("hospital-c")
    federation.sites["hospital-c"] = 0.0
    expect(sidebar.section("sites")).to_contain_text("3 of 3 connected")


def test_job_tab_is_live_without_kernel(sidebar: FlareSidebar, federation: FakeFederation) -> None:
    sidebar.section("active jobs").get_by_text("hello-numpy").click()
    expect(sidebar.tab.locator(".flw-job")).to_contain_text("round 1")
    federation.log(HELLO, "Round 1 started.")
    expect(sidebar.tab.locator(".flw-job")).to_contain_text("round 2")
    expect(sidebar.tab_title("● hello-numpy")).to_be_visible()
    # Asked for again, it comes to the front: there is one tab for each job.
    sidebar.button("All jobs").click()
    sidebar.jobs().row(2).locator(".flw-job-name").click()
    expect(sidebar.tab.locator(".flw-job .flw-name")).to_have_text("hello-numpy")
    assert len(sidebar.tab_titles()) == 2
    assert sidebar.lab.api("/api/kernels") == []


def test_table_in_tab_draws_only_rows_in_sight(sidebar: FlareSidebar, federation: FakeFederation) -> None:
    more = [f"b{number:07x}-0000-4000-8000-000000000001" for number in range(300)]
    for job in more:
        federation.add_job(job, "one-of-many", "FINISHED:COMPLETED", age_s=90_000)
    try:
        sidebar.button("All jobs").click()
        jobs = sidebar.jobs()
        expect(jobs.counts).to_contain_text("303 jobs")
        box, tab_box = box_of(jobs.grid), box_of(sidebar.tab)
        assert box["y"] + box["height"] <= tab_box["y"] + tab_box["height"]
        assert 10 < jobs.rows.count() < 60
        jobs.grid.focus()
        sidebar.page.keyboard.press("End")
        expect(jobs.row(303)).to_be_in_viewport()
    finally:
        for job in more:
            del federation.jobs[job]


def test_reload_restores_tabs_and_filter(sidebar: FlareSidebar) -> None:
    sidebar.button("1 failed").click()
    expect(sidebar.jobs().rows).to_have_count(1)
    sidebar.jobs().search.fill("stats")
    sidebar.command("flare-widgets:open-system")
    expect(sidebar.tab.locator(".flw-system")).to_contain_text("3 sites connected")
    sidebar.reload()
    expect(sidebar.tab.locator(".flw-system")).to_contain_text("3 sites connected")
    sidebar.tab_title("Jobs").click()
    expect(sidebar.jobs().search).to_have_value("stats")
    expect(sidebar.jobs().rows).to_have_count(1)


def test_two_pages_show_the_same(
    sidebar: FlareSidebar, flare_lab: LabServer, chromium: Browser, federation: FakeFederation
) -> None:
    sidebar.button("All jobs").click()
    with doomed_job(federation) as doomed, tab(chromium, flare_lab) as (page, complaints):
        other = FlareSidebar(page, flare_lab).open()
        other.section("active jobs").get_by_text("doomed").click()
        expect(other.tab.locator(".flw-job .flw-pill")).to_contain_text("RUNNING")
        jobs = sidebar.jobs()
        jobs.row(1).locator(".flw-box").click()
        jobs.button("abort").click()
        jobs.confirm.get_by_role("button", name=re.compile("abort", re.IGNORECASE)).click()
        expect(other.tab.locator(".flw-job .flw-pill")).to_contain_text("ABORTED")
        expect(other.tab_title("■ doomed")).to_be_visible()
        expect(other.section("active jobs").get_by_text("doomed")).to_have_count(0)
        assert f"abort_job {doomed}" in federation.server.lines
        assert complaints == []


@contextlib.contextmanager
def doomed_job(federation: FakeFederation) -> Iterator[str]:
    """A job that runs, and is gone after the block."""
    doomed = federation.add_job("a0000009-0000-4000-8000-000000000009", "doomed", age_s=5)
    try:
        yield doomed
    finally:
        del federation.jobs[doomed]


def test_file_browser_submits_and_checks_folder(sidebar: FlareSidebar) -> None:
    sidebar.choose_for_folder("cifar", "Check Job Folder")
    expect(sidebar.page.locator(".jp-Dialog")).to_contain_text("cifar: no problems")
    sidebar.page.keyboard.press("Escape")
    sidebar.choose_for_folder("cifar", "Submit as Job…")
    expect(sidebar.tab.locator(".flw-submit")).to_contain_text("cifar")
    expect(sidebar.tab.locator("button[data-action='submit']")).to_be_enabled()


def test_results_open_from_job_and_show_their_folder(
    sidebar: FlareSidebar, flare_lab: LabServer, pictures: Path | None
) -> None:
    folder = flare_lab.root / "results" / f"stats-{FAILED[:8]}"
    (folder / "workspace" / "models").mkdir(parents=True)
    meta = {"job_id": FAILED, "name": "stats", "status": "FINISHED:EXECUTION_EXCEPTION"}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    (folder / "workspace" / "models" / "server.pt").write_bytes(b"x" * 900)
    (folder / "workspace" / f"{EVIL}.txt".replace("/", "")).write_text("x", encoding="utf-8")
    sidebar.command("flare-widgets:open", {"kind": "job", "job": FAILED})
    opener = sidebar.tab.get_by_role("button", name="Results", exact=True)
    expect(opener).to_be_visible()
    sidebar.take_pictures(pictures, "job-ended")
    opener.click()
    results = sidebar.tab.locator(".flw-results")
    expect(results.locator(".flw-load")).to_contain_text(f"'results/stats-{FAILED[:8]}/workspace/models/server.pt'")
    expect(sidebar.tab_title("Results stats")).to_be_visible()
    assert serious(sidebar.tab) == []
    sidebar.take_pictures(pictures, "results")
    results.get_by_role("button", name="Show in the file browser").click()
    expect(sidebar.page.locator(".jp-DirListing-item").filter(has_text="workspace")).to_be_visible()
    expect(sidebar.page.locator(".jp-FileBrowser-crumbs")).to_contain_text(f"stats-{FAILED[:8]}")
    sidebar.command("filebrowser:go-to-path", {"path": "/", "dontShowBrowser": True})
    # The job is not over: the reason is there, in place of a view.
    sidebar.show()
    sidebar.command("flare-widgets:open", {"kind": "results", "job": HELLO})
    expect(sidebar.tab.locator(".flw-tab-words")).to_contain_text("This job has not ended")


def test_view_in_notebook_opens_in_tab(sidebar: FlareSidebar, pictures: Path | None) -> None:
    notebook = NotebookPage(sidebar.page, sidebar.lab)
    notebook.create("%load_ext flare_widgets\n%flare connect\n%flare jobs")
    notebook.run(0)
    opener = notebook.outputs(0).locator(".flw-jobs").get_by_role("button", name="open in a tab")
    expect(opener).to_be_visible()
    sidebar.take_pictures(pictures, "open-in-tab")
    opener.click()
    expect(sidebar.jobs().rows).to_have_count(3)
    assert sidebar.tab_titles() == ["Jobs"]
    sidebar.tab_title(notebook.name).click()
    sidebar.log_out()
    expect(opener).to_have_count(0)
    sidebar.connect("ada")
    expect(opener).to_be_visible()
    sidebar.close_documents()
    notebook.shut_down_kernels()


def test_kit_is_forgotten_after_confirmation(sidebar: FlareSidebar, pictures: Path | None) -> None:
    page = sidebar.page
    sidebar.log_out()
    menu = page.locator(".lm-Menu-item")
    sidebar.section("kits at hand").get_by_text("ada").first.click(button="right")
    expect(menu.filter(has_text="Forget…")).to_be_visible()
    sidebar.take_pictures(pictures, "kit-menu")
    menu.filter(has_text="Forget…").click()
    expect(page.locator(".jp-Dialog")).to_contain_text("Forget ada?")
    page.get_by_role("button", name="Forget", exact=True).click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)

    def can_be_forgotten() -> bool:
        sidebar.button("Menu of ada").click()
        expect(menu.filter(has_text="Check Startup Kit")).to_be_visible()
        count = menu.filter(has_text="Forget…").count()
        page.keyboard.press("Escape")
        expect(menu.filter(has_text="Check Startup Kit")).to_have_count(0)
        return count > 0

    # It is in a folder that is searched, so it stays; there is nothing more to forget.
    wait_until(lambda: not can_be_forgotten())
    sidebar.connect("ada")


def test_inserted_cell_is_not_run(sidebar: FlareSidebar) -> None:
    page = sidebar.page
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, sidebar.lab.root / "with_cell.ipynb")
    sidebar.command("docmanager:open", {"path": "with_cell.ipynb"})
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells).to_have_count(1)
    sidebar.button("Menu of ada@127.0.0.1").click()
    sidebar.menu_entry("Insert a Cell That Connects").click()
    expect(cells).to_have_count(2)
    expect(cells.nth(1)).to_contain_text(re.compile(r"%load_ext flare_widgets\s*%flare connect"))
    expect(cells.nth(1).locator(".jp-InputPrompt")).to_have_text("[ ]:")
    sidebar.drag_session("ada@127.0.0.1", cells.first)
    expect(cells).to_have_count(3)
    expect(page.locator(".jp-Notebook .jp-CodeCell").filter(has_text="%flare connect")).to_have_count(2)
    assert cells.locator(".jp-InputPrompt").all_inner_texts() == ["[ ]:"] * 3
    sidebar.close_documents()
    sidebar.lab.shut_down_kernels()


def test_keyboard_alone_opens_job(sidebar: FlareSidebar) -> None:
    page = sidebar.page
    sidebar.command("apputils:activate-command-palette")
    expect(page.locator(".lm-CommandPalette-input")).to_be_focused()
    page.keyboard.type("open flare jobs")
    expect(page.locator(".lm-CommandPalette-item.lm-mod-active")).to_contain_text("Open FLARE Jobs")
    page.keyboard.press("Enter")
    expect(sidebar.jobs().grid).to_be_focused()
    page.keyboard.press("ArrowDown")  # the focus is on the first row
    page.keyboard.press("Enter")
    expect(sidebar.tab.locator(".flw-job .flw-name")).to_have_text("hello-numpy")
    sidebar.button("All jobs").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(sidebar.tab.locator(".flw-job .flw-name")).to_have_text("hello-numpy")
    # Each tab has the focus when it is opened, and something to go on to.
    for kind in KINDS:
        open_view(sidebar, kind)
        page.wait_for_function(_HAS_FOCUS)
        page.keyboard.press("Tab")
        assert page.evaluate(_HAS_FOCUS), kind


def test_keyboard_alone_reaches_sidebar_and_its_menus(sidebar: FlareSidebar) -> None:
    page = sidebar.page
    sidebar.command("apputils:activate-command-palette")
    page.keyboard.type("show the flare sidebar")
    expect(page.locator(".lm-CommandPalette-item.lm-mod-active")).to_contain_text("Show the FLARE Sidebar")
    page.keyboard.press("Enter")
    expect(page.locator(".flw-lab")).to_be_focused()
    page.keyboard.press("Tab")
    page.wait_for_function("document.activeElement.closest('.flw-lab button') !== null")
    menu = page.get_by_role("button", name="Menu of ada@127.0.0.1")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lm-Menu-item", has_text="Log Out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".lm-Menu")).to_have_count(0)
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".lm-Menu-item.lm-mod-active")).to_have_text("Jobs")
    page.keyboard.press("Enter")
    expect(sidebar.jobs().grid).to_be_focused()


def open_view(sidebar: FlareSidebar, kind: str) -> None:
    """Open a tab of a kind, and wait until it shows its view."""
    sidebar.command("flare-widgets:open", {"kind": kind, "job": HELLO, "jobs": [HELLO, FAILED]})
    expect(sidebar.tab.locator(f".flw-{kind}.flw-live")).to_be_visible()


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_axe_finds_nothing_serious(sidebar: FlareSidebar, theme: str, pictures: Path | None) -> None:
    page = sidebar.page
    sidebar.command("apputils:change-theme", {"theme": theme})
    expect(page.locator(f"body[data-jp-theme-name='{theme}']")).to_be_attached()
    sidebar.button("All jobs").click()
    expect(sidebar.jobs().rows).to_have_count(3)
    assert serious(sidebar.root) == []
    for kind in KINDS:
        open_view(sidebar, kind)
        assert serious(sidebar.tab) == [], kind
        if pictures:
            page.screenshot(path=pictures / f"lab-{kind}-{theme[-4:].strip().lower()}.png")


def test_log_out_leaves_tab_that_says_so(sidebar: FlareSidebar) -> None:
    sidebar.button("All jobs").click()
    expect(sidebar.jobs().rows).to_have_count(3)
    sidebar.log_out()
    expect(sidebar.tab.get_by_role("button", name="Connect…")).to_be_visible()
    expect(sidebar.status_item).to_be_hidden()
    sidebar.connect("ada")
    expect(sidebar.jobs().rows).to_have_count(3)


def test_killed_server_comes_back(sidebar: FlareSidebar, flare_lab: LabServer) -> None:
    sidebar.button("All jobs").click()
    jobs = sidebar.jobs()
    jobs.search.fill("stats")
    expect(jobs.rows).to_have_count(1)
    flare_lab.kill()
    expect(sidebar.notice).to_contain_text("The Jupyter server does not answer. Trying again. Below: as of")
    expect(jobs.root).to_contain_text("Connection to the Jupyter server lost")
    expect(jobs.rows).to_have_count(1)
    # JupyterLab has a dialog of its own, when it notices. Escape without it would clear the filter.
    dialog = sidebar.page.locator(".jp-Dialog")
    sidebar.page.add_locator_handler(dialog, lambda shown: shown.press("Escape"))
    flare_lab.start()
    sidebar.connect("ada")
    expect(jobs.root).not_to_contain_text("Connection to the Jupyter server lost")
    expect(jobs.search).to_have_value("stats")
    expect(jobs.rows).to_have_count(1)
    sidebar.page.remove_locator_handler(dialog)


def test_disabled_server_half_costs_one_sentence(
    chromium: Browser, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = LabServer(tmp_path, tmp_path_factory.mktemp("home"), ("browser",))
    try:
        with tab(chromium, server) as (page, complaints):
            asked: list[str] = []
            page.on(
                "request", lambda request: asked.append(request.url) if "/flare-widgets/status" in request.url else None
            )
            sidebar = FlareSidebar(page, server).open()
            expect(sidebar.notice).to_contain_text("pip install flare-widgets")
            expect(sidebar.root.locator(".flw-lab-body")).to_be_hidden()
            assert len(asked) == 1
            assert complaints == []
    finally:
        server.close()
