"""Jobs: submitted, listed, ended, fetched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...errors import InvalidJobDefinition
from ...wire import hci
from ...wire.connection import Link
from ...wire.transfers import RemoteFile
from .. import commands
from ..commands import Command
from ..dual import method
from ..transfer import download, pack
from ..transfer import upload as transfer
from .core import transfer_method
from .submit import SubmitMethods


class JobMethods(SubmitMethods):
    """What a session can do with jobs."""

    @method  # type: ignore[arg-type]  # **kwargs could have another `self`
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
            Whether each job comes with all its meta.
        limit
            How many at most; all when None or 0.
        id_prefix, name_prefix
            Only jobs whose id or name begins with this.
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
        return await self._run(
            commands.list_jobs(detailed=detailed, reverse=reverse, submit_token=submit_token, **filters)
        )

    @method
    async def get_job_meta(self, job_id: str) -> dict[str, Any]:
        """Return what the server stores about a job.

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        return await self._run(commands.get_job_meta(job_id))

    @method
    async def get_job_status(self, job_id: str) -> str | None:
        """Return the job's status: ``SUBMITTED``, ``RUNNING``, ``FINISHED:COMPLETED``, ..."""
        status = (await self._run(commands.get_job_meta(job_id))).get("status")
        return status if isinstance(status, str) else None

    @transfer_method
    def submit_job(
        self,
        job_definition_path: str,
        submit_token: str | None = None,
        *,
        progress: transfer.Progress | None = None,
    ) -> str:
        """Submit a job folder and return the new job's id. Nothing is written into the folder.

        Should the connection break meanwhile, the job is still submitted once: by its submit token the session finds
        out what became of it when it is connected again. For that it tries half a minute.

        Parameters
        ----------
        job_definition_path
            The job folder; a relative path is looked for in the working directory, then in `upload_dir`.
        submit_token
            A word of yours: submitting the same job again with the same token gives the same job. One is made when
            not given. Only servers of FLARE 2.8 or later know such, and only for jobs whose files have 10 MiB at most.
        progress
            Called with bytes sent and bytes in all (0 and 0 while the folder is packed), at least once a second.
            When it returns False, the upload is cancelled.

        Raises
        ------
        InvalidJobDefinition
            It is not a job, here (then nothing was sent) or in the server's eyes; or it was changed while it was
            packed.
        TransferCancelled
            `progress` returned False.
        DiskFull
            There is no space for the temporary zip of the folder (where it goes: `tempfile.gettempdir`).
        OutcomeUnknown
            The connection broke and did not come back, or the server is older: it may have been submitted, or not.
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
        return command.answer(self._upload(command.line, submit_token, folder, progress))

    @method
    async def clone_job(self, job_id: str) -> str:
        """Submit the content of a job again and return the new job's id.

        Raises
        ------
        OutcomeUnknown
            The answer was lost: there may be a new job, or not. The message says how to find out; it is not tried
            again, for a second clone would be a second job.
        """
        return await self._run(commands.clone_job(job_id))

    @method
    async def abort_job(self, job_id: str) -> str:
        """End a job before its time, and return what the server says.

        A job that has ended stays as it is; one that has not started is never scheduled. For a running job this
        takes 2 to 3 s, and its status follows a few seconds later.
        """
        return await self._run(commands.abort_job(job_id))

    @method
    async def delete_job(self, job_id: str) -> dict[str, Any]:
        """Remove a job and its results from the server for good.

        Raises
        ------
        JobNotDone
            It is running.
        """
        return await self._run(commands.delete_job(job_id))

    @transfer_method
    def download_job_result(
        self, job_id: str, destination: str | None = None, *, progress: transfer.Progress | None = None
    ) -> str:
        """Download a finished job and its results.

        Parameters
        ----------
        job_id
            The job.
        destination
            The folder in which a new one, named after the job, shall be; `download_dir` when not given.
        progress
            Called with bytes received and 0 (the server does not say how many there are), at least once a second.
            When it returns False, the download is cancelled and what has arrived is removed.

        Returns
        -------
        str
            The new folder: ``meta.json``, ``job/`` and ``workspace/``; ``JOB__1``, ... when ``JOB`` is taken. It
            appears when all is there.

        Raises
        ------
        JobNotDone
            It is running.
        NoConnection
            The server was lost for longer than some seconds. What has arrived is kept in ``.JOB.partial``: download
            the job again, and it goes on from there.
        TransferCancelled
            `progress` returned False.
        DiskFull
            The result does not fit on the disk; nothing is kept.
        InternalError
            The result is damaged, or could do harm when unpacked; nothing is kept.
        """
        into = Path(destination).expanduser().absolute() if destination else self.kit.download_dir
        return self._fetch(commands.download_job(job_id), job_id, into, progress)

    @method
    async def list_job_components(self, job_id: str) -> list[str]:
        """Return the names of what sites sent to the server in addition to the job's results.

        After a failure that is mostly ``ERRORLOG_`` and a site's name: that site's log of errors. Needs the right
        to `list_job`, which only a project admin has by default.

        Returns
        -------
        list of str
            Empty while the job runs, and when there are none.
        """
        return await self._run(commands.list_job_components(job_id))

    @transfer_method
    def download_job_components(self, job_id: str, *, progress: transfer.Progress | None = None) -> str:
        """Download what sites sent to the server in addition to the job's results.

        Parameters
        ----------
        job_id
            The job.
        progress
            As of :meth:`download_job_result`.

        Returns
        -------
        str
            A new folder in `download_dir`, named after the job (``JOB__1``, ... when that is taken), with a file
            for each component.

        Raises
        ------
        InternalError
            There are none: ask :meth:`list_job_components` first.
        """
        return self._fetch(commands.download_job_components(job_id), job_id, self.kit.download_dir, progress)

    def _upload(
        self, line: str, submit_token: str | None, folder: Path, progress: transfer.Progress | None
    ) -> hci.Reply:
        """Send a job folder that was checked, and return the server's answer.

        Parameters
        ----------
        line
            The command, with the user's submit token if there is one.
        submit_token
            That token.
        folder, progress
            See :func:`.transfer.upload_folder`.
        """

        def upload(link: Link, token: str | None) -> hci.Reply:
            words = line if token == submit_token else f"{line} {hci.join(['--submit-token', str(token)])}"
            command = link.command(words, self._command_timeout())
            return transfer.upload_folder(link, self.kit, folder, command, progress)

        return self._submit(upload, submit_token, pack.largest_file(folder))

    def _fetch(
        self, command: Command[list[RemoteFile]], name: str, into: Path, progress: transfer.Progress | None
    ) -> str:
        """Have files offered and download them into a new folder, `name` in `into`."""
        return str(download.download_files(*self._offer(command), name, into, progress, lambda: self._offer(command)))

    def _offer(self, command: Command[list[RemoteFile]]) -> tuple[Link, list[RemoteFile]]:
        """Have files offered, and return them with the link they can be fetched over."""
        link, reply = self._ask_over(command)
        return link, command.answer(reply)
