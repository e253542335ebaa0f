"""Values that verbs return of a job, an id or a snapshot: as ever, and with the job's methods."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InvalidArgumentError
from ..monitoring import JobSnapshot
from ..monitoring.job.records import MetricRecord
from ..results.opening import fetch_result, make_fetch
from ..views.report import write_report
from ..views.results.view import ResultView
from .job_display import wait_for_results, wait_until_ended
from .prompt import is_interactive

if TYPE_CHECKING:
    from ..api import Job
    from ..manager import ManagedSession


T = TypeVar("T")


class JobId(str):
    """A job's id with the job's methods: ``job.wait()``, ``job.results()``.

    It is the id itself, a ``str``: code for the FLARE API takes it as it is. Pickled or copied it is only that.

    Parameters
    ----------
    job_id
        The id.
    managed
        The session of the job.
    results_folder
        The folder in which results are saved.
    """

    _managed: ManagedSession
    _results_folder: str

    def __new__(cls, job_id: str, managed: ManagedSession, results_folder: str) -> JobId:
        made = super().__new__(cls, job_id)
        made._managed, made._results_folder = managed, results_folder
        return made

    def __reduce_ex__(self, protocol: Any) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)

    @property
    def job(self) -> Job:
        """The handle on the job: ``job.meta``, ``job.changes()``, ..."""
        return self._managed.session.job(str(self))

    @property
    def status(self) -> str | None:
        """The job's status, freshly requested."""
        return self.job.status

    @property
    def metrics(self) -> list[MetricRecord]:
        """The metrics known so far, one flat record a value; of a job that has ended, those of its result."""
        return self.snapshot().metrics

    def snapshot(self) -> LinkedSnapshot:
        """Return all that is known of the job now."""
        watch = self._managed.monitor.watch(str(self))
        try:
            wait_for_results([watch])
            return LinkedSnapshot.of(watch.snapshot, self)
        finally:
            watch.stop()

    def wait(self, timeout: float = 0.0) -> LinkedSnapshot:
        """Wait until the job ends, with one line of progress, and return its final snapshot.

        Raises
        ------
        JobTimeout
            It did not end within `timeout` seconds (0 for no limit).
        """
        return LinkedSnapshot.of(wait_until_ended(self._managed.monitor.watch(str(self)), timeout), self)

    def results(self) -> ResultView:
        """Return the finished job's result; see ``%flare results``.

        Raises
        ------
        JobNotDone
            The job is running.
        """
        session = self._managed.session
        name = str(session.get_job_meta(str(self)).get("name") or "")
        folder, _ = fetch_result(session, str(self), name, self._results_folder)
        fetch = make_fetch(session, str(self), name, self._results_folder)
        result = ResultView(folder, fetch=fetch, session=session)
        result.show_live = result.show if is_interactive() else None
        return result

    def report(self, path: str = ".") -> Path:
        """Write a report on the job as one HTML file; see :func:`.write_report`."""
        return write_report(path, [self.snapshot()])

    def logs(self, target: str = "server") -> Any:
        """Return the job's logs; see :meth:`.Job.logs`."""
        return self.job.logs(target)

    def abort(self) -> str:
        """Abort the job, and return the server's message."""
        return self.job.abort()

    def clone(self) -> JobId:
        """Submit the job's content again, and return the new job's id."""
        return JobId(self.job.clone().id, self._managed, self._results_folder)


class LinkedSnapshot(JobSnapshot):
    """The snapshot of a job that a verb returns: data, and the job's methods: ``end.results()``.

    Pickled it is only a snapshot. The methods of a changed copy raise InvalidArgumentError, as :attr:`job` does.
    """

    _job: JobId | None = None

    @classmethod
    def of(cls, snapshot: JobSnapshot, job: JobId) -> LinkedSnapshot:
        """Return a snapshot with its job."""
        made = cls(**{field.name: getattr(snapshot, field.name) for field in dataclasses.fields(snapshot)})
        object.__setattr__(made, "_job", job)
        return made

    def __reduce_ex__(self, protocol: Any) -> tuple[type[JobSnapshot], tuple[Any, ...]]:
        return JobSnapshot, tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    @property
    def job(self) -> JobId:
        """The job's id, with the job's methods.

        Raises
        ------
        InvalidArgumentError
            This is a changed copy of the snapshot that a verb returned.
        """
        if self._job is None:
            raise InvalidArgumentError(
                "this snapshot is a copy, and only data", next_step="Call the method of session.job(snapshot.job_id)"
            )
        return self._job

    def wait(self, timeout: float = 0.0) -> LinkedSnapshot:
        """Wait until the job ends, and return its final snapshot; see :meth:`JobId.wait`."""
        return self.job.wait(timeout)

    def results(self) -> ResultView:
        """Return the finished job's result; see ``%flare results``.

        Raises
        ------
        JobNotDone
            The job is running.
        """
        return self.job.results()

    def report(self, path: str = ".") -> Path:
        """Write a report on the job as one HTML file; see :func:`.write_report`."""
        return self.job.report(path)

    def logs(self, target: str = "server") -> Any:
        """Return the job's logs; see :meth:`.Job.logs`."""
        return self.job.logs(target)

    def abort(self) -> str:
        """Abort the job, and return the server's message."""
        return self.job.abort()

    def clone(self) -> JobId:
        """Submit the job's content again, and return the new job's id."""
        return self.job.clone()


def link(managed: ManagedSession, results_folder: str, value: T) -> T | LinkedSnapshot:
    """Return a snapshot with its job; anything else, such as a view, as it is."""
    if not isinstance(value, JobSnapshot):
        return value
    return LinkedSnapshot.of(value, JobId(value.job_id, managed, results_folder))
