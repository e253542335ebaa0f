"""Arguments of verbs and commands: each declared once, for ``%flare`` and for ``flare-widgets``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """One argument.

    Attributes
    ----------
    flags, kwargs
        Arguments of ``argparse.ArgumentParser.add_argument``.
    completes
        The kind of its values, for tab completion: ``jobs``, ``sites``, ``targets`` (the server and the sites),
        ``kits``, ``studies``, ``sessions``, ``federations``, ``verbs``, ``folders`` or ``files``; empty if unknown.
    """

    flags: tuple[str, ...]
    kwargs: Mapping[str, Any]
    completes: str = ""


def option(*flags: str, completes: str = "", **kwargs: Any) -> Option:
    """Declare an argument; parameters as the attributes of :class:`Option`."""
    return Option(flags, kwargs, completes)


def add_options(parser: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    """Add options to a parser."""
    for each in options:
        action = parser.add_argument(*each.flags, **each.kwargs)
        action.completes = each.completes  # type: ignore[attr-defined]


def parse_seconds(text: str) -> float:
    """Parse a number of seconds above 0."""
    value = _parse_number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds > 0, got {text!r}")
    return value


def parse_time_limit(text: str) -> float:
    """Parse a number of seconds; 0 means no limit."""
    value = _parse_number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds >= 0 (0 is no limit), got {text!r}")
    return value


def parse_count(text: str) -> int:
    """Parse a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number >= 0, got {text!r}")
    return int(text)


def parse_names(text: str) -> list[str]:
    """Parse names separated by commas."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"expected comma-separated names, got {text!r}")
    return found


def parse_number_or_names(text: str) -> int | list[str]:
    """Parse a count or a list of names."""
    return int(text) if text.lstrip("-").isdecimal() else parse_names(text)


def parse_values(text: str) -> tuple[str, list[str]]:
    """Parse a name and its values: ``rate=0.01,0.1``."""
    name, _, values = text.partition("=")
    found = [value.strip() for value in values.split(",")]
    if not name.strip() or not all(found):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE,VALUE,..., got {text!r}")
    return name.strip(), found


def parse_pairs(text: str) -> dict[str, str]:
    """Parse ``name=value`` pairs separated by commas."""
    found: dict[str, str] = {}
    for entry in text.split(","):
        name, _, value = entry.partition("=")
        found[name.strip()] = value.strip()
    if not all(found) or not all(found.values()):
        raise argparse.ArgumentTypeError(f"expected comma-separated NAME=VALUE pairs, got {text!r}")
    return found


def _parse_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


JOB = option(
    "job",
    nargs="?",
    metavar="JOB",
    completes="jobs",
    help="the job's id, the beginning of the id, or its name (default: the last job)",
)
YES = option("-y", "--yes", "--force", action="store_true", help="do not ask for confirmation")
KIT = option("kit", metavar="KIT", completes="kits", help="the startup kit: its folder, or its name in %%flare kits")
STUDY = option("--study", default=None, completes="studies", help="the study to work in (default: as configured)")
TIMEOUT = option(
    "--timeout", type=parse_seconds, default=None, metavar="S", help="seconds to keep trying (default: as configured)"
)
LIMIT = option(
    "-n",
    "--limit",
    "-m",
    "--max",
    type=parse_count,
    default=0,
    metavar="N",
    help="maximum number of jobs (default: all)",
)
NAME_PREFIX = option("--name", default=None, metavar="PREFIX", help="only jobs whose name starts with PREFIX")
FOLDER = option("folder", metavar="FOLDER", completes="folders", help="the job folder; it contains meta.json")
FOLDER_OR_FORM = option(
    "folder",
    nargs="?",
    metavar="FOLDER",
    completes="folders",
    help="the job folder; it contains meta.json (default: show a form to pick one)",
)
TOKEN = option(
    "--token", default=None, help="a token of your choice: submitting again with the same token returns the same job"
)
OFFLINE = option("--offline", action="store_true", help="check the kit only, do not connect to the server")
STEP_TIMEOUT = option(
    "--timeout", type=parse_seconds, default=5.0, metavar="S", help="seconds for each step (default: 5)"
)
AT_ONCE = option(
    "--at-once",
    type=parse_count,
    default=2,
    metavar="N",
    help="the most jobs of a sweep under way at a time (default: 2)",
)
WAIT_TIMEOUT = option(
    "--timeout",
    type=parse_time_limit,
    default=0.0,
    metavar="S",
    help="maximum number of seconds to wait (default: no limit)",
)
SITES = option(
    "-n",
    "--sites",
    type=parse_number_or_names,
    default=None,
    metavar="SITES",
    help="number of sites, or their names separated by commas (default: 2)",
)
SCHEME = option("--scheme", choices=("http", "tcp", "grpc"), default=None, help="the server's scheme (default: http)")
USERS = option(
    "--users",
    type=parse_pairs,
    default=None,
    metavar="USER=ROLE,...",
    help="additional users, each with a startup kit; roles: project_admin, org_admin, lead, member",
)
FEDERATION = option(
    "--name", default=None, metavar="NAME", help="the federation's name; several federations can run side by side"
)
