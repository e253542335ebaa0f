"""Broken disks, working folders and homes, and what an error must be that comes of one."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path

import disk
import kits
import pytest

from flare_widgets.errors import FlareError, InputError, NotInstalled
from flare_widgets.federation import LocalFederation, mailbox, processes, supervisor_client
from flare_widgets.federation.mailbox import FederationState, ProcessState
from flare_widgets.federation.startup import FederationHandle
from flare_widgets.federation.supervisor_client import AttachedSupervisor

_DEAD_PROCESS = 2**22 + 1  # beyond the largest id that Linux gives

Trouble = Callable[[pytest.MonkeyPatch, Path], str]
"""Breaks something, and returns a path to use with it."""


def removed_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    return "here/it"


def unknown_home(monkeypatch: pytest.MonkeyPatch, _: Path) -> str:
    disk.forget_home(monkeypatch)
    return "~/it"


def unknown_user(_: pytest.MonkeyPatch, __: Path) -> str:
    return "~nobodyhere/it"


def no_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    return str(make_broken(tmp_path))


def refusing_disk(number: int) -> Trouble:
    def trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
        path = make_broken(tmp_path)
        disk.break_disk(monkeypatch, number, path.parent)
        return str(path)

    trouble.__name__ = f"disk_{errno.errorcode[number]}"
    return trouble


def make_broken(tmp_path: Path) -> Path:
    """Make a kit that is a job folder too."""
    path = kits.write_kit(tmp_path / "broken" / "it", host="127.0.0.1", port=9)
    (path / "app").mkdir()
    (path / "app" / "code.py").write_text("print(1)")
    (path / "meta.json").write_text('{"deploy_map": {"app": ["@ALL"]}, "min_clients": 1}')
    return path


TROUBLES: list[Trouble] = [
    removed_working_folder,
    unknown_home,
    unknown_user,
    no_temporary_folder,
    *map(refusing_disk, (errno.EACCES, errno.EROFS, errno.EIO, errno.ENOSPC, errno.EMFILE, errno.ESTALE, errno.ENOENT)),
]

with_trouble = pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)


def check_error(error: BaseException) -> None:
    """Check that an error is one that a script can handle and a person can act on."""
    assert isinstance(error, FlareError), repr(error)
    text = str(error)
    assert text.isprintable() or "\n" in text
    # What is wrong with something given here says itself what to give, and a package's message how to install it.
    says_itself = isinstance(error, (InputError, NotInstalled)) and len(error.description.split()) >= 4
    assert error.next_step or says_itself, text


def broken_federation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalFederation:
    """Make a federation that seems to run, in a folder that :func:`refusing_disk` breaks; nobody reads its requests."""
    folder = tmp_path / "broken" / "federation"
    (folder / "kits" / "site-1").mkdir(parents=True)
    (folder / "logs").mkdir()
    states = [ProcessState(name, "running", _DEAD_PROCESS, 0.0, 1) for name in ("server", "site-1", "site-2")]
    monkeypatch.setattr(mailbox, "read_state", lambda _: FederationState(_DEAD_PROCESS, tuple(states)))
    monkeypatch.setattr(processes, "is_supervisor", lambda *_: True)
    monkeypatch.setattr(supervisor_client, "_STOP_TIMEOUT_S", 0.05)
    federation = LocalFederation(2)
    federation._name = "local"
    federation._handle = FederationHandle(AttachedSupervisor("none", folder), 9, folder, close_on_gc=False)
    return federation
