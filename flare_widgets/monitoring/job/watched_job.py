"""State that the monitor keeps for each watched job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...api.job_status import JobStatus
from ..diagnosis.final_fetch import FinalFetch
from ..diagnosis.stall_check import StallCheck
from ..polling import intervals, polls
from ..polling.poller import Poller
from .snapshot import JobSnapshot
from .updates import Update
from .watch import Watch

JobPoller = Poller[list[Update]]

_MAX_BACKOFF_S = 8.0  # seconds between two polls of a job whose server does not answer


class WatchedJob:
    """Watched job: polled once, however many watches there are.

    Parameters
    ----------
    job_id
        The job.
    poll_interval
        Seconds between two polls, if they are fixed.
    submitted
        The server's configuration and its suffix, if the session submitted the job.
    """

    def __init__(
        self, job_id: str, poll_interval: float | None = None, submitted: tuple[str, str] | None = None
    ) -> None:
        self.snapshot = JobSnapshot(job_id)
        self.meta: dict[str, Any] = {}
        self.needs_meta = True
        self.is_unlisted = False  # a job of another study: no list contains it
        self._server_clock: polls.ServerClock | None = None
        self.watches: list[Watch] = []
        self.status_poller: JobPoller = Poller(
            f"the status of job {job_id}",
            standby=lambda: not self.needs_status,
            backoff_s=poll_interval or intervals.NORMAL_INTERVAL_S,
            max_backoff_s=_MAX_BACKOFF_S,
        )
        self.rounds_poller: JobPoller = Poller(
            f"the rounds of job {job_id}",
            standby=lambda: not self.log_tail.is_readable or not self.is_running_in_detail,
        )
        self._activity_pollers: dict[str, JobPoller] = {}
        self.log_tail = polls.ServerLogTail(job_id, submitted)
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
        return [w for w in self.watches if w.is_active]

    @property
    def needs_details(self) -> bool:
        """True if any active watch needs more than the status."""
        return any(w.needs_details for w in self.active_watches)

    @property
    def needs_status(self) -> bool:
        """True if any active watch waits for a new status."""
        return bool(self.active_watches) and (not self.snapshot.ended or self.needs_meta)

    @property
    def can_use_list(self) -> bool:
        """True if its status is needed, and may be read from a list."""
        if self.needs_meta or self.is_unlisted or self.status_poller.next_at() is None:
            return False  # without any data, or after a change, the whole meta is needed
        return not any(w.has_callback for w in self.active_watches)  # which get it as well

    @property
    def is_running_in_detail(self) -> bool:
        """True if the job is running, and any active watch needs more than the status."""
        return self.snapshot.status == JobStatus.RUNNING and self.needs_details

    @property
    def pollers(self) -> list[JobPoller]:
        """All pollers of the job."""
        return [self.status_poller, self.rounds_poller, *self._activity_pollers.values()]

    def activity_pollers(self) -> Mapping[str, JobPoller]:
        """Return the pollers of what participants do, by name; there are none while the log can be read instead."""
        if not self.log_tail.is_readable and self.is_running_in_detail:
            for name in polls.activity_targets(self.snapshot):
                if name not in self._activity_pollers:
                    self._activity_pollers[name] = Poller(
                        f"the activity of {name} in job {self.snapshot.job_id}",
                        standby=lambda: not self.is_running_in_detail,
                    )
        return self._activity_pollers

    def refresh(self) -> None:
        """Make all polls due at once."""
        for poller in self.pollers:
            poller.refresh()

    def server_clock(self, clock_offset: float) -> polls.ServerClock:
        """Return the offsets of the server's clock; always the same, so that a log read twice yields the same times."""
        if self._server_clock is None:
            self._server_clock = polls.server_clock(self.meta, clock_offset)
        return self._server_clock
