"""Jobs as text and as HTML: without a network, and whatever the server calls them."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ..formatting.text import SHORT_ID, clean

_COLUMNS = ("job_name", "status", "submit_time", "duration", "study", "job_id")
_HEADINGS = ("name", "status", "submitted", "duration", "study", "id")
_MOST_ROWS = 200
_LEFT = ' style="text-align: left; overflow-wrap: anywhere"'


class Shown(Protocol):
    """What can be a row of a table of jobs."""

    def _known(self) -> tuple[Mapping[str, Any], float | None]:
        """Return what the server said about the job, in the words of ``list_jobs``, and when."""


J = TypeVar("J", bound=Shown)


class JobList(list[J]):
    """Handles on jobs, shown as a table of what the server last said about them."""

    def __repr__(self) -> str:
        return "\n".join([text_table([job._known()[0] for job in self]), self._caption()])

    def _repr_html_(self) -> str:
        return html_table([job._known()[0] for job in self], self._caption())

    def _caption(self) -> str:
        count = {0: "no jobs", 1: "1 job"}.get(len(self), f"{len(self)} jobs")
        oldest = min((at for _, at in (job._known() for job in self) if at is not None), default=None)
        return count if oldest is None else f"{count}, as of {clock_time(oldest)}"


def text_table(listed: Sequence[Mapping[str, Any]]) -> str:
    """Return jobs, as ``list_jobs`` returns them, as an aligned table; the first 200 of them."""
    rows = [_HEADINGS, *map(_cells, listed[:_MOST_ROWS])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_rest(listed)])


def html_table(listed: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """Return jobs as an HTML table, with a line of text below it."""
    head = "".join(f'<th scope="col"{_LEFT}>{heading}</th>' for heading in _HEADINGS)
    body = []
    for job in listed[:_MOST_ROWS]:
        *cells, job_id = map(html.escape, _cells(job))
        whole = html.escape(clean(str(job.get("job_id") or "")))
        row = "".join(f"<td{_LEFT}>{cell}</td>" for cell in cells)
        body.append(f'<tr>{row}<td{_LEFT} title="{whole}">{job_id}</td></tr>')
    below = [f'<tr><td colspan="{len(_HEADINGS)}"{_LEFT}>{html.escape(line)}</td></tr>' for line in _rest(listed)]
    below += [f'<tr><td colspan="{len(_HEADINGS)}"{_LEFT}>{html.escape(caption)}</td></tr>'] if caption else []
    return f'<table class="flw-jobs"><thead><tr>{head}</tr></thead><tbody>{"".join(body + below)}</tbody></table>'


def job_text(kind: str, job_id: str, known: Mapping[str, Any], at: float | None) -> str:
    """Return a handle in a line: its id, what was last known and how long ago that was.

    Parameters
    ----------
    kind
        What the handle is.
    job_id
        The job's id.
    known
        What the server said about it, in the words of ``list_jobs``.
    at
        When that was said, in seconds since the epoch; None if the server was not asked yet.
    """
    words = [kind, clean(job_id), *(clean(str(known[key])) for key in ("job_name", "status") if known.get(key))]
    age = "not asked yet" if at is None else f"{_duration(time.time() - at)} ago"
    return f"<{' '.join(words)}, {age}>"


def job_html(job_id: str, known: Mapping[str, Any], at: float | None) -> str:
    """Return the same as HTML. It may be saved: a time of the day in place of an age."""
    name, status = (html.escape(clean(str(known.get(key) or ""))) for key in ("job_name", "status"))
    when = "not asked yet" if at is None else f"as of {clock_time(at)}"
    return (
        f'<div class="flw-job-handle"><strong>{name or "job"}</strong> <code>{html.escape(clean(job_id))}</code> '
        f"{status} <small>{when}</small></div>"
    )


def clock_time(at: float) -> str:
    """Return a time of the day, of this machine's."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def _cells(job: Mapping[str, Any]) -> tuple[str, ...]:
    values = {key: clean(str(job.get(key) or ""), 60) for key in _COLUMNS}
    values["submit_time"] = values["submit_time"].partition(".")[0].replace("T", " ")
    values["duration"] = values["duration"].partition(".")[0]
    values["job_id"] = values["job_id"][:SHORT_ID]
    return tuple(values[key] for key in _COLUMNS)


def _rest(listed: Sequence[Mapping[str, Any]]) -> list[str]:
    more = len(listed) - _MOST_ROWS
    return [f"... and {more} more"] if more > 0 else []


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
