"""Showing things in the notebook."""

from __future__ import annotations

from collections.abc import Sequence

from ..monitoring import Monitor
from .compare import CompareView
from .comparison import MOST_JOBS
from .job import JobView, Watch
from .job_actions import JobSession
from .jobs import Below, JobsView


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


def show_jobs(monitor: Monitor) -> JobsView:
    """Show all jobs of a session's study in the caller's cell: live in a notebook, as a table in a terminal.

    Parameters
    ----------
    monitor
        The session's monitor.

    Returns
    -------
    JobsView
        The view, already displayed.
    """

    def open_job(job_id: str) -> Below:
        watch = monitor.watch(job_id)
        return JobView(watch, monitor.session, keep=True), watch.stop

    def compare(job_ids: Sequence[str]) -> Below:
        watches = [monitor.watch(job_id) for job_id in job_ids[:MOST_JOBS]]

        def end() -> None:
            for watch in watches:
                watch.stop()

        return CompareView(watches, keep=True), end

    view = JobsView(monitor, open_job, compare)
    view.show()
    return view
