"""Methods for what jobs report (logs, statistics, errors), and for configuring logging."""

from __future__ import annotations

from typing import Any

from ...errors import InternalError
from .. import commands
from ..commands import logs
from ..dual import dual_method
from .core import SessionCore


class LogMethods(SessionCore):
    """Methods of a session for logs, and for the statistics and errors of running jobs."""

    @dual_method
    async def get_job_logs(
        self,
        job_id: str,
        target: str = "server",
        tail_lines: int | None = None,
        grep_pattern: str | None = None,
        log_file_name: str = logs.LOG_FILE,
    ) -> dict[str, Any]:
        """Return the logs of a job that the server has: its own, and those that sites streamed to it.

        Needs the right to `get_job_log`, which only a project admin has by default.

        Parameters
        ----------
        job_id
            The job, running or ended.
        target
            ``server``, the name of a site, or ``all``.
        tail_lines
            Number of last lines to return. The server sends all of them nevertheless.
        grep_pattern
            Text that a line must contain; only those last lines are searched.
        log_file_name
            ``log.txt``, or ``log.json`` for one JSON record per line. For any other, FLARE 2.9 sends ``log.txt``.

        Returns
        -------
        dict
            ``logs``: the text by target name, at most its last 5 MiB. ``unavailable``, if present: the reason a log
            is missing, by site name.
        """
        logs.filter_lines("", tail_lines, grep_pattern)  # rejects a non-number before any request
        try:
            result = await self._run_command(commands.get_job_log(job_id, target, log_file_name))
        except InternalError as e:
            if log_file_name != logs.LOG_FILE and logs.is_log_file_unsupported(e):
                return {"logs": {}}
            raise
        found = result["logs"]
        if isinstance(found, dict) and (tail_lines is not None or grep_pattern):
            result["logs"] = {
                name: logs.filter_lines(text, tail_lines, grep_pattern) if isinstance(text, str) else text
                for name, text in found.items()
            }
        return result

    @dual_method
    async def configure_job_log(self, job_id: str, config: Any, target: str = "all") -> None:
        """Configure the logging of a running job from now on. Needs the right to `manage_job`.

        Parameters
        ----------
        job_id
            The job.
        config
            A level (``DEBUG``, ``20``, ...), one of FLARE's modes (``concise``, ``msg_only``, ``full``, ``verbose``,
            ``reload``), or a ``dictConfig`` of :mod:`logging`.
        target
            ``all``, ``server`` or the name of a site.

        Raises
        ------
        InternalError
            The job is not running, or the configuration is invalid.
        """
        await self._run_command(commands.configure_job_log(job_id, config, target))

    @dual_method
    async def configure_site_log(self, config: str, target: str = "all") -> None:
        """Configure logging of the server and the sites (not of jobs) from now on. Needs the right to `operate`.

        Parameters
        ----------
        config
            A level (``DEBUG``, ``20``, ...), or one of FLARE's modes (``concise``, ``msg_only``, ``full``,
            ``verbose``, ``reload``).
        target
            ``all``, ``server``, ``client`` for all sites, or the name of a site (which nvflare's own client
            promises, but sends in a form that the server refuses).
        """
        await self._run_command(commands.configure_site_log(config, target))

    @dual_method
    async def show_stats(self, job_id: str, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return runtime statistics of a running job's components.

        Parameters
        ----------
        job_id
            The job.
        target_type
            ``server``, ``client`` or ``all``.
        targets
            With ``client``, the sites to ask; all when not given.

        Returns
        -------
        dict
            Statistics by target name and component name (``ServerRunner``, ``ClientRunner``, a workflow, ...).

        Raises
        ------
        JobNotRunning, JobNotFound
            Nothing can answer: not before the job's processes are up nor once they are gone, even while its
            status says that it is running.
        NoConnection
            A site did not answer the server in time; ask the others one by one.
        """
        return await self._run_command(commands.show_stats(job_id, target_type, targets))

    @dual_method
    async def show_errors(self, job_id: str, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the errors recorded by a running job's components; arguments and errors as in :meth:`show_stats`.

        Returns
        -------
        dict
            Text by target name, component name, and ``error`` or ``warning``. FLARE says ``"No Error"`` in place of
            the server's components if there is none.
        """
        return await self._run_command(commands.show_errors(job_id, target_type, targets))

    @dual_method
    async def reset_errors(self, job_id: str) -> None:
        """Clear the recorded errors of all components of a running job."""
        await self._run_command(commands.reset_errors(job_id))
