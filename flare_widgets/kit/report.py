"""What the check of a startup kit found: plain data, and the same as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..formatting.text import clean

Outcome = Literal["ok", "warning", "failed", "skipped"]

GLYPHS: dict[Outcome, str] = {"ok": "✓", "warning": "⚠", "failed": "✕", "skipped": "–"}
"""A sign for each outcome; the word always stands beside it."""

_LONGEST = 1200


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes
    ----------
    name
        What was checked, in a word or two.
    outcome
        ``ok``; ``warning``: the kit works, but something should be done; ``failed``: it does not; ``skipped``: it
        could not be checked, or was not asked for.
    sentence
        What was found and, when it is bad, what to do. Fit for a terminal, whatever a certificate or a server says.
    """

    name: str
    outcome: Outcome
    sentence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentence", clean(" ".join(self.sentence.split()), _LONGEST))


@dataclass(frozen=True, repr=False)
class KitReport:
    """Everything that was found out about a startup kit. Its text form has a line a finding.

    Attributes
    ----------
    location
        The kit, as it was given.
    findings
        The outcome of each check, in the order in which one depends on the other.
    """

    location: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; there may be warnings, and checks that were skipped."""
        return not self.having("failed")

    @property
    def headline(self) -> str:
        """The kit and the verdict in one line."""
        failed, warned = len(self.having("failed")), len(self.having("warning"))
        skipped = len(self.having("skipped"))
        verdict = _count(failed, "problem") if failed else "no problem"
        more = [_count(warned, "warning")] if warned else []
        more += [f"{skipped} not checked"] if skipped else []
        return ", ".join([f"{clean(self.location)}: {verdict}", *more])

    def having(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings with this outcome."""
        return tuple(f for f in self.findings if f.outcome == outcome)

    def __getitem__(self, name: str) -> Finding:
        """Return the finding of this name."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    def __repr__(self) -> str:
        width = max((len(f.name) for f in self.findings), default=0)
        lines = [f"  {GLYPHS[f.outcome]} {f.name:<{width}}  {f.outcome:<7}  {f.sentence}" for f in self.findings]
        return "\n".join([self.headline, *lines])

    def to_json(self) -> dict[str, Any]:
        """Return the report as what JSON can hold."""
        return {"location": clean(self.location), "ok": self.ok, "findings": [asdict(f) for f in self.findings]}


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
