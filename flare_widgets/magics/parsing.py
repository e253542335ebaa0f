"""From a line to a verb and its arguments: argparse, without its habit of exiting."""

from __future__ import annotations

import argparse
import difflib
import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from IPython.core.error import UsageError


@dataclass(frozen=True)
class Option:
    """One argument of a verb: what ``argparse.ArgumentParser.add_argument`` takes."""

    flags: tuple[str, ...]
    settings: Mapping[str, Any]


def option(*flags: str, **settings: Any) -> Option:
    """Declare an argument of a verb."""
    return Option(flags, settings)


@dataclass
class Verb:
    """A word after ``%flare``.

    Attributes
    ----------
    name
        The word.
    run
        ``run(state, **arguments)``; its docstring is the help, its first line the summary.
    """

    name: str
    run: Callable[..., Any]
    options: Sequence[Option] = ()
    parser: _Parser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = _Parser(
            prog=f"%flare {self.name}",
            description=inspect.getdoc(self.run),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        for o in self.options:
            self.parser.add_argument(*o.flags, **o.settings)

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return (inspect.getdoc(self.run) or "").partition("\n")[0]

    def help(self) -> str:
        """Return the whole help."""
        return self.parser.format_help()


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of exiting, and suggests."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            known = [flag for action in self._actions for flag in action.option_strings]
            raise UsageError(
                f"{self.prog}: it does not know {unknown.split()[0]!r}{_suggest(unknown.split()[0], known)}. "
                f"{self.prog} -h tells what it takes"
            )
        raise UsageError(f"{self.prog}: {message}. {self.prog} -h tells what it takes")


def parse(verbs: Mapping[str, Verb], line: str) -> tuple[Any, dict[str, Any] | None]:
    """Return the verb of a line and its arguments; None as arguments when help is wanted.

    Raises
    ------
    UsageError
        The line makes no sense; the message is one line, with a suggestion.
    """
    try:
        words = shlex.split(line)
    except ValueError as e:
        raise UsageError(f"%flare: {str(e).lower()} in: {line.strip()}") from None
    if not words:
        return None, None
    name, *rest = words
    if name in ("help", "-h", "--help"):
        return (_find(verbs, rest[0]) if rest else None), None
    verb = _find(verbs, name)
    if "-h" in rest or "--help" in rest:
        return verb, None
    return verb, vars(verb.parser.parse_args(rest))


def help_all(verbs: Mapping[str, Verb]) -> str:
    """Return the list of verbs."""
    width = max(map(len, verbs))
    lines = [f"  %flare {v.name:<{width}}  {v.summary}" for v in verbs.values()]
    return "\n".join(
        [
            "NVIDIA FLARE in a notebook:",
            "",
            *lines,
            "",
            "%flare VERB -h tells more. Every verb returns a value: job = %flare submit FOLDER",
        ]
    )


def _find(verbs: Mapping[str, Verb], name: str) -> Verb:
    if name in verbs:
        return verbs[name]
    raise UsageError(f"%flare does not know {name!r}{_suggest(name, list(verbs))}. %flare help lists the verbs")


def _suggest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
