"""The report on a startup kit: passed and failed checks, and the next steps."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import Any

from ...formatting.text import join_names, sanitize
from ...kit import KitReport
from ...kit.report import GLYPHS, Outcome
from ..core.html import scoped_style, template_environment

_PROBLEMS = ("failed", "warning")
_MAX_TEXT_CHARS = 200  # characters of a kit's name or place


class PrettyKitReport(KitReport):
    """A :class:`.KitReport` that a notebook shows as a table, with the next steps above it.

    It is a snapshot, so it has no live form: only the kit can change, and that takes another check.

    Attributes
    ----------
    is_connected : bool
        True if a session of this kit is open, so that there is no need to log in.
    """

    is_connected = False

    @classmethod
    def of(cls, report: KitReport, is_connected: bool = False) -> PrettyKitReport:
        """Return `report` in the displayed form."""
        pretty = cls(report.location, report.findings)
        object.__setattr__(pretty, "is_connected", is_connected)  # a frozen dataclass
        return pretty

    def __repr__(self) -> str:
        lines = [f"  → {words} {command}".rstrip() for words, command in next_steps(self, self.is_connected)]
        return "\n".join([super().__repr__(), *lines])

    def _repr_html_(self) -> str:
        root, style = scoped_style("kit-static.css")
        context = template_context(self, self.is_connected)
        return template_environment().get_template("kit.html.j2").render(root=root, style=style, **context)


def template_context(report: KitReport, is_connected: bool = False) -> dict[str, Any]:
    """Return the template variables of a report. Pure; the sentences were sanitized when the report was made."""
    location = sanitize(report.location, _MAX_TEXT_CHARS)
    return {
        "outcome": worst_outcome(report),
        "verdict": verdict(report),
        "glyphs": GLYPHS,
        # The last part identifies the kit, the rest only its location.
        "name": PurePath(location).name or location,
        "location": location,
        "counts": _counts(report),
        "steps": next_steps(report, is_connected),
        "problems": [finding for finding in report.sorted_findings if finding.outcome in _PROBLEMS],
        "others": [finding for finding in report.sorted_findings if finding.outcome not in _PROBLEMS],
        "others_title": _others_title(report),
    }


def worst_outcome(report: KitReport) -> Outcome:
    """Return the worst outcome that matters: a skipped check does not make a kit worse."""
    return "failed" if report.with_outcome("failed") else "warning" if report.with_outcome("warning") else "ok"


def verdict(report: KitReport) -> str:
    """Return the kit's verdict in a word or two."""
    worst = worst_outcome(report)
    if worst == "ok":
        return "no problems"
    count = len(report.with_outcome(worst))
    word = "problem" if worst == "failed" else "warning"
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def next_steps(report: KitReport, is_connected: bool = False) -> list[tuple[str, str]]:
    """Return the next steps. Pure.

    Parameters
    ----------
    report
        The report.
    is_connected
        True if a session of this kit is open.

    Returns
    -------
    list of (str, str)
        Sentences, each with the command to run for it; empty if there is none.
    """
    kit = shlex.quote(sanitize(report.location, _MAX_TEXT_CHARS))
    failed, warned, skipped = (report.with_outcome(outcome) for outcome in ("failed", "warning", "skipped"))
    again = f"%flare check {kit}"
    if failed:
        # The checks are in order of dependency.
        first = failed[0].name
        rest = "" if len(failed) == 1 else "; it may cause the others"
        return [(f"Fix the problem with the {first} first{rest}.", ""), ("Then check again:", again)]
    names = join_names((finding.name for finding in warned), len(warned))
    it = "it" if len(warned) == 1 else "them"
    steps = [(f"Warning: {names}. Fix {it} when convenient; the kit works as is.", "")] if warned else []
    if any(finding.name == "login" for finding in skipped):
        return [*steps, ("Check the connection to the server:", again)]
    return steps if is_connected else [*steps, ("Log in:", f"%flare connect {kit}")]


def _counts(report: KitReport) -> str:
    passed = f"{len(report.with_outcome('ok'))} ok"
    return f"{len(report.findings)} checks: {', '.join([passed, *report.counts()])}"


def _others_title(report: KitReport) -> str:
    passed, skipped = (len(report.with_outcome(outcome)) for outcome in ("ok", "skipped"))
    return ", ".join([f"{passed} ok"] * bool(passed) + [f"{skipped} not checked"] * bool(skipped))
