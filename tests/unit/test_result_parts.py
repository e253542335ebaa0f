"""Large results: only what tells about them, and one file at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flare_widgets import bounds
from flare_widgets.api.saved_results import find_parts_folder, save_result_file
from flare_widgets.api.transfer.result_files import ResultFiles
from flare_widgets.api.transfer.zip_members import SkippedFile
from flare_widgets.errors import InputError
from flare_widgets.results import Result
from flare_widgets.results.folder import LISTING, read_listing
from flare_widgets.results.opening import MAX_WHOLE_BYTES, fetch_result, open_result

JOB = "76b8d043-5f0e-4c0e-8d52-1f0a2b3c4d5e"
META = {"job_id": JOB, "name": "hello", "status": "FINISHED:COMPLETED"}
MODEL = "workspace/models/server.npy"


class Server:
    """A session with one result: small files, and a model of a size that the test says."""

    def __init__(self, model_size: int) -> None:
        self.model_size = model_size
        self.small = {"meta.json": json.dumps(META).encode(), "workspace/log.txt": b"log"}
        self.whole: list[str] = []
        self.files: list[str] = []

    def read_result_files(self, job_id: str, wanted: Callable[[str, int], bool], **_: Any) -> ResultFiles:
        assert not wanted(MODEL, self.model_size)
        return ResultFiles(self.small, (SkippedFile(MODEL, self.model_size),), 1)

    def download_job_result(
        self,
        job_id: str,
        destination: str | None = None,
        *,
        folder_name: str | None = None,
        progress: Any = None,
    ) -> str:
        self.whole.append(job_id)
        folder = Path(destination or "", folder_name or "")
        for name, content in self.small.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return str(folder)

    def download_result_file(
        self, job_id: str, path: str, destination: str | None = None, *, progress: Any = None
    ) -> str:
        self.files.append(path)
        target = Path(destination or "", path)
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, np.arange(3.0))
        return str(target)


def test_small_result_is_downloaded_whole(tmp_path: Path) -> None:
    server = Server(1_000_000)
    folder, words = fetch_result(server, JOB, "hello", tmp_path)
    assert (folder.name, server.whole) == ("hello-76b8d043", [JOB])
    assert words.startswith("downloaded to")
    assert "already in" in fetch_result(server, JOB, "hello", tmp_path)[1]
    assert server.whole == [JOB]


def test_large_result_comes_in_part(tmp_path: Path) -> None:
    server = Server(MAX_WHOLE_BYTES + 1)
    result = open_result(server, JOB, "hello", tmp_path)
    assert (result.path.name, server.whole, server.files) == ("hello-76b8d043-parts", [], [])
    assert (result.name, result.missing) == ("hello", {"models/server.npy": MAX_WHOLE_BYTES + 1})
    (model,) = result.models
    assert (model.size, model.arrays, model.is_best) == (MAX_WHOLE_BYTES + 1, (), False)
    assert list(model.load()) == [0, 1, 2]
    assert server.files == [MODEL]
    assert result.missing == {}
    assert result.models[0].arrays[0].shape == (3,)
    assert list(open_result(server, JOB, "hello", tmp_path).models[0].load()) == [0, 1, 2]
    assert (server.files, server.whole) == ([MODEL], [])


def test_whole_result_is_preferred_to_part(tmp_path: Path) -> None:
    server = Server(MAX_WHOLE_BYTES + 1)
    fetch_result(server, JOB, "hello", tmp_path)
    server.download_job_result(JOB, str(tmp_path), folder_name="hello-76b8d043")
    assert fetch_result(server, JOB, "hello", tmp_path)[0].name == "hello-76b8d043"


def test_part_without_session_says_how(tmp_path: Path) -> None:
    folder, _ = fetch_result(Server(MAX_WHOLE_BYTES + 1), JOB, "hello", tmp_path)
    with pytest.raises(InputError, match="not on this machine") as failure:
        Result(folder).fetch("models/server.npy")
    assert JOB in (failure.value.next_step or "")
    with pytest.raises(InputError, match="has no file 'other'"):
        Result(folder).fetch("other")
    assert Result(folder).fetch("log.txt").read_text() == "log"


def test_file_is_downloaded_once(tmp_path: Path) -> None:
    server = Server(5)
    first = save_result_file(server, JOB, "hello", MODEL, tmp_path)
    assert save_result_file(server, JOB, "hello", MODEL, tmp_path) == first
    assert first == find_parts_folder(JOB, "hello", tmp_path) / MODEL
    assert server.files == [MODEL]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("no JSON", {}),
        ("[]", {}),
        (
            '{"../../x": 1, "/etc/passwd": 1, "workspace/a": 5, "workspace/b": -1, "workspace/c": "5"}',
            {"workspace/a": 5},
        ),
        ("[" * 10_000, {}),
        (" " * (bounds.MAX_FILE_BYTES + 1), {}),
    ],
)
def test_hostile_listing_is_harmless(tmp_path: Path, text: str, sizes: dict[str, int]) -> None:
    (tmp_path / LISTING).write_text(text)
    assert read_listing(tmp_path) == sizes
