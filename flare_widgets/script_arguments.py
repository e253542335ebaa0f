"""Arguments of the script that a job's sites run, in the job's configuration and in its meta. Pure."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from . import bounds
from .errors import InvalidArgumentError
from .formatting.text import sanitize

_SCRIPT, _SCRIPT_ARGUMENTS = "task_script_path", "task_script_args"  # of FLARE's executors that run a script
# Where a job's meta has them; the first name is FLARE's.
_PROPS, _OURS, _ARGUMENTS = "custom_props", "flare_widgets", "arguments"
MAX_ARGUMENTS = 100
"""Number of arguments that are read of a job."""
_MAX_NAME_CHARS, _MAX_VALUE_CHARS, _MAX_NUMBER_CHARS = 100, 200, 40
# FLARE splits the arguments at white space, without regard to quotes, and replaces braces by its own values.
_UNSAFE = set(" \t\r\n\f\v{}$\"'\\")


def find_script_arguments(config: Any) -> dict[str, str]:
    """Return the arguments of the first script in a site's configuration: ``--rate 0.1 --fast`` by name.

    Parameters
    ----------
    config
        The parsed configuration. FLARE's executors have their script's arguments in ``task_script_args``.
    """
    for executor in _find_executors(config):
        line = executor.get(_SCRIPT_ARGUMENTS)
        if isinstance(line, str) and line.strip():
            return split_arguments(line[: bounds.MAX_SEARCHED_CHARS])
    return {}


def read_recorded_arguments(meta: Any) -> dict[str, str]:
    """Return the arguments by name that a job's meta records, in any order; empty if it records none.

    Parameters
    ----------
    meta
        The meta, as the server has it. The server keeps what :func:`record_arguments` wrote, and shows it to everybody
        who may see the job.
    """
    for key in (_PROPS, _OURS, _ARGUMENTS):
        meta = meta.get(key) if isinstance(meta, Mapping) else None
    if not isinstance(meta, Mapping):
        return {}
    texts = [(name, value) for name, value in meta.items() if isinstance(name, str) and isinstance(value, str)]
    return {_clean_name(name): _clean_value(value) for name, value in texts[:MAX_ARGUMENTS] if name}


def record_arguments(meta: dict[str, Any], arguments: Mapping[str, str]) -> None:
    """Add arguments to the meta of a job that is being made, so that lists of jobs have them.

    Parameters
    ----------
    meta
        The content of ``meta.json``; it is changed. What others have put in its ``custom_props`` stays.
    arguments
        The arguments by name.
    """
    props = meta.get(_PROPS)
    ours = props.get(_OURS) if isinstance(props, Mapping) else None
    meta[_PROPS] = {
        **(props if isinstance(props, Mapping) else {}),
        _OURS: {**(ours if isinstance(ours, Mapping) else {}), _ARGUMENTS: dict(arguments)},
    }


def to_value(text: str) -> int | float | str:
    """Return the value of an argument as a number if it is a finite one, else as it is."""
    for number in (int, float) if len(text) <= _MAX_NUMBER_CHARS and "_" not in text else ():
        try:
            value = number(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text


def describe_arguments(arguments: Mapping[str, str]) -> str:
    """Return arguments as text: ``rate=0.1 batch=16``."""
    return " ".join(f"{name}={value}" for name, value in arguments.items())


def set_script_arguments(config: Any, arguments: Mapping[str, str]) -> int:
    """Set arguments of all scripts in a site's configuration; others stay as they are.

    Parameters
    ----------
    config
        The parsed configuration; it is changed.
    arguments
        The arguments by name.

    Returns
    -------
    int
        The number of scripts.

    Raises
    ------
    InvalidArgumentError
        A name or a value cannot be passed.
    """
    executors = list(_find_executors(config))
    for executor in executors:
        line = executor.get(_SCRIPT_ARGUMENTS)
        executor[_SCRIPT_ARGUMENTS] = _replace_arguments(line if isinstance(line, str) else "", arguments)
    return len(executors)


def split_arguments(line: str) -> dict[str, str]:
    """Return arguments by name; one without a value is ``true``, and words that belong to none are left out."""
    found: dict[str, str] = {}
    name = ""
    for word in _split_words(line):
        if len(found) >= MAX_ARGUMENTS:
            break
        if _is_name(word):
            name, equals, value = word.lstrip("-").partition("=")
            name = _clean_name(name)
            found[name] = _clean_value(value) if equals else "true"
            name = "" if equals else name
        elif name:
            found[name] = _clean_value(word)
            name = ""
    return found


def _clean_name(name: str) -> str:
    return sanitize(name, _MAX_NAME_CHARS)


def _clean_value(value: str) -> str:
    return sanitize(value, _MAX_VALUE_CHARS)


def _find_executors(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the mappings that have a script or its arguments, in their order; the outer before the inner ones."""
    waiting = [config]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            if _SCRIPT in value or _SCRIPT_ARGUMENTS in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _replace_arguments(line: str, arguments: Mapping[str, str]) -> str:
    kept: list[str] = []
    is_dropped = False
    for word in line.split():
        if _is_name(word):
            name, equals, _ = word.lstrip("-").partition("=")
            is_dropped = name in arguments
            if is_dropped:
                is_dropped = not equals  # its value is the next word
                continue
        elif is_dropped:
            is_dropped = False
            continue
        kept.append(word)
    return " ".join([*kept, *(f"--{_check(name)}={_check(value)}" for name, value in arguments.items())])


def _check(text: str) -> str:
    if not text or _UNSAFE & set(text):
        raise InvalidArgumentError(
            f"{text!r} cannot be an argument of the sites' script: FLARE splits arguments at white space and replaces "
            "braces",
            next_step="Use names and values without white space, quotes, braces and dollar signs",
        )
    return text


def _split_words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that is not closed
        return line.split()


def _is_name(word: str) -> bool:
    if not word.startswith("-"):
        return False
    try:
        float(word)
    except ValueError:
        return True
    return False
