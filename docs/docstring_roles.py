"""Docstrings have Sphinx's roles, as ``:class:`.Session```; the site shows what they name, as code."""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|attr|data|exc|mod):`(?:~|\.)?([^`]+)`")


class Roles(griffe.Extension):
    """Puts code in the place of roles, before the docstring is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was just read."""
        if obj.docstring is not None:
            obj.docstring.value = without_roles(obj.docstring.value)


def without_roles(text: str) -> str:
    """Return a docstring with code in the place of Sphinx's roles."""
    return _ROLE.sub(r"`\1`", text)
