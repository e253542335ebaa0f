"""Uploads and downloads, the whole way over a link that is none; and what is left when it breaks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import errno
import io
import itertools
import json
import os
import stat
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kits
import pytest
from fakes import FakeConnection
from file_server import Server

from flare_widgets.api.transfer import download, part_size, read_ahead, remote_files, upload
from flare_widgets.api.transfer.progress import ProgressReporter
from flare_widgets.errors import (
    DiskFull,
    FileAccessError,
    InternalError,
    NoConnection,
    ProtocolError,
    SessionExpired,
    TransferCancelled,
)
from flare_widgets.kit import StartupKit
from flare_widgets.local_files import hold_folder
from flare_widgets.wire import fobs, keepalive
from flare_widgets.wire.errors import ReplyTimeout
from flare_widgets.wire.features import NEWEST, ServerFeatures
from flare_widgets.wire.transfers import RemoteFile

OK = {fobs.HEADERS: {"__rc__": "OK"}}


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


@pytest.fixture(autouse=True)
def parts_of_a_megabyte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads in parts of 1 MiB, whatever the time they take."""
    monkeypatch.setattr(upload, "FIRST_PART_BYTES", 1 << 20)
    monkeypatch.setattr(upload, "next_part_size", lambda sent, seconds: 1 << 20)
    monkeypatch.setattr(upload, "cut_part", min)


def accepts(link_requests: list[Any]) -> Callable[[Any], Any]:
    """A server that keeps what it is sent, and answers the last part."""

    def answer(request: Any) -> Any:
        link_requests.append(request)
        if not request["Streamer.eof"]:
            return OK
        reply = {"data": [{"type": "success", "data": ""}], "meta": {"status": "ok", "job_id": "new"}}
        return {fobs.HEADERS: {"__rc__": "OK", "ObjectStreamer.END_RESULT": json.dumps(reply)}}

    return answer


def test_upload_arrives_whole_and_in_order(job: Path, kit: StartupKit) -> None:
    requests: list[Any] = []
    link = FakeConnection(accepts(requests))
    told: list[tuple[int, int]] = []
    reply = upload.upload_folder(link, kit, job, "command", lambda *p: told.append(p))
    assert reply.meta["job_id"] == "new"
    assert [r[fobs.HEADERS]["ObjectStreamer.SEQ"] for r in requests] == [0, 1, 2]
    assert len({r[fobs.HEADERS]["ObjectStreamer.TX_ID"] for r in requests}) == 1
    received = b"".join(r["Streamer.data"] for r in requests)
    with zipfile.ZipFile(io.BytesIO(received)) as archive:
        assert archive.testzip() is None
        assert archive.read("my-job/data.bin") == (job / "data.bin").read_bytes()
    assert [sent for sent, _ in told] == [0, 1 << 20, 2 << 20, len(received)]
    assert {total for _, total in told} == {len(received)}


def test_upload_holds_one_part_and_little_more(job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch) -> None:
    (job / "data.bin").write_bytes(bytes(40 << 20))
    for name in ("FIRST_PART_BYTES", "cut_part"):
        monkeypatch.setattr(upload, name, getattr(part_size, name))
    monkeypatch.setattr(upload, "next_part_size", lambda sent, seconds: part_size.MAX_PART_BYTES)
    answer = accepts([])

    class Sink(FakeConnection):
        async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
            assert sum(map(len, fobs.encode_pieces(value))) > len(value["__fobs_data__"]["Streamer.data"])
            return answer({**value["__fobs_data__"], "Streamer.data": b""})

    upload.upload_folder(Sink(answer), kit, job, "command", None)  # imports what it needs
    tracemalloc.start()
    upload.upload_folder(Sink(answer), kit, job, "command", None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    ahead = (read_ahead.MAX_BLOCKS_AHEAD + 3) * read_ahead.BLOCK_BYTES
    assert peak < part_size.MAX_PART_BYTES + ahead + (1 << 20)


@pytest.mark.parametrize("size", [1, 1 << 20, 2 << 20])
def test_last_part_is_marked(job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    archive = SimpleNamespace(size=size, read=lambda: (piece for piece in [bytes(size)]))
    monkeypatch.setattr("flare_widgets.api.transfer.pack.JobArchive", lambda folder, kit: archive)
    requests: list[Any] = []
    upload.upload_folder(FakeConnection(accepts(requests)), kit, job, "command", None)
    sizes = [1 << 20] * (size >> 20) or [size]
    assert [len(r["Streamer.data"]) for r in requests] == [r["Streamer.size"] for r in requests] == sizes
    assert [r["Streamer.eof"] for r in requests] == [False] * (len(sizes) - 1) + [True]


class Line(FakeConnection):
    """A line of some bytes a second and seconds of a round trip, with a clock that only it moves."""

    def __init__(self, rate: float, round_trip: float) -> None:
        super().__init__(accepts([]))
        self.rate, self.round_trip, self.now = rate, round_trip, 0.0
        self.answered_at = [0.0]

    async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
        answer = await super().stream(channel, topic, value, timeout)
        self.now += self.round_trip + self.asked[-1][1]["Streamer.size"] / self.rate
        self.answered_at.append(self.now)
        return answer


def submit_over(line: Line, job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Upload a job over a line; return the sizes of the parts."""
    for name in ("FIRST_PART_BYTES", "next_part_size", "cut_part"):
        monkeypatch.setattr(upload, name, getattr(part_size, name))
    monkeypatch.setattr(upload, "time", SimpleNamespace(monotonic=lambda: line.now))
    upload.upload_folder(line, kit, job, "command", None)
    return [value["Streamer.size"] for _, value in line.asked]


def test_slow_line_is_never_silent_for_long(job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(40_000, 0.3)
    sizes = submit_over(line, job, kit, monkeypatch)
    assert max(b - a for a, b in itertools.pairwise(line.answered_at)) < keepalive.PROBE_AFTER_S
    assert max(sizes[1:]) == part_size.MIN_PART_BYTES


def test_distant_server_takes_few_round_trips(job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch) -> None:
    (job / "data.bin").write_bytes(os.urandom(20 << 20))
    line = Line(100e6, 0.1)
    assert len(submit_over(line, job, kit, monkeypatch)) <= 6
    assert line.now < 1.0


@pytest.mark.parametrize("failure", [NoConnection("lost"), {fobs.HEADERS: {"__rc__": "ERROR"}}])
def test_broken_upload_leaves_nothing_behind(job: Path, kit: StartupKit, scratch: Path, failure: Any) -> None:
    before = sorted(p.name for p in job.rglob("*"))
    link = FakeConnection(lambda request: OK if request[fobs.HEADERS]["ObjectStreamer.SEQ"] == 0 else failure)
    expected = type(failure) if isinstance(failure, BaseException) else InternalError
    with pytest.raises(expected):
        upload.upload_folder(link, kit, job, "command", None)
    assert len(link.asked) == 2
    assert list(scratch.iterdir()) == []
    assert sorted(p.name for p in job.rglob("*")) == before


class Stop:
    """A progress callback that, when so many bytes are done, cancels or is interrupted like by the stop button."""

    def __init__(self, at: int, how: str) -> None:
        self._at, self._how = at, how

    def __call__(self, done: int, total: int) -> bool | None:
        if done < self._at:
            return None
        if self._how == "interrupt":
            raise KeyboardInterrupt
        return False


STOPS = {"cancel": TransferCancelled, "interrupt": KeyboardInterrupt}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of temporary files."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return scratch


@pytest.mark.parametrize("how", STOPS)
@pytest.mark.parametrize(("at", "chunks"), [(0, 0), (1, 1), (1 << 20, 1), (2 << 20, 2)])
def test_stopped_upload_ends_without_leftovers(
    job: Path, kit: StartupKit, scratch: Path, how: str, at: int, chunks: int
) -> None:
    link = FakeConnection(lambda request: OK)
    with pytest.raises(STOPS[how]) as caught:
        upload.upload_folder(link, kit, job, "command", Stop(at, how))
    assert len(link.asked) == chunks
    if chunks:
        ((topic, message),) = link.posted
        told = message[fobs.HEADERS]
        assert topic == "ObjectStreamer.Abort"
        assert told["ObjectStreamer.TX_ID"] == link.asked[0][1][fobs.HEADERS]["ObjectStreamer.TX_ID"]
    assert how == "interrupt" or "the job was not submitted" in str(caught.value)
    assert list(scratch.iterdir()) == []


def test_late_upload_cancel_returns_job(job: Path, kit: StartupKit) -> None:
    link = FakeConnection(accepts([]))
    reply = upload.upload_folder(link, kit, job, "command", Stop(2_500_001, "cancel"))
    assert reply.meta["job_id"] == "new"
    assert link.posted == []


@pytest.mark.parametrize("last", [False, True])
def test_upload_cancelled_while_server_hangs(
    job: Path, kit: StartupKit, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    monkeypatch.setattr("flare_widgets.api.transfer.progress._PROGRESS_INTERVAL_S", 0.05)
    calls: list[tuple[int, int]] = []
    hangs_at = 2 if last else 1

    class Hanging(FakeConnection):
        async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
            answer = await super().stream(channel, topic, value, timeout)
            if len(self.asked) > hangs_at:
                await asyncio.sleep(30)
            return answer

    def progress(done: int, total: int) -> bool:
        calls.append((done, total))
        return len([c for c in calls if c == (hangs_at << 20, total)]) < 4

    link = Hanging(lambda request: OK)
    with pytest.raises(TransferCancelled, match="may have been submitted" if last else "was not submitted"):
        upload.upload_folder(link, kit, job, "command", progress)
    # A server that has everything may be at work on it: there is nothing to abort any more.
    assert [topic for topic, _ in link.posted] == ([] if last else ["ObjectStreamer.Abort"])


def test_lost_part_restarts_upload_as_new(job: Path, kit: StartupKit, scratch: Path) -> None:
    """The server would append a part that it gets twice."""
    requests: list[Any] = []
    accept = accepts(requests)
    lost = [ReplyTimeout("no answer")]

    def answer(request: Any) -> Any:
        if request[fobs.HEADERS]["ObjectStreamer.SEQ"] == 1 and lost:
            return lost.pop()
        return accept(request)

    link = FakeConnection(answer)
    reply = upload.upload_folder(link, kit, job, "command", None)
    assert reply.meta["job_id"] == "new"
    headers = [value[fobs.HEADERS] for _, value in link.asked]
    assert [h["ObjectStreamer.SEQ"] for h in headers] == [0, 1, 0, 1, 2]
    first, second = headers[0]["ObjectStreamer.TX_ID"], headers[-1]["ObjectStreamer.TX_ID"]
    assert [h["ObjectStreamer.TX_ID"] for h in headers] == [first, first, second, second, second]
    assert first != second
    assert [v[fobs.HEADERS]["ObjectStreamer.TX_ID"] for _, v in link.posted] == [first]
    with zipfile.ZipFile(io.BytesIO(b"".join(r["Streamer.data"] for r in requests[1:]))) as archive:
        assert archive.testzip() is None


@pytest.mark.parametrize(("failure", "attempts"), [(ReplyTimeout("no answer"), 3), (NoConnection("lost"), 1)])
def test_failure_before_last_part_not_submitted(
    job: Path, kit: StartupKit, failure: NoConnection, attempts: int
) -> None:
    link = FakeConnection(lambda request: OK if request[fobs.HEADERS]["ObjectStreamer.SEQ"] == 0 else failure)
    with pytest.raises(upload.NotSubmitted, match=r"(lost|no answer)\. The job was not submitted"):
        upload.upload_folder(link, kit, job, "command", None)
    assert len({v[fobs.HEADERS]["ObjectStreamer.TX_ID"] for _, v in link.asked}) == attempts


@pytest.mark.parametrize("failure", [ReplyTimeout("no answer"), NoConnection("lost")])
def test_unanswered_last_part_is_not_resent(job: Path, kit: StartupKit, failure: NoConnection) -> None:
    link = FakeConnection(lambda request: failure if request["Streamer.eof"] else OK)
    with pytest.raises(NoConnection) as caught:
        upload.upload_folder(link, kit, job, "command", None)
    assert not isinstance(caught.value, upload.NotSubmitted)
    assert len(link.asked) == 3


@pytest.mark.parametrize("how", STOPS)
@pytest.mark.parametrize("at", [1, 3, 5])
def test_stopped_download_ends_without_leftovers(tmp_path: Path, at: int, how: str) -> None:
    server = Server(RESULT)
    with pytest.raises(STOPS[how]):
        download.download_files(server.link, server.offer, "job-1", tmp_path, Stop(at * 40, how))
    assert list(tmp_path.iterdir()) == []
    last_asked = server.link.asked[-1][1]["ref_id"]
    assert {"ref_id": last_asked, "cancel": True} in [message for _, message in server.link.posted]


def test_upload_without_outcome_is_internal_error(job: Path, kit: StartupKit) -> None:
    with pytest.raises(InternalError, match="did not report the result"):
        upload.upload_folder(FakeConnection(lambda request: OK), kit, job, "command", None)


RESULT = {
    "meta.json": b'{"name": "x"}',
    "job.zip": zipped(**{"my-job/meta.json": b"{}"}),
    "workspace.zip": zipped(**{"log.txt": b"log " * 50, "deep/er/x": b"x"}),
}


def test_download_is_unpacked_into_new_folder(tmp_path: Path) -> None:
    server = Server(RESULT)
    told: list[tuple[int, int]] = []
    folder = download.download_files(server.link, server.offer, "job-1", tmp_path / "into", lambda *p: told.append(p))
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


def test_download_folder_mode_follows_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        server = Server(RESULT)
        folder = download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


def test_each_file_that_arrived_is_confirmed(tmp_path: Path) -> None:
    server = Server(RESULT)
    download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    expected = {"confirm": "success", "confirm_nonce": "n"}
    assert server.link.posted == [
        ("download_service__download", {"ref_id": remote.reference, **expected}) for remote in server.offer
    ]


def test_old_servers_want_no_confirmation(tmp_path: Path) -> None:
    server = Server(RESULT, confirms=False)
    download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert server.link.posted == []


def test_repeated_downloads_get_separate_folders(tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        server = Server(RESULT)
        folders.append(download.download_files(server.link, server.offer, "job-1", tmp_path, None))
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
    folder = download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert folder == tmp_path / "job-1__1"
    assert (there.lstat().st_ino, there.lstat().st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("at", range(1, 10))
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ({"status": "error"}, InternalError),
        ("nonsense", ProtocolError),
    ],
    ids=["error", "nonsense"],
)
def test_broken_download_leaves_nothing_behind(tmp_path: Path, at: int, failure: Any, expected: Any) -> None:
    server = Server(RESULT, fails_at=at, failure=failure, failures=100)
    with pytest.raises(expected):
        download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert list(tmp_path.iterdir()) == []
    last_asked = server.link.asked[-1][1]["ref_id"]
    assert {"ref_id": last_asked, "cancel": True} in [message for _, message in server.link.posted]


@pytest.mark.parametrize(
    "files",
    [
        {"workspace.zip": b"not a zip"},
        {"meta.json": b"{}", "workspace.zip": zipped(**{"../evil": b"x"})},
        {"job.zip": RESULT["job.zip"], "workspace.zip": RESULT["workspace.zip"][:-30]},
    ],
)
def test_corrupt_result_leaves_no_files(tmp_path: Path, files: dict[str, bytes]) -> None:
    server = Server(files)
    with pytest.raises(InternalError):
        download.download_files(server.link, server.offer, "job-1", tmp_path / "into", None)
    assert list((tmp_path / "into").iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["into"]


@pytest.mark.parametrize(
    "names", [["../evil"], ["/tmp/evil"], ["a/b"], [".ssh"], ["meta.json", "META.json"], ["job.zip", "job.zip"]]
)
def test_hostile_names_refused_before_writing(tmp_path: Path, names: list[str]) -> None:
    offer = [RemoteFile(name, "r") for name in names]
    link = FakeConnection(lambda request: pytest.fail("nothing must be asked for"))
    with pytest.raises(InternalError, match="refused"):
        download.download_files(link, offer, "job-1", tmp_path / "into", None)
    assert list(tmp_path.iterdir()) == []


def test_hostile_job_id_is_no_path(tmp_path: Path) -> None:
    server = Server(RESULT)
    with pytest.raises(InternalError, match="unsafe name"):
        download.download_files(server.link, server.offer, "../evil", tmp_path / "into", None)
    assert list(tmp_path.iterdir()) == []


def test_colliding_zip_target_is_refused(tmp_path: Path) -> None:
    server = Server({"job": b"plain", "job.zip": RESULT["job.zip"]})
    with pytest.raises(InternalError):
        download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert list(tmp_path.iterdir()) == []


LARGE = {
    "meta.json": b"{}" * 30,
    "workspace.zip": zipped(**{"noise": os.urandom(3000), "log.txt": b"log " * 50}),
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a lost server."""
    monkeypatch.setattr(remote_files, "_RETRY_DELAYS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(download, "_OVERLAP_BYTES", 30)


def unpacked(folder: Path, files: dict[str, bytes]) -> bool:
    """Return True if a folder has just these files."""
    with zipfile.ZipFile(io.BytesIO(files["workspace.zip"])) as archive:
        expected = {f"workspace/{name}": archive.read(name) for name in archive.namelist()}
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return found == {"meta.json": files["meta.json"], **expected}


def requests(server: Server) -> list[tuple[str, int]]:
    """Return the requests to a server: reference and position."""
    return [(v["ref_id"], v.get("state", {}).get("received_bytes", 0)) for _, v in server.link.asked]


@pytest.mark.parametrize(
    ("features", "quick_s", "under_way"),
    [(NEWEST, 60.0, 2), (NEWEST, 0.0, 1), (replace(NEWEST, can_cancel_download=False), 60.0, 1)],
    ids=["quick line", "slow line", "older server"],
)
def test_next_parts_asked_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: ServerFeatures, quick_s: float, under_way: int
) -> None:
    """One while a part is written, two while one is awaited; but never beyond the end if that means its arrival."""
    monkeypatch.setattr(remote_files, "USUAL_PART_BYTES", 40)
    monkeypatch.setattr(remote_files, "QUICK_PART_S", quick_s)
    server = Server({"ERRORLOG_a": b"a" * 400})
    server.link.features = features
    seen: list[int] = []
    started: list[int] = []
    awaited: list[int] = []

    def progress(done: int, total: int) -> None:
        wanted = done // 40 + 1
        deadline = time.monotonic() + 10
        while len(requests(server)) < wanted and time.monotonic() < deadline:
            time.sleep(0.001)
        seen.append(len(requests(server)))

    wait_for, start_asking = ProgressReporter.wait_for, remote_files.RemoteFiles._start_asking

    def note_wait(self: ProgressReporter, future: concurrent.futures.Future[Any]) -> Any:
        awaited.append(len(started) - len(awaited))
        return wait_for(self, future)

    def note_start(self: remote_files.RemoteFiles, name: str, offset: int) -> Any:
        started.append(offset)
        return start_asking(self, name, offset)

    monkeypatch.setattr(ProgressReporter, "wait_for", note_wait)
    monkeypatch.setattr(remote_files.RemoteFiles, "_start_asking", note_start)
    download.download_files(server.link, server.offer, "job-1", tmp_path, progress)
    assert seen[:10] == [count + 1 for count in range(1, 11)]
    assert awaited[1:10] == [under_way] * 9
    assert len(requests(server)) == (11 if under_way == 1 else 13)  # the end is asked for again when all is answered


def test_next_file_is_asked_for_while_one_ends(tmp_path: Path) -> None:
    server = Server(RESULT)
    asked = []

    def progress(done: int, total: int) -> None:
        deadline = time.monotonic() + 10
        while len(requests(server)) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        asked.append([position for position in requests(server) if position[1] == 0])

    download.download_files(server.link, server.offer, "job-1", tmp_path, progress)
    assert asked[0] == [("ref-0", 0), ("ref-1", 0)]


def test_unanswered_request_is_repeated(tmp_path: Path) -> None:
    server = Server(LARGE, fails_at=10, failure=ReplyTimeout("no answer"))
    folder = download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert unpacked(folder, LARGE)
    asked = requests(server)
    assert asked[9] == asked[10]
    assert len(asked) == len(set(asked)) + 1


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 10, 40, 86])
def test_lost_link_resumes_download(tmp_path: Path, at: int) -> None:
    first, second = Server(LARGE, fails_at=at, failure=NoConnection("lost"), failures=100), Server(LARGE)
    told: list[tuple[int, int]] = []
    folder = download.download_files(
        first.link, first.offer, "job-1", tmp_path, lambda *p: told.append(p), lambda: (second.link, second.offer)
    )
    assert unpacked(folder, LARGE)
    assert [p.name for p in tmp_path.iterdir()] == ["job-1"]
    assert at <= len(requests(first)) < at + remote_files.MAX_PARTS_AHEAD
    assert len(requests(first)) + len(requests(second)) < 95
    assert told[-1] == (sum(map(len, LARGE.values())), 0)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "other",
    [
        {**LARGE, "workspace.zip": zipped(**{"noise": os.urandom(3000), "log.txt": b"other"})},
        {**LARGE, "workspace.zip": zipped(**{"shorter": b"than what was received"})},
        {**LARGE, "workspace.zip": zipped(**{"longer": os.urandom(9000)}), "meta.json": b"other"},
    ],
    ids=["of the same size", "shorter", "longer"],
)
def test_two_archives_are_never_mixed(tmp_path: Path, other: dict[str, bytes]) -> None:
    first, second = Server(LARGE, fails_at=40, failure=NoConnection("lost")), Server(other)
    again = lambda: (second.link, second.offer)  # noqa: E731
    folder = download.download_files(first.link, first.offer, "job-1", tmp_path, None, again)
    assert (folder / "meta.json").read_bytes() == LARGE["meta.json"]
    assert unpacked(folder, {**other, "meta.json": LARGE["meta.json"]})


@pytest.mark.usefixtures("hasty")
def test_file_without_checksum_restarts_from_zero(tmp_path: Path) -> None:
    first = Server({"ERRORLOG_a": b"a" * 400}, fails_at=5, failure=NoConnection("lost"))
    second = Server({"ERRORLOG_a": b"a" * 200 + b"b" * 200})
    again = lambda: (second.link, second.offer)  # noqa: E731
    folder = download.download_files(first.link, first.offer, "job-1", tmp_path, None, again)
    assert (folder / "ERRORLOG_a").read_bytes() == b"a" * 200 + b"b" * 200


@pytest.mark.usefixtures("hasty")
def test_changed_offer_on_resume_is_refused(tmp_path: Path) -> None:
    first, second = Server(LARGE, fails_at=40, failure=NoConnection("lost")), Server(RESULT)
    with pytest.raises(InternalError, match="offers other files than before"):
        download.download_files(first.link, first.offer, "job-1", tmp_path, None, lambda: (second.link, second.offer))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("hasty")
def test_late_returning_server_is_awaited(tmp_path: Path) -> None:
    first, second = Server(LARGE, fails_at=40, failure=NoConnection("lost")), Server(LARGE)
    answers: list[Any] = [NoConnection("nobody"), NoConnection("nobody"), (second.link, second.offer)]

    def again() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    assert unpacked(download.download_files(first.link, first.offer, "job-1", tmp_path, None, again), LARGE)


def broken(tmp_path: Path, error: Exception, at: int = 40) -> Server:
    """A download that broke for good."""
    server = Server(LARGE, fails_at=at, failure=NoConnection("lost"))

    def again() -> Any:
        raise error

    with pytest.raises(type(error), match=r"\. The received part is kept\. Download again") as caught:
        download.download_files(server.link, server.offer, "job-1", tmp_path, None, again)
    assert type(caught.value) is type(error)
    assert [p.name for p in tmp_path.iterdir()] == [".job-1.partial"]
    return server


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("error", [NoConnection("nobody"), SessionExpired("too long idle")])
def test_next_download_resumes_broken_one(tmp_path: Path, error: Exception) -> None:
    broken(tmp_path, error)
    server = Server(LARGE)
    folder = download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert folder == tmp_path / "job-1"
    assert unpacked(folder, LARGE)
    assert [p.name for p in tmp_path.iterdir()] == ["job-1"]
    assert 45 < len(requests(server)) < 60


def test_leftover_of_killed_process_is_removed(tmp_path: Path) -> None:
    left, alive, mine = (
        tmp_path / name for name in (".job-7.0123abcd.partial", ".job-8.0123abcd.partial", ".x.partial")
    )
    for folder in (left, alive, mine):
        folder.mkdir()
        os.utime(folder, (1, 1))
    server = Server(LARGE)
    with hold_folder(alive):
        download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([alive.name, mine.name, "job-1"])


@pytest.mark.usefixtures("hasty")
def test_partial_of_other_archive_is_discarded(tmp_path: Path) -> None:
    broken(tmp_path, NoConnection("nobody."))
    other = {**LARGE, "workspace.zip": zipped(**{"noise": os.urandom(3000)})}
    server = Server(other)
    assert unpacked(download.download_files(server.link, server.offer, "job-1", tmp_path, None), other)


@pytest.mark.usefixtures("hasty")
def test_corrupted_partial_bytes_are_discarded(tmp_path: Path) -> None:
    broken(tmp_path, NoConnection("nobody."))
    kept = tmp_path / ".job-1.partial" / "workspace.zip"
    content = bytearray(kept.read_bytes())
    content[300] ^= 1  # far from the end, which is compared
    kept.write_bytes(content)
    server = Server(LARGE)
    with pytest.raises(InternalError, match="cannot be unpacked"):
        download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("hasty")
def test_foreign_files_in_partial_are_excluded(tmp_path: Path) -> None:
    broken(tmp_path, NoConnection("nobody."))
    kept = tmp_path / ".job-1.partial"
    outside = tmp_path / "outside.zip"
    outside.write_bytes(b"mine")
    (kept / "workspace.zip").unlink()
    (kept / "workspace.zip").symlink_to(outside)
    (kept / "planted").mkdir()
    (kept / "planted" / "file").touch()
    (kept / "planted.zip").touch()
    server = Server(LARGE)
    assert unpacked(download.download_files(server.link, server.offer, "job-1", tmp_path, None), LARGE)
    assert outside.read_bytes() == b"mine"


@pytest.mark.parametrize("what", ["file", "link"])
def test_foreign_partial_path_is_left_untouched(tmp_path: Path, what: str) -> None:
    kept, elsewhere = tmp_path / "into" / ".job-1.partial", tmp_path / "elsewhere"
    kept.parent.mkdir()
    elsewhere.mkdir()
    kept.write_text("mine") if what == "file" else kept.symlink_to(elsewhere)
    server = Server(LARGE)
    assert unpacked(download.download_files(server.link, server.offer, "job-1", tmp_path / "into", None), LARGE)
    assert os.path.lexists(kept)
    assert elsewhere.is_dir()


@pytest.mark.usefixtures("hasty")
def test_early_broken_download_leaves_no_files(tmp_path: Path) -> None:
    server = Server(LARGE, fails_at=2, failure=NoConnection("lost"))
    with pytest.raises(NoConnection, match=r"^lost$"):
        download.download_files(server.link, server.offer, "job-1", tmp_path, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("hasty")
def test_download_cancelled_while_server_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "_RETRY_DELAYS_S", (60.0,))
    server = Server(LARGE, fails_at=40, failure=NoConnection("lost"))
    again = lambda: pytest.fail("too early")  # noqa: E731
    progress = lambda done, total: len(server.link.asked) < 40  # noqa: E731
    with pytest.raises(TransferCancelled):
        download.download_files(server.link, server.offer, "job-1", tmp_path, progress, again)
    assert list(tmp_path.iterdir()) == []


def test_disk_full_reported_and_cleaned_up(tmp_path: Path) -> None:
    def full(done: int, total: int) -> None:
        if done > 400:
            raise OSError(errno.ENOSPC, "No space left on device")

    server = Server(LARGE)
    with pytest.raises(DiskFull, match=r"the download cannot be written to .*: no space left"):
        download.download_files(server.link, server.offer, "job-1", tmp_path, full)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("into", "reason"),
    [
        ("file", "file exists"),
        ("file/into", "not a directory"),
        ("link", "file exists"),
        ("n" * 300, "file name too long"),
    ],
)
def test_other_disk_errors_say_what_to_do(into: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    server = Server(LARGE)
    with pytest.raises(FileAccessError, match=rf"cannot be written to .*{into}: {reason}\.") as caught:
        download.download_files(server.link, server.offer, "job-1", tmp_path / into, None)
    assert caught.value.next_step
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
