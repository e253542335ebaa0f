"""Jobs: submitted, listed, watched, ended, fetched."""

from __future__ import annotations

import time
from pathlib import Path

from IPython.core.error import UsageError

from ...formatting.text import sanitize
from ...monitoring import JobSnapshot, Watch
from ...monitoring.job.format import job_label
from ...options import FOLDER_OR_FORM, JOB, LIMIT, NAME_PREFIX, TOKEN, WAIT_TIMEOUT, YES, option
from ...views.compare.view import CompareView
from ...views.compare.view_model import MAX_JOBS
from ...views.core.pretty import PrettyDict, PrettyText
from ...views.display import show_jobs, show_submit
from ...views.job.view import JobView
from ...views.jobs.table import JobTable
from ...views.submit.view import SubmitForm
from ..job_display import FIRST_UPDATE_TIMEOUT_S, display_job, wait_until_ended
from ..parsing import verb
from ..progress import ProgressLine, make_transfer_callback, run_with_progress
from ..prompt import confirm, show_if_interactive
from ..state import MagicsState

_FETCH_TIMEOUT_S = 60.0  # for the metrics of jobs that have ended


@verb(
    LIMIT,
    NAME_PREFIX,
    option("--id", default=None, metavar="PREFIX", completes="jobs", help="only jobs whose id begins so"),
    option("--oldest", action="store_true", help="oldest first"),
)
def jobs(state: MagicsState, limit: int, name: str | None, id: str | None, oldest: bool) -> JobTable:
    """List the jobs of the session's study, newest first: a live table to sort, filter, open, compare and abort.

    With an option, and in a notebook that is run without a person, it is a plain table as of now.

    Examples:
        %flare jobs
        %flare jobs -n 5
        %flare jobs --name hello
        recent = %flare jobs        a list of dicts
    """
    managed = state.managed_session
    listed = managed.session.list_jobs(reverse=not oldest, limit=limit, name_prefix=name, id_prefix=id)
    table = JobTable(listed)
    if not (limit or name or id or oldest):
        managed.cache_jobs(listed)
        table.show_live = show_if_interactive(state, lambda: show_jobs(managed.monitor))
    return table


@verb(FOLDER_OR_FORM, TOKEN, is_mutating=True)
def submit(state: MagicsState, folder: str | None, token: str | None) -> str | SubmitForm:
    """Submit a job folder and return the job's id. Nothing is written into the folder.

    Without a folder it shows a form: pick one, see what will be sent and what is wrong with it, and submit.

    Examples:
        %flare submit               a form
        %flare submit jobs/hello-numpy
        job = %flare submit jobs/hello-numpy
        job = %flare submit {folder}        the value of a variable
    """
    managed = state.managed_session
    if folder is None:
        return show_submit(managed.session, managed.monitor)
    progress = ProgressLine()
    job_id = managed.session.submit_job(folder, token, progress=make_transfer_callback(progress, "sending"))
    managed.set_last_job(job_id, Path(folder).name)
    progress.finish("sent")
    return job_id


@verb(
    JOB,
    option("-w", "--wait", action="store_true", help="let the cell last until the job ends"),
    option("-k", "--keep", action="store_true", help="keep the view live after the job's end"),
    option("--text", action="store_true", help="one line of text in place of the live view"),
)
def monitor(state: MagicsState, job: str | None, wait: bool, keep: bool, text: bool) -> JobView | JobSnapshot:
    """Show what is happening to a job, live. The kernel stays free.

    With --wait the cell lasts until the job ends; interrupting it ends only the waiting.

    When the job ends a picture takes the view's place, which a saved notebook keeps. With --keep the view stays as it
    is, with the log and what can be done to an ended job, until the kernel is shut down.

    Examples:
        %flare monitor              the last job
        %flare monitor 76b8         the job whose id begins so
        %flare monitor hello        the job of that name
        %flare monitor 76b8 --keep
        end = %flare monitor --wait
        now = %flare monitor --text     how it is now, in a line
    """
    return display_job(state, state.session, _watch_job(state, job), wait=wait, stay_live=keep, as_text=text)


@verb(JOB, WAIT_TIMEOUT)
def wait(state: MagicsState, job: str | None, timeout: float) -> JobSnapshot:
    """Wait until a job ends, telling in a line how it is, and return what is known of it.

    Interrupting the cell ends only the waiting.

    Examples:
        %flare wait
        %flare wait 76b8 --timeout 600
        end = %flare wait           end.status, end.duration, end.metrics, end.failure
    """
    return wait_until_ended(_watch_job(state, job), timeout)


@verb(JOB)
def meta(state: MagicsState, job: str | None) -> PrettyDict:
    """Tell what the server stores about a job.

    Examples:
        %flare meta
        meta = %flare meta 76b8     a dict: meta["status"], meta["job_folder_name"], ...
    """
    return PrettyDict(state.session.get_job_meta(state.find_job_id(job)))


@verb(JOB, is_mutating=True)
def clone(state: MagicsState, job: str | None) -> str:
    """Submit the content of a job once more and return the new job's id.

    Examples:
        %flare clone
        again = %flare clone 76b8
    """
    managed = state.managed_session
    job_id = run_with_progress("cloning", managed.session.clone_job, state.find_job_id(job))
    managed.set_last_job(job_id)
    return job_id


@verb(JOB, YES, is_mutating=True)
def abort(state: MagicsState, job: str | None, yes: bool) -> str:
    """End a job before its time, and return what the server says. It asks first.

    The job's status follows in a few seconds.

    Examples:
        %flare abort
        %flare abort 76b8 --yes
    """
    job_id = state.find_job_id(job)
    confirm(state, f"Abort {_describe_job(state, job_id)}?", yes)
    return run_with_progress("aborting", state.session.abort_job, job_id)


@verb(JOB, YES, is_mutating=True)
def delete(state: MagicsState, job: str | None, yes: bool) -> PrettyDict:
    """Remove a job and its results from the server for good. It asks first.

    Examples:
        %flare delete 76b8
        %flare delete 76b8 --yes
    """
    managed = state.managed_session
    job_id = state.find_job_id(job)
    confirm(state, f"Delete {_describe_job(state, job_id)}, with its results, for good?", yes)
    said = PrettyDict(run_with_progress("deleting", managed.session.delete_job, job_id))
    managed.jobs = tuple(known for known in managed.jobs if known["job_id"] != job_id)
    if managed.last_job_id == job_id:
        managed.last_job_id = None
    return said


@verb(
    JOB,
    option(
        "-o", "--to", default=None, metavar="FOLDER", completes="folders",
        help="where the new folder, named after the job, shall be (default: as configured, or the kit's)",
    ),
    option("--components", action="store_true", help="what sites sent in addition, in place of the results"),
)  # fmt: skip
def download(state: MagicsState, job: str | None, to: str | None, components: bool) -> Path:
    """Download a finished job and its results, and return the new folder.

    Examples:
        %flare download
        %flare download 76b8 --to results
        result = %flare download            a pathlib.Path: result / "workspace"
        %flare download --components        logs of errors that sites sent; see %flare components
    """
    session, job_id = state.session, state.find_job_id(job)
    progress = ProgressLine()
    tell = make_transfer_callback(progress, "received")
    if components:
        if to is not None:
            raise UsageError("%flare download: components go into the kit's download folder; leave out --to")
        folder = session.download_job_components(job_id, progress=tell)
    else:
        folder = session.download_job_result(job_id, to or state.config.download_folder or None, progress=tell)
    progress.finish(f"downloaded to {sanitize(folder, 500)}")
    return Path(folder)


@verb(JOB)
def components(state: MagicsState, job: str | None) -> list[str]:
    """List what sites sent to the server in addition to a job's results.

    After a failure mostly ERRORLOG_ and a site's name: that site's log of errors.

    Examples:
        %flare components 76b8
    """
    return state.session.list_job_components(state.find_job_id(job))


@verb(option("jobs", nargs="+", metavar="JOB", completes="jobs", help=f"two to {MAX_JOBS} jobs: ids or names"))
def compare(state: MagicsState, jobs: list[str]) -> CompareView | PrettyText:
    """Show jobs beside each other: status, rounds, time, the best of each metric, and the metrics over the rounds.

    Jobs that run are followed; the metrics of those that have ended are fetched from their results.

    Examples:
        %flare compare 76b8 1a2b
        %flare compare baseline tuned       by their names
    """
    managed = state.managed_session
    ids = list(dict.fromkeys(managed.find_job_id(job) for job in jobs))
    if not 2 <= len(ids) <= MAX_JOBS:
        raise UsageError(f"%flare compare takes two to {MAX_JOBS} different jobs, not {len(ids)}")
    watches = [managed.monitor.watch(job_id) for job_id in ids]
    run_with_progress("fetching what the jobs that have ended left", _wait_for_ended_jobs, watches, _FETCH_TIMEOUT_S)
    view = CompareView(watches)
    return view if state.config.views else PrettyText(repr(view))


def _watch_job(state: MagicsState, job: str | None) -> Watch:
    managed = state.managed_session
    job_id = state.find_job_id(job)
    watch = managed.monitor.watch(job_id)
    watch.wait_for_first_update(FIRST_UPDATE_TIMEOUT_S)  # an unknown job is told now, not in a view
    managed.set_last_job(job_id, watch.snapshot.name)
    return watch


def _wait_for_ended_jobs(watches: list[Watch], timeout_s: float) -> None:
    """Wait until all is known of the jobs that have ended, but not for those that run."""
    until = time.monotonic() + timeout_s
    for watch in watches:
        watch.wait_for_first_update(max(0.0, until - time.monotonic()))
        if watch.snapshot.ended:
            watch.wait(max(0.0, until - time.monotonic()))


def _describe_job(state: MagicsState, job_id: str) -> str:
    meta = state.session.get_job_meta(job_id)
    return f"{job_label(str(meta.get('name') or ''), job_id)}, which is {sanitize(str(meta.get('status')))}"
