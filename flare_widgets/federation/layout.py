"""Location and lifetime of federations on disk.

A federation's folder outlives it, so that its logs can be read after the end; the next start removes old
ones. One federation is::

    20261123-221908-3f9c0a51d2b7/
      kits/         the provisioner's output: server/, site-1/, ..., admin@nvidia.com/
      authority/    the certificate authority's key, for adding sites; removed when the federation ends
      federation.json, state.json, orders/    its description, the state of its processes, requests to it
      logs/         console output of each process, of the provisioner and of the supervisor
      storage/      the server's jobs
      alive         touched by the supervisor: shows other starts that the folder is in use
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

from ..local_files import is_file, path_exists
from .errors import FederationError
from .validation import LOGS, is_unsafe_path

ALIVE_FILE = "alive"
DESCRIPTION_FILE = "federation.json"
STATE_FILE = "state.json"
AUTHORITY = "authority"
KITS = "kits"
PROVISION = "provision"
STORAGE = "storage"

#: Retention: nothing older than a week, nothing beyond the newest ten ...
MAX_AGE_S = 7 * 24 * 3600.0
MAX_KEPT_FOLDERS = 10
# ... except recently used folders: another process may just be starting a federation in one.
_MIN_IDLE_S = 3600.0

_NAME_PATTERN = re.compile(r"\d{8}-\d{6}-(?P<federation>[0-9a-f]{12})")


class FolderEntry(NamedTuple):
    """A federation's folder, reduced to the data that decides about its removal."""

    name: str
    last_used: float


def default_root() -> Path:
    """Return the folder that holds the folders of this user's federations; create it if necessary.

    It is in the user's cache folder, or under the temporary folder if that cannot be used.
    """
    for candidate in (_cache_folder() / "flare-widgets" / "federations", _temporary_folder()):
        if not is_unsafe_path(candidate) and _make_private(candidate):
            return candidate
    raise FederationError(
        f"No folder for the local federation: neither {_cache_folder()} nor {_temporary_folder()} can be used; "
        "give one with folder=..."
    )


def _cache_folder() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:  # no HOME and no entry in the password database, as in some containers
        return _temporary_folder()
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"flare-widgets-{os.getuid()}"


def _make_private(folder: Path) -> bool:
    """Make the folder, readable by this user only; return False if it cannot be ours."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In a shared temporary folder, another user may have created our name first.
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def make_folder(federation_id: str, folder: Path | None) -> Path:
    """Make the folder of a federation that is about to start.

    Parameters
    ----------
    federation_id
        The federation's id.
    folder
        The folder the user chose; if None, a new one under :func:`default_root`.

    Returns
    -------
    Path
        The folder, readable by this user only.
    """
    if folder is None:
        folder = default_root() / f"{time.strftime('%Y%m%d-%H%M%S')}-{federation_id}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # mkdir leaves the mode of an existing folder as it was
    (folder / LOGS).mkdir(mode=0o700, exist_ok=True)
    (folder / ALIVE_FILE).touch()
    return folder


def keep_logs_only(folder: Path) -> None:
    """Remove all but the logs of a federation whose start failed, so that its folder can be used again."""
    for part in (KITS, PROVISION, STORAGE, AUTHORITY, "orders"):
        shutil.rmtree(folder / part, ignore_errors=True)
    for file in (ALIVE_FILE, DESCRIPTION_FILE, STATE_FILE):
        with contextlib.suppress(OSError):
            (folder / file).unlink(missing_ok=True)


def remove_authority(folder: Path) -> None:
    """Remove the key of the certificate authority: no site can join once the federation has ended."""
    shutil.rmtree(folder / AUTHORITY, ignore_errors=True)


def prune(running_ids: Collection[str] = ()) -> list[Path]:
    """Remove the folders of old federations under :func:`default_root`.

    Parameters
    ----------
    running_ids
        Ids of running federations, whose folders are kept.

    Returns
    -------
    list of Path
        The removed folders.
    """
    root = default_root()
    removed = []
    for name in find_outdated(_list_entries(root), now=time.time(), running_ids=running_ids):
        # Another process may be reading a log in it, or removing it too: a folder that cannot be removed now is
        # removed later.
        shutil.rmtree(root / name, ignore_errors=True)
        removed.append(root / name)
    return removed


def list_authorities() -> list[tuple[Path, str]]:
    """Return the folders under :func:`default_root` that have the key of an authority, each with its federation's id.

    Without those of federations whose supervisor has not reported yet: they are just being started.
    """
    found = []
    for folder in default_root().iterdir():
        match = _NAME_PATTERN.fullmatch(folder.name)
        if match and is_file(folder / STATE_FILE) and path_exists(folder / AUTHORITY):
            found.append((folder, match["federation"]))
    return found


def _list_entries(root: Path) -> Iterable[FolderEntry]:
    for folder in root.iterdir():
        try:
            alive = folder / ALIVE_FILE
            yield FolderEntry(folder.name, (alive if alive.exists() else folder).stat().st_mtime)
        except OSError:
            continue


def find_outdated(entries: Iterable[FolderEntry], *, now: float, running_ids: Collection[str] = ()) -> list[str]:
    """Return the names of the folders that are no longer worth keeping. Pure.

    Parameters
    ----------
    entries
        The existing folders; names that no federation would have are left alone.
    now
        The current time, comparable with ``last_used``.
    running_ids
        Ids of running federations.

    Returns
    -------
    list of str
        The names of the folders to remove.
    """
    ours = []
    for entry in entries:
        match = _NAME_PATTERN.fullmatch(entry.name)
        if match and match["federation"] not in running_ids:
            ours.append(entry)
    ours.sort(key=lambda entry: entry.last_used, reverse=True)
    return [
        entry.name
        for position, entry in enumerate(ours)
        if now - entry.last_used > MAX_AGE_S or (position >= MAX_KEPT_FOLDERS and now - entry.last_used > _MIN_IDLE_S)
    ]
