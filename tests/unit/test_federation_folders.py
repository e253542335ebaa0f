"""Where federations live on disk: private, and not for ever."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

import pytest

from flare_widgets.federation import FederationError, layout
from flare_widgets.federation.layout import KEEP_NEWEST, KEEP_SECONDS, Entry, outdated

HOUR = 3600.0
NOW = 1_000_000_000.0


def name(number: int) -> str:
    return f"20261123-{number:06d}-{number:012x}"


def test_nothing_to_remove() -> None:
    assert outdated([], now=NOW) == []


def test_a_week_old_goes() -> None:
    old, young = Entry(name(1), NOW - KEEP_SECONDS - 1), Entry(name(2), NOW - KEEP_SECONDS + 1)
    assert outdated([old, young], now=NOW) == [old.name]


def test_beyond_the_newest_ten_go_the_least_recently_used() -> None:
    entries = [Entry(name(n), NOW - 2 * HOUR - n) for n in range(KEEP_NEWEST + 3)]
    assert outdated(reversed(entries), now=NOW) == [name(n) for n in range(KEEP_NEWEST, KEEP_NEWEST + 3)]


def test_what_was_used_just_now_stays_however_many() -> None:
    assert outdated([Entry(name(n), NOW - n) for n in range(50)], now=NOW) == []


def test_a_live_federation_keeps_its_folder() -> None:
    entry = Entry(name(7), NOW - 2 * KEEP_SECONDS)
    assert outdated([entry], now=NOW, live={f"{7:012x}"}) == []


@pytest.mark.parametrize("foreign", ["thesis", "20261123-000001", "20261123-000001-xyz", f"{name(1)}.bak"])
def test_what_is_not_ours_stays(foreign: str) -> None:
    assert outdated([Entry(foreign, 0.0)], now=NOW) == []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "flare-widgets" / "federations"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_private(cache: Path) -> None:
    folder = layout.make("0123456789ab", None)
    assert folder.parent == cache
    assert folder.name.endswith("-0123456789ab")
    assert mode(folder) == mode(folder / "logs") == mode(cache) == 0o700


def test_a_chosen_folder_becomes_private(tmp_path: Path) -> None:
    chosen = tmp_path / "a" / "b"
    chosen.mkdir(parents=True, mode=0o755)
    assert layout.make("0123456789ab", chosen) == chosen
    assert mode(chosen) == 0o700


def test_pruning(cache: Path) -> None:
    old, young = layout.make("00000000000a", None), layout.make("00000000000b", None)
    week_ago = time.time() - KEEP_SECONDS - 60
    os.utime(old / "alive", (week_ago, week_ago))
    (cache / "mine").mkdir()
    assert layout.prune() == [old]
    assert sorted(cache.iterdir()) == sorted([young, cache / "mine"])


def test_a_failed_start_leaves_its_logs(cache: Path) -> None:
    folder = layout.make("00000000000a", None)
    (folder / "kits" / "server").mkdir(parents=True)
    (folder / "logs" / "server.log").touch()
    layout.keep_logs_only(folder)
    assert [path.name for path in folder.iterdir()] == ["logs"]
    assert (folder / "logs" / "server.log").exists()


@pytest.mark.parametrize("bad", ["a b", "file"])
def test_without_a_usable_cache_the_temporary_folder_serves(
    bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / bad))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    root = layout.default_root()
    assert root.parent == tmp_path / "tmp"
    assert mode(root) == 0o700


def test_a_link_in_the_temporary_folder_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"flare-widgets-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FederationError, match="folder="):
        layout.default_root()
