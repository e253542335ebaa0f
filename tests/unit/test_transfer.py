"""Uploads and downloads, the whole way over a link that is none; and what is left when it breaks."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kits
import pytest

from flare_widgets.api import transfer
from flare_widgets.errors import InternalError, NoConnection, ProtocolError
from flare_widgets.kit import StartupKit
from flare_widgets.wire import fobs
from flare_widgets.wire.dialect import NEWEST
from flare_widgets.wire.transfers import RemoteFile

OK = {fobs.HEADERS: {"__rc__": "OK"}}


class FakeLink:
    """A link to a server that is a function.

    Attributes
    ----------
    asked, posted
        What was sent, as (topic, value).
    """

    dialect = NEWEST

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer
        self.asked: list[tuple[str, Any]] = []
        self.posted: list[tuple[str, Any]] = []

    async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
        plain = fobs.decode(fobs.encode(value))
        self.asked.append((topic, plain))
        answer = self._answer(plain)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def post(self, channel: str, topic: str, value: Any) -> None:
        self.posted.append((topic, value))


class Server:
    """A server that offers files for download, a few bytes at a time."""

    def __init__(
        self, files: dict[str, bytes], *, fails_at: int | None = None, failure: Any = None, confirms: bool = True
    ):
        self.offer = [RemoteFile(name, f"ref-{number}") for number, name in enumerate(files)]
        self._content = dict(zip((remote.reference for remote in self.offer), files.values(), strict=True))
        self._fails_at, self._failure, self._confirms = fails_at, failure, confirms
        self._requests = 0
        self.link = FakeLink(self._answer)

    def _answer(self, request: dict[str, Any]) -> Any:
        self._requests += 1
        if self._requests == self._fails_at:
            return self._failure
        received = request.get("state", {}).get("received_bytes", 0)
        data = self._content[request["ref_id"]][received : received + 40]
        if data:
            return {"status": "ok", "data": data, "state": {"received_bytes": received + len(data)}}
        return {"status": "eof", **({"confirm_expected": True, "confirm_nonce": "n"} if self._confirms else {})}


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> StartupKit:
    return StartupKit.load(kits.write_kit(tmp_path_factory.mktemp("kits") / "kit"))


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def job(tmp_path: Path) -> Path:
    job = tmp_path / "my-job"
    job.mkdir()
    (job / "meta.json").write_text("{}")
    (job / "data.bin").write_bytes(os.urandom(2_500_000))
    return job


def accepts(link_requests: list[Any]) -> Callable[[Any], Any]:
    """A server that keeps what it is sent, and answers the last chunk."""

    def answer(request: Any) -> Any:
        link_requests.append(request)
        if not request["Streamer.eof"]:
            return OK
        reply = {"data": [{"type": "success", "data": ""}], "meta": {"status": "ok", "job_id": "new"}}
        return {fobs.HEADERS: {"__rc__": "OK", "ObjectStreamer.END_RESULT": json.dumps(reply)}}

    return answer


def test_an_upload_arrives_whole_and_in_order(job: Path, kit: StartupKit) -> None:
    requests: list[Any] = []
    link = FakeLink(accepts(requests))
    told: list[tuple[int, int]] = []
    reply = transfer.upload_folder(link, kit, job, "command", lambda *p: told.append(p))
    assert reply.meta["job_id"] == "new"
    assert [r[fobs.HEADERS]["ObjectStreamer.SEQ"] for r in requests] == [0, 1, 2]
    assert len({r[fobs.HEADERS]["ObjectStreamer.TX_ID"] for r in requests}) == 1
    received = b"".join(r["Streamer.data"] for r in requests)
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        assert archive.testzip() is None
        assert archive.read("my-job/data.bin") == (job / "data.bin").read_bytes()
    assert [sent for sent, _ in told] == [1 << 20, 2 << 20, len(received)]
    assert {total for _, total in told} == {len(received)}


def test_an_upload_of_whole_chunks_ends_with_an_empty_one(
    job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pack(folder: Path, kit: StartupKit, target: Path) -> None:
        target.write_bytes(bytes(2 << 20))

    monkeypatch.setattr("flare_widgets.api.packing.pack", pack)
    requests: list[Any] = []
    transfer.upload_folder(FakeLink(accepts(requests)), kit, job, "command", None)
    assert [(len(r["Streamer.data"]), r["Streamer.eof"]) for r in requests] == [
        (1 << 20, False),
        (1 << 20, False),
        (0, True),
    ]


@pytest.mark.parametrize("failure", [NoConnection("lost"), {fobs.HEADERS: {"__rc__": "ERROR"}}])
def test_a_broken_upload_leaves_nothing_behind(
    job: Path, kit: StartupKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Any
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = sorted(p.name for p in job.rglob("*"))
    link = FakeLink(lambda request: OK if request[fobs.HEADERS]["ObjectStreamer.SEQ"] == 0 else failure)
    expected = type(failure) if isinstance(failure, BaseException) else InternalError
    with pytest.raises(expected):
        transfer.upload_folder(link, kit, job, "command", None)
    assert len(link.asked) == 2
    assert list(scratch.iterdir()) == []
    assert sorted(p.name for p in job.rglob("*")) == before


class Interrupt:
    """A progress callback that is interrupted, like the notebook's stop button does, at its nth call."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, done: int, total: int) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def test_an_interrupted_upload_stops_and_leaves_nothing_behind(
    job: Path, kit: StartupKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    link = FakeLink(lambda request: OK)
    with pytest.raises(KeyboardInterrupt):
        transfer.upload_folder(link, kit, job, "command", Interrupt(2))
    assert len(link.asked) == 2
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("at", [1, 3, 5])
def test_an_interrupted_download_stops_and_leaves_nothing_behind(tmp_path: Path, at: int) -> None:
    server = Server(RESULT)
    with pytest.raises(KeyboardInterrupt):
        transfer.download_files(server.link, server.offer, "job-1", tmp_path, Interrupt(at))
    assert list(tmp_path.iterdir()) == []
    assert server.link.posted[-1][1] == {"ref_id": server.link.asked[-1][1]["ref_id"], "cancel": True}


def test_a_server_that_never_says_what_became_of_it(job: Path, kit: StartupKit) -> None:
    with pytest.raises(InternalError, match="did not say what became of it"):
        transfer.upload_folder(FakeLink(lambda request: OK), kit, job, "command", None)


RESULT = {
    "meta.json": b'{"name": "x"}',
    "job.zip": zipped(**{"my-job/meta.json": b"{}"}),
    "workspace.zip": zipped(**{"log.txt": b"log " * 50, "deep/er/x": b"x"}),
}


def test_a_download_is_unpacked_into_a_new_folder(tmp_path: Path) -> None:
    server = Server(RESULT)
    told: list[tuple[int, int]] = []
    folder = transfer.download_files(server.link, server.offer, "job-1", tmp_path / "into", lambda *p: told.append(p))
    assert folder == tmp_path / "into" / "job-1"
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == {
        "meta.json": RESULT["meta.json"],
        "job/my-job/meta.json": b"{}",
        "workspace/log.txt": b"log " * 50,
        "workspace/deep/er/x": b"x",
    }
    assert [p.name for p in folder.parent.iterdir()] == ["job-1"]
    assert told[-1] == (sum(map(len, RESULT.values())), 0)
    assert told == sorted(told)


def test_the_new_folder_has_the_modes_of_any_folder_of_the_user(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        server = Server(RESULT)
        folder = transfer.download_files(server.link, server.offer, "job-1", tmp_path, None)
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_each_file_that_arrived_is_confirmed(tmp_path: Path) -> None:
    server = Server(RESULT)
    transfer.download_files(server.link, server.offer, "job-1", tmp_path, None)
    expected = {"confirm": "success", "confirm_nonce": "n"}
    assert server.link.posted == [
        ("download_service__download", {"ref_id": remote.reference, **expected}) for remote in server.offer
    ]


def test_old_servers_want_no_confirmation(tmp_path: Path) -> None:
    server = Server(RESULT, confirms=False)
    transfer.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert server.link.posted == []


def test_downloads_of_the_same_job_do_not_overwrite_each_other(tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        server = Server(RESULT)
        folders.append(transfer.download_files(server.link, server.offer, "job-1", tmp_path, None))
        (folders[-1] / "mine").touch()
    assert [f.name for f in folders] == ["job-1", "job-1__1", "job-1__2"]
    assert all((f / "mine").exists() for f in folders)


@pytest.mark.parametrize("taken", ["an empty folder", "a file", "a link to nowhere"])
def test_what_is_there_is_left_alone(tmp_path: Path, taken: str) -> None:
    there = tmp_path / "job-1"
    if taken == "an empty folder":
        there.mkdir()
    elif taken == "a file":
        there.write_text("mine")
    else:
        there.symlink_to("nowhere")
    before = there.lstat()
    server = Server(RESULT)
    folder = transfer.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert folder == tmp_path / "job-1__1"
    assert (there.lstat().st_ino, there.lstat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("at", range(1, 10))
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (NoConnection("lost"), NoConnection),
        ({"status": "error"}, InternalError),
        ("nonsense", ProtocolError),
    ],
    ids=["lost", "error", "nonsense"],
)
def test_a_broken_download_leaves_nothing_behind(tmp_path: Path, at: int, failure: Any, expected: Any) -> None:
    server = Server(RESULT, fails_at=at, failure=failure)
    with pytest.raises(expected):
        transfer.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert list(tmp_path.iterdir()) == []
    assert server.link.posted[-1][1] == {"ref_id": server.link.asked[-1][1]["ref_id"], "cancel": True}


@pytest.mark.parametrize(
    "files",
    [
        {"workspace.zip": b"not a zip"},
        {"meta.json": b"{}", "workspace.zip": zipped(**{"../evil": b"x"})},
        {"job.zip": RESULT["job.zip"], "workspace.zip": RESULT["workspace.zip"][:-30]},
    ],
)
def test_a_result_that_cannot_be_unpacked_leaves_nothing_behind(tmp_path: Path, files: dict[str, bytes]) -> None:
    server = Server(files)
    with pytest.raises(InternalError):
        transfer.download_files(server.link, server.offer, "job-1", tmp_path / "into", None)
    assert list((tmp_path / "into").iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["into"]


@pytest.mark.parametrize(
    "names", [["../evil"], ["/tmp/evil"], ["a/b"], [".ssh"], ["meta.json", "META.json"], ["job.zip", "job.zip"]]
)
def test_hostile_names_are_refused_before_anything_is_written(tmp_path: Path, names: list[str]) -> None:
    offer = [RemoteFile(name, "r") for name in names]
    link = FakeLink(lambda request: pytest.fail("nothing must be asked for"))
    with pytest.raises(InternalError, match="refused"):
        transfer.download_files(link, offer, "job-1", tmp_path / "into", None)
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_job_id_is_no_path(tmp_path: Path) -> None:
    server = Server(RESULT)
    with pytest.raises(InternalError, match="unsafe name"):
        transfer.download_files(server.link, server.offer, "../evil", tmp_path / "into", None)
    assert [p.name for p in tmp_path.rglob("*")] == ["into"]


def test_a_zip_that_would_land_on_another_file_is_refused(tmp_path: Path) -> None:
    server = Server({"job": b"plain", "job.zip": RESULT["job.zip"]})
    with pytest.raises(InternalError):
        transfer.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert list(tmp_path.iterdir()) == []
