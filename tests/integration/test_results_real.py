"""The small files of a large result, from a real server."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_jobs import fed_avg

from flare_widgets.api import JobNotDone, Session
from flare_widgets.api.transfer.remote_files import RemoteFiles
from flare_widgets.monitoring.results.files import Selection
from flare_widgets.monitoring.results.job_result import fetch_job_result
from flare_widgets.results import Result

MB = 1 << 20
MODEL_SIZE = 5_000_000  # numbers: 40 MB
MODEL = "workspace/models/server.npy"


@pytest.fixture(scope="module")
def large(ours: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A job whose result has a large model."""
    job_id = ours.submit_job(str(fed_avg(tmp_path_factory.mktemp("jobs"), "large", rounds=2, model_size=MODEL_SIZE)))
    with pytest.raises(JobNotDone):
        fetch_job_result(ours, job_id, 20)
    assert ours.wait_for_job(job_id, timeout=180, poll_interval=0.2)["status"] == "FINISHED:COMPLETED"
    yield job_id
    ours.delete_job(job_id)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the parts that arrive."""
    sizes: list[int] = []
    read = RemoteFiles.read

    def counting(remote: RemoteFiles, name: str, offset: int) -> Any:
        chunk = read(remote, name, offset)
        sizes.append(len(chunk.data))
        return chunk

    monkeypatch.setattr(RemoteFiles, "read", counting)
    return sizes


def test_small_files_of_large_result_are_read(ours: Session, large: str, received: list[int], tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        result = ours.read_result_files(large, Selection())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    transferred = sum(received)
    folder = Path(ours.download_job_result(large, str(tmp_path)))
    assert result.is_complete, result.reason
    (model,) = [model for model in Result(folder).models if model.name == "models/server.npy"]
    assert model.arrays[0].size == MODEL_SIZE
    assert np.array_equal(model.load(), np.load(folder / MODEL))
    assert {path: (folder / path).read_bytes() for path in result.files} == result.files
    run = {p.relative_to(folder).as_posix(): p.stat().st_size for p in (folder / "workspace").rglob("*") if p.is_file()}
    assert {f.path: f.size for f in result.skipped} == {p: size for p, size in run.items() if p not in result.files}
    assert run[MODEL] > 32 * MB
    assert MODEL not in result.files
    assert {p for p in run if Selection()(p, run[p])} | {"meta.json"} == set(result.files)
    assert "workspace/metrics/round_metrics.jsonl" in result.files
    assert transferred < 16 * MB
    assert peak < 32 * MB
    assert ours.get_job_status(large) == "FINISHED:COMPLETED"  # the session is as it was


def test_large_result_tells_its_metrics(ours: Session, large: str) -> None:
    result = fetch_job_result(ours, large, 20)
    assert result.reason == ""
    assert result.config is not None
    assert result.config["workflows"][0]["args"]["num_rounds"] == 2
    assert len(result.round_metrics.splitlines()) == 2
    assert b'"message"' in b"".join(result.log)
    assert result.metrics_summary
    assert (result.files[0].path, result.files[0].kind) == (MODEL, "model")


def test_reading_can_be_repeated_at_once(ours: Session, large: str) -> None:
    first, second = (ours.read_result_files(large, Selection()) for _ in range(2))
    assert first == second


def test_reading_ends_in_time(ours: Session, large: str) -> None:
    result = ours.read_result_files(large, Selection(), timeout=0.001)
    assert not result.is_complete
    assert "not all of the result arrived" in result.reason
    assert ours.get_job_status(large) == "FINISHED:COMPLETED"
