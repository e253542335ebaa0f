"""Job folders: signed and zipped as nvflare wants it, and nothing touched."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kits
import pytest

from flare_widgets.api.transfer import pack, stored_zip
from flare_widgets.errors import FileAccessError, InvalidJobDefinition
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


def pack_into(file: Path, job: Path, kit: StartupKit, progress: Callable[[int], None] = lambda packed: None) -> None:
    """Pack a job into a file, and check that it has the size that is told before."""
    archive = pack.JobArchive(job, kit)
    with file.open("wb") as zipped:
        for piece in archive.read():
            assert len(piece) <= 256 << 10
            zipped.write(piece)
            progress(zipped.tell())
    assert file.stat().st_size == archive.size


def test_folder_is_not_touched(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    os.utime(job / "meta.json", (0, 0))  # before the time that a zip can tell
    before = tree(job)
    pack.check_job_folder(job)
    pack_into(tmp_path / "job.zip", job, kit)
    assert tree(job) == before


def test_nvflare_accepts_signatures(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.lighter.utils import verify_folder_signature_and_get_signers

    pack_into(tmp_path / "job.zip", job, kit)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        archive.extractall(tmp_path / "out")
    folder = tmp_path / "out" / "my-job"
    signer = (kits.USER, kits.ORG, kits.ROLE)
    assert verify_folder_signature_and_get_signers(str(folder), str(kit.root_file)) == (True, [signer])
    (folder / "app" / "config" / "c.json").write_text("{} ")
    assert verify_folder_signature_and_get_signers(str(folder), str(kit.root_file)) == (False, [])


def test_zip_matches_nvflare(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.fuel.utils.zip_utils import zip_directory_to_file
    from nvflare.lighter.utils import load_private_key_file, sign_folders

    copy = tmp_path / "copy" / "my-job"
    shutil.copytree(job, copy)
    sign_folders(str(copy), load_private_key_file(str(kit.key_file)), str(kit.certificate_file))
    zip_directory_to_file(str(tmp_path / "copy"), "my-job", str(tmp_path / "theirs.zip"))
    pack_into(tmp_path / "ours.zip", job, kit)

    def members(file: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            assert len(names) == len(set(names))
            # Signatures are salted, so that no two are the same.
            return {n: b"" if n.endswith(pack.SIGNATURES_FILE) else archive.read(n) for n in names}

    assert members(tmp_path / "ours.zip") == members(tmp_path / "theirs.zip")


def test_files_are_stored_with_their_modes(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    pack_into(tmp_path / "job.zip", job, kit)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert {m.compress_type for m in archive.infolist()} == {zipfile.ZIP_STORED}
        assert stat.S_IMODE(archive.getinfo("my-job/app/run.sh").external_attr >> 16) == 0o755
        assert archive.read("my-job/app/söme thing/ünï.py") == b"\x00\xff" * 1000


def test_signatures_of_earlier_submission_are_replaced(job: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.lighter.utils import verify_folder_signature

    for folder in (job, job / "app"):
        (folder / pack.SIGNATURES_FILE).write_text("old")
        (folder / pack.SUBMITTER_FILE).write_text("old")
    pack_into(tmp_path / "job.zip", job, kit)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert archive.read(f"my-job/app/{pack.SUBMITTER_FILE}") == kit.certificate
        archive.extractall(tmp_path / "out")
    assert verify_folder_signature(str(tmp_path / "out" / "my-job"), str(kit.root_file))


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
    "missing": (lambda job: job.parent / "nowhere", "nowhere", "does not exist: pass the path of a job folder"),
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
def test_what_is_not_job_is_refused(job: Path, case: str) -> None:
    spoil, names, says = NOT_JOBS[case]
    with pytest.raises(InvalidJobDefinition) as caught:
        pack.check_job_folder(spoil(job))
    assert says in str(caught.value)
    assert names in str(caught.value)


@pytest.mark.parametrize("meta", ["meta.json", "meta.conf", "meta.yml", "meta.yaml"])
def test_each_form_of_meta_makes_job(tmp_path: Path, meta: str) -> None:
    (tmp_path / meta).touch()
    pack.check_job_folder(tmp_path)
    (tmp_path / meta).rename(tmp_path / "other.json")
    with pytest.raises(InvalidJobDefinition):
        pack.check_job_folder(tmp_path)


def test_unreadable_folder_is_named(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, onerror: Callable[[OSError], None], **__: Any) -> Iterator[Any]:
        onerror(PermissionError(13, "Permission denied", str(job / "app")))
        return iter(())

    monkeypatch.setattr("os.walk", refuse)
    with pytest.raises(InvalidJobDefinition, match=r"my-job/app cannot be read: permission denied. Check who owns it"):
        pack.check_job_folder(job)


class Change:
    """A progress callback that changes something as soon as so much is packed."""

    def __init__(self, at: int, what: Callable[[], Any]) -> None:
        self._at, self._what = at, what
        self.done = False

    def __call__(self, packed: int) -> None:
        if packed >= self._at and not self.done:
            self.done = True
            self._what()


@pytest.fixture
def large(job: Path) -> Path:
    """A file of the job whose packing takes several steps."""
    large = job / "app" / "large.bin"
    large.write_bytes(os.urandom(5 << 20))
    return large


def appended(file: Path) -> None:
    with file.open("ab") as f:
        f.write(b"more")


def replaced_by_link(file: Path) -> None:
    (file.parent / "run.sh").unlink()
    (file.parent / "run.sh").symlink_to(file)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "grew": appended,
    "shrank": lambda file: os.truncate(file, 3 << 20),
    "was rewritten": lambda file: file.write_bytes(bytes(5 << 20)),
    "a later file vanished": lambda file: (file.parent / "run.sh").unlink(),
    "a later folder vanished": lambda file: shutil.rmtree(file.parent / "config"),
    "a later file became a link": replaced_by_link,
}


@pytest.mark.parametrize("case", CHANGES)
def test_change_while_packing_raises_one_error(
    job: Path, large: Path, kit: StartupKit, tmp_path: Path, case: str
) -> None:
    change = Change(2 << 20, lambda: CHANGES[case](large))
    with pytest.raises(InvalidJobDefinition, match=r"my-job/app/(large|run|config)"):
        pack_into(tmp_path / "job.zip", job, kit, change)
    assert change.done


def test_early_change_is_packed_and_signed(job: Path, large: Path, kit: StartupKit, tmp_path: Path) -> None:
    from nvflare.lighter.utils import verify_folder_signature

    change = Change(2 << 20, lambda: (job / "app" / "run.sh").write_text("!#"))
    pack_into(tmp_path / "job.zip", job, kit, change)
    assert change.done
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert (tmp_path / "out" / "my-job" / "app" / "run.sh").read_text() == "!#"
    assert verify_folder_signature(str(tmp_path / "out" / "my-job"), str(kit.root_file))


def test_large_file_is_never_in_memory(job: Path, large: Path, kit: StartupKit, tmp_path: Path) -> None:
    import tracemalloc

    large.write_bytes(bytes(60 << 20))
    tracemalloc.start()
    pack_into(tmp_path / "job.zip", job, kit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_many_files_are_counted_in_zip64(
    job: Path, kit: StartupKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_zip, "ZIP64_COUNT", 5)
    pack_into(tmp_path / "job.zip", job, kit)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert archive.testzip() is None
        assert "my-job/app/run.sh" in archive.namelist()


@pytest.mark.parametrize("at", [0, 315_532_799, 1_795_872_091, 4_354_819_199])
def test_times_are_those_of_zipfile(job: Path, kit: StartupKit, tmp_path: Path, at: int) -> None:
    os.utime(job / "meta.json", (at, at))
    pack_into(tmp_path / "job.zip", job, kit)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        ours = archive.getinfo("my-job/meta.json")
    theirs = zipfile.ZipInfo.from_file(job / "meta.json", strict_timestamps=False)
    *day, second = theirs.date_time
    assert ours.date_time == (*day, second // 2 * 2)
    assert ours.external_attr == theirs.external_attr


def test_large_file_gets_zip64_headers(
    job: Path, large: Path, kit: StartupKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not with 4 GiB: with the limit, from which on the zip format needs its larger headers, as low as a MiB.
    monkeypatch.setattr(stored_zip, "ZIP64_SIZE", 1 << 20)
    pack_into(tmp_path / "job.zip", job, kit)
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert archive.testzip() is None
        versions = {name: archive.getinfo(f"my-job/app/{name}").extract_version for name in ("large.bin", "run.sh")}
        assert versions == dict.fromkeys(versions, zipfile.ZIP64_VERSION)  # its size, and the place of what follows it
        assert archive.read("my-job/app/large.bin") == large.read_bytes()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EIO])
def test_refusal_of_disk_is_no_change(
    number: int, job: Path, kit: StartupKit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Iterator[bytes]:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(pack, "_read_pieces", refuse)
    with pytest.raises(FileAccessError, match="cannot be packed, the job was not submitted: ") as caught:
        pack_into(tmp_path / "job.zip", job, kit)
    assert caught.value.next_step


def test_undecodable_file_name_is_refused(job: Path) -> None:
    Path(os.fsdecode(os.fsencode(job) + b"/app/\xff.py")).touch()
    with pytest.raises(InvalidJobDefinition, match="a name that is not text"):
        pack.check_job_folder(job)
