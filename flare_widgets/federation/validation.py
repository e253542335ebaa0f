"""Validation of the arguments of a local federation, before anything is started. Pure functions.

Each raises an :exc:`.InvalidArgumentError` of one sentence, since learners read it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InvalidArgumentError
from ..local_files import absolute_path, translate_os_errors

#: The one part of a federation's folder that survives a failed start.
LOGS = "logs"

#: The limit for teaching: a site costs about 80 MB of memory and a second of processor time to start.
MAX_SITES = 64

#: The longest keep-alive time of an unused federation, in seconds.
MAX_KEEP_ALIVE_S = 24 * 3600.0

#: The protocols of a server.
SCHEMES = ("http", "tcp", "grpc")

#: The roles of a user, from all rights to read-only.
ROLES = ("project_admin", "org_admin", "lead", "member")

#: Narrower than nvflare's own rule too: the name is also a folder name, and appears in command lines and log lines.
_USER_NAME_PATTERN = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,}")

# Narrower than nvflare's own rule, which accepts a leading dash that its admin commands then take for an
# option.
_SITE_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

# The common name of a certificate holds 64 characters.
_MAX_NAME_CHARS = 63

# "server" is a participant already; admin commands use the others for a group of participants.
_RESERVED_NAMES = frozenset({"server", "client", "admin", "all"})

# NVIDIA FLARE builds the command line of a job process as one unquoted string, and splits it like a shell,
# comments included: such a path would break every job, long after the federation looked healthy.
_UNSAFE_PATH_PATTERN = re.compile(r"[\s\"'\\#]")


def check_sites(sites: int | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the sites that ``sites`` asks for.

    Parameters
    ----------
    sites
        The number of sites (named ``site-1``, ``site-2``, ...), or their names.

    Returns
    -------
    tuple of str
        The names, in the order given.

    Raises
    ------
    InvalidArgumentError
        If the number or a name is invalid.
    """
    if isinstance(sites, bool) or not isinstance(sites, (int, Sequence)):
        raise InvalidArgumentError(f"sites must be a number or a list of names, not {sites!r}.")
    if isinstance(sites, (str, bytes)):
        raise InvalidArgumentError(f"sites must be a number or a list of names; for a single site, give [{sites!r}].")
    if isinstance(sites, int):
        _check_site_count(sites)
        return tuple(f"site-{number}" for number in range(1, sites + 1))
    names = tuple(sites)
    _check_site_count(len(names))
    seen: set[str] = set()
    for name in names:
        _check_site_name(name)
        # Each site is a folder, and macOS does not distinguish "Berlin" from "berlin".
        if name.lower() in seen:
            raise InvalidArgumentError(f"Each site needs a unique name, but {name!r} is used twice.")
        seen.add(name.lower())
    return names


def _check_site_count(count: int) -> None:
    if not 1 <= count <= MAX_SITES:
        raise InvalidArgumentError(f"A local federation has between 1 and {MAX_SITES} sites, not {count}.")


def _check_site_name(name: object) -> None:
    if not isinstance(name, str):
        raise InvalidArgumentError(f"A site's name must be a string, not {name!r}.")
    if not _SITE_NAME_PATTERN.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} is not a valid site name: use letters, digits, '-' and '_', beginning with a letter or a digit."
        )
    if len(name) > _MAX_NAME_CHARS:
        raise InvalidArgumentError(f"{name!r} is not a valid site name: longer than {_MAX_NAME_CHARS} characters.")
    if name.lower() in _RESERVED_NAMES:
        raise InvalidArgumentError(f"{name!r} is not a valid site name: NVIDIA FLARE reserves it.")


def check_users(users: object, admin_name: str) -> dict[str, str]:
    """Return ``users`` as a dict of role by name, or raise InvalidArgumentError.

    Parameters
    ----------
    users
        The role of each additional user, by name; None for no additional user.
    admin_name
        The user that every federation has.
    """
    if users is None:
        return {}
    if not isinstance(users, Mapping):
        raise InvalidArgumentError(
            f"users must be a dict from user name to role, such as {{'ada@example.org': 'lead'}}, not {users!r}."
        )
    seen = {admin_name.lower()}
    for name, role in users.items():
        if not isinstance(name, str) or not _USER_NAME_PATTERN.fullmatch(name) or len(name) > _MAX_NAME_CHARS:
            raise InvalidArgumentError(
                f"{name!r} is not a valid user name: it must be like an e-mail address, ada@example.org."
            )
        if name.lower() in seen:
            raise InvalidArgumentError(f"Each user needs a unique name, but {name!r} is used twice.")
        seen.add(name.lower())
        if role not in ROLES:
            raise InvalidArgumentError(f"The role of {name} must be one of {', '.join(ROLES)}, not {role!r}.")
    return dict(users)


def check_federation_name(name: object) -> str | None:
    """Return the ``name`` of a federation, or raise InvalidArgumentError; None stands for any free name."""
    if name is None:
        return None
    if not isinstance(name, str) or not _SITE_NAME_PATTERN.fullmatch(name) or len(name) > _MAX_NAME_CHARS:
        raise InvalidArgumentError(
            f"{name!r} is not a valid federation name: use letters, digits, '-' and '_', beginning with a letter or a "
            "digit."
        )
    return name


def check_keep_alive(keep: object) -> float:
    """Return ``keep`` as a number of seconds, or raise InvalidArgumentError."""
    if isinstance(keep, (int, float)) and not isinstance(keep, bool) and 0 <= keep <= MAX_KEEP_ALIVE_S:
        return float(keep)
    raise InvalidArgumentError(
        f"keep must be a number of seconds from 0 to {MAX_KEEP_ALIVE_S:.0f} (a day), not {keep!r}."
    )


def check_timeout(start_timeout: object) -> float:
    """Return ``start_timeout`` as a number of seconds, or raise InvalidArgumentError."""
    if isinstance(start_timeout, (int, float)) and not isinstance(start_timeout, bool):
        seconds = float(start_timeout)
        if 0 < seconds < math.inf:
            return seconds
    raise InvalidArgumentError(f"start_timeout must be a positive number of seconds, not {start_timeout!r}.")


def check_scheme(scheme: object) -> str:
    """Return ``scheme``, or raise InvalidArgumentError if NVIDIA FLARE's provisioner does not support it."""
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        raise InvalidArgumentError(f"scheme must be one of {', '.join(SCHEMES)}, not {scheme!r}.")
    return scheme


def is_unsafe_path(path: str | Path) -> bool:
    """Return whether NVIDIA FLARE would fail to start jobs with this path in a command line."""
    return _UNSAFE_PATH_PATTERN.search(str(path)) is not None


def check_folder(folder: Path) -> Path:
    """Return ``folder`` as an absolute path, or raise InvalidArgumentError if a federation cannot use it.

    Parameters
    ----------
    folder
        A folder that does not exist yet, or is empty except for the logs of a failed start.
    """
    absolute = absolute_path(folder)
    if is_unsafe_path(absolute):
        raise InvalidArgumentError(
            f"The folder {str(absolute)!r} cannot be used: NVIDIA FLARE cannot run jobs under a path "
            "that contains spaces, quotes, backslashes or '#'."
        )
    with translate_os_errors(f"the folder {str(absolute)!r} cannot be used"):
        if absolute.is_dir():
            if any(entry.name != LOGS for entry in absolute.iterdir()):
                raise InvalidArgumentError(f"The folder {str(absolute)!r} is not empty: choose a new or empty one.")
        elif absolute.exists():
            raise InvalidArgumentError(f"{str(absolute)!r} is not a folder.")
    return absolute
