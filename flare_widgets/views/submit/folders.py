"""The kernel's half of a folder browser: the content of a folder on the machine the kernel runs on."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import bounds
from ...api.transfer.job_folder import is_job_folder
from ...formatting.text import sanitize

_MAX_FOLDERS = 300
_MAX_BREADCRUMBS = 12


@dataclass(frozen=True)
class FolderContents:
    """The subfolders of a folder.

    Attributes
    ----------
    path
        The folder.
    folders
        The subfolders by name, without hidden ones, each with whether it is a job's.
    more
        The number of subfolders left out.
    problem
        The reason why it could not be read; empty if it could.
    """

    path: Path
    folders: tuple[tuple[str, bool], ...] = ()
    more: int = 0
    problem: str = ""


def list_folder(path: Path) -> FolderContents:
    """Return the content of a folder; the result has the reason if it cannot be read."""
    try:
        with os.scandir(path) as entries:
            scanned = itertools.islice(entries, bounds.MAX_SCANNED_ENTRIES)
            names = sorted(e.name for e in scanned if not e.name.startswith(".") and e.is_dir())
    except OSError as e:
        return FolderContents(path, problem=f"{sanitize(str(path), 300)} cannot be read: {e.strerror}")
    except ValueError:  # text typed in a browser need not be a path
        return FolderContents(path, problem=f"{sanitize(str(path), 300)} cannot be read: not a valid path")
    shown = names[:_MAX_FOLDERS]
    return FolderContents(path, tuple((name, looks_like_job(path / name)) for name in shown), len(names) - len(shown))


def is_within(path: Path, folder: Path | None) -> bool:
    """Return whether a path is in a folder, wherever links lead; True if there is no such folder."""
    if folder is None:
        return True
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    except (OSError, ValueError):
        return False


def shown_path(path: Path, within: Path | None) -> str:
    """Return a path as it is shown: in `within` it begins with the name of that folder."""
    if within is None or not path.is_relative_to(within):
        return str(path)
    return str(Path(within.name, path.relative_to(within)))


def looks_like_job(path: Path) -> bool:
    """Return whether a folder looks like a job's; an unreadable one does not."""
    try:
        return is_job_folder(path)
    except (OSError, ValueError):
        return False


@dataclass
class FolderListing:
    """A folder as a browser shows it: reachable folders have numbers, since a name may be anything.

    Attributes
    ----------
    contents
        The listed folder.
    within
        The folder that can be shown at most, by whose name all paths begin; None for the whole disk.
    """

    contents: FolderContents
    within: Path | None = None
    _paths_by_id: dict[int, Path] = field(default_factory=dict)
    _json: dict[str, Any] = field(default_factory=dict)

    _ids = itertools.count(1)

    def __post_init__(self) -> None:
        place = self.contents
        above = [path for path in place.path.parents if self.within is None or path.is_relative_to(self.within)]
        crumbs = [place.path, *above][:_MAX_BREADCRUMBS][::-1]
        self._json = {
            "path": sanitize(shown_path(place.path, self.within), 500),
            "crumbs": [{"id": self._assign_id(path), "name": sanitize(path.name or str(path))} for path in crumbs],
            "folders": [
                {"id": self._assign_id(place.path / name), "name": sanitize(name), "job": job}
                for name, job in place.folders
            ],
            "more": place.more,
            "problem": sanitize(place.problem, 500),
        }

    def to_json(self) -> dict[str, Any]:
        """Return ``path, crumbs, folders, more, problem``; a crumb and a folder have an ``id``, for :meth:`path_of`."""
        return self._json

    def path_of(self, folder_id: Any) -> Path | None:
        """Return the path for a number of this listing."""
        return self._paths_by_id.get(folder_id) if isinstance(folder_id, int) else None

    def _assign_id(self, path: Path) -> int:
        number = next(self._ids)
        self._paths_by_id[number] = path
        return number
