"""What is right and what is wrong with a startup kit, and what to do next."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import Any

from ...formatting.text import clean
from ...kit import KitReport
from ...kit.report import GLYPHS, Outcome
from ..core.html import _environment, _style

_MOST = 200  # characters of a kit's name or place


class KitCheckup(KitReport):
    """A :class:`.KitReport` that a notebook shows as a table, with what to do next above it.

    It is a picture of one moment, so it has no live form: what changes is the kit, and that takes another check.
    """

    @classmethod
    def of(cls, report: KitReport) -> KitCheckup:
        """Return `report` in the form that is shown."""
        return cls(report.location, report.findings)

    def __repr__(self) -> str:
        lines = [f"  → {words} {command}".rstrip() for words, command in next_steps(self)]
        return "\n".join([super().__repr__(), *lines])

    def _repr_html_(self) -> str:
        root, style = _style("kit-static.css")
        return _environment().get_template("kit.html.j2").render(root=root, style=style, **picture(self))


def picture(report: KitReport) -> dict[str, Any]:
    """Return what is drawn of a report. Pure; the sentences are clean since the report was made."""
    location = clean(report.location, _MOST)
    return {
        "tone": tone(report),
        "verdict": verdict(report),
        "glyphs": GLYPHS,
        # The last part says whose kit it is, the rest only where it lies.
        "name": PurePath(location).name or location,
        "location": location,
        "counts": _counts(report),
        "steps": next_steps(report),
        "findings": report.findings,
    }


def tone(report: KitReport) -> Outcome:
    """Return the worst outcome that matters: a check that was skipped does not make a kit worse."""
    return "failed" if report.having("failed") else "warning" if report.having("warning") else "ok"


def verdict(report: KitReport) -> str:
    """Say in a word or two how the kit is."""
    worst = tone(report)
    if worst == "ok":
        return "no problem"
    count = len(report.having(worst))
    word = "problem" if worst == "failed" else "warning"
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def next_steps(report: KitReport) -> list[tuple[str, str]]:
    """Say what to do next. Pure.

    Returns
    -------
    list of (str, str)
        Sentences, each with the line to run for it; empty when there is none.
    """
    kit = shlex.quote(clean(report.location, _MOST))
    failed, warned, skipped = (report.having(outcome) for outcome in ("failed", "warning", "skipped"))
    again = f"%flare check {kit}"
    if failed:
        # The checks are in the order in which one depends on the other.
        first = failed[0].name
        rest = "" if len(failed) == 1 else ": others may come of it"
        return [(f"Solve the problem with the {first} first{rest}.", ""), ("Then check again:", again)]
    steps = [(f"See to the {_listed([f.name for f in warned])} when you can: it works as it is.", "")] if warned else []
    if any(finding.name == "login" for finding in skipped):
        return [*steps, ("The way to the server is not checked yet:", again)]
    return [*steps, ("Log in:", f"%flare connect {kit}")]


def _counts(report: KitReport) -> str:
    counted = [f"{len(report.having('ok'))} ok"] if report.having("ok") else []
    return f"{len(report.findings)} checks: {', '.join([report.headline.rpartition(': ')[2], *counted])}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
