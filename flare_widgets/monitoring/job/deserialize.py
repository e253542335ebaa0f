"""Reading frozen dataclasses back from their JSON form, which may have been written by anybody."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any

_LATEST = 1e11  # seconds: what is later, or longer, is no time that could be shown
_TIMES = ("at", "duration", "last_seen")


def loaded(kind: Any, data: Any, name: str = "snapshot") -> Any:
    """Return JSON-able data as the dataclass, tuple or plain value that an annotation asks for.

    Parameters
    ----------
    kind
        The annotation: a dataclass, ``tuple[..., ...]``, a union with None, or str, bool, int, float.
    data
        The data; fields of a later version are ignored.
    name
        What it is, for errors.

    Raises
    ------
    ValueError
        Something is missing, or is not what it should be.
    """
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, data, name)
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(data, (list, tuple)):
            raise ValueError(f"a snapshot whose '{name}' is {type(data).__name__}")
        return tuple(loaded(typing.get_args(kind)[0], item, name) for item in data)
    if origin in (types.UnionType, typing.Union):
        wanted = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        return None if data is None else loaded(wanted, data, name)
    if not isinstance(data, (int, float) if kind is float else kind):
        raise ValueError(f"a snapshot whose '{name}' is {type(data).__name__}")
    if isinstance(data, (int, float)) and not (abs(data) < _LATEST if name.endswith(_TIMES) else _is_finite(data)):
        raise ValueError(f"a snapshot whose '{name}' is out of all bounds")
    return data


def _dataclass(kind: type, data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"a snapshot whose '{name}' is {type(data).__name__}, not a map")
    hints = typing.get_type_hints(kind)
    found = {}
    for field in dataclasses.fields(kind):
        if field.name in data:
            found[field.name] = loaded(hints[field.name], data[field.name], field.name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"a snapshot without '{field.name}'")
    return kind(**found)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond any float
        return False
