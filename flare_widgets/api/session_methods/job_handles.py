"""Methods that return jobs as objects: one by its id, or several at once."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from ...errors import JobNotFound
from .. import commands
from ..dual import dual_method
from ..job_table import JobList, JobRow
from .logs import LogMethods
from .monitor import MonitorMethods

J = TypeVar("J", bound=JobRow)

_JOB_ID_LENGTH = 36  # of a UUID
_MAX_NAMES_SHOWN = 5


class JobHandleMethods(MonitorMethods, LogMethods, Generic[J]):
    """Methods of a session that return :class:`.Job` objects."""

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


def _pick_unique(prefix: str, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the job whose id begins with `prefix`.

    The server's list is filtered again: the server takes a prefix such as ``-d`` for an option.
    """
    found = [entry for entry in jobs if str(entry.get("job_id") or "").startswith(prefix)]
    if not found:
        raise JobNotFound(f"no job of this study has an id that begins with '{prefix}': list the jobs to see their ids")
    if len(found) > 1:
        ids = sorted(str(entry["job_id"]) for entry in found)
        more = ", ..." if len(ids) > _MAX_NAMES_SHOWN else ""
        raise JobNotFound(
            f"{len(ids)} jobs have an id that begins with '{prefix}': {', '.join(ids[:_MAX_NAMES_SHOWN])}{more}. "
            "Give more of it"
        )
    return found[0]
