"""The view of a result in a real JupyterLab: to be read, copied, saved and downloaded from."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe import serious
from contrast import contrasts
from lab_page import NotebookPage
from layout import wait_until_it_fits
from playwright.sync_api import Locator, expect

OPEN = "from scripted_results import HOSTILE, open_result\nresult, downloads = open_result({extra})\nresult.show()"
WIDTHS = (1400, 700)


def shown(bench: NotebookPage, extra: str = "") -> Locator:
    bench.fill(OPEN.format(extra=extra))
    bench.run(0)
    view = bench.outputs(0).locator(".flw-results.flw-live")
    expect(view).to_be_visible()
    return view


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_result_is_readable_in_each_theme_and_width(bench: NotebookPage, theme: str, pictures: Path | None) -> None:
    bench.theme(theme)
    try:
        view = shown(bench)
        bench.hide_left_area()
        view.get_by_role("button", name="Files", exact=False).click()
        for width in WIDTHS:
            bench.page.set_viewport_size({"width": width, "height": 1900})
            wait_until_it_fits(view)
            assert serious(view) == []
            assert not {text: ratio for text, ratio in contrasts(view).items() if ratio < 4.5}
            bench.screenshot(view, pictures and pictures / f"result-{theme.split()[-1].lower()}-{width}.png")
    finally:
        bench.theme("JupyterLab Light")


def test_line_of_model_is_copied(bench: NotebookPage) -> None:
    view = shown(bench)
    view.get_by_role("button", name="copy the line that loads it: numpy.load").click()
    expect(view.get_by_role("status")).to_have_text("copied")
    copied = bench.page.evaluate("() => navigator.clipboard.readText()")
    assert copied == view.locator(".flw-load").first.inner_text()
    assert copied.startswith("numpy.load(")
    assert "best_model.npy" in copied


def test_evaluation_has_tab_for_each_metric(bench: NotebookPage) -> None:
    view = shown(bench)
    tabs = view.get_by_role("tablist", name="metrics")
    expect(tabs.get_by_role("tab")).to_have_text(["accuracy (higher is better)", "loss (lower is better)"])
    table = view.get_by_role("tabpanel").first.get_by_role("table")
    best = table.locator("td.flw-best-value").first.inner_text()
    tabs.get_by_role("tab").first.press("ArrowRight")
    expect(tabs.get_by_role("tab").nth(1)).to_be_focused()
    expect(tabs.get_by_role("tab", selected=True)).to_have_text("loss (lower is better)")
    assert table.locator("td.flw-best-value").first.inner_text() != best
    colours = set(table.locator("td").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)"))
    assert len(colours) > 3


def test_chart_is_smoothed_and_saved(bench: NotebookPage, tmp_path: Path) -> None:
    view = shown(bench)
    chart = view.locator(".flw-metric").filter(has_text="train_loss")
    last = chart.locator(".flw-legend-value").first
    before = last.inner_text()
    view.get_by_label("smoothing").select_option("strong")
    expect(last).not_to_have_text(before)
    with bench.page.expect_download() as saved:
        chart.get_by_role("button", name="CSV").click()
    saved.value.save_as(tmp_path / "chart.csv")
    rows = [line.split(",") for line in (tmp_path / "chart.csv").read_text().splitlines()]
    assert rows[0] == ["step", "hospital-a", "hospital-b", "hospital-c"]
    assert len(rows) == 201
    assert f"{float(rows[-1][1]):.3f}" == before
    with bench.page.expect_download() as saved:
        chart.get_by_role("button", name="PNG").click()
    assert saved.value.suggested_filename == "train_loss-by-step.png"
    saved.value.save_as(tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "chart.png").stat().st_size > 3000


def test_file_on_server_comes_when_asked_for(bench: NotebookPage, pictures: Path | None) -> None:
    view = shown(bench)
    model = view.get_by_role("listitem").filter(has_text="models/FL_global_model.pt")
    expect(model).to_contain_text("still on the server")
    model.get_by_role("button", name="Download").click()
    expect(model.get_by_role("button", name="Cancel")).to_be_visible()
    expect(model).to_contain_text("received 50.0 MB")
    bench.screenshot(view, pictures and pictures / "result-downloading.png")
    bench.run_code("downloads.go_on.set()")
    expect(model).to_contain_text("torch.load(")
    expect(model.get_by_role("button", name="Download")).to_have_count(0)
    bench.run_code("assert not result.missing")


def test_folders_open_and_json_unfolds(bench: NotebookPage) -> None:
    view = shown(bench)
    view.get_by_role("button", name="Files").click()
    view.get_by_role("button", name="notes/").click()
    view.get_by_role("button", name="thresholds.json").click()
    expect(view.locator(".flw-unfolded")).to_contain_text('"threshold": 0.35')


def test_hostile_result_stays_text(bench: NotebookPage) -> None:
    bench.page.evaluate("() => { window.pwned = 0 }")
    view = shown(bench, "HOSTILE")
    view.get_by_role("button", name="Files").click()
    expect(view.locator("img, script, iframe")).to_have_count(0)
    expect(view).to_contain_text("<img src=x onerror=window.pwned++>")
    # Tables scroll in their place; the view itself does not.
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth + 1")
    assert "\u202e" not in view.inner_text()
    assert bench.page.evaluate("() => window.pwned") == 0


JOB = """
from flare_widgets.views.display import show_job
from scripted import ScriptedWatch
from scripted_results import ScriptedFiles, list_results
watch, session = ScriptedWatch(), ScriptedFiles()
view = show_job(watch, session, folder="results")
"""


def test_ended_job_has_its_result(bench: NotebookPage, pictures: Path | None) -> None:
    bench.fill(JOB)
    bench.run(0)
    view = bench.outputs(0).locator(".flw-job.flw-live")
    expect(view).to_be_visible()
    section = view.get_by_role("button", name="Result (")
    expect(section).to_be_hidden()
    bench.run_code("watch.say('RUNNING'); watch.say('FINISHED:COMPLETED', recorded=list_results())")
    expect(section).to_have_text("▸Result (1 model, 3 files, 5.0 MB)")
    section.click()
    view.get_by_role("button", name="models/").click()
    expect(view.get_by_role("img", name="age, all sites: 0 to 100")).to_be_visible()
    file = view.locator(".flw-file").filter(has_text="server.npy")
    file.get_by_role("button", name="Download").click()
    # The model's own button says the same.
    words = "downloaded to results/hello-numpy-76b8d043-parts/workspace/models/server.npy"
    expect(view.locator(".flw-action-line").filter(has_text=words)).to_have_count(2)
    bench.run_code("assert 'file workspace/models/server.npy' in session.asked")
    wait_until_it_fits(view)
    assert serious(view) == []
    bench.screenshot(view, pictures and pictures / "result-of-job.png")
