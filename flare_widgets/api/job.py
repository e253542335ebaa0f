"""Handles on jobs, synchronous and asynchronous."""

from __future__ import annotations

import abc
import time
from collections.abc import AsyncIterator, Generator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, SupportsIndex, TextIO, TypeVar

from .. import hooks
from ..errors import InvalidArgumentType
from ..formatting import jobs as formatting
from . import commands
from .commands import LOG_FILE
from .dual import AsyncMixin, SyncMixin, dual_method, dual_property
from .job_status import has_ended
from .models import TargetType
from .session_methods import LogMethods, SessionMethods
from .session_methods.jobs import download_result
from .session_methods.wait import check_poll_interval, read_status
from .tracebacks import trims_traceback

if TYPE_CHECKING:
    from .async_session import AsyncSession
    from .session import Session
    from .transfer.progress import ProgressCallback

J = TypeVar("J", bound="JobHandle[Any]")
M = TypeVar("M", bound=Mapping[str, Any])

_POLL_INTERVAL_S = 2.0  # seconds between two polls, as with the FLARE API's wait_for_job

#: Keys of a job's meta that differ from those of a list of jobs.
_META_KEYS = {"job_name": "name", "submit_time": "submit_time_iso"}
_KEPT_FIELDS = ("job_name", "status", "submit_time", "duration", "study")


class _LastSeen:
    """The server's last answer about a job: to be shown, never returned."""

    __slots__ = ("meta", "seen_at")

    def __init__(self, job_id: str) -> None:
        self.meta: dict[str, Any] = {"job_id": job_id}
        self.seen_at: float | None = None

    def record(self, meta: M) -> M:
        found = {key: meta.get(_META_KEYS.get(key, key), meta.get(key)) for key in _KEPT_FIELDS}
        self.meta = {**self.meta, **{key: value for key, value in found.items() if value is not None}}
        self.seen_at = time.time()
        return meta


class JobHandle(abc.ABC, Generic[J]):
    """Common base of synchronous and asynchronous handles.

    It holds only the session and the job's id: cheap to make, and equal to every other handle of its kind on the same
    job of the same server.
    """

    __slots__ = ("__weakref__", "_id", "_last_seen", "_session")

    def __init__(self, session: SessionMethods[J], job_id: str, listed_meta: Mapping[str, Any] | None = None) -> None:
        self._session = session
        self._id = job_id
        self._last_seen = _LastSeen(job_id)
        if listed_meta is not None:
            self._last_seen.record(listed_meta)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise InvalidArgumentType(
            "a job's handle cannot be pickled or copied: its session belongs to this process",
            job_id=self._id,
            next_step=f"Hand over the startup kit's folder, {str(self._session.kit.root)!r}, and the job's id, "
            f"{self._id!r}, and call flare_widgets.connect(folder).job(id) in the other process",
        )

    @property
    def id(self) -> str:
        """The job's id."""
        return self._id

    @dual_property
    async def meta(self) -> dict[str, Any]:
        """Metadata that the server stores about the job, freshly requested.

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        return self._last_seen.record(await self._session._run_command(commands.get_job_meta(self._id)))

    @dual_property
    async def status(self) -> str | None:
        """The job's status, freshly requested: ``SUBMITTED``, ``RUNNING``, ``FINISHED:COMPLETED``, ..."""
        meta = self._last_seen.record(await self._session._run_command(commands.get_job_meta(self._id)))
        status = meta.get("status")
        return status if isinstance(status, str) else None

    @dual_property
    async def name(self) -> str:
        """The job's name. It never changes: the server is asked only if it is not known yet."""
        if "job_name" not in self._last_seen.meta:
            self._last_seen.record(await self._session._run_command(commands.get_job_meta(self._id)))
        return str(self._last_seen.meta.get("job_name") or "")

    @dual_method
    async def wait(self, timeout: float = 0.0, poll_interval: float = _POLL_INTERVAL_S) -> dict[str, Any]:
        """Wait until the job ends and return its final meta. In asynchronous code, ``await job`` does the same.

        Parameters
        ----------
        timeout
            Seconds to wait; 0 for no limit.
        poll_interval
            Seconds between two polls.

        Raises
        ------
        JobTimeout
            It did not end in time; it continues.
        """

        async def note(meta: dict[str, Any]) -> bool:
            self._last_seen.record(meta)
            return True

        return await self._session._wait_for_end(self._id, timeout, poll_interval, note)

    @dual_method
    async def abort(self) -> str:
        """Abort the job, and return the server's message; see :meth:`.Session.abort_job`."""
        return await self._session._run_command(commands.abort_job(self._id))

    @dual_method
    async def clone(self) -> J:
        """Submit the content of the job again and return a handle on the new job."""
        return self._session._create_job_handle(await self._session._run_command(commands.clone_job(self._id)))

    @dual_method
    async def delete(self) -> dict[str, Any]:
        """Remove the job and its results from the server for good.

        Raises
        ------
        JobNotDone
            The job is running.
        """
        return await self._session._run_command(commands.delete_job(self._id))

    @dual_method
    async def download(self, destination: str | None = None, *, progress: ProgressCallback | None = None) -> str:
        """Download the finished job and its results, and return the new folder.

        Parameters
        ----------
        destination
            The folder in which to create the new one, named after the job; `download_dir` when not given.
        progress
            Called with bytes received and 0 (the server does not report the total).

        Raises
        ------
        JobNotDone
            The job is running.
        """
        session = self._session
        return await session._run_blocking(download_result, session._sender, self._id, destination, progress=progress)

    @dual_method
    async def components(self) -> list[str]:
        """Return the names of what sites sent in addition to the results; see :meth:`.Session.list_job_components`."""
        return await self._session._run_command(commands.list_job_components(self._id))

    @dual_method
    async def logs(
        self,
        target: str = TargetType.SERVER,
        tail_lines: int | None = None,
        grep_pattern: str | None = None,
        log_file_name: str = LOG_FILE,
    ) -> dict[str, Any]:
        """Return the job's logs that the server has: ``job.logs()["logs"]["server"]`` is the server's text.

        Needs the right to `get_job_log`, which only a project admin has by default.

        Parameters
        ----------
        target
            ``server``, the name of a site, or ``all``.
        tail_lines, grep_pattern, log_file_name
            See :meth:`.Session.get_job_logs`.

        Returns
        -------
        dict
            ``logs``: the text by target name. ``unavailable``, if present: the reason a log is missing, by site
            name.
        """
        return await LogMethods.get_job_logs(
            self._session, self._id, target, tail_lines, grep_pattern, log_file_name=log_file_name
        )

    @dual_method
    async def stats(self, target_type: str = TargetType.ALL, targets: list[str] | None = None) -> dict[str, Any]:
        """Return runtime statistics of the running job's components.

        Parameters
        ----------
        target_type
            ``server``, ``client`` or ``all``.
        targets
            With ``client``, the sites to ask; all when not given.

        Returns
        -------
        dict
            Statistics by target name and component name; see :meth:`.Session.show_stats`.

        Raises
        ------
        JobNotRunning, JobNotFound
            The job's processes are not up yet, or gone.
        """
        return await self._session._run_command(commands.show_stats(self._id, target_type, targets))

    @dual_method
    async def errors(self, target_type: str = TargetType.ALL, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the errors recorded by the running job's components; arguments and errors as in :meth:`stats`.

        Returns
        -------
        dict
            Errors by target name and component name; see :meth:`.Session.show_errors`.
        """
        return await self._session._run_command(commands.show_errors(self._id, target_type, targets))

    async def changes(self, poll_interval: float = _POLL_INTERVAL_S) -> AsyncIterator[dict[str, Any]]:
        """Yield the job's meta now, and at every change of its status, until it has ended.

        For asynchronous code, on either kind of handle: ``async for meta in job.changes(): ...``

        Parameters
        ----------
        poll_interval
            Seconds between two polls.
        """
        check_poll_interval(poll_interval)
        session, last = self._async_session(), ""
        while True:
            meta = self._last_seen.record(await session._run_command(commands.get_job_meta(self._id)))
            status = read_status(meta)
            if status != last:
                last = status
                yield meta
            if has_ended(status):
                return
            await session._sleep(poll_interval)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, JobHandle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __format__(self, spec: str) -> str:
        return format(self._id, spec)  # in a line such as %flare report {job}

    def __repr__(self) -> str:
        return formatting.format_job_text(type(self).__name__, self._id, *self._get_last_seen())

    def _repr_html_(self) -> str:
        return formatting.format_job_html(self._id, *self._get_last_seen())

    def _key(self) -> tuple[Any, ...]:
        return type(self), self._session.kit.address, self._id

    def _get_last_seen(self) -> tuple[Mapping[str, Any], float | None]:
        return self._last_seen.meta, self._last_seen.seen_at

    @abc.abstractmethod
    def _async_session(self) -> AsyncSession:
        """Return the session with asynchronous methods: this one or its counterpart."""


class Job(SyncMixin, JobHandle["Job"]):
    """A job of a :class:`.Session`; made by :meth:`.Session.job` and :meth:`.Session.jobs`.

    Examples
    --------
    >>> job = session.job(session.submit_job("jobs/hello"))  # doctest: +SKIP
    >>> job.status  # doctest: +SKIP
    'SUBMITTED'
    >>> job.watch()  # a line that follows the job, and a summary at its end  # doctest: +SKIP
    >>> job.wait(timeout=600)["status"]  # or, in a notebook, (await job)["status"]  # doctest: +SKIP
    'FINISHED:COMPLETED'
    >>> job.download()  # doctest: +SKIP
    """

    __slots__ = ()

    _session: Session

    @property
    def aio(self) -> AsyncJob:
        """The same job for asynchronous code: ``await job.aio.logs()``."""
        twin = AsyncJob(self._session.aio, self._id)
        twin._last_seen = self._last_seen
        return twin

    @trims_traceback
    def watch(self, timeout: float = 0.0, *, file: TextIO | None = None) -> Any:
        """Show the job's progress in the terminal until it ends, and then its outcome.

        One line with round, sites, metric and time that is updated in place; without a terminal (a log file, a pipe), a
        line at each new status, round or connection problem. An interrupt returns at once; the job continues. To keep
        working meanwhile, use ``flare_widgets.Monitor(session).watch(job.id)``, or in a notebook
        ``%flare monitor``.

        Parameters
        ----------
        timeout
            Seconds to watch; 0 for no limit.
        file
            Stream to print to; standard output when not given.

        Returns
        -------
        JobSnapshot
            Final snapshot of the job: ``status``, ``duration``, ``rounds``, ``metrics``, ``failure``, ...

        Raises
        ------
        JobTimeout
            It did not end in time; it continues.
        JobNotFound
            There is no such job.
        SessionClosed
            The session was closed meanwhile.
        """
        return hooks.watch_job(self._session, self._id, timeout, file)

    @trims_traceback
    def snapshot(self) -> Any:
        """Return all that is known of the job now, of one that has ended with its result.

        Returns
        -------
        JobSnapshot
            ``status``, ``duration``, ``rounds``, ``metrics``, ``failure``, ``to_frame()``, ...

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        return hooks.read_snapshot(self._session, self._id)

    @property
    def metrics(self) -> Any:
        """The metrics known so far, one flat record a value; of a job that has ended, those of its result."""
        return self.snapshot().metrics

    @trims_traceback
    def results(self, folder: str | None = None, *, progress: ProgressCallback | None = None) -> Any:
        """Return the finished job's result: downloaded unless it is there, of a large one only what tells about it.

        Parameters
        ----------
        folder
            The folder in which to create the one of the result, ``NAME-ID``; ``results`` when not given.
        progress
            As of :meth:`download`.

        Returns
        -------
        Result
            ``models``, ``metrics``, ``cross_site``, ``statistics``, ``files``, ...

        Raises
        ------
        JobNotDone
            The job is running.
        """
        return hooks.open_result(self._session, self._id, self.name, folder, progress=progress)

    @trims_traceback
    def report(self, path: str = ".") -> Any:
        """Write a report on the job as one HTML file, which needs no server and no network, and return its path.

        Parameters
        ----------
        path
            The file, or a folder for it; the working folder if not given. In a folder it is ``report-NAME-ID.html``.
        """
        return hooks.write_report(path, [self.snapshot()])

    def __await__(self) -> Generator[Any, Any, dict[str, Any]]:
        return self.aio.__await__()

    def _async_session(self) -> AsyncSession:
        return self._session.aio


class AsyncJob(AsyncMixin, JobHandle["AsyncJob"]):
    """A job of an :class:`.AsyncSession`: its methods are coroutines, and its attributes are awaited.

    Examples
    --------
    >>> job = await session.job(await session.submit_job("jobs/hello"))  # doctest: +SKIP
    >>> await job.status  # doctest: +SKIP
    'SUBMITTED'
    >>> meta = await job  # doctest: +SKIP
    """

    __slots__ = ()

    _session: AsyncSession

    def __await__(self) -> Generator[Any, Any, dict[str, Any]]:
        return self.wait().__await__()

    def _async_session(self) -> AsyncSession:
        return self._session


class JobShortcuts:
    """Methods of a job on what stands for one, such as its view."""

    @property
    def job(self) -> Job:
        """The handle on the job."""
        raise NotImplementedError

    def logs(self, target: str = "server") -> dict[str, Any]:
        """Return the job's logs; see :meth:`.Job.logs`."""
        return self.job.logs(target)

    def abort(self) -> str:
        """Abort the job, and return the server's message."""
        return self.job.abort()

    def clone(self) -> Job:
        """Submit the job's content again, and return a handle on the new job."""
        return self.job.clone()

    def report(self, path: str = ".") -> Any:
        """Write a report on the job as one HTML file; see :meth:`.Job.report`."""
        return self.job.report(path)
