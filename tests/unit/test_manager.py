"""Many sessions under names, and the kits at hand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import disk
import kits
import pytest
from fakes import Fake
from servers import FlareServer

from flare_widgets.errors import ConfigError, InvalidArgumentError, JobNotFound, NoConnection, ReadOnlySession
from flare_widgets.kit import StartupKit
from flare_widgets.magics.completion import list_paths
from flare_widgets.manager import SessionManager, find_kits, resolve_kit
from flare_widgets.manager.kits import find_kit_folders
from flare_widgets.manager.managed import ManagedSession
from flare_widgets.manager.sessions import make_default_name, pick_free_name
from flare_widgets.views.submit.folders import list_folder


@pytest.fixture
def server() -> Iterator[tuple[FlareServer, int]]:
    server = FlareServer()
    with server.running() as port:
        yield server, port


@pytest.fixture
def kit(tmp_path: Path, server: tuple[FlareServer, int]) -> Path:
    return kits.write_kit(tmp_path / "ada", host="127.0.0.1", port=server[1])


@pytest.fixture
def manager() -> Iterator[SessionManager]:
    manager = SessionManager()
    yield manager
    manager.close_all()


def test_sessions_are_named_and_one_current(manager: SessionManager, kit: Path) -> None:
    first = manager.open(kit)
    second = manager.open(kit, study="heart")
    third = manager.open(kit, "hospital-a")
    assert list(manager.sessions) == ["ada@127.0.0.1", "ada@127.0.0.1/heart", "hospital-a"]
    assert manager.sessions == {m.name: m for m in (first, second, third)}
    assert manager.current == "hospital-a"
    assert manager.current_session is third
    assert second.session.study == "heart"
    assert manager.use("ada@127.0.0.1") is first
    assert manager.current_session is first
    assert len({m.session for m in (first, second, third)}) == 3


class Listed(Fake):
    """A session with some jobs."""

    study = "default"

    def __init__(self, *names: str) -> None:
        self.names = names

    def list_jobs(self, *, name_prefix: str | None = None, **_: object) -> list[dict[str, str]]:
        assert not name_prefix or " " not in name_prefix
        named = enumerate(self.names)
        return [{"job_id": f"id-{n}", "job_name": name} for n, name in named if name.startswith(name_prefix or "")]


def test_pattern_names_many_jobs(kit: Path) -> None:
    managed = ManagedSession("x", Listed("train rate=1", "train rate=10", "other", "a[1] train"), StartupKit.load(kit))
    assert managed.find_job_ids("train *") == ["id-0", "id-1"]
    assert managed.find_job_ids("*train") == ["id-3"]
    assert managed.find_job_ids("a[1]*") == ["id-3"]
    assert managed.find_job_ids("*") == ["id-0", "id-1", "id-2", "id-3"]
    with pytest.raises(JobNotFound, match="has a name like 'rate\\*'"):
        managed.find_job_ids("rate*")


def test_open_session_is_reused(manager: SessionManager, kit: Path) -> None:
    first = manager.open(kit)
    named = manager.open(kit, "other")
    assert manager.open(kit / "startup") is first
    assert manager.current == first.name
    assert manager.open(kit, "other") is named
    first.session.close()
    again = manager.open(kit, first.name)
    assert again is not first
    assert again.name == first.name
    assert not again.session.closed
    assert len(manager) == 2


def test_name_conflict_refused_without_changes(manager: SessionManager, kit: Path) -> None:
    manager.open(kit, "hospital")
    before = dict(manager.sessions)
    with pytest.raises(
        InvalidArgumentError, match=r"the name 'hospital' is taken by the session of ada@example.org .* close it first"
    ):
        manager.open(kit, "hospital", study="heart")
    for bad in ("", "two words", "-x", "a\x1b[1m", "x" * 200):
        with pytest.raises(InvalidArgumentError, match="invalid session name"):
            manager.open(kit, bad)
    assert manager.sessions == before


def test_unreachable_server_leaves_sessions_unchanged(manager: SessionManager, kit: Path, tmp_path: Path) -> None:
    first = manager.open(kit)
    nobody = kits.write_kit(tmp_path / "nobody", host="127.0.0.1", port=9)
    with pytest.raises(NoConnection):
        manager.open(nobody, timeout=0.2)
    assert (list(manager.sessions), manager.current) == ([first.name], first.name)


def test_after_closing_current_one_none_is(manager: SessionManager, kit: Path) -> None:
    first, second = manager.open(kit), manager.open(kit, "b")
    assert manager.close() is second
    assert second.session.closed
    assert manager.current == ""
    assert manager.current_session is None
    with pytest.raises(InvalidArgumentError, match="no current session; open sessions: ada@"):
        manager.close()
    manager.use(first.name)
    assert manager.close(first.name) is first
    with pytest.raises(InvalidArgumentError, match=r"no session is open$"):
        manager.use("b")


def test_closing_another_one_leaves_current_one(manager: SessionManager, kit: Path) -> None:
    first, second = manager.open(kit), manager.open(kit, "b")
    manager.close(first.name)
    assert manager.current_session is second
    with pytest.raises(InvalidArgumentError, match=r"unknown session 'bb': did you mean 'b'\?"):
        manager.use("bb")
    assert manager.close_all() == [second]
    assert (manager.sessions, manager.current) == ({}, "")


def test_observers_see_both_traits_consistent(manager: SessionManager, kit: Path) -> None:
    seen: list[tuple[list[str], str]] = []
    manager.observe(lambda _: seen.append((list(manager.sessions), manager.current)), ["sessions", "current"])
    manager.open(kit, "a")
    manager.open(kit, "b")
    manager.use("a")
    manager.close()
    assert list(dict.fromkeys(map(str, seen))) == [
        str(state) for state in ((["a"], "a"), (["a", "b"], "b"), (["a", "b"], "a"), (["b"], ""))
    ]


def test_monitor_created_once_ends_with_session(manager: SessionManager, kit: Path) -> None:
    managed = manager.open(kit, poll_interval=3.0)
    assert managed.monitor is managed.monitor
    assert managed.monitor.session is managed.session
    assert managed.monitor.poll_interval == 3.0
    watch = managed.monitor.watch("76b8")
    manager.close()
    assert watch.done


def test_jobs_are_remembered_for_completion(manager: SessionManager, kit: Path) -> None:
    managed = manager.open(kit)
    managed.cache_jobs([{"job_id": "1", "job_name": "one", "status": "RUNNING"}, {"job_id": "2", "job_name": None}])
    managed.set_last_job("3", "three")
    managed.set_last_job("1")
    assert managed.last_job_id == "1"
    assert [job["job_id"] for job in managed.jobs] == ["1", "3", "2"]


def test_read_only_session_sends_no_changes(
    manager: SessionManager, kit: Path, server: tuple[FlareServer, int], tmp_path: Path
) -> None:
    before = manager.open(kit, "before").session
    manager.read_only = True
    after = manager.open(kit, "after").session
    job = tmp_path / "job"
    (job / "app").mkdir(parents=True)
    (job / "meta.json").write_text("{}")
    for session in (before, after):
        for change in (
            lambda s: s.abort_job("76b8"),
            lambda s: s.delete_job("76b8"),
            lambda s: s.clone_job("76b8"),
            lambda s: s.shutdown("all", wait=False),
            lambda s: s.disable_client("site-1"),
            lambda s: s.submit_job(str(job)),
            lambda s: asyncio.run(s.aio.abort_job("76b8")),
        ):
            with pytest.raises(ReadOnlySession, match=r"this session is read-only\. Set its read_only to False"):
                change(session)
        assert "read-only" in str(session.do_command("abort_job 76b8")["details"])
        session.list_jobs()
    assert {line.split()[0] for line in server[0].lines} <= {"_cert_login", "list_jobs"}
    manager.read_only = False
    before.abort_job("76b8")
    assert server[0].lines[-1] == "abort_job 76b8"


def test_sessions_are_closed_when_process_ends(kit: Path, server: tuple[FlareServer, int]) -> None:
    code = (
        "import sys; from flare_widgets.manager import SessionManager; m = SessionManager();"
        "m.open(sys.argv[1], 'a'); m.open(sys.argv[1], 'b')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(kit)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert server[0].lines.count("_logout") == 2


def test_forgotten_manager_closes_sessions(kit: Path) -> None:
    manager = SessionManager()
    session = manager.open(kit).session
    del manager
    assert session.closed


@pytest.mark.parametrize(
    ("user", "host", "study", "name"),
    [
        ("admin@nvidia.com", "fl.example.org", "default", "admin@fl.example.org"),
        ("ada", "localhost", "heart", "ada@localhost/heart"),
        ("ada lovelace@x", "h", "default", "ada-lovelace@h"),
        ("\x1b[31m@x", "h", "default", "31m@h"),
        ("@x", "h", "default", "user@h"),
    ],
)
def test_default_names(user: str, host: str, study: str, name: str) -> None:
    assert make_default_name(user, host, study).lstrip("-") == name


def test_free_names() -> None:
    assert pick_free_name("a", []) == "a"
    assert pick_free_name("a", ["a", "a-2"]) == "a-3"


def test_kits_found_in_folders_near_notebook(tmp_path: Path) -> None:
    here = tmp_path / "work" / "notebooks"
    for folder in ("work/notebooks/mine", "work/kits/beside", "work/elsewhere", "far/a/b/c/deep", "far/a/b/c/d/deeper"):
        kits.write_kit(tmp_path / folder, host="fl.example.org")
    kits.write_kit(here / ".hidden", host="h")
    site = kits.write_kit(here / "site", host="h") / "startup"
    (site / "fed_admin.json").rename(site / "fed_client.json")
    broken = kits.write_kit(here / "broken")
    (broken / "startup" / "client.key").unlink()
    found = find_kits([tmp_path / "far", here / "mine" / "startup"], here)
    assert [kit.path.relative_to(tmp_path).as_posix() for kit in found] == [
        "far/a/b/c/deep",
        "work/notebooks/mine",
        "work/notebooks/broken",
        "work/kits/beside",
    ]
    by_name = {kit.name: kit for kit in found}
    assert "client.key" in by_name["broken"].problem
    assert by_name["broken"].username == ""
    mine = by_name["mine"]
    assert (mine.username, mine.role, mine.problem) == ("ada@example.org", "lead", "")
    assert mine.address.startswith("fl.example.org:")


def test_kit_search_bounded_in_large_tree(tmp_path: Path) -> None:
    for a in range(40):
        for b in range(100):
            (tmp_path / f"{a:02}" / f"{b:02}").mkdir(parents=True)
    kits.write_kit(tmp_path / "39" / "99" / "kit")
    assert find_kit_folders([tmp_path]) == []
    near = kits.write_kit(tmp_path / "zz")
    assert find_kit_folders([tmp_path]) == [near]


def _refuse_to_search() -> list[Path]:
    raise AssertionError("nothing need be searched for a path")


def test_unreadable_folder_does_not_stop_search() -> None:
    with disk.unreadable_folder("lost+found") as closed, disk.as_ordinary_user():
        home = closed.parent
        kit = kits.write_kit(home / "kit")
        assert find_kit_folders([], home) == [kit]
        assert find_kit_folders([closed], home) == [kit]
        assert [found.path for found in find_kits([closed / "deep"], home)] == [kit]
        assert resolve_kit(str(closed / "kit"), _refuse_to_search) == closed / "kit"
        with pytest.raises(ConfigError, match="cannot be read"):
            StartupKit.load(closed / "kit")
        assert list_folder(home).folders == (("kit", False), ("lost+found", False))
        assert "cannot be read: Permission denied" in list_folder(closed).problem
        completed = [[one.text for one in list_paths(f"{path}/", only_folders=True)] for path in (home, closed)]
        assert completed == [[f"{home}/kit/", f"{home}/lost+found/"], []]


def test_removed_working_folder_does_not_stop_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = kits.write_kit(tmp_path / "kits" / "ada")
    with disk.removed_working_folder(monkeypatch):
        assert find_kit_folders([tmp_path / "kits"], ".") == [kit]
        assert resolve_kit(str(kit), _refuse_to_search) == kit
        with pytest.raises(ConfigError, match=r"working folder cannot be used.*pass an absolute path"):
            StartupKit.load("kits/ada")


@pytest.mark.parametrize("path", ["~nobodyhere/kit", "~/kit"])
def test_unknown_home_is_said(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.forget_home(monkeypatch)
    for use in (lambda: resolve_kit(path, list), lambda: find_kit_folders([path])):
        with pytest.raises(InvalidArgumentError, match=r"(no such user|home folder is not known).*without ~"):
            use()
    with pytest.raises(ConfigError, match=r"there is no startup kit at .*without ~"):
        StartupKit.load(path)


def test_kit_resolves_by_path_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ada, bob = (kits.write_kit(tmp_path / "kits" / name) for name in ("ada@example.org", "bob@example.org"))
    found = find_kit_folders([tmp_path / "kits"])
    assert resolve_kit("bob@example.org", lambda: found) == bob
    assert resolve_kit("ada", lambda: found) == ada
    assert resolve_kit("kits/ada@example.org", _refuse_to_search) == Path("kits/ada@example.org")
    with pytest.raises(
        ConfigError, match=r"no such folder, and no kit of that name\. Did you mean 'bob@example\.org'\?"
    ):
        resolve_kit("bob@exmaple.org", lambda: found)
    with pytest.raises(ConfigError, match=r"name\. Pass the folder"):
        resolve_kit("nobody", list)
    other = kits.write_kit(tmp_path / "more" / "ada@example.org")
    with pytest.raises(ConfigError, match=r"2 startup kits called 'ada'.*Pass the folder"):
        resolve_kit("ada", lambda: [*found, other])
