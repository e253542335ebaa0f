"""Names and JSON in the files of a result."""

from __future__ import annotations

import json
from typing import Any

from ...formatting.text import sanitize

MAX_NAME_CHARS = 200
"""Length of a name of a metric, a site, a model or a feature; longer ones are cut off."""


def clean_name(name: str) -> str:
    """Return a name made safe to show."""
    return sanitize(name, MAX_NAME_CHARS)


def parse_json(text: str) -> Any:
    """Return what a JSON text describes; None if it describes nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
