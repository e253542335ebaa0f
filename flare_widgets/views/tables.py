"""Lists that read well where they are shown: still plain lists of dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..monitoring.text import SHORT_ID
from ..text import clean
from .static_html import _environment

_COLUMNS = ("job_name", "status", "submit_time", "duration", "study", "job_id")
_HEADINGS = ("name", "status", "submitted", "duration", "study", "id")


class JobTable(list[dict[str, Any]]):
    """Jobs as ``Session.list_jobs`` returns them, drawn as a table."""

    def __repr__(self) -> str:
        if not self:
            return "No jobs yet. %flare submit FOLDER submits one"
        rows = [_HEADINGS, *map(_cells, self)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        rows = [(_cells(job), _id(job)) for job in self]
        return _environment().get_template("jobs.html.j2").render(headings=_HEADINGS, rows=rows)


def _cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    values = {key: clean(str(job.get(key) or ""), 60) for key in _COLUMNS}
    values["submit_time"] = values["submit_time"].partition(".")[0].replace("T", " ")
    values["duration"] = values["duration"].partition(".")[0]
    values["job_id"] = values["job_id"][:SHORT_ID]
    return tuple(values[key] for key in _COLUMNS)


def _id(job: Mapping[str, Any]) -> str:
    return clean(str(job.get("job_id") or ""))
