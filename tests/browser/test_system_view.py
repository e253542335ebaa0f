"""The system view in a real JupyterLab, with a system that does what the test says (``scripted_system.py``)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from contrast import contrasts
from lab_page import NotebookPage, mime_types
from layout import wait_until_it_fits
from playwright.sync_api import Locator, expect

SETUP = "from scripted_system import ScriptedSystem, show\nsystem = ScriptedSystem('hospital-a', 'hospital-b')"
SHOW = "view, admin = show(system)"
CELLS = (SETUP, SHOW)
CELLS_OF_FACT = (".flw-label", ".flw-detail")


class SystemPanel:
    """One system view, as a user reads and handles it."""

    def __init__(self, output: Locator) -> None:
        self.live = output.locator(".flw-system.flw-live")
        self.static = output.locator(".flw-system:not(.flw-live):visible")
        self.any = output.locator(".flw-system:visible")
        self.rows = self.any.locator(".flw-row")
        self.problems = self.any.locator(".flw-banner li")
        self.freshness = self.live.locator(".flw-fresh")
        self.word = self.any.locator(".flw-word")

    def row(self, name: str) -> Locator:
        return self.rows.filter(has=self.any.page.locator(f".flw-row-name:text-is('{name}')"))

    def fold(self, name: str) -> Locator:
        return self.row(name).locator("button.flw-row-line")

    def button(self, name: str, label: str) -> Locator:
        return self.row(name).get_by_role("button", name=re.compile(rf"^{label}( \(not possible: .*\))?$"))


@pytest.fixture
def shown(bench: NotebookPage) -> NotebookPage:
    """A notebook whose second cell shows a system of two sites that run a job."""
    bench.fill(*CELLS)
    bench.run(0)
    bench.run(1)
    return bench


@pytest.fixture
def panel(shown: NotebookPage) -> SystemPanel:
    panel = SystemPanel(shown.outputs(1))
    expect(panel.rows).to_have_count(3)
    return panel


def test_each_process_has_one_line(shown, panel, pictures):
    expect(panel.word).to_have_text("connected")
    expect(panel.row("server")).to_contain_text("running 76b8d043 (app)")
    expect(panel.row("hospital-a")).to_contain_text("connected")
    expect(panel.row("hospital-a")).to_contain_text(re.compile(r"last seen \d+ s ago"))
    expect(panel.problems).to_have_count(0)
    expect(panel.live).to_have_attribute("aria-label", re.compile(r"2 sites connected, 1 job running, no problems$"))
    shown.screenshot(shown.cell(1), pictures and pictures / "system.png")


def test_silence_counted_locally_and_listed_first(shown, panel, pictures):
    shown.run_code("import time; system.change('hospital-b', last_seen=time.time() - 24)")
    expect(panel.problems).to_have_count(0)
    # Nobody sends anything: the browser counts.
    expect(panel.problems).to_have_text([re.compile(r"hospital-b has been silent for 2\d s; sites report every 10 s")])
    expect(panel.row("hospital-b")).to_contain_text(re.compile(r"silent for 2\d s"))
    expect(panel.live.locator(".flw-facts")).to_contain_text("1 silent, 1 site connected, 1 job running")
    expect(panel.live.locator("[role=status]")).to_contain_text("hospital-b has been silent")
    shown.screenshot(shown.cell(1), pictures and pictures / "system-silent.png")
    shown.run_code("system.change('hospital-b', last_seen=time.time())")
    expect(panel.problems).to_have_count(0)
    expect(panel.live.locator("[role=status]")).to_have_text("all problems resolved")


def test_silent_sites_share_one_line_and_jobs_of_sites_count(shown, panel):
    shown.run_code(
        "import time\nfrom dataclasses import replace\nfrom scripted_system import Site\n"
        "known, when = system.snapshot.sites, time.time() - 60\n"
        "system.say(jobs=(), sites=(*(replace(s, last_seen=when) for s in known), Site('site-c', last_seen=when)))"
    )
    silent = r"3 sites \(hospital-a, hospital-b and site-c\) have been silent for up to 1 min"
    expect(panel.problems).to_have_text([re.compile(silent)])
    expect(panel.live.locator(".flw-facts")).to_contain_text("3 silent, no other site is connected, 1 job running")


def test_lost_connection_reported_within_five_seconds(shown, panel, pictures):
    shown.run_code("system.say()")
    expect(panel.freshness).to_have_text(re.compile(r"updated [0-4] s ago"))
    # The kernel says nothing more: the browser does.
    expect(panel.freshness).to_have_text(re.compile(r"! last seen \d s ago"), timeout=7000)
    expect(panel.word).to_have_text("no answer")
    expect(panel.row("server")).not_to_contain_text("connected")
    shown.run_code(
        "system.say(trouble='no connection to server:8002, trying again (3)', trouble_label='reconnecting (3)', "
        "facts_at=time.time() - 8)"
    )
    expect(panel.word).to_have_text("reconnecting (3)")
    expect(panel.problems).to_have_text([re.compile("no connection to server:8002")])
    expect(panel.row("server")).to_contain_text(re.compile(r"reconnecting \(3\), last seen \d+ s ago"))
    shown.screenshot(shown.cell(1), pictures and pictures / "system-lost.png")
    shown.run_code("system.say(trouble='')")
    expect(panel.word).to_have_text("connected")


def test_nothing_is_asked_while_nobody_looks(shown, panel):
    wait_for(shown, "system.looked_at[-1:] == [True]")
    shown.page.evaluate(
        """() => {
          Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    wait_for(shown, "system.looked_at[-1] is False")
    # Nothing counts on but the age of what is known, for whoever still reads it.
    expect(panel.freshness).to_have_text(re.compile(r"^paused while out of sight, updated \d+ s ago$"))
    known = panel.row("hospital-a").inner_text()
    expect(panel.freshness).to_have_text(re.compile(r"updated ([7-9]|\d\d) s ago$"), timeout=12_000)
    assert panel.row("hospital-a").inner_text() == known
    expect(panel.word).to_have_text("connected")
    expect(panel.problems).to_have_count(0)
    shown.page.evaluate(
        "() => { delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange')) }"
    )
    wait_for(shown, "system.looked_at[-1] is True")
    expect(panel.freshness).to_have_text(re.compile(r"^updated \d s ago$"))
    shown.clear(1)
    wait_for(shown, "system.looked_at[-1] is False")


def wait_for(notebook: NotebookPage, condition: str) -> None:
    notebook.run_code(
        "import time\nend = time.monotonic() + 10\n"
        f"while not ({condition}):\n    assert time.monotonic() < end, system.looked_at\n    time.sleep(0.05)"
    )


def test_row_expanded_by_keyboard_fetches_details(shown, panel, pictures):
    shown.run_code("assert system.details == 0")
    panel.fold("hospital-a").focus()
    shown.page.keyboard.press("Enter")
    expect(panel.fold("hospital-a")).to_have_attribute("aria-expanded", "true")
    expect(panel.row("hospital-a").locator(".flw-detail")).to_have_text(["2.9.0", '{"gpu": 2, "memory": "64 GiB"}'])
    expect(panel.fold("hospital-a")).to_be_focused()
    expect(panel.button("hospital-a", "Restart")).to_be_visible()
    shown.screenshot(shown.cell(1), pictures and pictures / "system-unfolded.png")
    shown.page.keyboard.press("Enter")
    expect(panel.row("hospital-a").locator(".flw-detail").first).to_be_hidden()
    shown.run_code("assert system.details == 1")


def test_actions_during_running_job_are_greyed(shown, panel):
    panel.fold("hospital-a").click()
    grey = panel.button("hospital-a", "Restart")
    expect(grey).to_have_attribute("aria-disabled", "true")
    grey.click(force=True)
    expect(panel.row("hospital-a")).to_contain_text("Restart: jobs are running")
    shown.run_code("assert admin.done == []")


def test_site_is_restarted_behind_typed_name(shown, panel, pictures):
    shown.run_code("system.say(jobs=())")
    panel.fold("hospital-a").click()
    panel.button("hospital-a", "Restart").click()
    field = panel.row("hospital-a").get_by_role("textbox")
    expect(field).to_be_focused()
    keyboard = shown.page.keyboard
    keyboard.type("hospital-b")
    keyboard.press("Enter")
    expect(field).to_be_visible()
    shown.run_code("assert admin.done == []")
    shown.screenshot(shown.cell(1), pictures and pictures / "system-typed.png")
    field.fill("hospital-a")
    keyboard.press("Enter")
    expect(panel.row("hospital-a")).to_contain_text("hospital-a was restarted and is connected again")
    shown.run_code("assert admin.done == ['restart client hospital-a'], admin.done")


def test_site_is_disabled_and_enabled_again(shown, panel):
    panel.fold("hospital-a").click()
    panel.button("hospital-a", "Disable").click()
    panel.row("hospital-a").get_by_role("textbox").fill("hospital-a")
    panel.row("hospital-a").get_by_role("button", name="Yes, disable").click()
    expect(panel.row("hospital-a").locator(".flw-row-state")).to_have_text("disabled")
    expect(panel.problems).to_have_text([re.compile("hospital-a is disabled: it cannot connect until")])
    panel.button("hospital-a", "Enable").click()
    expect(panel.row("hospital-a").locator(".flw-row-state")).to_have_text("connected")
    shown.run_code("assert admin.done == ['disable_client hospital-a', 'enable_client hospital-a'], admin.done")


def test_other_roles_see_why_not(bench):
    bench.fill(SETUP.replace("'hospital-b')", "'hospital-b', role='member')"), SHOW)
    bench.run(0)
    bench.run(1)
    panel = SystemPanel(bench.outputs(1))
    panel.fold("hospital-a").click()
    for label in ("Restart", "Shut down", "Disable"):
        button = panel.button("hospital-a", label)
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_attribute("title", re.compile(r"your role \(member\) may not"))


def test_system_view_leaves_other_styles_unchanged(shown, panel):
    """A style sheet reaches the whole page; both of these have lines, folds and signs."""
    shown.fill(
        *CELLS,
        "from flare_widgets.views.display import show_job\nfrom scripted import ScriptedSession, ScriptedWatch\n"
        "watch = ScriptedWatch()\nview = show_job(watch, ScriptedSession())",
    )
    shown.run(2)
    log = shown.outputs(2).get_by_role("button", name="Log", exact=True)
    expect(log).to_be_visible()
    style = "e => { const s = getComputedStyle(e); return [s.color, s.display, s.transition, e.offsetHeight] }"
    before = [log.evaluate(style), shown.outputs(2).locator(".flw-live .flw-head").evaluate(style)]
    shown.run(0)
    shown.run(1)
    expect(panel.rows).to_have_count(3)
    assert [log.evaluate(style), shown.outputs(2).locator(".flw-live .flw-head").evaluate(style)] == before


def test_hostile_names_stay_text(shown, panel, pictures):
    shown.page.evaluate("() => { window.pwned = 0 }")
    shown.run_code(
        "from flare_widgets.monitoring.system.snapshot import Site, SiteJob\n"
        "evil = '<img src=x onerror=window.pwned++><script>window.pwned++</script>\\u202e'\n"
        "system.say(sites=(Site(evil, jobs=(SiteJob(evil, evil),), version=evil, resources=evil),), trouble=evil)"
    )
    shown_as = "<img src=x onerror=window.pwned++><script>window.pwned++</script>\ufffd"
    expect(panel.rows.nth(1).locator(".flw-row-name")).to_have_text(shown_as)
    panel.rows.nth(1).locator("button.flw-row-line").click()
    shown.run_code("view.make_static()")
    expect(panel.static.locator("img, script")).to_have_count(0)
    expect(panel.static).to_contain_text("<img src=x onerror=window.pwned++>")
    assert shown.page.evaluate("() => window.pwned") == 0


def test_many_sites_are_not_wall(bench, pictures):
    bench.fill(SETUP.replace("'hospital-a', 'hospital-b'", "*[f'site-{i:03}' for i in range(200)]"), SHOW)
    bench.run(0)
    bench.run(1)
    panel = SystemPanel(bench.outputs(1))
    expect(panel.rows).to_have_count(25)
    bench.run_code("system.change('site-150', answers=False)")
    expect(panel.rows.nth(1).locator(".flw-row-name")).to_have_text("site-150")
    panel.live.get_by_role("button", name="Show 176 more sites").click()
    expect(panel.rows).to_have_count(201)
    panel.live.get_by_role("button", name="Show fewer").click()
    expect(panel.rows).to_have_count(25)


def test_session_that_ends_leaves_static_form(shown, panel, pictures):
    live = panel.live.bounding_box()
    shown.run_code("system.end()")
    expect(panel.static).to_be_visible()
    expect(panel.live).to_have_count(0)
    expect(panel.static).to_contain_text("Snapshot from")
    assert abs(live["width"] - panel.static.bounding_box()["width"]) < 2
    assert mime_types(shown.save(), 1) == [["text/html", "text/plain"]] * 2
    shown.screenshot(shown.cell(1), pictures and pictures / "system-static.png")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_word_can_be_read(shown, panel, theme, pictures: Path | None):
    """WCAG AA: 4.5 to 1, for every text of every state, in JupyterLab's own colours."""
    shown.theme(theme)
    folder = pictures and pictures / theme.split()[-1].lower()

    def check(state: str, least: int) -> None:
        found = contrasts(panel.any)
        assert len(found) >= least, f"{state}: too few texts found to mean anything: {found}"
        assert not {text: ratio for text, ratio in found.items() if ratio < 4.5}, state
        shown.screenshot(shown.cell(1), folder and folder / f"system-{state}.png")

    check("fine", 12)
    panel.fold("hospital-a").click()
    expect(panel.row("hospital-a").locator(".flw-detail").first).to_have_text("2.9.0")
    shown.run_code("system.say(jobs=())")
    panel.button("hospital-a", "Shut down").click()
    check("asking", 18)
    shown.page.keyboard.press("Escape")
    shown.run_code(
        "import time\nfrom dataclasses import replace\n"
        "a, b = system.snapshot.sites\n"
        "system.say(sites=(replace(a, last_seen=time.time() - 100), replace(b, connected=False, disabled=True)))"
    )
    expect(panel.problems).to_have_count(2)
    check("trouble", 16)
    shown.run_code("system.say(trouble='no connection to server:8002, trying again (3)', facts_at=time.time() - 70)")
    expect(panel.problems).to_have_count(3)
    check("lost", 16)
    shown.run_code("view.make_static()")
    expect(panel.static).to_be_visible()
    check("static", 10)
    shown.theme("JupyterLab Light")


@pytest.mark.parametrize("width", [420, 1900])
def test_fits_output_it_is_in(shown, panel, width, pictures):
    """420 pixels leave the output some 300: nothing is cut off, nothing overlaps."""
    shown.hide_left_area()
    shown.page.set_viewport_size({"width": width, "height": 900})
    shown.run_code("system.say(jobs=())")
    panel.fold("hospital-a").click()
    panel.button("hospital-a", "Restart").click()
    wait_until_it_fits(panel.live)
    label, value = (panel.row("hospital-a").locator(f".flw-row-fact:nth-child(2) {part}") for part in CELLS_OF_FACT)
    assert value.bounding_box()["x"] >= label.bounding_box()["x"] + label.bounding_box()["width"]
    if width < 500:
        assert panel.live.bounding_box()["width"] < 340
    shown.screenshot(shown.cell(1), pictures and pictures / f"system-{width}.png")
