"""Folders of results: named after their jobs, whole, and downloaded once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flare_widgets.api.saved_results import SavedResult, make_folder_name, save_components, save_result

JOB = "76b8d043-5f0e-4c0e-8d52-1f0a2b3c4d5e"


class Downloads:
    """A session whose downloads have the meta that a test gives."""

    def __init__(self, **meta: Any) -> None:
        self.meta = {"job_id": JOB, "status": "FINISHED:COMPLETED", **meta}
        self.asked: list[str] = []

    def download_job_result(
        self,
        job_id: str,
        destination: str | None = None,
        *,
        folder_name: str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> str:
        assert destination
        assert folder_name
        self.asked.append(job_id)
        folder = Path(destination, folder_name)
        while folder.exists():
            folder = folder.with_name(f"{folder.name}+")
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text(json.dumps(self.meta))
        return str(folder)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("hello-numpy", "hello-numpy-76b8d043"),
        ("my model (v2)", "my-model-v2-76b8d043"),
        ("../../etc/passwd", "etc-passwd-76b8d043"),
        (".hidden", "hidden-76b8d043"),
        ("\x1b[31m", "31m-76b8d043"),
        ("", "job-76b8d043"),
        ("模型", "job-76b8d043"),
        ("x" * 300, f"{'x' * 60}-76b8d043"),
    ],
)
def test_folder_is_named_after_job(name: str, folder: str) -> None:
    assert make_folder_name(JOB, name) == folder


def test_hostile_id_stays_within_folder() -> None:
    assert make_folder_name("../..", "a") == "a"


def test_result_is_saved_beside_notebook_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = Downloads()
    first = save_result(session, JOB, "hello")
    assert first == SavedResult(tmp_path / "results" / "hello-76b8d043", is_new=True)
    assert str(first) == "downloaded to results/hello-76b8d043"
    again = save_result(session, JOB, "hello")
    assert again == SavedResult(first.folder, is_new=False)
    assert str(again) == "already in results/hello-76b8d043; remove that folder to download again"
    assert session.asked == [JOB]


@pytest.mark.parametrize(
    "meta", [{"job_id": "76b8d043-another"}, {"status": "RUNNING"}, {"status": None}, {"job_id": None}]
)
def test_folder_of_other_or_partial_result_is_kept_apart(tmp_path: Path, meta: dict[str, Any]) -> None:
    session = Downloads(**meta)
    first = save_result(session, JOB, "hello", tmp_path)
    second = save_result(session, JOB, "hello", tmp_path)
    assert second.is_new
    assert second.folder != first.folder


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, None])
def test_unreadable_meta_is_no_result(tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "hello-76b8d043"
    folder.mkdir()
    if content is not None:
        (folder / "meta.json").write_bytes(content)
    assert save_result(Downloads(), JOB, "hello", tmp_path).folder != folder


def test_components_have_a_folder_of_their_own(tmp_path: Path) -> None:
    def download(into: str, name: str) -> str:
        folder = Path(into, name)
        folder.mkdir()
        return str(folder)

    first = save_components(download, JOB, "hello", tmp_path)
    assert first == SavedResult(tmp_path / "hello-76b8d043-components", is_new=True)
    assert save_components(download, JOB, "hello", tmp_path) == SavedResult(first.folder, is_new=False)
