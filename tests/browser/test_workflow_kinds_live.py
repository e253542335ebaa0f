"""Live views of five kinds of workflows, each of a real job, from its submission to the static form.

The jobs share a federation and a notebook. All that the views showed is recorded in the browser, as it changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from job_panel import JobPanel
from lab_page import NotebookPage
from lab_server import LabServer
from playwright.sync_api import Locator, Page, ViewportSize, expect
from workflow_jobs import JOBS

from flare_widgets.api import connect
from flare_widgets.federation import LocalFederation

NAMES = ["two-scatter-and-gather", "train-then-cross-site", "swarm", "named-steps", "statistics"]
AT_A_TIME = 3
JOB_PATIENCE_MS = 150_000
# All views are in sight: JupyterLab does not draw cells that are not.
VIEWPORT: ViewportSize = {"width": 1280, "height": 2600}
PACKING = "packing up the results"
TRAINING = re.compile(r"training, round [123]")

RECORD = """() => {
  window.flwHistory = {};
  const texts = (job, selector) => [...job.querySelectorAll(selector)].map(e => e.textContent);
  const record = () => {
    for (const job of document.querySelectorAll('.flw-job.flw-live')) {
      const shown = {
        status: job.querySelector('.flw-word').textContent,
        headline: job.querySelector('.flw-round')?.textContent ?? '',
        columns: texts(job, '.flw-column'),
        sites: Object.fromEntries(texts(job, '.flw-matrix tbody th').map((site, index) =>
          [site, texts(job, '.flw-now')[index]])),
        footnotes: texts(job, '.flw-footnotes li'),
      };
      const history = window.flwHistory[job.querySelector('.flw-name').textContent] ??= [];
      if (JSON.stringify(history.at(-1)) !== JSON.stringify(shown)) history.push(shown);
    }
  };
  new MutationObserver(record).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


class Shown:
    """A view, as it was drawn at all times.

    Parameters
    ----------
    history
        Its states.
    static
        Its static form.
    """

    def __init__(self, history: list[dict[str, Any]], static: Locator) -> None:
        self.running = [state for state in history if state["status"] == "RUNNING"]
        self.static = static

    @property
    def headlines(self) -> list[str]:
        """The descriptions of the progress while the job ran, in order."""
        return [headline for headline, _ in groupby(state["headline"] for state in self.running) if headline]

    @property
    def site_texts(self) -> set[str]:
        """The descriptions of the sites' work while a workflow ran, without their duration."""
        working = [state for state in self.running if state["headline"] != PACKING]
        return {re.sub(r" for (\d+ s|\d+:\d\d)$", "", text) for state in working for text in state["sites"].values()}

    @property
    def footnotes(self) -> set[str]:
        """The sentences about what FLARE does not tell, while the job ran."""
        return {sentence for state in self.running for sentence in state["footnotes"]}

    def texts(self, selector: str) -> list[str]:
        """Texts of elements of the static form."""
        return [text or "" for text in self.static.locator(selector).all_text_contents()]


@pytest.fixture(scope="module")
def federation() -> Iterator[LocalFederation]:
    with LocalFederation(2) as federation:
        yield federation


@pytest.fixture(scope="module")
def views(
    shared_tab: tuple[Page, list[str]],
    lab: LabServer,
    federation: LocalFederation,
    tmp_path_factory: pytest.TempPathFactory,
    pictures: Path | None,
) -> Iterator[dict[str, Shown]]:
    """The views of the jobs, by the name of the job, when all have ended."""
    page, complaints = shared_tab
    before = page.viewport_size
    page.set_viewport_size(VIEWPORT)
    folders = [JOBS[name](tmp_path_factory.mktemp(name)) for name in NAMES]
    notebook = NotebookPage(page, lab).create(
        f"%load_ext flare_widgets\nsession = %flare connect '{federation.admin_kit}'",
        *(f"job = %flare submit '{folder}'\n%flare monitor {{job}}" for folder in folders),
        "for view in [view for view in Out.values() if hasattr(view, 'make_static')]:\n    view.make_static()",
    )
    page.evaluate(RECORD)
    notebook.run(0)
    panels = [JobPanel(notebook.outputs(1 + index)) for index in range(len(NAMES))]
    for index, panel in enumerate(panels):
        if index >= AT_A_TIME:
            expect(panels[index - AT_A_TIME].status).to_contain_text("FINISHED:", timeout=JOB_PATIENCE_MS)
        notebook.run(1 + index)
        expect(panel.live).to_be_visible()
    for panel in panels:
        expect(panel.status).to_have_text("FINISHED:COMPLETED", timeout=JOB_PATIENCE_MS)
    history = page.evaluate("() => window.flwHistory")
    notebook.run(1 + len(NAMES))
    for name, panel in zip(NAMES, panels, strict=True):
        panel.expect_static("FINISHED:COMPLETED")
        notebook.screenshot(panel.static, pictures and pictures / f"{name}.png")
    yield {name: Shown(history[name], panel.static) for name, panel in zip(NAMES, panels, strict=True)}
    notebook.close()
    page.set_viewport_size(before or VIEWPORT)
    found, complaints[:] = list(complaints), []
    assert found == []


def assert_in_order(seen: list[str], possible: list[str]) -> None:
    """Assert that texts were seen in the order of the possible ones, each once at most."""
    assert [text for text in possible if text in seen] == seen


def test_swarm_works_on_its_own(views: dict[str, Shown]) -> None:
    shown = views["swarm"]
    own = "the sites work on their own (swarm)"
    assert_in_order(shown.headlines, [own, *(f"round {n} of 3" for n in (1, 2, 3)), PACKING])
    assert own in shown.headlines
    # The server hears of the rounds every two seconds, so of a short one perhaps nothing.
    assert any(headline.startswith("round ") for headline in shown.headlines)
    assert "works on its own (swarm)" in shown.site_texts
    training = {text for text in shown.site_texts if TRAINING.fullmatch(text)}
    assert training
    assert shown.site_texts <= training | {"works on its own (swarm)"}
    notes = shown.texts(".flw-footnotes li")
    assert set(notes) == shown.footnotes
    assert notes[0].startswith("FLARE does not send the sites' metrics and models to the server in a swarm")
    assert shown.texts(".flw-round") == ["3 of 3 rounds"]
    assert shown.texts(".flw-column")[-1] == "round 3"
    assert shown.texts(".flw-chart") == []


def test_statistics_come_with_the_result(views: dict[str, Shown]) -> None:
    shown = views["statistics"]
    assert_in_order(shown.headlines, ["preparing statistics", "computing statistics", PACKING])
    assert "computing statistics" in shown.headlines
    assert shown.footnotes == {"FLARE does not tell which feature is computed; the statistics come with the result"}
    assert shown.texts(".flw-footnotes") == []
    assert shown.texts(".flw-column") == ["fed_stats_pre_run", "fed_stats", "fed_stats 2"]
    assert shown.texts(".flw-values caption") == ["Statistics of all sites"]
    # The ages 20, 30, 40, 50 at site-1, and 30, 40, 70 at site-2.
    assert shown.texts(".flw-values tbody tr > *") == ["age", "7", "280", "40", "16.330"]
    assert "the histograms and the statistics of each site are in the result only" in shown.texts(".flw-more")


def test_evaluation_follows_training(views: dict[str, Shown], federation: LocalFederation, tmp_path: Path) -> None:
    shown = views["train-then-cross-site"]
    training, evaluating = "ScatterAndGather, workflow 1 of 2", "CrossSiteModelEval, workflow 2 of 2"
    rounds = [f"{training}, round {n} of 2" for n in (1, 2)]
    steps = [f"{evaluating}, sending local model", f"{evaluating}, validating"]
    assert_in_order(shown.headlines, [training, *rounds, evaluating, *steps, PACKING])
    assert set(rounds) & set(shown.headlines)
    assert steps[1] in shown.headlines
    assert {"validating", "done"} & shown.site_texts
    assert shown.footnotes == {"FLARE writes the values of the evaluation to the result only: they come at the end"}
    assert shown.texts(".flw-footnotes") == []
    steps = ["submit_model", "validate", "validate 2", "validate 3"]
    assert shown.texts(".flw-column") == ["round 1", "round 2", *steps]
    assert shown.texts(".flw-workflows th") == ["workflow", "1: ScatterAndGather", "2: CrossSiteModelEval"]
    with connect(federation.admin_kit) as session:
        (job,) = session.list_jobs(name_prefix="train-then-cross-site")
        result = Path(session.download_job_result(job["job_id"], str(tmp_path)))
    (written,) = result.rglob("cross_val_results.json")
    truth = json.loads(written.read_text())
    rows = shown.static.locator(".flw-values tbody tr").all()
    drawn = {
        row.locator("th").inner_text(): [c.partition(" (")[0] for c in row.locator("td").all_text_contents()]
        for row in rows
    }
    assert list(drawn) == ["SRV_server", "site-1", "site-2"]
    for model, (*of_sites, mean) in drawn.items():
        values = [next(iter(truth[site][model].values())) for site in ("site-1", "site-2")]
        assert of_sites == [f"{value:.3f}" for value in values]
        assert float(mean) == pytest.approx(sum(values) / 2, abs=0.001)


def test_two_workflows_have_metrics_of_their_own(views: dict[str, Shown]) -> None:
    shown = views["two-scatter-and-gather"]
    first, second = "ScatterAndGather, workflow 1 of 2", "ScatterAndGather, workflow 2 of 2"
    rounds = [f"{second}, round {n} of 3" for n in (1, 2, 3)]
    assert_in_order(shown.headlines, [first, *(f"{first}, round {n} of 2" for n in (1, 2)), second, *rounds, PACKING])
    assert set(rounds) & set(shown.headlines)
    assert {"training, round 1", "training, round 2"} & shown.site_texts
    assert shown.texts(".flw-round") == ["5 of 5 rounds in 2 workflows"]
    assert shown.texts(".flw-column") == [f"round {n}" for n in (1, 2, 1, 2, 3)]
    # Of the accuracies that site N reports: 0.5 + 0.1 * round + 0.02 * N, rounds counted from 0.
    words = shown.texts(".flw-metric-text")
    assert words == [
        "accuracy (workflow 2): all sites (aggregate) 0.730, site-1 0.720, site-2 0.740 in round 3; "
        "best in round 3: 0.730",
        "accuracy (workflow 1): all sites (aggregate) 0.630, site-1 0.620, site-2 0.640 in round 2",
    ]
    assert shown.texts("figcaption") == ["accuracy (workflow 2) by round"]
    assert shown.texts(".flw-event-text") == [
        f"workflow: workflow ScatterAndGather ({name}) started" for name in ("pretrain", "finetune")
    ]
    expect(shown.static.locator(".flw-events")).to_be_hidden()


def test_steps_of_own_controller_have_their_names(views: dict[str, Shown]) -> None:
    shown = views["named-steps"]
    steps = ["local_sums", "local_regression", "residuals", "report"]
    assert_in_order(shown.headlines, [*steps, PACKING])
    assert len(shown.headlines) > 2
    assert shown.site_texts <= {*steps, "done", "waiting", "waiting for site-1", "waiting for site-2"}
    assert shown.site_texts & set(steps)
    for state in shown.running:
        assert state["columns"] == steps[: len(state["columns"])]
    assert shown.texts(".flw-column") == steps
    assert shown.texts(".flw-round") == [f"steps: {', '.join(steps)}"]
    assert shown.texts(".flw-matrix tbody .flw-cell") == ["■"] * 8
    assert shown.texts(".flw-footnotes, .flw-note-missing") == []


@pytest.mark.parametrize("name", NAMES)
def test_job_that_packs_up_says_so(views: dict[str, Shown], name: str) -> None:
    assert views[name].headlines[-1] == PACKING
