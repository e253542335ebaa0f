"""Methods that submit, list, abort and download jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...errors import InvalidJobDefinition
from ...wire import hci
from ...wire.connection import Connection
from ...wire.transfers import RemoteFile
from .. import commands
from ..commands import Command
from ..dual import dual_method
from ..transfer import download, pack
from ..transfer import upload as transfer
from .core import transfer_method
from .submit import SubmitMethods


class JobMethods(SubmitMethods):
    """Methods of a session for jobs."""

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
    ) -> list[dict[str, Any]]:
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
            ``job_id, job_name, status, submit_time, duration, study``, as text.
        """
        filters = commands.resolve_aliases(limit, id_prefix, name_prefix, kwargs)
        return await self._run_command(
            commands.list_jobs(detailed=detailed, reverse=reverse, submit_token=submit_token, **filters)
        )

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

    @transfer_method
    def submit_job(
        self,
        job_definition_path: str,
        submit_token: str | None = None,
        *,
        progress: transfer.ProgressCallback | None = None,
    ) -> str:
        """Submit a job folder and return the new job's id. Nothing is written into the folder.

        If the connection breaks meanwhile, the job is still submitted only once: after reconnecting, the session uses
        the submit token to find out if the job arrived. It tries for half a minute.

        Parameters
        ----------
        job_definition_path
            The job folder; a relative path is looked for in the working directory, then in `upload_dir`.
        submit_token
            An identifier you choose: submitting the same job again with the same token gives the same job. One is
            generated if not given. Needs FLARE 2.8 or later, and a job whose files have 10 MiB at most.
        progress
            Called with bytes sent and total bytes (0 and 0 while the folder is packed), at least once a second.
            When it returns False, the upload is cancelled.

        Raises
        ------
        InvalidJobDefinition
            It is not a valid job by our checks (then nothing was sent) or by the server's; or it was changed while
            it was packed.
        TransferCancelled
            `progress` returned False.
        DiskFull
            There is no space for the temporary zip of the folder (in `tempfile.gettempdir`).
        OutcomeUnknown
            The connection broke and did not come back, or the server is older: it may or may not have been submitted.
            The message says how to find out.
        """
        if not isinstance(job_definition_path, (str, Path)) or not str(job_definition_path):
            raise InvalidJobDefinition("give the path of a job folder")
        folder = Path(job_definition_path).expanduser()
        if not folder.is_absolute() and not folder.exists() and (self.kit.upload_dir / folder).is_dir():
            folder = self.kit.upload_dir / folder
        folder = Path(os.path.abspath(folder))  # noqa: PTH100 - Path.resolve() would hide that it is a link
        pack.check_job_folder(folder)
        command = commands.submit_job(folder.name, submit_token)
        with command.error_context(self.kit.address):
            return command.parse_reply(self._upload(command.line, submit_token, folder, progress))

    @dual_method
    async def clone_job(self, job_id: str) -> str:
        """Submit the content of a job again and return the new job's id.

        Raises
        ------
        OutcomeUnknown
            The answer was lost: there may or may not be a new job. The message says how to find out; cloning is not
            retried, because a second clone would be a second job.
        """
        return await self._run_command(commands.clone_job(job_id))

    @dual_method
    async def abort_job(self, job_id: str) -> str:
        """Abort a job, and return the server's message.

        A job that has ended stays as it is; one that has not started is never scheduled. For a running job this
        takes 2 to 3 s, and its status follows a few seconds later.
        """
        return await self._run_command(commands.abort_job(job_id))

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
        self, job_id: str, destination: str | None = None, *, progress: transfer.ProgressCallback | None = None
    ) -> str:
        """Download a finished job and its results.

        Parameters
        ----------
        job_id
            The job.
        destination
            The folder in which to create the new one, named after the job; `download_dir` when not given.
        progress
            Called with bytes received and 0 (the server does not report the total), at least once a second.
            When it returns False, the download is cancelled and what has arrived is removed.

        Returns
        -------
        str
            The new folder: ``meta.json``, ``job/`` and ``workspace/``; ``JOB__1``, ... if ``JOB`` exists. It
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
        into = Path(destination).expanduser().absolute() if destination else self.kit.download_dir
        return self._download(commands.download_job(job_id), job_id, into, progress)

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
    def download_job_components(self, job_id: str, *, progress: transfer.ProgressCallback | None = None) -> str:
        """Download what sites sent to the server in addition to the job's results.

        Parameters
        ----------
        job_id
            The job.
        progress
            As in :meth:`download_job_result`.

        Returns
        -------
        str
            A new folder in `download_dir`, named after the job (``JOB__1``, ... if that exists), with a file
            for each component.

        Raises
        ------
        InternalError
            There are none: check :meth:`list_job_components` first.
        """
        return self._download(commands.download_job_components(job_id), job_id, self.kit.download_dir, progress)

    def _upload(
        self, line: str, submit_token: str | None, folder: Path, progress: transfer.ProgressCallback | None
    ) -> hci.CommandReply:
        """Send a job folder that has passed the checks, and return the server's answer.

        Parameters
        ----------
        line
            The command, including the user's submit token, if any.
        submit_token
            That token.
        folder, progress
            See :func:`.transfer.upload_folder`.
        """

        def upload(link: Connection, token: str | None) -> hci.CommandReply:
            words = line if token == submit_token else f"{line} {hci.join_words(['--submit-token', str(token)])}"
            command = link.encode_command(words, self._command_timeout())
            return transfer.upload_folder(link, self.kit, folder, command, progress)

        return self._submit(upload, submit_token, pack.largest_file_size(folder))

    def _download(
        self,
        command: Command[list[RemoteFile]],
        name: str,
        parent_folder: Path,
        progress: transfer.ProgressCallback | None,
    ) -> str:
        """Request files and download them into a new folder, `name` in `into`."""
        with command.error_context(self.kit.address):
            offer = self._request_offer(command)
            return str(
                download.download_files(*offer, name, parent_folder, progress, lambda: self._request_offer(command))
            )

    def _request_offer(self, command: Command[list[RemoteFile]]) -> tuple[Connection, list[RemoteFile]]:
        """Request an offer of files; return the connection to fetch them over, and the files."""
        link, reply = self._request_blocking(command)
        return link, command.parse_reply(reply)
