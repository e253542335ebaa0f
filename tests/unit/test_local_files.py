"""Paths that users give, temporary folders, and what a disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import disk
import pytest

from flare_widgets.errors import DiskFull, FileAccessError, FlareError, InvalidArgumentError
from flare_widgets.local_files import (
    absolute_path,
    expand_path,
    hold_folder,
    make_file_error,
    scratch_folder,
    shorten_path,
    sweep_folders,
    translate_os_errors,
)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        *((number, DiskFull) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)),
        *(
            (number, FileAccessError)
            for number in (
                errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
                errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP, errno.ESTALE,
            )
        ),
    ],
)  # fmt: skip
def test_refusal_of_disk_has_next_step(number: int, kind: type[FlareError]) -> None:
    with pytest.raises(kind) as caught, translate_os_errors("the download cannot be written"):
        raise OSError(number, os.strerror(number), "/secret/.hidden")
    assert isinstance(caught.value, OSError)
    assert os.strerror(number).lower() in str(caught.value)
    assert caught.value.next_step
    assert ".hidden" not in str(caught.value)


def test_own_errors_pass_translation() -> None:
    mine = DiskFull("no space for the packed job")
    with pytest.raises(DiskFull) as caught, translate_os_errors("packing"):
        raise mine
    assert caught.value is mine


def test_error_without_number_is_described() -> None:
    assert "strange" in str(make_file_error(OSError("strange"), "the file cannot be read"))


@pytest.mark.parametrize("use", [expand_path, absolute_path])
def test_unknown_user_is_said(use: Callable[[str], Path]) -> None:
    with pytest.raises(InvalidArgumentError, match="no such user as 'nobodyhere'"):
        use("~nobodyhere/jobs")


def test_unknown_home_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    disk.forget_home(monkeypatch)
    with pytest.raises(InvalidArgumentError, match=r"'~/jobs': your home folder is not known"):
        expand_path("~/jobs")
    assert expand_path("jobs/~") == Path("jobs/~")


def test_path_is_shortened_to_what_a_person_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home" / "work")
    shortened = {
        tmp_path / "home" / "work" / "kits" / "ada": str(Path("kits", "ada")),
        tmp_path / "home" / "kits": str(Path("~", "kits")),
        tmp_path / "other": str(tmp_path / "other"),
        Path("kits"): "kits",
    }
    assert {path: shorten_path(path) for path in shortened} == shortened


def test_removed_working_folder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with disk.removed_working_folder(monkeypatch):
        assert absolute_path("/somewhere") == Path("/somewhere")
        with pytest.raises(FileAccessError, match=r"working folder.*pass an absolute path"):
            absolute_path("jobs")


def test_scratch_folder_is_private_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder("packing the job") as folder:
        (folder / "job.zip").write_bytes(b"job")
        assert [entry.stat().st_mode & 0o077 for entry in tmp_path.iterdir()] == [0]
    assert list(tmp_path.iterdir()) == []


def test_scratch_folder_in_missing_place_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    disk.forbid_temporary_folders(monkeypatch)
    with pytest.raises(FileAccessError, match=r"packing the job needs a temporary folder.*Set TMPDIR"):
        scratch_folder("packing the job").__enter__()


def test_scratch_folder_on_full_disk_is_disk_full() -> None:
    """Of a process that may write nothing, as on a full disk; tempfile itself finds no folder then."""
    code = (
        "from flare_widgets.errors import DiskFull\nfrom flare_widgets.local_files import scratch_folder\n"
        "try:\n    scratch_folder('packing the job').__enter__()\n"
        "except DiskFull as e:\n    raise SystemExit(e.next_step != '' and 7)"
    )

    def write_nothing() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    assert subprocess.run([sys.executable, "-c", code], preexec_fn=write_nothing).returncode == 7


def test_scratch_folder_without_descriptors_is_said() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = set(Path(tempfile.gettempdir()).glob("flare-widgets-scratch-*"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/dev/fd").iterdir())) - 1, hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(FileAccessError, match=r"too many open files.*ulimit"):
            scratch_folder("packing the job").__enter__()
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(Path(tempfile.gettempdir()).glob("flare-widgets-scratch-*")) <= before


SCRATCH = re.compile(r"flare-widgets-scratch-\w+")


def make_leftover(parent: Path, name: str, age_s: float = 3600.0) -> Path:
    """Make the folder of a process that was killed."""
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "job.zip").write_bytes(b"job")
    at = folder.stat().st_mtime - age_s
    os.utime(folder, (at, at))
    return folder


def test_folder_of_killed_process_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import os, sys, tempfile\nfrom flare_widgets.local_files import scratch_folder\n"
        "tempfile.tempdir = sys.argv[1]\nscratch = scratch_folder('packing the job')\n"
        "(scratch.__enter__() / 'job.zip').write_bytes(b'job')\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    os.utime(left, (1, 1))
    with scratch_folder("packing the job") as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_sweep_removes_only_dead_folders_of_ours(tmp_path: Path) -> None:
    dead = make_leftover(tmp_path, "flare-widgets-scratch-dead0000")
    young = make_leftover(tmp_path, "flare-widgets-scratch-young000", age_s=0)
    foreign = make_leftover(tmp_path, "other-scratch-00000000")
    alive = make_leftover(tmp_path, "flare-widgets-scratch-alive000")
    a_file = tmp_path / "flare-widgets-scratch-file0000"
    a_file.touch()
    os.utime(a_file, (1, 1))
    target = make_leftover(tmp_path / "elsewhere", "flare-widgets-scratch-target00")
    link = tmp_path / "flare-widgets-scratch-link0000"
    link.symlink_to(target)
    with hold_folder(alive):
        assert sweep_folders(tmp_path, SCRATCH) == [dead]
    assert all(each.exists() for each in (young, foreign, alive, a_file, link, target / "job.zip"))
    assert sweep_folders(tmp_path, SCRATCH) == [alive]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_sweep_spares_folders_of_other_users(tmp_path: Path) -> None:
    foreign = make_leftover(tmp_path, "flare-widgets-scratch-foreign0")
    os.chown(foreign, 12345, -1)
    assert sweep_folders(tmp_path, SCRATCH) == []
    assert foreign.exists()
