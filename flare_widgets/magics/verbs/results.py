"""Results of jobs: what is in them, and their metrics as data."""

from __future__ import annotations

from typing import Any

from ...local_files import expand_path
from ...monitoring import JobSnapshot
from ...options import JOB, option
from ...results.opening import fetch_result, make_fetch
from ...views.core.pretty import PrettyTable
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
    return _show(state, ResultView(folder, fetch=make_fetch(session, job_id, name, parent)))


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
    managed = state.managed_session
    ids = list(dict.fromkeys(managed.find_job_id(job) for job in jobs)) or [state.find_job_id(None)]
    watches = [managed.monitor.watch(job_id) for job_id in ids]
    try:
        run_with_progress("fetching the metrics", wait_for_results, watches)
        rows = [row for watch in watches for row in _list_metrics(watch.snapshot)]
    finally:
        for watch in watches:
            watch.stop()
    return PrettyTable(rows, _HEADINGS, "no metrics")


def _show(state: MagicsState, result: ResultView) -> ResultView:
    result.show_live = show_if_interactive(state, result.show)
    return result


def _list_metrics(snapshot: JobSnapshot) -> list[dict[str, Any]]:
    return [
        {"job": snapshot.name or snapshot.job_id, "job_id": snapshot.job_id, **record._asdict()}
        for record in snapshot.records()
    ]
