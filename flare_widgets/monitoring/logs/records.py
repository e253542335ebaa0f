"""Parser of FLARE's log lines into records. Pure; accepts any text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...formatting.text import remove_colors, sanitize

MAX_SHOWN_LINES = 20
"""Maximum number of log lines that are shown."""

MAX_SHOWN_CHARS = 500
"""Maximum number of characters of a line that are shown."""

_MAX_RECORDS = 20_000  # records; earlier ones are too far from the end of a job

_RECORD = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - ([^\s-][^-]*?) - ([A-Z]+) - (.*)", re.DOTALL)
_FL_CONTEXT = re.compile(r"\[identity=[^\]]*\] - ")


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
    def is_error(self) -> bool:
        """True if the level is that of an error."""
        return self.level in ("ERROR", "CRITICAL", "FATAL")

    def format_lines(self) -> list[str]:
        """Format the record as lines for display: sanitized and bounded, without FLARE's context."""
        first, *rest = self.message.splitlines() or [""]
        head = " - ".join(part for part in (self.timestamp[11:], self.logger, self.level, first) if part)
        return [sanitize(line.expandtabs(), MAX_SHOWN_CHARS) for line in [head, *rest]]


def parse_log(text: str) -> list[LogRecord]:
    """Parse a log in the format of ``log.txt`` or of ``log.json``, or a mixture.

    A line that begins no record belongs to the previous record; before the first one, which may have been cut off,
    it is a record without time, name and level.
    """
    found: list[LogRecord] = []
    pending: list[str] = []

    def finish() -> None:
        if pending:
            found.append(_parse_record("\n".join(pending)))
            pending.clear()

    for line in remove_colors(text).split("\n"):
        line = line.rstrip("\r")
        record = _parse_json_line(line)
        if record is not None:
            finish()
            found.append(record)
            continue
        if _RECORD.match(line):
            finish()
        elif not line and not pending:
            continue
        pending.append(line)
    finish()
    return found[-_MAX_RECORDS:]


def tail(records: Iterable[LogRecord], last_index: int | None = None) -> tuple[str, ...]:
    """Return the last lines of a log for display.

    Parameters
    ----------
    records
        All records of the log.
    last_index
        The index of the last relevant record; the last one if not given.
    """
    chosen = list(records)[: None if last_index is None else last_index + 1]
    lines: list[str] = []
    for record in reversed(chosen):
        lines = [line for line in record.format_lines() if line.strip()] + lines
        if len(lines) >= MAX_SHOWN_LINES:
            break
    return tuple(lines[-MAX_SHOWN_LINES:])


def _parse_record(text: str) -> LogRecord:
    match = _RECORD.match(text)
    if match is None:
        return LogRecord("", "", "", text.rstrip())
    time, name, level, message = match.groups()
    context = _FL_CONTEXT.match(message)
    return LogRecord(
        time,
        name.strip(),
        level,
        (message[context.end() :] if context else message).rstrip(),
        context.group(0)[1:-4] if context else "",
    )


def _parse_json_line(line: str) -> LogRecord | None:
    if not line.startswith("{"):
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "message" not in data or "levelname" not in data:
        return None
    texts = [data.get(key) for key in ("asctime", "name", "levelname", "message", "fl_ctx")]
    time, name, level, message, context = (value if isinstance(value, str) else "" for value in texts)
    return LogRecord(time, name, level, message.strip("\n"), context.strip("[]"))
