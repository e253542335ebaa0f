"""The paths that a page may name: those in the root folder, wherever links lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.lab.hub import Refused
from flare_widgets.lab.paths import PathGuard


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "jobs" / "hello").mkdir(parents=True)
    (root / ".hidden").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (root / "link-out").symlink_to(tmp_path / "outside")
    (root / "link-in").symlink_to(root / "jobs")
    (root / "link-hidden").symlink_to(root / ".hidden")
    return root


@pytest.mark.parametrize("path", ["jobs/hello", "/jobs/hello", "jobs//hello/", "./jobs/./hello", "link-in/hello"])
def test_path_in_root_is_resolved(root: Path, path: str) -> None:
    assert PathGuard(root).resolve(path) == root / "jobs" / "hello"


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../outside",
        "jobs/../../outside",
        "jobs/../jobs",
        "link-out",
        "link-out/secret",
        ".hidden",
        "jobs/.x",
        "link-hidden",
        "jobs\0",
        "x" * 5000,
        None,
        3,
        ["jobs"],
        {"path": "jobs"},
    ],
)
def test_other_path_is_refused(root: Path, path: object) -> None:
    with pytest.raises(Refused) as refused:
        PathGuard(root).resolve(path)
    assert str(root.parent) not in str(refused.value)


def test_absolute_path_is_below_root(root: Path) -> None:
    assert PathGuard(root).resolve("/etc/passwd") == root / "etc" / "passwd"
    with pytest.raises(Refused, match="There is no folder /etc"):
        PathGuard(root).resolve_folder("/etc")


def test_hidden_folder_is_reachable_if_allowed(root: Path) -> None:
    assert PathGuard(root, is_hidden_allowed=True).resolve(".hidden") == root / ".hidden"


def test_root_may_be_link(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "home"
    link.symlink_to(root)
    guard = PathGuard(link)
    assert guard.resolve_folder("jobs/hello") == root / "jobs" / "hello"
    assert guard.shorten(root / "jobs") == guard.shorten(link / "jobs") == "jobs"


def test_without_root_no_path_is_reachable() -> None:
    with pytest.raises(Refused, match="not on its disk"):
        PathGuard(None).resolve("jobs")


def test_shown_paths_are_short(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home-of-ada"
    monkeypatch.setenv("HOME", str(home))
    guard = PathGuard(root)
    assert guard.shorten(root / "jobs") == "jobs"
    assert guard.shorten(home / "kits" / "ada") == "~/kits/ada"
    assert guard.shorten(tmp_path / "outside" / "kit") == "…/kit"
    elsewhere = tmp_path / "outside" / "kit"
    text = f"{root}/jobs is no kit, nor is {home}/x, nor {elsewhere}/startup, nor {root}"
    assert guard.shorten_all(text, elsewhere) == "jobs is no kit, nor is ~/x, nor …/kit/startup, nor the root folder"


@given(st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "jobs", "link-out", "a\\b", "C:"])).map("/".join))
def test_no_path_leads_out(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    base = tmp_path_factory.getbasetemp() / "guarded"
    root = base / "root"
    if not root.exists():
        root.mkdir(parents=True)
        (root / "link-out").symlink_to(base)
    try:
        found = PathGuard(root).resolve(path)
    except Refused:
        return
    assert found.resolve().is_relative_to(root.resolve())
