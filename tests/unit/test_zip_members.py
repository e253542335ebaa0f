"""Some members of a zip, read as it arrives: the right ones, and at a bounded cost whatever it claims."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flare_widgets.api.transfer import zip_members
from flare_widgets.api.transfer.zip_members import KeptFiles, MemberReader, SkippedFile, UnreadableArchive

MB = 1 << 20


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def member(
    name: bytes = b"a.txt",
    content: bytes = b"text",
    *,
    flags: int = 0,
    method: int = 0,
    checksum: int | None = None,
    packed_size: int | None = None,
    size: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """A member with a header that may lie."""
    header = struct.pack(
        "<4s5H3I2H",
        b"PK\x03\x04",
        20,
        flags,
        method,
        0,
        0,
        zlib.crc32(content) if checksum is None else checksum,
        len(content) if packed_size is None else packed_size,
        len(content) if size is None else size,
        len(name),
        len(extra),
    )
    return header + name + extra + content


END = b"PK\x05\x06" + bytes(18)


def small(path: str, size: int) -> bool:
    return size <= MB


def read(data: bytes, wanted: Callable[[str, int], bool] = small, part: int = 1000) -> tuple[KeptFiles, int]:
    """Return the files that were kept, and the number of bytes that had to arrive."""
    kept, arrived = KeptFiles(), 0
    reader = MemberReader("r", wanted, kept)
    while not reader.is_done:
        chunk = data[reader.offset : reader.offset + part]
        if not chunk:
            raise UnreadableArchive("ended")
        reader.feed(chunk)
        arrived += len(chunk)
    return kept, arrived


MEMBERS = {
    "log.json": b"{}\n" * 500,
    "models/": b"",
    "models/server.npy": os.urandom(50_000),
    "sites/é/x": b"",
    "z": b"z",
}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("part", [1, 7, 1000, 10 * MB])
def test_wanted_members_are_read(compression: int, part: int) -> None:
    kept, _ = read(zipped(MEMBERS, compression), lambda path, _: "models" not in path, part)
    assert kept.files == {f"r/{n}": c for n, c in MEMBERS.items() if "models" not in n}
    assert kept.skipped == [SkippedFile("r/models/server.npy", 50_000)]
    assert kept.problems == []


def test_large_member_does_not_arrive() -> None:
    data = zipped({"model": bytes(20 * MB), "log.json": b"log"})
    kept, arrived = read(data, lambda path, _: path.endswith("log.json"), 1000)
    assert kept.files == {"r/log.json": b"log"}
    assert arrived <= 2000


def test_flares_own_zip_is_read(tmp_path: Path) -> None:
    from nvflare.fuel.utils.zip_utils import zip_directory_to_bytes

    for name in ("log.json", "söme/thing.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    kept, _ = read(zip_directory_to_bytes(str(tmp_path), ""))
    assert kept.files == {"r/log.json": b"log.json", "r/söme/thing.txt": "söme/thing.txt".encode()}


def test_sizes_beyond_4_gb_are_read() -> None:
    size = 5 << 30
    extra = struct.pack("<HHB", 0x5455, 1, 0) + struct.pack("<HHQQ", 1, 16, size, size)
    begin = member(b"model", b"", packed_size=0xFFFFFFFF, size=0xFFFFFFFF, extra=extra)
    kept = KeptFiles()
    reader = MemberReader("r", small, kept)
    reader.feed(begin)
    assert reader.offset == len(begin) + size
    reader.feed(member() + END)
    assert reader.is_done
    assert kept.files == {"r/a.txt": b"text"}
    assert kept.skipped == [SkippedFile("r/model", size)]
    assert kept.problems == []


@pytest.mark.parametrize(
    "name", ["../a", "/a", "a/../../b", "..\\a", "C:/a", ".", "a\x1b[1mb", "a/" * 200 + "b", "x" * 1001]
)
def test_unsafe_path_is_left_out(name: str) -> None:
    kept, _ = read(member(name.encode()) + member() + END)
    assert kept.files == {"r/a.txt": b"text"}
    assert kept.skipped == []


PACKED = zlib.compressobj(9, zlib.DEFLATED, -15)
DEFLATED = PACKED.compress(b"text") + PACKED.flush()
BOMB = zlib.compress(bytes(50 * MB), 9)[2:-4]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (member(checksum=1), "is damaged"),
        (member(flags=1), "is encrypted"),
        (member(method=12), "is packed in a way that FLARE does not use"),
        (member(size=9), "is packed in a way that FLARE does not use"),
        (member(content=b"\xff" * 20, method=8, size=4), "is damaged"),
        (member(content=DEFLATED, method=8, size=3, checksum=zlib.crc32(b"tex")), "is damaged"),
        (member(content=DEFLATED, method=8, size=5, checksum=zlib.crc32(b"text")), "is damaged"),
        (member(content=BOMB, method=8, size=10), "is damaged"),
    ],
    ids=["checksum", "encrypted", "method", "sizes", "no deflate", "longer", "shorter", "bomb"],
)
def test_untrusted_member_is_left_out(bad: bytes, problem: str) -> None:
    kept, _ = read(bad + member(b"next") + END)
    assert kept.files == {"r/next": b"text"}
    assert kept.problems == [f"r/a.txt {problem}"]


def test_bytes_behind_deflated_content_are_ignored() -> None:
    content = DEFLATED + bytes(3 * MB)
    bad = member(content=content, method=8, size=4, checksum=zlib.crc32(b"text"))
    kept, arrived = read(bad + member(b"next") + END)
    assert kept.files == {"r/a.txt": b"text", "r/next": b"text"}
    assert arrived <= 3000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no zip at all, but long enough for a header", "is damaged at byte 4"),
        (member() + b"garbage" * 10, "is damaged at byte 43"),
        (member(flags=8, size=0, packed_size=0) + END, "can be read only as a whole"),
        (member(b"x", b"", packed_size=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 8, 2**64 - 1)) + END, "is damaged"),
        (member(packed_size=1) + END, "is damaged"),
    ],
)
def test_archive_without_structure_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableArchive, match=reason):
        read(data, part=10 * MB)


def test_first_of_equal_names_is_kept() -> None:
    kept, _ = read(member(content=b"first") + member(content=b"second") + END)
    assert kept.files == {"r/a.txt": b"first"}
    assert kept.skipped == [SkippedFile("r/a.txt", 6)]


def test_number_of_members_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_members, "MAX_MEMBERS", 50)
    monkeypatch.setattr(zip_members, "MAX_SKIPPED", 20)
    kept = KeptFiles()
    with pytest.raises(UnreadableArchive, match="more than 50 members"):
        MemberReader("r", lambda *_: False, kept).feed(b"".join(member(b"%d" % n) for n in range(60)) + END)
    assert (len(kept.skipped), kept.skipped_count) == (20, 50)


def test_kept_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_members, "MAX_KEPT_BYTES", 2 * MB)
    kept, _ = read(zipped({name: bytes(900_000) for name in "abcd"}), part=MB)
    assert list(kept.files) == ["r/a", "r/b"]
    assert kept.problems == [f"r/{name} does not fit into the 2 MB read of a result" for name in "cd"]


def test_memory_is_that_of_what_is_kept() -> None:
    packed = zipped({"bomb": bytes(60 * MB), "small": b"x"}, zipfile.ZIP_DEFLATED)
    lie = bytearray(packed)
    struct.pack_into("<I", lie, 22, 10)  # it claims to have 10 bytes
    tracemalloc.start()
    try:
        for data in (packed, bytes(lie)):
            assert read(data, part=MB)[0].files == {"r/small": b"x"}
        assert tracemalloc.get_traced_memory()[1] < 4 * MB
    finally:
        tracemalloc.stop()


@settings(max_examples=100)
@given(st.data())
def test_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(zipped({"a": b"a" * 30, "b/c": b"c" * 300, "d": b""}, data.draw(st.sampled_from([0, 8]))))
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[position] = data.draw(st.integers(0, 255))
    size = data.draw(st.integers(0, len(whole)))
    try:
        kept, _ = read(bytes(whole[:size]), part=data.draw(st.integers(1, 500)))
    except UnreadableArchive:
        return
    contents = {b"a" * 30, b"c" * 300, b""}
    assert set(kept.files.values()) <= contents
