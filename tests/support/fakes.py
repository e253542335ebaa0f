"""A base for what stands in for a real thing in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# To the type checker, a fake may be passed for anything, since it has only the part of an interface that a test needs.
if TYPE_CHECKING:
    Fake = Any
else:
    Fake = object
