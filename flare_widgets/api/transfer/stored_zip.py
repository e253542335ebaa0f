"""A zip without compression, written from its beginning to its end; its size is known before its first byte. Pure.

Reference: the ZIP format, APPNOTE.TXT.
"""

from __future__ import annotations

import stat
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

ZIP64_SIZE, ZIP64_COUNT = 0xFFFFFFFF, 0xFFFF
"""From here on, a size or a position, or a number of members, does not fit into its place, but is in a zip64 field."""

_IN_ZIP64, _COUNT_IN_ZIP64 = 0xFFFFFFFF, 0xFFFF  # stand in its place then

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_DIRECTORY_ENTRY = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64, _LOCATOR_64 = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_ZIP64_EXTRA = 1
_VERSION, _VERSION_64 = 20, 45
_UNIX = 3
_FLAG_UTF8 = 1 << 11
_FOLDER_ATTRIBUTE = 1 << 4  # of MS-DOS
_FIRST_YEAR, _LAST_YEAR = 1980, 2107


@dataclass(frozen=True)
class Member:
    """A file or a folder in a zip.

    Attributes
    ----------
    name
        Path in the zip, with slashes; that of a folder ends with one.
    size
        Bytes of the content.
    mode
        Type and permissions, as in :attr:`os.stat_result.st_mode`.
    modified_at
        Time of its last change, in seconds since the epoch.
    """

    name: str
    size: int = 0
    mode: int = stat.S_IFREG | 0o600
    modified_at: float = field(default_factory=time.time)


class ZipHeaders:
    """Everything in a zip but the contents of its members, which follow their headers.

    Attributes
    ----------
    position
        Bytes of the zip so far, contents included.
    """

    def __init__(self) -> None:
        self.position = 0
        self._directory = bytearray()
        self._count = 0

    def begin(self, member: Member, checksum: int) -> bytes:
        """Return the header of the next member; its content follows, whose CRC-32 is `checksum`."""
        name = member.name.encode()
        flags = 0 if member.name.isascii() else _FLAG_UTF8
        is_large, is_far = member.size >= ZIP64_SIZE, self.position >= ZIP64_SIZE
        version = _VERSION_64 if is_large or is_far else _VERSION
        size = _IN_ZIP64 if is_large else member.size
        about = (flags, 0, *_dos_time(member.modified_at), checksum, size, size, len(name))
        extra = _zip64_extra([member.size] * 2 if is_large else [])
        header = _LOCAL_HEADER.pack(b"PK\3\4", version, *about, len(extra)) + name + extra
        attributes = member.mode << 16 | (_FOLDER_ATTRIBUTE if name.endswith(b"/") else 0)
        extra = _zip64_extra([*([member.size] * 2 if is_large else []), *([self.position] if is_far else [])])
        at = _IN_ZIP64 if is_far else self.position
        versions = _UNIX << 8 | version, version
        self._directory += _DIRECTORY_ENTRY.pack(b"PK\1\2", *versions, *about, len(extra), 0, 0, 0, attributes, at)
        self._directory += name + extra
        self._count += 1
        self.position += len(header) + member.size
        return header

    def end(self) -> bytes:
        """Return what follows the last member: the list of all."""
        start, size, count = self.position, len(self._directory), self._count
        end = b""
        if start >= ZIP64_SIZE or size >= ZIP64_SIZE or count >= ZIP64_COUNT:
            rest = _END_64.size - 12
            versions = _UNIX << 8 | _VERSION_64, _VERSION_64
            end = _END_64.pack(b"PK\6\6", rest, *versions, 0, 0, count, count, size, start)
            end += _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
            start, size, count = _IN_ZIP64, _IN_ZIP64, _COUNT_IN_ZIP64
        return bytes(self._directory) + end + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def total_size(members: Iterable[Member]) -> int:
    """Return the size in bytes of the zip with these members."""
    headers = ZipHeaders()
    for member in members:
        headers.begin(member, 0)
    return headers.position + len(headers.end())


def _zip64_extra(numbers: list[int]) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", _ZIP64_EXTRA, 8 * len(numbers), *numbers) if numbers else b""


def _dos_time(seconds: float) -> tuple[int, int]:
    """Return time and date as MS-DOS has them: local, in steps of two seconds, from 1980 to 2107."""
    year, month, day, hour, minute, second, *_ = time.localtime(seconds)
    if year < _FIRST_YEAR:
        return 0, 1 << 5 | 1
    if year > _LAST_YEAR:
        return 23 << 11 | 59 << 5 | 29, (_LAST_YEAR - _FIRST_YEAR) << 9 | 12 << 5 | 31
    return hour << 11 | minute << 5 | second // 2, (year - _FIRST_YEAR) << 9 | month << 5 | day
