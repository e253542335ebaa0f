"""A sweep: combinations, the folders made for them, and jobs a few at a time."""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pandas
import pytest
from IPython.core.interactiveshell import InteractiveShell
from waiting import wait_until

from flare_widgets.errors import InvalidArgumentError, InvalidJobDefinition, JobTimeout
from flare_widgets.monitoring import JobSnapshot, Monitor, apply_updates
from flare_widgets.monitoring.job.model import Point, Series
from flare_widgets.monitoring.logs.facts import ServerLogParser
from flare_widgets.monitoring.logs.files import read_config, read_metrics_summary, read_round_metrics
from flare_widgets.script_arguments import describe_arguments, read_recorded_arguments, set_script_arguments
from flare_widgets.sweep import Sweep, SweepJob
from flare_widgets.sweep.variants import JobTemplate, combine, digest_folder, to_texts, write_variant
from flare_widgets.views.compare.view_model import compare_snapshots

CLIENT = {
    "executors": [{"executor": {"args": {"task_script_path": "train.py", "task_script_args": "--rate 0.5 --fast"}}}]
}


def write_job(tmp_path: Path, client: str, suffix: str = ".json") -> Path:
    config = tmp_path / "job" / "app" / "config"
    config.mkdir(parents=True)
    (config / f"config_fed_client{suffix}").write_text(client)
    (config / "config_fed_server.json").write_text(json.dumps({"workflows": []}))
    (tmp_path / "job" / "meta.json").write_text(json.dumps({"name": "hello", "deploy_map": {"app": ["@ALL"]}}))
    return tmp_path / "job"


def test_grid_has_each_value_with_each_other() -> None:
    assert combine({"rate": [0.1, 1], "fast": [True], "model": "cnn"}) == [
        {"rate": 0.1, "fast": True, "model": "cnn"},
        {"rate": 1, "fast": True, "model": "cnn"},
    ]
    assert combine([{"rate": 0.1}, {"rate": "0.1"}, {"batch": 16}]) == [{"rate": "0.1"}, {"batch": 16}]
    assert to_texts({"rate": 0.1, "fast": True, "shape": (3, 4)}) == {"rate": "0.1", "fast": "true", "shape": "(3, 4)"}
    assert describe_arguments({"rate": "0.1", "batch": "16"}) == "rate=0.1 batch=16"


@pytest.mark.parametrize("grid", [{}, [], [{}], {"rate": []}, {"a": range(40), "b": range(40)}, {"a": [object()]}])
def test_grid_without_jobs_or_with_too_many_is_refused(grid: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        combine(grid)


@pytest.mark.parametrize("suffix", [".json", ".yml", ".conf"])
def test_parameters_become_arguments(tmp_path: Path, suffix: str) -> None:
    job = write_job(tmp_path, json.dumps(CLIENT), suffix)
    before = digest_folder(job)
    variant = write_variant(JobTemplate(job, ""), {"rate": "0.1", "batch": "16"}, "hello rate=0.1", tmp_path / "into")
    config = json.loads((variant / "app" / "config" / f"config_fed_client{suffix}").read_text())
    assert config["executors"][0]["executor"]["args"]["task_script_args"] == "--fast --rate=0.1 --batch=16"
    meta = json.loads((variant / "meta.json").read_text())
    assert meta["name"] == "hello rate=0.1"
    assert read_recorded_arguments(meta) == {"rate": "0.1", "batch": "16"}
    assert digest_folder(job) == before != digest_folder(variant)


def test_job_without_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidJobDefinition, match="task_script_path"):
        write_variant(JobTemplate(write_job(tmp_path, "{}"), ""), {"rate": "1"}, "x", tmp_path / "into")


@pytest.mark.parametrize("value", ["two words", "{x}", "$y", "a'b", ""])
def test_value_that_would_arrive_changed_is_refused(value: str) -> None:
    config = json.loads(json.dumps(CLIENT))
    with pytest.raises(InvalidArgumentError, match="cannot be an argument"):
        set_script_arguments(config, {"rate": value})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "--rate=1"),
        ("--rate 0.5", "--rate=1"),
        ("--rate=0.5 --low -1", "--low -1 --rate=1"),
        ("--rate --fast", "--fast --rate=1"),
        ("data --rate 2 --last", "data --last --rate=1"),
    ],
)
def test_argument_is_replaced(line: str, expected: str) -> None:
    config: dict[str, Any] = {"args": {"task_script_args": line}}
    assert set_script_arguments(config, {"rate": "1"}) == 1
    assert config["args"]["task_script_args"] == expected


def watched(watch: Any) -> SweepJob:
    job = SweepJob({"rate": "1"}, "x")
    job._watch = watch
    return job


@pytest.mark.parametrize(
    ("status", "has_watch_ended", "told"),
    [
        ("RUNNING", False, (False, "RUNNING")),
        ("FINISHED:COMPLETED", False, (True, "FINISHED:COMPLETED")),  # its result is still being fetched
        ("FINISHED:COMPLETED", True, (True, "FINISHED:COMPLETED")),
        ("RUNNING", True, (True, "no longer watched")),  # it was deleted
    ],
)
def test_job_is_waited_for_as_long_as_it_is_watched(status: str, has_watch_ended: bool, told: tuple[bool, str]) -> None:
    watch: Any = SimpleNamespace(snapshot=JobSnapshot("x", status=status), done=has_watch_ended)
    job = watched(watch)
    assert (job.is_done, job.status) == told


class FakeSession:
    """A session whose jobs run until they are ended."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.may_submit = threading.Event()

    def submit_job(self, folder: str, token: str) -> str:
        assert token
        assert self.may_submit.wait(10)
        self.names.append(json.loads((Path(folder) / "meta.json").read_text())["name"])
        return f"id-{len(self.names)}"


class FakeMonitor(Monitor):
    """A monitor of jobs that are completed, and whose results are still being fetched."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.watches: list[Any] = []

    def watch(self, job_id: str, *_: Any, **__: Any) -> Any:
        snapshot = JobSnapshot(job_id, status="FINISHED:COMPLETED")
        self.watches.append(SimpleNamespace(snapshot=snapshot, done=False, subscribe=lambda _: None))
        return self.watches[-1]


def test_sweep_outlives_its_job_folder(tmp_path: Path) -> None:
    job, session = write_job(tmp_path, json.dumps(CLIENT)), FakeSession()
    found = Sweep.start(FakeMonitor(session), job, {"rate": [1, 2]})
    shutil.rmtree(job)  # as the folder that a cell's job was made in
    session.may_submit.set()
    wait_until(lambda: all(each.job_id for each in found))
    assert session.names == ["job rate=1", "job rate=2"]


class FakeRecipe:
    """A recipe that exports a job with a number of rounds, and a script with arguments if it has any."""

    def __init__(self, rounds: int = 3, client: Any = CLIENT) -> None:
        self.rounds, self.client = rounds, client

    def export(self, folder: str) -> None:
        job = write_job(Path(folder), json.dumps(self.client))
        (job / "app" / "config" / "config_fed_server.json").write_text(json.dumps({"rounds": self.rounds}))


class Recorder(FakeSession):
    """A session that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, tuple[int | None, str, str]] = {}
        self.may_submit.set()

    def submit_job(self, folder: str, token: str) -> str:
        job = Path(folder)
        config = job / "app" / "config"
        rounds = json.loads((config / "config_fed_server.json").read_text()).get("rounds")
        args = json.loads((config / "config_fed_client.json").read_text())["executors"][0]["executor"]["args"]
        self.sent[json.loads((job / "meta.json").read_text())["name"]] = rounds, args["task_script_args"], token
        return super().submit_job(folder, token)


def submit_all(job: Any, grid: Any) -> dict[str, tuple[int | None, str, str]]:
    session = Recorder()
    found = Sweep.start(FakeMonitor(session), job, grid, at_once=5)
    wait_until(lambda: all(each.job_id or each.error for each in found))
    assert [each.error for each in found] == [""] * len(found.jobs)
    return session.sent


def test_recipe_gets_parameters_as_arguments() -> None:
    sent = submit_all(FakeRecipe(), {"rate": [1, 2]})
    assert {name: each[:2] for name, each in sent.items()} == {
        "job rate=1": (3, "--fast --rate=1"),
        "job rate=2": (3, "--fast --rate=2"),
    }


def test_function_makes_recipe_of_parameters() -> None:
    sent = submit_all(lambda rounds: FakeRecipe(rounds), {"rounds": [3, 10]})
    # The recipe's arguments are its own: only the function knows what the parameters are.
    assert {name: each[:2] for name, each in sent.items()} == {
        "job rounds=3": (3, "--rate 0.5 --fast"),
        "job rounds=10": (10, "--rate 0.5 --fast"),
    }
    assert submit_all(lambda rounds: FakeRecipe(rounds), {"rounds": [3, 10]}) == sent  # the tokens, too
    changed = submit_all(lambda rounds: FakeRecipe(rounds + 1), {"rounds": [3]})
    assert changed["job rounds=3"][2] != sent["job rounds=3"][2]


def test_function_may_return_job_folder(tmp_path: Path) -> None:
    job = write_job(tmp_path, json.dumps(CLIENT))
    assert submit_all(lambda rate: job, {"rate": [1]})["job rate=1"][:2] == (None, "--rate 0.5 --fast")


def test_function_is_called_before_sweep_returns() -> None:
    recorder, rounds = Recorder(), [5]
    recorder.may_submit.clear()
    found = Sweep.start(FakeMonitor(recorder), lambda rate: FakeRecipe(rounds[0] + rate), {"rate": [1, 2]})
    rounds[0] = 70
    recorder.may_submit.set()
    wait_until(lambda: all(each.job_id for each in found))
    assert [each[0] for each in recorder.sent.values()] == [6, 7]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (lambda speed: FakeRecipe(), r"takes \(speed\), and the sweep passes rate"),
        (lambda rate: None, "must return a recipe or a job folder, got NoneType"),
        (lambda rate: 3, "must return a recipe or a job folder, got int"),
        (3, "a sweep needs a recipe or a job folder"),
        (SimpleNamespace(export=lambda folder: None), "did not export a job folder"),
    ],
)
def test_what_makes_no_job_is_refused(job: Any, message: str) -> None:
    session = FakeSession()
    with pytest.raises((InvalidArgumentError, InvalidJobDefinition), match=message):
        Sweep.start(FakeMonitor(session), job, {"rate": [1]})
    assert session.names == []


def test_error_of_function_is_its_own() -> None:
    def make(rate: int) -> FakeRecipe:
        raise KeyError("no such data")

    with pytest.raises(KeyError, match="no such data"):
        Sweep.start(FakeMonitor(FakeSession()), make, {"rate": [1]})


def test_same_problem_of_several_jobs_is_told_once() -> None:
    def run_job(failure: Any) -> SweepJob:
        snapshot: Any = SimpleNamespace(failure=failure, ended=True, status="FINISHED:EXECUTION_EXCEPTION")
        snapshot.headline_metric = snapshot.duration = None
        watch: Any = SimpleNamespace(snapshot=snapshot, done=True)
        return watched(watch)

    failed = SimpleNamespace(sentence="site-1 failed: ValueError")
    jobs = [run_job(failed), run_job(failed), run_job(None), SweepJob({"rate": "2"}, error="read-only")]
    found = Sweep(FakeMonitor(None), jobs, name="x", at_once=1, files=ExitStack())
    assert repr(found).count("site-1 failed: ValueError") == 1
    assert repr(found).count("read-only") == 1
    assert [row["arg.rate"] for row in found.records()] == [1, 1, 1, 2]
    assert list(found.to_frame()["arg.rate"]) == [1, 1, 1, 2]
    assert list(pandas.DataFrame(found)["job_id"]) == ["x", "x", "x", ""]
    assert [row["problem"] for row in found.records()] == [*["site-1 failed: ValueError"] * 2, None, "read-only"]


def test_job_that_waits_has_no_handle(tmp_path: Path) -> None:
    session = FakeSession()
    found = Sweep.start(FakeMonitor(session), write_job(tmp_path, json.dumps(CLIENT)), {"rate": [1]})
    with pytest.raises(InvalidArgumentError, match="the job with rate=1 is waiting"):
        found.jobs[0].results()
    assert found.jobs[0].metrics == []
    session.may_submit.set()
    wait_until(lambda: found.jobs[0].job_id)


def test_job_of_sweep_has_methods_of_its_handle() -> None:
    series = Series("loss", "", (Point(0, 2.0),))
    handle = Mock()
    job = watched(SimpleNamespace(snapshot=JobSnapshot("x", round_metrics=(series,))))
    job._open = lambda _: handle
    assert [record.value for record in job.metrics] == [2.0]
    assert job.wait(7.0) is handle.wait.return_value
    assert job.logs("site-1") is handle.logs.return_value
    assert job.report("r.html") is handle.report.return_value
    assert job.abort() is handle.abort.return_value
    assert job.clone() is handle.clone.return_value
    handle.wait.assert_called_once_with(7.0)
    handle.logs.assert_called_once_with("site-1")
    handle.report.assert_called_once_with("r.html")
    job.report()
    handle.report.assert_called_with(".")


def test_job_in_line_of_magic_is_its_id() -> None:
    job = watched(SimpleNamespace(snapshot=JobSnapshot("x")))
    shell: Any = InteractiveShell()
    shell.user_ns["found"] = SimpleNamespace(best=job)
    assert shell.var_expand("report {found.best} -o x.html") == "report x -o x.html"
    # Without an id it must not be an empty word: that would be the last job.
    assert f"{SweepJob({'rate': '1'})}".startswith("SweepJob(")


def test_sweep_ends_when_results_are_known(tmp_path: Path) -> None:
    session = FakeSession()
    session.may_submit.set()
    monitor = FakeMonitor(session)
    found = Sweep.start(monitor, write_job(tmp_path, json.dumps(CLIENT)), {"rate": [1]})
    wait_until(lambda: all(job.is_done for job in found))
    with pytest.raises(JobTimeout):
        found.wait(0.2)
    monitor.watches[0].done = True
    assert found.wait(10).has_ended


def test_sweep_and_compare_and_result_have_one_number() -> None:
    recordings = Path(__file__).parent / "recordings_live"
    config = read_config((recordings / "fed-avg-loss.config.json").read_text())
    assert config is not None
    log = ServerLogParser().feed((recordings / "fed-avg-loss.log.json").read_text())
    record = [*read_round_metrics((recordings / "fed-avg-loss.round_metrics.json").read_text(), ["controller"])]
    record += read_metrics_summary((recordings / "fed-avg-loss.summary.json").read_text(), ["controller"])
    running = apply_updates(JobSnapshot("job"), [*config.updates, *log])
    # The sites have twice as many steps the one as the other; the selector passes over that.
    assert make_sweep(running).to_frame().value[0] == pytest.approx(0.385)
    assert "0.3850 (round 3, mean of the sites), best" in repr(make_sweep(running))
    for ended in (apply_updates(running, record), apply_updates(apply_updates(JobSnapshot("job"), record), log)):
        found = make_sweep(apply_updates(ended, config.updates))
        snapshot = found.jobs[0].snapshot
        assert snapshot is not None
        assert snapshot.best is not None
        (compared,) = compare_snapshots([snapshot], 0.0).records()
        numbers = [record.value for record in snapshot.metrics if (record.metric, record.site) == ("loss", "")]
        assert found.jobs[0].best == ("loss", compared["metric.loss"], compared["round.loss"])
        assert found.jobs[0].best == ("loss", snapshot.best.value, 3)
        assert found.jobs[0].best == ("loss", min(numbers), 3)
        assert found.to_frame().value[0] == pytest.approx(0.383333)
        assert found.best is found.jobs[0]
        assert "0.3833 (round 3), best" in repr(found)


def make_sweep(snapshot: JobSnapshot) -> Sweep:
    job = watched(SimpleNamespace(snapshot=snapshot, done=True))
    return Sweep(FakeMonitor(FakeSession()), [job], name="x", at_once=1, files=ExitStack())
