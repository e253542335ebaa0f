"""The small files of a result, read without the large ones."""

from __future__ import annotations

import io
import os
import time
import zipfile
from typing import Any

import pytest
from fakes import FakeConnection
from file_server import Server

from flare_widgets import bounds
from flare_widgets.api.transfer import remote_files
from flare_widgets.api.transfer.result_files import ResultFiles, read_files
from flare_widgets.api.transfer.zip_members import SkippedFile
from flare_widgets.errors import InternalError, NoConnection
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
