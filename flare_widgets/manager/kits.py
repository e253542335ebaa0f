"""The available startup kits of users, found by searching folders."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import ConfigError, FileAccessError, FlareError
from ..formatting.text import sanitize, suggest_name
from ..kit import StartupKit
from ..kit.files import SETTINGS_FILE, advise_missing_folder
from ..local_files import absolute_path, expand_path, is_file, path_exists

_MAX_DEPTH = 4  # levels below the searched folder
_MAX_FOLDERS = 3000  # the limit for a whole search: the notebook may be in a home folder
_SEARCH_TIMEOUT_S = 2.0
_SKIPPED_FOLDERS = {"node_modules", "__pycache__", "site-packages", "venv", "startup"}


@dataclass(frozen=True)
class FoundKit:
    """A startup kit of a user, as found.

    Attributes
    ----------
    path
        Its folder.
    username, organization, role, address, project
        The user, server and federation of the kit; empty if it cannot be used. Safe to display.
    expires_at
        The expiry of the user's certificate (UTC).
    problem
        The reason why it cannot be used, in a sentence; empty if it can.
    """

    path: Path
    username: str = ""
    organization: str = ""
    role: str = ""
    address: str = ""
    project: str = ""
    expires_at: datetime | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """The folder's name, usually the user's name."""
        return self.path.name


def find_kits(folders: Iterable[str | Path] = (), notebook_folder: str | Path | None = None) -> list[FoundKit]:
    """Search for startup kits of users.

    Kits of servers and sites are skipped. Hidden folders are not searched, unless they are given; nor are
    links to folders, nor more than a few thousand folders.

    Parameters
    ----------
    folders
        Folders of kits: each may be a kit itself, or have kits some levels below it.
    notebook_folder
        The notebook's folder: it is searched the same way, and so are ``kits`` and ``startup_kits`` beside it.

    Returns
    -------
    list of FoundKit
        In the order they were found, without duplicates.
    """
    return [_read_kit(path) for path in find_kit_folders(folders, notebook_folder)]


def find_kit_folders(
    folders: Iterable[str | Path] = (), notebook_folder: str | Path | None = None, timeout_s: float = _SEARCH_TIMEOUT_S
) -> list[Path]:
    """Return the folders of the startup kits of users, without reading them.

    Parameters
    ----------
    folders, notebook_folder
        See :func:`find_kits`.
    timeout_s
        Maximum duration of the search, in seconds.
    """
    places = [expand_path(folder) for folder in folders]
    if notebook_folder is not None:
        with contextlib.suppress(FileAccessError):  # the working folder was removed: nothing is near it
            here = absolute_path(notebook_folder)
            places += [here, here.parent / "kits", here.parent / "startup_kits"]
    budget = _SearchBudget(timeout_s)
    found: dict[str, Path] = {}
    for place in places:
        for folder in _find_below(place, budget):
            found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def resolve_kit(path_or_name: str, find_known: Callable[[], Sequence[Path]]) -> Path:
    """Return the kit that a user means: by a path, or by the folder name of a found kit.

    Parameters
    ----------
    path_or_name
        The user's input.
    find_known
        Returns the folders of the available kits; see :func:`find_kit_folders`. Not called for a path.

    Raises
    ------
    ConfigError
        There is no such path, and not exactly one such kit.
    InvalidArgumentError
        The path begins with the name of an unknown user.
    """
    path = expand_path(path_or_name)
    if os.sep in path_or_name or path_exists(path):
        return path
    known = find_known()
    named = [kit for kit in known if kit.name == path_or_name] or [
        kit for kit in known if kit.name.partition("@")[0] == path_or_name
    ]
    if len(named) == 1:
        return named[0]
    if named:
        places = ", ".join(sanitize(str(kit)) for kit in named[:5])
        raise ConfigError(
            f"there are {len(named)} startup kits called {sanitize(path_or_name)!r}: {places}",
            next_step="Pass the folder",
        )
    names = dict.fromkeys(sanitize(kit.name) for kit in known)
    suggestion = f"{suggest_name(path_or_name, names, 'known kits')}. For another, pass" if names else "Pass"
    raise ConfigError(
        f"there is no startup kit {sanitize(path_or_name)!r}: no such folder, and no kit of that name",
        next_step=advise_missing_folder(path_or_name, otherwise=f"{suggestion} the folder that contains startup/"),
    )


class _SearchBudget:
    """The remaining limits of a search."""

    def __init__(self, timeout_s: float) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._remaining_folders = _MAX_FOLDERS

    def spend(self) -> bool:
        """Return whether one more folder may be searched."""
        self._remaining_folders -= 1
        return self._remaining_folders >= 0 and time.monotonic() < self._deadline


def _find_below(root: Path, budget: _SearchBudget) -> Iterator[Path]:
    """Yield the kits in a folder, nearest first."""
    level = [root]
    for depth in range(_MAX_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            if not budget.spend():
                return
            if is_file(folder / "startup" / SETTINGS_FILE):
                yield folder
            elif depth == 0 and is_file(folder / SETTINGS_FILE):
                yield folder.parent if folder.name == "startup" else folder
            elif depth < _MAX_DEPTH:
                below += _list_subfolders(folder)
        level = below


def _list_subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name not in _SKIPPED_FOLDERS]


def _read_kit(path: Path) -> FoundKit:
    try:
        kit = StartupKit.load(path)
    except (FlareError, OSError) as e:
        return FoundKit(path, problem=sanitize(" ".join(str(e).split()), 300))
    return FoundKit(
        path,
        sanitize(kit.username),
        sanitize(kit.organization),
        sanitize(kit.role),
        sanitize(kit.address),
        sanitize(kit.project_name),
        kit.expires_at,
    )
