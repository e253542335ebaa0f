"""A folder browser's kernel half: what is in a folder of the machine the kernel runs on."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...api.transfer.job_folder import is_job_folder
from ...formatting.text import clean

_MOST = 300
_MOST_CRUMBS = 12


@dataclass(frozen=True)
class Place:
    """A folder, and the folders in it.

    Attributes
    ----------
    path
        The folder.
    folders
        Those in it by name, without hidden ones, and whether each is a job's.
    more
        How many more there are.
    problem
        Why it could not be read; empty when it could.
    """

    path: Path
    folders: tuple[tuple[str, bool], ...] = ()
    more: int = 0
    problem: str = ""


def look(path: Path) -> Place:
    """Return what is in a folder; why it cannot be read is told by the result."""
    try:
        with os.scandir(path) as entries:
            names = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())
    except OSError as e:
        return Place(path, problem=f"{clean(str(path), 300)} cannot be read: {e.strerror}")
    except ValueError:  # what is typed in a browser need not be a path
        return Place(path, problem=f"{clean(str(path), 300)} cannot be read: it is no path")
    shown = names[:_MOST]
    return Place(path, tuple((name, is_job(path / name)) for name in shown), len(names) - len(shown))


def is_job(path: Path) -> bool:
    """Return whether a folder looks like a job's; one that cannot be read does not."""
    try:
        return is_job_folder(path)
    except (OSError, ValueError):
        return False


@dataclass
class Listing:
    """A place as a browser is shown it: what can be gone to has a number, since a name may be anything.

    Attributes
    ----------
    place
        What is listed.
    """

    place: Place
    _numbers: dict[int, Path] = field(default_factory=dict)
    _json: dict[str, Any] = field(default_factory=dict)

    _next = itertools.count(1)

    def __post_init__(self) -> None:
        place = self.place
        crumbs = [place.path, *place.path.parents][:_MOST_CRUMBS][::-1]
        self._json = {
            "path": clean(str(place.path), 500),
            "crumbs": [{"id": self._number(path), "name": clean(path.name or str(path))} for path in crumbs],
            "folders": [
                {"id": self._number(place.path / name), "name": clean(name), "job": job} for name, job in place.folders
            ],
            "more": place.more,
            "problem": clean(place.problem, 500),
        }

    def to_json(self) -> dict[str, Any]:
        """Return ``path, crumbs, folders, more, problem``; a crumb and a folder have an ``id``, for :meth:`path_of`."""
        return self._json

    def path_of(self, number: Any) -> Path | None:
        """Return what a number of this listing stands for."""
        return self._numbers.get(number) if isinstance(number, int) else None

    def _number(self, path: Path) -> int:
        number = next(self._next)
        self._numbers[number] = path
        return number
