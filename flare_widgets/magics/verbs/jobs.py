"""Jobs: list, submit, watch, stop, fetch."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from IPython.core.error import UsageError

from ...api.job_status import has_ended
from ...api.saved_results import save_components, save_result
from ...formatting.text import sanitize
from ...monitoring import JobSnapshot, Watch
from ...monitoring.job.format import job_label
from ...options import FOLDER_OR_FORM, JOB, LIMIT, NAME_PREFIX, TOKEN, WAIT_TIMEOUT, YES, option
from ...views.compare.view import CompareText, CompareView
from ...views.core.pretty import PrettyDict
from ...views.display import show_jobs, show_submit
from ...views.job.view import JobView
from ...views.jobs.table import JobTable
from ...views.submit.view import SubmitForm
from ..job_display import (
    FIRST_UPDATE_TIMEOUT_S,
    SnapshotList,
    display_job,
    wait_for_results,
    wait_until_all_ended,
    wait_until_ended,
)
from ..job_id import JobId, LinkedSnapshot, link
from ..parsing import verb
from ..progress import ProgressLine, make_transfer_callback, run_with_progress
from ..prompt import confirm, show_if_interactive
from ..state import MagicsState

T = TypeVar("T")


@verb(
    LIMIT,
    NAME_PREFIX,
    option("--id", default=None, metavar="PREFIX", completes="jobs", help="only jobs whose id starts with PREFIX"),
    option("--oldest", action="store_true", help="oldest first"),
)
def jobs(state: MagicsState, limit: int, name: str | None, id: str | None, oldest: bool) -> JobTable:
    """List the jobs of the study, newest first, in a live table: sort, filter, open, compare, abort.

    With an option, or in a non-interactive notebook, the table is plain and shows the current state.

    Examples:
        %flare jobs
        %flare jobs -n 5
        %flare jobs --name hello
        recent = %flare jobs        a list of dicts
        recent.to_frame()           a pandas.DataFrame, times as datetimes; or recent.records()
    """
    managed = state.managed_session
    listed = managed.session.list_jobs(reverse=not oldest, limit=limit, name_prefix=name, id_prefix=id)
    table = JobTable(listed)
    if name or id:
        table.empty_text = "No job has a name or an id that begins like that (no patterns here). %flare jobs lists all"
    if not (limit or name or id or oldest):
        managed.cache_jobs(listed)
        table.show_live = show_if_interactive(state, lambda: show_jobs(managed.monitor, folder=state.results_folder))
    return table


@verb(FOLDER_OR_FORM, TOKEN, is_mutating=True)
def submit(state: MagicsState, folder: str | None, token: str | None) -> JobId | SubmitForm:
    """Submit a job folder and return the job's id. Nothing is written into the folder.

    Without a folder, show a form: pick a folder, review what will be sent and its problems, then submit.

    Examples:
        %flare submit               a form
        %flare submit jobs/hello-numpy
        job = %flare submit jobs/hello-numpy
        job = %flare submit "{folder}"      the value of a variable
        job.wait(), job.status, job.metrics, job.results(), job.abort()
    """
    managed = state.managed_session
    if folder is None:
        return show_submit(managed.session, managed.monitor, results_folder=state.results_folder)
    progress = ProgressLine()
    job_id = managed.session.submit_job(folder, token, progress=make_transfer_callback(progress, "sending"))
    managed.set_last_job(job_id, Path(folder).name)
    progress.finish("sent")
    return JobId(job_id, managed, state.results_folder)


@verb(
    JOB,
    option("-w", "--wait", action="store_true", help="block until the job ends"),
    option("--text", action="store_true", help="print one line of text instead of the live view"),
)
def monitor(state: MagicsState, job: str | None, wait: bool, text: bool) -> JobView | JobSnapshot:
    """Follow a job live: rounds, metrics, sites, log. The kernel stays free.

    With --wait the cell blocks until the job ends; interrupting it stops only the waiting.

    When the job has ended, the view stays: hover over the charts, read the log, download, clone or delete. A saved
    notebook shows its static form.

    Examples:
        %flare monitor              the last job
        %flare monitor 76b8         the job whose id starts with 76b8
        %flare monitor hello        the job called hello
        end = %flare monitor --wait     a snapshot, as %flare wait returns it
        now = %flare monitor --text     the current state in one line
    """
    watch = _watch_job(state, job)
    return _link(state, display_job(state, state.session, watch, wait=wait, as_text=text))


@verb(
    option(
        "jobs", nargs="*", metavar="JOB", completes="jobs",
        help="the jobs: ids, the beginnings of ids, or names (default: the last job)",
    ),
    option("--all", action="store_true", help="wait for all jobs of the study that have not ended"),
    option("--first", action="store_true", help="wait only until the first of them has ended"),
    WAIT_TIMEOUT,
)  # fmt: skip
def wait(state: MagicsState, jobs: list[str], all: bool, first: bool, timeout: float) -> JobSnapshot | SnapshotList:
    """Wait until jobs end, show one line of progress, and return their final snapshots: one, or a list.

    Interrupting the cell stops only the waiting. The snapshots are data of one moment, with the job's methods:
    end.results(), end.logs(), end.clone(), end.report("report.html").

    Examples:
        %flare wait
        %flare wait 76b8 --timeout 600
        %flare wait baseline tuned
        %flare wait --all
        end = %flare wait           end.status, end.failure, end.metrics, end.results()
    """
    managed = state.managed_session
    if all:
        if jobs:
            raise UsageError("%flare wait: name the jobs, or say --all, not both")
        listed = managed.session.list_jobs()
        ids = [job["job_id"] for job in listed if not has_ended(job["status"])]
    else:
        ids = list(dict.fromkeys(managed.find_job_id(job) for job in jobs))
        if len(ids) < 2:
            return _link(state, wait_until_ended(_watch_job(state, jobs[0] if jobs else None), timeout))
    ends = wait_until_all_ended([managed.monitor.watch(job_id) for job_id in ids], timeout, first=first)
    return SnapshotList(_link(state, end) for end in ends)


@verb(JOB)
def meta(state: MagicsState, job: str | None) -> PrettyDict:
    """Print the metadata that the server stores about a job.

    Examples:
        %flare meta
        meta = %flare meta 76b8     a dict: meta["status"], meta["job_folder_name"], ...
    """
    return PrettyDict(state.session.get_job_meta(state.find_job_id(job)))


@verb(JOB, is_mutating=True)
def clone(state: MagicsState, job: str | None) -> JobId:
    """Resubmit a job and return the id of the new one.

    Examples:
        %flare clone
        again = %flare clone 76b8
    """
    managed = state.managed_session
    job_id = run_with_progress("cloning", managed.session.clone_job, state.find_job_id(job))
    managed.set_last_job(job_id)
    return JobId(job_id, managed, state.results_folder)


@verb(JOB, YES, is_mutating=True)
def abort(state: MagicsState, job: str | None, yes: bool) -> str:
    """Stop a running job and return the server's answer. It asks for confirmation.

    The job's status changes a few seconds later.

    Examples:
        %flare abort
        %flare abort 76b8 --yes
    """
    job_id = state.find_job_id(job)
    confirm(state, f"Abort {_describe_job(state, job_id)}?", "Abort job", yes)
    return run_with_progress("aborting", state.session.abort_job, job_id)


@verb(JOB, YES, is_mutating=True)
def delete(state: MagicsState, job: str | None, yes: bool) -> PrettyDict:
    """Permanently delete a job and its results from the server. It asks for confirmation.

    Examples:
        %flare delete 76b8
        %flare delete 76b8 --yes
    """
    managed = state.managed_session
    job_id = state.find_job_id(job)
    confirm(state, f"Permanently delete {_describe_job(state, job_id)} and its results?", "Delete job", yes)
    said = PrettyDict(run_with_progress("deleting", managed.session.delete_job, job_id))
    managed.jobs = tuple(known for known in managed.jobs if known["job_id"] != job_id)
    if managed.last_job_id == job_id:
        managed.last_job_id = None
    return said


@verb(
    JOB,
    option(
        "-o", "--to", default=None, metavar="FOLDER", completes="folders",
        help="where to create the new folder, named after the job (default: as configured, or results)",
    ),
    option(
        "--components", action="store_true",
        help="instead of the results, download the additional files that sites sent",
    ),
)  # fmt: skip
def download(state: MagicsState, job: str | None, to: str | None, components: bool) -> Path:
    """Download a finished job and its results, and return their folder, such as results/hello-numpy-76b8d043.

    A result that is there already is not downloaded again.

    Examples:
        %flare download
        %flare download 76b8 --to results
        result = %flare download            a pathlib.Path: result / "workspace"
        %flare download --components        error logs that sites sent; see %flare components
    """
    session, job_id = state.session, state.find_job_id(job)
    name = str(session.get_job_meta(job_id).get("name") or "")
    parent = to or state.results_folder
    progress = ProgressLine()
    tell = make_transfer_callback(progress, "received")

    def fetch_components(into: str, folder: str) -> str:
        return session.download_job_components(job_id, destination=into, folder_name=folder, progress=tell)

    if components:
        saved = save_components(fetch_components, job_id, name, parent)
    else:
        saved = save_result(session, job_id, name, parent, progress=tell)
    progress.leave(str(saved))
    return saved.folder


@verb(JOB)
def components(state: MagicsState, job: str | None) -> list[str]:
    """List the files that sites sent to the server in addition to a job's results.

    After a failure these are mostly error logs, one for each site: ERRORLOG_ and the site's name.

    Examples:
        %flare components 76b8
    """
    return state.session.list_job_components(state.find_job_id(job))


@verb(
    option(
        "jobs", nargs="+", metavar="JOB", completes="jobs",
        help="the jobs: ids, the beginnings of ids, names, or patterns of names such as train*",
    ),
    option(
        "--baseline", default=None, metavar="JOB", completes="jobs",
        help="the job with which the values of the others are compared",
    ),
)  # fmt: skip
def compare(state: MagicsState, jobs: list[str], baseline: str | None) -> CompareView | CompareText:
    """Compare jobs side by side: arguments, status, rounds, time, the best value of each metric, and charts.

    Any number of jobs. In the view, click a heading to sort, filter by words and by conditions such as rate>0.1,
    choose a baseline, hover over the charts, and drag over them to zoom. Of a sweep, parallel coordinates show which
    arguments led to which metrics.

    Running jobs are updated live; the metrics of ended jobs are fetched from their results.

    Examples:
        %flare compare 76b8 1a2b
        %flare compare first tuned --baseline first     by name
        %flare compare "train *"        all jobs whose names begin like that: those of a sweep called train
        table = %flare compare "train *"
        table.to_frame()                a pandas.DataFrame; or table.records(), a list of dicts
    """
    managed = state.managed_session
    first = None if baseline is None else managed.find_job_id(baseline)
    ids = list(dict.fromkeys(job_id for job in jobs for job_id in managed.find_job_ids(job)))
    ids += [first] if first is not None and first not in ids else []
    if len(ids) < 2:
        pattern = next((job for job in jobs if "*" not in job), "train")
        raise UsageError(
            f"%flare compare: pass two different jobs or more, got {len(ids)}: their ids, as in %flare jobs, or a "
            f'pattern in quotes, "{sanitize(pattern, 60)}*", for all whose names begin like that'
        )
    watches = [managed.monitor.watch(job_id) for job_id in ids]
    run_with_progress("fetching the metrics of the ended jobs", wait_for_results, watches)
    view = CompareView(watches, first, session=managed.session)
    return view if state.config.views else CompareText(view)


def _watch_job(state: MagicsState, job: str | None) -> Watch:
    managed = state.managed_session
    job_id = state.find_job_id(job)
    watch = managed.monitor.watch(job_id)
    watch.wait_for_first_update(FIRST_UPDATE_TIMEOUT_S)  # report an unknown job here, not in a view
    managed.set_last_job(job_id, watch.snapshot.name)
    return watch


def _link(state: MagicsState, value: T) -> T | LinkedSnapshot:
    return link(state.managed_session, state.results_folder, value)


def _describe_job(state: MagicsState, job_id: str) -> str:
    meta = state.session.get_job_meta(job_id)
    return f"{job_label(str(meta.get('name') or ''), job_id)} ({sanitize(str(meta.get('status')))})"
