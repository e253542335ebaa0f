"""JupyterLab in Debian's (or anybody's) Chromium.

`lab` and `chromium` are started once, and JupyterLab is loaded once, into a tab that all share: `notebook` opens a
notebook with a kernel for the test alone, `bench` is shared and fast.

`NotebookPage` (``lab_page.py``) opens notebooks, runs cells and reads outputs; `JobPanel` (``job_panel.py``) reads a
job view. Set ``CHROMIUM`` to the browser's path when it is not called ``chromium``, and ``SCREENSHOTS`` to a folder
to have pictures taken on the way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lab_page import NotebookPage
from lab_server import LabServer
from playwright.sync_api import Browser, Error, Page, Request, ViewportSize, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
# Chromium heeds only the last list of features: these are Playwright's own, and popups of an address bar that nobody
# sees, for which each context would have a process of its own.
_FEATURES = [
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning", "OptimizationHints", "AimEnabled"),
    *("WebUIOmniboxPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxAimPopup"),
]
ARGUMENTS = [
    f"--disable-features={','.join(_FEATURES)}",
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 20_000
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A JupyterLab server."""
    server = LabServer(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser."""
    if CHROMIUM is None:
        pytest.fail("no Chromium found: install one, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_tab(chromium: Browser, lab: LabServer) -> Iterator[tuple[Page, list[str]]]:
    """A tab with JupyterLab, and what there is to complain of: loading it costs more than most tests."""
    with tab(chromium, lab) as shared:
        yield shared


@pytest.fixture
def notebook(shared_tab: tuple[Page, list[str]], lab: LabServer) -> Iterator[NotebookPage]:
    """A notebook of the test's own, with its kernel, in the tab that all share."""
    page, complaints = shared_tab
    notebook = NotebookPage(page, lab)
    yield notebook
    notebook.close()
    page.set_viewport_size(VIEWPORT)
    found, complaints[:] = list(complaints), []
    assert found == []


@pytest.fixture(scope="session")
def bench_notebook(shared_tab: tuple[Page, list[str]], lab: LabServer) -> Iterator[NotebookPage]:
    notebook = NotebookPage(shared_tab[0], lab)
    notebook.create("")
    yield notebook
    notebook.shut_down_kernels()


@pytest.fixture
def bench(bench_notebook: NotebookPage, shared_tab: tuple[Page, list[str]]) -> Iterator[NotebookPage]:
    """A notebook that the tests share one after another, for those that do nothing to the kernel or the tab.

    It is empty; fill it with `fill`.
    """
    _, complaints = shared_tab
    bench_notebook.show()
    bench_notebook.fill("")
    yield bench_notebook
    bench_notebook.page.set_viewport_size(VIEWPORT)
    bench_notebook.show_left_area()
    if bench_notebook.running_cells():
        bench_notebook.interrupt()
    bench_notebook.fill("")
    found, complaints[:] = list(complaints), []
    assert found == []


@contextlib.contextmanager
def tab(chromium: Browser, lab: LabServer) -> Iterator[tuple[Page, list[str]]]:
    """A tab, and what there is to complain of: scripts that failed, and questions to anybody but the server."""
    context = chromium.new_context(
        viewport=VIEWPORT,
        locale="en-GB",
        timezone_id="Europe/Berlin",
        permissions=["clipboard-read", "clipboard-write"],
        base_url=lab.base,
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []

    def note_error(error: Error) -> None:
        stack = error.stack or str(error)
        # JupyterLab makes mistakes of its own (4.2: in the toolbar of a cell that is removed). Widgets are blobs.
        # It also complains, without saying where, when a kernel goes that it has only just asked for a subshell.
        # Its widget manager expects a kernel in every notebook with widgets.
        of_manager = "@jupyter-widgets" in stack and "(reading 'kernel')" in stack
        of_lab = ("/static/lab/" in stack and "blob:" not in stack) or "create_subshell_request" in stack
        if not (of_lab or of_manager):
            complaints.append(stack)

    def note_request(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname != "127.0.0.1":
            complaints.append(request.url)

    page.on("pageerror", note_error)
    page.on("request", note_request)
    yield page, complaints
    context.close()


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Folder for pictures; None if none are wanted."""
    folder = os.environ.get("SCREENSHOTS")
    return Path(folder) if folder else None
