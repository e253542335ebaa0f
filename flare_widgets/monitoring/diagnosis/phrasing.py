"""Phrases shared by the diagnosis sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...formatting.text import join_names, sanitize

_MAX_NAMES = 3  # names that are listed one by one


def join_sites(names: Iterable[str]) -> str:
    """Join site names, at least one, as in ``a, b and 2 more sites``."""
    return join_names((sanitize(name, 80) for name in names), _MAX_NAMES, "sites")


def to_one_line(text: str) -> str:
    """Return the text sanitized and bounded, without line breaks."""
    return sanitize(" ".join(text.split()), 300)


def text_or_empty(value: Any) -> str:
    """Return `value` if it is text, else an empty string."""
    return value if isinstance(value, str) else ""


def server_if_any(lines: tuple[str, ...]) -> str:
    """Return ``server`` as the owner of these log lines, or an empty string if there are none."""
    return "server" if lines else ""
