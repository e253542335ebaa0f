"""State that the monitor keeps for each watched job."""

from __future__ import annotations

from typing import Any

from ..diagnosis.final_fetch import FinalFetch
from ..diagnosis.stall_check import StallCheck
from ..polling import polls
from ..polling.pending import PendingPoll
from .snapshot import JobSnapshot
from .updates import Update
from .watch import Watch


class WatchedJob:
    """Watched job: polled once, however many watches there are."""

    def __init__(self, job_id: str) -> None:
        self.snapshot = JobSnapshot(job_id)
        self.meta: dict[str, Any] = {}
        self.needs_meta = True
        self.is_unlisted = False  # a job of another study: no list contains it
        self._server_clock: polls.ServerClock | None = None
        self.watches: list[Watch] = []
        self.retry_count = 0
        self.due: dict[str, float] = {}  # by the poll's name, on the monotonic clock
        self.pending_polls: dict[str, PendingPoll[list[Update]]] = {}
        self.log_tail = polls.ServerLogTail(job_id)
        self.final_fetch: FinalFetch | None = None
        self.has_history = False
        self.stall_check: StallCheck | None = None
        self.stall_check_due = 0.0  # on the monotonic clock

    @property
    def is_final(self) -> bool:
        """True if the job has ended and no more data will come for its watches."""
        return self.snapshot.ended and (self.has_history or not self.needs_details)

    @property
    def active_watches(self) -> list[Watch]:
        """The watches that are neither done nor paused."""
        return [w for w in self.watches if not w.done and not w.paused]

    @property
    def needs_details(self) -> bool:
        """True if any active watch needs more than the status."""
        return any(w.needs_details for w in self.active_watches)

    def server_clock(self, clock_offset: float) -> polls.ServerClock:
        """Return the offsets of the server's clock; always the same, so that a log read twice yields the same times."""
        if self._server_clock is None:
            self._server_clock = polls.server_clock(self.meta, clock_offset)
        return self._server_clock
