"""The command line, ``flare-widgets``: the part of ``%flare`` that is useful in a script or a terminal.

The result of a command goes to standard output, everything else to standard error. The exit code is one of
:class:`.ExitCode`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from ..errors import FlareError, JobTimeout, NoConnection, PermissionDenied
from ..local_files import make_file_error
from ..options import add_options
from . import federation, jobs, kits, notebooks
from .command import CliCommand, ExitCode, OutputLost, errors_file, print_error

COMMANDS: tuple[CliCommand, ...] = (
    *notebooks.COMMANDS,
    *kits.COMMANDS,
    *jobs.COMMANDS,
    *federation.COMMANDS,
)

_LAST_STREAM = 2  # the number of standard error

_EPILOG = "Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in ExitCode) + "."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    _open_missing_streams()
    with contextlib.redirect_stderr(errors_file()):  # until Python 3.11, argparse fails if it cannot write
        options = make_parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without the glyphs still shows the words
    command: CliCommand = options.command
    given = {name: value for name, value in vars(options).items() if name != "command"}
    try:
        return int(command.run(**given))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe
        sys.stdout = None  # else Python prints an error at exit
        return ExitCode.DONE
    except (FlareError, ValueError, OSError) as e:
        if isinstance(e, OutputLost):
            sys.stdout = None  # as above
        told: Exception = e
        if isinstance(e, OSError) and not isinstance(e, FlareError):
            told = make_file_error(e, "the command failed")
        print_error(" ".join(str(told).split()) or type(e).__name__)
        return exit_code_for(e)


def _open_missing_streams() -> None:
    """Fill the places of closed standard streams, as ``2>&-`` leaves them.

    Else a connection could get the number of standard error, and what other libraries print would go to the server.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STREAM:
        pass
    os.close(descriptor)


def exit_code_for(error: Exception) -> ExitCode:
    """Return the exit code of an error."""
    if isinstance(error, OutputLost):
        return ExitCode.OUTPUT_LOST
    if isinstance(error, PermissionDenied):
        return ExitCode.NOT_PERMITTED
    if isinstance(error, NoConnection):
        return ExitCode.NO_CONNECTION
    return ExitCode.TIMEOUT if isinstance(error, (JobTimeout, TimeoutError)) else ExitCode.FAILED


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="flare-widgets", description="NVIDIA FLARE in a notebook.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"flare-widgets {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name,
            help=command.summary,
            description=command.description,
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_options(sub, command.options)
        sub.set_defaults(command=command)
    return parser
