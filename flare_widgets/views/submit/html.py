"""The submit form as HTML for a saved notebook: what was chosen, what was wrong with it, what was submitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from ...api.transfer.job_folder import JobFolder, Problem
from ...formatting.text import clean, size
from ..core.html import _environment, _style, _Times

GLYPHS = {"error": "✕", "warning": "!"}


def submit_html(
    folder: JobFolder | None,
    wrong: Sequence[Problem],
    session: Sequence[str],
    jobs: Sequence[Mapping[str, Any]],
    now: float,
    zone: tzinfo | None = None,
) -> str:
    """Return the form as HTML for a saved notebook.

    Parameters
    ----------
    folder
        The chosen folder, if one is.
    wrong
        What is wrong with it.
    session
        Whose session it is, in a few words each.
    jobs
        What was submitted: ``job_id, name, at``.
    now
        The time the form is made, in seconds since the epoch.
    zone
        The time zone to show times in; this machine's when not given.
    """
    times = _Times([now, *(job["at"] for job in jobs)], zone)
    root, style = _style("submit-static.css")
    return (
        _environment()
        .get_template("submit.html.j2")
        .render(
            root=root,
            style=style,
            session=[clean(words) for words in session],
            chosen=None if folder is None else _chosen(folder),
            problems=[{"severity": p.severity, "glyph": GLYPHS[p.severity], "words": p.words} for p in wrong],
            jobs=[
                {"name": clean(job["name"]), "id": clean(job["job_id"]), "at": times.show(job["at"])} for job in jobs
            ],
            made_at=times.show(now),
            common=times.common,
        )
    )


def _chosen(folder: JobFolder) -> dict[str, str]:
    files = f"{folder.count} {'file' if folder.count == 1 else 'files'}, {size(folder.size)}"
    return {
        "name": clean(folder.name) or "job",
        "path": clean(folder.path, 300),
        "files": "" if folder.obstacle and not folder.count else files,
    }
