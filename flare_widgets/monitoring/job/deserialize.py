"""Deserialization of frozen dataclasses from JSON data, which is not trusted."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from typing import Any

from ...errors import InvalidArgumentError
from .meta import MAX_TIME_S

JSON_NAME = "json_name"
"""Key of a field's metadata: its name in JSON, where that is another one."""

_TIME_SUFFIXES = ("at", "duration", "last_seen")


def deserialize(annotation: Any, data: Any, name: str = "snapshot") -> Any:
    """Convert JSON-able data to the dataclass, tuple or plain value that an annotation requires.

    Parameters
    ----------
    annotation
        The annotation: a dataclass, ``tuple[..., ...]``, a union with None, ``Literal``, or str, bool, int, float.
    data
        The data; fields of a later version are ignored.
    name
        The name of the value, for error messages.

    Raises
    ------
    InvalidArgumentError
        A value is missing or invalid.
    """
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return _deserialize_dataclass(annotation, data, name)
    origin = typing.get_origin(annotation)
    if origin is tuple:
        if not isinstance(data, (list, tuple)):
            raise InvalidArgumentError(f"a snapshot whose '{name}' is {type(data).__name__}")
        return tuple(deserialize(typing.get_args(annotation)[0], item, name) for item in data)
    if origin in (types.UnionType, typing.Union):
        wanted = next(arm for arm in typing.get_args(annotation) if arm is not type(None))
        return None if data is None else deserialize(wanted, data, name)
    if origin is typing.Literal:
        if data not in typing.get_args(annotation):
            raise InvalidArgumentError(f"a snapshot whose '{name}' is not one of {typing.get_args(annotation)}")
        return data
    if not isinstance(data, (int, float) if annotation is float else annotation):
        raise InvalidArgumentError(f"a snapshot whose '{name}' is {type(data).__name__}")
    if isinstance(data, (int, float)) and not (
        abs(data) < MAX_TIME_S if name.endswith(_TIME_SUFFIXES) else _is_finite(data)
    ):
        raise InvalidArgumentError(f"a snapshot whose '{name}' is out of all bounds")
    return data


def _deserialize_dataclass(cls: type, data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        raise InvalidArgumentError(f"a snapshot whose '{name}' is {type(data).__name__}, not a map")
    hints = typing.get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cls):
        key = json_name(field)
        if key in data:
            found[field.name] = deserialize(hints[field.name], data[key], key)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise InvalidArgumentError(f"a snapshot without '{key}'")
    return cls(**found)


def json_name(field: dataclasses.Field[Any]) -> str:
    """Return the name of a dataclass's field in JSON."""
    return str(field.metadata.get(JSON_NAME, field.name))


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond any float
        return False
