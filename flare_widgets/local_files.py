"""Files of this machine: paths as users give them, temporary folders, and failures that say what to do.

What the operating system refuses is raised as an error of :mod:`.errors`, with a next step.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from .errors import DiskFull, FileAccessError, FlareError, InvalidArgumentError
from .formatting.text import format_size

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_FREE_SPACE = "Free some space, or choose another folder"
_NEXT_STEPS = {
    errno.EACCES: "Check who owns it and its permissions, or choose another folder",
    errno.EPERM: "Check who owns it and its permissions, or choose another folder",
    errno.EROFS: "Choose a folder that you may write",
    errno.ENOENT: "Check the path",
    errno.ENOTDIR: "Check the path: a part of it is a file",
    errno.EISDIR: "Check the path: it is a folder",
    errno.EEXIST: "Choose another folder: a file has its name",
    errno.ENAMETOOLONG: "Choose a shorter path",
    errno.ELOOP: "Check the path: its links lead in a circle",
    errno.EMFILE: "Close some files or sessions, or raise the limit of open files (ulimit -n)",
    errno.ENFILE: "Too many files are open on this machine: close some programs",
    errno.ENOMEM: "Free some memory",
    errno.ESTALE: "Check that the network drive is connected",
}
_OTHER_NEXT_STEP = "Check that disk, or choose another folder"

_SCRATCH_PREFIX = "flare-widgets-scratch-"
_SCRATCH_PATTERN = re.compile(re.escape(_SCRATCH_PREFIX) + r"[a-z0-9_]+")

#: A folder is held right after it is made: one that is younger may not be yet.
_MIN_SWEEP_AGE_S = 60.0


def is_disk_full(error: OSError) -> bool:
    """Return True if the error means no space left: a full disk, an exhausted quota, a file system's size limit."""
    return error.errno in _DISK_FULL_ERRNOS


def require_space(folder: Path, size: int, purpose: str) -> None:
    """Check that `size` bytes fit into a folder.

    Raises
    ------
    DiskFull
        They do not fit.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DiskFull(
            f"no space left: {purpose} needs {format_size(size)} in {folder}, where {format_size(free)} are free",
            next_step=_FREE_SPACE,
        )


def make_file_error(error: OSError, what: str) -> FlareError:
    """Return a failure of this machine's disk as a FlareError: what was refused, the reason, and what to do.

    Parameters
    ----------
    error
        What the operating system reported.
    what
        What failed, as the beginning of a sentence: ``the download cannot be written to /data``.
    """
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    if is_disk_full(error):
        return DiskFull(f"{what}: {reason}", next_step=_FREE_SPACE)
    next_step = _NEXT_STEPS.get(error.errno or 0, _OTHER_NEXT_STEP)
    failure = FileAccessError(f"{what}: {reason}", next_step=next_step)
    failure.errno = error.errno
    return failure


@contextlib.contextmanager
def translate_os_errors(what: str) -> Iterator[None]:
    """Raise an OSError of the block as :func:`make_file_error` makes it; errors of ours pass.

    Raises
    ------
    DiskFull
        There is no space left.
    FileAccessError
        Any other reason.
    """
    try:
        yield
    except FlareError:
        raise
    except OSError as e:
        raise make_file_error(e, what) from e


def expand_path(path: str | Path) -> Path:
    """Return a path that a user gave, with ``~`` and ``~user`` replaced.

    Raises
    ------
    InvalidArgumentError
        There is no such user, or this user's home folder is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0][1:]
        reason = f"no such user as {user!r}" if user else "your home folder is not known (HOME is not set)"
        raise InvalidArgumentError(f"{str(path)!r}: {reason}", next_step="Pass the path without ~") from None


def absolute_path(path: str | Path) -> Path:
    """Return a path that a user gave as an absolute one, with ``~`` replaced; links stay.

    Raises
    ------
    InvalidArgumentError
        As of :func:`expand_path`.
    FileAccessError
        The path is relative, and the working folder is gone.
    """
    expanded = expand_path(path)
    if expanded.is_absolute():
        return expanded
    return get_working_folder() / expanded


def shorten_path(path: Path) -> str:
    """Return a path as a person would write it: relative in the working folder, with ``~`` in the home folder."""
    with contextlib.suppress(OSError, RuntimeError):
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay
        for folder, prefix in ((Path.cwd(), ""), (Path.home(), "~")):
            if absolute.is_relative_to(folder):
                return str(Path(prefix, absolute.relative_to(folder)))
        return str(absolute)
    return str(path)


def get_working_folder() -> Path:
    """Return the working folder.

    Raises
    ------
    FileAccessError
        It does not exist any more, or may not be read.
    """
    try:
        return Path.cwd()
    except OSError as e:
        raise FileAccessError(
            f"the working folder cannot be used: {(e.strerror or '').lower()}; it may have been removed",
            next_step="Change to another folder (os.chdir), or pass an absolute path",
        ) from e


def is_file(path: Path) -> bool:
    """Return whether this is a file; one in a folder that may not be read is none. Never raises."""
    return os.path.isfile(path)  # noqa: PTH113 - until Python 3.14, Path.is_file raises PermissionError


def path_exists(path: Path) -> bool:
    """Return whether this can be found. Never raises."""
    return os.path.exists(path)  # noqa: PTH110 - until Python 3.14, Path.exists raises PermissionError


@contextlib.contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """Make a temporary folder, readable by this user only, for the duration of the block.

    A process that is killed leaves its folder behind; the next one that makes a folder removes it.

    Parameters
    ----------
    purpose
        The purpose, for errors: ``packing the job``.

    Raises
    ------
    DiskFull
        No temporary folder has space left.
    FileAccessError
        No temporary folder can be used.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(tempfile.mkdtemp(prefix=_SCRATCH_PREFIX))
            stack.callback(_remove, folder)
            stack.enter_context(hold_folder(folder))
        except OSError as e:
            raise _scratch_error(e, purpose) from e
        sweep_folders(folder.parent, _SCRATCH_PATTERN)
        yield folder


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep a folder from :func:`sweep_folders` for the duration of the block, also when it is renamed."""
    descriptor = None
    try:
        if fcntl is not None:
            descriptor = os.open(folder, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a file system without locks: then nobody sweeps it
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def sweep_folders(parent: Path, pattern: re.Pattern[str]) -> list[Path]:
    """Remove the folders that this user's killed processes have left; return what was removed.

    Parameters
    ----------
    parent
        The folder that they are in.
    pattern
        Names that only folders of ours have. A folder is removed if it is owned by this user and not held by a process
        (:func:`hold_folder`).
    """
    removed: list[Path] = []
    if fcntl is None:  # there is no lock that shows whether its process lives
        return removed
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if not pattern.fullmatch(entry.name) or not _is_old_and_ours(entry):
                continue
            with contextlib.suppress(OSError):
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(entry.path, ignore_errors=True)
                    removed.append(Path(entry.path))
                finally:
                    os.close(descriptor)
    return removed


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # without descriptors, rmtree cannot do even this
        folder.rmdir()


def _is_old_and_ours(entry: os.DirEntry[str]) -> bool:
    try:
        found = entry.stat(follow_symlinks=False)
        is_old = time.time() - found.st_mtime > _MIN_SWEEP_AGE_S
        return is_old and entry.is_dir(follow_symlinks=False) and found.st_uid == os.getuid()
    except OSError:
        return False


def _scratch_error(error: OSError, purpose: str) -> FlareError:
    """Return the reason why there is no temporary folder; tempfile itself says only that none can be used."""
    candidates = [tempfile.tempdir] if tempfile.tempdir else _list_temporary_folders()
    for folder in candidates:
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"probe")
                probe.flush()
        except OSError as e:
            if is_disk_full(e):
                return DiskFull(
                    f"{purpose} needs a temporary folder, and there is no space left in {folder}",
                    next_step="Free some space there, or set TMPDIR to a folder with space",
                )
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return make_file_error(error, f"{purpose} needs a temporary folder")
    names = ", ".join(str(folder) for folder in candidates)
    return FileAccessError(
        f"{purpose} needs a temporary folder, and none can be written: {names}",
        next_step="Set TMPDIR to a folder that you may write",
    )


def _list_temporary_folders() -> list[str]:
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    usual = ["/tmp", "/var/tmp"] if os.name == "posix" else []  # noqa: S108 - only looked at
    return list(dict.fromkeys([*filter(None, named), *usual]))
