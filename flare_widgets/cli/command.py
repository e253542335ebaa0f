"""The class of a command of the command line, and helpers that commands share."""

from __future__ import annotations

import contextlib
import enum
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

from ..errors import ConfigError, FileAccessError, FlareError
from ..local_files import make_file_error
from ..options import Option, option

if TYPE_CHECKING:
    from ..manager import ManagedSession


class ExitCode(enum.IntEnum):
    """The meanings of the program's exit code."""

    def __new__(cls, value: int, meaning: str = "") -> ExitCode:
        """Make a member from its number and its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    meaning: str

    DONE = 0, "done (of monitor: the job completed)"
    FAILED = 1, "the command failed, the job did not complete, or the kit has a problem"
    USAGE = 2, "invalid command line"
    NO_CONNECTION = 3, "the server does not answer"
    NOT_PERMITTED = 4, "refused by the server, or by read-only mode"
    TIMEOUT = 5, "timed out (--timeout)"
    OUTPUT_LOST = (
        6,
        "done, but the result could not be printed (submit: the job's id is on standard error)",
    )
    INTERRUPTED = 130, "interrupted"


class OutputLost(FileAccessError):
    """The result of a command cannot be written to standard output: it is closed, or its disk is full."""


@dataclass(frozen=True)
class CliCommand:
    """A command.

    Attributes
    ----------
    name
        The command's name.
    run
        ``run(**arguments) -> ExitCode``; its docstring is the help.
    options
        Its options and arguments.
    """

    name: str
    run: Callable[..., int]
    options: Sequence[Option] = ()

    @property
    def description(self) -> str:
        """The help text."""
        return inspect.getdoc(self.run) or ""

    @property
    def summary(self) -> str:
        """The first line of the help text, for a list."""
        first = self.description.partition("\n")[0].rstrip(".")
        return first[:1].lower() + first[1:]


def command(*options: Option) -> Callable[[Callable[..., int]], CliCommand]:
    """Declare a function as a command of the same name."""
    return lambda run: CliCommand(run.__name__.rstrip("_"), run, options)


CONNECT_OPTIONS = (
    option(
        "--kit", default=None, metavar="KIT",
        help="the startup kit: its folder, or its folder's name if it can be found (default: $FLARE_WIDGETS_KIT, or "
        "the admin's kit of the only federation on this machine)",
    ),
    option("--study", default=None, metavar="STUDY", help="the study (default: $FLARE_WIDGETS_STUDY, or default)"),
)  # fmt: skip
"""The options of commands that connect."""

_CHECK_OUTPUT = "Check where the command's output goes"

JSON = option("--json", action="store_true", dest="as_json", help="print JSON")


@contextlib.contextmanager
def open_session(kit: str | None, study: str | None) -> Iterator[ManagedSession]:
    """Open a session according to :data:`CONNECT_OPTIONS` and the environment, for the duration of the block."""
    # Not at the top: help and JupyterLab need not wait for cryptography.
    from ..config import FlareWidgets
    from ..manager import SessionManager, resolve_kit
    from ..manager.kits import find_kit_folders

    settings = FlareWidgets()
    word = kit or settings.kit or _find_local_admin_kit()
    if not word:
        raise ConfigError(
            "which startup kit? Pass --kit KIT, or set FLARE_WIDGETS_KIT; flare-widgets up starts a federation here"
        )
    manager = SessionManager()
    manager.read_only = settings.read_only
    try:
        yield manager.open(
            resolve_kit(word, lambda: find_kit_folders(settings.kit_folders, ".")),
            study=study or settings.study,
            timeout=settings.timeout,
            poll_interval=settings.poll_interval or None,
        )
    finally:
        manager.close_all()


def _find_local_admin_kit() -> str:
    """Return the admin's kit of the only federation on this machine; empty if there is none, or more than one."""
    from ..federation import FederationError, LocalFederation

    try:
        running = [up for up in LocalFederation.list_running() if up.is_in_default_folder]
    except FederationError:  # not installed here
        return ""
    return str(running[0].admin_kit) if len(running) == 1 else ""


def echo(text: str) -> None:
    """Print a result; raise OutputLost if it cannot be printed."""
    with output() as file:
        print(text, file=file, flush=True)


@contextlib.contextmanager
def output() -> Iterator[TextIO]:
    """Return standard output, for the duration of a block that writes to it.

    Raises
    ------
    OutputLost
        It is closed, or what is written does not arrive. A reader that has closed its pipe is a BrokenPipeError.
    """
    if sys.stdout is None:
        raise OutputLost("the result cannot be written: standard output is closed", next_step=_CHECK_OUTPUT)
    try:
        yield sys.stdout
    except (FlareError, BrokenPipeError):
        raise
    except OSError as e:
        reason = make_file_error(e, "the result cannot be written to standard output")
        raise OutputLost(reason.description, next_step=_CHECK_OUTPUT) from e


def echo_json(value: Any) -> None:
    """Print a result as JSON, for a program."""
    echo(json.dumps(value, indent=2))


def print_error(message: str) -> None:
    """Print an error to standard error, if that works."""
    print(f"flare-widgets: {message}", file=errors_file())


def errors_file() -> TextIO:
    """Return standard error: messages that cannot be written there are dropped, and fail nothing."""
    return cast("TextIO", _Droppable(sys.stderr))


class _Droppable:
    """A stream whose failures do not matter."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.encoding = getattr(file, "encoding", None)

    def write(self, text: str) -> int:
        """Write, or drop the text."""
        if self._file is not None:
            try:
                self._file.write(text)
                self._file.flush()
            except (OSError, ValueError):
                self._give_up()
        return len(text)

    def flush(self) -> None:
        """Do nothing: every text is flushed."""

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._file is not None and self._file.isatty()

    def fileno(self) -> int:
        """Return the file's descriptor, for the size of a terminal."""
        if self._file is None:
            raise OSError("it is closed")
        return self._file.fileno()

    def _give_up(self) -> None:
        """Write nothing more: Python would also complain at its end, with an exit code of its own."""
        if sys.stderr is self._file:
            sys.stderr = None
        self._file = None


class StatusLine:
    """A line of progress on standard error that is overwritten in place. Without a terminal, nothing is written."""

    def __init__(self) -> None:
        self._shown_chars = 0
        self._file = errors_file()
        self._is_terminal = self._file.isatty()

    def update(self, text: str) -> None:
        """Show `text` in place of the previous text."""
        if self._is_terminal:
            self._file.write(f"\r{text[:79].ljust(self._shown_chars)}")
            self._shown_chars = min(len(text), 79)

    def clear(self) -> None:
        """Clear the line."""
        self.update("")
        if self._is_terminal:
            self._file.write("\r")
