"""The report of a kit as a table: every finding in it, and nothing that a certificate says becomes markup."""

from __future__ import annotations

import re
from html import unescape

import pytest

from flare_widgets.kit import Finding, KitReport
from flare_widgets.kit.report import Outcome
from flare_widgets.views.kit.view import PrettyKitReport, next_steps, template_context

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e"
REPORT = KitReport(
    "kits/<b>me</b>",
    (
        Finding("folder", "ok", "it is a kit"),
        Finding("key permissions", "warning", "chmod 600 'a & b'"),
        Finding("name", "failed", f"you are '{HOSTILE}'"),
        Finding("TLS", "skipped", "not checked"),
    ),
)


def test_every_finding_is_row_in_words() -> None:
    html = PrettyKitReport.of(REPORT)._repr_html_()
    assert html.count("<tr ") == 2 + len(REPORT.findings)  # of two tables, each with its headings
    for finding in REPORT.findings:
        assert f">{finding.name}</th>" in html
        assert re.search(rf"</span> (<strong>)?{finding.outcome}", html)
    assert "1 problem, 1 warning, 1 not checked" in html


def test_worst_comes_first_others_folded() -> None:
    html = PrettyKitReport.of(REPORT)._repr_html_()
    order = [html.index(f">{name}</th>") for name in ("name", "key permissions", "TLS", "folder")]
    assert order == sorted(order)
    assert order[1] < html.index("<summary>1 ok, 1 not checked</summary>") < order[2]
    text = repr(PrettyKitReport.of(REPORT))
    assert text.index("✕ name") < text.index("⚠ key permissions") < text.index("✓ folder")


def test_connected_kit_needs_no_login() -> None:
    report = PrettyKitReport.of(KitReport("kits/me", (Finding("login", "ok", "logged in"),)), is_connected=True)
    assert "%flare connect" not in report._repr_html_() + repr(report)
    assert "flw-kit-steps" not in re.sub(r"<style>.*?</style>", "", report._repr_html_(), flags=re.DOTALL)


def test_nothing_becomes_markup() -> None:
    html = PrettyKitReport.of(REPORT)._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    assert "a &amp; b" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_it_is_still_report() -> None:
    checkup = PrettyKitReport.of(REPORT)
    assert isinstance(checkup, KitReport)
    assert checkup.findings == REPORT.findings
    assert not checkup.ok
    assert repr(checkup).startswith(repr(REPORT))


def html_words(report: KitReport) -> str:
    """The words of the HTML form, as a reader without its style has them."""
    html = re.sub(r"<style>.*?</style>", "", PrettyKitReport.of(report)._repr_html_(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.mark.parametrize("report", [REPORT, KitReport("kits/me", (Finding("login", "ok", "logged in"),))])
def test_both_forms_tell_same(report: KitReport) -> None:
    text, words = " ".join(repr(PrettyKitReport.of(report)).split()), html_words(report)
    for finding in report.findings:
        assert f"{finding.name} {finding.outcome} {finding.sentence}" in text
        assert finding.sentence in words
    for step in next_steps(report):
        assert " ".join(step).strip() in text
        assert " ".join(step).strip() in words


@pytest.mark.parametrize(
    ("outcomes", "outcome", "verdict", "steps"),
    [
        ({"chain": "ok", "login": "ok"}, "ok", "no problems", [("Log in:", "%flare connect 'my kit'")]),
        (
            {"chain": "ok", "login": "skipped"},
            "ok",
            "no problems",
            [("Check the connection to the server:", "%flare check 'my kit'")],
        ),
        (
            {"role": "warning", "clock": "warning", "login": "ok"},
            "warning",
            "2 warnings",
            [
                ("Warning: role and clock. Fix them when convenient; the kit works as is.", ""),
                ("Log in:", "%flare connect 'my kit'"),
            ],
        ),
        (
            {"dates": "failed", "role": "warning", "chain": "failed", "login": "skipped"},
            "failed",
            "2 problems",
            [
                ("Fix the problem with the dates first; it may cause the others.", ""),
                ("Then check again:", "%flare check 'my kit'"),
            ],
        ),
    ],
)
def test_verdict_and_what_to_do_next(
    outcomes: dict[str, Outcome], outcome: str, verdict: str, steps: list[tuple[str, str]]
) -> None:
    report = KitReport("my kit", tuple(Finding(name, each, "so") for name, each in outcomes.items()))
    drawn = template_context(report)
    assert (drawn["outcome"], drawn["verdict"], drawn["steps"]) == (outcome, verdict, steps)


def test_hostile_kit_is_only_text() -> None:
    place = f"kits/{HOSTILE}/$(reboot)"
    html = PrettyKitReport.of(
        KitReport(place, (Finding("folder", "failed", 'x" onload="alert(1)' + "y" * 10**6),))
    )._repr_html_()
    assert len(html) < 24_000
    assert "<script" not in html
    assert 'x" onload' not in html
    assert not set(html) & {"\x1b", "\u202e"}
    ((_, command),) = next_steps(KitReport(place, (Finding("login", "ok", ""),)))
    assert command.startswith("%flare connect 'kits/")
    assert command.endswith("$(reboot)'")
