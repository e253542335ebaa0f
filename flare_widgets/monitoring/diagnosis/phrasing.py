"""Phrases shared by the diagnosis sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...cell_jobs import CELL_FILE, CELL_MODEL_FILE
from ...formatting.text import join_names, sanitize

_MAX_NAMES = 3  # names that are listed one by one


def join_sites(names: Iterable[str]) -> str:
    """Join site names, at least one, as in ``a, b and 2 more sites``."""
    return join_names((sanitize(name, 80) for name in names), _MAX_NAMES, "sites")


def is_cell(file: str) -> bool:
    """Return whether a file of a job is a notebook's cell, of which ``%%flare`` made the job."""
    return file in (CELL_FILE, CELL_MODEL_FILE)


def describe_place(file: str, line: int | None = None) -> str:
    """Return a place in the user's code: ``train.py line 12``, or ``line 12 of the cell``; empty without a file."""
    if is_cell(file):
        return "the cell" if line is None else f"line {line} of the cell"
    return file if line is None or not file else f"{file} line {line}"


def to_one_line(text: str) -> str:
    """Return the text sanitized and bounded, without line breaks."""
    return sanitize(" ".join(text.split()), 300)


def text_or_empty(value: Any) -> str:
    """Return `value` if it is text, else an empty string."""
    return value if isinstance(value, str) else ""


def server_if_any(lines: tuple[str, ...]) -> str:
    """Return ``server`` as the owner of these log lines, or an empty string if there are none."""
    return "server" if lines else ""
