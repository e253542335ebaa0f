"""What the monitor keeps of a job that some watches look at."""

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
    """A job some watches look at: asked for once, however many they are."""

    def __init__(self, job_id: str) -> None:
        self.snapshot = JobSnapshot(job_id)
        self.meta: dict[str, Any] = {}
        self.needs_meta = True
        self.is_unlisted = False  # a job of another study: no list has it
        self._server_clock: polls.ServerClock | None = None
        self.watches: list[Watch] = []
        self.retry_count = 0
        self.due: dict[str, float] = {}  # by the source's name, on the monotonic clock
        self.pending_polls: dict[str, PendingPoll[list[Update]]] = {}
        self.log_tail = polls.ServerLogTail(job_id)
        self.final_fetch: FinalFetch | None = None
        self.has_history = False
        self.stall_check: StallCheck | None = None
        self.stall_check_due = 0.0  # on the monotonic clock

    @property
    def is_final(self) -> bool:
        """Whether the job has ended, and nothing more will be learned for those who watch."""
        return self.snapshot.ended and (self.has_history or not self.needs_details)

    @property
    def active_watches(self) -> list[Watch]:
        """The watches that want to hear of it now."""
        return [w for w in self.watches if not w.done and not w.paused]

    @property
    def needs_details(self) -> bool:
        """Whether anybody wants to know more than the status."""
        return any(w.needs_details for w in self.active_watches)

    def server_clock(self, clock_offset: float) -> polls.ServerClock:
        """Return how the server's times relate to ours; always the same, so that what is read twice has one time."""
        if self._server_clock is None:
            self._server_clock = polls.server_clock(self.meta, clock_offset)
        return self._server_clock
