"""Safe unpacking of a zip from a server.

The content is untrusted until checked: all names are checked before the first file is written, and no more is
written than was announced.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ...errors import InternalError
from . import disk_full

MAX_EXPANSION_RATIO = 200
"""Maximum ratio of a result's unpacked size to its packed size (plus `EXPANSION_ALLOWANCE_BYTES`); job results rarely
exceed 20."""

EXPANSION_ALLOWANCE_BYTES = 64 << 20

MAX_DEPTH = 100
"""Nesting depth of folders; removing a tree may need a stack frame for each."""

MAX_CENTRAL_DIRECTORY_BYTES = 32 << 20
"""Size in bytes of an archive's list of members, which is held in memory: some hundred thousand members."""

_DAMAGED_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
_IMPOSSIBLE_PATH_ERRNOS = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL})
_CHUNK_SIZE = 1 << 20
_LOCAL_HEADER_SIZE = 30  # minimum bytes before a member's name and content

_DRIVE_PATTERN = re.compile(r"[A-Za-z]:")
_CONTROL_CHARACTER_PATTERN = re.compile(r"[\x00-\x1f\x7f]")
_WINDOWS_RESERVED_PATTERN = re.compile(
    r'(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?|.*[<>:"|?*].*|.*[. ]'
)


def unpack(archive: Path, folder: Path, progress: Callable[[], None] | None = None) -> None:
    """Unpack a zip from a server into a new folder.

    Files get the modes of any new file of the user, whatever the archive says.

    Parameters
    ----------
    archive
        The zip.
    folder
        The folder to create.
    progress
        Called at least once per MiB; an exception from it ends the unpacking.

    Raises
    ------
    InternalError
        It is damaged, or has a member that would land outside of `folder`, is a link, clashes with another one,
        or unpacks to far more than its size.
    DiskFull
        The content does not fit on the disk.
    """
    try:
        with _BoundedReader(io.FileIO(archive)) as raw, zipfile.ZipFile(raw) as source:
            members = source.infolist()
            _check_members(archive.name, members, source.start_dir, archive.stat().st_size)
            disk_full.require_space(folder.parent, sum(m.file_size for m in members), f"unpacking {archive.name}")
            folder.mkdir()
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                # The zipfile module reads no more than the size that was announced, and compares the checksum.
                with source.open(member) as data, target.open("xb") as file:
                    while chunk := data.read(_CHUNK_SIZE):
                        file.write(chunk)
                        if progress is not None:
                            progress()
    except _DAMAGED_ARCHIVE_ERRORS as e:
        raise InternalError(f"the server's {archive.name} cannot be unpacked: {_sanitize(str(e), 200)}") from None
    except OSError as e:
        if e.errno not in _IMPOSSIBLE_PATH_ERRNOS:  # a full disk is not the server's fault
            raise
        raise InternalError(f"the server's {archive.name} cannot be unpacked: {e.strerror}") from None


def check_file_name(name: str) -> str:
    """Return `name` if it is a plain file name.

    Raises
    ------
    InternalError
        It contains a path, or is hidden, empty or absurdly long.
    """
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._@+ -]{0,200}", name) and not name.endswith((".", " "))
    if not plain or _is_unsafe_on_this_os([name]):
        raise InternalError(f"the server sent a file with the unsafe name {name[:100]!r}: refused")
    return name


def is_unsafe_path(name: str) -> bool:
    """Return True if a member's name is no plain path below the folder that it is unpacked to."""
    path = PurePosixPath(name)
    return bool(
        path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or _CONTROL_CHARACTER_PATTERN.search(name)
        or _DRIVE_PATTERN.match(name)
        or not path.parts
        or len(path.parts) > MAX_DEPTH
        or _is_unsafe_on_this_os(path.parts)
    )


class _BoundedReader(io.BufferedReader):
    """A zip file whose list of members is rejected if absurdly long: unlike the rest, it is read all at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_CENTRAL_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members has {size} bytes")
        return super().read(size)


def _check_members(name: str, members: list[zipfile.ZipInfo], end_offset: int, packed_size: int) -> None:
    files: set[str] = set()
    folders: set[str] = set()
    for member in members:
        shown = repr(member.filename[:100])
        path = PurePosixPath(member.filename)
        if is_unsafe_path(member.filename) or _CONTROL_CHARACTER_PATTERN.search(member.orig_filename):
            raise InternalError(f"{name} has a member with the unsafe path {shown}: refused")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InternalError(f"{name} has a link or device, {shown}: refused")
        if member.flag_bits & 1:
            raise InternalError(f"{name} has an encrypted member, {shown}: refused")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InternalError(f"{name} is packed in a way that FLARE does not use ({member.compress_type}): refused")
        folded = _normalize_path(path)
        if not member.is_dir():
            if folded in files:
                raise InternalError(f"{name} has two members called {shown}: refused")
            files.add(folded)
        else:
            folders.add(folded)
        folders.update(_normalize_path(parent) for parent in path.parents)
    for both in sorted(files & folders):
        raise InternalError(f"{name} has a file and a folder called {both[:100]!r}: refused")
    _check_bomb(name, members, end_offset, packed_size)


def _check_bomb(name: str, members: list[zipfile.ZipInfo], end_offset: int, packed_size: int) -> None:
    total = sum(m.file_size for m in members)
    if total > packed_size * MAX_EXPANSION_RATIO + EXPANSION_ALLOWANCE_BYTES:
        raise InternalError(f"{name} ({packed_size} bytes) would unpack to {total} bytes: refused as a zip bomb")
    # Members that share their packed bytes would let a small archive truthfully announce an enormous content.
    for member in sorted(members, key=lambda m: m.header_offset, reverse=True):
        if member.header_offset + _LOCAL_HEADER_SIZE + member.compress_size > end_offset:
            raise InternalError(f"{name} has members that overlap, {member.filename[:100]!r}: refused as a zip bomb")
        end_offset = member.header_offset


def _normalize_path(path: PurePosixPath) -> str:
    # Names that are the same to a file system which ignores case, or the two ways to write an accent.
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(path)).casefold())


def _is_unsafe_on_this_os(parts: list[str] | tuple[str, ...], is_windows: bool = os.name == "nt") -> bool:
    """Return True if one of these names is a device, a stream or another file on this system."""
    return is_windows and any(_WINDOWS_RESERVED_PATTERN.fullmatch(part) for part in parts)


def _sanitize(text: str, limit: int) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
