"""The charts of the job view in a real JupyterLab: the theme changes under them, two displays, numbers without end."""

from __future__ import annotations

from pathlib import Path

import pytest
from job_panel import JobPanel
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect

SETUP = """
from flare_widgets.monitoring.job.model import Point, Round, Series, Workflow
from flare_widgets.views.display import show_job
from scripted import ScriptedWatch
watch = ScriptedWatch()

def learn(**metrics):
    most = max(map(len, metrics.values()))
    watch.say(round_metrics=tuple(Series(name, '', tuple(Point(n, value) for n, value in enumerate(values)))
                            for name, values in metrics.items()),
              rounds=tuple(Round(n, watch.snapshot.facts_at + n) for n in range(most)),
              workflows=(Workflow("", first_round=0),))
"""

# The colours of what is painted and not transparent.
COLOURS = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const found = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) found.add(data.slice(i, i + 3).join());
  return [...found];
}"""

# From where to where the line reaches, in shares of the canvas' height. The words at the axis do not have its colour.
REACH = """(canvas, colour) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const rows = [];
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] === 255 && data.slice(i, i + 3).join() === colour) rows.push(Math.floor(i / 4 / canvas.width));
  return rows.length ? (Math.max(...new Set(rows)) - Math.min(...new Set(rows))) / canvas.height : 0;
}"""


@pytest.fixture
def shown(bench: NotebookPage) -> NotebookPage:
    """A notebook with two displays of a running job."""
    bench.fill(SETUP, "view = show_job(watch)", "view")
    for index in range(3):
        bench.run(index)
    bench.run_code("watch.say('RUNNING')")
    return bench


def plot(shown: NotebookPage, cell: int, name: str) -> Locator:
    return JobPanel(shown.outputs(cell)).live.get_by_role("slider", name=f"{name} by round")


def line_colour(chart: Locator) -> str:
    """The colour that the legend says the first line has."""
    swatch = chart.locator("xpath=..").locator(".flw-swatch").first
    colour: str = swatch.evaluate("e => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).join()")
    return colour


def test_is_painted_again_when_theme_changes(shown: NotebookPage, pictures: Path | None) -> None:
    shown.run_code("learn(accuracy=[0.4, 0.5, 0.6])")
    chart = plot(shown, 1, "accuracy")
    expect(chart).to_be_visible()
    light = line_colour(chart)
    assert light in chart.locator("canvas").evaluate(COLOURS)
    shown.theme("JupyterLab Dark")
    try:
        dark = line_colour(chart)
        assert dark != light
        painted = "([chart, wanted]) => (" + COLOURS + ")(chart.querySelector('canvas')).includes(wanted)"
        shown.page.wait_for_function(painted, arg=[chart.element_handle(), dark])
        assert light not in chart.locator("canvas").evaluate(COLOURS)
        shown.screenshot(shown.cell(1), pictures and pictures / "charts-turned-dark.png")
    finally:
        shown.theme("JupyterLab Light")


def test_two_displays_are_read_apart(shown: NotebookPage) -> None:
    shown.run_code("learn(accuracy=[0.4, 0.5, 0.6])")
    first, second = plot(shown, 1, "accuracy"), plot(shown, 2, "accuracy")
    first.focus()
    shown.page.keyboard.press("Home")
    expect(first).to_have_attribute("aria-valuetext", "round 1, all sites (aggregate) 0.400")
    expect(second).to_have_attribute("aria-valuetext", "round 3, all sites (aggregate) 0.600")
    second.focus()
    expect(first).to_have_attribute("aria-valuetext", "round 3, all sites (aggregate) 0.600")


@pytest.mark.parametrize(
    ("values", "last"),
    [
        ([-1e308, 1e308], "1e+308"),
        ([1e-300, 3e-300], "3e-300"),
        ([1.7e308, 1.7976931348623157e308], "1.8e+308"),
        ([1.0, 1.0000000000000004], "1.000"),
    ],
)
def test_extreme_values_are_drawn_as_lines(
    shown: NotebookPage, pictures: Path | None, values: list[float], last: str
) -> None:
    shown.run_code(f"learn(loss={values})")
    chart = plot(shown, 1, "loss")
    expect(chart).to_have_attribute("aria-valuetext", f"round 2, all sites (aggregate) {last}")
    reach = "([chart, colour]) => (" + REACH + ")(chart.querySelector('canvas'), colour) > 0.6"
    shown.page.wait_for_function(reach, arg=[chart.element_handle(), line_colour(chart)])
    shown.screenshot(shown.cell(1), pictures and pictures / f"charts-{last}.png")


def test_value_without_place_is_told_all_same(shown: NotebookPage, pictures: Path | None) -> None:
    shown.run_code("learn(loss=[10.0, 0.0, 0.1, 0.01])")
    panel = JobPanel(shown.outputs(1)).live
    panel.get_by_role("checkbox", name="logarithmic scale").check()
    expect(panel.locator(".flw-chart-note")).to_have_text(
        "1 value is not above 0: a logarithmic scale has no place for it"
    )
    chart = plot(shown, 1, "loss")
    shown.screenshot(shown.cell(1), pictures and pictures / "charts-gap.png")
    chart.focus()
    shown.page.keyboard.press("Home")
    shown.page.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuetext", "round 2, all sites (aggregate) 0.000")


def test_shrinks_with_cell(shown: NotebookPage, pictures: Path | None) -> None:
    shown.run_code("learn(accuracy=[0.4, 0.5, 0.6, 0.55, 0.7, 0.72])")
    chart = plot(shown, 1, "accuracy")
    chart.evaluate("e => e.closest('.flw-live').style.width = '300px'")
    fits = "chart => chart.querySelector('canvas').getBoundingClientRect().width <= chart.clientWidth"
    shown.page.wait_for_function(fits, arg=chart.element_handle())
    panel = JobPanel(shown.outputs(1)).live
    assert panel.evaluate("e => e.scrollWidth <= e.clientWidth")
    shown.screenshot(panel, pictures and pictures / "charts-300.png")
