"""Handling of a full disk: checked beforehand if the size is known, and reported when it happens."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...errors import DiskFull, FlareError
from ...local_files import is_disk_full, make_file_error


def require_space(folder: Path, size: int, purpose: str) -> None:
    """Check that `size` bytes fit into a folder.

    Raises
    ------
    DiskFull
        They do not fit.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DiskFull(
            f"no space left: {purpose} needs {_format_size(size)} in {folder}, where {_format_size(free)} are free",
            next_step="Free some space, or choose another folder",
        )


@contextlib.contextmanager
def translate_errors(folder: Path, purpose: str) -> Iterator[None]:
    """Raise what the disk refuses within the block as an error of ours.

    Raises
    ------
    DiskFull
        The disk ran full.
    FileAccessError
        Any other reason.
    """
    try:
        yield
    except FlareError:
        raise
    except OSError as e:
        if not is_disk_full(e):
            raise make_file_error(e, f"{purpose} cannot be written to {folder}") from e
        raise DiskFull(
            f"no space left in {folder} ({e.strerror}): {purpose} was given up",
            next_step="Free some space, or choose another folder",
        ) from None


def _format_size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
