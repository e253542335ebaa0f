"""Jobs that have ended since they were last looked at, and how that is told: once, and one notice for a burst. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..api.job_status import JobStatus
from ..formatting.text import sanitize
from ..monitoring.job.format import job_label
from ..monitoring.job_list.watch import ListedJob
from ..views.job.timeline import readable_status

MAX_REASON_WAIT_S = 10.0
"""Seconds for which a notice of a failed job waits for the reason."""

_MIN_BURST = 3
_MAX_REASON_CHARS = 300

_numbers = itertools.count(1)


@dataclass(frozen=True)
class EndedJob:
    """Job that has ended.

    Attributes
    ----------
    session
        The name of the session.
    job
        Its entry in the list.
    reason
        The diagnosis if it failed, in a sentence; empty if there is none.
    """

    session: str
    job: ListedJob
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """True if it ended otherwise than by completing, or by somebody's wish."""
        return has_failed(self.job)


@dataclass
class EndWatch:
    """The jobs of a session that have not ended yet, as far as they were seen."""

    _open: set[str] | None = None
    _pending: dict[str, tuple[ListedJob, float]] = field(default_factory=dict)

    def note(self, jobs: Iterable[ListedJob], now: float) -> None:
        """Note a list of jobs; those of the first one are no news."""
        listed = {job.job_id: job for job in jobs}
        for job_id in self._open or ():
            job = listed.get(job_id)
            if job is not None and job.ended:
                self._pending[job_id] = (job, now + (MAX_REASON_WAIT_S if has_failed(job) else 0.0))
        self._open = {job_id for job_id, job in listed.items() if not job.ended}

    @property
    def pending(self) -> list[str]:
        """The ids of ended jobs that are not told yet."""
        return list(self._pending)

    def take(self, session: str, reasons: dict[str, str | None], now: float) -> list[EndedJob]:
        """Return the ended jobs that can be told now; each is returned once.

        Parameters
        ----------
        session
            The session's name.
        reasons
            The reason of each job whose diagnosis is made; empty if it has none. A failed job that is not among
            them waits a few seconds for its own.
        now
            The time.
        """
        ready = [
            job_id for job_id, (_, until) in self._pending.items() if now >= until or reasons.get(job_id) is not None
        ]
        return [EndedJob(session, self._pending.pop(job_id)[0], reasons.get(job_id) or "") for job_id in ready]


def has_failed(job: ListedJob) -> bool:
    """Return whether an ended job ended otherwise than by completing, or by somebody's wish."""
    end = JobStatus.of(job.status)
    return job.ended and end not in (JobStatus.COMPLETED, JobStatus.ABORTED, JobStatus.ABANDONED)


def make_notices(ended: Sequence[EndedJob]) -> list[dict[str, Any]]:
    """Return what is to be told about ended jobs, each as ``id, words, tone, open``; one notice if they are many."""
    if len(ended) >= _MIN_BURST:
        failed = sum(each.has_failed for each in ended)
        words = f"{len(ended)} jobs have ended" + (f", {failed} of them failed" if failed else "")
        session = ended[0].session
        target = {"kind": "jobs", "args": {"session": session}} if all(e.session == session for e in ended) else None
        return [_notice(words, "failed" if failed else "done", target)]
    return [_about_one(each) for each in ended]


def _about_one(ended: EndedJob) -> dict[str, Any]:
    label = job_label(ended.job.name, ended.job.job_id)
    target = {"kind": "job", "args": {"session": ended.session, "job": ended.job.job_id}}
    if ended.has_failed:
        reason = sanitize(" ".join(ended.reason.split()), _MAX_REASON_CHARS) or readable_status(ended.job.status)
        return _notice(f"{label} failed: {reason}", "failed", target)
    is_completed = JobStatus.of(ended.job.status) is JobStatus.COMPLETED
    words = "is completed" if is_completed else f"has ended: {readable_status(ended.job.status)}"
    return _notice(f"{label} {words}", "done" if is_completed else "info", target)


def _notice(words: str, tone: str, target: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": f"notice-{next(_numbers)}", "words": words, "tone": tone, "open": target}
