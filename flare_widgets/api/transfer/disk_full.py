"""A full disk, told as what it is: before the work where the size is known, and else when it happens."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from ...errors import DiskFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """Whether the error says that there is no space left: a full disk, a used up quota, a too small file system."""
    return error.errno in _FULL


def need(folder: Path, size: int, purpose: str) -> None:
    """Check that `size` bytes fit into a folder.

    Raises
    ------
    DiskFull
        They do not.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DiskFull(
            f"no space left: {purpose} needs {_readable(size)} in {folder}, where {_readable(free)} are free. "
            "Make room there, or choose another place"
        )


@contextlib.contextmanager
def watched(folder: Path, purpose: str) -> Iterator[None]:
    """Have a disk that runs full within the block told as DiskFull.

    Raises
    ------
    DiskFull
        It did.
    """
    try:
        yield
    except DiskFull:
        raise
    except OSError as e:
        if not is_full(e):
            raise
        raise DiskFull(
            f"no space left in {folder} ({e.strerror}): {purpose} was given up. "
            "Make room there, or choose another place"
        ) from None


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
