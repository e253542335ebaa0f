"""Reading of the small files of a result from a folder. Whatever the folder contains, the cost is bounded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .. import bounds
from ..api.transfer import unpack
from ..api.transfer.result_files import ResultFiles
from ..api.transfer.zip_members import KeptFiles, Wanted
from ..local_files import translate_os_errors
from ..monitoring.results.values import parse_json

LISTING = ".files.json"
"""File in the folder of a part of a result: the sizes of all its files by path."""


def list_paths(folder: Path) -> dict[str, int]:
    """Return the sizes of the files of a folder by path, with ``/``; links and the like are left out.

    Raises
    ------
    FileAccessError
        The folder cannot be read.
    """
    with translate_os_errors(f"{folder} cannot be read"):
        return dict(sorted(_walk(folder)))


def read_folder(folder: Path, sizes: dict[str, int], wanted: Wanted) -> ResultFiles:
    """Read the wanted files of a folder.

    Parameters
    ----------
    folder
        The folder.
    sizes
        Its files, from :func:`list_paths`.
    wanted
        Decides by path and size which files are read.

    Raises
    ------
    FileAccessError
        A file cannot be read.
    """
    kept = KeptFiles()
    for path, size in sizes.items():
        if wanted(path, size) and kept.has_room(path, size):
            with translate_os_errors(f"{folder / path} cannot be read"), (folder / path).open("rb") as file:
                kept.keep(path, file.read(size))
    return ResultFiles(kept.files, reason="; ".join(kept.problems))


def read_listing(folder: Path) -> dict[str, int]:
    """Return the sizes of all files of a result of which a folder has a part; empty if it is none."""
    path = folder / LISTING
    try:
        if path.stat().st_size > bounds.MAX_FILE_BYTES:
            return {}
        listed = parse_json(path.read_text("utf-8", "replace"))
    except OSError:
        return {}
    return {
        name: size
        for name, size in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(size, int) and not isinstance(size, bool) and size >= 0 and not unpack.is_unsafe_path(name)
    }


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    count = 0
    waiting = [(str(folder), "", 0)]
    while waiting:
        where, prefix, depth = waiting.pop()
        with os.scandir(where) as entries:
            for entry in entries:
                count += 1
                if count > bounds.MAX_MEMBERS:
                    return
                if entry.is_file(follow_symlinks=False):
                    yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size
                elif depth < bounds.MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{prefix}{entry.name}/", depth + 1))
