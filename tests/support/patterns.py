"""All patterns of a package, and text that is hard for each: repeated pieces of what it matches."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

if sys.version_info >= (3, 11):
    from re import _parser as sre_parse  # type: ignore[attr-defined]
else:
    import sre_parse


def find_patterns(package: ModuleType) -> dict[str, re.Pattern[str]]:
    """Return the compiled patterns in the modules of a package, by where they were found first.

    They are looked for in the attributes of modules and classes, and in whatever containers and dataclasses those are.
    """
    found: dict[re.Pattern[str], str] = {}
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not info.name.endswith("__main__"):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if not isinstance(value, ModuleType):
                    for pattern in _patterns_in(value, set()):
                        found.setdefault(pattern, f"{module.__name__}.{name}")
    return {f"{where} {pattern.pattern[:60]}": pattern for pattern, where in found.items()}


def find_inline_calls(file: Path) -> list[str]:
    """Return the calls of `re` with a literal pattern that `find_patterns` cannot find, since no attribute has it."""
    tree = ast.parse(file.read_text())
    inside = {node for function in ast.walk(tree) if isinstance(function, _FUNCTIONS) for node in ast.walk(function)}
    return [
        f"{file.name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr != "escape"
        and (node in inside or node.func.attr != "compile")
        and (not node.args or isinstance(node.args[0], ast.Constant))
    ]


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def _patterns_in(value: Any, seen: set[int]) -> Iterator[re.Pattern[str]]:
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
        return
    seen.add(id(value))
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
        return
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, (tuple, list, set, frozenset)):
        inner = value
    elif isinstance(value, type):
        inner = vars(value).values() if value.__module__.startswith("flare_widgets") else ()
    elif dataclasses.is_dataclass(value):
        inner = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    for each in inner:
        yield from _patterns_in(each, seen)


def hard_texts(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Return texts of `size` characters that repeat pieces of what a pattern matches."""
    examples = _examples(sre_parse.parse(pattern.pattern, pattern.flags))
    pieces = {piece for example in examples for piece in _cut(example)}
    whole = max(examples, key=len, default="")
    for piece in sorted(pieces):
        filled = piece * (size // len(piece) + 1)
        yield filled[:size]
        yield filled[: size - 1] + "\0"
        if piece != whole:
            yield (whole[: len(whole) // 2] + filled)[:size]
            at = whole.find(piece)
            if at > 0:
                yield (whole[:at] + filled)[: size - 1] + "\0"
            yield (whole + filled)[: size - 1] + "\0"


def _cut(example: str) -> Iterator[str]:
    """Return pieces of an example: beginnings, ends, words and single characters."""
    words = re.split(r"(\W)", example)
    for index in range(len(words)):
        yield from filter(None, ("".join(words[: index + 1]), "".join(words[index:]), words[index]))
    yield from dict.fromkeys(example[:40])


def _examples(tree: Any) -> list[str]:
    """Return some texts that a parsed pattern matches: with as little, and with as much as sensible, of each part."""
    found = [""]
    for operation, argument in tree:
        choices = _choices(str(operation), argument)
        few = choices[:3]
        found = [before + choice for before in found[:4] for choice in few] or found
    return found[:12]


def _choices(operation: str, argument: Any) -> list[str]:
    if operation == "LITERAL":
        return [chr(argument)]
    if operation == "NOT_LITERAL":
        return ["b" if chr(argument) == "a" else "a"]
    if operation == "ANY":
        return ["a"]
    if operation == "IN":
        return _members(argument)
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most, inner = argument
        times = max(least, min(int(most), 2))
        return [each * times for each in _examples(inner)][:2] + ([""] if least == 0 else [])
    if operation == "SUBPATTERN":
        return _examples(argument[3])
    if operation == "ATOMIC_GROUP":
        return _examples(argument)
    if operation == "BRANCH":
        return [example for branch in argument[1] for example in _examples(branch)[:1]]
    return [""]  # positions and assertions


def _members(argument: Any) -> list[str]:
    found = []
    negated = str(argument[0][0]) == "NEGATE"
    for operation, value in argument:
        kind = str(operation)
        if kind == "LITERAL":
            found.append(chr(value))
        elif kind == "RANGE":
            found.append(chr(value[0]))
        elif kind == "CATEGORY":
            found.append({"DIGIT": "1", "SPACE": " ", "WORD": "a"}.get(str(value).removeprefix("CATEGORY_"), "-"))
    return [c for c in "a1 ." if c not in found][:2] if negated else found[:3]
