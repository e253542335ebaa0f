"""Results of checking a startup kit: plain data, and the same as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..formatting.table import align
from ..formatting.text import sanitize

Outcome = Literal["ok", "warning", "failed", "skipped"]

GLYPHS: dict[Outcome, str] = {"ok": "✓", "warning": "⚠", "failed": "✕", "skipped": "–"}
"""Symbol for each outcome; the word is always shown beside it."""

_WORST_FIRST: tuple[Outcome, ...] = ("failed", "warning", "skipped", "ok")
_MAX_SENTENCE = 1200


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes
    ----------
    name
        Name of the check, in a word or two.
    outcome
        ``ok``; ``warning``: the kit works, but something should be done; ``failed``: it does not work; ``skipped``: it
        could not be checked, or the check was not requested.
    sentence
        The finding and, if it is bad, what to do. Safe for a terminal, whatever a certificate or a server says.
    """

    name: str
    outcome: Outcome
    sentence: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentence", sanitize(" ".join(self.sentence.split()), _MAX_SENTENCE))


@dataclass(frozen=True, repr=False)
class KitReport:
    """All findings about a startup kit. Its text form has one line per finding, the worst first.

    Attributes
    ----------
    location
        The kit, as it was given.
    findings
        The outcome of each check; a check comes after those it depends on.
    """

    location: str
    findings: tuple[Finding, ...]

    @property
    def sorted_findings(self) -> tuple[Finding, ...]:
        """The findings, the worst first; those of one outcome in the order of the checks."""
        return tuple(finding for outcome in _WORST_FIRST for finding in self.with_outcome(outcome))

    @property
    def ok(self) -> bool:
        """True if nothing failed; there may be warnings and skipped checks."""
        return not self.with_outcome("failed")

    @property
    def headline(self) -> str:
        """The kit and the verdict in one line."""
        more = self.counts()
        verdict = [] if self.with_outcome("failed") else ["no problems"]
        return f"{sanitize(self.location)}: {', '.join([*verdict, *more])}"

    def counts(self) -> list[str]:
        """Return the numbers of problems, of warnings and of skipped checks, in words; without those that are 0."""
        failed, warned, skipped = (len(self.with_outcome(outcome)) for outcome in ("failed", "warning", "skipped"))
        problems = [_pluralize(failed, "problem")] if failed else []
        warnings = [_pluralize(warned, "warning")] if warned else []
        return [*problems, *warnings, *([f"{skipped} not checked"] if skipped else [])]

    def with_outcome(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings with this outcome."""
        return tuple(f for f in self.findings if f.outcome == outcome)

    def __getitem__(self, name: str) -> Finding:
        """Return the finding of this name."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise KeyError(name)

    def __repr__(self) -> str:
        rows = [(f"{GLYPHS[f.outcome]} {f.name}", f"{f.outcome:<7}", f.sentence) for f in self.sorted_findings]
        return "\n".join([self.headline, *align(rows, indent="  ")])

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        return {"location": sanitize(self.location), "ok": self.ok, "findings": [asdict(f) for f in self.findings]}


def _pluralize(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
