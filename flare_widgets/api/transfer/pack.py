"""Signing and zipping a job folder without modifying it, in bounded memory.

Source: ``lighter/utils.py:sign_folders`` and ``fuel/utils/zip_utils.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from ...config_files import SUFFIXES
from ...errors import DiskFull, InvalidJobDefinition
from ...kit import StartupKit
from ...local_files import is_disk_full, make_file_error, require_space, translate_os_errors

SIGNATURES_FILE, SUBMITTER_FILE = ".__nvfl_sig.json", ".__nvfl_submitter.crt"

META_FILE = "meta.json"
META_FILES = tuple(f"meta{suffix}" for suffix in SUFFIXES)
_CHUNK_SIZE = 1 << 20

#: Errors that mean that the folder is not any more as it was when packing began.
_CHANGE_ERRNOS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ESTALE})


def check_job_folder(folder: Path) -> None:
    """Check as much of a job as possible before it is sent.

    Raises
    ------
    InvalidJobDefinition
        The folder is missing, contains no job, or has a symbolic link.
    """
    try:
        if folder.is_symlink():
            raise InvalidJobDefinition(f"{folder} is a symbolic link: FLARE accepts only real folders and files")
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise InvalidJobDefinition(f"{folder} {what}: pass the path of a job folder")
        if not any((folder / name).is_file() for name in META_FILES):
            if any((folder / "config").glob("config_fed_*")):
                raise InvalidJobDefinition(
                    f"{folder} is an app, not a job: it has no meta.json",
                    next_step="Pass the job folder, which contains the app and meta.json; "
                    "only NVIDIA FLARE 2.0 and older took an app alone",
                )
            raise InvalidJobDefinition(
                f"{folder} is not a job: it has no meta.json",
                next_step="Export a job there with recipe.export(), or pass the folder that contains meta.json",
            )
        for root, directories, files in _walk(folder):
            for name in [*directories, *files]:
                _check_entry(root / name)
    except OSError as e:
        refused = make_file_error(e, f"{e.filename or folder} cannot be read")
        raise InvalidJobDefinition(refused.description, next_step=refused.next_step) from e


def iter_files(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the files of a job folder to send: the path below it, with slashes, and the size in bytes."""
    for root, _, files in _walk(folder):
        for name in files:
            if name not in (SIGNATURES_FILE, SUBMITTER_FILE):
                yield (root / name).relative_to(folder).as_posix(), (root / name).stat().st_size


def largest_file_size(folder: Path) -> int:
    """Return the size in bytes of the largest file of a job folder."""
    return max((size for _, size in iter_files(folder)), default=0)


def pack(folder: Path, kit: StartupKit, target: Path, progress: Callable[[int], None] | None = None) -> None:
    """Write a zip of `folder` to `target`, with the signatures FLARE requires in every folder.

    The signatures exist only in the zip: nothing is written to the user's folder. The signed content is always that
    of the zip, even if a file is changed meanwhile: that is detected and rejected.

    Parameters
    ----------
    folder
        A job folder that has passed :func:`check_job_folder`.
    kit
        The kit of the user who signs.
    target
        The zip to write.
    progress
        Called with the number of bytes packed so far, at least once per MiB.

    Raises
    ------
    InvalidJobDefinition
        Something in the folder was changed or removed while it was packed.
    DiskFull
        The zip does not fit on the target's disk.
    """
    packed = 0

    def add(path: Path, name: str) -> bytes:
        """Add a file to the zip, and return its SHA-256."""
        nonlocal packed
        digest = hashlib.sha256()
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            info.file_size, left = before.st_size, before.st_size
            # The size decides if the entry is zip64, so no more than that may follow.
            with archive.open(info, "w") as entry:
                while left and (data := file.read(min(_CHUNK_SIZE, left))):
                    entry.write(data)
                    digest.update(data)
                    left -= len(data)
                    packed += len(data)
                    if progress is not None:
                        progress(packed)
            after = os.fstat(file.fileno())
        if left or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise InvalidJobDefinition(
                f"{path} was changed while it was packed: nothing was sent", next_step="Submit it again"
            )
        return digest.digest()

    with translate_os_errors(f"the packed job cannot be written to {target.parent}"):
        try:
            require_space(target.parent, _total_size(folder), "packing the job")
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
                for root, directories, files in _walk(folder):
                    inside = PurePosixPath(folder.name, *root.relative_to(folder).parts)
                    if root != folder:
                        archive.writestr(f"{inside}/", b"")
                    signatures = {name: _encode_base64(kit.sign(name.encode())) for name in directories}
                    for name in files:
                        if name not in (SIGNATURES_FILE, SUBMITTER_FILE):
                            _check_entry(root / name)
                            signatures[name] = _encode_base64(kit.sign_digest(add(root / name, str(inside / name))))
                    archive.writestr(str(inside / SIGNATURES_FILE), json.dumps(signatures))
                    archive.writestr(str(inside / SUBMITTER_FILE), kit.certificate)
        except DiskFull:
            raise
        except OSError as e:
            if is_disk_full(e):
                raise
            if e.errno not in _CHANGE_ERRNOS:
                raise make_file_error(e, f"{e.filename or folder} cannot be packed, nothing was sent") from e
            raise InvalidJobDefinition(
                f"{e.filename or folder} was changed while it was packed ({e.strerror}): nothing was sent",
                next_step="Submit it again",
            ) from e


def _check_entry(path: Path) -> None:
    if path.is_symlink():
        raise InvalidJobDefinition(
            f"{path} is a symbolic link: FLARE accepts only real folders and files", next_step="Copy what it points to"
        )
    if not path.is_dir() and not path.is_file():
        what = "is neither a file nor a folder" if path.exists() else "has disappeared"
        raise InvalidJobDefinition(f"{path} {what}")
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise InvalidJobDefinition(f"{str(path)!r} has a name that is not text: rename it") from None


def _total_size(folder: Path) -> int:
    return sum(size for _, size in iter_files(folder))


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for root, directories, files in os.walk(folder, followlinks=False, onerror=_raise):
        directories.sort()
        yield Path(root), directories, sorted(files)


def _raise(error: OSError) -> None:
    raise error


def _encode_base64(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
