"""Jobs as ``list_jobs`` returns them, for display: a table, and one of them in a line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .html import render
from .reader_time import format_clock_time
from .table import MAX_ROWS, Table, count_omitted
from .text import SHORT_ID, format_duration, parse_duration, sanitize

_HEADINGS = {
    "job_name": "name",
    "status": "status",
    "submit_time": "submitted",
    "duration": "duration",
    "arguments": "arguments",
    "study": "study",
    "job_id": "id",
}
_HTML = (
    '<div class="flw-job-handle"><strong>{{ name }}</strong> <code>{{ job_id }}</code> '
    "{{ status }} <small>{{ when }}</small></div>"
)


def job_table(
    jobs: Sequence[Mapping[str, Any]], *notes: str, max_rows: int = MAX_ROWS, total: int | None = None
) -> Table:
    """Return a table of the first jobs, with lines of text below it. The jobs are untrusted.

    `total` is the number of all jobs if `jobs` has only the first ones.
    """
    shown = jobs[:max_rows]
    has_arguments = any(job.get("arguments") for job in shown)
    headings = {key: heading for key, heading in _HEADINGS.items() if has_arguments or key != "arguments"}
    return Table(
        list(headings.values()),
        [_format_cells(job, headings) for job in shown],
        [*count_omitted(len(jobs) if total is None else total, max_rows), *notes],
        [sanitize(str(job.get("job_id") or "")) for job in shown],
    )


def format_job_text(type_name: str, job_id: str, meta: Mapping[str, Any], seen_at: float | None) -> str:
    """Return a handle as one line: its id, its last known state and the age of that.

    Parameters
    ----------
    type_name
        Type of the handle.
    job_id
        The job's id.
    meta
        The server's last answer about it, with the keys of ``list_jobs``.
    seen_at
        Time of that answer, in seconds since the epoch; None if the server was not asked yet.
    """
    words = [
        type_name,
        sanitize(job_id),
        *(sanitize(str(meta[key])) for key in ("job_name", "status") if meta.get(key)),
    ]
    age = "not asked yet" if seen_at is None else f"{format_duration(time.time() - seen_at)} ago"
    return f"<{' '.join(words)}, {age}>"


def format_job_html(job_id: str, meta: Mapping[str, Any], seen_at: float | None) -> str:
    """Return the same as HTML. It may be saved, so it has a time of day instead of an age."""
    name, status = (sanitize(str(meta.get(key) or "")) for key in ("job_name", "status"))
    when = "not asked yet" if seen_at is None else f"as of {format_clock_time(seen_at)}"
    return render(_HTML, name=name or "job", job_id=sanitize(job_id), status=status, when=when)


def _format_cells(job: Mapping[str, Any], headings: Iterable[str]) -> list[str]:
    values = {key: sanitize(str(job.get(key) or ""), 60) for key in headings}
    values["submit_time"] = values["submit_time"].partition(".")[0].replace("T", " ")
    values["duration"] = _format_duration(job.get("duration"))
    values["job_id"] = values["job_id"][:SHORT_ID]
    return list(values.values())


def _format_duration(value: Any) -> str:
    """Return a duration, which the server sends as ``str(timedelta)``; whatever else it sends as it is."""
    seconds = value if isinstance(value, float) else parse_duration(value)
    return sanitize(str(value or ""), 60) if seconds is None else format_duration(seconds)
