"""Logs: of a job, and what is logged."""

from __future__ import annotations

from typing import Any

from ...errors import InternalError
from .. import commands
from ..commands import logs
from ..dual import method
from .core import Methods


class LogMethods(Methods):
    """What a session can do with logs."""

    @method
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
            Only so many lines, the last ones. The server sends all of them nevertheless.
        grep_pattern
            Of those lines, only the ones that contain this text.
        log_file_name
            ``log.txt``, or ``log.json`` for a record of JSON a line. For any other, FLARE 2.9 sends ``log.txt``.

        Returns
        -------
        dict
            ``logs``: by the target's name, the text, at most its last 5 MiB. ``unavailable``, where there is one:
            by the name of a site, why its log is not there.
        """
        logs.keep_lines("", tail_lines, grep_pattern)  # refuses what is no number before anything is asked
        try:
            result = await self._run(commands.get_job_log(job_id, target, log_file_name))
        except InternalError as e:
            if log_file_name != logs.LOG_FILE and logs.is_too_old(e):
                return {"logs": {}}
            raise
        found = result["logs"]
        if isinstance(found, dict) and (tail_lines is not None or grep_pattern):
            result["logs"] = {
                name: logs.keep_lines(text, tail_lines, grep_pattern) if isinstance(text, str) else text
                for name, text in found.items()
            }
        return result

    @method
    async def configure_job_log(self, job_id: str, config: Any, target: str = "all") -> None:
        """Say what a running job logs from now on. Needs the right to `manage_job`.

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
            It does not run, or the configuration is none.
        """
        await self._run(commands.configure_job_log(job_id, config, target))

    @method
    async def configure_site_log(self, config: str, target: str = "all") -> None:
        """Say what the server and the sites themselves (not their jobs) log from now on. Needs the right to `operate`.

        Parameters
        ----------
        config
            A level (``DEBUG``, ``20``, ...), or one of FLARE's modes (``concise``, ``msg_only``, ``full``,
            ``verbose``, ``reload``).
        target
            ``all``, ``server``, ``client`` for all sites, or the name of a site (which nvflare's own client
            promises, but sends in a way that the server refuses).
        """
        await self._run(commands.configure_site_log(config, target))
