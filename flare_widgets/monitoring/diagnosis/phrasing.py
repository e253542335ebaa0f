"""Parts of sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...formatting.text import clean

_MANY = 3  # names that are enumerated


def enumerate_names(names: Iterable[str]) -> str:
    """Return names of sites, at least one, as in ``a, b and 2 more sites``."""
    cleaned = [clean(name, 80) for name in names]
    if len(cleaned) > _MANY:
        cleaned = [*cleaned[: _MANY - 1], f"{len(cleaned) - _MANY + 1} more sites"]
    return cleaned[0] if len(cleaned) == 1 else f"{', '.join(cleaned[:-1])} and {cleaned[-1]}"


def one_line(text: str) -> str:
    """Return a text, cleaned and bounded, without line breaks."""
    return clean(" ".join(text.split()), 300)


def text_of(value: Any) -> str:
    """Return a value that should be text; empty if it is not."""
    return value if isinstance(value, str) else ""


def server_if(lines: tuple[str, ...]) -> str:
    """Return whose lines of the server's log these are, if there are some."""
    return "server" if lines else ""
