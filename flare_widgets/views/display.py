"""Functions that make views, and show them in the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..api import Session
from ..monitoring import Monitor
from ..results import Result
from ..results.opening import fetch_result, make_fetch
from .compare.view import CompareView
from .core.live_view import HOST, hosted_by
from .job.actions import JobSession
from .job.view import JobSource, JobView
from .jobs.view import JobsView, NestedView, ResultOpener
from .results.view import LiveResultView
from .session.view import Manager, SessionBadge, SessionSwitcher
from .submit.view import SubmitForm
from .system.view import SystemView

if TYPE_CHECKING:
    from ..api.transfer.progress import ProgressCallback


def show_job(watch: JobSource, session: JobSession | None = None, *, folder: str | None = None) -> JobView:
    """Show a job in the caller's cell: live in a notebook, as one line of text in a terminal.

    Parameters
    ----------
    watch
        The watch of the job.
    session, folder
        The session for actions, and the folder for downloads; see :class:`JobView`.

    Returns
    -------
    JobView
        The view, already displayed. Displaying it again shows it in another place too.
    """
    view = JobView(watch, session, folder=folder)
    view.show()
    return view


def show_system(session: Session, monitor: Monitor) -> SystemView:
    """Show the server and its sites in the caller's cell: live in a notebook, as text in a terminal.

    Parameters
    ----------
    session
        The session for queries and actions.
    monitor
        The monitor of that session.

    Returns
    -------
    SystemView
        The view, already displayed.

    Raises
    ------
    FlareError
        The server could not be queried.
    """
    view = make_system_view(session, monitor)
    view.show()
    return view


def make_system_view(session: Session, monitor: Monitor) -> SystemView:
    """Return the view of the server and its sites, not displayed yet; parameters as of :func:`show_system`."""
    watch = monitor.watch_system()
    watch.update(session.get_system_info())
    return SystemView(watch, session)


def show_submit(
    session: Session, monitor: Monitor, folder: str | Path | None = None, *, results_folder: str | None = None
) -> SubmitForm:
    """Show the form that submits jobs in the caller's cell. Each new job is shown below it.

    Parameters
    ----------
    session
        The session, and its study, for submitting jobs.
    monitor
        The monitor of that session.
    folder
        A job folder, or a folder to search for one; the working directory if not given.
    results_folder
        The folder for downloads, see :class:`JobView`.

    Returns
    -------
    SubmitForm
        The form, already displayed.
    """

    def opened(job_id: str) -> JobView:
        return JobView(monitor.watch(job_id), session, folder=results_folder)

    form = SubmitForm(session, folder, opened)
    form.show()
    return form


def show_session(session: Session) -> SessionBadge:
    """Show a session in the caller's cell: its user, server and state, and the expiry of its certificate.

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
    """Show all sessions in the caller's cell, to choose the current one, and to close them.

    Parameters
    ----------
    manager
        The :class:`.SessionManager` of the sessions.

    Returns
    -------
    SessionSwitcher
        The view, already displayed.
    """
    switcher = SessionSwitcher(manager)
    switcher.show()
    return switcher


def show_jobs(monitor: Monitor, *, folder: str | None = None) -> JobsView:
    """Show all jobs of a session's study in the caller's cell: live in a notebook, as a table in a terminal.

    Parameters
    ----------
    monitor
        The session's monitor.
    folder
        The folder for downloads, see :class:`JobView`.

    Returns
    -------
    JobsView
        The view, already displayed.
    """

    view = make_jobs_view(monitor, folder=folder)
    view.show()
    return view


def make_jobs_view(monitor: Monitor, *, folder: str | None = None, open_result: ResultOpener | None = None) -> JobsView:
    """Return the view of all jobs, not displayed yet.

    A job that is opened in it, a comparison, and a result have the same host as the view.

    Parameters
    ----------
    monitor, folder
        As of :func:`show_jobs`.
    open_result
        Makes the view of a job's result; a function that downloads it into the folder if not given.
    """
    host = HOST.get()
    make_result = open_result or partial(make_result_view, monitor.session, folder=folder)

    def open_job(job_id: str) -> NestedView:
        with hosted_by(host):
            return make_job_view(monitor, job_id, folder=folder)

    def compare(job_ids: Sequence[str]) -> NestedView:
        with hosted_by(host):
            return make_comparison(monitor, job_ids)

    def show_result(job_id: str, name: str, progress: ProgressCallback) -> NestedView:
        with hosted_by(host):
            return make_result(job_id, name, progress)

    return JobsView(monitor, open_job, compare, show_result, folder=folder)


def make_result_view(
    session: Session, job_id: str, name: str, progress: ProgressCallback, *, folder: str | None = None
) -> NestedView:
    """Return the view of a job's result, downloaded unless it is there already: not displayed yet."""
    path, _ = fetch_result(session, job_id, name, folder, progress=progress)
    result = Result(path, fetch=make_fetch(session, job_id, name, folder))
    return LiveResultView(result, session=session), lambda: None


def make_job_view(monitor: Monitor, job_id: str, *, folder: str | None = None) -> NestedView:
    """Return the view of a job with a watch of its own, not displayed yet, and a function that ends the watch."""
    watch = monitor.watch(job_id)
    return JobView(watch, monitor.session, folder=folder), watch.stop


def make_comparison(monitor: Monitor, job_ids: Sequence[str]) -> NestedView:
    """Return the view of several jobs side by side, not displayed yet, and a function that ends their watches."""
    watches = [monitor.watch(job_id) for job_id in job_ids]

    def end() -> None:
        for watch in watches:
            watch.stop()

    try:
        return CompareView(watches, session=monitor.session), end
    except BaseException:
        end()
        raise
