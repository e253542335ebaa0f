"""Batch polling: the status of many jobs with a single `list_jobs` when that is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...api.session import Session
from ...errors import FlareError
from ..job.watched_job import WatchedJob
from . import intervals
from .pending import PendingPoll
from .polls import Answer, poll_job_list


@dataclass(frozen=True)
class BatchResult:
    """Outcome of a batch poll.

    Attributes
    ----------
    jobs
        The jobs that were polled.
    statuses
        The server's statuses, by job id; a job of another study has none.
    latency_s
        Seconds that the answer took.
    error
        The reason why there is no list; None if there is one.
    """

    jobs: Sequence[WatchedJob]
    statuses: dict[str, str] = field(default_factory=dict)
    latency_s: float = 0.0
    error: FlareError | None = None


class BatchStatusPoll:
    """Poll of a job list; at most one is pending.

    Parameters
    ----------
    session
        The session to send commands with.
    on_answer
        Called, on any thread, when :meth:`receive` should be called.

    Attributes
    ----------
    jobs
        The jobs that are being polled.
    stored_count
        The number of jobs in the server's list; None before the first list.
    """

    def __init__(self, session: Session, on_answer: Callable[[], None]) -> None:
        self.jobs: Sequence[WatchedJob] = ()
        self.stored_count: int | None = None
        self._session = session
        self._on_answer = on_answer
        self._pending: PendingPoll[Answer] | None = None

    def start_if_cheaper(self, jobs: Sequence[WatchedJob], due: Sequence[WatchedJob]) -> None:
        """Poll `jobs` with a list, unless none of them is due, or one command per job costs the server less."""
        if (
            self._pending is None
            and any(job in jobs for job in due)
            and intervals.should_use_list(len(jobs), self.stored_count)
        ):
            self.jobs = jobs
            self._pending = PendingPoll(self._session, poll_job_list(), self._on_answer)
            self._pending.start()

    def receive(self) -> BatchResult | None:
        """Return the outcome of the list, once; None while there is none."""
        if self._pending is None:
            return None
        polling, jobs = self._pending, self.jobs
        try:
            over, answer = polling.advance()
        except FlareError as e:
            self._pending, self.jobs = None, ()
            return BatchResult(jobs, error=e)
        if not over or answer is None:
            return None
        self._pending, self.jobs = None, ()
        statuses = {str(entry.get("job_id")): str(entry.get("status") or "") for entry in answer.value or []}
        self.stored_count = len(statuses)
        return BatchResult(jobs, statuses, polling.latency_s)
