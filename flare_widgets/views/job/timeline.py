"""A job's timeline as it is drawn: its category, and its steps."""

from __future__ import annotations

from dataclasses import dataclass

from ...formatting.text import sanitize
from ...monitoring.job.snapshot import JobSnapshot

STATUS_GLYPHS = {"unknown": "?", "waiting": "○", "running": "●", "done": "✓", "stopped": "■", "failed": "✕"}
"""A glyph for each category, for users who cannot tell the colours apart."""

_SUCCESS_STATUSES = frozenset({"FINISHED:COMPLETED", "FINISHED_OK"})
# Ended at somebody's request, or in a way the server does not call good or bad.
_NEUTRAL_STATUSES = frozenset({"FINISHED", "FINISHED:ABORTED", "FINISHED:ABANDONED", "ABORTED", "ABANDONED"})
_USUAL_STATUSES = ("SUBMITTED", "DISPATCHED", "RUNNING", "FINISHED")
# A job has a handful of steps; only a server that invents statuses has more.
_MAX_STEPS = 10


@dataclass(frozen=True)
class Step:
    """One step in a job's timeline.

    Attributes
    ----------
    label
        The server's word for it, made readable and safe to display.
    phase
        ``passed``, ``current`` or ``ahead``.
    at
        The time it was reached; None if it was passed unseen, or is still ahead.
    is_exact
        True if the server reported the time.
    """

    label: str
    phase: str
    at: float | None = None
    is_exact: bool = False


def status_category(status: str, has_ended: bool) -> str:
    """Return a job's category: ``unknown``, ``waiting``, ``running``, ``done``, ``stopped`` or ``failed``."""
    if has_ended:
        if status in _SUCCESS_STATUSES:
            return "done"
        return "stopped" if status in _NEUTRAL_STATUSES else "failed"
    if not status:
        return "unknown"
    return "running" if status == "RUNNING" else "waiting"


def steps(snapshot: JobSnapshot) -> list[Step]:
    """Return the steps of a job's timeline: the passed ones, the current one, and the expected next ones."""
    seen = snapshot.timeline[-_MAX_STEPS:]
    result = [Step(readable_status(s.status), "passed", s.at, s.exact) for s in seen[:-1]]
    result += [Step(readable_status(s.status), "current", s.at, s.exact) for s in seen[-1:]]
    statuses = [s.status for s in seen]
    # A job is dispatched within a second, between two polls: nobody saw it, but it must have happened.
    if "RUNNING" in statuses and "DISPATCHED" not in statuses:
        result.insert(statuses.index("RUNNING"), Step("dispatched", "passed"))
    if not snapshot.ended:
        current = statuses[-1] if statuses else ""
        after = _USUAL_STATUSES.index(current) + 1 if current in _USUAL_STATUSES else 0
        known = {step.label for step in result}
        result += [
            Step(readable_status(s), "ahead") for s in _USUAL_STATUSES[after:] if readable_status(s) not in known
        ]
    return result


def readable_status(status: str) -> str:
    """Return ``FINISHED:EXECUTION_EXCEPTION`` as ``execution exception``."""
    word = status.removeprefix("FINISHED:") or status
    return sanitize(word).lower().replace("_", " ")
