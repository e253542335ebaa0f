"""Text that others wrote, made fit to be shown."""

from __future__ import annotations

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
