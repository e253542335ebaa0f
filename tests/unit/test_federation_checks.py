"""Arguments of a local federation: what is accepted, and that a refusal is one clear sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flare_widgets.errors import InvalidArgumentError
from flare_widgets.federation import LocalFederation
from flare_widgets.federation.faults import check_fault
from flare_widgets.federation.mailbox import ProcessState
from flare_widgets.federation.validation import (
    MAX_SITES,
    ROLES,
    check_folder,
    check_sites,
    check_timeout,
    check_users,
    is_unsafe_path,
)


def test_number_becomes_names() -> None:
    assert check_sites(3) == ("site-1", "site-2", "site-3")
    assert len(check_sites(MAX_SITES)) == MAX_SITES


def test_names_are_kept_in_order() -> None:
    assert check_sites(["Berlin", "lyon_2", "3-b"]) == ("Berlin", "lyon_2", "3-b")


@pytest.mark.parametrize(
    ("sites", "says"),
    [
        (0, "between 1 and 64 sites, not 0"),
        (-1, "between 1 and 64"),
        (65, "between 1 and 64"),
        ([], "not 0"),
        ([f"s{n}" for n in range(65)], "not 65"),
        (True, "a number or a list of names"),
        (2.0, "a number or a list of names"),
        (None, "a number or a list of names"),
        ({"a", "b"}, "a number or a list of names"),
        ("site-1", "for a single site, give ['site-1']"),
        (b"ab", "for a single site"),
        ([1], "must be a string, not 1"),
        ([""], "letters, digits"),
        (["-x"], "beginning with a letter"),
        (["a b"], "letters, digits"),
        (["a/b"], "letters, digits"),
        (["a.b"], "letters, digits"),
        (["é"], "letters, digits"),
        (["a\n"], "letters, digits"),
        (["x" * 64], "longer than 63"),
        (["server"], "reserves it"),
        (["Server"], "reserves it"),
        (["all"], "reserves it"),
        (["a", "b", "a"], "'a' is used twice"),
        (["a", "A"], "'A' is used twice"),
    ],
)
def test_impossible_sites_are_refused_at_once(sites: object, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        LocalFederation(sites)  # type: ignore[arg-type]
    message = str(caught.value)
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def test_longest_name() -> None:
    assert check_sites(["x" * 63]) == ("x" * 63,)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), None, True, "60"])
def test_impossible_timeouts(timeout: object) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        LocalFederation(start_timeout=timeout)  # type: ignore[arg-type]


def test_timeout_becomes_float() -> None:
    assert check_timeout(3) == 3.0


@pytest.mark.parametrize("path", ["/a b", "/a'b", '/a"b', "/a\\b", "/a#b", "/a\tb", "/a\nb"])
def test_paths_that_break_commands(path: str) -> None:
    assert is_unsafe_path(path)
    with pytest.raises(ValueError, match="cannot run jobs"):
        LocalFederation(folder=Path(path))


@pytest.mark.parametrize("path", ["/home/user/.cache/x-1_2", "/tmp/é", "/a:b,c(d)"])
def test_paths_that_do_not(path: str) -> None:
    assert not is_unsafe_path(path)


def test_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check_folder(Path("new")) == tmp_path / "new"
    assert not (tmp_path / "new").exists()


def test_empty_or_logs_folder_is_accepted(tmp_path: Path) -> None:
    assert check_folder(tmp_path) == tmp_path
    (tmp_path / "logs").mkdir()
    assert check_folder(tmp_path) == tmp_path


def test_used_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="not empty"):
        LocalFederation(folder=tmp_path)
    with pytest.raises(ValueError, match="not a folder"):
        LocalFederation(folder=tmp_path / "thesis.txt")


def test_users_have_roles() -> None:
    users = {f"u{n}@example.org": role for n, role in enumerate(ROLES)}
    assert check_users(users, "admin@nvidia.com") == users
    assert check_users(None, "admin@nvidia.com") == {}


@pytest.mark.parametrize(
    ("users", "says"),
    [
        (["ada@example.org"], "must be a dict"),
        ("ada@example.org", "must be a dict"),
        ({"ada": "lead"}, "like an e-mail address"),
        ({"../x@example.org": "lead"}, "like an e-mail address"),
        ({"a b@example.org": "lead"}, "like an e-mail address"),
        ({f"{'a' * 60}@example.org": "lead"}, "like an e-mail address"),
        ({5: "lead"}, "like an e-mail address"),
        ({"Admin@nvidia.com": "lead"}, "is used twice"),
        ({"ada@example.org": "lead", "ADA@example.org": "member"}, "is used twice"),
        ({"ada@example.org": "boss"}, "must be one of project_admin, org_admin, lead, member, not 'boss'"),
    ],
)
def test_impossible_users(users: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LocalFederation(users=users)


@pytest.mark.parametrize(
    ("fault", "process", "says"),
    [
        ("paus", "lyon-1", "did you mean 'pause'?"),
        ("melt", "lyon-1", "expected one of kill, pause, slow, back"),
        ("pause", "lion", "unknown process 'lion': did you mean 'lyon-1'?"),
        ("back", "lyon-1", "^lyon-1: "),
        ("kill", "server", "^server: "),
    ],
)
def test_check_fault_refuses_senseless_fault(fault: str, process: str, says: str) -> None:
    states = {
        "server": ProcessState("server", "killed", None, 0.0, 1),
        "lyon-1": ProcessState("lyon-1", "running", 7, 0.0, 1),
    }
    with pytest.raises(InvalidArgumentError, match=says):
        check_fault(states, fault, process)
    check_fault(states, "back", "server")
    check_fault(states, "pause", "lyon-1")
