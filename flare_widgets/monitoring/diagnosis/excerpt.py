"""The part of a long log that a diagnosis needs: its end, and the errors before it. Pure."""

from __future__ import annotations

from ..logs.noise import is_noise
from ..logs.records import LEVELS, LogRecord, parse_line
from .first_cause import is_progress

MAX_LINES = 400
"""Lines kept of the end of a log: enough for the rounds before it, and a long traceback."""

MAX_EARLIER_LINES = 300
"""Lines kept of what was before: warnings, errors and where the job got on; the first and the last of them."""

_WARNING = LEVELS.index("WARNING")


def shorten_log(text: str) -> list[str]:
    """Return the lines of a log that are needed: the last ones, and before them only those that may tell a cause."""
    lines = text.splitlines()
    earlier, end = lines[:-MAX_LINES], lines[-MAX_LINES:]
    kept: list[str] = []
    keep = False
    for line in earlier:
        record = parse_line(line)
        if record is not None:
            keep = _is_needed(record)
        if keep:
            kept.append(line)
    half = MAX_EARLIER_LINES // 2
    if len(kept) > MAX_EARLIER_LINES:
        kept = [*kept[:half], *kept[-half:]]
    return [*kept, *end]


def _is_needed(record: LogRecord) -> bool:
    return (record.severity >= _WARNING and not is_noise(record)) or is_progress(record)
