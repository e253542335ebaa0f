"""A zip that came from a server, unpacked so that it can do no harm.

What comes is hostile until checked: all names are looked at before the first file is written, and no more is
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

MAX_RATIO = 200
"""How many times its packed size (plus `MAX_FREE`) a result may unpack to; job results rarely exceed 20."""

MAX_FREE = 64 << 20

MAX_DEPTH = 100
"""Folders in folders; who removes a tree may need a stack frame for each."""

MAX_DIRECTORY = 32 << 20
"""Bytes of an archive's list of members, which is held in memory: some hundred thousand members."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
_IMPOSSIBLE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL})
_PIECE = 1 << 20
_LOCAL_HEADER = 30  # bytes before a member's name and content, at least

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_ON_WINDOWS = re.compile(
    r'(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?|.*[<>:"|?*].*|.*[. ]'
)


def unpack(archive: Path, folder: Path, progress: Callable[[], None] | None = None) -> None:
    """Unpack a zip that came from a server into a new folder.

    Files get the modes of any new file of the user, whatever the archive says.

    Parameters
    ----------
    archive
        The zip.
    folder
        The folder to make.
    progress
        Called at least once a MiB; what it raises ends the work.

    Raises
    ------
    InternalError
        It is damaged, or has a member that would land outside of `folder`, is a link, clashes with another one,
        or unpacks to far more than its size.
    DiskFull
        What is in it does not fit on the disk.
    """
    try:
        with _Archive(io.FileIO(archive)) as raw, zipfile.ZipFile(raw) as source:
            members = source.infolist()
            _check_members(archive.name, members, source.start_dir, archive.stat().st_size)
            disk_full.need(folder.parent, sum(m.file_size for m in members), f"unpacking {archive.name}")
            folder.mkdir()
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                # The zipfile module reads no more than the size that was announced, and compares the checksum.
                with source.open(member) as data, target.open("xb") as file:
                    while chunk := data.read(_PIECE):
                        file.write(chunk)
                        if progress is not None:
                            progress()
    except _DAMAGED as e:
        raise InternalError(f"the server's {archive.name} cannot be unpacked: {_clean(str(e), 200)}") from None
    except OSError as e:
        if e.errno not in _IMPOSSIBLE:  # a full disk is not the server's fault
            raise
        raise InternalError(f"the server's {archive.name} cannot be unpacked: {e.strerror}") from None


def safe_name(name: str) -> str:
    """Return `name` if it is a plain file name.

    Raises
    ------
    InternalError
        It has a path in it, or is hidden, empty or absurdly long.
    """
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._@+ -]{0,200}", name) and not name.endswith((".", " "))
    if not plain or _harmful_here([name]):
        raise InternalError(f"the server sent a file with the unsafe name {name[:100]!r}: refused")
    return name


class _Archive(io.BufferedReader):
    """A zip file whose list of members is refused if it is absurdly long: it is read at a stroke, unlike the rest."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY:
            raise zipfile.BadZipFile(f"its list of members has {size} bytes")
        return super().read(size)


def _check_members(name: str, members: list[zipfile.ZipInfo], end: int, packed: int) -> None:
    files: set[str] = set()
    folders: set[str] = set()
    for member in members:
        shown = repr(member.filename[:100])
        path = PurePosixPath(member.filename)
        unsafe = (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in member.filename
            or _CONTROL.search(member.orig_filename)
            or _DRIVE.match(member.filename)
            or not path.parts
            or len(path.parts) > MAX_DEPTH
            or _harmful_here(path.parts)
        )
        if unsafe:
            raise InternalError(f"{name} has a member with the unsafe path {shown}: refused")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InternalError(f"{name} has a link or device, {shown}: refused")
        if member.flag_bits & 1:
            raise InternalError(f"{name} has an encrypted member, {shown}: refused")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InternalError(f"{name} is packed in a way that FLARE does not use ({member.compress_type}): refused")
        folded = _fold(path)
        if not member.is_dir():
            if folded in files:
                raise InternalError(f"{name} has two members called {shown}: refused")
            files.add(folded)
        else:
            folders.add(folded)
        folders.update(_fold(parent) for parent in path.parents)
    for both in sorted(files & folders):
        raise InternalError(f"{name} has a file and a folder called {both[:100]!r}: refused")
    _check_bomb(name, members, end, packed)


def _check_bomb(name: str, members: list[zipfile.ZipInfo], end: int, packed: int) -> None:
    total = sum(m.file_size for m in members)
    if total > packed * MAX_RATIO + MAX_FREE:
        raise InternalError(f"{name} ({packed} bytes) would unpack to {total} bytes: refused as a bomb")
    # Members that share their packed bytes: a small archive could so announce, truly, an enormous content.
    for member in sorted(members, key=lambda m: m.header_offset, reverse=True):
        if member.header_offset + _LOCAL_HEADER + member.compress_size > end:
            raise InternalError(f"{name} has members that overlap, {member.filename[:100]!r}: refused as a bomb")
        end = member.header_offset


def _fold(path: PurePosixPath) -> str:
    # What a file system that ignores case, or the two ways to write an accent, takes for one name.
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", str(path)).casefold())


def _harmful_here(parts: list[str] | tuple[str, ...], windows: bool = os.name == "nt") -> bool:
    """Whether one of these names is a device, a stream or another file on this system."""
    return windows and any(_NOT_ON_WINDOWS.fullmatch(part) for part in parts)


def _clean(text: str, length: int) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:length])
