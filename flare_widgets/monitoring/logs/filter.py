"""Filters for log text: by level and by pattern. Pure."""

from __future__ import annotations

import re

from ... import bounds
from ...errors import InvalidArgumentError
from .origin import Origin, OriginTracker
from .records import LEVELS, parse_line


def filter_by_level(text: str, level: str) -> str:
    """Return the records of a level and above, each with its continuation lines, such as a traceback.

    Parameters
    ----------
    text
        A log.
    level
        One of :data:`LEVELS`.
    """
    least, keep, kept = LEVELS.index(level), False, []
    for line in text.splitlines(keepends=True):
        record = parse_line(line.rstrip("\r\n"))
        if record is not None:
            keep = record.severity >= least
        if keep:
            kept.append(line)
    return "".join(kept)


def filter_own_code(text: str) -> str:
    """Return the lines that the job's own code has printed or logged; see :class:`.OriginTracker`."""
    origins = OriginTracker()
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if origins.classify(parse_line(line.rstrip("\r\n"))) is Origin.OWN
    )


def filter_by_pattern(text: str, pattern: str) -> str:
    """Return the lines that match a regular expression; raise ValueError if it is invalid.

    Only the beginning of a very long line is searched: a pattern of the user's may take the square of its length.
    """
    try:
        found = re.compile(pattern)
    except re.error as e:
        raise InvalidArgumentError(f"invalid regular expression {pattern!r}: {e}") from None
    return "".join(line for line in text.splitlines(keepends=True) if found.search(line, 0, bounds.MAX_GREPPED_CHARS))
