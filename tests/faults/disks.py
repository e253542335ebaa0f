"""A small disk that can be filled."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

SIZE = 96 << 20


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Make a folder that is a disk of its own, if this user may mount one; yield whether it is."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "faults", str(folder)]
    is_mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    is_mounted = is_mounted and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(disk: Path, spare: int) -> Iterator[None]:
    """Leave only so many bytes free until the end of the block."""
    filler = disk / "filler"
    size = max(0, shutil.disk_usage(disk).free - spare)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
    try:
        yield
    finally:
        filler.unlink()
