"""How many jobs are, by one list of all jobs, where that costs the server less than a question for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...api.session import Session
from ...errors import FlareError
from ..job.watched_job import WatchedJob
from . import intervals
from .pending import Polling
from .polls import Answer, listing


@dataclass(frozen=True)
class Gathered:
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
    took: float = 0.0
    error: FlareError | None = None


class Gathering:
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

    def __init__(self, session: Session, arrived: Callable[[], None]) -> None:
        self.jobs: Sequence[WatchedJob] = ()
        self.stored: int | None = None
        self._session = session
        self._arrived = arrived
        self._listing: Polling[Answer] | None = None

    def begin(self, jobs: Sequence[WatchedJob], due: Sequence[WatchedJob]) -> None:
        """Ask for `jobs`, unless none of them is due, or a question for each costs the server less."""
        if self._listing is None and any(job in jobs for job in due) and intervals.use_list(len(jobs), self.stored):
            self.jobs = jobs
            self._listing = Polling(self._session, listing(), self._arrived)
            self._listing.start()

    def receive(self) -> Gathered | None:
        """Return what came of the list, once; None while there is nothing."""
        if self._listing is None:
            return None
        polling, jobs = self._listing, self.jobs
        try:
            over, answer = polling.advance()
        except FlareError as e:
            self._listing, self.jobs = None, ()
            return Gathered(jobs, error=e)
        if not over or answer is None:
            return None
        self._listing, self.jobs = None, ()
        statuses = {str(entry.get("job_id")): str(entry.get("status") or "") for entry in answer.value or []}
        self.stored = len(statuses)
        return Gathered(jobs, statuses, polling.took)
