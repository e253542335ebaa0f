"""Filters for log text: by level, by pattern, and new text only. Pure."""

from __future__ import annotations

import re

from ...errors import InvalidArgumentError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_RECORD = re.compile(
    r"^(?:\x1b\[[0-9;]*m)?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.*? - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - "
)
_OVERLAP_CHARS = 400  # characters by which a position in a log is recognized


def filter_by_level(text: str, level: str) -> str:
    """Return the records of a level and above, each with its continuation lines, such as a traceback.

    Parameters
    ----------
    text
        A log in FLARE's ``log.txt`` format: a record begins with a time, and has `` - LEVEL - `` in it.
    level
        One of :data:`LEVELS`.
    """
    least, keep, kept = LEVELS.index(level), False, []
    for line in text.splitlines(keepends=True):
        record = _RECORD.match(line)
        if record is not None:
            keep = LEVELS.index(record[1]) >= least
        if keep:
            kept.append(line)
    return "".join(kept)


def filter_by_pattern(text: str, pattern: str) -> str:
    """Return the lines that match a regular expression; raise ValueError if it is invalid."""
    try:
        found = re.compile(pattern)
    except re.error as e:
        raise InvalidArgumentError(f"invalid regular expression {pattern!r}: {e}") from None
    return "".join(line for line in text.splitlines(keepends=True) if found.search(line))


def last_lines(text: str, count: int) -> str:
    """Return the last lines."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[max(len(lines) - count, 0) :])


def find_new_text(seen: str, text: str) -> str:
    """Return the new text of a log of which `seen` was received before.

    A server sends the last 5 MiB of a log, so the start of the text may have moved.
    """
    if text.startswith(seen):
        return text[len(seen) :]
    end = seen[-_OVERLAP_CHARS:]
    at = text.rfind(end)
    return text[at + len(end) :] if at >= 0 else text
