"""The job view where people have notebooks beside JupyterLab: Notebook 7, Voila, marimo, and an exported page."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

import nbformat
import pytest
from app_server import free_port, serving
from contrast import background, contrasts
from fake_federation import FakeFederation
from flare_sidebar import FlareSidebar
from job_panel import JobPanel
from jobs_panel import JobsPanel
from lab_page import NotebookPage, box_of
from lab_server import LabServer, install_extension
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from playwright.sync_api import Browser, Locator, Page, Route, expect
from scripted import ScriptedWatch

from flare_widgets.views.job.html import job_html

SETUP = """
from flare_widgets.views.display import show_job
from scripted import ScriptedSession, ScriptedWatch
watch, session = ScriptedWatch(), ScriptedSession()
"""
RUN = "watch.say('RUNNING')"
SHOW = "view = show_job(watch, session)"
TABLE = """
from flare_widgets.views.jobs.view import JobsView
from scripted_jobs import ScriptedMonitor
monitor = ScriptedMonitor(12)
table = JobsView(monitor, monitor.open_job)
table.show()
"""
# What the user does reaches the job, and what becomes of the job reaches the user.
OBEY = """
import threading, time
def obey():
    while not session.count('abort_job'):
        time.sleep(0.05)
    watch.say('FINISHED:ABORTED')
threading.Thread(target=obey, daemon=True).start()
"""


def abort_and_see_the_end(panel: JobPanel) -> None:
    panel.expect_status("RUNNING")
    expect(panel.sites).to_have_count(3)
    panel.button("Abort").click()
    panel.button("Yes, abort").click()
    panel.expect_status("FINISHED:ABORTED")


@contextlib.contextmanager
def local_tab(chromium: Browser) -> Iterator[Page]:
    """Open a tab that reaches this machine and nothing else: other front ends ask for things that are not ours."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(30_000)

    def local_only(route: Route) -> None:
        here = re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]", route.request.url)
        route.continue_() if here else route.abort()

    page = context.new_page()
    page.route(re.compile("^https?:"), local_only)
    yield page
    context.close()


@pytest.fixture
def outside(chromium: Browser) -> Iterator[Page]:
    with local_tab(chromium) as page:
        yield page


def write(folder: Path, *cells: str) -> Path:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    path = folder / "job.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def federation() -> Iterator[FakeFederation]:
    federation = FakeFederation("site-1", "site-2")
    federation.add_job("a0000001-0000-4000-8000-000000000001", "hello-numpy")
    with federation.running():
        yield federation


@pytest.fixture(scope="module")
def notebook_7(
    chromium: Browser, lab: LabServer, federation: FakeFederation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NotebookPage]:
    """A notebook in Notebook 7, with our extension: four cells for a job, and one for the table of jobs."""
    folder = tmp_path_factory.mktemp("notebook_7")
    write(folder, SETUP, RUN, SHOW, OBEY, TABLE)
    federation.write_kit(folder / "kits" / "ada")
    install_extension(folder, ("browser", "server"))
    port = free_port()
    arguments = [
        *("--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
        *("--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"),
        *("--ServerApp.disable_check_xsrf=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
    ]
    with serving("notebook", arguments, port, folder, "/api/status") as base, local_tab(chromium) as page:
        notebook = NotebookPage(page, lab)
        page.goto(f"{base}/notebooks/job.ipynb")
        notebook.wait_until_ready()
        yield notebook


def test_notebook_7(notebook_7: NotebookPage) -> None:
    for cell in range(4):
        notebook_7.run(cell)
    panel = JobPanel(notebook_7.outputs(2))
    abort_and_see_the_end(panel)
    panel.expect_live("FINISHED:ABORTED")
    notebook_7.command("docmanager:save")
    notebook_7.command("notebook:restart-kernel", wait=False)
    notebook_7.page.locator(".jp-Dialog .jp-mod-accept").click()
    notebook_7.page.reload()
    notebook_7.wait_until_ready()
    expect(notebook_7.outputs(2).first).to_have_text("Error displaying widget: model not found")
    panel.expect_static("FINISHED:ABORTED")


def test_table_in_notebook_7(notebook_7: NotebookPage) -> None:
    """Keys reach the table and not the notebook, and a job stands within the table's view."""
    notebook_7.run(4)
    table = JobsPanel(notebook_7.outputs(4))
    table.search.focus()
    for key in ("ArrowDown", "ArrowDown", "Shift+ArrowDown"):
        notebook_7.page.keyboard.press(key)
    expect(table.marked).to_have_text("2 selected")
    notebook_7.page.keyboard.press("Enter")
    expect(table.below.locator(".flw-job")).to_contain_text("brats-segmentation")


def test_extension_in_notebook_7(notebook_7: NotebookPage) -> None:
    """A page has one document; tabs of ours are below it."""
    page = notebook_7.page
    sidebar = FlareSidebar(page, notebook_7.lab).show()
    sidebar.connect("ada")
    expect(sidebar.section("sites")).to_contain_text("2 of 2 connected")
    sidebar.button("All jobs").click()
    jobs = sidebar.jobs()
    expect(jobs.row(1)).to_contain_text("hello-numpy")
    below = box_of(page.locator(".jp-Notebook"))
    assert box_of(jobs.root)["y"] >= below["y"] + below["height"] - 1
    jobs.row(1).locator(".flw-job-name").click()
    expect(sidebar.tab.locator(".flw-job .flw-name")).to_have_text("hello-numpy")
    # The page of the folder has the sidebar, too.
    page.goto(page.url.replace("/notebooks/job.ipynb", "/tree"))
    sidebar.show()
    expect(sidebar.section("sessions").get_by_text("ready")).to_be_visible()
    sidebar.button("All jobs").click()
    expect(sidebar.jobs().row(1)).to_contain_text("hello-numpy")


def test_voila(outside: Page, tmp_path: Path) -> None:
    path = write(tmp_path, SETUP, RUN, SHOW, OBEY)
    port = free_port()
    arguments = [str(path), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    with serving("voila", arguments, port, tmp_path, "/voila/static/voila.js") as base:
        outside.goto(base)
        panel = JobPanel(outside.locator("body"))
        expect(panel.live).to_be_visible(timeout=60_000)
        abort_and_see_the_end(panel)


def test_marimo(outside: Page, tmp_path: Path) -> None:
    cell = f"{SETUP}\n{RUN}\n{OBEY}\nfrom flare_widgets.views.job.view import JobView\nimport marimo as mo\n"
    cell += "shown = mo.ui.anywidget(JobView(watch, session))\nshown\n"
    body = "".join(f"    {line}\n" for line in cell.splitlines())
    app = tmp_path / "app.py"
    app.write_text(f"import marimo\napp = marimo.App()\n\n@app.cell\ndef _():\n{body}    return\n", encoding="utf-8")
    port = free_port()
    arguments = ["run", str(app), "--headless", "--host=127.0.0.1", f"--port={port}", "--no-token"]
    with serving("marimo", arguments, port, tmp_path) as base:
        outside.goto(base)
        panel = JobPanel(outside.locator("body"))
        expect(panel.live).to_be_visible(timeout=60_000)
        # As its own menu does; the view is in a shadow root, which the page's rules do not reach.
        for scheme in ("dark", "light"):
            outside.evaluate("scheme => { document.body.dataset.theme = scheme; }", scheme)
            expect(panel.live.locator("xpath=..")).to_have_attribute("data-theme", scheme)
            expect_scheme(panel.live, scheme, "marimo")
        abort_and_see_the_end(panel)


# By front end and scheme: the attributes of `html` and `body`, and the variables that it defines.
LAB_LIGHT = {"--jp-layout-color0": "white", "--jp-ui-font-color0": "#000", "--jp-ui-font-color1": "rgba(0, 0, 0, 0.87)"}
VSCODE_DARK = {
    "--vscode-editor-background": "#1f1f1f",
    "--vscode-editor-foreground": "#cccccc",
    "--vscode-descriptionForeground": "#9d9d9d",
}
SYSTEMS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
THEMES: list[tuple[dict[str, str], dict[str, str], dict[str, str], str]] = [
    ({}, {"data-jp-theme-light": "true"}, LAB_LIGHT, "light"),
    # ipywidgets' own stand-ins for JupyterLab's variables are those of its light theme.
    ({}, {"data-vscode-theme-kind": "vscode-dark", "class": "vscode-dark"}, LAB_LIGHT | VSCODE_DARK, "dark"),
    ({}, {"data-vscode-theme-kind": "vscode-high-contrast"}, {"--vscode-editor-background": "#000"}, "dark"),
    ({}, {"data-vscode-theme-kind": "vscode-light", "class": "vscode-light"}, LAB_LIGHT, "light"),
    ({}, {"data-vscode-theme-kind": "vscode-high-contrast-light"}, {}, "light"),
    ({"theme": "dark"}, {}, LAB_LIGHT, "dark"),
    ({"theme": "light"}, {}, LAB_LIGHT, "light"),
    ({}, {"data-theme": "dark", "class": "dark dark-theme"}, {}, "dark"),
    ({}, {"data-theme": "light", "class": "light light-theme"}, {}, "light"),
]
SET = """([html, body, variables]) => {
  for (const [element, wanted] of [[document.documentElement, html], [document.body, body]]) {
    for (const name of element.getAttributeNames()) element.removeAttribute(name);
    for (const [name, value] of Object.entries(wanted)) element.setAttribute(name, value);
  }
  for (const [name, value] of Object.entries(variables)) document.documentElement.style.setProperty(name, value);
}"""


def expect_scheme(view: Locator, scheme: str, where: object) -> None:
    colour = background(view)
    assert max(colour) < 50 if scheme == "dark" else min(colour) > 230, (where, colour)
    poor = {text: ratio for text, ratio in contrasts(view).items() if ratio < 4.5}
    assert not poor, (where, poor)


def test_views_follow_theme_of_front_end(outside: Page) -> None:
    """Whatever the system's theme is: a card of the other one would glare."""
    watch, now = ScriptedWatch(), time.time()
    watch.say("RUNNING", trouble="the connection to server:8002 was lost; trying again (2)")
    static = job_html(watch.snapshot, now)
    watch.say("FINISHED:EXECUTION_EXCEPTION", duration=61.5)
    static += job_html(watch.snapshot, now)
    # The parts that both forms have, in the colours of the live one.
    style = (files("flare_widgets.views") / "static" / "job.css").read_text(encoding="utf-8")
    live = re.sub(r"flw-static-\w+", "flw-live", re.sub(r"(?s)<style>.*?</style>", "", static))
    outside.set_content(f"<!doctype html><style>{style}</style>{static}{live}")
    views = outside.locator(".flw-job")
    expect(views).to_have_count(4)
    for system in SYSTEMS:
        outside.emulate_media(color_scheme=system)
        for html, body, variables, scheme in [*THEMES, ({}, {}, {}, system)]:
            outside.evaluate(SET, [html, body, variables])
            for view in views.all():
                expect_scheme(view, scheme, (system, html, body))


def test_exported_page_needs_no_network(outside: Page, tmp_path: Path) -> None:
    """Of a notebook as it is saved while the view is live, with the state of its widgets and without."""
    end = "watch.say('FINISHED:COMPLETED', duration=61.5)"
    person = "get_ipython().kernel._allow_stdin = True\n"
    notebook = nbformat.read(write(tmp_path, SETUP, RUN, person + SHOW, end), as_version=4)
    ExecutePreprocessor(timeout=60).preprocess(notebook, {"metadata": {"path": str(Path(__file__).parent)}})
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[2].outputs[0].data
    path = tmp_path / "job.html"
    for is_stateful in (True, False):
        if not is_stateful:
            del notebook.metadata["widgets"]
        page, _ = HTMLExporter().from_notebook_node(notebook)
        path.write_text(page, encoding="utf-8")
        outside.goto(path.as_uri(), wait_until="domcontentloaded")
        panel = JobPanel(outside.locator("body"))
        panel.expect_static("FINISHED:COMPLETED")
        expect(panel.elapsed).to_have_text("took 1 min 1 s")
        expect(panel.sites).to_have_count(3)
        place, static = outside.locator(".jp-OutputArea-child").all()
        expect(place).to_be_hidden()
        expect(static).to_be_visible()
