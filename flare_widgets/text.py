"""Text that others wrote, made fit to be shown."""

from __future__ import annotations

SHORT_ID = 8
"""How many characters of a job id are shown; any unique prefix is accepted as input."""


def clean(text: str, limit: int = 200) -> str:
    """Return `text` fit for a terminal: control and direction characters replaced, length bounded.

    Names and messages come from a server, a site or a certificate; an escape sequence in them must not reach a
    terminal.
    """
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1])
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
