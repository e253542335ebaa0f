"""The report of a kit as a table: every finding in it, and nothing that a certificate says becomes markup."""

from __future__ import annotations

import re

from flare_widgets.kit import Finding, KitReport
from flare_widgets.views.kit import KitCheckup

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


def test_every_finding_is_a_row_in_words() -> None:
    html = KitCheckup.of(REPORT)._repr_html_()
    assert html.count("<tr>") == 1 + len(REPORT.findings)
    for finding in REPORT.findings:
        assert f">{finding.name}</th>" in html
        assert re.search(rf"</span> (<strong>)?{finding.outcome}", html)
    assert "1 problem, 1 warning, 1 not checked" in html


def test_nothing_becomes_markup() -> None:
    html = KitCheckup.of(REPORT)._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    assert "a &amp; b" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_it_is_still_a_report() -> None:
    checkup = KitCheckup.of(REPORT)
    assert isinstance(checkup, KitReport)
    assert checkup.findings == REPORT.findings
    assert not checkup.ok
    assert repr(checkup) == repr(REPORT)
