"""The steps of a start, with the world they look at replaced."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from flare_widgets.federation import FederationError, startup
from flare_widgets.federation.startup import FederationHandle, start_federation
from flare_widgets.federation.supervisor_client import EndedProcess


class World:
    """A stand-in for the start of a federation, with a record of its calls."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: list[str] = []
        self.pids: dict[str, int] = {}
        self.ended_processes: list[EndedProcess] = []
        self.running = True
        self.exit_code: int | None = None
        self.listening = True
        self.somebody_answers = False
        self.answers: Iterator[set[str] | Exception] = iter(())

    def control(self, federation: str, folder: Path, keep_open: Sequence[int] = ()) -> World:
        self.done.append("supervisor")
        self.folder = folder
        self.pids = {}
        return self

    def start_server(self) -> None:
        self.done.append("server")
        self.pids["server"] = 4711

    def start_sites(self, names: tuple[str, ...]) -> None:
        self.done.append("sites")

    def mark_ready(self, linger: float = 0.0) -> None:
        self.done.append("keep")

    def close(self) -> None:
        self.done.append("close")

    def read_reports(self, timeout: float) -> None:
        pass

    def connected(self, kit: Path) -> set[str]:
        assert kit == self.folder / "kits" / "admin@nvidia.com"
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def bring_up(self, folder: Path, seconds: float = 20.0) -> FederationHandle:
        return start_federation(("lyon", "turin"), folder, self.said.append, time.monotonic() + seconds)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(startup, "SupervisorClient", world.control)
    monkeypatch.setattr(startup._StartAttempt, "_provision", lambda _: None)
    monkeypatch.setattr(startup, "_is_process_listening", lambda pid, port: pid is not None and world.listening)
    monkeypatch.setattr(startup, "is_port_open", lambda port: world.somebody_answers)
    monkeypatch.setattr(startup, "fetch_connected_sites", world.connected)
    monkeypatch.setattr(startup, "_FIRST_SITE_POLL_DELAY_S", 0.0)
    return world


def test_ready_when_all_are_connected(world: World, tmp_path: Path) -> None:
    world.answers = iter([ConnectionError("not yet"), set(), {"turin", "?"}, {"turin"}, {"lyon", "turin"}])
    run = world.bring_up(tmp_path)
    assert run.running
    assert world.done == ["supervisor", "server", "sites", "keep"]
    assert world.said == [
        "provisioning",
        f"starting server on port {run.port}",
        "starting 2 sites",
        "turin connected (1 of 2)",
        "lyon connected (2 of 2)",
    ]
    run.close()
    assert world.done[4:] == ["close"]


def test_forgotten_run_is_closed(world: World, tmp_path: Path) -> None:
    world.answers = iter([{"lyon", "turin"}])
    world.bring_up(tmp_path)
    assert world.done[-1] == "close"


def test_missing_site_is_named(world: World, tmp_path: Path) -> None:
    world.answers = iter(lambda: {"turin"}, None)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "lyon.log").write_text("lyon cannot find the server\n")
    with pytest.raises(FederationError) as caught:
        world.bring_up(tmp_path, 0.3)
    assert "not start in time: lyon had not connected" in str(caught.value)
    assert "start_timeout" in str(caught.value)
    assert str(tmp_path / "logs") in str(caught.value)
    assert "lyon cannot find the server" in str(caught.value)
    assert world.done[-1] == "close"


def test_failed_admin_login_reports_reason(world: World, tmp_path: Path) -> None:
    world.answers = iter(lambda: ConnectionError("wrong colour"), None)
    with pytest.raises(FederationError, match=r"admin could not log in \(wrong colour\)"):
        world.bring_up(tmp_path, 0.3)


def test_missing_client_package_fails_immediately(world: World, tmp_path: Path) -> None:
    world.answers = iter([ImportError("no client")])
    with pytest.raises(ImportError, match="no client"):
        world.bring_up(tmp_path)
    assert world.done[-1] == "close"


def test_interrupt_ends_everything(world: World, tmp_path: Path) -> None:
    def interrupted() -> Iterator[set[str]]:
        yield from ()
        raise KeyboardInterrupt

    world.answers = interrupted()
    with pytest.raises(KeyboardInterrupt):
        world.bring_up(tmp_path)
    assert world.done[-1] == "close"
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_process_that_dies_is_reported(world: World, tmp_path: Path) -> None:
    world.ended_processes.append(EndedProcess("turin", -9))
    with pytest.raises(FederationError, match=r"turin ended .* \(killed by SIGKILL\).*turin\.log"):
        world.bring_up(tmp_path)
    assert world.done[-1] == "close"


def test_supervisor_that_dies_is_reported(world: World, tmp_path: Path) -> None:
    world.exit_code = 1
    world.listening = False
    with pytest.raises(FederationError, match=r"supervisor .*supervisor\.log"):
        world.bring_up(tmp_path)


def test_server_not_listening_times_out(world: World, tmp_path: Path) -> None:
    world.listening = False
    with pytest.raises(FederationError, match="in time: the server did not listen"):
        world.bring_up(tmp_path, 0.2)


def test_taken_port_is_replaced(world: World, tmp_path: Path) -> None:
    world.listening, world.somebody_answers = False, True
    with pytest.raises(FederationError, match=r"Port \d+ was taken"):
        world.bring_up(tmp_path)
    assert world.done == ["supervisor", "server", "close"] * 3
    ports = {sentence for sentence in world.said if "on port" in sentence}
    assert len(ports) == 3
