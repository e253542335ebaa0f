"""Showing things in the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..api import Session
from ..monitoring import Monitor
from .compare.view import CompareView
from .compare.view_model import MOST_JOBS
from .job.actions import JobSession
from .job.view import JobView, Watch
from .jobs.view import Below, JobsView
from .session.view import Manager, SessionBadge, SessionSwitcher
from .submit.view import SubmitForm
from .system.view import SystemView


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
        return JobView(monitor.watch(job_id), session)

    form = SubmitForm(session, folder, opened)
    form.show()
    return form


def show_session(session: Session) -> SessionBadge:
    """Show a session in the caller's cell: whose it is, with which server, how it stands, when its certificate ends.

    Parameters
    ----------
    session
        The session.

    Returns
    -------
    SessionBadge
        The view, already displayed.
    """
    badge = SessionBadge(session)
    badge.show()
    return badge


def show_sessions(manager: Manager) -> SessionSwitcher:
    """Show all sessions in the caller's cell, to choose the one that is worked with, and to close them.

    Parameters
    ----------
    manager
        The :class:`.SessionManager` that has them.

    Returns
    -------
    SessionSwitcher
        The view, already displayed.
    """
    switcher = SessionSwitcher(manager)
    switcher.show()
    return switcher


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
