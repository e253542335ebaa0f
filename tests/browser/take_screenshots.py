"""`make screenshots`: a picture of every view in both themes, from a real run, into docs/screenshots.

A federation of three hospitals, jobs that have ended well and badly and one that runs, and a person who looks at all
of it in JupyterLab. With ``SCREENSHOTS`` set to a folder, narrow pictures of the same go there, to look at.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import kits
import pytest
from conftest import tab
from fake_federation import FakeFederation
from flare_sidebar import FlareSidebar
from job_panel import JobPanel
from lab_page import NotebookPage
from lab_server import LabServer
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

DOCS = Path(__file__).parents[2] / "docs" / "screenshots"
THEMES = {"JupyterLab Light": "", "JupyterLab Dark": "-dark"}
# As high as the highest view: a picture of what is scrolled out of sight shows what is on top of it.
WIDE: ViewportSize = {"width": 1280, "height": 1500}
NARROW: ViewportSize = {"width": 480, "height": 1900}
LAB: ViewportSize = {"width": 1400, "height": 700}
SIDEBAR: ViewportSize = {"width": 900, "height": 480}
MOST_BYTES = 150_000
REST_OF_ID = "5f0e-4c7e-9f61-0d3c5f2f8a1"
ENDED = (
    ("readmission", "FINISHED:COMPLETED"),
    ("cifar10-fedavg", "FINISHED:EXECUTION_EXCEPTION"),
    ("statistics", "FINISHED:COMPLETED"),
    ("hello-numpy", "FINISHED:ABORTED"),
)
PATIENCE = 240_000

SETUP = """\
%load_ext flare_widgets
import os, shutil
import numpy as np
from flare_widgets.views.display import show_session
start = np.zeros(8)
federation = %flare up --sites hospital-a,hospital-b,hospital-c --users ada@example.org=lead --name clinics
"""
CONNECT = """\
shutil.copytree(federation.kit('ada@example.org'), 'kits/ada@example.org')
os.chmod('kits/ada@example.org/startup/client.key', 0o644)
research = %flare connect kits/ada@example.org --name research
"""

# A regression that each hospital can only learn a part of; what it tells of each round is how good the model is there.
CLIENT = """\
import argparse
import time

import numpy as np
import nvflare.client as flare

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.2)
parser.add_argument("--batch", type=int, default=40)
parser.add_argument("--seconds", type=float, default=0.3)
options = parser.parse_args()

flare.init()
site = "abc".index(flare.get_site_name()[-1])
random = np.random.default_rng(site)
patients = random.normal(0.3 * site, 1, size=(600, 8))
ill = patients @ np.linspace(-2, 2, 8) + random.normal(scale=1 + 0.6 * site, size=600) > 0.5
while flare.is_running():
    model = flare.receive()
    name, weights = next(iter(model.params.items()))
    risk = 1 / (1 + np.exp(-patients @ weights))
    metrics = {
        "accuracy": float(np.mean((risk > 0.5) == ill)),
        "loss": float(-np.mean(np.where(ill, np.log(risk + 1e-9), np.log(1 - risk + 1e-9)))),
    }
    print(f"round {model.current_round}: " + ", ".join(f"{k} {v:.3f}" for k, v in metrics.items()))
    some = random.choice(600, options.batch)
    weights = weights - options.rate * patients[some].T @ (risk[some] - ill[some]) / options.batch
    time.sleep(options.seconds * (1 + 0.3 * site))
    flare.send(flare.FLModel(params={name: weights}, metrics=metrics, meta={"NUM_STEPS_CURRENT_ROUND": 1}))
"""
# One hospital's data lack a column: what happens often.
BROKEN = CLIENT.replace(
    "    risk =",
    """\
    if model.current_round == 2 and site == 1:
        raise KeyError("column 'blood_pressure' is not in the table")
    risk =""",
)
FLARE = "%%flare --model start --key-metric accuracy"

CELLS = [
    SETUP,
    CONNECT,
    f"{FLARE} --name readmission-slow --rounds 8 --arg rate=0.15\n{CLIENT}",
    f"{FLARE} --name readmission-fast --rounds 8 --arg rate=0.9\n{CLIENT}",
    f"{FLARE} --name readmission-v2 --rounds 5\n{BROKEN}",
    f"{FLARE} --name readmission --rounds 20 --arg rate=0.3 --arg seconds=3\n{CLIENT}",
    "%flare jobs",
    "%flare compare readmission-slow readmission-fast",
    "%flare status",
    "badge = show_session(research)",
    "%flare sessions",
    f"{FLARE} --name stroke-risk --dry-run jobs\n{CLIENT}",
    "form = %flare submit",
    "%flare check kits/ada@example.org",
    "%flare faults",
    "%flare delete readmission-v2",
]
DONE, FAST, FAILED, RUNNING, JOBS, COMPARE, SYSTEM, BADGE, SWITCHER = range(2, 11)
SUBMIT, KIT, FAULTS, QUESTION = range(12, len(CELLS))


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A JupyterLab in a folder whose path can be seen in pictures."""
    folder = Path(tempfile.gettempdir(), "notebooks")
    folder.mkdir()
    try:
        server = LabServer(folder, tmp_path_factory.mktemp("home"))
        yield server
        server.close()
    finally:
        shutil.rmtree(folder)


@pytest.mark.timeout(900)
def test_take_them(notebook: NotebookPage, pictures: Path | None) -> None:
    notebook.page.set_default_timeout(PATIENCE)
    notebook.page.set_viewport_size(WIDE)
    notebook.create(*CELLS)
    notebook.hide_left_area()
    # The cell that submits is run when the others stand, so that its job still runs when all pictures are taken.
    for index in [i for i in range(len(CELLS)) if i not in (RUNNING, QUESTION)]:
        notebook.run(index)
        if index in (DONE, FAST, FAILED):
            expect(JobPanel(output(notebook, index)).status).to_contain_text("FINISHED:", timeout=PATIENCE)
    notebook.run(RUNNING)
    expect(output(notebook, RUNNING).locator(".flw-live .flw-round")).to_contain_text("round 4", timeout=PATIENCE)
    form = output(notebook, SUBMIT)
    form.get_by_role("button", name="jobs").click()
    form.get_by_role("button", name="stroke-risk").click()
    for theme, suffix in THEMES.items():
        notebook.theme(theme)
        for name in [*VIEWS]:
            take(notebook, name, DOCS / f"{name}{suffix}.png")
    # The last, since its cell waits.
    question = ask(notebook)
    for theme, suffix in THEMES.items():
        notebook.theme(theme)
        notebook.screenshot(question, DOCS / f"question{suffix}.png")
    question.get_by_role("button", name="Cancel", exact=True).click()
    notebook.theme("JupyterLab Light")
    if pictures:
        notebook.page.set_viewport_size(NARROW)
        for name in [*VIEWS]:
            take(notebook, name, pictures / f"{name}-narrow.png")
    taken = sorted(DOCS.glob("*.png"))
    assert [file.name for file in taken if file.stat().st_size > MOST_BYTES] == []


#: The pictures: the cell they are of, what is seen when it can be taken, and what belongs to the picture.
VIEWS = {
    "job": (RUNNING, "canvas", ".flw-job"),
    "job-log": (RUNNING, ".flw-log-line", ".flw-job"),
    "job-done": (DONE, "canvas", ".flw-job"),
    "job-failed": (FAILED, ".flw-failure", ".flw-job"),
    "jobs": (JOBS, ".flw-job-name >> nth=3", ".flw-jobs"),
    "compare": (COMPARE, "canvas, .flw-chart-picture", ".flw-compare"),
    "system": (SYSTEM, ".flw-row >> nth=3", ".flw-system"),
    "session": (BADGE, ".flw-session-row", ".flw-session"),
    "sessions": (SWITCHER, ".flw-session-row >> nth=1", ".flw-session"),
    "submit": (SUBMIT, "text=→ server", ".flw-submit"),
    "kit": (KIT, ".flw-checks", ".flw-kit"),
    "faults": (FAULTS, ".flw-process >> nth=3", ".flw-faults"),
}


#: A sweep of twelve jobs from one cell. The federation outlives the kernel, which is restarted in the middle.
SWEEP = [
    "%load_ext flare_widgets\nimport numpy as np\nstart = np.zeros(8)\n"
    "%flare up --sites hospital-a,hospital-b --name wards --keep 900",
    "%%flare --name readmission --rounds 5 --model start --key-metric accuracy --arg seconds=0.05 --at-once 4 "
    f"--sweep rate=0.02,0.1,0.5,2 --sweep batch=10,40,160\n{CLIENT}",
    "%flare compare 'readmission rate*'",
    "from pathlib import Path\nfrom scripted_results import Downloads, make_result\n"
    "from flare_widgets.views.results.view import ResultView\n"
    "folder = make_result(Path('results', 'readmission-76b8d043').absolute())\n"
    "ResultView(folder, fetch=Downloads(folder)).show()",
]
SWEPT = {f"readmission rate={rate} batch={batch}" for rate in ("0.02", "0.1", "0.5", "2") for batch in (10, 40, 160)}


@pytest.mark.timeout(900)
def test_sweep_goes_on_after_restart(notebook: NotebookPage, pictures: Path | None) -> None:
    """No job is lost or doubled; the table, the comparison and a result are in the pictures."""
    notebook.page.set_default_timeout(PATIENCE)
    notebook.page.set_viewport_size(WIDE)
    notebook.create(*SWEEP)
    notebook.hide_left_area()
    notebook.run(0)
    notebook.run(1)
    table = output(notebook, 1).locator("table.flw-listing")
    expect(table.locator("tbody tr", has_text="RUNNING").first).to_be_visible(timeout=PATIENCE)
    expect(table.locator("tbody tr", has_text="FINISHED:COMPLETED").first).to_be_visible(timeout=PATIENCE)
    notebook.screenshot(output(notebook, 1), pictures and pictures / "sweep-before.png")
    notebook.command("notebook:restart-kernel", wait=False)
    notebook.page.locator(".jp-Dialog").get_by_role("button", name="Restart").click()
    notebook.wait_until_ready()
    notebook.run(0)
    notebook.run(1)
    expect(table).to_contain_text("12 of 12 jobs done", timeout=PATIENCE)
    notebook.run_code(
        "listed = get_ipython().run_line_magic('flare', 'jobs --name readmission')\n"
        f"assert sorted(job['job_name'] for job in listed) == {sorted(SWEPT)}, listed\n"
        "assert {job['status'] for job in listed} == {'FINISHED:COMPLETED'}, listed"
    )
    for index in (2, 3):
        notebook.run(index)
    shown = {
        "sweep": (table, None),
        "compare-sweep": (output(notebook, 2).locator(".flw-compare.flw-live"), "svg, canvas"),
        "results": (output(notebook, 3).locator(".flw-results.flw-live"), ".flw-metric"),
    }
    for theme, suffix in THEMES.items():
        notebook.theme(theme)
        for name, (view, sign) in shown.items():
            if sign:
                expect(view.locator(sign).first).to_be_visible()
            view.scroll_into_view_if_needed()
            notebook.page.mouse.move(2, 2)
            notebook.screenshot(view, DOCS / f"{name}{suffix}.png")
    notebook.theme("JupyterLab Light")
    if pictures:
        notebook.page.set_viewport_size({"width": 700, "height": 1900})
        for name, (view, _) in shown.items():
            view.scroll_into_view_if_needed()
            notebook.screenshot(view, pictures / f"{name}-narrow.png")
    notebook.run_code("get_ipython().run_line_magic('flare', 'down --yes')")
    assert [file.name for file in DOCS.glob("*.png") if file.stat().st_size > MOST_BYTES] == []


def test_screenshots_of_lab(
    chromium: Browser, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = FakeFederation("hospital-a", "hospital-b", "hospital-c")
    job = federation.add_job(f"5b0f7c1e-{REST_OF_ID}1", "readmission", age_s=170)
    federation.train(job, rounds=12, total=20)
    federation.add_job(f"9d2a4b60-{REST_OF_ID}2", "brats-segmentation", "SUBMITTED", age_s=40)
    for i, (name, status) in enumerate(ENDED):
        federation.add_job(f"{0xA0000000 + i * 7919:08x}-{REST_OF_ID}3", name, status, age_s=4000 * (i + 1))
    with federation.running(), taking_pictures(chromium, tmp_path, tmp_path_factory.mktemp("home")) as sidebar:
        page = sidebar.page
        expect(sidebar.root.get_by_text("No startup kit was found here.")).to_be_visible()
        sidebar.picture("lab-empty")
        federation.write_kit(tmp_path / "kits" / "ada")
        ended = federation.write_kit(tmp_path / "kits" / "old-study")
        expired = kits.authority().issue(kits.USER, begins=kits.NOW - 90 * kits.DAY, ends=kits.NOW - 3 * kits.DAY)
        (ended / "startup" / "client.crt").write_bytes(expired.pem)
        sidebar.button("Ask the server now").click()
        expect(sidebar.section("kits at hand").get_by_role("listitem")).to_have_count(2)
        sidebar.picture("lab-kits")

        sidebar.connect("ada")
        expect(sidebar.section("active jobs")).to_contain_text("round 13")
        sidebar.command("application:close-all")
        sidebar.section("active jobs").get_by_text("readmission").click()
        expect(sidebar.tab.locator("canvas").first).to_be_visible()
        sidebar.picture_of_page("lab-job")
        page.set_viewport_size({"width": 700, "height": 700})
        sidebar.picture_of_page("lab-job-narrow", themes=["JupyterLab Light"])
        page.set_viewport_size(LAB)

        federation.sites["hospital-c"] = time.time() - 400
        sidebar.command("application:close-all")
        sidebar.command("flare-widgets:open-layout")
        expect(sidebar.tab).to_have_count(2)
        expect(page.locator(".flw-system")).to_contain_text("silent for")
        sidebar.picture_of_page("lab")

        sidebar.lab.kill()
        expect(sidebar.notice).to_contain_text("The Jupyter server does not answer")
        sidebar.picture("lab-lost")
        monkeypatch.setenv("FLARE_WIDGETS_READ_ONLY", "1")
        sidebar.lab.start()
        sidebar.open().connect("ada")
        expect(sidebar.section("active jobs")).to_contain_text("round 13")
        sidebar.picture("lab-read-only")


class PicturedSidebar(FlareSidebar):
    """A sidebar that is taken pictures of."""

    def picture(self, name: str) -> None:
        """Take a picture of the sidebar alone."""
        self.page.set_viewport_size(SIDEBAR)
        self._take(self.root.locator("xpath=.."), name)
        self.page.set_viewport_size(LAB)

    def picture_of_page(self, name: str, themes: Collection[str] = tuple(THEMES)) -> None:
        """Take a picture of the page in each theme."""
        for theme in themes:
            self.command("apputils:change-theme", {"theme": theme})
            expect(self.page.locator(f"body[data-jp-theme-name='{theme}']")).to_be_attached()
            self.page.wait_for_selector("#jupyterlab-splash", state="detached")
            self._take(self.page, f"{name}{THEMES[theme]}")
        self.command("apputils:change-theme", {"theme": "JupyterLab Light"})

    def _take(self, part: Page | Locator, name: str) -> None:
        self.page.mouse.move(700, 690)
        file = DOCS / f"{name}.png"
        part.screenshot(path=file)
        assert file.stat().st_size < MOST_BYTES


@contextlib.contextmanager
def taking_pictures(chromium: Browser, root: Path, home: Path) -> Iterator[PicturedSidebar]:
    """Open the sidebar of a JupyterLab."""
    server = LabServer(root, home, ("browser", "server"))
    try:
        with tab(chromium, server) as (page, _):
            page.set_viewport_size(LAB)
            sidebar = PicturedSidebar(page, server)
            sidebar.open()
            yield sidebar
    finally:
        server.close()


def output(notebook: NotebookPage, index: int) -> Locator:
    return notebook.cell(index).locator(".jp-OutputArea")


def ask(notebook: NotebookPage) -> Locator:
    """Run the cell that asks; again if a busy page drew its view so late that the prompt of the kernel asked."""
    question = output(notebook, QUESTION).locator(".flw-confirm.flw-live")
    prompt = notebook.cell(QUESTION).locator(".jp-Stdin-input")
    for _ in range(3):
        notebook.run(QUESTION, wait=False)
        expect(question.or_(prompt)).to_be_visible(timeout=PATIENCE)
        if not prompt.is_visible():
            break
        prompt.fill("n")
        prompt.press("Enter")
        expect(prompt).to_have_count(0)
    return question


def take(notebook: NotebookPage, name: str, file: Path) -> None:
    index, sign, root = VIEWS[name]
    found = output(notebook, index)
    found.scroll_into_view_if_needed()
    if index == RUNNING:
        for part, wanted in {"Log": name == "job-log", "Metrics": name != "job-log"}.items():
            fold = JobPanel(found).live.get_by_role("button", name=part, exact=True)
            if fold.get_attribute("aria-expanded") != str(wanted).lower():
                fold.click()
                fold.blur()
    # Beside a live view stands its static form, which is not seen.
    expect(found.locator(sign).locator("visible=true").first).to_be_visible()
    notebook.page.mouse.move(2, 2)
    notebook.screenshot(found.locator(root).locator("visible=true").first, file)
