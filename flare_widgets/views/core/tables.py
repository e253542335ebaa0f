"""Lists that are displayed readably: for code they are still plain lists of dicts."""

from __future__ import annotations

from typing import Any

from ...api import job_table
from .pretty import LiveOnDisplay

_NO_JOBS_TEXT = "No jobs yet. Submit one with %flare submit FOLDER"


class JobTable(LiveOnDisplay, list[dict[str, Any]]):
    """Jobs as ``Session.list_jobs`` returns them, shown as a table."""

    def __repr__(self) -> str:
        return job_table.format_text_table(self) if self else _NO_JOBS_TEXT

    def _repr_html_(self) -> str:
        return job_table.format_html_table(self, "" if self else _NO_JOBS_TEXT)
