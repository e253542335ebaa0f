"""The text of a log: the records of a level, the lines that match, what is new. Pure."""

from __future__ import annotations

import re

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_RECORD = re.compile(
    r"^(?:\x1b\[[0-9;]*m)?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d.*? - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - "
)
_ENOUGH = 400  # characters by which a place in a log is found again


def at_level(text: str, level: str) -> str:
    """Return the records of a level and above, each with the lines that belong to it, such as a traceback.

    Parameters
    ----------
    text
        A log as FLARE writes ``log.txt``: a record begins with a time, and has `` - LEVEL - `` in it.
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


def with_pattern(text: str, pattern: str) -> str:
    """Return the lines that a regular expression is found in; ValueError if it is none."""
    try:
        found = re.compile(pattern)
    except re.error as e:
        raise ValueError(f"{pattern!r} is no regular expression: {e}") from None
    return "".join(line for line in text.splitlines(keepends=True) if found.search(line))


def last_lines(text: str, count: int) -> str:
    """Return the last lines."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[max(len(lines) - count, 0) :])


def new_part(seen: str, text: str) -> str:
    """Return what is new in a log of which `seen` was seen before.

    A server sends the last 5 MiB of a log: what it sends need not begin where it began before.
    """
    if text.startswith(seen):
        return text[len(seen) :]
    end = seen[-_ENOUGH:]
    at = text.rfind(end)
    return text[at + len(end) :] if at >= 0 else text
