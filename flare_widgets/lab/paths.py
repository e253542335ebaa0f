"""The paths that a page may name, and how paths are written for it: in the root folder, and no others."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..formatting.text import sanitize
from .hub import Refused

_MAX_PATH_CHARS = 4000
_SEPARATOR = re.compile(r"[/\\]" if os.sep == "\\" else "/")


class PathGuard:
    """The root folder of a Jupyter server, out of which no path of a page leads.

    Parameters
    ----------
    root
        The root folder; None if the server's files are on no disk.
    is_hidden_allowed
        True if pages may name hidden files and folders.
    """

    def __init__(self, root: Path | None, is_hidden_allowed: bool = False) -> None:
        self.root = None if root is None else Path(os.path.realpath(root))
        self._is_hidden_allowed = is_hidden_allowed
        self._roots = [] if root is None else list(dict.fromkeys([os.path.abspath(root), str(self.root)]))  # noqa: PTH100

    def resolve(self, path: object) -> Path:
        """Return the file or folder of a path of Jupyter's contents, with links followed.

        Raises
        ------
        Refused
            It is not a valid path, leads out of the root folder, or is hidden.
        """
        if self.root is None:
            raise Refused("The files of this Jupyter server are not on its disk.")
        if not isinstance(path, str) or "\0" in path or len(path) > _MAX_PATH_CHARS:
            raise Refused("This is not a path.")
        parts = [part for part in _SEPARATOR.split(path) if part not in ("", ".")]
        if ".." in parts or (os.name == "nt" and any(":" in part for part in parts)):
            raise Refused("This path leads out of the root folder.")
        try:
            found = Path(os.path.realpath(self.root.joinpath(*parts)))
            is_inside = found.is_relative_to(self.root)
        except (OSError, ValueError):
            raise Refused("This is not a path.") from None
        if not is_inside:
            raise Refused("This path leads out of the root folder.")
        seen = [*parts, *found.relative_to(self.root).parts]
        if not self._is_hidden_allowed and any(part.startswith(".") for part in seen):
            raise Refused("This path is hidden.")
        return found

    def resolve_folder(self, path: object) -> Path:
        """Return the folder of a path, as :meth:`resolve`; refused, too, if there is none."""
        found = self.resolve(path)
        if not found.is_dir():
            raise Refused(f"There is no folder {sanitize(str(path), 200)}.")
        return found

    def relative(self, path: Path) -> str:
        """Return a path as Jupyter's contents have it; empty if it is not in the root folder."""
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay
        for root in self._roots:
            if absolute.is_relative_to(root):
                return absolute.relative_to(root).as_posix()
        return ""

    def shorten(self, path: Path) -> str:
        """Return a path as a page may see it: relative to the root folder or to the home, else its name only."""
        absolute = os.path.abspath(path)  # noqa: PTH100 - links stay
        for folder, prefix in [*((root, "") for root in self._roots), (_home(), "~")]:
            if folder and Path(absolute).is_relative_to(folder):
                return sanitize(str(Path(prefix, Path(absolute).relative_to(folder))), 500)
        return sanitize(f"…/{Path(absolute).name}", 500)

    def shorten_all(self, text: str, *others: Path) -> str:
        """Return a text with `others`, and all paths in the root folder and in the home, as by :meth:`shorten`."""
        for path in others:
            text = text.replace(str(path), self.shorten(path))
        for root in self._roots:
            text = text.replace(f"{root}{os.sep}", "").replace(root, "the root folder")
        home = _home()
        return text.replace(f"{home}{os.sep}", f"~{os.sep}") if home not in ("", os.sep) else text


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:
        return ""
