r"""The words of a line of ``%flare``, as people write them. Pure.

Nearly as a shell splits a line, with two differences: a backslash counts only before a space, a quote or another one
(not in ``C:\kits`` and ``\d+``), and in ``%%flare`` a list, a tuple or a dict is one word (``--model [0, 0]``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

_CLOSING = {"[": "]", "(": ")", "{": "}"}
_UNKNOWN_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")

QUOTE_HINT = 'Put a value that has spaces or quotes in it into double quotes, also a variable\'s: "{folder}".'


def split_words(line: str, *, literals: bool = False, escapes: bool = os.name != "nt") -> list[str]:
    """Split a line into words.

    Parameters
    ----------
    line
        The line, without its comment; see :func:`strip_comment`.
    literals
        True if brackets quote what is between them.
    escapes
        True if a backslash takes the meaning of the next character; not on Windows, where paths have them.

    Raises
    ------
    ValueError
        A quote is not closed.
    """
    words: list[str] = []
    word: str | None = None  # None between two words
    i = 0
    while i < len(line):
        character = line[i]
        end = _find_end_of_literal(line, i) if literals and (word is None or word.endswith("=")) else None
        if end is not None:
            word = (word or "") + line[i:end]
            i = end
            continue
        i += 1
        if character.isspace():
            if word is not None:
                words.append(word)
            word = None
        elif character in "'\"":
            text, i = _read_quoted(line, i, character, escapes=escapes)
            word = (word or "") + text
        elif character == "\\" and escapes and line[i : i + 1] and (line[i] in "\\'\"" or line[i].isspace()):
            word = (word or "") + line[i]
            i += 1
        else:
            word = (word or "") + character
    return words if word is None else [*words, word]


def _read_quoted(line: str, start: int, quote: str, *, escapes: bool) -> tuple[str, int]:
    """Return the text up to the closing quote, and the position after it."""
    text, i = "", start
    while i < len(line):
        if line[i] == quote:
            return text, i + 1
        if line[i] == "\\" and escapes and quote == '"' and line[i + 1 : i + 2] in ("\\", '"'):
            i += 1
        text += line[i]
        i += 1
    raise ValueError("no closing quotation")


def _find_end_of_literal(line: str, start: int) -> int | None:
    """Return the position after the bracket that closes the one at `start`; None if there is none."""
    if line[start] not in _CLOSING:
        return None
    expected, quote = [], ""
    for i, character in enumerate(line[start:], start):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _CLOSING:
            expected.append(_CLOSING[character])
        elif character in _CLOSING.values():
            if expected.pop() != character:
                return None
            if not expected:
                return i + 1
    return None


def strip_comment(line: str) -> str:
    """Return a line without the comment at its end: an unquoted ``#`` that stands alone, and the text after it.

    IPython does not strip comments for magics, and people copy lines with comments.
    """
    quote = ""
    for i, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and not (line[:i][-1:] + line[i + 1 : i + 2]).strip():
            return line[:i]
    return line


def explain_variables(words: Sequence[str], variables: Mapping[str, Any]) -> str:
    """Return a hint if words of a line that failed look as if they meant variables; empty if none does.

    Parameters
    ----------
    words
        The words of the line.
    variables
        The notebook's variables.
    """
    for word in words:
        unknown = next((name for name in _UNKNOWN_VARIABLE.findall(word) if name not in variables), "")
        if unknown:
            return f"The notebook has no variable {unknown!r}."
        value = variables.get(word)
        if isinstance(value, (str, os.PathLike)):
            return f"For the value of the variable {word}, write {{{word}}}."
        if isinstance(getattr(value, "job_id", None), str):
            return f"For the job in the variable {word}, write {{{word}.job_id}}."
    from ..monitoring import JobSnapshot  # not needed to load the extension
    from ..monitoring.job.format import job_label

    text = " ".join(words)
    for name, value in variables.items():  # a snapshot in braces has become its line of text
        if isinstance(value, JobSnapshot) and job_label(value.name, value.job_id) in text:
            return f"For the job in the variable {name}, write {{{name}.job_id}}."
    return ""
