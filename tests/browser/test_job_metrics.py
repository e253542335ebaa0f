"""The metrics of a job in a real JupyterLab: the chart by mouse and keyboard, and what a saved notebook keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe import serious
from job_panel import JobPanel
from lab_page import NotebookPage, box_of, mime_types
from playwright.sync_api import Locator, expect

SETUP = """
from flare_widgets.monitoring.job.model import BestRound, KeyMetric, Point, Round, Series, Workflow
from flare_widgets.views.display import show_job
from scripted import ScriptedWatch
watch = ScriptedWatch()

def metric(name, rounds, first=0.4, sites=('', 'hospital-a', 'hospital-b')):
    return [Series(name, site, tuple(Point(n, first + n / 20 + i / 50) for n in range(rounds)))
            for i, site in enumerate(sites)]

def learn(rounds, best=None, extra=()):
    watch.say(round_metrics=(*metric('accuracy', rounds), *metric('loss', rounds, -0.1, ('', 'hospital-a')), *extra),
              rounds=tuple(Round(n, watch.snapshot.facts_at + n) for n in range(rounds)),
              workflows=(Workflow("", first_round=0, total_rounds=8),),
              key_metric=KeyMetric('accuracy'), best=None if best is None else BestRound(best, 0.4 + best / 20))
"""
SHOW = "view = show_job(watch)"


@pytest.fixture
def shown(bench: NotebookPage) -> NotebookPage:
    """A notebook whose second cell shows a running job without metrics."""
    bench.fill(SETUP, SHOW, "view")
    bench.run(0)
    bench.run(1)
    bench.run_code("watch.say('RUNNING')")
    return bench


@pytest.fixture
def panel(shown: NotebookPage) -> JobPanel:
    panel = JobPanel(shown.outputs(1))
    panel.expect_status("RUNNING")
    return panel


def chart(view: Locator, name: str) -> Locator:
    """The chart of a metric, with its legend and notes."""
    return view.locator(".flw-metric", has_text=name)


def legend(view: Locator, name: str = "accuracy") -> Locator:
    return chart(view, name).locator(".flw-legend-item")


def ink(plot: Locator) -> int:
    """Return the number of painted pixels of the canvas."""
    count: int = plot.locator("canvas").evaluate(
        """canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
             .filter((value, index) => index % 4 === 3 && value > 0).length"""
    )
    return count


def test_single_value_is_text_two_charted(shown: NotebookPage, panel: JobPanel) -> None:
    expect(panel.live.get_by_role("button", name="Metrics")).to_have_count(0)
    shown.run_code("learn(1)")
    expect(panel.live.locator(".flw-metric-text")).to_have_text(
        ["all sites (aggregate) 0.400, hospital-a 0.420, hospital-b 0.440 in round 1", re.compile("^all sites")]
    )
    expect(panel.live.locator("canvas")).to_have_count(0)
    shown.run_code("learn(2)")
    expect(panel.live.locator("canvas")).to_have_count(2)
    expect(legend(panel.live)).to_have_text(["all sites (aggregate) 0.450", "hospital-a 0.470", "hospital-b 0.490"])


def test_values_under_pointer(shown: NotebookPage, panel: JobPanel, pictures: Path | None) -> None:
    shown.run_code("learn(6, best=4)")
    plot = panel.live.get_by_role("slider", name="accuracy by round")
    expect(plot).to_be_visible()
    shown.page.wait_for_function("e => e.clientWidth > 300", arg=plot.element_handle())
    assert ink(plot) > 2000
    note = chart(panel.live, "accuracy").locator(".flw-chart-note")
    expect(note).to_have_text("◯ best: round 5, 0.600")
    over = plot.locator(".u-over")
    box = box_of(over)
    height = box_of(panel.live)["height"]
    shown.page.mouse.move(box["x"] + 0.41 * box["width"], box["y"] + box["height"] / 2)
    expect(legend(panel.live)).to_have_text(["all sites (aggregate) 0.500", "hospital-a 0.520", "hospital-b 0.540"])
    expect(note).to_have_text("round 3 · ◯ best: round 5, 0.600")
    shown.screenshot(shown.cell(1), pictures and pictures / "metrics-hover.png")
    assert box_of(panel.live)["height"] == height
    panel.live.get_by_role("button", name="Metrics").hover()
    expect(legend(panel.live).first).to_have_text("all sites (aggregate) 0.650")


def test_keyboard_reads_chart(shown: NotebookPage, panel: JobPanel) -> None:
    shown.run_code("learn(6, best=4)")
    plot = panel.live.get_by_role("slider", name="accuracy by round")
    plot.focus()
    shown.page.keyboard.press("Home")
    expect(plot).to_have_attribute(
        "aria-valuetext", re.compile(r"^round 1, all sites \(aggregate\) 0\.400, hospital-a 0\.420")
    )
    shown.page.keyboard.press("ArrowRight")
    expect(legend(panel.live).first).to_have_text("all sites (aggregate) 0.450")
    # The focus and the place stay where they are when news comes.
    shown.run_code("learn(7, best=4)")
    expect(plot).to_have_attribute("aria-valuemax", "7")
    expect(plot).to_be_focused()
    expect(legend(panel.live).first).to_have_text("all sites (aggregate) 0.450")
    shown.page.keyboard.press("Escape")
    expect(legend(panel.live).first).to_have_text("all sites (aggregate) 0.700")


def test_lines_scale_and_fold_are_remembered(shown: NotebookPage, panel: JobPanel, pictures: Path | None) -> None:
    shown.run_code("learn(6)")
    expect(legend(panel.live, "loss")).to_have_text(["all sites (aggregate) 0.150", "hospital-a 0.170"])
    places = [box_of(panel.live.get_by_role("slider", name=f"{name} by round")) for name in ("accuracy", "loss")]
    assert places[0]["y"] == places[1]["y"], "the charts are not side by side"
    line = legend(panel.live, "loss").get_by_role("button", name="hospital-a")
    line.focus()
    shown.page.keyboard.press("Space")
    expect(line).to_have_attribute("aria-pressed", "false")
    expect(line).to_be_focused()
    expect(legend(panel.live).get_by_role("button", name="hospital-a")).to_have_attribute("aria-pressed", "false")
    box = panel.live.get_by_role("checkbox", name="logarithmic scale")
    box.focus()
    shown.page.keyboard.press("Space")
    expect(chart(panel.live, "loss").locator(".flw-chart-note")).to_have_text(
        re.compile(r"^\d values? (is|are) not above 0")
    )
    shown.screenshot(shown.cell(1), pictures and pictures / "metrics-log.png")
    # A second view of the same job begins as the user left the first.
    shown.run(2)
    other = JobPanel(shown.outputs(2)).live
    expect(legend(other, "loss").get_by_role("button", name="hospital-a")).to_have_attribute("aria-pressed", "false")
    expect(other.get_by_role("checkbox", name="logarithmic scale")).to_be_checked()

    heading = panel.live.get_by_role("button", name="Metrics")
    heading.focus()
    shown.page.keyboard.press("Enter")
    expect(panel.live.locator("canvas")).to_have_count(0)
    shown.run_code("learn(7)")
    expect(panel.live.locator("canvas")).to_have_count(0)
    shown.page.keyboard.press("Enter")
    expect(panel.live.get_by_role("slider", name="loss by round")).to_have_attribute("aria-valuemax", "7")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [1280, 620])
def test_fits_and_stays_in_saved_notebook(
    shown: NotebookPage, panel: JobPanel, pictures: Path | None, theme: str, width: int
) -> None:
    shown.page.set_viewport_size({"width": width, "height": 900})
    shown.theme(f"JupyterLab {theme}")
    try:
        shown.run_code("learn(6, best=4, extra=metric('<img src=x onerror=alert(1)>', 3))")
        expect(panel.live.locator("canvas").last).to_be_visible()
        shown.screenshot(shown.cell(1), pictures and pictures / f"metrics-{theme}-{width}-live.png")
        assert panel.live.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert serious(panel.live) == []
        shown.run_code("watch.say('FINISHED:COMPLETED', duration=61.5)")
        panel.expect_live("FINISHED:COMPLETED")
        expect(panel.live.locator("canvas").first).to_be_visible()
        shown.run_code("view.make_static()")
        panel.expect_static("FINISHED:COMPLETED")
        svg = panel.static.locator(".flw-chart svg[role=img]").first
        expect(svg).to_be_visible()
        expect(legend(panel.static).first).to_have_text("all sites (aggregate) 0.650")
        expect(panel.static.locator(".flw-chart-note").first).to_have_text("◯ best: round 5, 0.600")
        assert panel.static.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert serious(panel.static) == []
        label = svg.locator("text").first.bounding_box()
        assert label is not None
        assert label["height"] > 8
        panel.static.get_by_text("accuracy as a table").click()
        expect(panel.static.locator(".flw-values").first).to_contain_text("0.650")
        expect(panel.static.locator("figcaption").last).to_have_text("<img src=x onerror=alert(1)> by round")
        shown.screenshot(shown.cell(1), pictures and pictures / f"metrics-{theme}-{width}-static.png")
        assert mime_types(shown.save(), 1) == [["text/html", "text/plain"]] * 2
    finally:
        shown.theme("JupyterLab Light")
