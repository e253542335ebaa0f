"""The table of jobs in a real JupyterLab, by mouse and keyboard, with jobs that do what the test says."""

from __future__ import annotations

import contextlib
import re

import pytest
from axe import serious
from contrast import contrasts
from jobs_panel import JobsPanel
from lab_page import NotebookPage, box_of
from playwright.sync_api import expect

SETUP = (
    "from flare_widgets.views.jobs.view import JobsView\nfrom scripted_jobs import ScriptedMonitor\n"
    "monitor = ScriptedMonitor({count})"
)
SHOW = "view = JobsView(monitor, monitor.open_job, monitor.compare)\nview.show()"


def open_table(bench: NotebookPage, count: int = 12) -> JobsPanel:
    bench.fill(SETUP.format(count=count), SHOW)
    bench.run(0)
    bench.run(1)
    panel = JobsPanel(bench.outputs(1))
    expect(panel.rows.first).to_be_visible()
    return panel


def eventually(bench: NotebookPage, condition: str) -> None:
    """Wait until something is true in the kernel, without keeping it busy."""
    for _ in range(100):
        bench.run_code(f"_held = bool({condition})")
        with contextlib.suppress(AssertionError):
            return bench.run_code("assert _held")
        bench.page.wait_for_timeout(50)
    raise AssertionError(condition)


@pytest.fixture
def table(bench: NotebookPage) -> JobsPanel:
    return open_table(bench)


def test_what_it_says(bench, table, pictures):
    expect(table.counts).to_have_text("12 jobs, 2 running, 1 waiting, 2 failed")
    first = table.row(1)
    expect(first).to_contain_text("hello-numpy")
    expect(first).to_contain_text(re.compile(r"waiting 4\d s"))
    expect(table.row(2)).to_contain_text(re.compile(r"round 4/10, 30 min"))
    expect(table.row(4)).to_contain_text("aborted")
    expect(table.grid).to_have_attribute("aria-rowcount", "13")
    assert "Europe" in first.locator("time").get_attribute("title") or "CET" in first.locator("time").get_attribute(
        "title"
    )
    bench.screenshot(bench.cell(1), pictures and pictures / "jobs-light.png")
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        bench.theme(theme)
        poor = {text: ratio for text, ratio in contrasts(table.root).items() if ratio < 4.5}
        bench.screenshot(bench.cell(1), pictures and pictures / f"jobs-{theme[-5:].strip().lower()}.png")
        assert not poor
    bench.theme("JupyterLab Light")


def test_every_row_readable_under_mouse(bench, table):
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        bench.theme(theme)
        for row in table.rows.all():
            row.hover()
            assert not {text: ratio for text, ratio in contrasts(row).items() if ratio < 4.5}
    table.row(1).click()
    table.row(1).hover()
    assert not {text: ratio for text, ratio in contrasts(table.row(1)).items() if ratio < 4.5}


def test_sorts_by_headings(table):
    assert table.names()[:3] == ["hello-numpy", "cifar10-fedavg", "brats-segmentation"]
    heading = table.grid.get_by_role("columnheader", name="name")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert (
        table.names() == ["brats-segmentation"] * 3 + ["cifar10-fedavg"] * 3 + ["hello-numpy"] * 3 + ["statistics"] * 3
    )
    heading.get_by_role("button").press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert table.names()[0] == "statistics"


def test_filter_matches_and_reports_unknown_terms(table):
    table.search.fill("running name:brats")
    expect(table.counts).to_have_text("1 of 12 jobs, 2 running, 1 waiting, 2 failed")
    assert table.names() == ["brats-segmentation"]
    table.search.fill("by:lead after:nonsense")
    expect(table.root.locator(".flw-problems")).to_contain_text("after:nonsense is not a valid time")
    expect(table.rows).to_have_count(4)
    height = table.grid.bounding_box()["height"]
    table.search.fill("nobody has this")
    expect(table.root.locator(".flw-nothing")).to_have_text("No jobs match the filter.")
    assert table.grid.bounding_box()["height"] == height
    table.search.fill("")
    table.root.get_by_label("status", exact=True).select_option("failed")
    expect(table.rows).to_have_count(2)


def test_is_worked_by_keyboard_alone(bench, table):
    table.search.focus()
    bench.page.keyboard.press("ArrowDown")
    expect(table.grid).to_be_focused()
    expect(table.marked).to_have_text("for hello-numpy")
    bench.page.keyboard.press("ArrowDown")
    bench.page.keyboard.press("Shift+ArrowDown")
    bench.page.keyboard.press("Shift+ArrowDown")
    expect(table.marked).to_have_text("3 selected")
    bench.page.keyboard.press("End")
    active = table.grid.get_attribute("aria-activedescendant")
    expect(bench.page.locator(f"#{active}")).to_have_attribute("aria-rowindex", "13")
    bench.page.keyboard.press("Space")
    expect(table.marked).to_have_text("4 selected")
    bench.page.keyboard.press("Escape")
    expect(table.marked).to_have_text("for statistics")
    bench.page.keyboard.press("Control+a")
    expect(table.marked).to_have_text("12 selected")
    # The notebook has shortcuts for all of these keys: it must not have taken any.
    assert bench.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length") == 2


def test_selects_by_mouse(table):
    table.row(2).locator(".flw-col-status").click()
    table.row(4).locator(".flw-col-status").click(modifiers=["Shift"])
    assert table.selected() == 3
    table.row(3).locator(".flw-col-status").click(modifiers=["Control"])
    assert table.selected() == 2
    table.row(8).get_by_role("checkbox").click()
    assert table.selected() == 3
    table.grid.get_by_label("select all jobs shown").click()
    assert table.selected() == 12
    table.grid.get_by_label("select all jobs shown").click()
    assert table.selected() == 0


def test_opens_job_below_and_closes_it(bench, table, pictures):
    table.row(2).locator(".flw-job-name").click()
    job = table.below.locator(".flw-job")
    expect(job).to_be_visible()
    expect(job).to_contain_text("cifar10-fedavg")
    bench.screenshot(bench.cell(1), pictures and pictures / "jobs-opened.png")
    table.row(3).locator(".flw-col-status").click()
    bench.page.keyboard.press("Enter")
    expect(job).to_contain_text("brats-segmentation")
    expect(job).to_have_count(1)
    table.below.get_by_role("button", name="Close", exact=True).click()
    expect(job).to_have_count(0)


def test_abort_asks_and_names_job(bench, table, pictures):
    table.row(3).locator(".flw-col-status").click()
    table.button("abort").click()
    expect(table.confirm).to_contain_text("Abort this job: brats-segmentation")
    bench.screenshot(bench.cell(1), pictures and pictures / "jobs-confirm.png")
    bench.page.keyboard.press("Escape")
    bench.run_code("assert monitor.done_to == []")
    table.button("abort").click()
    # Whatever is selected meanwhile, the question is about the job that it names.
    table.row(2).locator(".flw-col-status").click()
    expect(table.confirm).to_contain_text("brats-segmentation")
    table.confirm.get_by_role("button", name="Abort job").click()
    expect(table.row(3)).to_contain_text("aborted")
    bench.run_code("assert [(what, job[:3]) for what, job in monitor.done_to] == [('abort', 'a00')], monitor.done_to")
    expect(table.root.locator(".flw-action-line").filter(has_text="abort requested for brats")).to_be_visible()


def test_deletes_several_with_one_question(bench, table):
    table.row(5).locator(".flw-col-status").click()
    table.row(7).locator(".flw-col-status").click(modifiers=["Shift"])
    bench.page.keyboard.press("Delete")
    expect(table.confirm).to_contain_text("Delete these 3 jobs and all results from the server: hello-numpy")
    bench.page.keyboard.press("Enter")  # on the harmless answer
    expect(table.confirm).to_be_hidden()
    bench.run_code("assert monitor.done_to == []")
    table.button("delete").click()
    table.confirm.get_by_role("button", name="Delete 3 jobs").click()
    expect(table.counts).to_have_text(re.compile(r"^9 jobs"))


def test_says_why_button_is_grey(table):
    table.row(2).locator(".flw-col-status").click()
    for name, why in (
        ("delete", "it is running, abort it first"),
        ("download", "results are available once the job has ended"),
    ):
        expect(table.button(name)).to_have_attribute("aria-disabled", "true")
        expect(table.button(name)).to_have_attribute("title", re.compile(why))
    table.row(5).locator(".flw-col-status").click()
    expect(table.button("abort")).to_have_attribute("title", "it has ended")


def test_updates_change_single_rows_only(bench, table):
    table.row(2).locator(".flw-col-status").click()
    table.grid.evaluate("grid => { window.__row = grid.querySelector('.flw-row[aria-selected=true]') }")
    bench.run_code(
        "from flare_widgets.monitoring.job_list.watch import ListedJob; import time\n"
        "new = ListedJob('ffffffff-1', 'newcomer', 'default', 'me', 'SUBMITTED', time.time())\n"
        "monitor.say(jobs=(new, *monitor.snapshot.jobs))"
    )
    expect(table.row(1)).to_contain_text("newcomer")
    assert table.grid.evaluate("() => window.__row.getAttribute('aria-rowindex')") == "4"
    assert table.selected() == 1
    bench.run_code("monitor.change('ffffffff-1', status='FINISHED:COMPLETED', duration=4.0)")
    expect(table.row(1)).to_contain_text("completed")


def test_trouble_is_reported_with_age(bench, table, pictures):
    bench.run_code("monitor.say(trouble='no connection to server:8002, trying again (2)', facts_at=time.time() - 7)")
    expect(table.root.locator(".flw-banner")).to_have_text(
        re.compile(r"^!no connection to server:8002, trying again \(2\). Showing the list from (7|8|9) s ago")
    )
    bench.screenshot(bench.cell(1), pictures and pictures / "jobs-trouble.png")
    bench.run_code("monitor.say()")
    expect(table.root.locator(".flw-banner")).to_be_hidden()


def test_ten_thousand_jobs_scroll(bench):
    table = open_table(bench, 10_000)
    expect(table.counts).to_have_text(re.compile(r"^10000 jobs"))
    for where in (0.5, 0.9, 1.0):
        table.grid.evaluate("(grid, where) => { grid.scrollTop = where * grid.scrollHeight }", where)
        expect(table.grid.locator(f".flw-row[aria-rowindex='{int(9_999 * where) + 1 - 5}']")).to_have_count(1)
    assert table.grid.locator("*").count() < 800
    table.grid.focus()
    bench.page.keyboard.press("End")
    expect(table.row(10_000)).to_be_visible()
    table.search.fill("name:statistics running")
    expect(table.root.locator(".flw-nothing")).to_be_visible()
    table.search.fill("id:a0")
    expect(table.rows.first).to_be_visible()


@pytest.mark.parametrize("width", [300, 460, 700])
def test_narrow(bench, table, width, pictures):
    table.root.evaluate("(root, width) => { root.style.maxWidth = `${width}px` }", width)
    expect(table.row(1).locator(".flw-job-name")).to_be_visible()
    overflow = table.grid.evaluate("grid => grid.scrollWidth - grid.clientWidth")
    bench.screenshot(table.root, pictures and pictures / f"jobs-{width}.png")
    assert overflow <= 0


def test_stops_asking_when_nobody_looks(bench, table):
    eventually(bench, "not monitor.paused")
    table.root.evaluate("root => { root.closest('.jp-OutputArea').style.display = 'none' }")
    eventually(bench, "monitor.paused")
    table.root.evaluate("root => { root.closest('.jp-OutputArea').style.display = '' }")
    eventually(bench, "not monitor.paused")


def test_saved_notebook_keeps_table(bench, table):
    bench.run_code("view.make_static()")
    output = bench.outputs(1).last
    expect(output.locator("table.flw-listing")).to_contain_text("brats-segmentation")
    expect(table.root).to_have_count(0)
    expect(output).to_contain_text("12 jobs (2 running, 1 waiting, 9 ended)")


def test_compares_jobs_below(bench, table, pictures):
    table.row(2).locator(".flw-col-status").click()
    expect(table.button("compare")).to_have_attribute("title", "select two or more jobs")
    table.row(4).locator(".flw-col-status").click(modifiers=["Shift"])
    table.button("compare").click()
    compared = table.below.locator(".flw-compare")
    expect(compared.locator("tbody tr")).to_have_count(3)
    expect(compared.locator("canvas")).to_have_count(2)
    expect(compared.locator(".flw-legend").first.locator(".flw-legend-item")).to_have_count(3)
    expect(compared.locator("tbody tr").nth(0)).to_contain_text("cifar10-fedavg")
    expect(compared.locator("tbody tr").nth(0)).to_contain_text("0.860 (round 10)")
    expect(compared.locator("strong")).to_have_text(["0.860", "0.200"])
    bench.screenshot(bench.cell(1), pictures and pictures / "compare-light.png")
    compared.get_by_role("button", name="best val_loss").click()
    compared.get_by_role("button", name="best val_loss").click()
    expect(compared.locator("tbody th").first).to_contain_text("statistics")
    compared.get_by_role("combobox", name="baseline").select_option(label="statistics")
    expect(compared.locator("tbody tr").last.locator(".flw-better")).to_have_text(["+0.1", "−0.2"])
    chart = compared.get_by_role("slider", name="val_loss by round")
    chart.focus()
    bench.page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("round 1, cifar10-fedavg 2"))
    box = box_of(chart)
    bench.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    bench.page.mouse.down()
    bench.page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 70, steps=4)
    bench.page.mouse.up()
    expect(compared.get_by_role("button", name="show all rounds")).to_be_visible()
    bench.page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + 60)
    expect(compared.get_by_role("button", name="show all rounds")).to_be_hidden()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        bench.theme(theme)
        bench.screenshot(compared, pictures and pictures / f"compare-{theme[-5:].strip().lower()}2.png")
        assert serious(compared) == []
    bench.run_code("view.make_static()")
    static = bench.outputs(1).locator(".flw-compare")
    expect(static.locator("figure svg.flw-chart-picture")).to_have_count(2)
    expect(static.locator("figure").first).to_contain_text("accuracy by round (higher is better)")
    expect(static).to_contain_text("Differences are to statistics")
    bench.screenshot(bench.cell(1), pictures and pictures / "compare-static.png")
    assert serious(static) == []


def test_compares_a_sweep_by_its_arguments(bench, pictures):
    bench.fill("from scripted_jobs import swept\nview = swept(30)\nview.show()")
    bench.run(0)
    compared = bench.outputs(0).locator(".flw-compare.flw-live")
    expect(compared.locator("tbody tr")).to_have_count(30)
    expect(compared.locator(".flw-parallel-line")).to_have_count(30)
    expect(compared).to_contain_text("Same in all: workflow FedAvg, epochs=2")
    compared.get_by_role("searchbox").fill("rate=0.1 accuracy>1")
    expect(compared).to_contain_text("5 of 30 jobs")
    expect(compared.locator(".flw-parallel-line")).to_have_count(5)
    compared.locator("tbody tr").nth(1).hover()
    expect(compared.locator(".flw-parallel-note")).to_contain_text(" · batch 128 · rate 0.1 · best accuracy 1.038")
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        bench.theme(theme)
        assert serious(compared) == []
        bench.screenshot(compared, pictures and pictures / f"sweep-{theme[-5:].strip().lower()}.png")
    bench.theme("JupyterLab Light")
    overflow = compared.evaluate(
        "root => { root.style.maxWidth = '560px'; return root.scrollWidth - root.clientWidth }"
    )
    assert overflow <= 0
    # All jobs have ended: it can still be sorted, filtered, and compared with another one.
    bench.run_code("view._watches[-1].say('FINISHED:COMPLETED')")
    compared.get_by_role("searchbox").fill("")
    expect(compared.locator("tbody tr").last).to_contain_text("completed")
    compared.get_by_role("combobox", name="baseline").select_option(index=1)
    expect(compared.locator("tr.flw-baseline")).to_have_count(1)
    bench.run_code("assert view.records()[2]['arg.rate'] == 0.1")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_is_usable_for_all(bench, table, theme):
    bench.theme(theme)
    assert serious(table.root) == []
    table.row(2).locator(".flw-col-status").click()
    table.button("abort").click()
    bench.run_code("monitor.say(trouble='the connection to server:8002 was lost')")
    expect(table.root.locator(".flw-banner")).to_be_visible()
    assert serious(table.root) == []
    bench.theme("JupyterLab Light")
