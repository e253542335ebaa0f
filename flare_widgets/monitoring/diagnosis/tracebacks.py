"""Tracebacks of Python, found in log records and read. Pure.

A traceback may be one message of several lines, or a process's output that was logged line by line, with other
loggers' lines in between. It may be a chain of exceptions, an exception group, or a syntax error.

Which frame is the user's: the deepest one whose file is in the job's ``custom`` folder (FLARE unpacks it to
``<job id>/app_<site>/custom``); if there is none, the deepest one whose file is neither in a library
(``site-packages``, ``dist-packages``, ``lib/python3.x``, FLARE's own folders) nor made up (``<frozen runpy>``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ...formatting.text import clean
from ..logs.records import Record

_BEGIN = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "([^"]{1,4096})", line (\d{1,9})(?:, in (.{1,200}))?')
_ERROR = re.compile(r"([A-Za-z_][\w.]{0,200})(?::\s?(.*))?")
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_CUSTOM = re.compile(r"(?:^|/)(?:app_[^/]+/|app/)?custom/(.+)")
_LIBRARY = re.compile(
    r"site-packages/|dist-packages/|/lib/python\d|/nvflare/(?:ap|client|fuel|job|private|recipe|tool)|^<"
)
_GROUP = re.compile(r" *[|+] ?")
_RULE = re.compile(r" *\+-")
_FIRST = re.compile(r" *\+-\+?-+ 1 -+")
_MESSAGE = 300  # characters of an exception's message that are shown
_DEEPEST = 20  # exceptions that came from each other; those before are left out
_FIRST_WITHIN = 5  # lines of an exception group's message
_LONGEST = 5000  # characters of it that are looked at: patterns must not take for ever on hostile ones
_CONTINUED = 4  # further lines of an exception's message when each line is a record


@dataclass(frozen=True)
class Frame:
    """One line of a traceback: where the code was."""

    file: str
    line: int
    function: str
    code: str

    @property
    def custom(self) -> str:
        """The file's path in the job's ``custom`` folder; empty if it is not there."""
        match = _CUSTOM.search(self.file)
        return match.group(1) if match and not _LIBRARY.search(match.group(1)) else ""

    @property
    def library(self) -> bool:
        """Whether it is not the user's, but Python's, FLARE's or another package's."""
        return not self.custom and bool(_LIBRARY.search(self.file))


@dataclass(frozen=True)
class Trace:
    """An exception, as a traceback tells it.

    Attributes
    ----------
    error
        The type's short name and the message, cleaned: ``ValueError: shapes not aligned``.
    type, message
        The same in two, not cleaned.
    frames
        From the outermost to where it was raised.
    before
        The exception it came from, and ``because of`` or ``while handling``.
    """

    error: str
    type: str
    message: str
    frames: tuple[Frame, ...]
    before: Trace | None = None
    link: str = ""

    @property
    def users(self) -> Frame | None:
        """The frame in the user's code; if it has none, that of the exception it came from."""
        for one in self.chain:
            own = [f for f in one.frames if f.custom] or [f for f in one.frames if not f.library]
            if own:
                return own[-1]
        return None

    @property
    def chain(self) -> tuple[Trace, ...]:
        """This exception, and those it came from."""
        found = [self]
        while found[-1].before is not None:
            found.append(found[-1].before)
        return tuple(found)


@dataclass(frozen=True)
class Found:
    """A traceback, and the index of the log record that ends it."""

    trace: Trace
    record: int


def find_traces(records: Sequence[Record]) -> list[Found]:
    """Return the tracebacks in a log, in the order of their ends."""
    found: list[Found] = []
    streams: dict[str, list[_Line]] = {}
    for index, record in enumerate(records):
        lines = record.message.splitlines() or [""]
        if len(lines) > 1:
            if _BEGIN in record.message:
                found += _traces([_Line(index, line) for line in lines], whole=True)
        elif record.name:  # maybe a line of a process's output
            stream = streams.setdefault(record.name, [])
            if stream and _apart(records[stream[-1].record].time, record.time):
                stream.append(_Line(index, ""))
            stream.append(_Line(index, lines[0]))
    for stream in streams.values():
        found += _traces(stream, whole=False)
    return sorted(found, key=lambda f: f.record)


class _Line(NamedTuple):
    record: int
    text: str


def _traces(lines: Sequence[_Line], whole: bool) -> Iterator[Found]:
    at = 0
    before: Trace | None = None
    link = ""
    while at < len(lines):
        if not lines[at].text.endswith(_BEGIN):
            at += 1
            continue
        at, trace = _one(lines, at, before, link, whole)
        before = None
        if trace is None:
            continue
        link = _link(lines, at)
        if link:
            before = trace if len(trace.chain) < _DEEPEST else None
        else:
            yield Found(trace, lines[at - 1].record)
    if before is not None:  # the log was cut off behind the link
        yield Found(before, lines[-1].record)


def _one(
    lines: Sequence[_Line], at: int, before: Trace | None, link: str, whole: bool, depth: int = 0
) -> tuple[int, Trace | None]:
    """Read one traceback, whose first line is at `at`, and return where it ends."""
    plain = _ruled if _GROUP.match(lines[at].text) else str
    frames: list[Frame] = []
    at += 1
    while at < len(lines):
        text = plain(lines[at].text)
        if match := _FRAME.match(text):
            file, number, function = match.groups()
            code = plain(lines[at + 1].text) if at + 1 < len(lines) else ""
            if not code.startswith("    ") or not code.strip(" ~^"):
                code = ""
            frames.append(Frame(file, int(number), function or "", code.strip()))
        elif text and not text.startswith(" "):
            break
        at += 1
    match = _ERROR.fullmatch(plain(lines[at].text).strip()) if at < len(lines) else None
    if match is None:
        return at, None
    type_ = match.group(1).rpartition(".")[2]
    message = [match.group(2) or ""]
    at += 1
    while at < len(lines) and (whole or len(message) <= _CONTINUED) and not _ends(lines[at].text):
        message.append(plain(lines[at].text).strip())
        at += 1
    words = clean(" ".join(" ".join(message).split()), _MESSAGE)
    error = f"{type_}: {words}" if words else type_
    trace = Trace(error, type_, "\n".join(message).strip()[:_LONGEST], tuple(frames), before, link)
    if "ExceptionGroup" in type_:
        first = _first_of_group(lines, at, depth) if depth < _DEEPEST else None
        trace = replace(trace, before=first, link="because of") if first else trace
        while at < len(lines) and _GROUP.match(lines[at].text):
            at += 1
    return at, trace


def _first_of_group(lines: Sequence[_Line], at: int, depth: int) -> Trace | None:
    inner = next((i for i in range(at, min(at + _FIRST_WITHIN, len(lines) - 1)) if _FIRST.match(lines[i].text)), None)
    if inner is None:
        return None
    if lines[inner + 1].text.endswith(_BEGIN):
        return _one(lines, inner + 1, None, "", True, depth + 1)[1]
    match = _ERROR.fullmatch(_ruled(lines[inner + 1].text).strip())  # it was made, but never raised
    if match is None:
        return None
    error = clean(" ".join(match.group(0).split()), _MESSAGE)
    return Trace(error, match.group(1).rpartition(".")[2], match.group(2) or "", ())


def _link(lines: Sequence[_Line], at: int) -> str:
    words = next((line.text.strip() for line in lines[at : at + 3] if line.text.strip()), "")
    return {_CAUSE: "because of", _CONTEXT: "while handling"}.get(words, "")


def _ends(text: str) -> bool:
    words = text.strip()
    return not words or words in (_CAUSE, _CONTEXT) or words.endswith(_BEGIN) or bool(_RULE.match(text))


def _ruled(text: str) -> str:
    """A line without the rules that an exception group draws on the left."""
    while match := _GROUP.match(text):
        text = text[match.end() :]
    return text


def _apart(one: str, other: str) -> bool:
    """Whether two lines cannot be of one outburst: more than a second lies between them."""
    try:
        form = "%Y-%m-%d %H:%M:%S,%f"
        return abs((datetime.strptime(other, form) - datetime.strptime(one, form)).total_seconds()) > 1
    except ValueError:
        return False
