"""Lists that read well where they are shown: still plain lists of dicts."""

from __future__ import annotations

from typing import Any

from ...api import job_table
from .pretty import MayBeLive

_NONE = "No jobs yet. %flare submit FOLDER submits one"


class JobTable(MayBeLive, list[dict[str, Any]]):
    """Jobs as ``Session.list_jobs`` returns them, drawn as a table."""

    def __repr__(self) -> str:
        return job_table.text_table(self) if self else _NONE

    def _repr_html_(self) -> str:
        return job_table.html_table(self, "" if self else _NONE)
