"""A log as text for people: in columns, the date once, FLARE's connections in one line. A state machine without I/O."""

from __future__ import annotations

from collections.abc import Iterable

from ...formatting.text import display_width, sanitize, sanitize_lines, strip_colours
from .origin import Origin, OriginTracker, source_name
from .records import LogRecord, parse_line

_SOURCE_WIDTH = 18  # characters
_LEVEL_WIDTH = 7
_MAX_LINE_CHARS = 2000


class LogFormatter:
    """Formatter of a log's lines, in their order.

    Lines of FLARE's transport are counted in place of being shown.
    """

    def __init__(self) -> None:
        self._origins = OriginTracker()
        self._day = ""
        self._folded = 0

    def format_lines(self, lines: Iterable[str]) -> list[str]:
        """Return the next lines in columns: safe for a terminal, and bounded."""
        shown: list[str] = []
        for line in lines:
            record = parse_line(line)
            if self._origins.classify(record) is Origin.TRANSPORT:
                self._folded += 1
                continue
            shown += self._take_fold()
            if record is None:
                shown.append(_indent(line))
                continue
            day = sanitize(record.timestamp[:10])
            if day and day != self._day:
                self._day = day
                shown.append(day)
            shown += _format_record(record)
        return [*shown, *self._take_fold()]

    def _take_fold(self) -> list[str]:
        count, self._folded = self._folded, 0
        return [_indent(f"… {count} {'line' if count == 1 else 'lines'} about connections")] if count else []


def _format_record(record: LogRecord) -> list[str]:
    source = sanitize(source_name(record), _SOURCE_WIDTH)
    columns = [
        sanitize(record.timestamp[11:19]).ljust(8),
        source + " " * (_SOURCE_WIDTH - display_width(source)),
        record.level.lower()[:_LEVEL_WIDTH].ljust(_LEVEL_WIDTH),
    ]
    first, *rest = record.message.splitlines() or [""]
    head = "  ".join([*columns, sanitize_lines(first, _MAX_LINE_CHARS)]).rstrip()
    return [head, *(_indent(line) for line in rest)]


def _indent(line: str) -> str:
    text = sanitize_lines(strip_colours(line), _MAX_LINE_CHARS)
    return (" " * (8 + _SOURCE_WIDTH + _LEVEL_WIDTH + 6) + text).rstrip()
