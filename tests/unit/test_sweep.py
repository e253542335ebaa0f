"""A sweep: combinations, the folders made for them, and jobs a few at a time."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flare_widgets.errors import InvalidArgumentError, InvalidJobDefinition
from flare_widgets.monitoring import JobSnapshot
from flare_widgets.script_arguments import describe_arguments, read_recorded_arguments, set_script_arguments
from flare_widgets.sweep import SweepJob
from flare_widgets.sweep.variants import combine, digest_folder, write_variant

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
        {"rate": "0.1", "fast": "true", "model": "cnn"},
        {"rate": "1", "fast": "true", "model": "cnn"},
    ]
    assert combine([{"rate": 0.1}, {"rate": 0.1}, {"batch": 16}]) == [{"rate": "0.1"}, {"batch": "16"}]
    assert describe_arguments({"rate": "0.1", "batch": "16"}) == "rate=0.1 batch=16"


@pytest.mark.parametrize("grid", [{}, [], [{}], {"rate": []}, {"a": range(40), "b": range(40)}])
def test_grid_without_jobs_or_with_too_many_is_refused(grid: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        combine(grid)


@pytest.mark.parametrize("suffix", [".json", ".yml", ".conf"])
def test_parameters_become_arguments(tmp_path: Path, suffix: str) -> None:
    job = write_job(tmp_path, json.dumps(CLIENT), suffix)
    before = digest_folder(job)
    variant = write_variant(job, {"rate": "0.1", "batch": "16"}, "hello rate=0.1", tmp_path / "into")
    config = json.loads((variant / "app" / "config" / f"config_fed_client{suffix}").read_text())
    assert config["executors"][0]["executor"]["args"]["task_script_args"] == "--fast --rate=0.1 --batch=16"
    meta = json.loads((variant / "meta.json").read_text())
    assert meta["name"] == "hello rate=0.1"
    assert read_recorded_arguments(meta) == {"rate": "0.1", "batch": "16"}
    assert digest_folder(job) == before != digest_folder(variant)


def test_job_without_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidJobDefinition, match="task_script_path"):
        write_variant(write_job(tmp_path, "{}"), {"rate": "1"}, "x", tmp_path / "into")


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
    job = SweepJob({"rate": "1"}, "x", _watch=watch)
    assert (job.is_done, job.status) == told
