"""Parser for Python tracebacks in log records. Pure.

A traceback may be one message of several lines, or a process's output that was logged line by line, interleaved with
the lines of other loggers. It may be a chain of exceptions, an exception group, or a syntax error.

The user's frame is the deepest one whose file is in the job's ``custom`` folder (FLARE unpacks it to
``<job id>/app_<site>/custom``); if there is none, the deepest one whose file is neither in a library
(``site-packages``, ``dist-packages``, ``lib/python3.x``, FLARE's own folders) nor synthetic (``<frozen runpy>``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...formatting.text import sanitize
from ..logs.records import LogRecord

_TRACEBACK_HEADER = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "([^"]{1,4096})", line (\d{1,9})(?:, in (.{1,200}))?')
_ERROR = re.compile(r"([A-Za-z_][\w.]{0,200})(?::\s?(.*))?")
_CAUSE_LINE = "The above exception was the direct cause of the following exception:"
_CONTEXT_LINE = "During handling of the above exception, another exception occurred:"
_CUSTOM_PATH = re.compile(r"(?:^|/)(?:app_[^/]+/|app/)?custom/(.+)")
_LIBRARY_PATH = re.compile(
    r"site-packages/|dist-packages/|/lib/python\d|/nvflare/(?:ap|client|fuel|job|private|recipe|tool)|^<"
)
_GROUP_PREFIX = re.compile(r"\A {0,200}[|+] ?")
_GROUP_RULE = re.compile(r"\A {0,200}\+-")
_GROUP_FIRST = re.compile(r"\A {0,200}\+-\+?-{1,200} 1 -")
_MAX_SHOWN_MESSAGE_CHARS = 300  # characters of an exception's message that are shown
_MAX_DEPTH = 20  # exceptions in a chain of causes; earlier ones are left out
_MAX_GROUP_MESSAGE_LINES = 5  # lines of an exception group's message
_MAX_MESSAGE_CHARS = 5000  # characters of it that are parsed: bounds the time that patterns take on hostile input
_MAX_CONTINUATION_LINES = 4  # further lines of an exception's message when each line is a record


@dataclass(frozen=True)
class StackFrame:
    """One frame of a traceback: a location in the code."""

    file: str
    line: int
    function: str
    code: str

    @property
    def custom_path(self) -> str:
        """The file's path in the job's ``custom`` folder; empty if it is not there."""
        match = _CUSTOM_PATH.search(self.file)
        return match.group(1) if match and not _LIBRARY_PATH.search(match.group(1)) else ""

    @property
    def is_library(self) -> bool:
        """True if the code is not the user's, but Python's, FLARE's or another package's."""
        return not self.custom_path and bool(_LIBRARY_PATH.search(self.file))


@dataclass(frozen=True)
class ParsedTraceback:
    """Exception, as parsed from a traceback.

    Attributes
    ----------
    error
        The type's short name and the message, sanitized: ``ValueError: shapes not aligned``.
    type, message
        The same separately, not sanitized.
    frames
        The frames, outermost first; the last one raised the exception.
    cause, cause_relation
        The exception that led to this one, and ``because of`` or ``while handling``.
    """

    error: str
    type: str
    message: str
    frames: tuple[StackFrame, ...]
    cause: ParsedTraceback | None = None
    cause_relation: str = ""

    @property
    def user_frame(self) -> StackFrame | None:
        """The frame in the user's code; if this exception has none, that of the exception that led to it."""
        for one in self.chain:
            own = [f for f in one.frames if f.custom_path] or [f for f in one.frames if not f.is_library]
            if own:
                return own[-1]
        return None

    @property
    def chain(self) -> tuple[ParsedTraceback, ...]:
        """This exception, followed by those that led to it."""
        found = [self]
        while found[-1].cause is not None:
            found.append(found[-1].cause)
        return tuple(found)


@dataclass(frozen=True)
class LocatedTraceback:
    """Traceback, and the index of the log record that ends it."""

    traceback: ParsedTraceback
    record_index: int


def find_tracebacks(records: Sequence[LogRecord]) -> list[LocatedTraceback]:
    """Return the tracebacks in a log, in the order of their ends."""
    found: list[LocatedTraceback] = []
    streams: dict[str, list[_IndexedLine]] = {}
    for index, record in enumerate(records):
        lines = record.message.splitlines() or [""]
        if len(lines) > 1:
            if _TRACEBACK_HEADER in record.message:
                found += _parse_tracebacks([_IndexedLine(index, line) for line in lines], whole=True)
        elif record.logger:  # may be a line of a process's output
            stream = streams.setdefault(record.logger, [])
            if stream and _are_apart(records[stream[-1].record_index], record):
                stream.append(_IndexedLine(index, ""))
            stream.append(_IndexedLine(index, lines[0]))
    for stream in streams.values():
        found += _parse_tracebacks(stream, whole=False)
    return sorted(found, key=lambda f: f.record_index)


class _IndexedLine(NamedTuple):
    record_index: int
    text: str


def _parse_tracebacks(lines: Sequence[_IndexedLine], whole: bool) -> Iterator[LocatedTraceback]:
    at = 0
    before: ParsedTraceback | None = None
    link = ""
    while at < len(lines):
        if not lines[at].text.endswith(_TRACEBACK_HEADER):
            at += 1
            continue
        at, trace = _parse_traceback(lines, at, before, link, whole)
        before = None
        if trace is None:
            continue
        link = _read_cause_relation(lines, at)
        if link:
            before = trace if len(trace.chain) < _MAX_DEPTH else None
        else:
            yield LocatedTraceback(trace, lines[at - 1].record_index)
    if before is not None:  # the log was cut off after the line that links two exceptions
        yield LocatedTraceback(before, lines[-1].record_index)


def _parse_traceback(
    lines: Sequence[_IndexedLine],
    index: int,
    cause: ParsedTraceback | None,
    cause_relation: str,
    whole: bool,
    depth: int = 0,
) -> tuple[int, ParsedTraceback | None]:
    """Parse one traceback, whose first line is at `index`; return the index after it, and the traceback."""
    plain = _strip_group_prefix if _GROUP_PREFIX.match(lines[index].text) else str
    frames: list[StackFrame] = []
    index += 1
    while index < len(lines):
        text = plain(lines[index].text)
        if match := _FRAME.match(text):
            file, number, function = match.groups()
            code = plain(lines[index + 1].text) if index + 1 < len(lines) else ""
            if not code.startswith("    ") or not code.strip(" ~^"):
                code = ""
            frames.append(StackFrame(file, int(number), function or "", code.strip()))
        elif text and not text.startswith(" "):
            break
        index += 1
    match = _ERROR.fullmatch(plain(lines[index].text).strip()) if index < len(lines) else None
    if match is None:
        return index, None
    type_ = match.group(1).rpartition(".")[2]
    message = [match.group(2) or ""]
    index += 1
    while index < len(lines) and (whole or len(message) <= _MAX_CONTINUATION_LINES) and not _is_end(lines[index].text):
        message.append(plain(lines[index].text).strip())
        index += 1
    words = sanitize(" ".join(" ".join(message).split()), _MAX_SHOWN_MESSAGE_CHARS)
    error = f"{type_}: {words}" if words else type_
    trace = ParsedTraceback(
        error, type_, "\n".join(message).strip()[:_MAX_MESSAGE_CHARS], tuple(frames), cause, cause_relation
    )
    if "ExceptionGroup" in type_:
        first = _parse_first_in_group(lines, index, depth) if depth < _MAX_DEPTH else None
        trace = replace(trace, cause=first, cause_relation="because of") if first else trace
        while index < len(lines) and _GROUP_PREFIX.match(lines[index].text):
            index += 1
    return index, trace


def _parse_first_in_group(lines: Sequence[_IndexedLine], index: int, depth: int) -> ParsedTraceback | None:
    inner = next(
        (
            i
            for i in range(index, min(index + _MAX_GROUP_MESSAGE_LINES, len(lines) - 1))
            if _GROUP_FIRST.match(lines[i].text)
        ),
        None,
    )
    if inner is None:
        return None
    if lines[inner + 1].text.endswith(_TRACEBACK_HEADER):
        return _parse_traceback(lines, inner + 1, None, "", True, depth + 1)[1]
    match = _ERROR.fullmatch(_strip_group_prefix(lines[inner + 1].text).strip())  # it was created, but never raised
    if match is None:
        return None
    error = sanitize(" ".join(match.group(0).split()), _MAX_SHOWN_MESSAGE_CHARS)
    return ParsedTraceback(error, match.group(1).rpartition(".")[2], match.group(2) or "", ())


def _read_cause_relation(lines: Sequence[_IndexedLine], index: int) -> str:
    words = next((line.text.strip() for line in lines[index : index + 3] if line.text.strip()), "")
    return {_CAUSE_LINE: "because of", _CONTEXT_LINE: "while handling"}.get(words, "")


def _is_end(text: str) -> bool:
    words = text.strip()
    return (
        not words
        or words in (_CAUSE_LINE, _CONTEXT_LINE)
        or words.endswith(_TRACEBACK_HEADER)
        or bool(_GROUP_RULE.match(text))
    )


def _strip_group_prefix(text: str) -> str:
    """Remove the prefix that an exception group draws on the left."""
    for _ in range(_MAX_DEPTH):
        match = _GROUP_PREFIX.match(text)
        if match is None:
            break
        text = text[match.end() :]
    return text


def _are_apart(one: LogRecord, other: LogRecord) -> bool:
    """Return whether two lines are more than a second apart, and so cannot belong to one traceback."""
    times = one.local_time, other.local_time
    return times[0] is not None and times[1] is not None and round(abs(times[1] - times[0]), 3) > 1
