"""Untrusted text made safe for display, and its width in a terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

SHORT_ID = 8
"""Number of characters of a job id to show; any unique prefix is accepted as input."""


def sanitize(text: str, max_length: int = 200) -> str:
    """Return `text` made safe for a terminal: control and direction characters replaced, length limited.

    Names and messages come from a server, a site or a certificate; an escape sequence in them must not reach a
    terminal.
    """
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: max_length + 1])
    return safe if len(safe) <= max_length else safe[: max_length - 1] + "…"


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


def format_duration(seconds: float) -> str:
    """Return seconds as ``0:07``, ``2:14`` or ``1:02:03``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def format_age(seconds: float) -> str:
    """Return an age as ``42 s``, ``5 min``, ``3 h`` or ``4 days``."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


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
