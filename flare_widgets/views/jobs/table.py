"""A list of jobs that is displayed readably: for code it is still a plain list of dicts."""

from __future__ import annotations

from typing import Any

from ...formatting.jobs import job_table
from ...formatting.table import ShownAsTable, Table
from ..core.pretty import LiveOnDisplay

_NO_JOBS_TEXT = "No jobs yet. %flare submit FOLDER submits one"


class JobTable(LiveOnDisplay, ShownAsTable, list[dict[str, Any]]):
    """Jobs as ``Session.list_jobs`` returns them, shown as a table."""

    def _table(self) -> Table:
        return job_table(self) if self else job_table(self, _NO_JOBS_TEXT)
