"""A job folder signed and zipped without touching it, in bounded memory.

Facts: ``lighter/utils.py:sign_folders`` and ``fuel/utils/zip_utils.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from ...errors import DiskFull, InvalidJobDefinition
from ...kit import StartupKit
from . import disk_full

SIGNATURES, SUBMITTER = ".__nvfl_sig.json", ".__nvfl_submitter.crt"

META_FILES = ("meta.json", "meta.conf", "meta.yml", "meta.yaml")
_PIECE = 1 << 20


def check_job_folder(folder: Path) -> None:
    """Check what can be checked of a job before it is sent.

    Raises
    ------
    InvalidJobDefinition
        The folder is missing, has no job in it, or has a symbolic link.
    """
    try:
        if folder.is_symlink():
            raise InvalidJobDefinition(f"{folder} is a symbolic link: FLARE takes only real folders and files")
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise InvalidJobDefinition(f"{folder} {what}: give the path of a job folder")
        if not any((folder / name).is_file() for name in META_FILES):
            raise InvalidJobDefinition(
                f"{folder} is not a job: it has no meta.json. Export a job there with recipe.export(), "
                "or give the folder that contains meta.json"
            )
        for root, directories, files in _walk(folder):
            for name in [*directories, *files]:
                _check_entry(root / name)
    except OSError as e:
        raise InvalidJobDefinition(f"{e.filename or folder} cannot be read: {e.strerror}") from e


def files_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Return the files of a job folder that are sent: the path below it, with slashes, and the size in bytes."""
    for root, _, files in _walk(folder):
        for name in files:
            if name not in (SIGNATURES, SUBMITTER):
                yield (root / name).relative_to(folder).as_posix(), (root / name).stat().st_size


def largest_file(folder: Path) -> int:
    """Return how many bytes the largest file of a job folder has."""
    return max((size for _, size in files_of(folder)), default=0)


def pack(folder: Path, kit: StartupKit, target: Path, progress: Callable[[int], None] | None = None) -> None:
    """Write a zip of `folder` to `target`, with the signatures FLARE demands in every folder.

    The signatures exist only in the zip: nothing is written to the user's folder. What is signed is what is in the
    zip, also if a file is changed meanwhile: that is found, and refused.

    Parameters
    ----------
    folder
        A job folder that has passed :func:`check_job_folder`.
    kit
        Who signs.
    target
        The zip to write.
    progress
        Called with the number of bytes packed so far, at least once a MiB.

    Raises
    ------
    InvalidJobDefinition
        Something in the folder was changed or removed while it was packed.
    DiskFull
        The zip does not fit where it shall be.
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
            # The size decides whether the entry is one of zip64, so no more than that may follow.
            with archive.open(info, "w") as entry:
                while left and (data := file.read(min(_PIECE, left))):
                    entry.write(data)
                    digest.update(data)
                    left -= len(data)
                    packed += len(data)
                    if progress is not None:
                        progress(packed)
            after = os.fstat(file.fileno())
        if left or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise InvalidJobDefinition(f"{path} was changed while it was packed: nothing was sent. Submit it again")
        return digest.digest()

    with disk_full.watched(target.parent, "packing the job"):
        try:
            disk_full.need(target.parent, _size(folder), "packing the job")
            with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
                for root, directories, files in _walk(folder):
                    inside = PurePosixPath(folder.name, *root.relative_to(folder).parts)
                    if root != folder:
                        archive.writestr(f"{inside}/", b"")
                    signatures = {name: _text(kit.sign(name.encode())) for name in directories}
                    for name in files:
                        if name not in (SIGNATURES, SUBMITTER):
                            _check_entry(root / name)
                            signatures[name] = _text(kit.sign_digest(add(root / name, str(inside / name))))
                    archive.writestr(str(inside / SIGNATURES), json.dumps(signatures))
                    archive.writestr(str(inside / SUBMITTER), kit.certificate)
        except DiskFull:
            raise
        except OSError as e:
            if disk_full.is_full(e):
                raise
            raise InvalidJobDefinition(
                f"{e.filename or folder} was changed while it was packed ({e.strerror}): nothing was sent. "
                "Submit it again"
            ) from e


def _check_entry(path: Path) -> None:
    if path.is_symlink():
        raise InvalidJobDefinition(
            f"{path} is a symbolic link: FLARE takes only real folders and files. Copy what it points to"
        )
    if not path.is_dir() and not path.is_file():
        what = "is neither a file nor a folder" if path.exists() else "has vanished"
        raise InvalidJobDefinition(f"{path} {what}")
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise InvalidJobDefinition(f"{str(path)!r} has a name that is not text: rename it") from None


def _size(folder: Path) -> int:
    return sum(size for _, size in files_of(folder))


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for root, directories, files in os.walk(folder, followlinks=False, onerror=_raise):
        directories.sort()
        yield Path(root), directories, sorted(files)


def _raise(error: OSError) -> None:
    raise error


def _text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
