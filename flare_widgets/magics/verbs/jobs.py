"""Jobs: submitted, listed, watched, ended, fetched."""

from __future__ import annotations

import time
from pathlib import Path

from IPython.core.error import UsageError

from ...formatting.text import clean
from ...monitoring import JobSnapshot, Watch
from ...monitoring.job.format import label
from ...options import FOLDER_OR_FORM, JOB, LAST, NAMED, TOKEN, WAIT_LIMIT, YES, option
from ...views.compare.view import CompareView
from ...views.compare.view_model import MOST_JOBS
from ...views.core.pretty import Facts, Words
from ...views.core.tables import JobTable
from ...views.display import show_jobs, show_submit
from ...views.job.view import JobView
from ...views.submit.view import SubmitForm
from ..job_display import FIRST_FACTS, follow, shown
from ..parsing import verb
from ..progress import Progress, attended, transfer
from ..prompt import confirm, live
from ..state import State

_FETCHING = 60.0  # for the metrics of jobs that have ended


@verb(
    LAST,
    NAMED,
    option("--id", default=None, metavar="PREFIX", completes="jobs", help="only jobs whose id begins so"),
    option("--oldest", action="store_true", help="oldest first"),
)
def jobs(state: State, limit: int, name: str | None, id: str | None, oldest: bool) -> JobTable:
    """List the jobs of the session's study, newest first: a live table to sort, filter, open, compare and abort.

    With an option, and in a notebook that is run without a person, it is a plain table as of now.

    Examples:
        %flare jobs
        %flare jobs -n 5
        %flare jobs --name hello
        recent = %flare jobs        a list of dicts
    """
    managed = state.current
    listed = managed.session.list_jobs(reverse=not oldest, limit=limit, name_prefix=name, id_prefix=id)
    table = JobTable(listed)
    if not (limit or name or id or oldest):
        managed.remember_jobs(listed)
        table.live = live(state, lambda: show_jobs(managed.monitor))
    return table


@verb(FOLDER_OR_FORM, TOKEN, changes=True)
def submit(state: State, folder: str | None, token: str | None) -> str | SubmitForm:
    """Submit a job folder and return the job's id. Nothing is written into the folder.

    Without a folder it shows a form: pick one, see what will be sent and what is wrong with it, and submit.

    Examples:
        %flare submit               a form
        %flare submit jobs/hello-numpy
        job = %flare submit jobs/hello-numpy
        job = %flare submit {folder}        the value of a variable
    """
    managed = state.current
    if folder is None:
        return show_submit(managed.session, managed.monitor)
    progress = Progress()
    job_id = managed.session.submit_job(folder, token, progress=transfer(progress, "sending"))
    managed.remember_job(job_id, Path(folder).name)
    progress.end("sent")
    return job_id


@verb(
    JOB,
    option("-w", "--wait", action="store_true", help="let the cell last until the job ends"),
    option("-k", "--keep", action="store_true", help="keep the view live after the job's end"),
    option("--text", action="store_true", help="one line of text in place of the live view"),
)
def monitor(state: State, job: str | None, wait: bool, keep: bool, text: bool) -> JobView | JobSnapshot:
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
    return shown(state, state.session, _watch(state, job), wait=wait, keep=keep, text=text)


@verb(JOB, WAIT_LIMIT)
def wait(state: State, job: str | None, timeout: float) -> JobSnapshot:
    """Wait until a job ends, telling in a line how it is, and return what is known of it.

    Interrupting the cell ends only the waiting.

    Examples:
        %flare wait
        %flare wait 76b8 --timeout 600
        end = %flare wait           end.status, end.duration, end.metrics, end.failure
    """
    return follow(_watch(state, job), timeout)


@verb(JOB)
def meta(state: State, job: str | None) -> Facts:
    """Tell what the server stores about a job.

    Examples:
        %flare meta
        meta = %flare meta 76b8     a dict: meta["status"], meta["job_folder_name"], ...
    """
    return Facts(state.session.get_job_meta(state.job(job)))


@verb(JOB, changes=True)
def clone(state: State, job: str | None) -> str:
    """Submit the content of a job once more and return the new job's id.

    Examples:
        %flare clone
        again = %flare clone 76b8
    """
    managed = state.current
    job_id = attended("cloning", managed.session.clone_job, state.job(job))
    managed.remember_job(job_id)
    return job_id


@verb(JOB, YES, changes=True)
def abort(state: State, job: str | None, yes: bool) -> str:
    """End a job before its time, and return what the server says. It asks first.

    The job's status follows in a few seconds.

    Examples:
        %flare abort
        %flare abort 76b8 --yes
    """
    job_id = state.job(job)
    confirm(state, f"Abort {_described(state, job_id)}?", yes)
    return attended("aborting", state.session.abort_job, job_id)


@verb(JOB, YES, changes=True)
def delete(state: State, job: str | None, yes: bool) -> Facts:
    """Remove a job and its results from the server for good. It asks first.

    Examples:
        %flare delete 76b8
        %flare delete 76b8 --yes
    """
    managed = state.current
    job_id = state.job(job)
    confirm(state, f"Delete {_described(state, job_id)}, with its results, for good?", yes)
    said = Facts(attended("deleting", managed.session.delete_job, job_id))
    managed.jobs = tuple(known for known in managed.jobs if known["job_id"] != job_id)
    if managed.last_job == job_id:
        managed.last_job = None
    return said


@verb(
    JOB,
    option(
        "-o", "--to", default=None, metavar="FOLDER", completes="folders",
        help="where the new folder, named after the job, shall be (default: as configured, or the kit's)",
    ),
    option("--components", action="store_true", help="what sites sent in addition, in place of the results"),
)  # fmt: skip
def download(state: State, job: str | None, to: str | None, components: bool) -> Path:
    """Download a finished job and its results, and return the new folder.

    Examples:
        %flare download
        %flare download 76b8 --to results
        result = %flare download            a pathlib.Path: result / "workspace"
        %flare download --components        logs of errors that sites sent; see %flare components
    """
    session, job_id = state.session, state.job(job)
    progress = Progress()
    tell = transfer(progress, "received")
    if components:
        if to is not None:
            raise UsageError("%flare download: components go into the kit's download folder; leave out --to")
        folder = session.download_job_components(job_id, progress=tell)
    else:
        folder = session.download_job_result(job_id, to or state.config.download_folder or None, progress=tell)
    progress.end(f"downloaded to {clean(folder, 500)}")
    return Path(folder)


@verb(JOB)
def components(state: State, job: str | None) -> list[str]:
    """List what sites sent to the server in addition to a job's results.

    After a failure mostly ERRORLOG_ and a site's name: that site's log of errors.

    Examples:
        %flare components 76b8
    """
    return state.session.list_job_components(state.job(job))


@verb(option("jobs", nargs="+", metavar="JOB", completes="jobs", help=f"two to {MOST_JOBS} jobs: ids or names"))
def compare(state: State, jobs: list[str]) -> CompareView | Words:
    """Show jobs beside each other: status, rounds, time, the best of each metric, and the metrics over the rounds.

    Jobs that run are followed; the metrics of those that have ended are fetched from their results.

    Examples:
        %flare compare 76b8 1a2b
        %flare compare baseline tuned       by their names
    """
    managed = state.current
    ids = list(dict.fromkeys(managed.find_job(job) for job in jobs))
    if not 2 <= len(ids) <= MOST_JOBS:
        raise UsageError(f"%flare compare takes two to {MOST_JOBS} different jobs, not {len(ids)}")
    watches = [managed.monitor.watch(job_id) for job_id in ids]
    attended("fetching what the jobs that have ended left", _wait_for_ended, watches, _FETCHING)
    view = CompareView(watches)
    return view if state.config.views else Words(repr(view))


def _watch(state: State, job: str | None) -> Watch:
    managed = state.current
    job_id = state.job(job)
    watch = managed.monitor.watch(job_id)
    watch.wait_for_facts(FIRST_FACTS)  # an unknown job is told now, not in a view
    managed.remember_job(job_id, watch.snapshot.name)
    return watch


def _wait_for_ended(watches: list[Watch], timeout: float) -> None:
    """Wait until all is known of the jobs that have ended, but not for those that run."""
    until = time.monotonic() + timeout
    for watch in watches:
        watch.wait_for_facts(max(0.0, until - time.monotonic()))
        if watch.snapshot.ended:
            watch.wait(max(0.0, until - time.monotonic()))


def _described(state: State, job_id: str) -> str:
    meta = state.session.get_job_meta(job_id)
    return f"{label(str(meta.get('name') or ''), job_id)}, which is {clean(str(meta.get('status')))}"
