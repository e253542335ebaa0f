"""A handle on a job, of either face."""

from __future__ import annotations

import abc
import time
from collections.abc import AsyncIterator, Generator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TextIO, TypeVar

from . import commands, job_table
from .commands import LOG_FILE
from .dual import Awaiting, Blocking, attribute, method
from .models import TargetType, is_terminal
from .session_methods import HandleMethods, JobMethods, LogMethods, RunningJobMethods
from .session_methods.monitor import check_interval, status_in
from .transfer.upload import Progress

if TYPE_CHECKING:
    from ..monitoring.job.snapshot import JobSnapshot
    from .async_session import AsyncSession
    from .session import Session

J = TypeVar("J", bound="Handle[Any]")
M = TypeVar("M", bound=Mapping[str, Any])

_POLL = 2.0  # seconds between two looks, as with the FLARE API's wait_for_job

#: A job's meta calls some things by other names than a list of jobs.
_IN_META = {"job_name": "name", "submit_time": "submit_time_iso"}
_KEPT = ("job_name", "status", "submit_time", "duration", "study")


class _Memory:
    """What the server said last about a job: to be shown, never returned."""

    __slots__ = ("at", "facts")

    def __init__(self, job_id: str) -> None:
        self.facts: dict[str, Any] = {"job_id": job_id}
        self.at: float | None = None

    def note(self, said: M) -> M:
        found = {key: said.get(_IN_META.get(key, key), said.get(key)) for key in _KEPT}
        self.facts = {**self.facts, **{key: value for key, value in found.items() if value is not None}}
        self.at = time.time()
        return said


class Handle(abc.ABC, Generic[J]):
    """What both faces of a handle have.

    It is no more than the session and the job's id: cheap to make, and equal to every other handle of its face on
    the same job of the same server.
    """

    __slots__ = ("__weakref__", "_id", "_memory", "_session")

    def __init__(self, session: HandleMethods[J], job_id: str, known: Mapping[str, Any] | None = None) -> None:
        self._session = session
        self._id = job_id
        self._memory = _Memory(job_id)
        if known is not None:
            self._memory.note(known)

    @property
    def id(self) -> str:
        """The job's id."""
        return self._id

    @attribute
    async def meta(self) -> dict[str, Any]:
        """What the server stores about the job, asked now.

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        return self._memory.note(await self._session._run(commands.get_job_meta(self._id)))

    @attribute
    async def status(self) -> str | None:
        """The job's status, asked now: ``SUBMITTED``, ``RUNNING``, ``FINISHED:COMPLETED``, ..."""
        meta = self._memory.note(await self._session._run(commands.get_job_meta(self._id)))
        status = meta.get("status")
        return status if isinstance(status, str) else None

    @attribute
    async def name(self) -> str:
        """The job's name. It never changes: the server is asked only when it has not said it yet."""
        if "job_name" not in self._memory.facts:
            self._memory.note(await self._session._run(commands.get_job_meta(self._id)))
        return str(self._memory.facts.get("job_name") or "")

    @method
    async def wait(self, timeout: float = 0.0, poll_interval: float = _POLL) -> dict[str, Any]:
        """Wait until the job ends and return its final meta. In code that may await, so does ``await job``.

        Parameters
        ----------
        timeout
            Seconds to wait; 0 for as long as it takes.
        poll_interval
            Seconds between two looks.

        Raises
        ------
        JobTimeout
            It did not end in time; it goes on.
        """

        async def note(meta: dict[str, Any]) -> bool:
            self._memory.note(meta)
            return True

        return await self._session._wait_for_end(self._id, timeout, poll_interval, note)

    @method
    async def abort(self) -> str:
        """End the job before its time, and return what the server says; see :meth:`.Session.abort_job`."""
        return await JobMethods.abort_job(self._session, self._id)

    @method
    async def clone(self) -> J:
        """Submit the content of the job again and return the handle on the new job."""
        return self._session._handle(await JobMethods.clone_job(self._session, self._id))

    @method
    async def delete(self) -> dict[str, Any]:
        """Remove the job and its results from the server for good.

        Raises
        ------
        JobNotDone
            It is running.
        """
        return await JobMethods.delete_job(self._session, self._id)

    @method
    async def download(self, destination: str | None = None, *, progress: Progress | None = None) -> str:
        """Download the finished job and its results, and return the new folder.

        Parameters
        ----------
        destination
            The folder in which the new one, named after the job, shall be; `download_dir` when not given.
        progress
            Called with bytes received and 0 (the server does not say how many there are).

        Raises
        ------
        JobNotDone
            It is running.
        """
        return await JobMethods.download_job_result(self._session, self._id, destination, progress=progress)

    @method
    async def components(self) -> list[str]:
        """Return the names of what sites sent in addition to the results; see :meth:`.Session.list_job_components`."""
        return await JobMethods.list_job_components(self._session, self._id)

    @method
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
            ``logs``: by the target's name, the text. ``unavailable``, where there is one: by the name of a site,
            why its log is not there.
        """
        return await LogMethods.get_job_logs(
            self._session, self._id, target, tail_lines, grep_pattern, log_file_name=log_file_name
        )

    @method
    async def stats(self, target_type: str = TargetType.ALL, targets: list[str] | None = None) -> dict[str, Any]:
        """Return what the parts of the running job say about themselves.

        Parameters
        ----------
        target_type
            ``server``, ``client`` or ``all``.
        targets
            With ``client``, the sites to ask; all when not given.

        Returns
        -------
        dict
            By the target's name, by the part's name, its figures; see :meth:`.Session.show_stats`.

        Raises
        ------
        JobNotRunning, JobNotFound
            The job's processes are not up yet, or gone.
        """
        return await RunningJobMethods.show_stats(self._session, self._id, target_type, targets)

    @method
    async def errors(self, target_type: str = TargetType.ALL, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the errors that the parts of the running job remember; arguments and errors as in :meth:`stats`.

        Returns
        -------
        dict
            By the target's name, by the part's name, its errors; see :meth:`.Session.show_errors`.
        """
        return await RunningJobMethods.show_errors(self._session, self._id, target_type, targets)

    async def changes(self, poll_interval: float = _POLL) -> AsyncIterator[dict[str, Any]]:
        """Yield the job's meta now, and whenever its status has changed, until it has ended.

        On either face for code that may await: ``async for meta in job.changes(): ...``

        Parameters
        ----------
        poll_interval
            Seconds between two looks.
        """
        check_interval(poll_interval)
        session, last = self._awaiting(), ""
        while True:
            meta = self._memory.note(await session._run(commands.get_job_meta(self._id)))
            status = status_in(meta)
            if status != last:
                last = status
                yield meta
            if is_terminal(status):
                return
            await session._sleep(poll_interval)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Handle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return job_table.job_text(type(self).__name__, self._id, *self._known())

    def _repr_html_(self) -> str:
        return job_table.job_html(self._id, *self._known())

    def _key(self) -> tuple[Any, ...]:
        return type(self), self._session.kit.address, self._id

    def _known(self) -> tuple[Mapping[str, Any], float | None]:
        return self._memory.facts, self._memory.at

    @abc.abstractmethod
    def _awaiting(self) -> AsyncSession:
        """Return the session of the other face, or of this one, whose methods are awaited."""


class Job(Blocking, Handle["Job"]):
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
        """The same job for code that awaits: ``await job.aio.logs()``."""
        twin = AsyncJob(self._session.aio, self._id)
        twin._memory = self._memory
        return twin

    def watch(self, timeout: float = 0.0, *, file: TextIO | None = None) -> JobSnapshot:
        """Tell in the terminal how the job comes along, until it ends, and then how it went.

        One line with round, sites, metric and time that renews itself in place; where there is no terminal (a log
        file, a pipe), a line at each new status, round or trouble. An interrupt leaves at once; the job goes on.
        To go on working meanwhile, use ``flare_widgets.Monitor(session).watch(job.id)``, or in a notebook
        ``%flare monitor``.

        Parameters
        ----------
        timeout
            Seconds to watch; 0 for as long as it takes.
        file
            Where to print; standard output when not given.

        Returns
        -------
        JobSnapshot
            What is known about the job at its end: ``status``, ``duration``, ``rounds``, ``metrics``, ``failure``, ...

        Raises
        ------
        JobTimeout
            It did not end in time; it goes on.
        JobNotFound
            There is no such job.
        SessionClosed
            The session was closed meanwhile.
        """
        # An import upwards, when asked: users look for this beside wait, but monitoring needs the API.
        from ..monitoring.console import follow

        return follow(self._session, self._id, timeout, file)

    def __await__(self) -> Generator[Any, Any, dict[str, Any]]:
        return self.aio.__await__()

    def _awaiting(self) -> AsyncSession:
        return self._session.aio


class AsyncJob(Awaiting, Handle["AsyncJob"]):
    """A job of an :class:`.AsyncSession`: its methods are coroutines, and so are its attributes.

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

    def _awaiting(self) -> AsyncSession:
        return self._session
