"""A downloaded result: models, metrics and files, and nothing in it that runs."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from workflow_recordings import FOLDER as RECORDINGS

from flare_widgets import bounds
from flare_widgets.errors import InputError, NotInstalled
from flare_widgets.results import Model, Result
from flare_widgets.results.array_headers import ArrayInfo, read_npy_header, read_npz_headers, read_safetensors_header
from flare_widgets.results.models import describe_model
from flare_widgets.script_arguments import find_script_arguments

FIXTURES = Path(__file__).with_name("results")
CLIENT_CONFIG = {"executors": [{"executor": {"args": {"task_script_args": "--rate=0.5 --batch 16 --low -1 --fast"}}}]}


class Runs:
    """An object whose pickle runs code when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture
def result(tmp_path: Path) -> Result:
    """The result of a recorded run, with models, evaluation, statistics and scalars."""
    run = tmp_path / "workspace"
    recording = RECORDINGS / "scatter-and-gather"
    meta = {"job_id": "fb0fb542-3ad6-4714-8e20-5276f0d43757", "name": "scatter-and-gather", "status": "RUNNING"}
    best = io.BytesIO()
    np.savez(best, weights=np.ones((3, 4), "float32"), bias=np.zeros(3))
    write(
        tmp_path,
        {
            "meta.json": json.dumps(meta),
            "job/app/config/config_fed_client.json": json.dumps(CLIENT_CONFIG),
            "workspace/log.json": (recording / "log.json").read_bytes(),
            "workspace/app_server/config/config_fed_server.json": (recording / "config_fed_server.json").read_bytes(),
            "workspace/cross_site_val/cross_val_results.json": (FIXTURES / "cross_val_results.json").read_bytes(),
            "workspace/statistics/stats.json": (FIXTURES / "statistics.json").read_bytes(),
            "workspace/models/best_model.npz": best.getvalue(),
            "workspace/report.txt": "written by the job",
        },
    )
    np.save(run / "models" / "server.npy", np.arange(6.0).reshape(2, 3))
    shutil.copytree(FIXTURES / "tb_events", run / "tb_events")
    return Result(tmp_path)


def test_result_tells_its_job(result: Result) -> None:
    assert (result.job_id[:8], result.name) == ("fb0fb542", "scatter-and-gather")
    assert result.snapshot.workflows[0].total_rounds == result.config.rounds
    assert result.config.arguments == {"rate": "0.5", "batch": "16", "low": "-1", "fast": "true"}
    assert result.reason == ""


def test_models_are_described_and_loaded(result: Result) -> None:
    best, last = result.models
    assert (best.name, best.is_best, last.name, last.is_best) == (
        "models/best_model.npz",
        True,
        "models/server.npy",
        False,
    )
    assert best.arrays == (ArrayInfo("weights", (3, 4), "float32"), ArrayInfo("bias", (3,), "float64"))
    assert last.arrays == (ArrayInfo("", (2, 3), "float64"),)
    assert last.round == result.snapshot.rounds_begun
    assert np.array_equal(last.load(), np.arange(6.0).reshape(2, 3))
    assert np.array_equal(eval(last.load_line, {"numpy": np}), last.load())
    assert {name: array.shape for name, array in best.load().items()} == {"weights": (3, 4), "bias": (3,)}


def test_result_without_model_says_so(tmp_path: Path) -> None:
    found = Result(write(tmp_path, {"workspace/log.json": "{}", "meta.json": "{}"}))
    assert not list(found.models)
    with pytest.raises(IndexError, match="this result has no model: no file of it is one"):
        found.models[0]
    with pytest.raises(IndexError, match="this result has no model"):
        pickle.loads(pickle.dumps(found.models))[0]


def test_metrics_are_those_of_the_snapshot(result: Result) -> None:
    points = [(s.name, s.site, p.value) for s in result.snapshot.round_metrics for p in s.points]
    assert [(r.metric, r.site, r.value) for r in result.metrics] == points
    assert points
    assert {r.round for r in result.metrics} <= set(range(1, result.snapshot.rounds_begun + 1))


def test_records_make_a_frame(result: Result) -> None:
    frame = pd.DataFrame(result.scalars)
    assert list(frame.columns) == ["workflow", "round", "site", "metric", "value", "step", "time", "arguments"]
    assert result.snapshot.recorded is not None
    assert len(frame) == sum(len(s.points) for s in result.snapshot.recorded.scalars)
    assert len(frame) > 0
    assert len(result.to_frame()) == len(result.metrics) + len(result.scalars)
    evaluation = pd.DataFrame(result.cross_site)
    assert list(evaluation.columns) == ["site", "model", "metric", "value"]
    assert len(pd.DataFrame(result.statistics.numbers)) == len(result.statistics.numbers)
    assert result.statistics.numbers


def test_frame_without_pandas_says_how(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(NotInstalled, match="pip install pandas"):
        result.to_frame()


def test_files_are_listed_by_kind(result: Result) -> None:
    assert result.outputs == {"report.txt": result.path / "workspace" / "report.txt"}
    assert result.logs == {"log.json": result.path / "workspace" / "log.json"}
    assert {f.kind for f in result.files} >= {"model", "log", "config", "evaluation", "statistics", "scalars", "output"}


@pytest.mark.parametrize("content", [{}, {"meta.json": "{}"}, {"other/log.json": ""}])
def test_folder_without_result_is_refused(tmp_path: Path, content: dict[str, bytes | str]) -> None:
    with pytest.raises(InputError, match="is not the result of a job"):
        Result(write(tmp_path, content))


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        Result(tmp_path / "nothing")


def model_of(path: Path) -> Model:
    return describe_model(path, path.name)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib"])
def test_pickle_is_loaded_only_by_name(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Runs(mark)))
    model = model_of(path)
    assert model.is_unsafe
    with pytest.raises(InputError, match="runs code"):
        model.load()
    assert not mark.exists()
    model.load(allow_pickle=True)
    assert mark.exists()


@pytest.mark.parametrize("name", ["model.npy", "model.npz"])
def test_pickle_in_array_does_not_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / name
    hostile = np.array([Runs(mark)], dtype=object)
    np.save(path, hostile, allow_pickle=True) if name.endswith("npy") else np.savez(path, a=hostile)
    model = model_of(path)
    with pytest.raises(InputError, match="cannot be loaded"):
        model.load()
    assert not mark.exists()


def test_torch_without_torch_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    path = write(tmp_path, {"FL_global_model.pt": b"PK"}) / "FL_global_model.pt"
    model = model_of(path)
    assert model.load_line == f"torch.load({str(path)!r}, weights_only=True)"
    with pytest.raises(NotInstalled, match="pip install torch"):
        model.load()


def test_xgboost_model_is_described(tmp_path: Path) -> None:
    learner = {"gradient_booster": {"model": {"trees": [{}, {}]}}, "objective": {"name": "binary:logistic"}}
    model = model_of(write(tmp_path, {"xgboost_model.json": json.dumps({"learner": learner})}) / "xgboost_model.json")
    assert (model.format, model.details) == ("xgboost", "2 trees, binary:logistic")


def test_safetensors_are_described_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"w": np.ones((2, 2), "float32")}, path)
    model = model_of(path)
    assert model.arrays == (ArrayInfo("w", (2, 2), "F32"),)
    assert np.array_equal(model.load()["w"], np.ones((2, 2)))


HOSTILE_HEADERS = [
    b"",
    b"\x93NUMPY",
    b"\x93NUMPY\x01\x00\xff\xff",
    b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10_000,
    b"\x93NUMPY\x01\x00\x10\x27" + b"'shape': (" + b"9," * 5000,
    struct.pack("<Q", 1 << 60) + b"{",
    struct.pack("<Q", 900_000) + b"[" * 900_000,
    struct.pack("<Q", 40) + b'{"a": {"shape": [true, -1], "dtype": 1}}',
    b"PK\x05\x06" + b"\xff" * 18,
]


@pytest.mark.parametrize("content", HOSTILE_HEADERS)
@pytest.mark.parametrize("read", [read_npy_header, read_npz_headers, read_safetensors_header])
def test_hostile_header_tells_nothing(tmp_path: Path, read: Any, content: bytes) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        assert read(path) == ()
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_array_in_archive_that_unpacks_to_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        for _ in range(200):
            member.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        assert read_npz_headers(path) == ()
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_links_and_large_files_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    folder = write(tmp_path / "result", {"meta.json": b"x" * (bounds.MAX_FILE_BYTES + 1), "workspace/log.json": ""})
    (folder / "workspace" / "report.txt").symlink_to(secret)
    (folder / "workspace" / "home").symlink_to(tmp_path, target_is_directory=True)
    result = Result(folder)
    assert result.name == ""
    assert [f.path for f in result.files] == ["workspace/log.json"]


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("--a 1 --b=2", {"a": "1", "b": "2"}),
        ("--x -0.5 --verbose", {"x": "-0.5", "verbose": "true"}),
        ('--name "two words" stray', {"name": "two words"}),
        ("--open 'quote", {"open": "'quote"}),
        ("", {}),
    ],
)
def test_script_arguments_are_read(line: str, arguments: dict[str, str]) -> None:
    assert find_script_arguments({"executors": [{"args": {"task_script_args": line}}]}) == arguments
