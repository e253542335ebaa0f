"""Reading a log as it grows: the only tail. A state machine without I/O, and readers of what a server's shell answers.

A participant's log is renamed when it reaches 20 MiB (``log.txt.1``, ...) and a new one begun; it may also be
truncated or moved. So each request begins a little before the position: an answer without the text that was read last
is of another file. A server that sends a log as a whole sends at most its last 5 MiB.
"""

from __future__ import annotations

from dataclasses import dataclass

from .records import MAX_LINE_CHARS

OVERLAP_CHARS = 300
"""Number of characters by which a file is recognized: a record of usual length, with its time."""

CUT_NOTE = "… the server sends the last 5 MiB only"

_CUT_MARK = "... output truncated to last"
_SHELL_VERBS = ("tail: ", "cat: ", "ls: ", "grep: ")
_NO_FILE_REASONS = ("cannot open", "cannot access", "No such file", "Permission denied", "Is a directory")


@dataclass(frozen=True)
class NewText:
    """New text in an answer.

    Attributes
    ----------
    text
        Whole lines. A line of more than :data:`MAX_LINE_CHARS` is taken before its end, and the rest of it left out.
    unfinished_line
        The beginning of the next line; it will be in the next answer again.
    skipped_bytes
        Bytes left out before the text: a line whose beginning was not read.
    is_joined
        False if lines may be missing before the text.
    is_cut
        True if the server sent only the end of the log, and there is no text before that it could be joined to.
    """

    text: str
    unfinished_line: str = ""
    skipped_bytes: int = 0
    is_joined: bool = True
    is_cut: bool = False

    @property
    def lines(self) -> list[str]:
        """The whole lines, without line breaks."""
        return self.text.split("\n")[:-1]


class LogTail:
    """Position in a growing log.

    Attributes
    ----------
    position
        Bytes read of the current file, up to the end of a line.
    total_bytes
        Bytes read of this file and those before it.
    """

    def __init__(self) -> None:
        self.position = 0
        self.total_bytes = 0
        self._last_text = ""  # the end of the text read so far
        self._char_position = 0  # characters read, if reading began at the beginning
        self._has_read = False
        self._is_within_line = False

    @property
    def request_offset(self) -> int:
        """The offset in bytes from which to request the file for :meth:`take`."""
        return self.position - _byte_length(self._last_text)

    def move_to(self, position: int, is_within_line: bool = False) -> None:
        """Continue at another position or in another file; if that is within a line, the rest of it is left out."""
        self.position, self._last_text, self._char_position = position, "", 0
        self._is_within_line = is_within_line

    def take(self, answer: str) -> NewText | None:
        """Return what is new in the text from :attr:`request_offset` on; None if it is of another file."""
        if not answer.startswith(self._last_text):
            return None
        return self._advance(answer[len(self._last_text) :])

    def take_whole(self, text: str) -> NewText:
        """Return what is new in a log that is sent as a whole, or as much of its end as the server sends."""
        known = self._last_text
        at = self._char_position - len(known)
        if at < 0 or not text.startswith(known, at):
            at = text.rfind(known)
        if known and at >= 0:
            self._char_position = at + len(known)
            return self._advance(text[self._char_position :])
        is_joined, is_cut = not self._has_read, text.startswith(_CUT_MARK)
        self.move_to(0, is_within_line=is_cut)
        if is_cut:
            text = text.partition("\n")[2]
        return self._advance(text, is_joined, is_cut)

    def _advance(self, new: str, is_joined: bool = True, is_cut: bool = False) -> NewText:
        end = new.rfind("\n") + 1
        is_endless = len(new) - end > MAX_LINE_CHARS
        if is_endless:
            end = len(new.rstrip("\N{REPLACEMENT CHARACTER}"))  # not within a character
        text, unfinished = new[:end], new[end:]
        size = _byte_length(text)
        self.position += size
        self.total_bytes += size
        self._char_position += len(text)
        self._last_text = (self._last_text + text[-OVERLAP_CHARS:])[-OVERLAP_CHARS:]
        self._has_read = self._has_read or bool(text)
        skipped = 0
        if self._is_within_line and text:
            left_out, line_break, text = text.partition("\n")
            skipped = _byte_length(left_out + line_break)
            self._is_within_line = not line_break
        if is_endless and text:
            text, self._is_within_line = f"{text}\n", True
        return NewText(text, unfinished, skipped, is_joined, is_cut)


def is_missing_file(answer: str) -> bool:
    """Return whether a participant's shell answered that it cannot read the file."""
    first = answer[:1000].partition("\n")[0]
    return first.startswith(_SHELL_VERBS) and any(reason in first for reason in _NO_FILE_REASONS)


def read_sizes(listing: str) -> dict[str, int]:
    """Return the size of each file in bytes by name, from the output of ``ls -l``."""
    sizes = {}
    for line in listing.splitlines():
        fields = line.split()
        if line.startswith("-") and len(fields) > 6 and fields[4].isdecimal() and len(fields[4]) < 19:
            sizes[fields[-1].rpartition("/")[2]] = int(fields[4])
    return sizes


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
