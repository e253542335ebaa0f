"""The reference of ``%flare`` in Markdown, from the same declarations as the help and the completion."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable, Mapping

from .cell import CELL_MAGIC
from .parsing import Verb
from .verbs import VERBS

_COLUMN_GAP = re.compile(r"(\s{2,})")


def format_reference(groups: Mapping[str, Iterable[Verb]] | None = None, cell: Verb = CELL_MAGIC) -> str:
    """Return the reference: a chapter per group, a section per verb with its arguments and examples.

    Parameters
    ----------
    groups
        The verbs by topic; all when not given.
    cell
        The ``%%flare`` cell magic.
    """
    lines = [
        "# `%flare`",
        "",
        "Load it with `%load_ext flare_widgets`. Every verb returns a value: `job = %flare submit FOLDER`. `{name}` "
        "and `$name` stand for the values of variables. `JOB` is a job's id, the beginning of the id, or its name.",
    ]
    for heading, verbs in (VERBS.groups() if groups is None else groups).items():
        lines += ["", f"## {heading}"]
        for verb in verbs:
            lines += ["", *_format_section(f"%flare {verb.name}", verb)]
    lines += ["", "## Jobs written in cells", "", *_format_section("%%flare", cell)]
    return "\n".join(lines) + "\n"


def _format_section(title: str, verb: Verb) -> list[str]:
    text, _, examples = (inspect.getdoc(verb.run) or "").partition("Examples:")
    lines = [f"### `{title}`", "", text.strip()]
    if verb.is_mutating:
        lines += ["", "Refused in read-only mode, since it may change something."]
    arguments = [action for action in verb.parser._actions if action.help is not argparse.SUPPRESS]
    if arguments:
        lines += ["", "| argument | meaning |", "| --- | --- |"]
        lines += [
            f"| {_format_name(action)} | {_escape_cell(str(action.help or '').replace('%%', '%'))} |"
            for action in arguments
        ]
    if examples.strip():
        lines += ["", "```python", *map(_format_example, inspect.cleandoc("\n" + examples).splitlines()), "```"]
    return lines


def _format_example(line: str) -> str:
    """Return an example that can be copied: its description becomes a comment."""
    if "%flare" not in line:
        return line
    example, *words = _COLUMN_GAP.split(line, maxsplit=1)
    return f"{example}{words[0]}# {words[1]}" if words else line


def _format_name(action: argparse.Action) -> str:
    value = action.metavar or (None if action.choices is None else "|".join(map(str, action.choices)))
    if not action.option_strings:
        word = str(value or action.dest)
        return f"`{word}`" if action.nargs not in ("?", "*") else f"`[{word}]`"
    if action.nargs == 0:
        return ", ".join(f"`{flag}`" for flag in action.option_strings)
    word = str(value or action.dest.upper())
    return ", ".join(f"`{flag} {_escape_cell(word)}`" for flag in action.option_strings)


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|")
