"""The submit form as HTML for a saved notebook: the chosen folder, its problems, the submitted jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from ...api.transfer.job_folder import JobFolder, JobFolderProblem
from ...formatting.text import format_size, sanitize
from ..core.html import TimeFormatter, scoped_style, template_environment

PROBLEM_GLYPHS = {"error": "✕", "warning": "!"}


def submit_html(
    folder: JobFolder | None,
    problems: Sequence[JobFolderProblem],
    session: Sequence[str],
    jobs: Sequence[Mapping[str, Any]],
    now: float,
    zone: tzinfo | None = None,
    *,
    trouble: str = "",
) -> str:
    """Return the form as HTML for a saved notebook.

    Parameters
    ----------
    folder
        The chosen folder, if one is.
    problems
        The problems of the folder.
    session
        The user, server and study of the session, in a few words each.
    jobs
        The submitted jobs: ``job_id, name, at``.
    now
        The time the form is made, in seconds since the epoch.
    zone
        The time zone of the times; the reader's if not given.
    trouble
        A sentence if the session has no connection.
    """
    times = TimeFormatter([now, *(job["at"] for job in jobs)], zone)
    root, style = scoped_style("submit-static.css")
    return (
        template_environment()
        .get_template("submit.html.j2")
        .render(
            root=root,
            style=style,
            troubles=[trouble] if trouble else [],
            session=[sanitize(words) for words in session],
            chosen=None if folder is None else _folder_context(folder),
            problems=[
                {"severity": p.severity, "glyph": PROBLEM_GLYPHS[p.severity], "message": p.message} for p in problems
            ],
            jobs=[
                {"name": sanitize(job["name"]), "id": sanitize(job["job_id"]), "at": times.format(job["at"])}
                for job in jobs
            ],
            made_at=times.format(now),
            common=times.common,
        )
    )


def _folder_context(folder: JobFolder) -> dict[str, str]:
    files = f"{folder.count} {'file' if folder.count == 1 else 'files'}, {format_size(folder.size)}"
    return {
        "name": sanitize(folder.name) or "job",
        "path": sanitize(folder.path, 300),
        "files": "" if folder.obstacle and not folder.count else files,
    }
