"""Bounds on what is read from a server, a site, a result, a log or a folder: the one place that has them. Pure.

They keep what a stranger can cost at some megabytes and a second or two, also if nobody asked for the data: watching
a job fetches its logs and the small files of its result. Honest jobs stay far below them; whatever exceeds one is left
out or rejected, and that is said. Only a download that the user asks for may be as large as the disk.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence

MB = 1 << 20

# -- paths and archives

MAX_NAME_BYTES = 255
"""Length in bytes of a part of a path, as on most file systems."""

MAX_PATH_BYTES = 4096
"""Length in bytes of a path."""

MAX_DEPTH = 100
"""Nesting depth of folders; removing a tree may need a stack frame for each."""

MAX_MEMBERS = 65_535
"""Number of files and folders that an archive lists: as many as a zip could before it was extended."""

MAX_FOLDERS = 20_000
"""Number of folders in an archive, listed or implied by the paths of files."""

MAX_DIRECTORY_BYTES = 6 * MB
"""Size in bytes of an archive's list of members, which is held in memory."""

ENTRY_BYTES = 4096
"""Bytes that a file or folder takes on a disk besides its content."""

MAX_EXPANSION_RATIO = 200
"""Maximum ratio of an archive's unpacked size to its packed size (plus `EXPANSION_ALLOWANCE_BYTES`); job results rarely
exceed 20."""

EXPANSION_ALLOWANCE_BYTES = 64 * MB

# -- what is fetched without being asked for

MAX_KEPT_BYTES = 40 * MB
"""Size in bytes of all files that are kept of a result, unpacked."""

MAX_FILE_BYTES = 4 * MB
"""Bytes that are read of a file whose size is not known before."""

MAX_TRANSFER_BYTES = 256 * MB
"""Bytes that are transferred to read the small files of a result. Files that are passed over are not counted."""

MAX_TRANSFER_REQUESTS = 5000
"""Number of requests to read the small files of a result: a server could answer each with a single byte."""

MAX_LISTED_FILES = 2000
"""Number of files that are kept of a result, and of those that are listed without being kept."""

FETCH_TIMEOUT_S = 20.0
"""Seconds after which a fetch that nobody asked for is given up."""

# -- logs

MAX_LOG_TAIL_BYTES = 64 << 10
"""Bytes that are read of the end of a log beside FLARE's own."""

MAX_ERROR_LOG_CHARS = 200_000
"""Characters that are read of the end of a site's error log."""

MAX_LOG_LINES = 100_000
"""Lines that are read of the log of a job that has ended: some 14 MB."""

MAX_LOG_UPDATES = 100_000
"""Facts that are taken from them: as many as 1,000 rounds with 30 sites have."""

MAX_LIVE_VALUES = 200_000
"""Values of live metrics that are taken from them besides."""

MAX_LOG_READ_S = 1.2
"""Seconds of processor time that are spent on one answer with a log; with the use of its facts, less than two."""

MAX_SEARCHED_CHARS = 20_000
"""Characters of a line or message in which patterns are looked for."""

MAX_GREPPED_CHARS = 4000
"""Characters of a line in which a pattern of the user's is looked for."""

PIECE_BYTES = 1 << 16
"""Bytes of a long text that are processed at a time."""

# -- JSON

MAX_JSON_TOKENS = 500_000
"""Number of values in a JSON text: parsed, they take up to 50 MB, many times their text."""

# -- folders of this machine

MAX_SCANNED_ENTRIES = 10_000
"""Entries of a folder that are looked at before it is shown."""

# Also a string without an end: if it did not match, the search would begin anew at each quote in it.
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)


def is_path_too_long(path: str, parts: Sequence[str]) -> bool:
    """Return True if a path, which has these parts, is longer or nested deeper than any of ours."""
    if len(parts) > MAX_DEPTH or len(path) > MAX_PATH_BYTES:
        return True
    if len(path) <= MAX_NAME_BYTES // 4:  # no character has more than four bytes
        return False
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    return max(sizes, default=0) > MAX_NAME_BYTES or sum(sizes) + len(sizes) > MAX_PATH_BYTES


def has_too_many_values(text: str) -> bool:
    """Return True if a JSON text has more than `MAX_JSON_TOKENS` values; it is not parsed for that."""
    if _count_separators(text) <= MAX_JSON_TOKENS:
        return False
    return _count_separators(_JSON_STRING.sub("", text)) > MAX_JSON_TOKENS


def cut_pieces(text: str) -> Iterator[str]:
    """Cut a text into pieces."""
    return (text[start : start + PIECE_BYTES] for start in range(0, len(text), PIECE_BYTES))


def decode_pieces(parts: Iterable[bytes]) -> Iterator[str]:
    """Decode a text in parts piece by piece: as a whole it would take up to four times its bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield decoder.decode(part[start : start + PIECE_BYTES])
    yield decoder.decode(b"", final=True)


def _count_separators(text: str) -> int:
    return sum(map(text.count, "[{,"))
