"""A job's timeline as it is drawn: its category, and its steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...api.job_status import FINISHED, JobStatus
from ...formatting.text import sanitize
from ...monitoring.job.snapshot import JobSnapshot

STATUS_GLYPHS = {
    "unknown": "?",
    "waiting": "○",
    "running": "●",
    "done": "✓",
    "stopped": "■",
    "failed": "✕",
    "lost": "!",
}
"""A glyph for each category, for users who cannot tell the colours apart."""

_USUAL_STATUSES = (JobStatus.SUBMITTED, JobStatus.DISPATCHED, JobStatus.RUNNING, FINISHED)
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
        end = JobStatus.of(status)
        if end is JobStatus.COMPLETED:
            return "done"
        # Ended at somebody's request, or in a way the server does not call good or bad.
        is_neutral = end in (JobStatus.ABORTED, JobStatus.ABANDONED) or status == FINISHED
        return "stopped" if is_neutral else "failed"
    if not status:
        return "unknown"
    return "running" if status == JobStatus.RUNNING else "waiting"


def steps(snapshot: JobSnapshot) -> list[Step]:
    """Return the steps of a job's timeline: the passed ones, the current one, and the expected next ones."""
    seen = snapshot.timeline[-_MAX_STEPS:]
    result = [Step(readable_status(s.status), "passed", s.at, s.exact) for s in seen[:-1]]
    result += [Step(readable_status(s.status), "current", s.at, s.exact) for s in seen[-1:]]
    statuses = [s.status for s in seen]
    # A job is dispatched within a second, between two polls: nobody saw it, but it must have happened.
    if JobStatus.RUNNING in statuses and JobStatus.DISPATCHED not in statuses:
        result.insert(statuses.index(JobStatus.RUNNING), Step("dispatched", "passed"))
    if snapshot.is_zombie:
        result = [replace(step, phase="passed") for step in result] + [Step("lost", "current", snapshot.last_run_at)]
    elif not snapshot.ended:
        current = statuses[-1] if statuses else ""
        after = _USUAL_STATUSES.index(current) + 1 if current in _USUAL_STATUSES else 0
        known = {step.label for step in result}
        result += [
            Step(readable_status(s), "ahead") for s in _USUAL_STATUSES[after:] if readable_status(s) not in known
        ]
    return result


def readable_status(status: str) -> str:
    """Return ``FINISHED:EXECUTION_EXCEPTION`` as ``execution exception``."""
    word = status.removeprefix(f"{FINISHED}:") or status
    return sanitize(word).lower().replace("_", " ")
