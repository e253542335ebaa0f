"""The small files of a result, read without the large ones."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeConnection
from file_server import Server

from flare_widgets import bounds
from flare_widgets.api.transfer import remote_files
from flare_widgets.api.transfer.result_files import ResultFiles, read_files, save_file
from flare_widgets.api.transfer.zip_members import SkippedFile
from flare_widgets.errors import InputError, InternalError, NoConnection, TransferCancelled
from flare_widgets.wire import features
from flare_widgets.wire.errors import NoSuchService, ReplyTimeout
from flare_widgets.wire.transfers import BEYOND_THE_END


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


META = b'{"name": "a job"}'
RESULT = {
    "job.zip": zipped(**{"meta.json": b"{}"}),
    "meta.json": META,
    "workspace.zip": zipped(**{"log.json": b"log " * 50, "models/server.npy": os.urandom(100_000), "later": b"later"}),
}
WANTED = {"meta.json": META, "workspace/log.json": b"log " * 50, "workspace/later": b"later"}
MODEL = SkippedFile("workspace/models/server.npy", 100_000)


def wanted(path: str, size: int) -> bool:
    return size < 1000


def read(server: Server, *args: Any, timeout: float = 5.0) -> ResultFiles:
    return read_files((server.link, server.offer), wanted, ("workspace",), timeout, *args)


def test_small_files_are_read_without_the_model() -> None:
    server = Server(RESULT)
    result = read(server)
    assert result == ResultFiles(WANTED, (MODEL,), 1)
    assert result.is_complete
    assert len(server.link.asked) < 20
    assert {v["ref_id"] for _, v in server.link.asked} == {"ref-1", "ref-2"}


def test_archives_that_are_not_asked_for_stay_unread() -> None:
    server = Server(RESULT)
    result = read_files((server.link, server.offer), wanted, ("job",), 5.0)
    assert result.files == {"meta.json": META, "job/meta.json": b"{}"}


def test_server_is_told_that_no_more_is_wanted() -> None:
    server = Server(RESULT)
    read(server)
    assert [value for _, value in server.link.posted] == [
        {"ref_id": "ref-1", "confirm": "success", "confirm_nonce": "n"},
        {"ref_id": "ref-0", "cancel": True},
        {"ref_id": "ref-2", "cancel": True},
    ]


def test_old_server_is_told_by_a_request_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(RESULT, confirms=False)
    monkeypatch.setattr(server.link, "features", features._SINCE_2_8, raising=False)
    read(server)
    told = [(value["ref_id"], value["state"]) for _, value in server.link.posted]
    assert told == [(ref, {"received_bytes": BEYOND_THE_END}) for ref in ("ref-0", "ref-2")]


def test_large_file_beside_the_archives_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_KEPT_BYTES", 1 << 10)
    server = Server({"meta.json": bytes(100_000)})
    result = read(server)
    assert result.files == {}
    assert result.reason == "meta.json does not fit into the 0 MB read of a result"
    assert len(server.link.asked) == 26


@pytest.mark.parametrize("at", [1, 2, 5, 9])
def test_lost_link_is_made_again(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    monkeypatch.setattr(remote_files, "_RETRY_DELAYS_S", (0.0,))
    first, second = Server(RESULT, fails_at=at, failure=NoConnection("lost")), Server(RESULT)
    assert read(first, lambda: (second.link, second.offer)).files == WANTED
    assert len(first.link.asked) + len(second.link.asked) < 21


@pytest.mark.parametrize("failure", [NoConnection("lost"), ReplyTimeout("hangs"), NoSuchService("none")])
def test_lost_server_is_an_error(failure: Exception) -> None:
    with pytest.raises(NoConnection):
        read(Server(RESULT, fails_at=5, failure=failure, failures=99))


def test_server_that_stops_is_an_error() -> None:
    with pytest.raises(InternalError, match="stopped the download"):
        read(Server(RESULT, fails_at=5, failure={"status": "error"}))


@pytest.mark.parametrize("names", [["../x.zip"], ["a/b"], [".hidden"]])
def test_unsafe_name_is_refused(names: list[str]) -> None:
    server = Server(dict.fromkeys(names, b""))
    with pytest.raises(InternalError, match="unsafe name"):
        read(server)
    assert server.link.asked == []


def test_slow_server_gives_what_has_arrived() -> None:
    server = Server(RESULT)

    class Slow(FakeConnection):
        async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
            time.sleep(0.05)
            return await super().stream(channel, topic, value, timeout)

    link = Slow(server.answer)
    result = read_files((link, server.offer), wanted, ("workspace",), 0.25)
    assert result.files == {"meta.json": META}
    assert result.reason == "not all of the result arrived within 0 s"
    assert link.posted[-1][1] == {"ref_id": "ref-2", "cancel": True}


def test_transfer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_TRANSFER_BYTES", 200)
    result = read(Server(RESULT))
    assert result.files == {"meta.json": META}
    assert "files to look at" in result.reason


@pytest.mark.parametrize("size", [10, 300])
def test_truncated_archive_gives_what_has_arrived(size: int) -> None:
    server = Server({"meta.json": META, "workspace.zip": RESULT["workspace.zip"][:size]})
    result = read(server)
    assert set(result.files) == {"meta.json", "workspace/log.json"} if size == 300 else {"meta.json"}
    assert result.reason.startswith("the server's workspace.zip is damaged: it ends before byte")
    assert not result.is_complete


MODEL_PATH = "workspace/models/server.npy"
CONTENT = bytes(range(256)) * 20_000


def save(server: Server, target: Path, path: str = MODEL_PATH, **kwargs: Any) -> None:
    save_file((server.link, server.offer), path, target, kwargs.get("progress"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_file_is_saved_without_the_rest(tmp_path: Path, compression: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("before.bin", os.urandom(50_000))
        archive.writestr("models/server.npy", CONTENT[:4000])
        archive.writestr("after.bin", os.urandom(50_000))
    server = Server({"workspace.zip": file.getvalue()})
    target = tmp_path / "new" / "server.npy"
    save(server, target)
    assert target.read_bytes() == CONTENT[:4000]
    assert len(server.link.asked) < 120
    assert [entry.name for entry in target.parent.iterdir()] == ["server.npy"]


def test_saved_file_is_not_held_in_memory(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("models/server.npy", bytes(60 << 20))
    server = Server({"workspace.zip": file.getvalue()})
    tracemalloc.start()
    save(server, tmp_path / "server.npy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "server.npy").stat().st_size == 60 << 20
    assert peak < 20 << 20


def test_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the result has no file workspace/nothing"):
        save(Server(RESULT), tmp_path / "nothing", "workspace/nothing")
    assert list(tmp_path.iterdir()) == []


def test_damaged_file_is_not_kept(tmp_path: Path) -> None:
    archive = RESULT["workspace.zip"]
    at = archive.index(b"models/server.npy") + 100
    broken = archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]
    with pytest.raises(InternalError, match="is damaged") as failure:
        save(Server({"workspace.zip": broken}), tmp_path / "server.npy")
    assert failure.value.next_step == "Download the whole result"
    assert list(tmp_path.iterdir()) == []


def test_cancelled_file_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(TransferCancelled):
        save(Server(RESULT), tmp_path / "server.npy", progress=lambda done, _: done < 10_000)
    assert list(tmp_path.iterdir()) == []
