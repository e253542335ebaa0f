"""A list of jobs that is displayed readably: for code it is still a plain list of dicts."""

from __future__ import annotations

from ...api.listed_jobs import ListedJobs
from ...formatting.jobs import job_table
from ...formatting.table import ShownAsTable, Table
from ..core.pretty import LiveOnDisplay

_NO_JOBS_TEXT = "No jobs yet. %flare submit FOLDER submits one"


class JobTable(LiveOnDisplay, ShownAsTable, ListedJobs):
    """Jobs as ``Session.list_jobs`` returns them, shown as a table.

    Attributes
    ----------
    empty_text
        What an empty table shows.
    """

    empty_text = _NO_JOBS_TEXT

    def _table(self) -> Table:
        return job_table(self) if self else job_table(self, self.empty_text)
