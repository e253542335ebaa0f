"""One real run of each kind of FLARE workflow: watched live and looked at afterwards, against the server's own log.

All jobs share a federation, two at a time. A job whose packages are not installed is skipped; its recording in
``tests/unit/recordings_workflows`` is tested all the same.
"""

from __future__ import annotations

import importlib.util
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from workflow_jobs import JOBS, NEEDED
from workflow_jobs.expected import EXPECTED
from workflow_truth import HandedTask, RanWorkflow, read_workflows

from flare_widgets.api import MonitorReturnCode, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import JobSnapshot, Monitor

PATIENCE = 240.0
AT_A_TIME = 2
CLOCK_TOLERANCE_S = 0.01
LIVE = [
    "fed-avg",
    "scatter-and-gather-hocon",
    "scatter-and-gather-yaml",
    "own-model-controller",
    "scaffold",
    "cyclic-controller",
    "cyclic",
    "two-scatter-and-gather",
    "scatter-and-gather-then-cyclic",
    "swarm-then-evaluation",
    "client-controlled-cyclic",
    "train-then-cross-site",
    "fed-avg-then-cross-site",
    "steps-around-training",
    "steps-in-rounds",
    "statistics",
    "survival-curve",
    "collab",
    "k-means",
    "support-vectors",
    "private-set-intersection",
    "scalars-only",
    "xgboost-histogram",
    "xgboost-vertical",
    "xgboost-bagging",
]

pytestmark = pytest.mark.timeout(1200)


@dataclass
class Run:
    """A job that ran.

    Attributes
    ----------
    lived
        The snapshots of the watch from the beginning.
    late
        The snapshot of a watch that came after the end.
    workspace
        The server's run folder, from the job's result.
    workflows
        The workflows and tasks that the server's log tells of.
    """

    lived: list[JobSnapshot]
    late: JobSnapshot
    workspace: Path
    workflows: list[RanWorkflow]

    @property
    def tasks(self) -> list[HandedTask]:
        """All tasks that the server handed out."""
        return [task for workflow in self.workflows for task in workflow.tasks]


def is_missing(name: str) -> bool:
    """Return True if a package that the job needs is not installed."""
    return any(importlib.util.find_spec(module) is None for module in NEEDED.get(name, ()))


def run_job(federation: LocalFederation, name: str, folder: Path) -> Run:
    """Run a job, and watch it from the beginning and after its end."""
    with connect(federation.admin_kit) as session:
        monitor = Monitor(session)
        try:
            job = session.submit_job(str(JOBS[name](folder)))
            lived: list[JobSnapshot] = []
            watch = monitor.watch(job)
            watch.subscribe(lived.append)
            assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
            lived.append(watch.snapshot)
        finally:
            monitor.close()
        monitor = Monitor(session)
        try:
            late = monitor.watch(job)
            assert late.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
        finally:
            monitor.close()
        workspace = Path(session.download_job_result(job, str(folder / "result")), "workspace")
    return Run(lived, late.snapshot, workspace, read_workflows((workspace / "log.json").read_text()))


@pytest.fixture(scope="module")
def runs(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """The runs of all jobs, as they end."""
    stopped = threading.Event()

    def start(name: str) -> Run:
        assert not stopped.is_set()
        return run_job(federation, name, tmp_path_factory.mktemp(name))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            yield {name: pool.submit(start, name) for name in LIVE if not is_missing(name)}
        finally:
            stopped.set()


@pytest.fixture(params=LIVE)
def name(request: pytest.FixtureRequest) -> str:
    """A job's name; skipped if its packages are missing."""
    chosen = str(request.param)
    if is_missing(chosen):
        pytest.skip(f"needs {', '.join(NEEDED[chosen])}")
    return chosen


@pytest.fixture
def run(name: str, runs: dict[str, Future[Run]]) -> Run:
    """The run of that job."""
    return runs[name].result()


def describe(snapshot: JobSnapshot) -> set[tuple[str, str, str]]:
    """Return the tasks of a snapshot by id, site and name."""
    return {(task.task_id, task.site, task.name) for task in snapshot.tasks}


def test_server_did_as_the_job_says(name: str, run: Run) -> None:
    assert run.lived[-1].status == run.late.status == "FINISHED:COMPLETED"
    for workflow, expected in zip(run.workflows, EXPECTED[name], strict=True):
        assert (workflow.name, workflow.class_name) == (expected.name, expected.class_name)
        assert workflow.rounds == (expected.round_numbers if expected.are_rounds_logged else [])
        both = Counter(expected.tasks)
        assert workflow.count_tasks("site-1") == both + Counter(expected.first_site_tasks)
        assert workflow.count_tasks("site-2") == both


def test_snapshots_have_the_tasks_of_the_log(run: Run) -> None:
    truth = {(task.task_id, task.site, task.name) for task in run.tasks}
    assert describe(run.lived[-1]) == describe(run.late) == truth


def test_tasks_have_the_times_of_the_log(run: Run) -> None:
    known = {task.task_id: task for task in run.lived[-1].tasks}
    for task in run.tasks:
        assert known[task.task_id].sent_at == pytest.approx(task.sent_at, abs=CLOCK_TOLERANCE_S)
        assert known[task.task_id].returned_at == pytest.approx(task.returned_at, abs=CLOCK_TOLERANCE_S)


def test_live_watch_saw_tasks_come(run: Run) -> None:
    """A watch that learns of all tasks at once, or at the end, did not follow the job."""
    assert len({len(snapshot.tasks) for snapshot in run.lived if not snapshot.ended}) > 1
