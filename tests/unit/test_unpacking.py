"""Results: nothing is unpacked that could do harm."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flare_widgets import bounds
from flare_widgets.api.transfer import unpack
from flare_widgets.errors import DiskFull, InternalError


def make_zip(file: Path, *members: tuple[str, bytes], kind: int = 0, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.external_attr = kind << 16
            info.compress_type = compression
            archive.writestr(info, content)
    return file


def test_result_is_unpacked(tmp_path: Path) -> None:
    members = [("a.txt", b"a"), ("folder/", b""), ("folder/b", b"b" * 3_000_000), ("x/y/ü", b""), ("empty/", b"")]
    archive = make_zip(tmp_path / "r.zip", *members, compression=zipfile.ZIP_DEFLATED)
    unpack.unpack(archive, tmp_path / "out")
    found = {str(p.relative_to(tmp_path / "out")): p for p in (tmp_path / "out").rglob("*")}
    assert set(found) == {"a.txt", "folder", "folder/b", "x", "x/y", "x/y/ü", "empty"}
    assert found["folder/b"].read_bytes() == b"b" * 3_000_000
    assert found["empty"].is_dir()


def test_what_nvflare_zips_is_unpacked(tmp_path: Path) -> None:
    from nvflare.fuel.utils.zip_utils import zip_directory_to_bytes

    job = tmp_path / "my-job"
    (job / "söme thing" / "empty").mkdir(parents=True)
    (job / "söme thing" / "ünï.py").write_bytes(b"\x00\xff" * 1000)
    (job / ".hidden").touch()
    (tmp_path / "r.zip").write_bytes(zip_directory_to_bytes(str(tmp_path), job.name))
    unpack.unpack(tmp_path / "r.zip", tmp_path / "out")
    assert contents(tmp_path / "out" / job.name) == contents(job)


def contents(folder: Path) -> dict[str, bytes | None]:
    """The content of each file below a folder; None for a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


UNSAFE = {
    "traversal": ([("../evil", b"x")], 0, "unsafe path"),
    "traversal inside": ([("a/../../evil", b"x")], 0, "unsafe path"),
    "traversal folder": ([("../evil/", b"")], 0, "unsafe path"),
    "absolute": ([("/tmp/evil", b"x")], 0, "unsafe path"),
    "backslash": ([("..\\evil", b"x")], 0, "unsafe path"),
    "drive": ([("C:/evil", b"x")], 0, "unsafe path"),
    "drive alone": ([("c:evil", b"x")], 0, "unsafe path"),
    "dot": ([(".", b"x")], 0, "unsafe path"),
    "slash": ([("/", b"")], 0, "unsafe path"),
    "link": ([("evil", b"/etc/passwd")], stat.S_IFLNK | 0o777, "a link or device"),
    "device": ([("evil", b"")], stat.S_IFCHR | 0o777, "a link or device"),
    "pipe": ([("evil", b"")], stat.S_IFIFO, "a link or device"),
    "twice": ([("a", b"1"), ("a", b"2")], 0, "two members called"),
    "case": ([("Readme", b"1"), ("README", b"2")], 0, "two members called"),
    "case of folders": ([("A/x", b"1"), ("a/X", b"2")], 0, "two members called"),
    "same after all": ([("a/b", b"1"), ("a//b", b"2"), ("a/./b", b"2")], 0, "two members called"),
    "file and folder": ([("a", b"1"), ("a/b", b"2")], 0, "a file and a folder called"),
    "folder and file": ([("a/b", b"1"), ("a", b"2")], 0, "a file and a folder called"),
    "file and empty folder": ([("a", b"1"), ("A/", b"")], 0, "a file and a folder called"),
    "file and folder of other case": ([("Deep/er", b"1"), ("dEEP/ER/x", b"2")], 0, "a file and a folder called"),
    "two accents": ([("caf\u00e9", b"1"), ("cafe\u0301", b"2")], 0, "two members called"),
    "two accents of a folder": ([("caf\u00e9", b"1"), ("CAFE\u0301/x", b"2")], 0, "a file and a folder called"),
    "line break": ([("a\nevil", b"x")], 0, "unsafe path"),
    "escape": ([("\x1b[2Jevil", b"x")], 0, "unsafe path"),
    "deep": ([("/".join(["d"] * 500), b"x")], 0, "unsafe path"),
    "long name": ([("x" * 300, b"1")], 0, "unsafe path"),
    "long path": ([("/".join(["y" * 200] * 30), b"1")], 0, "cannot be unpacked"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", UNSAFE)
def test_unsafe_archive_is_refused(tmp_path: Path, case: str) -> None:
    members, kind, says = UNSAFE[case]
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    archive = make_zip(inside / "workspace.zip", ("good", b"good"), *members, kind=kind)
    with pytest.raises(InternalError, match=says) as caught:
        unpack.unpack(archive, inside / "out")
    assert "workspace.zip" in str(caught.value)
    assert [p.name for p in tmp_path.rglob("*evil*")] == []
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert not Path("/tmp/evil").exists()


def patched(file: Path, change: Callable[[bytes], bytes]) -> Path:
    file.write_bytes(change(file.read_bytes()))
    return file


def test_name_with_nul_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "r.zip", ("evilXname", b"x"))
    with pytest.raises(InternalError, match="unsafe path"):
        unpack.unpack(patched(archive, lambda b: b.replace(b"evilXname", b"evil\0name")), tmp_path / "out")


def test_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "r.zip", ("zeros", bytes(80 << 20)), compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(InternalError, match="refused as a zip bomb"):
        unpack.unpack(bomb, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_many_small_bombs_are_one_bomb(tmp_path: Path) -> None:
    members = [(f"zeros-{n}", bytes(8 << 20)) for n in range(12)]
    bomb = make_zip(tmp_path / "r.zip", *members, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InternalError, match="refused as a zip bomb"):
        unpack.unpack(bomb, tmp_path / "out")


def test_zip_bomb_stops_at_declared_size(tmp_path: Path) -> None:
    size = 30 << 20
    bomb = make_zip(tmp_path / "r.zip", ("zeros", bytes(size)), compression=zipfile.ZIP_DEFLATED)
    patched(bomb, lambda b: b.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(InternalError, match="cannot be unpacked"):
        unpack.unpack(bomb, tmp_path / "out")
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file() and p != bomb) <= 1000


def test_encrypted_archive_is_refused(tmp_path: Path) -> None:
    def encrypt(data: bytes) -> bytes:
        # The flag is at offset 6 of a local header, and at offset 8 of the directory's entry.
        at = data.index(b"PK\x01\x02") + 8
        return data[:6] + b"\x01" + data[7:at] + b"\x01" + data[at + 1 :]

    archive = patched(make_zip(tmp_path / "r.zip", ("a", b"x" * 30)), encrypt)
    with pytest.raises(InternalError, match="an encrypted member, 'a': refused"):
        unpack.unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(17)])
def test_what_is_not_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.zip").write_bytes(content)
    with pytest.raises(InternalError, match=r"the server's r\.zip cannot be unpacked"):
        unpack.unpack(tmp_path / "r.zip", tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    at=st.integers(0, 700),
    junk=st.binary(min_size=1, max_size=4),
    cut=st.integers(0, 6),
)
def test_damaged_archive_is_unpacked_or_refused(
    tmp_path: Path, compression: int, at: int, junk: bytes, cut: int
) -> None:
    members = [("a.txt", b"hello " * 30), ("folder/", b""), ("folder/b", bytes(range(256)))]
    archive = make_zip(tmp_path / "r.zip", *members, compression=compression)
    good = archive.read_bytes()
    archive.write_bytes(good[: at % len(good)] + junk + good[at % len(good) + cut :])
    with contextlib.suppress(InternalError):
        unpack.unpack(archive, tmp_path / "out")
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert [p.name for p in tmp_path.iterdir()] == ["r.zip"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unused_compression_method_is_refused(tmp_path: Path, compression: int) -> None:
    archive = make_zip(tmp_path / "r.zip", ("a", b"x"), compression=compression)
    with pytest.raises(InternalError, match="in a way that FLARE does not use"):
        unpack.unpack(archive, tmp_path / "out")


def test_full_disk_is_not_servers_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    archive = make_zip(tmp_path / "r.zip", ("a", b"x"))
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match="No space left"):
        unpack.unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("name", ["meta.json", "job.zip", "workspace.zip", "ERRORLOG_site-1", "a b+c@d.txt", "_x"])
def test_plain_name_is_safe(name: str) -> None:
    assert unpack.check_file_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "../a",
        "/a",
        "a\\b",
        "a\0b",
        "a\nb",
        "C:x",
        "x" * 300,
        "a.",
        "a ",
        "ü",
        "~",
        "-x",
    ],
)
def test_any_other_name_is_not(name: str) -> None:
    with pytest.raises(InternalError, match="unsafe name"):
        unpack.check_file_name(name)


@given(st.text())
def test_safe_name_stays_in_folder(name: str) -> None:
    try:
        safe = unpack.check_file_name(name)
    except InternalError:
        return
    assert (Path("/folder") / safe).resolve().parent == Path("/folder")
    assert io.StringIO(safe).readlines() == [safe]


def test_no_mode_is_taken_from_archive(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "r.zip", ("a", b"x"), ("d/b", b"x"), kind=stat.S_IFREG | 0o6777)
    (tmp_path / "mine").touch()
    unpack.unpack(archive, tmp_path / "out")
    mine = (tmp_path / "mine").stat().st_mode
    assert {p.stat().st_mode for p in (tmp_path / "out").rglob("*") if p.is_file()} == {mine}


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    """Each member is small and tells the truth, and the archive has the bytes of only one of them."""
    content = os.urandom(4 << 20)
    archive = make_zip(tmp_path / "r.zip", *[(f"member-{n}", content if n == 0 else b"") for n in range(30)])
    with zipfile.ZipFile(archive, "a") as file:
        first = file.infolist()[0]
        for member in file.infolist()[1:]:
            member.header_offset, member.file_size = first.header_offset, first.file_size
            member.compress_size, member.CRC = first.compress_size, first.CRC
        file.writestr("last", b"")  # so that the list of members is written again
    with pytest.raises(InternalError, match="members that overlap"):
        unpack.unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_oversized_member_list_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "r.zip", *[(f"member-{n}", b"") for n in range(1000)])
    monkeypatch.setattr(bounds, "MAX_DIRECTORY_BYTES", 40_000)
    with pytest.raises(InternalError, match="list of members"):
        unpack.unpack(archive, tmp_path / "out")
    monkeypatch.setattr(bounds, "MAX_DIRECTORY_BYTES", 80_000)
    unpack.unpack(archive, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 1000


def test_too_small_disk_refused_in_advance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "r.zip", ("a", bytes(3_000_000)))
    free = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(DiskFull, match=r"unpacking r\.zip needs 3\.0 MB in .*, where 2\.0 MB are free"):
        unpack.unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_large_member_reports_progress(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "r.zip", ("a", bytes(5 << 20)), ("b", b"x"))
    calls: list[int] = []
    unpack.unpack(archive, tmp_path / "out", lambda: calls.append(1))
    assert len(calls) >= 6


@pytest.mark.parametrize("name", ["con", "NUL.txt", "Com1", "lpt9.log", "a:b", "what?", "a.", "a ", "aux .x"])
def test_names_that_windows_understands_otherwise(name: str) -> None:
    assert unpack._is_unsafe_on_this_os([name], is_windows=True)
    assert not unpack._is_unsafe_on_this_os([name], is_windows=False)


@pytest.mark.parametrize("name", ["console", "nully.txt", "a.b", ".hidden", "com10", "a b", "auxiliary.py"])
def test_safe_windows_names_are_accepted(name: str) -> None:
    assert not unpack._is_unsafe_on_this_os([name], is_windows=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    names=st.lists(st.text(st.sampled_from("aAé\u0065\u0301/.\\: \n"), min_size=1, max_size=6), min_size=1, max_size=5)
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_names_unpack_completely_or_nothing(tmp_path: Path, names: list[str]) -> None:
    archive = make_zip(tmp_path / "r.zip", *[(n, b"" if n.endswith("/") else n.encode()) for n in names])
    try:
        unpack.unpack(archive, tmp_path / "out")
        files = sorted(p.read_text() for p in (tmp_path / "out").rglob("*") if p.is_file())
        assert files == sorted(n for n in names if not n.endswith("/"))
    except InternalError:
        pass
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert [p.name for p in tmp_path.iterdir()] == ["r.zip"]
