"""Files of the server and of sites. All of these verbs need the right `shell_commands` there."""

from __future__ import annotations

from IPython.core.error import UsageError

from ...api import commands
from ...options import option, parse_count
from ...views.core.pretty import PrettyText
from ..parsing import verb
from ..state import MagicsState

_TARGET = option("target", metavar="TARGET", completes="targets", help="server, or the name of a site")
_FILE = option(
    "file",
    metavar="FILE",
    help="a path relative to its working folder; a job's files are in the folder named after the job's id",
)
_LINES = option("-n", "--lines", type=parse_count, default=None, metavar="N", help="number of lines (default: 10)")


@verb(
    _TARGET,
    option("path", nargs="?", metavar="PATH", help="a path relative to its working folder (default: that folder)"),
    option("-l", "--long", action="store_true", help="show sizes, times and permissions"),
    option("-a", "--all", action="store_true", help="include hidden files"),
    option("-R", "--recursive", action="store_true", help="include the content of subfolders"),
    option("-t", "--newest", action="store_true", help="newest first"),
    option("-S", "--largest", action="store_true", help="largest first"),
)
def ls(
    state: MagicsState,
    target: str,
    path: str | None,
    long: bool,
    all: bool,
    recursive: bool,
    newest: bool,
    largest: bool,
) -> PrettyText:
    """List a folder of the server or of a site.

    Examples:
        %flare ls server
        %flare ls site-1 -al startup
        %flare ls server {job}          the files of a running job
    """
    letters = "".join(letter for letter, on in zip("laRtS", (long, all, recursive, newest, largest), strict=True) if on)
    return PrettyText(state.session.ls_target(target, f"-{letters}" if letters else None, path))


@verb(_TARGET, _FILE)
def cat(state: MagicsState, target: str, file: str) -> PrettyText:
    """Print a text file of the server or of a site.

    Examples:
        %flare cat server startup/fed_server.json
        text = %flare cat site-1 log.txt
    """
    return PrettyText(state.session.cat_target(target, None, file))


@verb(
    _TARGET,
    option("file", nargs="?", default=commands.LOG_FILE, metavar="FILE", help="the file (default: log.txt)"),
    _LINES,
)
def tail(state: MagicsState, target: str, file: str, lines: int | None) -> PrettyText:
    """Print the end of a text file of the server or of a site.

    Examples:
        %flare tail site-1                  the site's own log
        %flare tail server {job}/log.txt -n 50
    """
    return PrettyText(state.session.tail_target(target, _format_line_option(lines), file))


@verb(
    _TARGET,
    option("file", nargs="?", default=commands.LOG_FILE, metavar="FILE", help="the file (default: log.txt)"),
    _LINES,
)
def head(state: MagicsState, target: str, file: str, lines: int | None) -> PrettyText:
    """Print the beginning of a text file of the server or of a site.

    Examples:
        %flare head server
        %flare head site-1 log.txt -n 30
    """
    return PrettyText(state.session.head_target(target, _format_line_option(lines), file))


@verb(
    _TARGET,
    option("pattern", metavar="PATTERN", help="a basic regular expression"),
    option("file", nargs="?", default=commands.LOG_FILE, metavar="FILE", help="the file (default: log.txt)"),
    option("-n", "--line-number", action="store_true", help="show line numbers"),
    option("-i", "--ignore-case", action="store_true", help="ignore case"),
)
def grep(state: MagicsState, target: str, pattern: str, file: str, line_number: bool, ignore_case: bool) -> PrettyText:
    """Search a text file of the server or of a site for lines that match.

    Examples:
        %flare grep server ERROR
        %flare grep site-1 "Got task" log.txt -n
    """
    if not pattern:
        raise UsageError("%flare grep: the pattern is empty")
    letters = "".join(letter for letter, on in zip("ni", (line_number, ignore_case), strict=True) if on)
    return PrettyText(state.session.grep_target(target, f"-{letters}" if letters else None, pattern, file))


@verb(_TARGET)
def pwd(state: MagicsState, target: str) -> str:
    """Return the path of the working folder of the server or of a site.

    Examples:
        %flare pwd server
        folder = %flare pwd site-1
    """
    return state.session.get_working_directory(target).rstrip("\n")


def _format_line_option(lines: int | None) -> str | None:
    return None if lines is None else f"-n{lines}"
