"""Untrusted text made safe for display, its width in a terminal, and numbers, times and names in words. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

SHORT_ID = 8
"""Number of characters of a job id to show; any unique prefix is accepted as input."""

_MAX_SUGGESTED_NAMES = 8

_DURATION = re.compile(r"(?:(\d{1,6}) days?, )?(\d{1,2}):(\d{2}):(\d{2})(\.\d{1,9})?")
MAX_DIGITS = 10
"""Maximum number of digits by which values are told apart."""

_FRACTION = re.compile(r"\.\d+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def sanitize(text: str, max_length: int = 200) -> str:
    """Return `text` made safe for a terminal: control and direction characters replaced, length limited.

    Names and messages come from a server, a site or a certificate; an escape sequence in them must not reach a
    terminal.
    """
    if len(text) <= max_length and text.isprintable():
        return text
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: max_length + 1])
    return safe if len(safe) <= max_length else safe[: max_length - 1] + "…"


def shorten_names(names: Iterable[str], max_length: int) -> dict[str, str]:
    """Return a label of limited length for each of some printable names, which mostly differ at their ends.

    A longer name gets an ellipsis in its middle. If then some cannot be told apart, what is the same at the beginning
    of all longer ones gives way to what differs.
    """
    labels = {name: _shorten_middle(name, max_length) for name in names}
    if len(set(labels.values())) == len(labels):
        return labels
    longer = [name for name in labels if len(name) > max_length]
    first, last = min(longer), max(longer)
    shared = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    head = max_length // 4
    if shared <= head:
        return labels
    return labels | {name: f"{name[:head]}…{sanitize(name[shared:], max_length - head - 1)}" for name in longer}


def _shorten_middle(text: str, max_length: int) -> str:
    if len(text) <= max_length:
        return text
    end = (max_length - 1) // 2
    return f"{text[: max_length - 1 - end]}…{text[len(text) - end :]}"


def sanitize_lines(value: Any, max_length: int = 1000) -> str:
    """Return a peer's text made safe for an error message: as :func:`sanitize`, but its line breaks are kept.

    Parameters
    ----------
    value
        The peer's value: text, if it follows the protocol.
    max_length
        Number of characters to keep.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    safe = "".join(c if c == "\n" or c.isprintable() else _sanitize_character(c) for c in text[: max_length + 1])
    return safe if len(safe) <= max_length else safe[: max_length - 1] + "…"


def strip_colours(text: str) -> str:
    """Return `text` without the escape sequences that colour it in a terminal."""
    return _COLOUR.sub("", text) if "\x1b" in text else text


def _sanitize_character(character: str) -> str:
    return " " if character in "\t\r" else "\N{REPLACEMENT CHARACTER}"


def format_size(byte_count: int) -> str:
    """Return a number of bytes as ``812 B``, ``1.2 MB``."""
    value = float(byte_count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def format_number(value: float) -> str:
    """Format a metric's value in a few characters: ``0.607``, ``12346``, ``1.2e-07``."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e3:
        return f"{value:.3f}"
    return f"{value:.0f}" if 1e3 <= size < 1e7 else f"{value:.2g}"


def format_numbers_apart(values: Iterable[float]) -> list[str]:
    """Format values of one metric so that those that differ look different; see :func:`format_number`.

    Values that are too close to each other for :data:`MAX_DIGITS` digits may look the same.
    """
    numbers = list(values)
    texts = [format_number(value) for value in numbers]
    form = "f" if all(value == 0 or 1e-3 <= abs(value) < 1e3 for value in numbers) else "g"
    for digits in range(4, MAX_DIGITS + 1):
        if len(set(texts)) == len(set(numbers)):
            break
        texts = [f"{value:.{digits}{form}}" for value in numbers]
    return texts


def format_duration(seconds: float) -> str:
    """Format a run time or an age: ``42 s``, ``2 min 14 s``, ``1 h 2 min``, ``3 days``; never more than has passed.

    The one format of durations, in all forms; ``formatDuration`` in ``js/src/core/time.ts`` is its other half.
    """
    whole = max(0, int(seconds))
    if whole >= 48 * 3600:
        return f"{whole // 86400} days"
    large, small = (whole // 3600, whole // 60 % 60) if whole >= 3600 else (whole // 60, whole % 60)
    units = ("h", "min") if whole >= 3600 else ("min", "s")
    parts = [f"{number} {unit}" for number, unit in zip((large, small), units, strict=True) if number]
    return " ".join(parts) or "0 s"


def parse_duration(value: Any) -> float | None:
    """Parse ``str(timedelta)`` to seconds; None for ``N/A`` and anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, secs, fraction = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(secs) + float(fraction or 0)


def parse_iso_time(value: Any) -> float | None:
    """Parse an ISO time to seconds since the epoch; servers before 2.9 send it without a zone (taken as local)."""
    if not isinstance(value, str) or not value:
        return None
    try:
        # Python 3.10 supports neither the suffix Z nor fractions of a second with other than 3 or 6 digits.
        words = _FRACTION.sub(lambda m: f"{m[0]:0<7}"[:7], value.replace("Z", "+00:00"), count=1)
        when = datetime.fromisoformat(words)
        return when.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def join_names(names: Iterable[str], limit: int = 4, noun: str = "") -> str:
    """Join names, at least one, as in a sentence: ``a``, ``a and b``, ``a, b, c and 2 more``.

    Parameters
    ----------
    names
        The names, ready for display.
    limit
        Number of names that are listed; of more, the last ones are counted.
    noun
        The plural for those that are counted: ``a, b and 3 more sites``.
    """
    parts = list(names)
    if len(parts) > limit:
        parts = [*parts[: limit - 1], " ".join(filter(None, [f"{len(parts) - limit + 1} more", noun]))]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question ``did you mean 'x'?`` with the known word that is most like `word`; empty if none is."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


def suggest_name(word: str, known: Iterable[str], noun: str) -> str:
    """Return sentences that help whoever gave an unknown name: the one that was probably meant, and those that exist.

    Parameters
    ----------
    word
        The unknown name.
    known
        The names that exist, ready for display.
    noun
        The plural of their kind: ``connected sites``.
    """
    names = list(known)
    if not names:
        return f"There are no {noun}"
    import difflib

    by_likeness = sorted((difflib.SequenceMatcher(None, word, name).ratio() for name in names), reverse=True)
    is_unique = len(by_likeness) == 1 or by_likeness[0] > by_likeness[1]
    question = did_you_mean(word, names) if is_unique else ""
    listed = f"{noun[:1].upper()}{noun[1:]}: {join_names(names, _MAX_SUGGESTED_NAMES)}"
    return " ".join(filter(None, [f"{question[:1].upper()}{question[1:]}", listed]))


def display_width(text: str) -> int:
    """Return the number of terminal columns of printable text: two for a wide character, none for a combining one."""
    return sum(map(_character_width, text))


def truncate(text: str, width: int) -> str:
    """Return as much of printable text as fits into `width` columns, with an ellipsis if something was cut off."""
    if display_width(text) <= width:
        return text
    kept, left = "", width - 1
    for character in text:
        left -= _character_width(character)
        if left < 0:
            break
        kept += character
    return kept + "…" if width > 0 else ""


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
