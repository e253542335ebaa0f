"""A snapshot in words: one line for a terminal, a ``print``, and the label a screen reader hears."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..text import SHORT_ID, clean

if TYPE_CHECKING:
    from .snapshot import JobSnapshot


def describe(snapshot: JobSnapshot, now: float | None = None) -> str:
    """Return the job in one line: name, short id, status, run time, sites, trouble.

    Parameters
    ----------
    snapshot
        What is known about the job.
    now
        The time the line is for (seconds since the epoch); the current time when not given.
    """
    now = time.time() if now is None else now
    parts = [label(snapshot.name, snapshot.job_id), clean(snapshot.status) or "UNKNOWN"]
    # What the server no longer confirms does not go on.
    elapsed = snapshot.elapsed(snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now)
    if elapsed is not None:
        parts.append(clock(elapsed))
    if snapshot.sites:
        parts.append(", ".join(f"{clean(s.name)} {s.state}" for s in snapshot.sites))
    if snapshot.trouble:
        parts.append(clean(snapshot.trouble))
    return "  ".join(parts)


def label(name: str, job_id: str) -> str:
    """Return a job's name and short id."""
    return f"{clean(name) or 'job'} {clean(job_id[:SHORT_ID])}"


def clock(seconds: float) -> str:
    """Return seconds as ``0:07``, ``2:14`` or ``1:02:03``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
