"""Costs that a stranger can cause: no kind of hostile answer takes more than 64 MB, or more than 2 s of processor time.

Here the time may be 4 s: a loaded machine runs slower, and an unbounded reader would take minutes.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import struct
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeConnection

from flare_widgets import bounds
from flare_widgets.api.transfer import unpack
from flare_widgets.api.transfer.result_files import ResultFiles, read_files
from flare_widgets.errors import FlareError
from flare_widgets.monitoring import JobSnapshot
from flare_widgets.monitoring.history import read_stored_log
from flare_widgets.monitoring.job.reducer import apply_updates
from flare_widgets.monitoring.job.updates import GroupRefreshed, GroupUnavailable
from flare_widgets.monitoring.logs import filter
from flare_widgets.monitoring.logs.facts import ServerLogParser, read_in_time
from flare_widgets.monitoring.logs.tail import NewText
from flare_widgets.monitoring.polling import polls
from flare_widgets.monitoring.polling.polls import ServerLogTail
from flare_widgets.monitoring.results.files import Selection
from flare_widgets.monitoring.results.job_result import parse_job_result
from flare_widgets.monitoring.results.values import parse_json
from flare_widgets.views.submit.folders import list_folder
from flare_widgets.wire.transfers import RemoteFile

MAX_COST_BYTES, MAX_COST_S = 64 << 20, 4.0

#: Logs are a tenth of the longest that are read, and may cost a tenth: tracing memory takes its time.
PART = 1 if os.environ.get("FULL") else 10


def pay(job: Callable[[], Any], part: int = 1) -> Any:
    """Run `job` twice, once for its time and once for its memory, and check that both are that part of the limit."""
    began = time.thread_time()
    result = job()
    traced = 3 if sys.gettrace() else 1  # by `make coverage`, which takes its time
    assert time.thread_time() - began < traced * (MAX_COST_S / part + 0.2)
    tracemalloc.start()
    try:
        job()
        assert tracemalloc.get_traced_memory()[1] < MAX_COST_BYTES / part + (2 << 20)
    finally:
        tracemalloc.stop()
    return result


def zip_of_empty_files(names: Iterable[bytes]) -> bytes:
    """A zip that is quickly made: the zipfile module takes a minute for that many members."""
    members, directory, count = bytearray(), bytearray(), 0
    for name in names:
        common = struct.pack("<5H3I2H", 20, 0x800, 0, 0, 33, 0, 0, 0, len(name), 0)
        directory += b"PK\x01\x02\x14\x00" + common + struct.pack("<3H2I", 0, 0, 0, 0, len(members)) + name
        members += b"PK\x03\x04" + common + name
        count += 1
    sizes = (count, count, len(directory), len(members))
    large = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, *sizes)
    large += b"PK\x06\x07" + struct.pack("<IQI", 0, len(members) + len(directory), 1)
    small = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 65535, 65535, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(members + directory) + large + small


ARCHIVES: dict[str, tuple[Iterable[bytes], str]] = {
    "folders": ((b"%06d" % n + b"/d" * 90 + b"/f" for n in range(20_100)), "more than 20000 folders"),
    "written in many ways": ((b"./" * (n % 9) + b"%06d/f" % n for n in range(20_100)), "more than 20000 folders"),
    "members": ((b"%07d" % n for n in range(70_000)), "more than 65535 members"),
    "names": ((b"%06d" % n + b"/" + b"d" * 240 for n in range(25_000)), "list of members has"),
    "long part": ([b"d" * 256], "unsafe path"),
    "long path": ([b"/dir" * 2000], "a path in it has 8000 bytes"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_bomb_of_names_is_refused_cheaply(tmp_path: Path, kind: str) -> None:
    names, says = ARCHIVES[kind]
    archive = tmp_path / "r.zip"
    archive.write_bytes(zip_of_empty_files(names))

    def refuse() -> None:
        with pytest.raises(FlareError, match=says):
            unpack.unpack(archive, tmp_path / "out")

    pay(refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["r.zip"]


def test_largest_list_of_members_is_affordable(tmp_path: Path) -> None:
    archive = tmp_path / "r.zip"
    archive.write_bytes(zip_of_empty_files("\N{GRINNING FACE}".encode() + b"%05d" % n * 48 for n in range(20_000)))

    def check() -> int:
        with unpack.BoundedReader(io.FileIO(archive)) as raw, zipfile.ZipFile(raw) as source:
            return unpack._check_members("r.zip", source.infolist(), source.start_dir, archive.stat().st_size)

    assert pay(check) == 20_000 * bounds.ENTRY_BYTES


def test_entries_count_as_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "EXPANSION_ALLOWANCE_BYTES", 0)
    monkeypatch.setattr(bounds, "MAX_EXPANSION_RATIO", 3)
    archive = tmp_path / "r.zip"
    archive.write_bytes(zip_of_empty_files(b"%06d/d/d/d/f" % n for n in range(100)))
    with pytest.raises(FlareError, match="refused as a zip bomb"):
        unpack.unpack(archive, tmp_path / "out")


def record(message: str, level: str = "INFO", **more: str) -> bytes:
    return json.dumps({"message": message, "levelname": level, **more}, ensure_ascii=False).encode() + b"\n"


def fill(line: bytes, size: int = (22 << 20) // PART) -> bytes:
    return (line * (size // len(line) + 1))[:size]


LOGS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: fill(record("x" * 60)),
    "warnings": lambda: fill(record("", "WARNING")),
    "different errors": lambda: b"".join(record(f"{n}", "ERROR") for n in range(110_000 // PART)),
    "text": lambda: fill(b"2026-01-01 00:00:00,000 - x - WARNING - z\n"),
    "no line break": lambda: fill(b"a"),
    "line breaks": lambda: fill(b"\n"),
    "wide characters": lambda: fill(record("\N{GRINNING FACE}" * 5000)),
    "context": lambda: fill(record("x", fl_ctx="peer=a, peer_rc=OK, task_id=1, wf=z, " * 100)),
    "metrics": lambda: b"".join(
        record(f"Round {n} started.") + record(f"validation metric 0.{n} from client s{n}")
        for n in range(55_000 // PART)
    ),
    "tasks": lambda: b"".join(record(f"assigned task to client {n}: name=b, id={n}") for n in range(110_000 // PART)),
    "global metrics": lambda: (
        record("Round 1 global metrics: {" + ",".join(f"'{n}':1" for n in range(800)) + "}") * (300 // PART)
    ),
}


@pytest.mark.parametrize("kind", LOGS)
def test_stored_log_is_affordable(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_LOG_LINES", bounds.MAX_LOG_LINES // PART)
    monkeypatch.setattr(bounds, "MAX_LOG_UPDATES", bounds.MAX_LOG_UPDATES // PART)
    content = LOGS[kind]()
    updates = pay(lambda: read_stored_log(ServerLogParser(), (content,)), PART)
    assert len(updates) <= bounds.MAX_LOG_UPDATES + 2
    pay(lambda: apply_updates(JobSnapshot("job"), updates), PART)


@pytest.mark.parametrize(("seconds", "lines"), [(0.5, 2000), (0.0, 5000)])
def test_log_that_takes_long_is_read_in_part(seconds: float, lines: int) -> None:
    """By a clock that moves at each look: whatever the log and the machine, the time is bounded."""
    now = (look * seconds for look in itertools.count())
    errors = "".join(json.dumps({"message": f"{n}", "levelname": "ERROR"}) + "\n" for n in range(1000))
    updates, reason = read_in_time(ServerLogParser(), [errors] * 5, lambda: next(now))
    assert len(updates) == lines
    assert reason == ("" if lines == 5000 else "the log is too long: only 2000 lines of it were read")


def test_growing_log_that_takes_long_is_said_to_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    new, answer = NewText("x\n" * 10), polls.Answer("", None, 5.0, 0.1)
    told = [ServerLogTail("job")._parse(ServerLogParser(), new, answer)[-1]]
    monkeypatch.setattr(bounds, "MAX_LOG_READ_S", -1.0)
    told.append(ServerLogTail("job")._parse(ServerLogParser(), new, answer)[-1])
    assert [type(update) for update in told] == [GroupRefreshed, GroupUnavailable]


def test_long_log_is_said_to_be_long() -> None:
    lines = -(-bounds.MAX_LOG_LINES // bounds.PIECE_BYTES) * bounds.PIECE_BYTES
    updates = read_stored_log(ServerLogParser(), (b"\n" * (lines + 1),))
    assert [update.reason for update in updates if hasattr(update, "reason")] == [
        f"the log is too long: only {lines} lines of it were read"
    ]


@pytest.mark.parametrize("item", ["[],", "{},", '{"a":1},', "[1],", "1,", '{"a":[]},', '{"a":{"b":{}}},'])
def test_json_is_measured_before_it_is_parsed(item: str) -> None:
    text = "[" + item * ((3 << 20) // len(item)) + "0]"
    assert pay(lambda: parse_json(text)) is None
    few = "[" + item * 50_000 + "0]"
    assert len(pay(lambda: parse_json(few))) == 50_001


def test_text_with_many_commas_is_not_many_values() -> None:
    assert not bounds.has_too_many_values(json.dumps(["[,{" * 1_000_000, 'a"\\']))
    assert bounds.has_too_many_values('"' + '\\"' * 9 + '",' + "[" * 600_000)


class Endless:
    """A server whose files never end."""

    def __init__(self, part: bytes) -> None:
        self.link = FakeConnection(lambda _: {"status": "ok", "data": part})

    def read(self, *names: str) -> Any:
        offer = (self.link, [RemoteFile(name, name) for name in names])
        return read_files(offer, Selection(), ("workspace",), 20.0)


@pytest.mark.parametrize(("size", "says"), [(5 << 20, "only the first 4 MB"), (7, "more than 500 requests")])
def test_endless_file_is_given_up(size: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_TRANSFER_REQUESTS", 500)
    result = pay(lambda: Endless(b"E" * size).read("meta.json"))
    assert says in result.reason


@pytest.mark.parametrize("size", [0, 3])
def test_endless_archive_is_given_up(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_MEMBERS", bounds.MAX_MEMBERS // PART)
    header = struct.pack("<5H3I2H", 20, 0, 0, 0, 33, 0, size, size, 7, 0)
    member = b"PK\x03\x04" + header + b"d/a.txt" + b"x" * size
    server = Endless(member * ((1 << 20) // len(member)))
    assert pay(lambda: server.read("workspace.zip"), PART).reason


def test_result_full_of_everything_is_affordable() -> None:
    content = {
        "workspace/log.json": fill(record("x" * 500), 22 << 20),
        "workspace/error_log.txt": fill("\N{GRINNING FACE}".encode(), 3 << 20),
        "workspace/metrics/round_metrics.jsonl": fill(b'{"round": 1, "aggregated_metrics": [[[]]]}\n', 3 << 20),
        "workspace/cross_site_val/cross_val_results.json": fill(b"[],", 2 << 20),
        "workspace/statistics/image.json": fill(b'{"a":', 2 << 20),
        "workspace/app_server/config/config_fed_server.json": fill(b"[", 1 << 19),
    }
    assert pay(lambda: parse_job_result(ResultFiles(content))).log == (content["workspace/log.json"],)


def test_pattern_of_the_user_searches_bounded_lines() -> None:
    text = ("a" * 2000 + "\n") * 5
    assert pay(lambda: filter.filter_by_pattern(text, "(a*)b")) == ""


def test_large_folder_is_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_SCANNED_ENTRIES", 5)
    for number in range(9):
        (tmp_path / f"d{number}").mkdir()
    contents = list_folder(tmp_path)
    assert len(contents.folders) + contents.more == 5
