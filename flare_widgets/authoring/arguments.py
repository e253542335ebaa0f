"""Conversion of a notebook's values to plain data for a job, never to a pickle. Pure functions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidArgumentError

_NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

# The sites' FLARE splits a script's arguments at white space, without regard to quotes, and replaces braces and
# ${...} by its own values: arguments that contain these would arrive changed.
_UNSAFE_VALUE_PATTERN = re.compile(r"[\s{}]|\$\{")


def format_arguments(arguments: Mapping[str, Any]) -> str:
    """Return a script's arguments in the format of FLARE's recipes: ``--rate=0.1 --fast=true``.

    Parameters
    ----------
    arguments
        The values by name: strings, numbers, true and false. None leaves the argument out, so that the script's
        default applies.

    Raises
    ------
    InvalidArgumentError
        A name or a value cannot be passed.
    """
    return " ".join(
        f"--{_check_name(name)}={_format_value(name, value)}" for name, value in arguments.items() if value is not None
    )


def to_plain_data(label: str, value: Any) -> Any:
    """Return a value as plain data that JSON can hold: arrays become lists, numbers stay exact.

    Parameters
    ----------
    label
        The name of the value in an error message.
    value
        Numbers, strings, true, false, None; lists, tuples and dicts of them; and any object with a ``tolist``, such as
        a numpy array.

    Raises
    ------
    InvalidArgumentError
        It is anything else. Objects are not pickled: nobody can check what a pickle does when it is loaded.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidArgumentError(f"{label} contains {value}, which a job's configuration cannot store")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [to_plain_data(label, item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidArgumentError(f"{label} has keys that are not strings")
        return {key: to_plain_data(label, item) for key, item in value.items()}
    if callable(getattr(value, "tolist", None)):
        listed = value.tolist()
        if type(listed) is not type(value):
            return to_plain_data(label, listed)
    raise InvalidArgumentError(
        f"{label} is a {type(value).__name__}, which does not travel in a job: only numbers, strings, true and false, "
        "lists and dicts of them, and arrays do"
    )


def parse_literal(text: str) -> Any:
    """Return the value of a command-line word: parsed as JSON if it is valid JSON, else the word itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_name(name: str) -> str:
    if not _NAME_PATTERN.fullmatch(name):
        raise InvalidArgumentError(f"invalid argument name {name!r}: use letters, digits, '_' and '-'")
    return name


def _format_value(name: str, value: Any) -> str:
    value = to_plain_data(f"the argument {name}", value)
    if isinstance(value, (list, dict)):
        raise InvalidArgumentError(
            f"the argument {name} is a {type(value).__name__}: only strings, numbers, true and false can be one"
        )
    word = value if isinstance(value, str) else json.dumps(value)
    if _UNSAFE_VALUE_PATTERN.search(word):
        raise InvalidArgumentError(
            f"the argument {name} contains a space, a brace or a line's end, which does not arrive unchanged: "
            "FLARE splits a script's arguments at spaces, whatever the quotes"
        )
    return word
