"""Our client beside nvflare's, on a real federation: what both read, and what a job that has ended gives."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from common import Finished
from jobs import RESULT, RESULT_SIZE, contents, state, write_job
from oracle import Oracle, outcome
from waiting import wait_until

from flare_widgets import api
from flare_widgets.api import Session, new_secure_session
from flare_widgets.federation import LocalFederation


def unaged(value: Any) -> Any:
    """Without what grows from one look to the next: the run time of jobs that are running."""
    if isinstance(value, list):
        return [unaged(v) for v in value]
    if isinstance(value, dict):
        running = not str(value.get("status", "FINISHED")).startswith("FINISHED")
        return {k: type(v).__name__ if running and k == "duration" else unaged(v) for k, v in value.items()}
    return value


def same(ours: Callable[[], Any], theirs: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Ask both clients until the server's state did not change meanwhile; what both then say must be the same."""

    def asked() -> tuple[dict[str, Any], dict[str, Any]] | None:
        before, other, after = outcome(ours), theirs(), outcome(ours)
        other.pop("calls", None)
        return (before, other) if unaged(before) == unaged(after) else None

    mine, other = wait_until(asked, 20)
    for answer in (mine, other):
        answer.pop("message", None)  # in words, ours may say more
    assert unaged(mine) == unaged(other)
    return dict(mine)


def test_system(ours: Session, oracle: Oracle) -> None:
    info = same(ours.get_system_info, lambda: oracle("get_system_info"))
    names = [c["attributes"]["name"] for c in info["value"]["attributes"]["client_info"]]
    assert sorted(names) == ["site-1", "site-2"]


def filters(job: Finished) -> dict[str, dict[str, Any]]:
    return {
        "all": {},
        "detailed": {"detailed": True},
        "reverse": {"reverse": True},
        "limit": {"limit": 1},
        "limit and reverse": {"limit": 1, "reverse": True},
        "no limit": {"limit": 0},
        "id": {"id_prefix": job.job_id},
        "beginning of id": {"id_prefix": job.job_id[:6]},
        "no such id": {"id_prefix": "zzz"},
        "name": {"name_prefix": "finished-job"},
        "beginning of name": {"name_prefix": "fin"},
        "no such name": {"name_prefix": "zzz"},
        "token": {"submit_token": job.token},
        "no such token": {"submit_token": "unused"},
        "everything": {
            "detailed": True,
            "limit": 5,
            "id_prefix": job.job_id[:3],
            "name_prefix": "f",
            "reverse": True,
        },
        "max_num": {"max_num": 1},
        "job_id_prefix": {"job_id_prefix": job.job_id[:6]},
        "job_name_prefix": {"job_name_prefix": "fin"},
        "old id": {"id": job.job_id[:6]},
        "old name": {"name": "fin"},
        "new before old": {"id_prefix": job.job_id[:6], "id": "zzz", "name_prefix": "fin", "name": "zzz"},
    }


FILTERS = list(filters(Finished("", Path(), {}, "", {})))
FINDS_NOTHING = {"no such id", "no such name", "no such token"}


@pytest.mark.parametrize("case", FILTERS)
def test_jobs_are_found(ours: Session, oracle: Oracle, finished: Finished, case: str) -> None:
    arguments = filters(finished)[case]
    found = same(lambda: ours.list_jobs(**arguments), lambda: oracle("list_jobs", **arguments))
    if "value" in found and case not in {"limit", "max_num", "limit and reverse"}:
        ids = [job["job_id"] for job in found["value"]]
        assert (finished.job_id in ids) == (case not in FINDS_NOTHING)


@pytest.mark.parametrize(
    "arguments",
    [
        {"detailed": "x"},
        {"reverse": 1},
        {"limit": "1"},
        {"id_prefix": 1},
        {"name_prefix": 1},
        {"submit_token": "a b"},
        {"oldest": 1},
    ],
    ids=str,
)
def test_impossible_filters_raise_same(ours: Session, oracle: Oracle, arguments: dict[str, Any]) -> None:
    assert "error" in same(lambda: ours.list_jobs(**arguments), lambda: oracle("list_jobs", **arguments))


@pytest.mark.parametrize("method", ["get_job_meta", "get_job_status"])
def test_job_is_read(ours: Session, oracle: Oracle, finished: Finished, method: str) -> None:
    assert same(lambda: getattr(ours, method)(finished.job_id), lambda: oracle(method, finished.job_id))["value"]


ABOUT_A_JOB = [
    "get_job_meta",
    "get_job_status",
    "clone_job",
    "abort_job",
    "delete_job",
    "download_job_result",
    "monitor_job",
    "monitor_job_and_return_job_meta",
    "wait_for_job",
]


@pytest.mark.parametrize("method", ABOUT_A_JOB)
@pytest.mark.parametrize("job_id", [str(uuid.UUID(int=0, version=4)), "nope", "a b", "", 5, None], ids=str)
def test_unknown_job_is_not_found(ours: Session, oracle: Oracle, method: str, job_id: Any) -> None:
    answer = same(lambda: getattr(ours, method)(job_id), lambda: oracle(method, job_id))
    assert answer["error"] == "JobNotFound"


def test_job_has_run_to_end(finished: Finished) -> None:
    assert finished.meta["status"] == "FINISHED:COMPLETED"
    assert finished.meta["name"] == "finished-job"
    assert finished.meta["submitter_name"] == "admin@nvidia.com"


def test_job_folder_is_as_it_was(finished: Finished) -> None:
    assert state(finished.folder) == finished.before
    assert sorted(p.name for p in finished.folder.parent.iterdir()) == ["finished-job"]


def test_nvflare_resubmit_gets_same_job(oracle: Oracle, finished: Finished, tmp_path: Path) -> None:
    """With the same submit token, the server would refuse another content."""
    copy = shutil.copytree(finished.folder, tmp_path / finished.folder.name)
    answer = oracle("submit_job", str(copy), finished.token)
    assert answer["value"] == finished.job_id


def test_same_job_again_is_same_job(ours: Session, finished: Finished) -> None:
    assert ours.submit_job(str(finished.folder), finished.token) == finished.job_id


def test_reused_token_with_other_content_conflicts(
    ours: Session, oracle: Oracle, finished: Finished, tmp_path: Path
) -> None:
    other = write_job(tmp_path, "other")
    answer = same(
        lambda: ours.submit_job(str(other), finished.token), lambda: oracle("submit_job", str(other), finished.token)
    )
    assert answer["error"] == "SubmitTokenConflict"
    assert answer["attributes"] == {"existing_job_id": finished.job_id}


def test_both_download_same(ours: Session, oracle: Oracle, finished: Finished, tmp_path: Path) -> None:
    mine = Path(ours.download_job_result(finished.job_id, str(tmp_path / "ours")))
    other = Path(oracle("download_job_result", finished.job_id, str(tmp_path / "theirs"))["value"])
    assert mine == tmp_path / "ours" / finished.job_id
    found = contents(mine)
    assert found == contents(other)
    assert len(found[f"workspace/{RESULT}"] or b"") == RESULT_SIZE
    assert found["job/finished-job/app/custom/ballast.bin"] == (finished.folder / "app/custom/ballast.bin").read_bytes()


def test_default_download_folder_matches_nvflare(ours: Session, oracle: Oracle, finished: Finished) -> None:
    first = Path(ours.download_job_result(finished.job_id))
    second = Path(oracle("download_job_result", finished.job_id)["value"])
    third = Path(ours.download_job_result(finished.job_id))
    assert first.parent == second.parent == third.parent == Path(ours.download_dir)
    assert [p.name for p in (first, second, third)] == [finished.job_id + end for end in ("", "__1", "__2")]
    assert contents(first) == contents(second) == contents(third)


def test_progress_is_told(ours: Session, finished: Finished, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    received: list[tuple[int, int]] = []
    ours.submit_job(str(finished.folder), finished.token, progress=lambda *p: sent.append(p))
    ours.download_job_result(finished.job_id, str(tmp_path), progress=lambda *p: received.append(p))
    assert len(sent) >= 3
    assert sent == sorted(sent)
    assert sent[-1][0] == sent[-1][1] > 2_500_000
    assert received[-1][0] > RESULT_SIZE
    assert received == sorted(received)


@pytest.mark.parametrize("method", ["monitor_job", "monitor_job_and_return_job_meta", "wait_for_job"])
def test_ended_job_returns_without_waiting(ours: Session, oracle: Oracle, finished: Finished, method: str) -> None:
    assert (
        same(lambda: getattr(ours, method)(finished.job_id), lambda: oracle(method, finished.job_id))["value"]
        is not None
    )


def test_waiting_returned_final_meta(ours: Session, finished: Finished) -> None:
    assert finished.meta == ours.get_job_meta(finished.job_id)


def test_aborting_ended_job_changes_nothing(ours: Session, oracle: Oracle, finished: Finished) -> None:
    before = ours.get_job_meta(finished.job_id)
    same(lambda: ours.abort_job(finished.job_id), lambda: oracle("abort_job", finished.job_id))
    assert ours.get_job_meta(finished.job_id) == before


def test_relative_path_found_in_both_folders(
    ours: Session, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.folder.parent)
    assert ours.submit_job("finished-job", finished.token) == finished.job_id
    monkeypatch.chdir("/")
    copy = shutil.copytree(finished.folder, Path(ours.upload_dir) / "finished-job")
    try:
        assert ours.submit_job("finished-job", finished.token) == finished.job_id
    finally:
        shutil.rmtree(copy)


def not_jobs(folder: Path) -> dict[str, Path]:
    """Folders that are no jobs, by what is wrong with them."""
    empty = folder / "empty"
    empty.mkdir()
    nameless = write_job(folder, "bad name")
    linked = write_job(folder, "linked")
    (linked / "app" / "link").symlink_to(linked / "meta.json")
    (folder / "link").symlink_to(write_job(folder, "good"))
    return {
        "missing": folder / "missing",
        "a file": nameless / "meta.json",
        "not a job": empty,
        "bad name": nameless,
        "a link in it": linked,
        "itself a link": folder / "link",
    }


NOT_JOBS = ["missing", "a file", "not a job", "bad name", "a link in it", "itself a link"]


@pytest.mark.parametrize("case", NOT_JOBS)
def test_invalid_job_folder_is_refused_unsent(
    ours: Session, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job["job_id"] for job in ours.list_jobs()]
    frames: list[bytes] = []

    async def note(self: Any, frame: bytes) -> None:
        frames.append(frame)

    with monkeypatch.context() as patch:
        patch.setattr("flare_widgets.wire.transports.http.HttpTransport.send", note)
        with pytest.raises(api.InvalidJobDefinition):
            ours.submit_job(str(not_jobs(tmp_path)[case]))
    assert frames == []
    assert [job["job_id"] for job in ours.list_jobs()] == jobs


@pytest.mark.parametrize("path", ["", None, 5])
def test_what_is_not_path_is_refused(ours: Session, oracle: Oracle, path: Any) -> None:
    assert same(lambda: ours.submit_job(path), lambda: oracle("submit_job", path))["error"] == "InvalidJobDefinition"


def test_job_rejected_by_server_is_refused(ours: Session, oracle: Oracle, tmp_path: Path) -> None:
    job = write_job(tmp_path, "broken")
    (job / "meta.json").write_text('{"name": "broken", "deploy_map": {"nowhere": ["@ALL"]}}')
    answer = same(lambda: ours.submit_job(str(job)), lambda: oracle("submit_job", str(job)))
    assert answer["error"] == "InvalidJobDefinition"


def test_closed_session_raises_same(federation: LocalFederation, oracle: Oracle, tmp_path: Path) -> None:
    session = new_secure_session("", federation.admin_kit)
    session.close()
    theirs = Oracle(federation.admin_kit, "admin@nvidia.com", tmp_path)
    try:
        theirs.opened()
        theirs("close")
        for method, args in (("get_system_info", ()), ("list_jobs", ()), ("get_job_meta", ("j",))):
            answer = outcome(lambda: getattr(session, method)(*args))  # noqa: B023
            assert answer["error"] == theirs(method, *args)["error"] == "SessionClosed"
    finally:
        theirs.close()


def test_block_closes_session(federation: LocalFederation) -> None:
    with new_secure_session("", federation.admin_kit) as session:
        assert isinstance(session, Session)
        assert session.get_system_info()
    assert session.closed
    with pytest.raises(api.SessionClosed):
        session.get_system_info()
