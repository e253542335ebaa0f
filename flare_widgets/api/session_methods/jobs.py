"""Methods that list, abort, delete and download jobs, and that return handles on them."""

from __future__ import annotations

import abc
import contextlib
import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ... import hooks
from ...errors import FlareError, InputError, InternalError, JobNotDone, JobNotFound
from ...local_files import absolute_path
from .. import commands, transfer
from ..command_sender import CommandSender
from ..commands import Command
from ..dual import dual_method
from ..job_list import JobList, JobRow
from ..job_status import JobStatus, has_ended
from ..listed_jobs import ListedJobs
from .core import SessionCore, transfer_method

if TYPE_CHECKING:
    from ...wire.connection import Connection
    from ...wire.transfers import RemoteFile
    from ..transfer.progress import ProgressCallback
    from ..transfer.result_files import ResultFiles

J = TypeVar("J", bound=JobRow)

_UNSTARTED = {
    JobStatus.SUBMITTED: "has not started yet: it waits for its turn",
    JobStatus.APPROVED: "has not started yet: it waits for its turn",
    JobStatus.DISPATCHED: "has not started yet: it is being sent to the sites",
}

_RESULT_FOLDERS = ("workspace", "job")
_JOB_ID_LENGTH = 36  # of a UUID
_MAX_NAMES_SHOWN = 5
_MAX_ABORTS = 4  # of a job that waits
_ABORT_CHECK_DELAY_S = 1.0  # seconds after which the scheduler has stored what it was about to store
_WAITING_JOB_ABORTED = re.compile(r"^Aborted the job \S{1,200} before running it")


class JobMethods(SessionCore, Generic[J]):
    """Methods of a session for jobs, whose handles are of type `J`."""

    @abc.abstractmethod
    def _create_job_handle(self, job_id: str, listed_meta: Mapping[str, Any] | None = None) -> J:
        """Return a handle on a job for this kind of session; `listed_meta` is the server's last answer about it."""

    @dual_method
    async def job(self, job_id: str) -> J:
        """Return a handle on a job: ``session.job(id).wait()``.

        Parameters
        ----------
        job_id
            The job's id, or a prefix of it that is unique in the session's study. The server is asked only for a
            prefix; a full id is verified when the handle is used.

        Raises
        ------
        JobNotFound
            No job, or more than one, has an id with this prefix.
        """
        if not isinstance(job_id, str) or not job_id:
            raise JobNotFound(f"pass the id of a job, or the beginning of the id, not {job_id!r}")
        if len(job_id) >= _JOB_ID_LENGTH:
            return self._create_job_handle(job_id)
        listed = await self._run_command(commands.list_jobs(id_prefix=job_id))
        found = _pick_unique(job_id, listed)
        return self._create_job_handle(found["job_id"], found)

    @dual_method
    async def jobs(
        self,
        limit: int | None = None,
        id_prefix: str | None = None,
        name_prefix: str | None = None,
        reverse: bool = True,
        submit_token: str | None = None,
    ) -> JobList[J]:
        """Return handles on the jobs of the session's study, newest first: ``session.jobs()[0]`` is the latest.

        Parameters
        ----------
        limit
            Maximum number of jobs; all when None or 0.
        id_prefix, name_prefix
            Only jobs whose id or name begins with this prefix.
        reverse
            True for newest first; False for oldest first, the default of :meth:`list_jobs`.
        submit_token
            Only the job submitted with this token.

        Returns
        -------
        list of Job
            Shown as a table of the server's last answers about them.
        """
        listed = await self._run_command(
            commands.list_jobs(
                limit=limit, id_prefix=id_prefix, name_prefix=name_prefix, reverse=reverse, submit_token=submit_token
            )
        )
        ids = [(entry.get("job_id"), entry) for entry in listed]
        return JobList(
            self._create_job_handle(job_id, entry) for job_id, entry in ids if isinstance(job_id, str) and job_id
        )

    @dual_method  # type: ignore[arg-type]  # **kwargs could have another `self`
    async def list_jobs(
        self,
        detailed: bool = False,
        limit: int | None = None,
        id_prefix: str | None = None,
        name_prefix: str | None = None,
        reverse: bool = False,
        submit_token: str | None = None,
        **kwargs: Any,
    ) -> ListedJobs:
        """Return the jobs of the session's study.

        Parameters
        ----------
        detailed
            True to return all of each job's meta.
        limit
            Maximum number of jobs; all when None or 0.
        id_prefix, name_prefix
            Only jobs whose id or name begins with this prefix.
        reverse
            Newest first instead of oldest first.
        submit_token
            Only the job submitted with this token.
        **kwargs
            The FLARE API's old names ``max_num``, ``job_id_prefix``, ``job_name_prefix``, ``id`` and ``name``.

        Returns
        -------
        list of dict
            ``job_id, job_name, status, submit_time, duration, study``, as text. Its ``records()`` and ``to_frame()``
            are flat, with times as datetimes.
        """
        filters = commands.resolve_aliases(limit, id_prefix, name_prefix, kwargs)
        jobs = await self._run_command(
            commands.list_jobs(detailed=detailed, reverse=reverse, submit_token=submit_token, **filters)
        )
        return ListedJobs(jobs)

    @dual_method
    async def get_job_meta(self, job_id: str) -> dict[str, Any]:
        """Return the metadata that the server stores about a job.

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        return await self._run_command(commands.get_job_meta(job_id))

    @dual_method
    async def get_job_status(self, job_id: str) -> str | None:
        """Return the job's status: ``SUBMITTED``, ``RUNNING``, ``FINISHED:COMPLETED``, ..."""
        status = (await self._run_command(commands.get_job_meta(job_id))).get("status")
        return status if isinstance(status, str) else None

    @dual_method
    async def clone_job(self, job_id: str) -> str:
        """Submit the content of a job again and return the new job's id.

        Raises
        ------
        OutcomeUnknown
            The answer was lost: there may or may not be a new job. The message says how to find out; cloning is not
            retried, because a second clone would be a second job.
        """
        new_id = await self._run_command(commands.clone_job(job_id))
        self._keep_config(new_id, self.submitted_config(job_id))
        hooks.note_submission()
        return new_id

    @dual_method
    async def abort_job(self, job_id: str) -> str:
        """Abort a job, and return the server's message.

        A job that has ended stays as it is. For a running job this takes 2 to 3 s, and its status follows a few
        seconds later. For a waiting job it takes a second: FLARE's scheduler may overwrite the abort with what it is
        about to store, so the status is checked then, and the abort is repeated if the job waits on or has started.

        Raises
        ------
        InternalError
            A waiting job was aborted several times, and its status never showed it.
        """
        for _ in range(_MAX_ABORTS):
            message = await self._run_command(commands.abort_job(job_id))
            if not _WAITING_JOB_ABORTED.search(message):
                return message
            await self._sleep(_ABORT_CHECK_DELAY_S)
            try:
                status = (await self._run_command(commands.get_job_meta(job_id))).get("status")
            except FlareError:
                return message  # the abort itself was answered
            if has_ended(str(status)):
                return message
        raise InternalError(
            f"the server says that it aborted the job {_MAX_ABORTS} times, and its scheduler goes on with it",
            command="abort_job",
            job_id=job_id,
            next_step="Look at the job's status, and abort it again",
        )

    @dual_method
    async def delete_job(self, job_id: str) -> dict[str, Any]:
        """Remove a job and its results from the server for good.

        Raises
        ------
        JobNotDone
            The job is running.
        """
        return await self._run_command(commands.delete_job(job_id))

    @transfer_method
    def download_job_result(
        self,
        job_id: str,
        destination: str | None = None,
        *,
        folder_name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> str:
        """Download a finished job and its results.

        Parameters
        ----------
        job_id
            The job.
        destination
            The folder in which to create the new one; `download_dir` when not given.
        folder_name
            The name of the new folder; the job's id when not given.
        progress
            Called with bytes received and 0 (the server does not report the total), at least once a second.
            When it returns False, the download is cancelled and what has arrived is removed.

        Returns
        -------
        str
            The new folder: ``meta.json``, ``job/`` and ``workspace/``; ``JOB__1``, ... if one of that name exists. It
            appears only when it is complete.

        Raises
        ------
        JobNotDone
            The job is running.
        NoConnection
            The connection was lost for longer than some seconds. What has arrived is kept in ``.JOB.partial``:
            download the job again to resume from there.
        TransferCancelled
            `progress` returned False.
        DiskFull
            The result does not fit on the disk; nothing is kept.
        InternalError
            The result is damaged, or unsafe to unpack; nothing is kept.
        """
        return download_result(self._sender, job_id, destination, progress, folder_name)

    @transfer_method
    def read_result_files(
        self,
        job_id: str,
        wanted: Callable[[str, int], bool],
        *,
        archives: Sequence[str] = ("workspace",),
        timeout: float = 20.0,
    ) -> ResultFiles:
        """Read the small files of a finished job's result, and nothing else of it, into memory.

        The size of the result does not matter: a large file in it, such as a model, is not transferred.

        Parameters
        ----------
        job_id
            The job.
        wanted
            Called with the path and the size in bytes of each file; returns True to read it. The paths are those of the
            folder that :meth:`download_job_result` makes (``workspace/log.json``). Of ``meta.json`` the size is not
            known: 0.
        archives
            The folders to look into, in this order: ``workspace``, ``job``.
        timeout
            Seconds; files that arrive later are missing.

        Returns
        -------
        ResultFiles
            The files, the names and sizes of those that were passed over, and the reason if wanted ones are missing.
            No more than 40 MB are kept.

        Raises
        ------
        JobNotDone
            The job is running.
        NoConnection
            The connection was lost for longer than some seconds.
        """
        return read_result_files(self._sender, commands.download_job(job_id), wanted, archives, timeout)

    @transfer_method
    def download_result_file(
        self,
        job_id: str,
        path: str,
        destination: str | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> str:
        """Download one file of a finished job's result, and nothing else of it, however large the rest is.

        Parameters
        ----------
        job_id
            The job.
        path
            The file, as in the folder that :meth:`download_job_result` makes: ``workspace/models/server.npy``.
        destination
            The folder to put it into, below the folders of its path; `download_dir` when not given.
        progress
            As of :meth:`download_job_result`.

        Returns
        -------
        str
            The file. One that is there already is replaced.

        Raises
        ------
        InputError
            There is no such file in the result.
        JobNotDone
            The job is running.
        InternalError
            The server's archive cannot be read in part: download the whole result.
        NoConnection, TransferCancelled, DiskFull
            As of :meth:`download_job_result`; nothing is kept.
        """
        if transfer.unpack.is_unsafe_path(path) or path.partition("/")[0] not in _RESULT_FOLDERS:
            raise InputError(
                f"{path!r} is not the path of a file in a result",
                next_step=f"Pass its path as in a downloaded result, which begins with {' or '.join(_RESULT_FOLDERS)}",
            )
        target = (absolute_path(destination) if destination else self.kit.download_dir) / path
        command = commands.download_job(job_id)
        with command.error_context(self.kit.address):
            request = functools.partial(request_offer, self._sender, command)
            transfer.result_files.save_file(request(), path, target, progress, request)
        return str(target)

    @dual_method
    async def list_job_components(self, job_id: str) -> list[str]:
        """Return the names of what sites sent to the server in addition to the job's results.

        After a failure this is usually ``ERRORLOG_`` and a site's name: that site's error log. Needs the right
        to `list_job`, which only a project admin has by default.

        Returns
        -------
        list of str
            Empty while the job runs, and when there are none.
        """
        return await self._run_command(commands.list_job_components(job_id))

    @transfer_method
    def read_job_components(self, job_id: str, names: Collection[str], *, timeout: float = 20.0) -> ResultFiles:
        """Read some of what sites sent to the server in addition to the job's results, and nothing else, into memory.

        Parameters
        ----------
        job_id
            The job.
        names
            The components, such as ``ERRORLOG_site-1``.
        timeout
            Seconds; components that arrive later are missing.

        Returns
        -------
        ResultFiles
            The components by name: the first 4 MB of each, no more than 40 MB in all.

        Raises
        ------
        InternalError
            There are none: check :meth:`list_job_components` first.
        """
        wanted = frozenset(names)
        command = commands.download_job_components(job_id)
        return read_result_files(self._sender, command, lambda name, _: name in wanted, (), timeout)

    @transfer_method
    def download_job_components(
        self,
        job_id: str,
        *,
        destination: str | None = None,
        folder_name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> str:
        """Download what sites sent to the server in addition to the job's results.

        Parameters
        ----------
        job_id
            The job.
        destination, folder_name, progress
            As in :meth:`download_job_result`.

        Returns
        -------
        str
            The new folder, with a file for each component.

        Raises
        ------
        InternalError
            There are none: check :meth:`list_job_components` first.
        """
        into = absolute_path(destination) if destination else self.kit.download_dir
        return _download(self._sender, commands.download_job_components(job_id), folder_name or job_id, into, progress)


def request_offer(sender: CommandSender, command: Command[list[RemoteFile]]) -> tuple[Connection, list[RemoteFile]]:
    """Request an offer of files; return the connection to fetch them over, and the files."""
    link, reply = sender.request(command)
    try:
        return link, command.parse_reply(reply)
    except JobNotDone as error:
        raise _tell_unstarted(sender, command, error) from None


def _tell_unstarted(sender: CommandSender, command: Command[Any], error: JobNotDone) -> JobNotDone:
    """Return an error that says that the job has not started, if so: the server calls it running."""
    with contextlib.suppress(FlareError):
        request = commands.get_job_meta(command.job_id or "")
        status = JobStatus.of(str(request.parse_reply(sender.request(request)[1]).get("status") or ""))
        if status is not None and status in _UNSTARTED:
            return JobNotDone(f"job {command.job_id} {_UNSTARTED[status]}", next_step=error.next_step)
    return error


def download_result(
    sender: CommandSender,
    job_id: str,
    destination: str | None,
    progress: ProgressCallback | None,
    folder_name: str | None = None,
) -> str:
    """Download a job and its results; see :meth:`.Session.download_job_result`."""
    into = absolute_path(destination) if destination else sender.kit.download_dir
    return _download(sender, commands.download_job(job_id), folder_name or job_id, into, progress)


def read_result_files(
    sender: CommandSender,
    command: Command[list[RemoteFile]],
    wanted: Callable[[str, int], bool],
    archives: Sequence[str],
    timeout: float,
) -> ResultFiles:
    """Read small files that a server offers; see :meth:`.Session.read_result_files`."""
    with command.error_context(sender.kit.address):
        request = functools.partial(request_offer, sender, command)
        return transfer.result_files.read_files(request(), wanted, archives, timeout, request)


def _download(
    sender: CommandSender,
    command: Command[list[RemoteFile]],
    name: str,
    parent_folder: Path,
    progress: ProgressCallback | None,
) -> str:
    """Request files and download them into a new folder, `name` in `parent_folder`."""
    with command.error_context(sender.kit.address):
        request = functools.partial(request_offer, sender, command)
        return str(transfer.download.download_files(*request(), name, parent_folder, progress, request))


def _pick_unique(prefix: str, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the job whose id begins with `prefix`.

    The server's list is filtered again: the server takes a prefix such as ``-d`` for an option.
    """
    found = [entry for entry in jobs if str(entry.get("job_id") or "").startswith(prefix)]
    if not found:
        raise JobNotFound(
            f"no job of this study has an id that begins with '{prefix}'",
            next_step="Pass an id, not a name: list the jobs to see their ids",
        )
    if len(found) > 1:
        ids = sorted(str(entry["job_id"]) for entry in found)
        more = ", ..." if len(ids) > _MAX_NAMES_SHOWN else ""
        raise JobNotFound(
            f"{len(ids)} jobs have an id that begins with '{prefix}': {', '.join(ids[:_MAX_NAMES_SHOWN])}{more}",
            next_step="Pass more of it",
        )
    return found[0]
