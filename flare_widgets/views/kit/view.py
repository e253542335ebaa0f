"""The report on a startup kit: passed and failed checks, and the next steps."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import Any

from ...formatting.text import join_names, sanitize
from ...kit import KitReport
from ...kit.report import GLYPHS, Outcome
from ..core.html import scoped_style, template_environment

_MAX_TEXT_CHARS = 200  # characters of a kit's name or place


class PrettyKitReport(KitReport):
    """A :class:`.KitReport` that a notebook shows as a table, with the next steps above it.

    It is a snapshot, so it has no live form: only the kit can change, and that takes another check.
    """

    @classmethod
    def of(cls, report: KitReport) -> PrettyKitReport:
        """Return `report` in the displayed form."""
        return cls(report.location, report.findings)

    def __repr__(self) -> str:
        lines = [f"  → {words} {command}".rstrip() for words, command in next_steps(self)]
        return "\n".join([super().__repr__(), *lines])

    def _repr_html_(self) -> str:
        root, style = scoped_style("kit-static.css")
        return (
            template_environment().get_template("kit.html.j2").render(root=root, style=style, **template_context(self))
        )


def template_context(report: KitReport) -> dict[str, Any]:
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
        "steps": next_steps(report),
        "findings": report.findings,
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


def next_steps(report: KitReport) -> list[tuple[str, str]]:
    """Return the next steps. Pure.

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
    return [*steps, ("Log in:", f"%flare connect {kit}")]


def _counts(report: KitReport) -> str:
    passed = f"{len(report.with_outcome('ok'))} ok"
    return f"{len(report.findings)} checks: {', '.join([passed, *report.counts()])}"
