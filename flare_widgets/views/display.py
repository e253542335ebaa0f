"""Showing things in the notebook."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from pathlib import Path

from ..api import Session, commands
from ..monitoring import Monitor
from .job import JobView, Watch
from .submit import SubmitForm
from .system import SystemView


def show_job(watch: Watch, abort: Callable[[], concurrent.futures.Future[str]] | None = None) -> JobView:
    """Show a job in the caller's cell: live in a notebook, as one line of text in a terminal.

    Parameters
    ----------
    watch
        Who knows the job.
    abort
        Starts to abort the job; see :class:`JobView`.

    Returns
    -------
    JobView
        The view, already displayed. Displaying it again shows it in another place too.
    """
    view = JobView(watch, abort)
    view.show()
    return view


def show_system(session: Session, monitor: Monitor) -> SystemView:
    """Show the server and its sites in the caller's cell: live in a notebook, as text in a terminal.

    Parameters
    ----------
    session
        Whom to ask, and who may act.
    monitor
        The monitor of that session.

    Returns
    -------
    SystemView
        The view, already displayed.

    Raises
    ------
    FlareError
        The server could not be asked.
    """
    watch = monitor.watch_system()
    watch.learn(session.get_system_info())
    view = SystemView(watch, session)
    view.show()
    return view


def show_submit(session: Session, monitor: Monitor, folder: str | Path | None = None) -> SubmitForm:
    """Show the form that submits jobs in the caller's cell. Each new job is shown below it.

    Parameters
    ----------
    session
        With whom to submit, and in which study.
    monitor
        The monitor of that session.
    folder
        A job folder, or where to look for one; the working directory when not given.

    Returns
    -------
    SubmitForm
        The form, already displayed.
    """

    def opened(job_id: str) -> JobView:
        return JobView(monitor.watch(job_id), abort=lambda: session.start(commands.abort_job(job_id)))

    form = SubmitForm(session, folder, opened)
    form.show()
    return form
