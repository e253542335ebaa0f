"""What the site needs our docstrings to say differently: they are written to be read in a terminal.

Sphinx's roles, as ``:class:`.Session```, become the code they name, and the colons before a drawing go. Parameters that
share a description, as ``study, timeout``, become one each, for otherwise all were shown with the first one's type.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|attr|data|exc|mod):`(?:~|\.)?([^`]+)`")
_COLONS = re.compile(r"^::\n", re.MULTILINE)
_SHARED = re.compile(r"^(\w+(?:, \w+)+)\n((?: {4}.*\n?|\n(?= {4}))+)", re.MULTILINE)


class Readable(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was just read."""
        if obj.docstring is not None:
            obj.docstring.value = for_the_site(obj.docstring.value)


def for_the_site(text: str) -> str:
    """Return a docstring as the site can show it."""
    return _SHARED.sub(_apart, _COLONS.sub("", _ROLE.sub(r"`\1`", text)))


def _apart(match: re.Match[str]) -> str:
    body = match[2].rstrip("\n")
    end = match[2][len(body) :]
    return "\n".join(f"{name}\n{body}" for name in match[1].split(", ")) + end
