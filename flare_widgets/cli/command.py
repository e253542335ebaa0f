"""What a command of the command line is, and what commands share."""

from __future__ import annotations

import contextlib
import enum
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..options import Option, option

if TYPE_CHECKING:
    from ..manager import ManagedSession


class ExitCode(enum.IntEnum):
    """What the program's exit code means."""

    def __new__(cls, value: int, meaning: str = "") -> ExitCode:
        """Make a member of its number and what it means."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    meaning: str

    DONE = 0, "done (of monitor: the job completed)"
    FAILED = 1, "not done, or the job ended otherwise, or the kit has a problem"
    USAGE = 2, "the command line makes no sense"
    NO_CONNECTION = 3, "the server does not answer"
    NOT_PERMITTED = 4, "the server or the read-only mode does not permit it"
    TIMEOUT = 5, "it took longer than --timeout"
    INTERRUPTED = 130, "interrupted"


@dataclass(frozen=True)
class CliCommand:
    """A command.

    Attributes
    ----------
    name
        The word.
    run
        ``run(**arguments) -> ExitCode``; its docstring is the help.
    options
        What it takes.
    """

    name: str
    run: Callable[..., int]
    options: Sequence[Option] = ()

    @property
    def description(self) -> str:
        """The help."""
        return inspect.getdoc(self.run) or ""

    @property
    def summary(self) -> str:
        """The first line of the help, as part of a list."""
        first = self.description.partition("\n")[0].rstrip(".")
        return first[:1].lower() + first[1:]


def command(*options: Option) -> Callable[[Callable[..., int]], CliCommand]:
    """Declare a function as a command of its name."""
    return lambda run: CliCommand(run.__name__.rstrip("_"), run, options)


CONNECT_OPTIONS = (
    option(
        "--kit", default=None, metavar="KIT",
        help="the startup kit: its folder, or its name among those at hand (default: $FLARE_WIDGETS_KIT, or the "
        "admin's of the only federation on this machine)",
    ),
    option("--study", default=None, metavar="STUDY", help="the study (default: $FLARE_WIDGETS_STUDY, or default)"),
)  # fmt: skip
"""The options of commands that connect."""

JSON = option("--json", action="store_true", dest="as_json", help="print JSON")


@contextlib.contextmanager
def open_session(kit: str | None, study: str | None) -> Iterator[ManagedSession]:
    """Connect as the options :data:`CONNECT_OPTIONS` and the environment say, for as long as the block lasts."""
    # Not at the top: who wants help, or JupyterLab, need not wait for cryptography.
    from ..config import FlareWidgets
    from ..manager import SessionManager, resolve_kit
    from ..manager.kits import find_kit_folders

    settings = FlareWidgets()
    word = kit or settings.kit or _find_local_admin_kit()
    if not word:
        raise ConfigError(
            "which startup kit? Give --kit KIT, or set FLARE_WIDGETS_KIT; flare-widgets up starts a federation here"
        )
    manager = SessionManager()
    manager.read_only = settings.read_only
    try:
        yield manager.open(
            resolve_kit(word, find_kit_folders(settings.kit_folders, ".")),
            study=study or settings.study,
            timeout=settings.timeout,
            poll_interval=settings.poll_interval or None,
        )
    finally:
        manager.close_all()


def _find_local_admin_kit() -> str:
    """The admin's kit of the only federation on this machine; empty when there is none, or more than one."""
    from ..federation import FederationError, LocalFederation

    try:
        running = [up for up in LocalFederation.list_running() if up.is_in_default_folder]
    except FederationError:  # not installed here
        return ""
    return str(running[0].admin_kit) if len(running) == 1 else ""


def echo(text: str) -> None:
    """Print what was asked for."""
    print(text, flush=True)  # noqa: T201


def echo_json(value: Any) -> None:
    """Print what was asked for, for a program."""
    echo(json.dumps(value, indent=2))


def print_error(message: str) -> None:
    """Print what went wrong."""
    print(f"flare-widgets: {message}", file=sys.stderr)  # noqa: T201


class StatusLine:
    """A line on standard error that is written over: how far something is. Where there is no terminal, nothing."""

    def __init__(self) -> None:
        self._shown_chars = 0
        self._is_terminal = sys.stderr.isatty()

    def update(self, text: str) -> None:
        """Show `text` in place of what was said before."""
        if self._is_terminal:
            sys.stderr.write(f"\r{text[:79].ljust(self._shown_chars)}")
            sys.stderr.flush()
            self._shown_chars = min(len(text), 79)

    def clear(self) -> None:
        """Take the line away."""
        self.update("")
        if self._is_terminal:
            sys.stderr.write("\r")
            sys.stderr.flush()
