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
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ... import bounds
from ...errors import InternalError
from ...local_files import require_space

_DAMAGED_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
_IMPOSSIBLE_PATH_ERRNOS = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL})
_CHUNK_SIZE = 1 << 20
_MEMBER_SIGNATURE, _MEMBER_ENTRY_SIZE = b"PK\x01\x02", 46  # of an entry in the list of members
_LOCAL_HEADER_SIZE = 30  # minimum bytes before a member's name and content

_FILE_NAME_PATTERN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+ -]{0,200}")
_DRIVE_PATTERN = re.compile(r"[A-Za-z]:")
_CONTROL_CHARACTER_PATTERN = re.compile(r"[\x00-\x1f\x7f]")
_WINDOWS_RESERVED_PATTERN = re.compile(
    r'(?i)\A(?:(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?|.*[<>:"|?*].*|.*[. ])'
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
        with BoundedReader(io.FileIO(archive)) as raw, zipfile.ZipFile(raw) as source:
            members = source.infolist()
            size = _check_members(archive.name, members, source.start_dir, archive.stat().st_size)
            require_space(folder.parent, size, f"unpacking {archive.name}")
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
    plain = _FILE_NAME_PATTERN.fullmatch(name) and not name.endswith((".", " "))
    if not plain or _is_unsafe_on_this_os([name]):
        raise InternalError(f"the server sent a file with the unsafe name {name[:100]!r}: refused")
    return name


def is_unsafe_path(name: str) -> bool:
    """Return True if a member's name is no plain path below the folder that it is unpacked to."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return bool(
        not parts
        or name.startswith("/")
        or "\\" in name
        or ".." in parts
        or bounds.is_path_too_long(name, parts)
        or (not (name.isascii() and name.isprintable()) and _CONTROL_CHARACTER_PATTERN.search(name))
        or _DRIVE_PATTERN.match(name)
        or _is_unsafe_on_this_os(parts)
    )


class BoundedReader(io.BufferedReader):
    """A zip file whose list of members is rejected if absurdly long: unlike the rest, it is read all at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > bounds.MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its list of members has {size} bytes")
        data = super().read(size)
        if data.startswith(_MEMBER_SIGNATURE):
            _check_directory(data)
        return data


def _check_directory(data: bytes) -> None:
    """Check the list of members before an object is made of each."""
    offset = count = 0
    while data.startswith(_MEMBER_SIGNATURE, offset):
        count += 1
        if count > bounds.MAX_MEMBERS:
            raise zipfile.BadZipFile(f"it has more than {bounds.MAX_MEMBERS} members")
        if offset + _MEMBER_ENTRY_SIZE > len(data):
            return  # damaged: the zipfile module says how
        name_size, extra_size, comment_size = struct.unpack_from("<3H", data, offset + 28)
        if name_size > bounds.MAX_PATH_BYTES:
            raise zipfile.BadZipFile(f"a path in it has {name_size} bytes")
        offset += _MEMBER_ENTRY_SIZE + name_size + extra_size + comment_size


def _check_members(name: str, members: list[zipfile.ZipInfo], end_offset: int, packed_size: int) -> int:
    """Check all members, and return the number of bytes that they take on a disk."""
    tree = _PathTree()
    for member in members:
        if is_unsafe_path(member.filename) or _CONTROL_CHARACTER_PATTERN.search(member.orig_filename):
            raise InternalError(f"{name} has a member with the unsafe path {_show(member)}: refused")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InternalError(f"{name} has a link or device, {_show(member)}: refused")
        if member.flag_bits & 1:
            raise InternalError(f"{name} has an encrypted member, {_show(member)}: refused")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InternalError(f"{name} is packed in a way that FLARE does not use ({member.compress_type}): refused")
        if not tree.add(member.filename, member.is_dir()):
            raise InternalError(f"{name} has two members called {_show(member)}: refused")
        if tree.folder_count > bounds.MAX_FOLDERS:
            raise InternalError(f"{name} has more than {bounds.MAX_FOLDERS} folders: refused")
    for both in sorted(tree.conflicts):
        raise InternalError(f"{name} has a file and a folder called {both[:100]!r}: refused")
    size = sum(m.file_size for m in members) + bounds.ENTRY_BYTES * (len(members) + tree.folder_count)
    _check_bomb(name, members, end_offset, packed_size, size)
    return size


def _show(member: zipfile.ZipInfo) -> str:
    return repr(member.filename[:100])


class _PathTree:
    """The folders and files of an archive, with names that a file system may take for the same made equal.

    Each folder has a number, and a path is the number of its folder and a name: so a deep folder with many files
    costs no more than a flat one.

    Attributes
    ----------
    folder_count
        Number of folders, listed or implied.
    """

    def __init__(self) -> None:
        self._folders: dict[tuple[int, str], int] = {}
        self._files: set[tuple[int, str]] = set()
        self._numbers = {"": 0}  # of the folders by their path as it is written

    @property
    def folder_count(self) -> int:
        # A folder that is written in many ways costs as much as many folders.
        return max(len(self._folders), len(self._numbers) - 1)

    @property
    def conflicts(self) -> list[str]:
        """Names that are both a file's and a folder's."""
        return [name for number, name in self._files if (number, name) in self._folders]

    def add(self, path: str, is_folder: bool) -> bool:
        """Add a member; return False if there is a file at this path already."""
        if path.startswith(".") or "/." in path or "//" in path:
            path = str(PurePosixPath(path))  # without what means nothing
        folder, _, name = (path.rstrip("/"), "", "") if is_folder else path.rpartition("/")
        number = self._numbers.get(folder)
        if number is None:
            number = self._numbers[folder] = self._number_of(folder)
        if is_folder:
            return True
        key = number, _normalize(name)
        if key in self._files:
            return False
        self._files.add(key)
        return True

    def _number_of(self, folder: str) -> int:
        number = 0
        for part in filter(None, folder.split("/")):
            number = self._folders.setdefault((number, _normalize(part)), len(self._folders) + 1)
        return number


def _check_bomb(name: str, members: list[zipfile.ZipInfo], end_offset: int, packed_size: int, size: int) -> None:
    if size > packed_size * bounds.MAX_EXPANSION_RATIO + bounds.EXPANSION_ALLOWANCE_BYTES:
        raise InternalError(f"{name} ({packed_size} bytes) would unpack to {size} bytes: refused as a zip bomb")
    # Members that share their packed bytes would let a small archive truthfully announce an enormous content.
    for member in sorted(members, key=lambda m: m.header_offset, reverse=True):
        if member.header_offset + _LOCAL_HEADER_SIZE + member.compress_size > end_offset:
            raise InternalError(f"{name} has members that overlap, {member.filename[:100]!r}: refused as a zip bomb")
        end_offset = member.header_offset


def _normalize(name: str) -> str:
    # Names that are the same to a file system which ignores case, or the two ways to write an accent.
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _is_unsafe_on_this_os(parts: list[str] | tuple[str, ...], is_windows: bool = os.name == "nt") -> bool:
    """Return True if one of these names is a device, a stream or another file on this system."""
    return is_windows and any(_WINDOWS_RESERVED_PATTERN.fullmatch(part) for part in parts)


def _sanitize(text: str, limit: int) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])
