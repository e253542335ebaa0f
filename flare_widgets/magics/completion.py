"""Tab completion of ``%flare``: of verbs, options and whatever a value of them may be."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from ..api import TargetType
from ..formatting.text import SHORT_ID, clean
from .cell import CELL
from .parsing import Verb
from .state import State
from .verbs import VERBS

_IDENTIFIER = "flare_widgets"
_PRIORITY = 1000.0  # before Jedi, which is slow and has nothing to say here
_PATIENCE = 0.25  # seconds for what the server was never asked before, and for looking for kits
_MOST = 200
_LINE = re.compile(r"(?:^|=)\s*%flare(?P<rest>\s.*)$")
_CELL = re.compile(r"^%%flare(?P<rest>\s.*)$")


class Candidate(NamedTuple):
    """What could be meant: the word, and a word about it."""

    text: str
    kind: str = ""


class Completions(NamedTuple):
    """The candidates, and the part of the line that one of them would take the place of."""

    fragment: str
    candidates: list[Candidate]


Values = Callable[[str, str], Iterable[Candidate]]
"""Returns what a value of some kind (see :attr:`.Option.completes`) may be, given what was typed of it."""


def complete(line: str, verbs: Mapping[str, Verb], values: Values) -> Completions | None:
    """Return how a line may go on; None when it is none of ``%flare``.

    Parameters
    ----------
    line
        The line up to the cursor.
    verbs
        The verbs.
    values
        What values there are.
    """
    in_cell = _CELL.match(line)
    found = in_cell or _LINE.search(line)
    if found is None:
        return None
    before, fragment = _split(found["rest"])
    if in_cell:
        return _arguments(CELL, before, fragment, values)
    if not before:
        return _of(fragment, [Candidate(verb.name, "verb") for verb in verbs.values()])
    verb = verbs.get(before[0])
    if verb is None:
        return _of(fragment, [])
    return _arguments(verb, before[1:], fragment, values)


def _arguments(verb: Verb, before: list[str], fragment: str, values: Values) -> Completions:
    """How the arguments of a verb may go on."""
    actions = verb.parser._actions
    flags = {flag: action for action in actions for flag in action.option_strings}
    position, waiting = _read(before, flags)
    if waiting is not None:
        return _values_of(waiting, fragment, values)
    flag, equals, value = fragment.partition("=")
    if equals and flag in flags:
        inner = _values_of(flags[flag], value, values)
        return Completions(inner.fragment, inner.candidates)
    options = [Candidate(flag, "option") for flag in flags if flag.startswith("--")] + [Candidate("--help", "option")]
    if fragment.startswith("-"):
        return _of(fragment, options)
    positional = _positional(actions, position)
    if positional is not None:
        completions = _values_of(positional, fragment, values)
        if completions.candidates or fragment:
            return completions
    return _of(fragment, [] if fragment else options)


def _split(text: str) -> tuple[list[str], str]:
    """The whole words of a line, and the one that is being typed, as it is typed."""
    starts = [0]
    quote = ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            starts.append(i + 1)
    fragment = text[starts[-1] :]
    try:
        return shlex.split(text[: starts[-1]]), fragment
    except ValueError:
        return text[: starts[-1]].split(), fragment


def _read(words: list[str], flags: Mapping[str, argparse.Action]) -> tuple[int, argparse.Action | None]:
    """How many words stand alone, and which option waits for its value."""
    alone, waiting = 0, None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in flags:
            waiting = flags[word] if flags[word].nargs != 0 else None
        elif not word.startswith("-"):
            alone += 1
    return alone, waiting


def _positional(actions: list[argparse.Action], position: int) -> argparse.Action | None:
    places = [action for action in actions if not action.option_strings]
    if position < len(places):
        return places[position]
    return places[-1] if places and places[-1].nargs in ("*", "+") else None


def _values_of(action: argparse.Action, fragment: str, values: Values) -> Completions:
    if action.choices is not None:
        return _of(fragment, [Candidate(str(choice)) for choice in action.choices])
    kind = getattr(action, "completes", "")
    if not kind:
        return _of(fragment, [])
    # Of names with commas between them, the last one.
    several = "," in str(action.metavar or "") and "," in fragment
    last = fragment.rpartition(",")[2] if several else fragment
    return _of(last, values(kind, last))


def _of(fragment: str, candidates: Iterable[Candidate]) -> Completions:
    typed = fragment.lstrip("'\"")
    fitting = {c.text: c for c in candidates if c.text.startswith(typed)}
    quoted = [Candidate(shlex.quote(c.text), c.kind) if " " in c.text else c for c in fitting.values()]
    return Completions(fragment, quoted[:_MOST])


def values_in(state: State) -> Values:
    """Return what values there are now: as of the last answers of the server, quickly."""

    def jobs() -> Iterable[Candidate]:
        managed = state.manager.current_session
        for job in managed.jobs if managed is not None else ():
            yield Candidate(clean(job["job_id"])[:SHORT_ID], clean(job["job_name"], 40) or "job")
        names = dict.fromkeys(clean(job["job_name"]) for job in managed.jobs) if managed is not None else {}
        yield from (Candidate(name, "job") for name in names if name)

    def sites() -> Iterable[Candidate]:
        managed = state.manager.current_session
        return [Candidate(name, "site") for name in managed.sites] if managed is not None else []

    def studies() -> Iterable[Candidate]:
        managed = state.manager.current_session
        known = managed.studies if managed is not None else ()
        return [Candidate(name, "study") for name in dict.fromkeys(["default", *known])]

    def kits(fragment: str) -> Iterable[Candidate]:
        found = state.kits_at_hand(_PATIENCE)
        names = [kit.name for kit in found]
        yield from (Candidate(name, "kit") for name in names if names.count(name) == 1)
        yield from paths(fragment, only_folders=True)

    def values(kind: str, fragment: str) -> Iterable[Candidate]:
        if kind in ("jobs", "sites", "targets", "studies") and state.manager.current_session is not None:
            state.manager.current_session.recall(_PATIENCE)
        if kind == "jobs":
            return jobs()
        if kind == "sites":
            return sites()
        if kind == "targets":
            return [Candidate(TargetType.SERVER, "server"), *sites()]
        if kind == "studies":
            return studies()
        if kind == "sessions":
            return [Candidate(name, "session") for name in state.manager.sessions]
        if kind == "federations":
            return [Candidate(name, "federation") for name in state.federations]
        if kind == "verbs":
            return [Candidate(name, "verb") for name in VERBS]
        if kind == "kits":
            return kits(fragment)
        return paths(fragment, only_folders=kind == "folders")

    return values


def paths(fragment: str, *, only_folders: bool) -> Iterable[Candidate]:
    """Return the files and folders whose path begins so, as it is typed; hidden ones when asked for."""
    typed = fragment.lstrip("'\"")
    parent, _, name = typed.rpartition("/")
    folder = os.path.expanduser((parent or "/") if "/" in typed else ".")  # noqa: PTH111 - leaves what it does not know
    before = f"{parent}/" if "/" in typed else ""
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                hidden = entry.name.startswith(".") and not name.startswith(".")
                if entry.name.startswith(name) and not hidden and entry.name.isprintable():
                    if entry.is_dir():
                        yield Candidate(f"{before}{entry.name}/", "path")
                    elif not only_folders:
                        yield Candidate(f"{before}{entry.name}", "path")
    except OSError:
        return


def register(shell: InteractiveShell, state: State) -> None:
    """Have a shell complete ``%flare``; once, however often it is called."""
    unregister(shell)
    values = values_in(state)

    def matcher(context: CompletionContext) -> dict[str, Any]:
        found = complete(context.text_until_cursor, VERBS, values)
        if found is None:
            return {"completions": []}
        return {
            "completions": [SimpleCompletion(text=c.text, type=c.kind or "value") for c in found.candidates],
            "matched_fragment": found.fragment,
            "ordered": True,
            "suppress": True,
        }

    shell.Completer.custom_matchers.append(context_matcher(identifier=_IDENTIFIER, priority=_PRIORITY)(matcher))


def unregister(shell: InteractiveShell) -> None:
    """Have a shell complete ``%flare`` no longer."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != _IDENTIFIER]
