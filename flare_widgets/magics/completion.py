"""Tab completion of ``%flare``: verbs, options and their values."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from ..api import TargetType
from ..errors import FlareError
from ..formatting.text import SHORT_ID, sanitize
from .cell import CELL_MAGIC
from .parsing import Verb
from .state import MagicsState
from .verbs import VERBS
from .words import split_words

_MATCHER_ID = "flare_widgets"
_MATCHER_PRIORITY = 1000.0  # before Jedi, which is slow and cannot help here
_TIMEOUT_S = 0.25  # seconds to wait for data the server was never asked for, and for the search for kits
_MAX_CANDIDATES = 200
_LINE_MAGIC_PATTERN = re.compile(r"(?:^|=)\s*%flare(?P<rest>\s.*)$")
_CELL_MAGIC_PATTERN = re.compile(r"^%%flare(?P<rest>\s.*)$")


class Candidate(NamedTuple):
    """A possible completion: the word, and a short description."""

    text: str
    kind: str = ""


class Completions(NamedTuple):
    """The candidates, and the part of the line that the chosen one replaces."""

    fragment: str
    candidates: list[Candidate]


ValueSource = Callable[[str, str], Iterable[Candidate]]
"""Returns the candidates for a value of some kind (see :attr:`.Option.completes`), given its typed beginning."""


def complete(line: str, verbs: Mapping[str, Verb], value_source: ValueSource) -> Completions | None:
    """Return the completions of a line; None if the line is not a `%flare` line.

    Parameters
    ----------
    line
        The line up to the cursor.
    verbs
        The verbs.
    value_source
        The source of candidates for values.
    """
    in_cell = _CELL_MAGIC_PATTERN.match(line)
    found = in_cell or _LINE_MAGIC_PATTERN.search(line)
    if found is None:
        return None
    before, fragment = _split_line(found["rest"])
    if in_cell:
        return _complete_arguments(CELL_MAGIC, before, fragment, value_source)
    if not before:
        return _match_candidates(fragment, [Candidate(verb.name, "verb") for verb in verbs.values()])
    verb = verbs.get(before[0])
    if verb is None:
        return _match_candidates(fragment, [])
    return _complete_arguments(verb, before[1:], fragment, value_source)


def _complete_arguments(verb: Verb, words: list[str], fragment: str, value_source: ValueSource) -> Completions:
    """Return the completions of a verb's arguments."""
    actions = verb.parser._actions
    flags = {flag: action for action in actions for flag in action.option_strings}
    position, waiting = _parse_words(words, flags)
    if waiting is not None:
        return _complete_value(waiting, fragment, value_source)
    flag, equals, value = fragment.partition("=")
    if equals and flag in flags:
        inner = _complete_value(flags[flag], value, value_source)
        return Completions(inner.fragment, inner.candidates)
    options = [Candidate(flag, "option") for flag in flags if flag.startswith("--")] + [Candidate("--help", "option")]
    if fragment.startswith("-"):
        return _match_candidates(fragment, options)
    positional = _find_positional(actions, position)
    if positional is not None:
        completions = _complete_value(positional, fragment, value_source)
        if completions.candidates or fragment:
            return completions
    return _match_candidates(fragment, [] if fragment else options)


def _split_line(text: str) -> tuple[list[str], str]:
    """Return the complete words of a line, and the one that is being typed, verbatim."""
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
        return split_words(text[: starts[-1]]), fragment
    except ValueError:
        return text[: starts[-1]].split(), fragment


def _parse_words(words: list[str], flags: Mapping[str, argparse.Action]) -> tuple[int, argparse.Action | None]:
    """Return the number of positional words, and the option that waits for its value."""
    alone, waiting = 0, None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in flags:
            waiting = flags[word] if flags[word].nargs != 0 else None
        elif not word.startswith("-"):
            alone += 1
    return alone, waiting


def _find_positional(actions: list[argparse.Action], position: int) -> argparse.Action | None:
    places = [action for action in actions if not action.option_strings]
    if position < len(places):
        return places[position]
    return places[-1] if places and places[-1].nargs in ("*", "+") else None


def _complete_value(action: argparse.Action, fragment: str, value_source: ValueSource) -> Completions:
    if action.choices is not None:
        return _match_candidates(fragment, [Candidate(str(choice)) for choice in action.choices])
    kind = getattr(action, "completes", "")
    if not kind:
        return _match_candidates(fragment, [])
    # In a comma-separated list of names, the last one.
    several = "," in str(action.metavar or "") and "," in fragment
    last = fragment.rpartition(",")[2] if several else fragment
    return _match_candidates(last, value_source(kind, last))


def _match_candidates(fragment: str, candidates: Iterable[Candidate]) -> Completions:
    typed = fragment.lstrip("'\"")
    fitting = {c.text: c for c in candidates if c.text.startswith(typed)}
    quoted = [Candidate(shlex.quote(c.text), c.kind) if " " in c.text else c for c in fitting.values()]
    return Completions(fragment, quoted[:_MAX_CANDIDATES])


def make_value_source(state: MagicsState) -> ValueSource:
    """Return a source of the current values: from the server's last replies, or from a quick query."""

    def jobs() -> Iterable[Candidate]:
        managed = state.manager.current_session
        known = managed.jobs if managed is not None else ()
        names = dict.fromkeys(sanitize(job["job_name"]) for job in known)
        yield from (Candidate(name, "job") for name in names if name)
        # A front end shows the kind beside the word: a name there would cover it.
        yield from (Candidate(sanitize(job["job_id"])[:SHORT_ID], "id") for job in known)

    def sites() -> Iterable[Candidate]:
        managed = state.manager.current_session
        return [Candidate(name, "site") for name in managed.sites] if managed is not None else []

    def studies() -> Iterable[Candidate]:
        managed = state.manager.current_session
        known = managed.studies if managed is not None else ()
        return [Candidate(name, "study") for name in dict.fromkeys(["default", *known])]

    def kits(fragment: str) -> Iterable[Candidate]:
        found: list[Path] = []
        with contextlib.suppress(FlareError):  # a folder in the settings that does not exist
            found = state.find_kit_folders(_TIMEOUT_S)
        names = [kit.name for kit in found]
        yield from (Candidate(name, "kit") for name in names if names.count(name) == 1)
        yield from list_paths(fragment, only_folders=True)

    def values(kind: str, fragment: str) -> Iterable[Candidate]:
        if kind in ("jobs", "sites", "targets", "studies") and state.manager.current_session is not None:
            state.manager.current_session.refresh_completions(_TIMEOUT_S)
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
        return list_paths(fragment, only_folders=kind == "folders")

    return values


def list_paths(fragment: str, *, only_folders: bool) -> Iterable[Candidate]:
    """Return the files and folders whose path begins with `fragment`; hidden ones only if it asks for them."""
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


def register(shell: InteractiveShell, state: MagicsState) -> None:
    """Register completion of ``%flare`` with a shell; repeated calls register it once."""
    unregister(shell)
    values = make_value_source(state)

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

    shell.Completer.custom_matchers.append(context_matcher(identifier=_MATCHER_ID, priority=_MATCHER_PRIORITY)(matcher))


def unregister(shell: InteractiveShell) -> None:
    """Remove completion of ``%flare`` from a shell."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != _MATCHER_ID]
