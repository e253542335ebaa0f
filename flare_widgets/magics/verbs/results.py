"""Results of jobs: what is in them, and their metrics as data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ...formatting.text import sanitize
from ...local_files import expand_path, shorten_path
from ...monitoring import JobSnapshot
from ...monitoring.job.format import job_label, no_metrics_reason
from ...monitoring.job.records import flatten
from ...options import JOB, option
from ...results.exports import DEFAULT_EXPERIMENT, to_mlflow, to_tensorboard
from ...results.opening import fetch_result, make_fetch
from ...views.core.pretty import PrettyTable
from ...views.report import write_report
from ...views.results.view import ResultView
from ..job_display import wait_for_results
from ..parsing import verb
from ..progress import ProgressLine, make_transfer_callback, run_with_progress
from ..prompt import show_if_interactive
from ..state import MagicsState

_HEADINGS = {
    "job": "job",
    "metric": "metric",
    "site": "site",
    "round": "round",
    "step": "step",
    "value": "value",
}


@verb(
    JOB,
    option(
        "-o", "--to", default=None, metavar="FOLDER", completes="folders",
        help="where the result is, or is to be downloaded to (default: as configured, or results)",
    ),
)  # fmt: skip
def results(state: MagicsState, job: str | None, to: str | None) -> ResultView:
    """Look into a finished job's result: models, metrics, evaluation, statistics, files.

    The result is downloaded unless it is there already; of a large one (over 64 MB), at first only the small files:
    the others when you ask for them, by a button, model.load() or result.fetch(name). In place of a job, the folder of
    a result will do.

    Examples:
        %flare results
        %flare results results/hello-numpy-76b8d043
        result = %flare results 76b8
        result.models[0].load()     the model in memory; a pickle only with allow_pickle=True
        result.to_frame()           the metrics as a pandas.DataFrame
    """
    if job is not None and (expand_path(job) / "workspace").is_dir():
        return _show(state, ResultView(job))
    session, job_id = state.session, state.find_job_id(job)
    name = str(session.get_job_meta(job_id).get("name") or "")
    progress = ProgressLine()
    tell = make_transfer_callback(progress, "received")
    parent = to or state.results_folder
    folder, words = fetch_result(session, job_id, name, parent, progress=tell)
    progress.leave(words)
    return _show(state, ResultView(folder, fetch=make_fetch(session, job_id, name, parent), session=session))


@verb(
    option(
        "jobs", nargs="*", metavar="JOB", completes="jobs",
        help="the jobs: ids, the beginnings of ids, or names (default: the last job)",
    ),
)  # fmt: skip
def metrics(state: MagicsState, jobs: list[str]) -> PrettyTable:
    """List the metrics of jobs, a row for each value: by job, metric, site, round or step.

    Those of a running job are the ones known so far.

    Examples:
        %flare metrics
        rows = %flare metrics 76b8 1a2b     a list of dicts
        pandas.DataFrame(rows)
    """
    snapshots, now = _read_snapshots(state, jobs), time.time()
    rows = [row for snapshot in snapshots for row in _list_metrics(snapshot)]
    return PrettyTable(rows, _HEADINGS, "; ".join(_describe_no_metrics(snapshot, now) for snapshot in snapshots))


@verb(
    option(
        "jobs", nargs="*", metavar="JOB", completes="jobs",
        help="the jobs: ids, the beginnings of ids, or names (default: the last job); several are compared",
    ),
    option(
        "-o", "--to", default=".", metavar="FILE", completes="folders",
        help="the HTML file, or a folder for it (default: report-NAME-ID.html in the working folder)",
    ),
)  # fmt: skip
def report(state: MagicsState, jobs: list[str], to: str) -> Path:
    """Write a report on a job, or a comparison of several, as one HTML file, and return it.

    It shows what the views show, needs neither a kernel nor a network, and runs no script.

    Examples:
        %flare report
        %flare report 76b8 -o report.html
        %flare report baseline tuned -o comparison.html
    """
    path = write_report(to, _read_snapshots(state, jobs))
    ProgressLine().leave(f"written to {sanitize(shorten_path(path), 500)}")
    return path


@verb(
    option(
        "jobs", nargs="*", metavar="JOB", completes="jobs",
        help="the jobs: ids, the beginnings of ids, or names (default: the last job)",
    ),
    option(
        "--tensorboard", default=None, metavar="FOLDER", completes="folders",
        help="write TensorBoard's event files into this folder, a folder for each job and site",
    ),
    option("--mlflow", action="store_true", help="record a run of MLflow for each job"),
    option("--experiment", default=DEFAULT_EXPERIMENT, metavar="NAME", help="MLflow's experiment (default: flare)"),
    option("--uri", default=None, metavar="URI", help="MLflow's tracking server or folder (default: as set up)"),
)  # fmt: skip
def export(
    state: MagicsState, jobs: list[str], tensorboard: str | None, mlflow: bool, experiment: str, uri: str | None
) -> list[str]:
    """Hand what is known of jobs to TensorBoard or MLflow; return the folders, or the ids of the runs.

    TensorBoard itself is not needed to write its files; MLflow must be installed: pip install "flare-widgets[mlflow]".

    Examples:
        %flare export --tensorboard runs
        %flare export baseline tuned --tensorboard runs
        %flare export 76b8 --mlflow --experiment hello --uri http://localhost:5000
    """
    if (tensorboard is None) is not mlflow:
        raise UsageError("%flare export: say either --tensorboard FOLDER or --mlflow")
    made = []
    for snapshot in _read_snapshots(state, jobs):
        if tensorboard is not None:
            made.append(str(to_tensorboard(snapshot, tensorboard)))
        else:
            made.append(to_mlflow(snapshot, experiment=experiment, tracking_uri=uri))
    return made


def _read_snapshots(state: MagicsState, jobs: list[str]) -> list[JobSnapshot]:
    """Return what is known of jobs, of those that have ended with their results."""
    managed = state.managed_session
    ids = list(dict.fromkeys(managed.find_job_id(job) for job in jobs)) or [state.find_job_id(None)]
    watches = [managed.monitor.watch(job_id) for job_id in ids]
    try:
        run_with_progress("fetching the results", wait_for_results, watches)
        return [watch.snapshot for watch in watches]
    finally:
        for watch in watches:
            watch.stop()


def _show(state: MagicsState, result: ResultView) -> ResultView:
    result.show_live = show_if_interactive(state, result.show)
    return result


def _describe_no_metrics(snapshot: JobSnapshot, now: float) -> str:
    reason = no_metrics_reason(snapshot, now)
    return f"{job_label(snapshot.name, snapshot.job_id)} has no metrics" + (f": {reason}" if reason else "")


def _list_metrics(snapshot: JobSnapshot) -> list[dict[str, Any]]:
    return [
        {"job": snapshot.name or snapshot.job_id, "job_id": snapshot.job_id, **record}
        for record in flatten(snapshot, snapshot.metrics)
    ]
