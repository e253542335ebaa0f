"""A report of one job or of several as one HTML file: no script, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from .._version import __version__
from ..api.saved_results import make_folder_name
from ..errors import InvalidArgumentError
from ..formatting.reader_time import format_date_time
from ..formatting.text import sanitize
from ..local_files import absolute_path, translate_os_errors
from ..monitoring.job.format import job_label
from ..monitoring.job.snapshot import JobSnapshot
from ..results import Result
from .compare.view import comparison_html
from .compare.view_model import compare_snapshots
from .core.html import template_environment
from .job.html import job_html
from .results.view import result_html

_MAX_TITLE_CHARS = 200


def write_report(path: str | Path, jobs: Sequence[JobSnapshot | Result]) -> Path:
    """Write a report and return its file; one that is there already is replaced.

    Parameters
    ----------
    path
        The file. In place of it a folder will do; the file is named after the job then: ``report-NAME-ID.html``.
    jobs
        The jobs: snapshots, or downloaded results; several are compared first.

    Raises
    ------
    InvalidArgumentError
        There is no job.
    FileAccessError, DiskFull
        The file cannot be written.
    """
    html = report_html(jobs)
    target = absolute_path(path)
    with translate_os_errors(f"the report cannot be written to {target}"):
        if target.is_dir():
            names = [make_folder_name(each.job_id, each.name) for each in map(_snapshot_of, jobs[:3])]
            target /= f"report-{'-'.join(names)}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, "utf-8", errors="replace")
    return target


def report_html(jobs: Sequence[JobSnapshot | Result], now: float | None = None) -> str:
    """Return a report as a page; see :func:`write_report`.

    Parameters
    ----------
    jobs
        The jobs.
    now
        The time it is made, in seconds since the epoch; now if not given.
    """
    if not jobs:
        raise InvalidArgumentError("pass at least one job to report on")
    now = time.time() if now is None else now
    snapshots = [_snapshot_of(job) for job in jobs]
    labels = [sanitize(job_label(s.name, s.job_id), _MAX_TITLE_CHARS) for s in snapshots]
    # Both forms are made by templates that escape all values.
    sections = [
        ("" if len(jobs) == 1 else label, Markup(_render(job, now)))  # noqa: S704
        for job, label in zip(jobs, labels, strict=True)
    ]
    if len(jobs) > 1:
        comparison = comparison_html(compare_snapshots(snapshots, now), now, is_whole=True)
        sections.insert(0, ("", Markup(comparison)))  # noqa: S704
    title = f"Report on {labels[0]}" if len(jobs) == 1 else f"Comparison of {len(jobs)} jobs"
    return (
        template_environment()
        .get_template("report.html.j2")
        .render(title=title, made_at=format_date_time(now), version=__version__, sections=sections)
    )


def _render(job: JobSnapshot | Result, now: float) -> str:
    if isinstance(job, JobSnapshot):
        return job_html(job, now, is_whole=True)
    return result_html(job, is_whole=True)


def _snapshot_of(job: JobSnapshot | Result) -> JobSnapshot:
    return job if isinstance(job, JobSnapshot) else job.snapshot
