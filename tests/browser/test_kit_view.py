"""The check of a startup kit in a real JupyterLab, in all its states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe import serious
from contrast import contrasts
from lab_page import NotebookPage, box_of, mime_types
from layout import wait_until_it_fits
from playwright.sync_api import Locator, expect

HOSTILE = "<img src=x onerror=window.pwned++><script>window.pwned++</script>\u202e\x1b[2J"
FINDINGS = (
    "from flare_widgets.kit import Finding, KitReport\nfrom flare_widgets.views.kit.view import PrettyKitReport\n"
    f"evil = {HOSTILE!r}\n"
    "PrettyKitReport.of(KitReport(evil, tuple(Finding('dates', outcome, evil + 'long' * 400 + outcome)\n"
    "    for outcome in ('failed', 'warning', 'skipped', 'ok'))))"
)
REPORT = (
    "from flare_widgets.kit import Finding, KitReport\nfrom flare_widgets.views.kit.view import PrettyKitReport\n"
    "findings = [Finding('folder', 'ok', 'kits/ada is a user\\'s startup kit')]\n"
    "PrettyKitReport.of(KitReport('kits/ada@example.org', tuple([*findings, *{more}])))"
)
STATES = {
    "ok": ("[Finding('login', 'ok', 'logged in as ada')]", "no problems", "%flare connect kits/ada@example.org"),
    "warning": (
        "[Finding('key permissions', 'warning', 'client.key is open. Run chmod 600 client.key'),"
        " Finding('login', 'skipped', 'not checked: offline')]",
        "1 warning",
        "%flare check kits/ada@example.org",
    ),
    "failed": (
        "[Finding('dates', 'failed', 'client.crt expired on 2026-01-01. Ask your project admin for a new kit'),"
        " Finding('login', 'skipped', 'not checked')]",
        "1 problem",
        "%flare check kits/ada@example.org",
    ),
}


def shown(bench: NotebookPage, code: str) -> Locator:
    bench.fill(code)
    bench.run(0)
    view = bench.outputs(0).locator(".flw-kit")
    expect(view).to_be_visible()
    return view


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("state", STATES)
def test_kit_state_and_next_step_shown(bench: NotebookPage, theme: str, state: str, pictures: Path | None) -> None:
    findings, verdict, command = STATES[state]
    bench.theme(theme)
    view = shown(bench, REPORT.format(more=findings))
    expect(view.locator(".flw-pill .flw-word")).to_have_text(verdict)
    expect(view.locator(".flw-kit-steps code")).to_have_text(command)
    others = view.locator("summary")
    expect(others).to_be_visible()
    others.click()
    rows = view.get_by_role("table").get_by_role("row").filter(has=bench.page.get_by_role("cell"))
    expect(rows.last).to_be_visible()
    # A glyph and a word for each outcome.
    for row in rows.all():
        words = row.get_by_role("cell").first.inner_text().split()
        assert words in (["✓", "ok"], ["⚠", "warning"], ["✕", "failed"], ["–", "skipped"])
    found = contrasts(view)
    assert len(found) > 8, found
    assert not {text: ratio for text, ratio in found.items() if ratio < 4.5}
    assert serious(view) == []
    bench.screenshot(view, pictures and pictures / f"kit-{state}-{theme.split()[-1].lower()}.png")
    bench.theme("JupyterLab Light")


def test_narrow_output_keeps_complete_table(bench: NotebookPage, pictures: Path | None) -> None:
    view = shown(bench, REPORT.format(more=STATES["failed"][0]))
    bench.hide_left_area()
    bench.page.set_viewport_size({"width": 420, "height": 900})
    assert box_of(view)["width"] < 340
    wait_until_it_fits(view)
    row = view.get_by_role("row").filter(has=bench.page.get_by_role("rowheader", name="dates"))
    name, outcome, sentence = (box_of(row.locator("th, td").nth(i)) for i in range(3))
    assert name["x"] < outcome["x"]
    assert sentence["y"] >= outcome["y"] + outcome["height"] - 1
    assert serious(view) == []
    bench.screenshot(view, pictures and pictures / "kit-narrow.png")


def test_hostile_certificates_stay_text(bench: NotebookPage) -> None:
    bench.page.evaluate("() => { window.pwned = 0 }")
    view = shown(bench, FINDINGS)
    expect(view.locator("img, script")).to_have_count(0)
    expect(view).to_contain_text("<img src=x onerror=window.pwned++>")
    wait_until_it_fits(view)
    assert "\u202e" not in view.inner_text()
    assert bench.page.evaluate("() => window.pwned") == 0


def test_saved_notebook_has_html_and_text(bench: NotebookPage) -> None:
    shown(bench, REPORT.format(more=STATES["warning"][0]))
    saved = bench.save()
    assert mime_types(saved, 0) == [["text/html", "text/plain"]]
    data = json.loads(json.dumps(saved.cells[0].outputs[0].data))
    for words in ("1 warning, 1 not checked", "Run chmod 600 client.key", "%flare check kits/ada@example.org"):
        assert words in data["text/html"]
        assert words in data["text/plain"]
