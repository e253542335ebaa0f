"""The statuses of a job. Servers send text, and newer ones may send others: compare text, and expect the unknown."""

from __future__ import annotations

from enum import Enum

from ..errors import JobTimeout

FINISHED = "FINISHED"
"""The beginning of every status of a job that has ended, and the whole of it if the server does not say how."""


class JobStatus(str, Enum):
    """The statuses that FLARE gives a job; each equals the server's text for it."""

    SUBMITTED = "SUBMITTED"
    """It waits to be scheduled."""
    APPROVED = "APPROVED"
    """It may be scheduled; no longer used by FLARE."""
    DISPATCHED = "DISPATCHED"
    """It is sent to the sites."""
    RUNNING = "RUNNING"
    """It runs."""
    COMPLETED = "FINISHED:COMPLETED"
    """It ended well."""
    ABORTED = "FINISHED:ABORTED"
    """A user aborted it."""
    EXECUTION_EXCEPTION = "FINISHED:EXECUTION_EXCEPTION"
    """It failed while it ran."""
    ABNORMAL = "FINISHED:ABNORMAL"
    """Its process ended in an unexpected way."""
    CANNOT_SCHEDULE = "FINISHED:CAN_NOT_SCHEDULE"
    """The server gave up scheduling it."""
    FAILED_TO_RUN = "FINISHED:FAILED_TO_RUN"
    """It could not be deployed or started."""
    ABANDONED = "FINISHED:ABANDONED"
    """The server was restarted while it ran."""

    @classmethod
    def of(cls, text: str) -> JobStatus | None:
        """Return the status that a server's text means, also that of an old server; None if it is unknown."""
        try:
            return cls(text)
        except ValueError:
            return _OF_OLD_SERVERS.get(text)

    def __str__(self) -> str:
        return self.value


_OF_OLD_SERVERS = {
    "FINISHED_OK": JobStatus.COMPLETED,
    "FINISHED_EXCEPTION": JobStatus.EXECUTION_EXCEPTION,
    "ABORTED": JobStatus.ABORTED,
    "ABANDONED": JobStatus.ABANDONED,
    "FAILED": JobStatus.ABNORMAL,
}


def has_ended(status: str) -> bool:
    """Return True if a job in this status has ended, in whatever way: by FLARE's rule, also an unknown one."""
    return status.startswith(FINISHED) or status in _OF_OLD_SERVERS


def make_timeout_error(job_id: str, timeout: float, *, is_server_reachable: bool, which: str = "") -> JobTimeout:
    """Return the error of jobs that did not end in time; while the server is gone, it claims nothing about them.

    Parameters
    ----------
    job_id
        The job, or the first of them.
    timeout
        Seconds that were waited.
    is_server_reachable
        True if the server answers, so that they are known to be running.
    which
        The jobs, if they are several: ``2 of 3 jobs``.
    """
    jobs = which or f"job {job_id}"
    if is_server_reachable:
        return JobTimeout(
            f"{jobs} did not end within {timeout:g} s; {'they are' if which else 'it is'} still running",
            job_id=job_id,
            next_step="Wait again, with a longer time-out, or abort what should not run",
        )
    return JobTimeout(
        f"{jobs} did not end within {timeout:g} s, as far as known: the server does not answer",
        job_id=job_id,
        next_step="Jobs go on without you: wait again when the session's state is 'ready'",
    )
