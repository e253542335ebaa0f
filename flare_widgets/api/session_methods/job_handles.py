"""Jobs as objects: one by its id, several at once."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from ...errors import JobNotFound
from .. import commands
from ..dual import method
from ..job_table import JobList, Shown
from .logs import LogMethods
from .monitor import RunningJobMethods

J = TypeVar("J", bound=Shown)

_ID_LENGTH = 36  # of a UUID
_MOST_NAMED = 5


class HandleMethods(RunningJobMethods, LogMethods, Generic[J]):
    """What a session can do to hand out :class:`.Job` objects."""

    @abc.abstractmethod
    def _handle(self, job_id: str, known: Mapping[str, Any] | None = None) -> J:
        """Return the handle on a job, of this session's face; `known` is what the server said about the job."""

    @method
    async def job(self, job_id: str) -> J:
        """Return a handle on a job: ``session.job(id).wait()``.

        Parameters
        ----------
        job_id
            The job's id, or the beginning of it that no other job of the session's study has. Only for a beginning
            is the server asked; whether there is a job with a whole id shows when the handle is used.

        Raises
        ------
        JobNotFound
            No job, or more than one, has an id that begins so.
        """
        if not isinstance(job_id, str) or not job_id:
            raise JobNotFound(f"give the id of a job, or its beginning, not {job_id!r}")
        if len(job_id) >= _ID_LENGTH:
            return self._handle(job_id)
        listed = await self._run(commands.list_jobs(id_prefix=job_id))
        found = _the_one(job_id, listed)
        return self._handle(found["job_id"], found)

    @method
    async def jobs(
        self,
        limit: int | None = None,
        id_prefix: str | None = None,
        name_prefix: str | None = None,
        reverse: bool = True,
        submit_token: str | None = None,
    ) -> JobList[J]:
        """Return handles on the jobs of the session's study, newest first: ``session.jobs()[0]`` is the last one.

        Parameters
        ----------
        limit
            How many at most; all when None or 0.
        id_prefix, name_prefix
            Only jobs whose id or name begins with this.
        reverse
            Newest first; otherwise oldest first, which is what :meth:`list_jobs` does when not told otherwise.
        submit_token
            Only the job submitted with this token.

        Returns
        -------
        list of Job
            Shown as a table of what the server last said about them.
        """
        listed = await self._run(
            commands.list_jobs(
                limit=limit, id_prefix=id_prefix, name_prefix=name_prefix, reverse=reverse, submit_token=submit_token
            )
        )
        ids = [(entry.get("job_id"), entry) for entry in listed]
        return JobList(self._handle(job_id, entry) for job_id, entry in ids if isinstance(job_id, str) and job_id)


def _the_one(prefix: str, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the job whose id begins with `prefix`.

    What the server listed is looked at again: to it, a prefix such as ``-d`` is an option.
    """
    found = [entry for entry in listed if str(entry.get("job_id") or "").startswith(prefix)]
    if not found:
        raise JobNotFound(f"no job of this study has an id that begins with '{prefix}': list the jobs to see their ids")
    if len(found) > 1:
        ids = sorted(str(entry["job_id"]) for entry in found)
        more = ", ..." if len(ids) > _MOST_NAMED else ""
        raise JobNotFound(
            f"{len(ids)} jobs have an id that begins with '{prefix}': {', '.join(ids[:_MOST_NAMED])}{more}. "
            "Give more of it"
        )
    return found[0]
