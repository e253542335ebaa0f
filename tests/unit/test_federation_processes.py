"""Finding and ending the processes of a federation, with small processes in its place."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from flare_widgets.federation import processes
from flare_widgets.federation.processes import (
    SUPERVISOR_VARIABLE,
    FederationProcess,
    orphaned_ids,
    supervised_ids,
    with_descendants,
)

SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"


def test_orphans_are_those_without_supervisor() -> None:
    found = [
        FederationProcess(1, "a", True),
        FederationProcess(2, "a", False),
        FederationProcess(3, "b", False),
        FederationProcess(4, "b", False),
    ]
    assert orphaned_ids(found) == {"b"}
    assert supervised_ids(found) == {"a"}
    assert orphaned_ids(iter(found)) == {"b"}
    assert orphaned_ids([]) == set()


def test_descendants() -> None:
    parents = {1: 0, 2: 1, 3: 2, 4: 2, 5: 1, 6: 5}
    assert with_descendants([2], parents) == {2, 3, 4}
    assert with_descendants([2, 5], parents) == {2, 3, 4, 5, 6}
    assert with_descendants([], parents) == set()
    assert with_descendants([7], parents) == {7}
    assert with_descendants([1], {1: 1}) == {1}  # a cycle, since the table is not read in one instant


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def federation(monkeypatch: pytest.MonkeyPatch) -> str:
    federation = secrets.token_hex(6)
    # With a mark of their own, lest a federation that starts beside this test sweeps our orphans, or we its.
    monkeypatch.setattr(processes, "FEDERATION_VARIABLE", f"FLARE_WIDGETS_TEST_{federation}")
    return federation


@pytest.fixture
def start(federation: str) -> Iterator[Start]:
    started = []

    def start(code: str, *, session: bool = False, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, processes.FEDERATION_VARIABLE: federation, **more},
            start_new_session=session,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def found(federation: str, count: int) -> list[FederationProcess]:
    """The federation's processes, once there are as many: a mark shows when a process has its program."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        ours = [one for one in processes.find_processes() if one.federation_id == federation]
        if len(ours) == count:
            return ours
        time.sleep(0.02)
    raise AssertionError(f"{ours} are not {count}")


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_finding(federation: str, start: Start) -> None:
    site, supervisor = start(SLEEP), start(SLEEP, **{SUPERVISOR_VARIABLE: "1"})
    assert {*found(federation, 2)} == {
        FederationProcess(site.pid, federation, False),
        FederationProcess(supervisor.pid, federation, True),
    }


def test_dead_are_not_found(federation: str, start: Start) -> None:
    start(SLEEP).kill()  # and not waited for: a zombie
    assert found(federation, 0) == []


def test_ending_reaches_all_sessions_and_children(federation: str, start: Start) -> None:
    start(SLEEP)
    # A job in a session of its own, with a trainer in another, whose environment does not name the federation.
    job = start(
        "import subprocess, sys\n"
        f"trainer = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], env={{}}, start_new_session=True)\n"
        "print(trainer.pid, flush=True)\n"
        f"{SLEEP}",
        session=True,
    )
    assert job.stdout
    trainer = int(job.stdout.readline())
    found(federation, 2)
    assert processes.end_processes(federation) == 3
    assert found(federation, 0) == []
    assert ended(trainer)


def test_what_ignores_being_asked_is_killed(federation: str, start: Start) -> None:
    deaf = start(DEAF)
    assert deaf.stdout
    assert deaf.stdout.readline() == "deaf\n"
    began = time.monotonic()
    assert processes.end_processes(federation, grace_s=0.2) == 1
    assert 0.2 < time.monotonic() - began < 5
    assert deaf.wait(5) == -9


def test_what_is_asked_may_still_finish(federation: str, start: Start) -> None:
    polite = start(
        "import signal, sys, time\n"
        "def leave(*_): time.sleep(0.2); print('saved', flush=True); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, leave); print('ready', flush=True); time.sleep(60)"
    )
    assert polite.stdout
    assert polite.stdout.readline() == "ready\n"
    processes.end_processes(federation, grace_s=10)
    assert polite.wait(5) == 7
    assert polite.stdout.read() == "saved\n"


def test_caller_is_spared(federation: str, start: Start) -> None:
    caller = start(
        "import subprocess, sys, time\n"
        "from flare_widgets.federation import processes\n"
        f"processes.FEDERATION_VARIABLE = {processes.FEDERATION_VARIABLE!r}\n"
        f"other = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"while len([one for one in processes.find_processes() if one.federation_id == "
        f"{federation!r}]) < 2: time.sleep(0.02)\n"
        f"print(processes.end_processes({federation!r}), other.wait(), flush=True)"
    )
    assert caller.communicate(timeout=30)[0] == "1 -15\n"
    assert caller.returncode == 0


def test_only_orphans_are_swept(federation: str, start: Start) -> None:
    site, supervisor = start(SLEEP), start(SLEEP, **{SUPERVISOR_VARIABLE: "1"})
    found(federation, 2)
    assert processes.end_orphans() == 0
    supervisor.kill()
    supervisor.wait()
    assert processes.end_orphans() == 1
    assert site.wait(5) == -15


def test_starting_federation_is_not_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [
        [FederationProcess(2, "new", False)],
        [FederationProcess(1, "new", True), FederationProcess(2, "new", False)],
    ]
    monkeypatch.setattr(processes, "find_processes", lambda: lists.pop(0))
    monkeypatch.setattr(processes, "end_processes", lambda *_: pytest.fail("it is not an orphan"))
    assert processes.end_orphans() == 0
