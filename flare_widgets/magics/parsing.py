"""Parsing of a line into a verb and its arguments: argparse, but without exiting."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from IPython.core.error import UsageError

from ..formatting.text import did_you_mean
from ..options import Option, add_options
from .words import QUOTE_HINT, split_words, strip_comment

_COLUMN_GAP = re.compile(r"\s{2,}")
_ELSEWHERE = {
    ("submit", "--arg"): "%flare sweep FOLDER --arg NAME=VALUE passes arguments to the sites' script.",
    ("export", "--csv"): "rows = %flare metrics returns the values: pandas.DataFrame(rows).to_csv(FILE) writes them.",
}
"""Options that people look for in a verb, and the line that does it."""
_HELP_WORDS = frozenset({"-h", "--help", "?", "??"})


@dataclass
class Verb:
    """A word after ``%flare``; made by :func:`verb`.

    Attributes
    ----------
    name
        The verb's name.
    run
        ``run(state, **arguments)``; its docstring is the help, its first line the summary.
    options
        Its options and arguments.
    is_mutating
        True if it may change something on the server, on a site or of a federation: then it is refused in read-only
        mode.
    """

    name: str
    run: Callable[..., Any]
    options: Sequence[Option] = ()
    is_mutating: bool = False
    parser: _Parser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = _Parser(
            prog=f"%flare {self.name}",
            description=inspect.getdoc(self.run),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        add_options(self.parser, self.options)

    @property
    def summary(self) -> str:
        """The first line of the help text."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]

    @property
    def examples(self) -> list[tuple[str, str]]:
        """The examples in the help text: the line, and its comment."""
        found = []
        for line in (inspect.getdoc(self.run) or "").partition("Examples:")[2].splitlines():
            if "%flare" in line:
                example, *words = _COLUMN_GAP.split(line.strip(), maxsplit=1)
                found.append((example, "".join(words)))
        return found

    def help(self) -> str:
        """Return the full help text."""
        return self.parser.format_help()


def verb(*options: Option, is_mutating: bool = False) -> Callable[[Callable[..., Any]], Verb]:
    """Declare a function as a verb; its name, without a trailing underscore, is the verb's name."""
    return lambda run: Verb(run.__name__.rstrip("_"), run, options, is_mutating)


class _Parser(argparse.ArgumentParser):
    """An argparse parser that raises instead of exiting, and suggests."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message and not unknown.startswith("-"):
            takes_words = any(not action.option_strings for action in self._actions)
            hint = QUOTE_HINT if takes_words else "It takes options only."
            raise UsageError(f"{self.prog}: unexpected word {unknown.split()[0]!r}. {hint} See {self.prog} -h")
        if unknown != message:
            known = [flag for action in self._actions for flag in action.option_strings]
            option = unknown.split()[0].partition("=")[0]
            elsewhere = _ELSEWHERE.get((self.prog.removeprefix("%flare "), option))
            told = f". {elsewhere}" if elsewhere else _suggest(option, known)
            raise UsageError(f"{self.prog}: unrecognized option {option!r}{told} See {self.prog} -h")
        raise UsageError(f"{self.prog}: {message}. See {self.prog} -h")


def parse_line(verbs: Mapping[str, Verb], line: str) -> tuple[Any, dict[str, Any] | None]:
    """Return the verb of a line and its arguments; None as arguments if help was requested.

    Raises
    ------
    UsageError
        The line is invalid; the message is one line, with a suggestion.
    """
    try:
        words = split_words(strip_comment(line))
    except ValueError as e:
        raise UsageError(f"%flare: {e} in: {line.strip()}. {QUOTE_HINT}") from None
    if not words or words[0] in _HELP_WORDS:
        return None, None
    name, *rest = words
    found = find_verb(verbs, name.rstrip("?"))
    if name.endswith("?") or not _HELP_WORDS.isdisjoint(rest):
        return found, None
    return found, vars(found.parser.parse_intermixed_args(rest))


def find_verb(verbs: Mapping[str, Verb], name: str) -> Verb:
    """Return the verb of this name; raise UsageError, with a suggestion, if there is none."""
    if name in verbs:
        return verbs[name]
    raise UsageError(f"%flare: unknown verb {name!r}{_suggest(name, list(verbs))} %flare help lists all verbs")


def format_verb_list(groups: Mapping[str, Iterable[Verb]]) -> str:
    """Return the list of verbs, grouped by topic."""
    width = max(len(v.name) for verbs in groups.values() for v in verbs)
    lines = ["NVIDIA FLARE in a notebook:"]
    for heading, verbs in groups.items():
        lines += ["", heading, *(f"  %flare {v.name:<{width}}  {v.summary}" for v in verbs)]
    lines += ["", "%flare VERB -h explains a verb. Every verb returns a value: job = %flare submit FOLDER"]
    return "\n".join(lines)


def _suggest(word: str, known: Sequence[str]) -> str:
    question = did_you_mean(word, known)
    return f"; {question}" if question else "."
