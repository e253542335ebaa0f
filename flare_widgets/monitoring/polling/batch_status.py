"""How many jobs are, by one list of all jobs, where that costs the server less than a question for each."""

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
    """What came of a list.

    Attributes
    ----------
    jobs
        Those it was asked for.
    statuses
        The server's words, by job id; of a job of another study there is none.
    took
        Seconds that the answer took.
    error
        Why there is no list; None when there is.
    """

    jobs: Sequence[WatchedJob]
    statuses: dict[str, str] = field(default_factory=dict)
    latency_s: float = 0.0
    error: FlareError | None = None


class BatchStatusPoll:
    """The list that is under way, if any.

    Parameters
    ----------
    session
        Whom to ask.
    arrived
        Called, on whatever thread, when :meth:`receive` is worth a call.

    Attributes
    ----------
    jobs
        The jobs that are being asked for.
    stored
        How many jobs the server lists; None before it did.
    """

    def __init__(self, session: Session, on_answer: Callable[[], None]) -> None:
        self.jobs: Sequence[WatchedJob] = ()
        self.stored_count: int | None = None
        self._session = session
        self._on_answer = on_answer
        self._pending: PendingPoll[Answer] | None = None

    def start_if_cheaper(self, jobs: Sequence[WatchedJob], due: Sequence[WatchedJob]) -> None:
        """Ask for `jobs`, unless none of them is due, or a question for each costs the server less."""
        if (
            self._pending is None
            and any(job in jobs for job in due)
            and intervals.should_use_list(len(jobs), self.stored_count)
        ):
            self.jobs = jobs
            self._pending = PendingPoll(self._session, poll_job_list(), self._on_answer)
            self._pending.start()

    def receive(self) -> BatchResult | None:
        """Return what came of the list, once; None while there is nothing."""
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
