"""What the monitor keeps of a job that some watches look at."""

from __future__ import annotations

from typing import Any

from ..diagnosis.final_fetch import Aftermath
from ..diagnosis.stall_check import Inquiry
from ..polling import polls
from ..polling.pending import Polling
from .snapshot import JobSnapshot
from .updates import Fact
from .watch import Watch


class WatchedJob:
    """A job some watches look at: asked for once, however many they are."""

    def __init__(self, job_id: str) -> None:
        self.snapshot = JobSnapshot(job_id)
        self.meta: dict[str, Any] = {}
        self.needs_meta = True
        self.unlisted = False  # a job of another study: no list has it
        self._clock: polls.Clock | None = None
        self.watches: list[Watch] = []
        self.failures = 0
        self.due: dict[str, float] = {}  # by the source's name, on the monotonic clock
        self.under_way: dict[str, Polling[list[Fact]]] = {}
        self.rounds = polls.Rounds(job_id)
        self.aftermath: Aftermath | None = None
        self.history_known = False
        self.inquiry: Inquiry | None = None
        self.inquiry_due = 0.0  # on the monotonic clock

    @property
    def final(self) -> bool:
        """Whether the job has ended, and nothing more will be learned for those who watch."""
        return self.snapshot.ended and (self.history_known or not self.details)

    @property
    def watching(self) -> list[Watch]:
        """The watches that want to hear of it now."""
        return [w for w in self.watches if not w.done and not w.paused]

    @property
    def details(self) -> bool:
        """Whether anybody wants to know more than the status."""
        return any(w.details for w in self.watching)

    def clock(self, ahead: float) -> polls.Clock:
        """Return how the server's times relate to ours; always the same, so that what is read twice has one time."""
        if self._clock is None:
            self._clock = polls.clock_of(self.meta, ahead)
        return self._clock
