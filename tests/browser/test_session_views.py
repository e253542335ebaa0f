"""The session badge and the switcher in a real JupyterLab, with real sessions of a scripted server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe import serious
from contrast import contrasts
from lab_page import NotebookPage, mime_types
from layout import wait_until_it_fits
from playwright.sync_api import Locator, expect

SETUP = (
    "from flare_widgets.views.display import show_session, show_sessions\n"
    "from scripted_sessions import Sessions\n"
    "world = Sessions('hospital-a', 'hospital-b', 'heart')"
)
BADGE = "badge = show_session(world.manager['hospital-a'].session)"
SWITCHER = "switcher = show_sessions(world.manager)"


class SessionsPanel:
    """A badge or a switcher, as a user reads and handles it."""

    def __init__(self, output: Locator) -> None:
        self.live = output.locator(".flw-session.flw-live")
        self.static = output.locator(".flw-session:not(.flw-live):visible")
        self.any = output.locator(".flw-session:visible")
        self.rows = self.any.locator(".flw-session-row")
        self.current = self.any.locator(".flw-session-current .flw-session-name")
        self.spoken = self.live.locator("[role=status]")

    def row(self, name: str) -> Locator:
        return self.rows.filter(has=self.any.page.locator(f".flw-session-name:text-is('{name}')"))

    def button(self, name: str) -> Locator:
        return self.live.get_by_role("button", name=name, exact=True)


def open_with(bench: NotebookPage, *cells: str) -> SessionsPanel:
    bench.fill(*cells)
    for index in range(len(cells)):
        bench.run(index)
    return SessionsPanel(bench.outputs(len(cells) - 1))


@pytest.fixture
def switcher(bench: NotebookPage) -> SessionsPanel:
    panel = open_with(bench, SETUP, SWITCHER)
    expect(panel.rows).to_have_count(3)
    return panel


def test_badge_shows_session_owner_and_state(bench, pictures):
    panel = open_with(bench, SETUP, BADGE)
    (row,) = panel.rows.all()
    expect(row).to_contain_text("ada@example.org")
    expect(row).to_contain_text(re.compile(r"lead.*→ 127\.0\.0\.1:\d+.*study default.*ready for \d+ s"))
    expect(row.locator(".flw-session-warning")).to_be_hidden()
    expect(panel.live.get_by_role("button")).to_have_count(0)
    bench.screenshot(bench.cell(1), pictures and pictures / "session-badge.png")
    bench.run_code("world.stop()")
    expect(row).to_contain_text(re.compile(r"reconnecting for \d+ s"))
    expect(panel.spoken).to_have_text("ada@example.org: reconnecting")
    bench.screenshot(bench.cell(1), pictures and pictures / "session-lost.png")
    bench.run_code("world.manager.close_all()")
    expect(panel.static).to_contain_text("closed")
    assert mime_types(bench.save(), 1) == [["text/html", "text/plain"]] * 2


def test_certificate_that_ends_soon_is_said(bench):
    panel = open_with(bench, SETUP.replace("'heart'", "'heart', days=12"), BADGE)
    expect(panel.rows.first.locator(".flw-session-warning")).to_have_text("the certificate expires in 12 days")


def test_session_switched_by_mouse_and_keyboard(bench, switcher, pictures):
    expect(switcher.current).to_have_text("heart")
    bench.screenshot(bench.cell(1), pictures and pictures / "session-switcher.png")
    switcher.button("Use hospital-a").click()
    expect(switcher.current).to_have_text("hospital-a")
    bench.run_code("assert world.manager.current == 'hospital-a'")
    expect(switcher.spoken).to_have_text("hospital-a is the current session")
    switcher.button("Use hospital-b").focus()
    bench.page.keyboard.press("Enter")
    expect(switcher.current).to_have_text("hospital-b")
    expect(switcher.button("Use hospital-b")).to_be_focused()
    expect(switcher.button("Use hospital-b")).to_have_attribute("aria-disabled", "true")
    # What is changed elsewhere is seen here.
    bench.run_code("world.manager.use('heart')")
    expect(switcher.current).to_have_text("heart")


def test_session_is_closed_when_asked_twice(bench, switcher, pictures):
    close = switcher.row("hospital-a").get_by_role("button", name="Close")
    close.focus()
    bench.page.keyboard.press("Enter")
    expect(switcher.row("hospital-a")).to_contain_text("Log out of hospital-a? Its jobs go on.")
    bench.screenshot(bench.cell(1), pictures and pictures / "session-closing.png")
    bench.page.keyboard.press("Escape")
    bench.run_code("assert len(world.manager) == 3")
    close.click()
    switcher.row("hospital-a").get_by_role("button", name="Log out").click()
    expect(switcher.rows).to_have_count(2)
    bench.run_code("assert list(world.manager.sessions) == ['hospital-b', 'heart']")
    bench.run_code("world.manager.close_all()")
    expect(switcher.live).to_contain_text("No session. %flare connect KIT opens one.")
    bench.run_code("world.manager.open(world.kit, 'again')")
    expect(switcher.current).to_have_text("again")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_text_is_readable_and_controls_reachable(bench, switcher, theme, pictures: Path | None):
    bench.theme(theme)
    folder = pictures and pictures / theme.split()[-1].lower()

    def check(state: str, view: Locator, least: int) -> None:
        found = contrasts(view)
        assert len(found) >= least, f"{state}: too few texts found to mean anything: {found}"
        assert not {text: ratio for text, ratio in found.items() if ratio < 4.5}, state
        assert serious(view) == []
        bench.screenshot(bench.cell(1), folder and folder / f"session-{state}.png")

    check("ready", switcher.live, 8)
    bench.run_code("world.manager['hospital-a'].session.close(); world.stop()")
    expect(switcher.row("hospital-b")).to_contain_text("reconnecting")
    expect(switcher.row("hospital-a")).to_contain_text("closed")
    check("trouble", switcher.live, 8)
    bench.run_code("switcher.make_static()")
    expect(switcher.static).to_be_visible()
    check("static", switcher.static, 8)
    bench.theme("JupyterLab Light")


@pytest.mark.parametrize("width", [420, 1900])
def test_fits_output_it_is_in(bench, switcher, width, pictures):
    bench.hide_left_area()
    bench.page.set_viewport_size({"width": width, "height": 900})
    switcher.row("hospital-a").get_by_role("button", name="Close").click()
    wait_until_it_fits(switcher.live)
    bench.screenshot(bench.cell(1), pictures and pictures / f"session-{width}.png")
