"""A list of job handles that is shown as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from ..formatting.jobs import job_table
from ..formatting.reader_time import format_clock_time
from ..formatting.table import ShownAsTable, Table


class JobRow(Protocol):
    """A row of a table of jobs."""

    def _get_last_seen(self) -> tuple[Mapping[str, Any], float | None]:
        """Return the server's last answer about the job, with the keys of ``list_jobs``, and its time."""


J = TypeVar("J", bound=JobRow)


class JobList(ShownAsTable, list[J]):
    """Handles on jobs, shown as a table of the server's last answers about them."""

    def _table(self) -> Table:
        seen = [job._get_last_seen() for job in self]
        count = {0: "no jobs", 1: "1 job"}.get(len(self), f"{len(self)} jobs")
        oldest = min((at for _, at in seen if at is not None), default=None)
        as_of = "" if oldest is None else f", as of {format_clock_time(oldest)}"
        return job_table([meta for meta, _ in seen], f"{count}{as_of}")
