"""Parser of FLARE's logs: the only one. Pure; accepts any text, and takes time in proportion to its length.

FLARE (2.7 to 2.9) writes each record in two forms:

* ``log.txt``: ``2026-11-23 19:00:45,046 - LOGGER - LEVEL - [identity=..., run=..., peer=...] - MESSAGE``. FLARE's
  context, in brackets, is missing if the record has none. The further lines of a message, such as a traceback, follow
  as they are. FLARE's ``concise`` form has no logger, its ``verbose`` form has the participant before the logger.
* ``log.json``: a JSON object on one line, with ``asctime``, ``name``, ``levelname``, ``fl_ctx`` and ``message``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...formatting.text import sanitize, strip_colours
from ..job.meta import parse_local_time

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""The levels, in the order of their severity."""

MAX_LINE_CHARS = 1 << 20
"""Maximum length of a JSON record, and of a line that waits for its end, in characters."""

MAX_SHOWN_LINES = 20
"""Maximum number of log lines that are shown."""

MAX_SHOWN_CHARS = 500
"""Maximum number of characters of a line that are shown."""

_MAX_RECORDS = 20_000  # records; earlier ones are too far from the end of a job
_MAX_RECORD_CHARS = 4 << 20  # characters of a record's further lines
_SEVERITIES = {**{level: index for index, level in enumerate(LEVELS)}, "WARN": 2, "FATAL": 4}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[,.]\d{1,6})?) - ", re.ASCII)


@dataclass(frozen=True)
class LogRecord:
    """Record of a log.

    Attributes
    ----------
    timestamp
        The time as logged: ``2026-11-23 19:00:45,046`` (by the participant's clock and time zone), or empty.
    logger, level
        The logger's short name and the level; empty if the line has none.
    message
        The text without FLARE's context, possibly of several lines.
    context
        FLARE's context, such as ``identity=site-1, run=..., peer_rc=...``.
    """

    timestamp: str
    logger: str
    level: str
    message: str
    context: str = ""

    @property
    def severity(self) -> int:
        """The level as an index into :data:`LEVELS`; that of ``INFO`` if it is none of them."""
        return _SEVERITIES.get(self.level, 1)

    @property
    def is_error(self) -> bool:
        """True if the level is that of an error."""
        return self.severity >= LEVELS.index("ERROR")

    @property
    def local_time(self) -> float | None:
        """The time in seconds since the epoch, as if the participant's time zone were UTC; None if it has none."""
        return parse_local_time(self.timestamp)

    @property
    def context_fields(self) -> dict[str, str]:
        """FLARE's context by name: ``identity``, ``run``, ``peer``, ``peer_rc``, ``task_id``, ..."""
        entries = (entry.partition("=") for entry in self.context.split(", "))
        return {name: value for name, equals, value in entries if equals}

    def format_lines(self) -> list[str]:
        """Format the record as lines for display: sanitized and bounded, without FLARE's context."""
        first, *rest = self.message.splitlines() or [""]
        head = " - ".join(part for part in (self.timestamp[11:], self.logger, self.level, first) if part)
        return [sanitize(line.expandtabs(), MAX_SHOWN_CHARS) for line in [head, *rest]]


class RecordParser:
    """Parser of a log that comes in pieces, in either form or a mixture of both.

    A line that begins no record belongs to the record before it. Before the first one, which may have been cut off,
    and after one in JSON, it is a record without time, logger and level.
    """

    def __init__(self) -> None:
        self._partial_line = ""
        self._begun: LogRecord | None = None
        self._further_lines: list[str] = []
        self._record_chars = 0

    def feed(self, text: str) -> list[LogRecord]:
        """Consume the next piece, and return the records that are complete.

        A record in JSON is complete with its line; another one when the next begins, see :meth:`finish`.
        """
        *lines, rest = (self._partial_line + text).split("\n")
        self._partial_line = rest[:MAX_LINE_CHARS]
        found: list[LogRecord] = []
        for line in lines:
            self._take_line(line.rstrip("\r"), found)
        return found

    def finish(self) -> list[LogRecord]:
        """Return the records that are left at the end of the log."""
        found: list[LogRecord] = []
        self._take_line(self._partial_line.rstrip("\r"), found)
        self._partial_line = ""
        self._complete(found)
        return found

    def _take_line(self, line: str, found: list[LogRecord]) -> None:
        record = parse_line(line)
        if record is not None:
            self._complete(found)
            if line.startswith("{"):
                found.append(record)
            else:
                self._begun = record
        elif (line or self._begun) and self._record_chars <= _MAX_RECORD_CHARS:
            self._begun = self._begun or LogRecord("", "", "", "")
            self._further_lines.append(strip_colours(line))
            self._record_chars += len(line) + 1

    def _complete(self, found: list[LogRecord]) -> None:
        record, lines = self._begun, self._further_lines
        if record is not None:
            if record.timestamp:
                lines = [record.message, *lines]
            found.append(replace(record, message="\n".join(lines).rstrip()))
        self._begun, self._further_lines, self._record_chars = None, [], 0


def parse_line(line: str) -> LogRecord | None:
    """Parse the line that begins a record; return None if the line begins none."""
    if line.startswith("{"):
        return _parse_json(line) if line.endswith("}") and len(line) <= MAX_LINE_CHARS else None
    line = strip_colours(line)
    match = _TIMESTAMP.match(line)
    if match is None:
        return None
    fields = line[match.end() :].split(" - ", 3)
    at = next((index for index, field in enumerate(fields[:-1]) if field in _SEVERITIES), 1)
    if len(fields) <= at + 1 or not (fields[at].isalpha() and fields[at].isupper()):
        return None
    message, context = " - ".join(fields[at + 1 :]), ""
    if message.startswith("[identity="):
        inside, end, rest = message.partition("] - ")
        message, context = (rest, inside[1:]) if end else (message, "")
    return LogRecord(match[1], fields[at - 1].strip() if at else "", fields[at], message, context)


def parse_log(text: str) -> list[LogRecord]:
    """Parse a whole log, or the end of one; see :class:`RecordParser`."""
    parser = RecordParser()
    return [*parser.feed(text), *parser.finish()][-_MAX_RECORDS:]


def format_last_lines(records: Sequence[LogRecord], last_index: int | None = None) -> tuple[str, ...]:
    """Return the last lines of a log for display.

    Parameters
    ----------
    records
        All records of the log.
    last_index
        The index of the last relevant record; the last one if not given.
    """
    lines: list[str] = []
    for record in reversed(records[: None if last_index is None else last_index + 1]):
        lines = [line for line in record.format_lines() if line.strip()] + lines
        if len(lines) >= MAX_SHOWN_LINES:
            break
    return tuple(lines[-MAX_SHOWN_LINES:])


def _parse_json(line: str) -> LogRecord | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "message" not in data or "levelname" not in data:
        return None
    texts = [data.get(key) for key in ("asctime", "name", "levelname", "message", "fl_ctx")]
    time, name, level, message, context = (value if isinstance(value, str) else "" for value in texts)
    return LogRecord(time, name, level, message.rstrip(), context.removeprefix("[").removesuffix("]"))
