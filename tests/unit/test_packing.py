"""Job folders and results: signed as nvflare wants it, nothing touched, and nothing unpacked that could do harm."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flare_widgets.api import packing
from flare_widgets.errors import InternalError, InvalidJobDefinition
from flare_widgets.kit import StartupKit


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> StartupKit:
    return StartupKit.load(kits.write_kit(tmp_path_factory.mktemp("kits") / "kit"))


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job folder with all that may be in one."""
    job = tmp_path / "my-job"
    (job / "app" / "config").mkdir(parents=True)
    (job / "app" / "empty").mkdir()
    (job / "app" / "söme thing").mkdir()
    (job / "meta.json").write_text("{}")
    (job / "app" / "config" / "c.json").write_text("{}")
    (job / "app" / "söme thing" / "ünï.py").write_bytes(b"\x00\xff" * 1000)
    (job / "app" / ".hidden").write_text("hidden")
    (job / "app" / "run.sh").write_text("#!")
    (job / "app" / "run.sh").chmod(0o755)
    (job / "app" / "nothing.txt").touch()
    return job


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything in a folder: the mode, the time and the content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [folder, *folder.rglob("*")]
    }


def test_the_folder_is_not_touched(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    os.utime(job / "meta.json", (0, 0))  # before the time that a zip can tell
    before = tree(job)
    packing.check_job_folder(job)
    packing.pack(job, kit, tmp_path / "job.zip")
    assert tree(job) == before


def test_nvflare_accepts_the_signatures(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.lighter.utils import verify_folder_signature_and_get_signers

    packing.pack(job, kit, tmp_path / "job.zip")
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        archive.extractall(tmp_path / "out")
    folder = tmp_path / "out" / "my-job"
    signer = (kits.USER, kits.ORG, kits.ROLE)
    assert verify_folder_signature_and_get_signers(str(folder), str(kit.root_file)) == (True, [signer])
    (folder / "app" / "config" / "c.json").write_text("{} ")
    assert verify_folder_signature_and_get_signers(str(folder), str(kit.root_file)) == (False, [])


def test_the_zip_is_what_nvflare_would_have_made(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.fuel.utils.zip_utils import zip_directory_to_file
    from nvflare.lighter.utils import load_private_key_file, sign_folders

    copy = tmp_path / "copy" / "my-job"
    shutil.copytree(job, copy)
    sign_folders(str(copy), load_private_key_file(str(kit.key_file)), str(kit.certificate_file))
    zip_directory_to_file(str(tmp_path / "copy"), "my-job", str(tmp_path / "theirs.zip"))
    packing.pack(job, kit, tmp_path / "ours.zip")

    def members(file: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            assert len(names) == len(set(names))
            # Signatures are salted, so that no two are the same.
            return {n: b"" if n.endswith(packing.SIGNATURES) else archive.read(n) for n in names}

    assert members(tmp_path / "ours.zip") == members(tmp_path / "theirs.zip")


def test_files_are_stored_with_their_modes(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    packing.pack(job, kit, tmp_path / "job.zip")
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert {m.compress_type for m in archive.infolist()} == {zipfile.ZIP_STORED}
        assert stat.S_IMODE(archive.getinfo("my-job/app/run.sh").external_attr >> 16) == 0o755
        assert archive.read("my-job/app/söme thing/ünï.py") == b"\x00\xff" * 1000


def test_signatures_of_an_earlier_submission_are_replaced(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.lighter.utils import verify_folder_signature

    for folder in (job, job / "app"):
        (folder / packing.SIGNATURES).write_text("old")
        (folder / packing.SUBMITTER).write_text("old")
    packing.pack(job, kit, tmp_path / "job.zip")
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert archive.read(f"my-job/app/{packing.SUBMITTER}") == kit.certificate
        archive.extractall(tmp_path / "out")
    assert verify_folder_signature(str(tmp_path / "out" / "my-job"), str(kit.root_file))


def test_progress_goes_up_to_the_size_of_all_files(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    told: list[int] = []
    packing.pack(job, kit, tmp_path / "job.zip", told.append)
    assert told == sorted(told)
    assert told[-1] == sum(p.stat().st_size for p in job.rglob("*") if p.is_file())


def no_meta(job: Path) -> Path:
    (job / "meta.json").unlink()
    return job


def link_to_folder(job: Path) -> Path:
    (job.parent / "link").symlink_to(job)
    return job.parent / "link"


def link_inside(target: str, name: str = "app/link") -> Callable[[Path], Path]:
    def make(job: Path) -> Path:
        (job / name).symlink_to(target)
        return job

    return make


def fifo(job: Path) -> Path:
    os.mkfifo(job / "app" / "pipe")
    return job


def meta_is_a_folder(job: Path) -> Path:
    (job / "meta.json").unlink()
    (job / "meta.json").mkdir()
    return job


NOT_JOBS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "missing": (lambda job: job.parent / "nowhere", "nowhere", "does not exist: give the path of a job folder"),
    "a file": (lambda job: job / "meta.json", "meta.json", "is not a folder"),
    "empty name": (lambda job: job / "\0", "", "does not exist"),
    "no meta": (no_meta, "my-job", "is not a job: it has no meta.json"),
    "meta is a folder": (meta_is_a_folder, "my-job", "is not a job"),
    "a folder above": (lambda job: job.parent, "", "is not a job"),
    "itself a link": (link_to_folder, "link", "is a symbolic link"),
    "a link to a file": (link_inside("run.sh"), "app/link", "is a symbolic link"),
    "a link to a folder": (link_inside("config"), "app/link", "is a symbolic link"),
    "a link to nowhere": (link_inside("nowhere"), "app/link", "is a symbolic link"),
    "a link to outside": (link_inside("/etc/passwd", "app/config/deep"), "app/config/deep", "is a symbolic link"),
    "a pipe": (fifo, "app/pipe", "is neither a file nor a folder"),
}


@pytest.mark.parametrize("case", NOT_JOBS)
def test_what_is_not_a_job_is_refused(job: Path, case: str) -> None:
    spoil, names, says = NOT_JOBS[case]
    with pytest.raises(InvalidJobDefinition) as caught:
        packing.check_job_folder(spoil(job))
    assert says in str(caught.value)
    assert names in str(caught.value)


@pytest.mark.parametrize("meta", ["meta.json", "meta.conf", "meta.yml", "meta.yaml"])
def test_each_form_of_meta_makes_a_job(tmp_path: Path, meta: str) -> None:
    (tmp_path / meta).touch()
    packing.check_job_folder(tmp_path)
    (tmp_path / meta).rename(tmp_path / "other.json")
    with pytest.raises(InvalidJobDefinition):
        packing.check_job_folder(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, onerror: Callable[[OSError], None], **__: Any) -> Iterator[Any]:
        onerror(PermissionError(13, "Permission denied", str(job / "app")))
        return iter(())

    monkeypatch.setattr("os.walk", refuse)
    with pytest.raises(InvalidJobDefinition, match=r"my-job/app cannot be read: Permission denied"):
        packing.check_job_folder(job)


def make_zip(file: Path, *members: tuple[str, bytes], kind: int = 0, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.external_attr = kind << 16
            info.compress_type = compression
            archive.writestr(info, content)
    return file


def test_a_result_is_unpacked(tmp_path: Path) -> None:
    members = [("a.txt", b"a"), ("folder/", b""), ("folder/b", b"b" * 3_000_000), ("x/y/ü", b""), ("empty/", b"")]
    archive = make_zip(tmp_path / "r.zip", *members, compression=zipfile.ZIP_DEFLATED)
    packing.unpack(archive, tmp_path / "out")
    found = {str(p.relative_to(tmp_path / "out")): p for p in (tmp_path / "out").rglob("*")}
    assert set(found) == {"a.txt", "folder", "folder/b", "x", "x/y", "x/y/ü", "empty"}
    assert found["folder/b"].read_bytes() == b"b" * 3_000_000
    assert found["empty"].is_dir()


def test_what_nvflare_zips_is_unpacked(job: Path, tmp_path: Path) -> None:
    from nvflare.fuel.utils.zip_utils import zip_directory_to_bytes

    (tmp_path / "r.zip").write_bytes(zip_directory_to_bytes(str(job.parent), job.name))
    packing.unpack(tmp_path / "r.zip", tmp_path / "out")
    assert {k: v[2] for k, v in tree(tmp_path / "out" / job.name).items()} == {k: v[2] for k, v in tree(job).items()}


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
    "file and folder": ([("a", b"1"), ("a/b", b"2")], 0, "cannot be unpacked"),
    "folder and file": ([("a/b", b"1"), ("a", b"2")], 0, "cannot be unpacked"),
    "long name": ([("x" * 300, b"1")], 0, "cannot be unpacked"),
    "long path": ([("/".join(["y" * 200] * 30), b"1")], 0, "cannot be unpacked"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", UNSAFE)
def test_an_unsafe_archive_is_refused(tmp_path: Path, case: str) -> None:
    members, kind, says = UNSAFE[case]
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    archive = make_zip(inside / "workspace.zip", ("good", b"good"), *members, kind=kind)
    with pytest.raises(InternalError, match=says) as caught:
        packing.unpack(archive, inside / "out")
    assert "workspace.zip" in str(caught.value)
    assert [p.name for p in tmp_path.rglob("*evil*")] == []
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert not Path("/tmp/evil").exists()


def patched(file: Path, change: Callable[[bytes], bytes]) -> Path:
    file.write_bytes(change(file.read_bytes()))
    return file


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "r.zip", ("evilXname", b"x"))
    with pytest.raises(InternalError, match="unsafe path"):
        packing.unpack(patched(archive, lambda b: b.replace(b"evilXname", b"evil\0name")), tmp_path / "out")


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "r.zip", ("zeros", bytes(80 << 20)), compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(InternalError, match="refused as a bomb"):
        packing.unpack(bomb, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_many_small_bombs_are_one_bomb(tmp_path: Path) -> None:
    members = [(f"zeros-{n}", bytes(8 << 20)) for n in range(12)]
    bomb = make_zip(tmp_path / "r.zip", *members, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InternalError, match="refused as a bomb"):
        packing.unpack(bomb, tmp_path / "out")


def test_a_bomb_that_lies_about_its_size_stops_at_what_it_says(tmp_path: Path) -> None:
    size = 30 << 20
    bomb = make_zip(tmp_path / "r.zip", ("zeros", bytes(size)), compression=zipfile.ZIP_DEFLATED)
    patched(bomb, lambda b: b.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(InternalError, match="cannot be unpacked"):
        packing.unpack(bomb, tmp_path / "out")
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file() and p != bomb) <= 1000


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    def encrypt(data: bytes) -> bytes:
        # The flag is at offset 6 of a local header, and at offset 8 of the directory's entry.
        at = data.index(b"PK\x01\x02") + 8
        return data[:6] + b"\x01" + data[7:at] + b"\x01" + data[at + 1 :]

    archive = patched(make_zip(tmp_path / "r.zip", ("a", b"x" * 30)), encrypt)
    with pytest.raises(InternalError, match="cannot be unpacked"):
        packing.unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(17)])
def test_what_is_not_a_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.zip").write_bytes(content)
    with pytest.raises(InternalError, match=r"the server's r\.zip cannot be unpacked"):
        packing.unpack(tmp_path / "r.zip", tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    compression=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    at=st.integers(0, 700),
    junk=st.binary(min_size=1, max_size=4),
    cut=st.integers(0, 6),
)
def test_a_damaged_archive_is_unpacked_or_refused(
    tmp_path: Path, compression: int, at: int, junk: bytes, cut: int
) -> None:
    members = [("a.txt", b"hello " * 30), ("folder/", b""), ("folder/b", bytes(range(256)))]
    archive = make_zip(tmp_path / "r.zip", *members, compression=compression)
    good = archive.read_bytes()
    archive.write_bytes(good[: at % len(good)] + junk + good[at % len(good) + cut :])
    with contextlib.suppress(InternalError):
        packing.unpack(archive, tmp_path / "out")
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    assert [p.name for p in tmp_path.iterdir()] == ["r.zip"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_nvflare_does_not_use_is_refused(tmp_path: Path, compression: int) -> None:
    archive = make_zip(tmp_path / "r.zip", ("a", b"x"), compression=compression)
    with pytest.raises(InternalError, match="in a way that FLARE does not use"):
        packing.unpack(archive, tmp_path / "out")


def test_a_full_disk_is_not_the_servers_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    archive = make_zip(tmp_path / "r.zip", ("a", b"x"))
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match="No space left"):
        packing.unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("name", ["meta.json", "job.zip", "workspace.zip", "ERRORLOG_site-1", "a b+c@d.txt", "_x"])
def test_a_plain_name_is_safe(name: str) -> None:
    assert packing.safe_name(name) == name


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
        packing.safe_name(name)


@given(st.text())
def test_a_safe_name_stays_in_its_folder(name: str) -> None:
    try:
        safe = packing.safe_name(name)
    except InternalError:
        return
    assert (Path("/folder") / safe).resolve().parent == Path("/folder")
    assert io.StringIO(safe).readlines() == [safe]
