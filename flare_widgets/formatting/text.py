"""Text that others wrote, made fit to be shown; and how much room text takes in a terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

SHORT_ID = 8
"""How many characters of a job id are shown; any unique prefix is accepted as input."""


def clean(text: str, limit: int = 200) -> str:
    """Return `text` fit for a terminal: control and direction characters replaced, length bounded.

    Names and messages come from a server, a site or a certificate; an escape sequence in them must not reach a
    terminal.
    """
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def said(value: Any, limit: int = 1000) -> str:
    """Return what a peer said fit to be part of an error's message: as :func:`clean`, but its lines are kept.

    Parameters
    ----------
    value
        What it said: text, if it keeps to the rules.
    limit
        Characters of it to keep.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    safe = "".join(c if c == "\n" or c.isprintable() else _shown(c) for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def _shown(character: str) -> str:
    return " " if character in "\t\r" else "\N{REPLACEMENT CHARACTER}"


def size(count: int) -> str:
    """Return a number of bytes as ``812 B``, ``1.2 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def columns(text: str) -> int:
    """Return how many columns of a terminal printable text takes: a wide character two, a combining one none."""
    return sum(map(_columns, text))


def fit(text: str, room: int) -> str:
    """Return as much of printable text as fits into `room` columns, with an ellipsis where something was cut off."""
    if columns(text) <= room:
        return text
    kept, left = "", room - 1
    for character in text:
        left -= _columns(character)
        if left < 0:
            break
        kept += character
    return kept + "…" if room > 0 else ""


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
