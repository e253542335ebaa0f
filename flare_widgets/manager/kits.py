"""The startup kits of users that are at hand, found by looking into folders."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import ConfigError, FlareError
from ..formatting.text import clean
from ..kit import StartupKit

_DEPTH = 4  # folders below the one that is looked into
_MOST_FOLDERS = 3000  # that are looked into in all: the notebook may lie in a home folder
_MOST_SECONDS = 2.0
_SETTINGS = "fed_admin.json"
_NEVER = {"node_modules", "__pycache__", "site-packages", "venv", "startup"}


@dataclass(frozen=True)
class FoundKit:
    """A startup kit of a user, as it was found.

    Attributes
    ----------
    path
        Its folder.
    username, organization, role, address, project
        Whose it is, for which server and federation; empty when it cannot be used. Fit to be shown.
    expires_at
        When the user's certificate ends (UTC).
    problem
        Why it cannot be used, in a sentence; empty when it can.
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
        """The folder's name: mostly the user's."""
        return self.path.name


def find_kits(folders: Iterable[str | Path] = (), around: str | Path | None = None) -> list[FoundKit]:
    """Look for startup kits of users.

    Kits of servers and sites are passed over. Hidden folders are not looked into, unless they are given; nor are
    links to folders, nor more than a few thousand folders.

    Parameters
    ----------
    folders
        Where kits are kept: each may be a kit itself, or have kits some folders below it.
    around
        The notebook's folder: it is looked into the same way, and so are ``kits`` and ``startup_kits`` beside it.

    Returns
    -------
    list of FoundKit
        In the order they were found, each once.
    """
    return [_look_at(path) for path in kit_folders(folders, around)]


def kit_folders(
    folders: Iterable[str | Path] = (), around: str | Path | None = None, seconds: float = _MOST_SECONDS
) -> list[Path]:
    """Return the folders of the startup kits of users, without reading them; arguments as of :func:`find_kits`.

    Parameters
    ----------
    folders, around
        See :func:`find_kits`.
    seconds
        How long to look at most.
    """
    places = [Path(folder).expanduser() for folder in folders]
    if around is not None:
        here = Path(around)
        places += [here, here.parent / "kits", here.parent / "startup_kits"]
    budget = _Budget(seconds)
    found: dict[str, Path] = {}
    for place in places:
        for folder in _kits_below(place, budget):
            found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def resolve_kit(word: str, found: Sequence[Path]) -> Path:
    """Return the kit that a user means: by a path, or by the name of a folder among the kits that were found.

    Parameters
    ----------
    word
        What the user said.
    found
        The folders of the kits at hand; see :func:`kit_folders`.

    Raises
    ------
    ConfigError
        There is no such path, and not exactly one such kit.
    """
    path = Path(word).expanduser()
    if path.exists() or os.sep in word:
        return path
    named = [kit for kit in found if kit.name == word] or [kit for kit in found if kit.name.partition("@")[0] == word]
    if len(named) == 1:
        return named[0]
    if named:
        places = ", ".join(clean(str(kit)) for kit in named[:5])
        raise ConfigError(f"there are {len(named)} startup kits called {clean(word)!r}: {places}. Give the folder")
    return path  # whoever reads it says what is wrong with it


class _Budget:
    """How much may still be looked at."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._folders = _MOST_FOLDERS

    def spend(self) -> bool:
        """Whether one folder more may be looked into."""
        self._folders -= 1
        return self._folders >= 0 and time.monotonic() < self._until


def _kits_below(place: Path, budget: _Budget) -> Iterator[Path]:
    """The kits in a folder, those near first."""
    level = [place]
    for depth in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            if not budget.spend():
                return
            if (folder / "startup" / _SETTINGS).is_file():
                yield folder
            elif depth == 0 and (folder / _SETTINGS).is_file():
                yield folder.parent if folder.name == "startup" else folder
            elif depth < _DEPTH:
                below += _folders_in(folder)
        level = below


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name not in _NEVER]


def _look_at(path: Path) -> FoundKit:
    try:
        kit = StartupKit.load(path)
    except (FlareError, OSError) as e:
        return FoundKit(path, problem=clean(" ".join(str(e).split()), 300))
    return FoundKit(
        path,
        clean(kit.username),
        clean(kit.organization),
        clean(kit.role),
        clean(kit.address),
        clean(kit.project_name),
        kit.expires_at,
    )
