"""Showing things in the notebook."""

from __future__ import annotations

from .job import JobView, Watch
from .job_actions import JobSession


def show_job(
    watch: Watch, session: JobSession | None = None, *, folder: str | None = None, keep: bool = False
) -> JobView:
    """Show a job in the caller's cell: live in a notebook, as one line of text in a terminal.

    Parameters
    ----------
    watch
        Who knows the job.
    session, folder, keep
        Who does what the user asks for, where downloads go, and whether it stays live; see :class:`JobView`.

    Returns
    -------
    JobView
        The view, already displayed. Displaying it again shows it in another place too.
    """
    view = JobView(watch, session, folder=folder, keep=keep)
    view.show()
    return view
