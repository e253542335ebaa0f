"""Rounds, sites, failures and details of a job in a real JupyterLab, live and static."""

from __future__ import annotations

import re

import pytest
from job_panel import JobPanel
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect
from waiting import wait_until

SETUP = """
import time
from flare_widgets.monitoring.diagnosis import Failure
from flare_widgets.monitoring.job.model import Round, SiteTask, Workflow
from flare_widgets.views.display import show_job
from scripted import ScriptedWatch
watch = ScriptedWatch()
began = time.time()
def task(site, number, returned):
    return SiteTask(f"{site}-{number}-{returned}", site, "train", number, began, returned, "OK")
def round(number, *tasks):
    watch.say(
        workflows=(Workflow("", first_round=0, total_rounds=4),),
        rounds=tuple(Round(n, began + 5 * n - 15) for n in range(number + 1)),
        tasks=watch.snapshot.tasks + tuple(task(site, number, returned) for site, returned in tasks),
    )
"""
FAILURE = """
Failure("site-2 failed in round 2: ValueError: shapes", "code", site="site-2", file="client.py", line=41,
        function="train", code="loss = np.dot(x, w)", log=("first line", "last line"), log_of="site-2",
        next_step="mend client.py")
"""


@pytest.fixture
def shown(bench: NotebookPage) -> NotebookPage:
    bench.fill(SETUP, "view = show_job(watch)")
    bench.run(0)
    bench.run(1)
    bench.run_code("watch.say('RUNNING')")
    return bench


def rows(form: Locator) -> Locator:
    return form.locator(".flw-matrix tbody tr")


def test_rounds_come_in(shown: NotebookPage) -> None:
    panel = JobPanel(shown.outputs(1))
    expect(panel.live.get_by_role("progressbar")).to_be_hidden()
    expect(panel.sites).to_have_count(3)
    shown.run_code("round(0, ('site-1', None), ('site-2', began + 1))")
    expect(panel.live.locator(".flw-round")).to_have_text("round 1 of 4")
    expect(rows(panel.live)).to_have_count(2)
    expect(rows(panel.live).nth(1)).to_contain_text("waiting for site-1")
    expect(panel.sites).to_have_count(0)
    # Time passes without a message.
    now = rows(panel.live).nth(0).locator(".flw-now")
    expect(now).to_have_text(re.compile(r"^train, round 1 for \d+ s$"))
    before = now.inner_text()
    expect(now).not_to_have_text(before)
    expect(panel.live.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "12")
    shown.run_code("round(1, ('site-1', None), ('site-2', None))")
    expect(panel.live.get_by_role("columnheader")).to_have_text(["site", "round 1", "round 2", "now"])
    expect(panel.live.locator(".flw-left")).to_contain_text("left")


def test_details_unfold_by_keyboard(shown: NotebookPage) -> None:
    panel = JobPanel(shown.outputs(1))
    button = panel.live.get_by_role("button", name="Details")
    expect(panel.live.locator("dl")).to_have_count(0)
    button.focus()
    shown.page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(panel.live.locator("dd").first).to_have_text("76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11")
    expect(button).to_be_focused()
    shown.page.keyboard.press("Space")
    expect(panel.live.locator("dl")).to_have_count(0)


def test_failure_shown_and_saved_in_notebook(shown: NotebookPage) -> None:
    panel = JobPanel(shown.outputs(1))
    shown.run_code(f"watch.say(failure={FAILURE.strip()})")
    card = panel.live.locator(".flw-failure")
    expect(card.locator(".flw-failure-what")).to_have_text("! site-2 failed in round 2: ValueError: shapes")
    expect(card).to_contain_text("client.py, line 41, in train")
    log = card.get_by_role("button", name="last 2 lines of the log of site-2")
    log.click()
    expect(card.locator("pre").last).to_have_text("first line\nlast line")
    shown.run_code("round(0, ('site-1', began), ('site-2', None))")
    shown.run_code("watch.say('FINISHED:EXECUTION_EXCEPTION', duration=12.5)")
    panel.expect_live("FINISHED:EXECUTION_EXCEPTION")
    shown.run_code("view.make_static()")
    panel.expect_static("FINISHED:EXECUTION_EXCEPTION")
    expect(panel.static.locator(".flw-failure-loud")).to_contain_text("Next: mend client.py")
    expect(rows(panel.static)).to_have_text(["site-1■", "site-2✕failed: train, round 1"])
    expect(panel.static.locator(".flw-round")).to_have_text("0 of 4 rounds")
    panel.static.get_by_text("last 2 lines").click()
    expect(panel.static.locator("details pre")).to_be_visible()


def test_nothing_moves_while_round_goes_on(shown: NotebookPage) -> None:
    panel = JobPanel(shown.outputs(1))
    shown.run_code("round(0, ('site-1', None), ('site-2', None))")
    expect(rows(panel.live)).to_have_count(2)
    height = panel.live.evaluate("e => e.offsetHeight")
    for returned in ("('site-1', began), ('site-2', None)", "('site-1', began), ('site-2', began)"):
        shown.run_code(f"round(1, {returned})")
    expect(rows(panel.live).nth(0)).to_contain_text("done")
    assert panel.live.evaluate("e => e.offsetHeight") == height


def test_many_sites_and_rounds_are_all_within_reach(shown: NotebookPage) -> None:
    panel = JobPanel(shown.outputs(1))
    shown.run_code(
        """
watch.say(
    workflows=(Workflow("", first_round=0, total_rounds=99),),
    rounds=tuple(Round(n, began - 5 * (60 - n)) for n in range(60)),
    tasks=tuple(
        SiteTask(f"{s}-{n}", f"hospital-{s:02}", "train", n, began - 5 * (60 - n),
                 None if (s, n) == (7, 59) else began - 5 * (60 - n) + 2, "FAILED" if (s, n) == (3, 59) else "OK")
        for n in range(60) for s in range(30)
    ),
)
"""
    )
    summary = panel.live.locator(".flw-matrix-summary")
    expect(summary).to_have_text(
        re.compile(r"^28 of 32 done, 1 failed, 1 (working|late), 2 waiting \(longest: hospital-07")
    )
    # Trouble is in sight, and the newest round.
    expect(rows(panel.live).locator("th").first).to_have_text("hospital-03")
    newest, oldest = panel.live.locator(".flw-column").last, panel.live.locator(".flw-column").first
    expect(newest).to_be_in_viewport()
    expect(oldest).not_to_be_in_viewport()
    strip = panel.live.locator(".flw-strip")
    strip.click(position={"x": 1, "y": 4})
    expect(oldest).to_be_in_viewport()
    fold = panel.live.get_by_role("button", name="all 32 sites")
    fold.focus()
    shown.page.keyboard.press("Enter")
    expect(rows(panel.live)).to_have_count(32)
    panel.live.get_by_role("searchbox", name="filter sites").fill("-29")
    expect(rows(panel.live).locator("th")).to_have_text(["hospital-29"])
    assert panel.live.evaluate("e => e.scrollWidth <= e.clientWidth")


CUT_COLUMNS = """scroller => {
  const box = scroller.getBoundingClientRect();
  const name = scroller.querySelector('tbody th').getBoundingClientRect();
  return [...scroller.querySelectorAll('thead .flw-column')].map(e => e.getBoundingClientRect()).filter(column =>
    (column.left < name.right - 1.5 && column.right > name.right + 1.5) ||
    (column.left < box.right - 1.5 && column.right > box.right + 1.5)).length;
}"""


def test_columns_are_whole_in_narrow_output(shown: NotebookPage) -> None:
    panel = JobPanel(shown.outputs(1))
    shown.hide_left_area()
    shown.page.set_viewport_size({"width": 700, "height": 900})
    shown.run_code("for number in range(3): round(number, ('site-1', began + number), ('site-2', began + number))")
    scroller = panel.live.locator(".flw-matrix-scroll")
    expect(panel.live.locator(".flw-column")).to_have_count(3)
    # All rounds have room: nothing that cannot be seen takes it.
    assert scroller.evaluate("e => e.scrollWidth <= e.clientWidth")
    expect(panel.live.locator(".flw-strip")).to_be_hidden()
    shown.run_code(
        "watch.say(workflows=(Workflow('', first_round=0, total_rounds=99),), "
        "rounds=tuple(Round(n, began - 5 * (60 - n)) for n in range(60)))"
    )
    newest = panel.live.locator(".flw-column").last
    expect(newest).to_be_in_viewport()
    wait_until(lambda: scroller.evaluate(CUT_COLUMNS) == 0, 5)
    panel.live.locator(".flw-strip").click(position={"x": 250, "y": 4})
    expect(newest).not_to_be_in_viewport()
    assert scroller.evaluate("e => e.scrollLeft") > 0
    wait_until(lambda: scroller.evaluate(CUT_COLUMNS) == 0, 5)
