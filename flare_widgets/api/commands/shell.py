"""The few shell commands that the server and the sites run in their own folders.

The arguments are checked here as well as there: an absolute path, ``..`` and most punctuation are rejected with
a SyntaxError, as by the FLARE API.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from ...errors import InvalidArgumentError, InvalidSyntax
from ...wire.hci import MAX_LOG_CHARS, join_words
from .command import TARGET_NAME_PATTERN, Command, Effect, read_text

TEXT_FILE_SUFFIXES = (".txt", ".log", ".json", ".csv", ".sh", ".config", ".py")
"""Suffixes of files that can be read; a number may follow, as in a rotated log file."""

_OPTIONS_PATTERN = re.compile(r"[A-Za-z0-9- ]*")
_PATH_PATTERN = re.compile(r"[A-Za-z0-9._/-]*")


def pwd(target: str) -> Command[str]:
    """Return the working directory of the target."""
    return _shell_command("pwd", target)


def ls(target: str, options: str | None = None, path: str | None = None) -> Command[str]:
    """List a folder of the target."""
    return _shell_command("ls", target, *_check_options(options), *([_check_path(path)] if path else []))


def read_file(verb: str, target: str, options: str | None = None, file: str | None = None) -> Command[str]:
    """Read a text file of the target with ``cat``, or its beginning with ``head``, or its end with ``tail``."""
    return _shell_command(verb, target, *_check_options(options), _check_file(file))


def tail_from(target: str, file: str, offset: int) -> Command[str]:
    """Read a text file of the target from a byte offset on, counted from 0: the text written since the last poll.

    nvflare's own client rejects the ``+`` that this needs; the servers do not.
    """
    return _shell_command("tail", target, f"-c+{offset + 1}", _check_file(file))


def grep(target: str, options: str | None = None, pattern: str | None = None, file: str | None = None) -> Command[str]:
    """Find the matching lines of a text file of the target.

    Raises
    ------
    InvalidSyntax
        No pattern.
    InvalidArgumentError
        The pattern is not text, or contains a line break.
    """
    words = _check_options(options)
    if not pattern:
        raise InvalidSyntax("grep needs a pattern")
    if not isinstance(pattern, str):
        raise InvalidArgumentError(f"the pattern must be text, not {type(pattern).__name__}")
    return _shell_command("grep", target, *words, pattern, _check_file(file))


def _shell_command(verb: str, target: Any, *words: str) -> Command[str]:
    if not isinstance(target, str) or not TARGET_NAME_PATTERN.fullmatch(target):
        raise InvalidSyntax(f"the target must be 'server' or the name of one site, not {target!r}")
    return Command(
        join_words([verb, target, *words]),
        read_text,
        Effect.READ,
        needs_meta=False,
        max_reply_chars=MAX_LOG_CHARS,
        site=target,
    )


def _check_options(options: Any) -> list[str]:
    if not options:
        return []
    if not isinstance(options, str) or not _OPTIONS_PATTERN.fullmatch(options):
        raise InvalidSyntax(f"options may only have letters, digits, hyphens and blanks, got {options!r}")
    return [options]


def _check_path(path: Any) -> str:
    if not isinstance(path, str) or not _PATH_PATTERN.fullmatch(path):
        raise InvalidSyntax(
            f"a path may only have letters, digits, dots, hyphens, underscores and slashes, got {path!r}"
        )
    if path.startswith("/"):
        raise InvalidSyntax("an absolute path is not permitted: pass one relative to the target's working folder")
    if ".." in path.split("/"):
        raise InvalidSyntax("'..' is not permitted in a path")
    return path


def _check_file(file: Any) -> str:
    if not file:
        raise InvalidSyntax("no file was given")
    path = _check_path(file)
    name = PurePosixPath(path)
    if name.suffix[1:].isnumeric():
        name = name.with_suffix("")
    if name.suffix not in TEXT_FILE_SUFFIXES or path.endswith("/"):
        raise InvalidSyntax(f"{path} cannot be read: only files that end with {', '.join(TEXT_FILE_SUFFIXES)} can")
    return path
