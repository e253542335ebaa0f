"""The list of dicts that ``Session.list_jobs`` returns, with flat records of it."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from ..formatting.text import parse_duration, parse_iso_time, sanitize
from ..optional_packages import make_frame
from ..script_arguments import read_recorded_arguments, to_value

_MAX_TIME_S = 1e11  # the year 5138
_COLUMNS = ("job_id", "job_name", "status", "submit_time", "duration", "study", "submitter")


class ListedJobs(list[dict[str, Any]]):
    """Jobs as the server lists them: a list of dicts as nvflare's client returns it, and more."""

    def records(self) -> list[dict[str, Any]]:
        """Return a flat record for each job, which ``pandas.DataFrame`` takes as it is.

        Returns
        -------
        list of dict
            ``job_id, job_name, status, submit_time`` (a datetime in UTC), ``duration`` (seconds), ``study``,
            ``submitter``; and an ``arg.NAME`` for each argument of the sites' script that the job's meta records, as
            sweeps and ``%%flare`` do. None where the server told nothing: ``list_jobs(detailed=True)`` has the most.
        """
        return [_flatten(job) for job in self]

    def to_frame(self) -> Any:
        """Return the :meth:`records` as a ``pandas.DataFrame``.

        Raises
        ------
        NotInstalled
            pandas is missing.
        """
        return make_frame(self.records(), _COLUMNS)


def _flatten(job: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a job, from a short list or from one with the whole meta."""
    texts = {
        key: sanitize(value, 1000) if isinstance(value, str) and value else None
        for key, value in {
            "job_id": job.get("job_id"),
            "job_name": job.get("job_name") or job.get("name"),
            "status": job.get("status"),
            "study": job.get("study"),
            "submitter": job.get("submitter_name"),
        }.items()
    }
    times = {"submit_time": _read_time(job.get("submit_time")), "duration": parse_duration(job.get("duration"))}
    arguments = {f"arg.{name}": to_value(value) for name, value in sorted(read_recorded_arguments(job).items())}
    return {**{column: {**texts, **times}[column] for column in _COLUMNS}, **arguments}


def _read_time(value: Any) -> datetime | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    at = float(value) if is_number and abs(value) < _MAX_TIME_S else parse_iso_time(value)
    return None if at is None or not math.isfinite(at) else datetime.fromtimestamp(at, timezone.utc)
