"""Reading of some members of a zip that arrives from its beginning, without keeping the others. Pure.

A zip's list of members is at its end; before it, each member stands behind a header of its own. If that header states
the member's size, as those of FLARE do, the archive can be read in a single pass, and a member that is not wanted need
not even arrive: the reader says at which offset it goes on.

The content is untrusted. It costs no more memory than the wanted files, whatever it claims, and members that cannot be
trusted (an unsafe path, a wrong checksum) are left out. Reference: the ZIP format, APPNOTE.TXT.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import BinaryIO

from ... import bounds
from ...formatting.text import sanitize
from ...wire import transfers
from . import unpack

_MAX_LISTED_CHARS = 1000  # of the path of a file that was passed over
_LOCAL_HEADER = struct.Struct("<4x5H3I2H")  # behind the signature, whose bytes have been read
_SIGNATURE_SIZE, _HEADER_SIZE = 4, 26
_MEMBER_SIGNATURE, _END_SIGNATURES = b"PK\x03\x04", (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")
_FLAG_ENCRYPTED, _FLAG_SIZES_FOLLOW, _FLAG_UTF8 = 1 << 0, 1 << 3, 1 << 11
_STORED, _DEFLATED = 0, 8
_MAX_PIECE_BYTES = 1 << 20  # inflated at a time
_ZIP64_EXTRA, _IN_ZIP64_EXTRA = 1, 0xFFFFFFFF

Wanted = Callable[[str, int], bool]
"""Returns True if the file at a path, with this size in bytes, is wanted."""


@dataclass(frozen=True)
class SkippedFile:
    """A file that was not kept: its path (untrusted, but printable text) and its size in bytes."""

    path: str
    size: int


class UnreadableArchive(Exception):
    """An archive that cannot be read further; its text completes a sentence that begins with the archive's name."""


class KeptFiles:
    """Files that were kept, within a budget, and a list of those that were not.

    Attributes
    ----------
    files
        Content by path.
    skipped
        The files that were passed over, no more than `bounds.MAX_LISTED_FILES`.
    skipped_count
        Their number.
    problems
        Reasons why wanted files are missing.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.skipped: list[SkippedFile] = []
        self.skipped_count = 0
        self.problems: list[str] = []
        self._bytes_left = bounds.MAX_KEPT_BYTES

    @property
    def has_all(self) -> bool:
        """True if nothing more is wanted."""
        return False

    def begin(self) -> BinaryIO:
        """Return a file for the content of a wanted file, which is given to :meth:`finish` in the end."""
        return io.BytesIO()

    def finish(self, path: str, content: BinaryIO, *, is_good: bool) -> None:
        """Keep a file whose content was written, if it can be trusted."""
        if is_good and isinstance(content, io.BytesIO):
            self.keep(path, content.getvalue())

    def has_room(self, path: str, size: int) -> bool:
        """Return True if a wanted file of this size can be kept; if not, note the problem."""
        if size <= self._bytes_left and len(self.files) < bounds.MAX_LISTED_FILES:
            return True
        self.note_problem(f"{sanitize(path)} does not fit into the {bounds.MAX_KEPT_BYTES >> 20} MB read of a result")
        return False

    def keep(self, path: str, content: bytes) -> None:
        """Keep a file."""
        self.files[path] = content
        self._bytes_left -= len(content) + len(path)

    def skip(self, path: str, size: int) -> None:
        """List a file as passed over."""
        self.skipped_count += 1
        if len(self.skipped) < bounds.MAX_LISTED_FILES:
            self.skipped.append(SkippedFile(sanitize(path, _MAX_LISTED_CHARS), size))

    def note_problem(self, reason: str) -> None:
        """Note why a wanted file is missing; of many reasons the first are kept."""
        if len(self.problems) < 10:
            self.problems.append(reason)


class MemberReader:
    """Reader of an archive's wanted members.

    Parameters
    ----------
    folder
        Folder that the archive is unpacked to; paths begin with it.
    wanted
        Decides which files are kept.
    kept
        Takes the files.

    Attributes
    ----------
    offset
        Position in the archive of the first byte to :meth:`feed`.
    is_done
        True if nothing more is needed.
    """

    def __init__(self, folder: str, wanted: Wanted, kept: KeptFiles) -> None:
        self._folder, self._wanted, self._kept = folder, wanted, kept
        self.offset = 0
        self.is_done = False
        self._data = memoryview(b"")
        self._parser = self._parse()
        next(self._parser)

    def feed(self, data: bytes | memoryview) -> None:
        """Read a part of the archive that begins at `offset`.

        Raises
        ------
        UnreadableArchive
            It cannot be read further: it is damaged, or not packed as FLARE does it.
        """
        self._data = memoryview(data)
        try:
            next(self._parser)
        except StopIteration:
            self.is_done = True

    def close(self) -> None:
        """Read no further; a file that is half read is given up."""
        self._parser.close()

    def _parse(self) -> Generator[None, None, None]:
        yield
        for _ in range(bounds.MAX_MEMBERS):
            signature = yield from self._take(_SIGNATURE_SIZE)
            if signature in _END_SIGNATURES:
                return
            if signature != _MEMBER_SIGNATURE:
                raise UnreadableArchive(f"is damaged at byte {self.offset}")
            yield from self._parse_member()
            if self._kept.has_all:
                return
        raise UnreadableArchive(f"has more than {bounds.MAX_MEMBERS} members")

    def _parse_member(self) -> Generator[None, None, None]:
        header = _LOCAL_HEADER.unpack(b"    " + (yield from self._take(_HEADER_SIZE)))
        _, flags, method, _, _, checksum, packed_size, size, name_size, extra_size = header
        raw_name = yield from self._take(name_size)
        extra = yield from self._take(extra_size)
        packed_size, size = _read_zip64_sizes(extra, packed_size, size)
        if flags & _FLAG_SIZES_FOLLOW:
            raise UnreadableArchive(
                "has a file whose size is not stated in front of it: it can be read only as a whole"
            )
        end = self.offset + packed_size
        if end > transfers.BEYOND_THE_END:
            raise UnreadableArchive(f"is damaged at byte {self.offset}")
        name = raw_name.decode("utf-8" if flags & _FLAG_UTF8 else "cp437", "replace")
        if len(raw_name) <= bounds.MAX_PATH_BYTES and not name.endswith("/") and not unpack.is_unsafe_path(name):
            path = f"{self._folder}/{name}"
            is_kept = False
            if path not in self._kept.files and self._wanted(path, size) and self._kept.has_room(path, size):
                file = self._kept.begin()
                try:
                    is_kept = yield from self._read_content(file, path, flags, method, packed_size, size, checksum)
                finally:
                    self._kept.finish(path, file, is_good=is_kept)
            if not is_kept:
                self._kept.skip(path, size)
        yield from self._skip_to(end)

    def _read_content(
        self, file: BinaryIO, path: str, flags: int, method: int, packed_size: int, size: int, checksum: int
    ) -> Generator[None, None, bool]:
        """Write a member's content into a file; return False if it cannot be trusted."""
        problem = ""
        count = found_checksum = 0

        def write(piece: bytes | memoryview) -> None:
            nonlocal count, found_checksum
            file.write(piece)
            count += len(piece)
            found_checksum = zlib.crc32(piece, found_checksum)

        if flags & _FLAG_ENCRYPTED:
            problem = "is encrypted"
        elif method == _STORED and packed_size == size:
            while count < size:
                write((yield from self._take_some(size - count)))
        elif method == _DEFLATED:
            inflater, left = zlib.decompressobj(-zlib.MAX_WBITS), packed_size
            packed: bytes | memoryview = b""
            try:
                while (packed or left) and not inflater.eof and count <= size:
                    if not packed:
                        packed = yield from self._take_some(left)
                        left -= len(packed)
                    # One byte more than announced is enough to see that it is wrong.
                    write(inflater.decompress(packed, min(_MAX_PIECE_BYTES, size + 1 - count)))
                    packed = inflater.unconsumed_tail
            except zlib.error:
                problem = "is damaged"
        else:
            problem = "is packed in a way that FLARE does not use"
        if not problem and (count != size or found_checksum != checksum):
            problem = "is damaged"
        if problem:
            self._kept.note_problem(f"{sanitize(path)} {problem}")
        return not problem

    def _take(self, size: int) -> Generator[None, None, bytes]:
        """Return the next `size` bytes; no more than 64 kB."""
        taken = b""
        while len(taken) < size:
            taken += yield from self._take_some(size - len(taken))
        return taken

    def _take_some(self, size: int) -> Generator[None, None, memoryview]:
        """Return up to `size` of the next bytes, at least one."""
        while not self._data:
            yield
        taken, self._data = self._data[:size], self._data[size:]
        self.offset += len(taken)
        return taken

    def _skip_to(self, offset: int) -> Generator[None, None, None]:
        skipped = offset - self.offset
        rest = self._data[skipped:]
        self.offset, self._data = offset, rest
        if skipped and not rest:
            yield


def _read_zip64_sizes(extra: bytes, packed_size: int, size: int) -> tuple[int, int]:
    """Return the packed and the unpacked size of a member, which of a large one are in an extra field."""
    if _IN_ZIP64_EXTRA not in (packed_size, size):
        return packed_size, size
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        position += 4
        if kind == _ZIP64_EXTRA:
            numbers = [n for (n,) in struct.iter_unpack("<Q", extra[position : position + length // 8 * 8])]
            # In this order, and each only if it does not fit into its place in the header.
            if size == _IN_ZIP64_EXTRA and numbers:
                size = numbers.pop(0)
            if packed_size == _IN_ZIP64_EXTRA and numbers:
                packed_size = numbers.pop(0)
            break
        position += length
    return packed_size, size
