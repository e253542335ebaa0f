"""Tables of jobs as text and as HTML, without network access and safe for any job name."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ..formatting.text import SHORT_ID, sanitize

_COLUMNS = ("job_name", "status", "submit_time", "duration", "study", "job_id")
_HEADINGS = ("name", "status", "submitted", "duration", "study", "id")
_MAX_ROWS = 200
_CELL_STYLE = ' style="text-align: left; overflow-wrap: anywhere"'


class JobRow(Protocol):
    """A row of a table of jobs."""

    def _get_last_seen(self) -> tuple[Mapping[str, Any], float | None]:
        """Return the server's last answer about the job, with the keys of ``list_jobs``, and its time."""


J = TypeVar("J", bound=JobRow)


class JobList(list[J]):
    """Handles on jobs, shown as a table of the server's last answers about them."""

    def __repr__(self) -> str:
        return "\n".join([format_text_table([job._get_last_seen()[0] for job in self]), self._caption()])

    def _repr_html_(self) -> str:
        return format_html_table([job._get_last_seen()[0] for job in self], self._caption())

    def _caption(self) -> str:
        count = {0: "no jobs", 1: "1 job"}.get(len(self), f"{len(self)} jobs")
        oldest = min((at for _, at in (job._get_last_seen() for job in self) if at is not None), default=None)
        return count if oldest is None else f"{count}, as of {format_clock_time(oldest)}"


def format_text_table(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Return jobs, as ``list_jobs`` returns them, as an aligned table; the first 200 of them."""
    rows = [_HEADINGS, *map(_format_cells, jobs[:_MAX_ROWS])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_overflow_lines(jobs)])


def format_html_table(jobs: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """Return jobs as an HTML table, with a line of text below it."""
    head = "".join(f'<th scope="col"{_CELL_STYLE}>{heading}</th>' for heading in _HEADINGS)
    body = []
    for job in jobs[:_MAX_ROWS]:
        *cells, job_id = map(html.escape, _format_cells(job))
        whole = html.escape(sanitize(str(job.get("job_id") or "")))
        row = "".join(f"<td{_CELL_STYLE}>{cell}</td>" for cell in cells)
        body.append(f'<tr>{row}<td{_CELL_STYLE} title="{whole}">{job_id}</td></tr>')
    below = [
        f'<tr><td colspan="{len(_HEADINGS)}"{_CELL_STYLE}>{html.escape(line)}</td></tr>'
        for line in _overflow_lines(jobs)
    ]
    below += [f'<tr><td colspan="{len(_HEADINGS)}"{_CELL_STYLE}>{html.escape(caption)}</td></tr>'] if caption else []
    return f'<table class="flw-jobs"><thead><tr>{head}</tr></thead><tbody>{"".join(body + below)}</tbody></table>'


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
    age = "not asked yet" if seen_at is None else f"{_format_age(time.time() - seen_at)} ago"
    return f"<{' '.join(words)}, {age}>"


def format_job_html(job_id: str, meta: Mapping[str, Any], seen_at: float | None) -> str:
    """Return the same as HTML. It may be saved, so it has a time of day instead of an age."""
    name, status = (html.escape(sanitize(str(meta.get(key) or ""))) for key in ("job_name", "status"))
    when = "not asked yet" if seen_at is None else f"as of {format_clock_time(seen_at)}"
    return (
        f'<div class="flw-job-handle"><strong>{name or "job"}</strong> <code>{html.escape(sanitize(job_id))}</code> '
        f"{status} <small>{when}</small></div>"
    )


def format_clock_time(at: float) -> str:
    """Return a time of day in this machine's time zone."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def _format_cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    values = {key: sanitize(str(job.get(key) or ""), 60) for key in _COLUMNS}
    values["submit_time"] = values["submit_time"].partition(".")[0].replace("T", " ")
    values["duration"] = values["duration"].partition(".")[0]
    values["job_id"] = values["job_id"][:SHORT_ID]
    return tuple(values[key] for key in _COLUMNS)


def _overflow_lines(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    more = len(jobs) - _MAX_ROWS
    return [f"... and {more} more"] if more > 0 else []


def _format_age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
