"""Batch polling: one list of jobs for those who watch the list, and for the status of the watched jobs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from ...api.session import Session
from ..job.updates import ListedStatus, Update
from ..job.watched_job import WatchedJob
from . import intervals
from .pending import PendingPoll, SharedRequest
from .poller import Poller
from .polls import Answer, poll_job_list


@dataclass(frozen=True)
class _List:
    """Answer with the list of jobs, and the status of each by its id."""

    answer: Answer
    statuses: dict[str, ListedStatus]

    def read_status(self, job_id: str) -> list[Update]:
        """Return the update of a job; one of another study is not listed, and has no status."""
        return [self.statuses.get(job_id, ListedStatus("", 0.0))]


class BatchStatusPoll:
    """Poll of a job list, shared by the poller of the list and the status pollers of jobs; at most one is pending.

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
        self._pending: PendingPoll[_List] | None = None

    def begin_if_due(
        self, jobs: Sequence[WatchedJob], soon: Sequence[WatchedJob], list_poller: Poller[Answer], now: float
    ) -> None:
        """Poll the list if it is due itself, or costs the server less than one command for each job that is due.

        Parameters
        ----------
        jobs
            The jobs whose status can be read from a list.
        soon
            Those of them that are due, or almost due.
        list_poller
            The poller of those who watch the list.
        now
            The time on the monotonic clock.
        """
        if self._pending is not None and self._pending.is_waiting:
            return
        if list_poller.is_due(now):
            shared = jobs if intervals.is_list_quick(list_poller.latency_s) else ()
        elif any(job.status_poller.is_due(now) for job in soon) and intervals.should_use_list(
            len(soon), self.stored_count
        ):
            shared = soon
        else:
            return
        self._pending = PendingPoll(self._session, self._poll_list(), self._on_answer)
        for job in shared:
            read = functools.partial(_List.read_status, job_id=job.snapshot.job_id)
            job.status_poller.begin(SharedRequest(self._pending, read))
        if list_poller.next_at() is not None:
            list_poller.begin(SharedRequest(self._pending, lambda found: found.answer))
        self._pending.start()

    def _poll_list(self) -> Generator[Any, Any, _List]:
        answer = yield from poll_job_list()
        statuses = {
            str(entry.get("job_id")): ListedStatus(str(entry.get("status") or ""), answer.received_at)
            for entry in answer.value or []
        }
        self.stored_count = len(statuses)
        return _List(answer, statuses)
