"""The arguments of a local federation, checked before anything is started. Pure functions.

Each refuses with a :class:`ValueError` of one sentence, since this is what a learner reads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

#: The one part of a federation's folder that survives a failed start.
LOGS = "logs"

#: More than this is not teaching: a site costs about 80 MB of memory and a second of processor time to start.
MAX_SITES = 64

#: How long a federation may go on when nobody has it any more, in seconds.
LONGEST_KEEP = 24 * 3600.0

#: The ways to reach a server.
SCHEMES = ("http", "tcp", "grpc")

#: What a user may be, from the one who may do everything to the one who may only look.
ROLES = ("project_admin", "org_admin", "lead", "member")

#: Narrower than nvflare's own rule too: the name is a folder's, and stands in command lines and log lines.
_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,}")

# Narrower than nvflare's own rule, which accepts a leading dash that its admin commands then take for an
# option.
_SITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

# The common name of a certificate holds 64 characters.
_LONGEST_NAME = 63

# "server" is a participant already; the others are words that admin commands use for a group of participants.
_RESERVED = frozenset({"server", "client", "admin", "all"})

# NVIDIA FLARE builds the command line of a job process as one string, unquoted, and splits it like a shell,
# comments included: such a path would break every job, long after the federation looked healthy.
_BREAKS_COMMANDS = re.compile(r"[\s\"'\\#]")


def site_names(sites: int | Sequence[str]) -> tuple[str, ...]:
    """The names of the sites that ``sites`` asks for.

    Parameters
    ----------
    sites
        How many sites (they get the names ``site-1``, ``site-2``, ...), or their names.

    Returns
    -------
    tuple of str
        The names, in the order given.

    Raises
    ------
    ValueError
        If the number or a name is not possible.
    """
    if isinstance(sites, bool) or not isinstance(sites, (int, Sequence)):
        raise ValueError(f"sites must be a number or a list of names, not {sites!r}.")
    if isinstance(sites, (str, bytes)):
        raise ValueError(f"sites must be a number or a list of names; for a single site, give [{sites!r}].")
    if isinstance(sites, int):
        _check_count(sites)
        return tuple(f"site-{number}" for number in range(1, sites + 1))
    names = tuple(sites)
    _check_count(len(names))
    seen: set[str] = set()
    for name in names:
        _check_name(name)
        # Each site is a folder, and macOS does not tell "Berlin" from "berlin".
        if name.lower() in seen:
            raise ValueError(f"Each site needs a name of its own, but {name!r} is used twice.")
        seen.add(name.lower())
    return names


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_SITES:
        raise ValueError(f"A local federation has between 1 and {MAX_SITES} sites, not {count}.")


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise ValueError(f"A site's name must be a string, not {name!r}.")
    if not _SITE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be a site's name: use letters, digits, '-' and '_', beginning with a letter or a digit."
        )
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"{name!r} cannot be a site's name: it is longer than {_LONGEST_NAME} characters.")
    if name.lower() in _RESERVED:
        raise ValueError(f"{name!r} cannot be a site's name: NVIDIA FLARE uses it for something else.")


def check_users(users: object, reserved: str) -> dict[str, str]:
    """``users`` as a dict of role by name, or a ValueError.

    Parameters
    ----------
    users
        The role of each additional user, by name; None for no such user.
    reserved
        The user that every federation has.
    """
    if users is None:
        return {}
    if not isinstance(users, Mapping):
        raise ValueError(
            f"users must be a dict of a role by name, such as {{'ada@example.org': 'lead'}}, not {users!r}."
        )
    seen = {reserved.lower()}
    for name, role in users.items():
        if not isinstance(name, str) or not _USER_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise ValueError(f"{name!r} cannot be a user's name: it must be like an e-mail address, ada@example.org.")
        if name.lower() in seen:
            raise ValueError(f"Each user needs a name of its own, but {name!r} is used twice.")
        seen.add(name.lower())
        if role not in ROLES:
            raise ValueError(f"The role of {name} must be one of {', '.join(ROLES)}, not {role!r}.")
    return dict(users)


def check_name(name: object) -> str | None:
    """``name`` of a federation, or a ValueError; None for any that is free."""
    if name is None:
        return None
    if not isinstance(name, str) or not _SITE_NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"{name!r} cannot be a federation's name: use letters, digits, '-' and '_', beginning with a letter or a "
            "digit."
        )
    return name


def check_keep(keep: object) -> float:
    """``keep`` as a number of seconds, or a ValueError."""
    if isinstance(keep, (int, float)) and not isinstance(keep, bool) and 0 <= keep <= LONGEST_KEEP:
        return float(keep)
    raise ValueError(f"keep must be a number of seconds from 0 to {LONGEST_KEEP:.0f} (a day), not {keep!r}.")


def check_timeout(start_timeout: object) -> float:
    """``start_timeout`` as a number of seconds, or a ValueError."""
    if isinstance(start_timeout, (int, float)) and not isinstance(start_timeout, bool):
        seconds = float(start_timeout)
        if 0 < seconds < math.inf:
            return seconds
    raise ValueError(f"start_timeout must be a positive number of seconds, not {start_timeout!r}.")


def check_scheme(scheme: object) -> str:
    """``scheme``, or a ValueError if NVIDIA FLARE's provisioner knows no such way to reach a server."""
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, not {scheme!r}.")
    return scheme


def breaks_commands(path: str | Path) -> bool:
    """Whether NVIDIA FLARE would fail to start jobs with this path in a command line."""
    return _BREAKS_COMMANDS.search(str(path)) is not None


def check_folder(folder: Path) -> Path:
    """``folder`` as an absolute path, or a ValueError if a federation could not live there.

    Parameters
    ----------
    folder
        A folder that does not exist yet, or is empty but for the logs of a start that failed.
    """
    absolute = folder.expanduser().absolute()
    if breaks_commands(absolute):
        raise ValueError(
            f"The folder {str(absolute)!r} cannot be used: NVIDIA FLARE cannot run jobs under a path "
            "that contains spaces, quotes, backslashes or '#'."
        )
    if absolute.is_dir():
        if any(entry.name != LOGS for entry in absolute.iterdir()):
            raise ValueError(f"The folder {str(absolute)!r} is not empty: give one that is new or empty.")
    elif absolute.exists():
        raise ValueError(f"{str(absolute)!r} is not a folder.")
    return absolute
