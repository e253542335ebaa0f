"""Reader of FLARE's configuration files, in each of its formats: JSON, HOCON and YAML. Pure.

FLARE takes ``config_fed_server``, ``config_fed_client`` and ``meta`` as ``.json``, ``.conf`` (HOCON), ``.yml`` or
``.yaml``. They come from other people, so a file may only describe data here: HOCON's ``include`` and its values from
the environment are refused or left as they stand, sizes and depths are bounded, and YAML builds nothing but plain data.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from typing import Any

from .errors import ConfigError

SUFFIXES = (".json", ".conf", ".yml", ".yaml")
"""Suffixes of the formats, in the order in which FLARE looks for them."""

MAX_CHARS = 64_000
"""Maximum length of a configuration: a second's work for the slowest parser. FLARE's largest own one has 12,000."""
MAX_DEPTH = 40
MAX_VALUES = 20_000
"""Maximum number of values in a configuration, with those that YAML's aliases repeat."""

_MAX_HOCON_CHARS = 16_000
"""Maximum length of a configuration in HOCON, whose parser takes a second for 10,000 characters; FLARE's have 6,000."""

# What pyhocon would take for an include, in upper case as pyhocon compares it. Also within quotes: none is missed.
_INCLUDE = re.compile(r"INCLUDE\s*(?:\"|REQUIRED|URL|FILE|PACKAGE|CLASSPATH)")
_COMMENT_LINE = re.compile(r"^[ \t]*(?:#|//).*$", re.MULTILINE)
_SUBSTITUTION = re.compile(
    r'(?P<quoted>"(?:[^"\\\n]|\\.)*")|\$\{(?P<optional>\??)(?P<name>[^{}\n]{1,200})\}|(?P<append>\+=)'
)
# pyparsing has one setting of white space for all threads, which pyhocon changes while it parses.
_HOCON_LOCK = threading.Lock()


class ConfigFileError(ConfigError):
    """A configuration file that cannot be read; the message says why."""


class UnsupportedConfigFile(ConfigFileError):
    """A configuration file that FLARE may be able to read, but is not read here: too large, or more than data."""


def parse_config(text: str, suffix: str) -> dict[str, Any]:
    """Return the content of a configuration file as plain data: dicts, lists, texts, numbers, booleans, None.

    Parameters
    ----------
    text
        The file's content.
    suffix
        Format, one of `SUFFIXES`.

    Raises
    ------
    ConfigFileError
        It is not valid, includes other files, is too large or too deep, or is no mapping.
    """
    parse = {".json": _parse_json, ".conf": _parse_hocon, ".yml": _parse_yaml, ".yaml": _parse_yaml}[suffix]
    if len(text) > MAX_CHARS:
        raise UnsupportedConfigFile(f"it has {len(text):,} characters, more than {MAX_CHARS:,}")
    try:
        value = _Copy().copy(parse(text))
    except RecursionError:
        raise UnsupportedConfigFile(f"it is nested more than {MAX_DEPTH} levels deep") from None
    if not isinstance(value, dict):
        raise ConfigFileError("it is not a mapping of names to values")
    return value


def resolve_variables(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration with FLARE's variables replaced: ``"{num_rounds}"`` by ``num_rounds`` at its top.

    Only texts, numbers and booleans at the top of the same file are variables, as in FLARE. What is not known here (an
    environment variable of the server, a variable of the command line) is left as it stands.
    """
    variables = {
        name: value
        for name, value in config.items()
        if isinstance(value, (int, float, bool)) or (isinstance(value, str) and len(value) <= _MAX_VARIABLE_CHARS)
    }
    for _ in range(5):  # a variable may name another
        resolved = {name: _replace(value, variables) for name, value in variables.items()}
        if resolved == variables:
            break
        variables = resolved
    replaced: dict[str, Any] = _replace(config, variables)
    return replaced


_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.\-]{0,99})\}")
_MAX_VARIABLE_CHARS = 1_000
_MAX_TEXT_CHARS = 10_000


def _replace(value: Any, variables: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _replace(child, variables) for name, child in value.items()}
    if isinstance(value, list):
        return [_replace(child, variables) for child in value]
    if not isinstance(value, str):
        return value
    whole = _VARIABLE.fullmatch(value.strip())
    if whole is not None:
        return variables.get(whole[1], value)
    text = _VARIABLE.sub(lambda match: str(variables.get(match[1], match[0])), value)
    return text if len(text) <= _MAX_TEXT_CHARS else value


class _Copy:
    """Copier of parsed values into plain data, which counts them."""

    def __init__(self) -> None:
        self._count = 0

    def copy(self, value: Any, depth: int = 0) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise UnsupportedConfigFile(f"it has more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise UnsupportedConfigFile(f"it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            return {_key(name): self.copy(child, depth + 1) for name, child in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.copy(child, depth + 1) for child in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return str(value)  # a text, or what YAML and HOCON take for a date or a duration


def _key(name: Any) -> str:
    # HOCON keeps the quotes of a quoted key.
    return str(name).strip('"')


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigFileError(f"it is not valid JSON: {error}") from None


def _parse_yaml(text: str) -> Any:
    import yaml

    _check_depth(text)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise ConfigFileError(f"it is not valid YAML: {_first_line(error)}") from None


def _parse_hocon(text: str) -> Any:
    if len(text) > _MAX_HOCON_CHARS:
        raise UnsupportedConfigFile(f"it has {len(text):,} characters, more than {_MAX_HOCON_CHARS:,}")
    # Within """ a line that looks like a comment may be none.
    if _INCLUDE.search((text if '"""' in text else _COMMENT_LINE.sub("", text)).upper()):
        raise UnsupportedConfigFile("it includes other files, which are not read here")
    _check_depth(text)
    # pyhocon would take what the file itself does not define from this process's environment. So it sees a plain word
    # instead of each ${name}, and these are replaced afterwards: quoted ones by themselves.
    names: list[tuple[str, bool]] = []

    def stand_in(match: re.Match[str]) -> str:
        if match["append"]:
            raise UnsupportedConfigFile("it appends to values (+=), which is not read here")
        if match["quoted"]:
            return match["quoted"].replace("${", _DOLLAR)
        names.append((match["name"].strip(), bool(match["optional"])))
        return f"__substitution_{len(names) - 1}__"

    plain = _SUBSTITUTION.sub(stand_in, text).replace("${", _DOLLAR)
    from pyhocon import ConfigFactory
    from pyhocon.exceptions import ConfigException
    from pyparsing import ParseBaseException

    try:
        with _HOCON_LOCK:
            tree = ConfigFactory.parse_string(plain, resolve=False)
    except (ParseBaseException, ConfigException, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise ConfigFileError(f"it is not valid HOCON: {_first_line(error)}") from None
    return _substitute(_plain(tree), names)


def _plain(value: Any, depth: int = 0) -> Any:
    """Return pyhocon's trees as dicts and lists."""
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        return {_key(name): _plain(child, depth + 1) for name, child in value.items()}
    if isinstance(value, list):
        return [_plain(child, depth + 1) for child in value]
    if type(value).__name__ == "NoneValue":
        return None
    return value


_STAND_IN = re.compile(r"__substitution_(\d{1,5})__")
_DOLLAR = "__dollar__{"


def _substitute(config: Any, names: list[tuple[str, bool]]) -> Any:
    """Replace each stand-in by the value that it names in the same file; an undefined one stays ``${name}``."""

    def look_up(path: str) -> Any:
        value = config
        for part in path.split("."):
            if not isinstance(value, dict) or part.strip('" ') not in value:
                return None
            value = value[part.strip('" ')]
        return value

    count = itertools.count()

    def resolve(value: Any, seen: tuple[int, ...]) -> Any:
        if next(count) > MAX_VALUES:
            raise UnsupportedConfigFile(f"it has more than {MAX_VALUES:,} values")
        if isinstance(value, dict):
            return {name: resolve(child, seen) for name, child in value.items()}
        if isinstance(value, list):
            return [resolve(child, seen) for child in value]
        if not isinstance(value, str):
            return value
        value = value.replace(_DOLLAR, "${")
        whole = _STAND_IN.fullmatch(value)
        if whole is not None:
            return target(int(whole[1]), seen)
        text = _STAND_IN.sub(lambda match: str(target(int(match[1]), seen)), value)
        return text[:_MAX_TEXT_CHARS]

    def target(number: int, seen: tuple[int, ...]) -> Any:
        if number >= len(names):  # the file's own text, which happens to look like a stand-in
            return ""
        name, optional = names[number]
        found = None if number in seen or len(seen) > 5 else look_up(name)
        if found is None:
            return "" if optional else f"${{{name}}}"
        return resolve(found, (*seen, number))

    return resolve(config, ())


def _check_depth(text: str) -> None:
    """Refuse brackets that are nested too deep, before a parser recurses into them."""
    depth = 0
    for character in text:
        if character in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise UnsupportedConfigFile(f"it is nested more than {MAX_DEPTH} levels deep")
        elif character in "}]":
            depth = max(0, depth - 1)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
