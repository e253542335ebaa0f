"""Batch polling: the status of many jobs with a single `list_jobs` when that is cheaper."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from ...api.session import Session
from ..job.updates import ListedStatus, Update
from ..job.watched_job import WatchedJob
from . import intervals
from .pending import PendingPoll
from .polls import poll_job_list

_Statuses = dict[str, ListedStatus]


class BatchStatusPoll:
    """Poll of a job list, shared by the status pollers of several jobs; at most one is pending.

    Parameters
    ----------
    session
        The session to send commands with.
    on_answer
        Called, on any thread, when the pollers should receive their answers.

    Attributes
    ----------
    stored_count
        The number of jobs in the server's list; None before the first list.
    """

    def __init__(self, session: Session, on_answer: Callable[[], None]) -> None:
        self.stored_count: int | None = None
        self._session = session
        self._on_answer = on_answer
        self._pending: PendingPoll[_Statuses] | None = None

    def begin_if_cheaper(self, jobs: Sequence[WatchedJob], due: Sequence[WatchedJob]) -> None:
        """Poll `jobs` with a list, unless none of them is due, or one command per job costs the server less."""
        if (
            (self._pending is None or not self._pending.is_waiting)
            and any(job in jobs for job in due)
            and intervals.should_use_list(len(jobs), self.stored_count)
        ):
            self._pending = PendingPoll(self._session, self._poll_statuses(), self._on_answer)
            for job in jobs:
                job.status_poller.begin(_Share(self._pending, job.snapshot.job_id))
            self._pending.start()

    def _poll_statuses(self) -> Generator[Any, Any, _Statuses]:
        answer = yield from poll_job_list()
        statuses = {
            str(entry.get("job_id")): ListedStatus(str(entry.get("status") or ""), answer.received_at)
            for entry in answer.value or []
        }
        self.stored_count = len(statuses)
        return statuses


@dataclass(frozen=True)
class _Share:
    """Request of one job's status, answered by the shared list; a job of another study is listed without a status."""

    poll: PendingPoll[_Statuses]
    job_id: str

    @property
    def latency_s(self) -> float:
        return self.poll.latency_s

    def start(self) -> None:
        pass  # sent once for all

    def advance(self) -> tuple[bool, list[Update] | None]:
        is_over, statuses = self.poll.advance()
        return is_over, None if statuses is None else [statuses.get(self.job_id, ListedStatus("", 0.0))]

    def cancel(self) -> None:
        pass  # others may wait for it
