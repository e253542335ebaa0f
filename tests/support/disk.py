"""A disk, a working folder and a home that are not as they should be."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ORDINARY_USER = 12345


@contextlib.contextmanager
def unreadable_folder(name: str) -> Iterator[Path]:
    """Make a folder that an ordinary user may not read, in a home that it may."""
    home = Path(tempfile.mkdtemp(prefix="home-"))
    home.chmod(0o777)
    closed = home / name
    closed.mkdir()
    closed.chmod(0o700 if os.getuid() == 0 else 0o000)
    try:
        yield closed
    finally:
        closed.chmod(0o700)
        shutil.rmtree(home)


@contextlib.contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Give up the rights of root, for files, during the block."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(_ORDINARY_USER)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def removed_working_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a folder that does not exist any more, as after its notebook's folder was deleted."""
    folder = tempfile.mkdtemp()
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        Path(folder).rmdir()
        yield


def forget_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a user id that is in no password file, as in some containers, and no HOME."""
    monkeypatch.delenv("HOME", raising=False)

    def unknown(_: object) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)


def forbid_temporary_folders(monkeypatch: pytest.MonkeyPatch, folder: str = "/nonexistent") -> None:
    """Have no temporary folder that can be used."""
    monkeypatch.setattr(tempfile, "tempdir", folder)


def break_disk(monkeypatch: pytest.MonkeyPatch, number: int, below: Path) -> None:
    """Have everything refused that concerns files below a folder."""

    def refuse(name: str, module: Any) -> None:
        real = getattr(module, name)

        def function(*args: Any, **kwargs: Any) -> Any:
            for path in args[:2]:
                if isinstance(path, (str, os.PathLike)) and str(os.fspath(path)).startswith(str(below)):
                    raise OSError(number, os.strerror(number), os.fspath(path))
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, function)

    for name in (
        "open",
        "stat",
        "lstat",
        "scandir",
        "listdir",
        "mkdir",
        "rename",
        "replace",
        "unlink",
        "rmdir",
        "statvfs",
    ):
        refuse(name, os)
    refuse("open", io)
    refuse("open", builtins)
