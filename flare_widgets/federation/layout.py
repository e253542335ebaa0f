"""Where federations live on disk, and how long they stay there.

A federation's folder outlives it, so that its logs can be read after the end; old ones are removed by the
next start. One federation is::

    20261123-221908-3f9c0a51d2b7/
      kits/         what the provisioner made: server/, site-1/, ..., admin@nvidia.com/
      authority/    the certificate authority's key, by which more sites can join; gone when the federation ends
      federation.json, state.json, orders/    what it is, how its processes are, what is wanted of it
      logs/         what each process wrote to its console, and the provisioner and the supervisor
      storage/      the server's jobs
      alive         touched by the supervisor: tells other starts that the folder is in use
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from .errors import FederationError
from .validation import LOGS, breaks_commands

ALIVE = "alive"
AUTHORITY = "authority"
KITS = "kits"
PROVISION = "provision"
STORAGE = "storage"

#: What is kept: nothing older than a week, nothing beyond the newest ten ...
KEEP_SECONDS = 7 * 24 * 3600.0
KEEP_NEWEST = 10
# ... but nothing that was used a moment ago, since it may be just being started by another process.
_SURELY_IDLE = 3600.0

_NAME = re.compile(r"\d{8}-\d{6}-(?P<federation>[0-9a-f]{12})")


class Entry(NamedTuple):
    """A federation's folder, as the decision to remove it sees it."""

    name: str
    last_used: float


def default_root() -> Path:
    """The folder that holds the folders of this user's federations; made if need be.

    The user's cache folder, or one under the temporary folder if that cannot be used.
    """
    for candidate in (_cache() / "flare-widgets" / "federations", _temporary()):
        if not breaks_commands(candidate) and _make_private(candidate):
            return candidate
    raise FederationError(
        f"No folder for the local federation: neither {_cache()} nor {_temporary()} can be used; "
        "give one with folder=..."
    )


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:  # no HOME and no entry in the password database, as in some containers
        return _temporary()
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"flare-widgets-{os.getuid()}"


def _make_private(folder: Path) -> bool:
    """Make the folder, readable by this user only; False if it cannot be ours."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a shared temporary folder, somebody else may have been first with our name.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def make(federation: str, folder: Path | None) -> Path:
    """Make the folder of a federation that is about to start.

    Parameters
    ----------
    federation
        The federation's identity.
    folder
        The folder the user chose; without it, a new one under :func:`default_root`.

    Returns
    -------
    Path
        The folder, readable by this user only.
    """
    if folder is None:
        folder = default_root() / f"{time.strftime('%Y%m%d-%H%M%S')}-{federation}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # mkdir leaves an existing folder as it was
    (folder / LOGS).mkdir(mode=0o700, exist_ok=True)
    (folder / ALIVE).touch()
    return folder


def keep_logs_only(folder: Path) -> None:
    """Take back a federation whose start failed, so that its folder can be used again."""
    for part in (KITS, PROVISION, STORAGE, AUTHORITY, "orders"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for file in (ALIVE, "federation.json", "state.json"):
        with contextlib.suppress(OSError):
            (folder / file).unlink(missing_ok=True)


def forget_authority(folder: Path) -> None:
    """Remove the key of the certificate authority: with the federation ended, nobody can join it any more."""
    shutil.rmtree(folder / AUTHORITY, ignore_errors=True)


def prune(live: Collection[str] = ()) -> list[Path]:
    """Remove the folders of old federations under :func:`default_root`.

    Parameters
    ----------
    live
        Federations that are running, which keep theirs.

    Returns
    -------
    list of Path
        What was removed.
    """
    root = default_root()
    removed = []
    for name in outdated(_entries(root), now=time.time(), live=live):
        # Somebody may be reading a log in it, or another start be removing it too: what cannot go now, goes
        # later.
        shutil.rmtree(root / name, ignore_errors=True)
        removed.append(root / name)
    return removed


def _entries(root: Path) -> Iterable[Entry]:
    for folder in root.iterdir():
        try:
            alive = folder / ALIVE
            yield Entry(folder.name, (alive if alive.exists() else folder).stat().st_mtime)
        except OSError:
            continue


def outdated(entries: Iterable[Entry], *, now: float, live: Collection[str] = ()) -> list[str]:
    """Which folders are no longer worth keeping. Pure.

    Parameters
    ----------
    entries
        What there is; names that no federation would have are left alone.
    now
        The time, comparable with ``last_used``.
    live
        Federations that are running.

    Returns
    -------
    list of str
        The names of the folders to remove.
    """
    ours = []
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match and match["federation"] not in live:
            ours.append(entry)
    ours.sort(key=lambda entry: entry.last_used, reverse=True)
    return [
        entry.name
        for position, entry in enumerate(ours)
        if now - entry.last_used > KEEP_SECONDS or (position >= KEEP_NEWEST and now - entry.last_used > _SURELY_IDLE)
    ]
