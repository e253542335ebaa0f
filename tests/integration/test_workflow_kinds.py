"""One real run of each kind of FLARE workflow: watched live and looked at afterwards, against the server's own log.

All jobs share a federation, two at a time. A job whose packages are not installed is skipped; its recording in
``tests/unit/recordings_workflows`` is tested all the same.
"""

from __future__ import annotations

import importlib.util
import re
import threading
import time
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
from flare_widgets.monitoring.job.format import progress_text, site_text
from flare_widgets.monitoring.workflows import find_kind

PATIENCE = 240.0
AT_A_TIME = 2
CLOCK_TOLERANCE_S = 0.01
SEEN_WITHIN_S = 10.0  # a poll each two seconds, on a machine that two jobs keep busy
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
        The snapshots of the watch from the beginning, and when each was published.
    late
        The snapshot of a watch that came after the end.
    workspace
        The server's run folder, from the job's result.
    workflows
        The workflows and tasks that the server's log tells of.
    """

    lived: list[tuple[float, JobSnapshot]]
    late: JobSnapshot
    workspace: Path
    workflows: list[RanWorkflow]

    @property
    def tasks(self) -> list[HandedTask]:
        """All tasks that the server handed out."""
        return [task for workflow in self.workflows for task in workflow.tasks]

    @property
    def final(self) -> JobSnapshot:
        """The last snapshot of the watch from the beginning."""
        return self.lived[-1][1]

    @property
    def running(self) -> list[tuple[float, JobSnapshot]]:
        """The snapshots of the job while a workflow ran, and their times."""
        return [
            (at, known)
            for at, known in self.lived
            if known.status == "RUNNING" and not known.is_packing and known.current_workflow.started_at is not None
        ]


def is_missing(name: str) -> bool:
    """Return True if a package that the job needs is not installed."""
    return any(importlib.util.find_spec(module) is None for module in NEEDED.get(name, ()))


def run_job(federation: LocalFederation, name: str, folder: Path) -> Run:
    """Run a job, and watch it from the beginning and after its end."""
    with connect(federation.admin_kit) as session:
        monitor = Monitor(session)
        try:
            job = session.submit_job(str(JOBS[name](folder)))
            lived: list[tuple[float, JobSnapshot]] = []
            watch = monitor.watch(job)
            watch.subscribe(lambda known: lived.append((time.time(), known)))
            assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
            lived.append((time.time(), watch.snapshot))
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
def runs(
    federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[Run]]]:
    """The runs of the jobs that the chosen tests need, as they end."""
    stopped = threading.Event()
    calls = [
        item.callspec
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    chosen = {call.params.get("name") for call in calls}

    def start(name: str) -> Run:
        assert not stopped.is_set()
        return run_job(federation, name, tmp_path_factory.mktemp(name))

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            yield {name: pool.submit(start, name) for name in LIVE if name in chosen and not is_missing(name)}
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
    assert run.final.status == run.late.status == "FINISHED:COMPLETED"
    for workflow, expected in zip(run.workflows, EXPECTED[name], strict=True):
        assert (workflow.name, workflow.class_name) == (expected.name, expected.class_name)
        assert workflow.rounds == (expected.round_numbers if expected.are_rounds_logged else [])
        both = Counter(expected.tasks)
        # The first site is the one that was connected first.
        counts = [workflow.count_tasks(site) for site in ("site-1", "site-2")]
        wanted = [both + Counter(expected.first_site_tasks), both]
        assert counts in (wanted, wanted[::-1])


def test_snapshots_have_the_tasks_of_the_log(run: Run) -> None:
    truth = {(task.task_id, task.site, task.name) for task in run.tasks}
    assert describe(run.final) == describe(run.late) >= truth
    handed = {task.task_id for task in run.tasks}
    on_their_own = {w.id for w in run.final.workflows if w.is_self_directed}
    assert {task.workflow for task in run.final.tasks if task.task_id not in handed} <= on_their_own


def test_tasks_have_the_times_of_the_log(run: Run) -> None:
    known = {task.task_id: task for task in run.final.tasks}
    for task in run.tasks:
        assert known[task.task_id].sent_at == pytest.approx(task.sent_at, abs=CLOCK_TOLERANCE_S)
        assert known[task.task_id].returned_at == pytest.approx(task.returned_at, abs=CLOCK_TOLERANCE_S)


def test_live_watch_saw_tasks_come(run: Run) -> None:
    """A watch that learns of all tasks at once, or at the end, did not follow the job."""
    assert len({len(known.tasks) for _, known in run.lived if not known.ended}) > 1


def test_workflows_and_rounds_are_those_of_the_run(name: str, run: Run) -> None:
    for known in (run.final, run.late):
        assert [(w.id, w.name) for w in known.workflows] == [(w.name, w.class_name) for w in run.workflows]
        for workflow, ran, expected in zip(known.workflows, run.workflows, EXPECTED[name], strict=True):
            assert workflow.total_rounds == expected.total_rounds
            assert workflow.kind == find_kind(ran.class_name).name
            assert workflow.started_at == pytest.approx(ran.began_at, abs=CLOCK_TOLERANCE_S)
            assert workflow.ended_at == pytest.approx(ran.ended_at, abs=CLOCK_TOLERANCE_S)
            rounds = [] if workflow.kind == "XGBoost" else expected.round_numbers
            found = [this.number for this in known.rounds_of(workflow.id)]
            # Sites report each two seconds what they do: a round that is shorter is not seen.
            assert found[-1:] == rounds[-1:] if workflow.is_self_directed else found == rounds
            assert set(found) <= set(rounds)


def test_matrix_is_full_at_the_end(name: str, run: Run) -> None:
    cells = run.final.matrix(time.time())
    assert cells.keys() == {"site-1", "site-2"}
    assert {cell.state for row in cells.values() for cell in row.values()} <= {"submitted"}
    for expected in EXPECTED[name]:
        for row in cells.values():
            rounds = [column.round for column in row if column.workflow == expected.name and column.round is not None]
            known = {this.number for this in run.final.rounds_of(expected.name)}
            is_whole = not run.final.find_workflow(expected.name).is_self_directed
            assert set(rounds) == known if is_whole else set(rounds) <= known
    assert run.late.columns == run.final.columns


def test_late_watch_knows_what_the_live_one_knows(run: Run) -> None:
    late, live = run.late, run.final
    assert progress_text(late) == progress_text(live)
    assert (late.round_metrics, late.key_metric, late.best) == (live.round_metrics, live.key_metric, live.best)
    assert [(t.site, t.name, t.round, t.label) for t in late.tasks] == [
        (t.site, t.name, t.round, t.label) for t in live.tasks
    ]
    assert [w.untold for w in late.workflows] == [w.untold for w in live.workflows]


def test_progress_goes_on_and_never_beyond_the_total(run: Run) -> None:
    ids = [workflow.name for workflow in run.workflows]
    places = []
    for _, known in run.running:
        words, current = progress_text(known), known.current_workflow
        places.append((ids.index(current.id), known.rounds_begun))
        if (match := re.search(r"round (\d+) of (\d+)$", words)) is not None:
            assert 1 <= int(match[1]) <= int(match[2]) == current.total_rounds
        if len(ids) > 1:
            assert f"workflow {ids.index(current.id) + 1} of {len(ids)}" in words
    assert places
    assert places == sorted(places)


def test_sites_are_said_to_do_what_they_did(run: Run) -> None:
    """The words for a site are at most one poll old: it did that now or just before."""
    for now, known in run.running:
        current = known.current_workflow
        tasks = [task for ran in run.workflows if ran.name == current.id for task in ran.tasks]
        for site, cell in known.site_states(now).items():
            words = site_text(known, cell)
            mine = [task for task in tasks if task.site == site]
            if current.is_self_directed:
                assert words not in ("waiting", "done")
            elif words in ("waiting", "done"):
                assert not any(task.sent_at < now - SEEN_WITHIN_S and ended(task) > now for task in mine)
            elif cell.state == "working":
                labels = {
                    find_kind(current.name).task_label(task.name) or task.name for task in mine if is_near(task, now)
                }
                assert cell.task in labels


def ended(task: HandedTask) -> float:
    """Return the time when a task came back; infinity if it did not."""
    return float("inf") if task.returned_at is None else task.returned_at


def is_near(task: HandedTask, now: float) -> bool:
    """Return True if a site had a task at a time, or just before."""
    return task.sent_at <= now and ended(task) >= now - SEEN_WITHIN_S
