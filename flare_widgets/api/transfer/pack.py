"""Signing and zipping a job folder without modifying it, as it is sent: in bounded memory, and on no disk.

Source: ``lighter/utils.py:sign_folders`` and ``fuel/utils/zip_utils.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import stat
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ...config_files import SUFFIXES
from ...errors import InvalidJobDefinition
from ...kit import StartupKit
from ...local_files import make_file_error
from .stored_zip import Member, ZipHeaders, total_size

SIGNATURES_FILE, SUBMITTER_FILE = ".__nvfl_sig.json", ".__nvfl_submitter.crt"

META_FILE = "meta.json"
META_FILES = tuple(f"meta{suffix}" for suffix in SUFFIXES)
_PIECE_BYTES = 256 << 10
_NOT_SUBMITTED = "the job was not submitted"

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


class JobArchive:
    """A job folder as the zip that is sent: with the signatures FLARE requires in every folder, made as it is read.

    The signatures exist only in the zip: nothing is written to the user's folder, nor elsewhere. The signed content is
    always that of the zip, even if a file is changed meanwhile: that is detected and rejected.

    Each file is read twice, first for its checksum and its signature: the first stands before the content.

    Parameters
    ----------
    folder
        A job folder that has passed :func:`check_job_folder`.
    kit
        The kit of the user who signs.

    Attributes
    ----------
    size
        Bytes of the zip.

    Raises
    ------
    InvalidJobDefinition
        Something in the folder has been changed or removed since it was checked.
    FileAccessError
        The folder cannot be read.
    """

    def __init__(self, folder: Path, kit: StartupKit) -> None:
        self._folder, self._kit = folder, kit
        self._signature_chars = len(_encode_base64(kit.sign(b"")))
        with self._translate_errors():
            self._parts = [self._list_folder(*found) for found in _walk(folder)]
        self.size = total_size(member for part in self._parts for member in part.members)

    def read(self) -> Generator[bytes, None, None]:
        """Yield the zip piece by piece, files in pieces of 256 KiB; an empty one now and then while a file is checked.

        Raises
        ------
        InvalidJobDefinition
            Something in the folder was changed or removed after its size was determined.
        FileAccessError
            A file cannot be read.
        """
        headers = ZipHeaders()
        with self._translate_errors():
            for part in self._parts:
                if part.folder is not None:
                    yield headers.begin(part.folder, 0)
                signatures = {name: _encode_base64(self._kit.sign(name.encode())) for name in part.folder_names}
                for path, member in part.files:
                    signatures[path.name] = yield from self._read_file(headers, path, member)
                contents = json.dumps(signatures).encode(), self._kit.certificate
                for member, content in zip(part.about, contents, strict=True):
                    yield headers.begin(member, zlib.crc32(content)) + content
        yield headers.end()

    def _list_folder(self, root: Path, folder_names: list[str], names: list[str]) -> _Folder:
        """Return one folder of the job, with the sizes of all that it will have in the zip."""
        inside = PurePosixPath(self._folder.name, *root.relative_to(self._folder).parts)
        names = [name for name in names if name not in (SIGNATURES_FILE, SUBMITTER_FILE)]
        files = []
        for path in (root / name for name in names):
            _check_entry(path)
            found = path.stat()
            files.append((path, Member(str(inside / path.name), found.st_size, found.st_mode, found.st_mtime)))
        signatures = json.dumps(dict.fromkeys([*folder_names, *names], "=" * self._signature_chars))
        return _Folder(
            None if root == self._folder else Member(f"{inside}/", 0, stat.S_IFDIR | 0o775),
            folder_names,
            files,
            (
                Member(str(inside / SIGNATURES_FILE), len(signatures)),
                Member(str(inside / SUBMITTER_FILE), len(self._kit.certificate)),
            ),
        )

    def _read_file(self, headers: ZipHeaders, path: Path, member: Member) -> Generator[bytes, None, str]:
        """Yield a file's part of the zip, and return its signature."""
        _check_entry(path)
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            digest, checksum = hashlib.sha256(), 0
            for data in _read_pieces(file, member.size):
                digest.update(data)
                checksum = zlib.crc32(data, checksum)
                yield b""
            signature = _encode_base64(self._kit.sign_digest(digest.digest()))
            file.seek(0)
            yield headers.begin(member, checksum)
            size = found_checksum = 0
            for data in _read_pieces(file, member.size):
                found_checksum = zlib.crc32(data, found_checksum)
                size += len(data)
                yield data
            after = os.fstat(file.fileno())
        is_same = (size, found_checksum) == (member.size, checksum)
        if not is_same or (size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise InvalidJobDefinition(
                f"{path} was changed while it was packed: {_NOT_SUBMITTED}", next_step="Submit it again"
            )
        return signature

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            if e.errno not in _CHANGE_ERRNOS:
                raise make_file_error(e, f"{e.filename or self._folder} cannot be packed, {_NOT_SUBMITTED}") from e
            raise InvalidJobDefinition(
                f"{e.filename or self._folder} was changed while it was packed ({e.strerror}): {_NOT_SUBMITTED}",
                next_step="Submit it again",
            ) from e


@dataclass(frozen=True)
class _Folder:
    """One folder of a job, as it stands in the zip.

    Attributes
    ----------
    folder
        The folder itself; None for the job's own.
    folder_names
        Names of the folders in it.
    files
        The files in it.
    about
        The files with the signatures and the certificate of the user.
    """

    folder: Member | None
    folder_names: list[str]
    files: list[tuple[Path, Member]]
    about: tuple[Member, Member]

    @property
    def members(self) -> Iterator[Member]:
        """All of it, in order."""
        if self.folder is not None:
            yield self.folder
        yield from (member for _, member in self.files)
        yield from self.about


def _read_pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield no more than the first bytes of a file: their number was told to the server."""
    while size and (data := file.read(min(_PIECE_BYTES, size))):
        size -= len(data)
        yield data


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


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for root, directories, files in os.walk(folder, followlinks=False, onerror=_raise):
        directories.sort()
        yield Path(root), directories, sorted(files)


def _raise(error: OSError) -> None:
    raise error


def _encode_base64(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
