"""The frames between a page and the server: text into frames, the right that each needs, and answers into text. Pure.

A frame is a JSON object whose ``op`` says what it is. Unknown ones, and unknown keys, are ignored by both sides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

PROTOCOL = 1
"""Version of the protocol; raised when an older page would misunderstand the server."""

MAX_FRAME_BYTES = 64 << 10
"""Maximum size of a frame from a page."""

_MAX_WORD_CHARS = 200

Right = Literal["read", "write", "execute"]
"""The actions of Jupyter's authorizers: looking, changing what FLARE has, and using startup kits."""

RIGHTS: tuple[Right, ...] = ("read", "write", "execute")

_LOOKING = frozenset({"visible", "resync", "clock", "log", "refresh", "request_details", "close", "ask", "dismiss"})
"""The messages to views that change nothing but what is shown."""

_ASK_RIGHTS: dict[str, Right] = {
    "check_job": "read",
    "connect_cell": "read",
    "notifications": "read",
    "refresh": "read",
    "visible": "read",
    "check_kit": "execute",
    "close": "execute",
    "connect": "execute",
    "forget": "execute",
    "local_start": "execute",
    "local_stop": "execute",
    "study": "execute",
    "use": "execute",
}

_OPEN_RIGHTS: dict[str, Right] = {"results": "write"}
"""The rights for views that do more than look: a result is downloaded."""

QUIET_ASKS = frozenset({"visible", "notifications", "refresh", "connect_cell"})
"""Requests of pages without an effect on FLARE: they are not logged."""


@dataclass(frozen=True)
class Hello:
    """First frame of a page: its protocol, and a random word that names it in the log."""

    protocol: int
    page: str = ""


@dataclass(frozen=True)
class Open:
    """Request for the model that shows something."""

    ref: int | str
    kind: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class Follow:
    """Request for the state of a model and all later changes."""

    model: str


@dataclass(frozen=True)
class Leave:
    """End of :class:`Follow`."""

    model: str


@dataclass(frozen=True)
class Send:
    """Message to the Python half of a view."""

    model: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """Request to do something that concerns no view."""

    ref: int | str
    do: str
    args: Mapping[str, Any]


Frame = Hello | Open | Follow | Leave | Send | Ask


def parse_frame(text: str | bytes) -> Frame | None:
    """Return the frame that a page sent; None for anything else."""
    if not isinstance(text, str) or len(text) > MAX_FRAME_BYTES:
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    match data:
        case {"op": "hello", "protocol": int() as protocol}:
            page = data.get("page")
            return Hello(protocol, page[:_MAX_WORD_CHARS] if isinstance(page, str) else "")
        case {"op": "open", "ref": int() | str() as ref, "kind": str() as kind}:
            return Open(ref, kind, _mapping(data.get("args"))) if _is_short(ref) and _is_short(kind) else None
        case {"op": "follow", "model": str() as model} if _is_short(model):
            return Follow(model)
        case {"op": "leave", "model": str() as model} if _is_short(model):
            return Leave(model)
        case {"op": "send", "model": str() as model, "content": dict() as content} if _is_short(model):
            return Send(model, content)
        case {"op": "ask", "ref": int() | str() as ref, "do": str() as do}:
            return Ask(ref, do, _mapping(data.get("args"))) if _is_short(ref) and _is_short(do) else None
    return None


def required_right(frame: Frame) -> Right:
    """Return the right that a user needs for a frame."""
    match frame:
        case Ask(do=do):
            return _ASK_RIGHTS.get(do, "execute")
        case Open(kind=view):
            return _OPEN_RIGHTS.get(view, "read")
        case Send(content=content):
            kind = content.get("kind")
            return "read" if isinstance(kind, str) and kind in _LOOKING else "write"
    return "read"


def encode(op: str, **fields: Any) -> str:
    """Return a frame of the server as text.

    Raises
    ------
    TypeError, ValueError
        A value is not JSON.
    """
    # In ASCII: text of others may have what no UTF-8 can have.
    return json.dumps({"op": op, **fields}, separators=(",", ":"), allow_nan=False)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_short(word: int | str) -> bool:
    return not isinstance(word, str) or len(word) <= _MAX_WORD_CHARS
