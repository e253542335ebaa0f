"""Folders of federations on disk: private, and not for ever."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

import pytest

from flare_widgets.federation import FederationError, layout
from flare_widgets.federation.layout import MAX_AGE_S, MAX_KEPT_FOLDERS, FolderEntry, find_outdated

HOUR = 3600.0
NOW = 1_000_000_000.0


def name(number: int) -> str:
    return f"20261123-{number:06d}-{number:012x}"


def test_nothing_to_remove() -> None:
    assert find_outdated([], now=NOW) == []


def test_week_old_goes() -> None:
    old, young = FolderEntry(name(1), NOW - MAX_AGE_S - 1), FolderEntry(name(2), NOW - MAX_AGE_S + 1)
    assert find_outdated([old, young], now=NOW) == [old.name]


def test_least_recent_folders_beyond_ten_outdated() -> None:
    entries = [FolderEntry(name(n), NOW - 2 * HOUR - n) for n in range(MAX_KEPT_FOLDERS + 3)]
    assert find_outdated(reversed(entries), now=NOW) == [name(n) for n in range(MAX_KEPT_FOLDERS, MAX_KEPT_FOLDERS + 3)]


def test_recently_used_folders_are_always_kept() -> None:
    assert find_outdated([FolderEntry(name(n), NOW - n) for n in range(50)], now=NOW) == []


def test_live_federation_keeps_folder() -> None:
    entry = FolderEntry(name(7), NOW - 2 * MAX_AGE_S)
    assert find_outdated([entry], now=NOW, running_ids={f"{7:012x}"}) == []


@pytest.mark.parametrize("foreign", ["thesis", "20261123-000001", "20261123-000001-xyz", f"{name(1)}.bak"])
def test_what_is_not_ours_stays(foreign: str) -> None:
    assert find_outdated([FolderEntry(foreign, 0.0)], now=NOW) == []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "flare-widgets" / "federations"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_folder_is_private(cache: Path) -> None:
    folder = layout.make_folder("0123456789ab", None)
    assert folder.parent == cache
    assert folder.name.endswith("-0123456789ab")
    assert mode(folder) == mode(folder / "logs") == mode(cache) == 0o700


def test_chosen_folder_becomes_private(tmp_path: Path) -> None:
    chosen = tmp_path / "a" / "b"
    chosen.mkdir(parents=True, mode=0o755)
    assert layout.make_folder("0123456789ab", chosen) == chosen
    assert mode(chosen) == 0o700


def test_pruning(cache: Path) -> None:
    old, young = layout.make_folder("00000000000a", None), layout.make_folder("00000000000b", None)
    week_ago = time.time() - MAX_AGE_S - 60
    os.utime(old / "alive", (week_ago, week_ago))
    (cache / "mine").mkdir()
    assert layout.prune() == [old]
    assert sorted(cache.iterdir()) == sorted([young, cache / "mine"])


def test_failed_start_leaves_logs(cache: Path) -> None:
    folder = layout.make_folder("00000000000a", None)
    (folder / "kits" / "server").mkdir(parents=True)
    (folder / "logs" / "server.log").touch()
    layout.keep_logs_only(folder)
    assert [path.name for path in folder.iterdir()] == ["logs"]
    assert (folder / "logs" / "server.log").exists()


@pytest.mark.parametrize("bad", ["a b", "file"])
def test_without_usable_cache_temporary_folder_serves(
    bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / bad))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    root = layout.default_root()
    assert root.parent == tmp_path / "tmp"
    assert mode(root) == 0o700


def test_symlink_in_temp_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"flare-widgets-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FederationError, match="folder="):
        layout.default_root()
