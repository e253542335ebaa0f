"""Tab completion of ``%flare``: what may come next, as a pure function of the line."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import kits
import pytest
from servers import FlareServer, ok

from flare_widgets.config import FlareWidgets
from flare_widgets.magics.completion import Candidate, complete, list_paths, make_value_source
from flare_widgets.magics.state import MagicsState
from flare_widgets.magics.verbs import VERBS

KNOWN = {
    "jobs": ["76b8d043", "1f00aa00", "hello-numpy", "two words"],
    "sites": ["site-1", "site-2"],
    "targets": ["server", "site-1", "site-2"],
    "kits": ["ada@example.org"],
    "studies": ["default", "heart"],
    "sessions": ["hospital-a"],
    "folders": ["jobs/"],
    "verbs": list(VERBS),
}


def values(kind: str, typed: str) -> Iterable[Candidate]:
    return [Candidate(word) for word in KNOWN[kind]]


def offered(line: str) -> tuple[str, list[str]] | None:
    found = complete(line, VERBS, values)
    return None if found is None else (found.fragment, [c.text for c in found.candidates])


@pytest.mark.parametrize(
    "line", ["", "flare", "%flare", "x = flare ", "print('%flare x')  # ", "%%flared ", "x = %%flare ", "%flared x"]
)
def test_other_lines_are_left_alone(line: str) -> None:
    assert offered(line) is None


@pytest.mark.parametrize("before", ["", "   ", "x = ", "a, b = ", "x=  "])
def test_verbs(before: str) -> None:
    assert offered(f"{before}%flare ") == ("", list(VERBS))
    assert offered(f"{before}%flare stu") == ("stu", ["studies", "study"])
    assert offered(f"{before}%flare nonsense ") == ("", [])


@pytest.mark.parametrize(
    ("line", "fragment", "words"),
    [
        ("monitor 7", "7", ["76b8d043"]),
        ("monitor ", "", [*KNOWN["jobs"][:3], "'two words'"]),
        ("monitor tw", "tw", ["'two words'"]),
        ("monitor 'tw", "'tw", ["'two words'"]),
        ("monitor --wait h", "h", ["hello-numpy"]),
        ("monitor 76b8 --w", "--w", ["--wait"]),
        ("logs --site s", "s", ["server", "site-1", "site-2"]),
        ("logs --site=si", "si", ["site-1", "site-2"]),
        ("logs --level E", "E", ["ERROR"]),
        ("logs --tail ", "", []),
        ("logs --tail 5 1", "1", ["1f00aa00"]),
        ("disable ", "", KNOWN["sites"]),
        ("restart site-1 si", "si", ["site-1", "site-2"]),
        ("connect a", "a", ["ada@example.org"]),
        ("connect kit --study h", "h", ["heart"]),
        ("use h", "h", ["hospital-a"]),
        ("submit ", "", ["jobs/"]),
        ("study re", "re", ["register", "remove-site", "remove-user", "remove"]),
        ("study show h", "h", ["heart"]),
        ("study register heart --sites site-1,s", "s", ["site-1", "site-2"]),
        ("up --scheme ", "", ["http", "tcp", "grpc"]),
        ("help mon", "mon", ["monitor"]),
        ("cat server ", "", ["--help"]),
        ("status ", "", ["--help"]),
        ("status -", "-", ["--help"]),
    ],
)
def test_what_may_come_next(line: str, fragment: str, words: list[str]) -> None:
    assert offered(f"%flare {line}") == (fragment, words)


def test_cell_magic() -> None:
    assert offered("%%flare --dry") == ("--dry", ["--dry-run"])
    assert offered("%%flare --framework sk") == ("sk", ["sklearn"])
    assert offered("%%flare ") == ("", [*offered("%%flare --")[1]])  # type: ignore[index]


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_verb_completion_offers_every_option(verb: str) -> None:
    found = offered(f"%flare {verb} --")
    assert found is not None
    declared = {flag for option in VERBS[verb].options for flag in option.flags if flag.startswith("--")}
    assert set(found[1]) == declared | {"--help"}


def test_every_declared_completion_kind_has_candidates() -> None:
    state = MagicsState(FlareWidgets(environ={}))
    kinds = {option.completes for verb in VERBS.values() for option in verb.options} - {""}
    assert kinds >= {"jobs", "sites", "targets", "kits", "studies", "sessions", "folders", "verbs"}
    for kind in kinds:
        assert all(isinstance(candidate, Candidate) for candidate in make_value_source(state)(kind, "x"))


def test_path_completion_follows_typed_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("jobs/hello", "jobs/my job", ".hidden", "jokes"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "job.txt").touch()
    (tmp_path / "evil\x1b[31m").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def texts(typed: str, only_folders: bool = True) -> list[str]:
        return [c.text for c in list_paths(typed, only_folders=only_folders)]

    assert texts("jo") == ["jobs/", "jokes/"]
    assert texts("jo", only_folders=False) == ["job.txt", "jobs/", "jokes/"]
    assert texts("jobs/") == ["jobs/hello/", "jobs/my job/"]
    assert texts("~/jobs/h") == ["~/jobs/hello/"]
    assert texts(f"{tmp_path}/jobs/h") == [f"{tmp_path}/jobs/hello/"]
    assert texts("") == ["jobs/", "jokes/"]
    assert texts(".h") == [".hidden/"]
    assert texts("nowhere/") == texts("~nobody-of-that-name/") == []


@pytest.fixture
def server() -> FlareServer:
    server = FlareServer()
    server.commands["list_jobs"] = ok(
        jobs=[{"job_id": "76b8d043-1", "job_name": "hello"}, {"job_id": "1f00aa00-2", "job_name": "evil\x1b[31m"}]
    )
    server.commands["check_status"] = ok(clients=[{"client_name": "site-2"}, {"client_name": "site-1"}])
    server.commands["list_studies"] = {
        "data": [{"type": "dict", "data": {"studies": ["heart"]}}, {"type": "success", "data": ""}],
        "meta": {"status": "ok"},
    }
    return server


@pytest.fixture
def state(tmp_path: Path, server: FlareServer) -> Iterator[MagicsState]:
    state = MagicsState(FlareWidgets(environ={}))
    with server.running() as port:
        state.manager.open(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port))
        yield state
        state.manager.close_all()


def words(state: MagicsState, kind: str) -> list[str]:
    return [c.text for c in make_value_source(state)(kind, "")]


def test_unseen_values_cost_one_server_request(state: MagicsState, server: FlareServer) -> None:
    found = [tuple(candidate) for candidate in make_value_source(state)("jobs", "")]
    assert found == [
        ("hello", "job"), ("evil\N{REPLACEMENT CHARACTER}[31m", "job"), ("76b8d043", "id"), ("1f00aa00", "id"),
    ]  # fmt: skip
    assert words(state, "targets") == ["server", "site-1", "site-2"]
    assert words(state, "studies") == ["default", "heart"]
    assert sum(line.startswith("list_jobs") for line in server.lines) == 1


def test_silent_server_does_not_delay_completion(state: MagicsState, server: FlareServer) -> None:
    for verb in ("list_jobs", "check_status", "list_studies"):
        server.commands[verb] = lambda line: None
    state.managed_session.last_job_id = "x"
    began = time.monotonic()
    assert words(state, "jobs") == []
    assert words(state, "jobs") == []
    assert time.monotonic() - began < 1.0
    assert sum(line.startswith("list_jobs") for line in server.lines) == 1


def test_what_server_refuses_is_left_out(state: MagicsState, server: FlareServer) -> None:
    server.commands["list_studies"] = {
        "data": [{"type": "error", "data": "Unknown command list_studies"}],
        "meta": {"status": "syntax_error", "info": "no such command"},
    }
    assert words(state, "studies") == ["default"]
    assert words(state, "sites") == ["site-1", "site-2"]


def test_closed_session_is_not_queried(state: MagicsState, server: FlareServer) -> None:
    state.session.close()
    before = len(server.lines)
    assert words(state, "jobs") == []
    assert len([line for line in server.lines[before:] if line.startswith("list_jobs")]) == 0
