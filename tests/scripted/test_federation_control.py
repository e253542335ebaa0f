"""A supervisor and the user's end of the wire to it, with small processes in place of NVIDIA FLARE's."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

from flare_widgets.federation import layout, processes
from flare_widgets.federation import supervisor_client as module
from flare_widgets.federation.restart_policy import MAX_RESTARTS
from flare_widgets.federation.supervisor_client import SupervisorClient

SLEEP = "import time; time.sleep(60)"

Sites = Callable[..., SupervisorClient]


def hear(control: SupervisorClient, done: Callable[[], bool]) -> None:
    """Take in what the supervisor reports until this is so."""

    def so() -> bool:
        control.read_reports(0.02)
        return done()

    wait_until(so)


def marked(federation: str) -> set[int]:
    return {one.pid for one in processes.find_processes() if one.federation_id == federation}


@pytest.fixture
def federation() -> Iterator[str]:
    federation = secrets.token_hex(6)
    yield federation
    processes.end_processes(federation)


@pytest.fixture
def folder(tmp_path: Path, federation: str) -> Path:
    return layout.make_folder(federation, tmp_path / "federation")


@pytest.fixture
def start(federation: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    """Start a supervisor with sites that run the given code."""
    controls = []

    def start(**sites: str) -> SupervisorClient:
        monkeypatch.setattr(module, "site_command", lambda _, name: [sys.executable, "-c", sites[name]])
        for name in sites:
            (folder / "kits" / name).mkdir(parents=True)
        control = SupervisorClient(federation, folder)
        controls.append(control)
        control.start_sites([*sites])
        hear(control, lambda: control.pids.keys() == sites.keys())
        return control

    yield start
    for control in controls:
        control.close()


def test_start_and_close(start: Sites, federation: str) -> None:
    control = start(a=SLEEP, b=SLEEP)
    wait_until(lambda: len(marked(federation)) == 3)
    assert control.running
    began = time.monotonic()
    control.close()
    assert time.monotonic() - began < 3
    assert marked(federation) == set()
    assert (control.running, control.exit_code) == (False, 0)
    control.close()


def test_process_output_goes_to_logs(start: Sites) -> None:
    control = start(a="import sys; print('out'); print('err', file=sys.stderr)")
    hear(control, lambda: bool(control.ended_processes))
    assert sorted(control.log_file("a").read_text().split()) == ["err", "out"]
    assert control.log_file("a").stat().st_mode & 0o077 == 0
    assert control.log_file("supervisor").read_text() == ""


def test_end_during_start_is_reported(start: Sites, federation: str) -> None:
    control = start(a="raise SystemExit(3)", b="import os; os.kill(os.getpid(), 9)", c=SLEEP)
    hear(control, lambda: len(control.ended_processes) == 2)
    assert sorted(control.ended_processes) == [("a", 3), ("b", -9)]
    assert len(marked(federation)) == 2


def test_crash_is_repaired(start: Sites) -> None:
    control = start(a=SLEEP)
    control.mark_ready()
    before = control.pids["a"]
    os.kill(before, signal.SIGKILL)
    hear(control, lambda: control.pids["a"] != before)
    assert control.running


def test_crash_just_before_ready_is_restarted(start: Sites) -> None:
    control = start(a=SLEEP)
    before = control.pids["a"]
    os.kill(before, signal.SIGKILL)
    hear(control, lambda: bool(control.ended_processes))
    control.mark_ready()
    hear(control, lambda: control.pids["a"] != before)


def test_repeated_crashes_exhaust_restarts(start: Sites, federation: str) -> None:
    control = start(server="import time; time.sleep(0.3)")
    control.mark_ready()
    hear(control, lambda: len(control.ended_processes) == MAX_RESTARTS + 1)
    control.read_reports(0.5)
    assert len(marked(federation)) == 1  # the supervisor, which still says what it knows
    assert not control.running
    assert control.exit_code is None


def test_shutdown_and_restart_on_admins_word(start: Sites, folder: Path, federation: str) -> None:
    leave = "import pathlib, sys, time; pathlib.Path('{}').touch(); time.sleep(0.3)"
    once = "import pathlib\nif pathlib.Path('again').exists(): import time; time.sleep(60)\n"
    again = once + "pathlib.Path('again').touch()\n" + leave.format("restart.fl")
    control = start(down=f"import time; time.sleep(0.5); {leave.format('shutdown.fl')}", again=again)
    control.mark_ready()
    first = control.pids["again"]
    hear(control, lambda: len(control.ended_processes) == 2)
    hear(control, lambda: control.pids["again"] != first)
    assert not (folder / "kits" / "again" / "restart.fl").exists()
    assert (folder / "kits" / "down" / "shutdown.fl").exists()
    wait_until(lambda: len(marked(federation)) == 2)


def test_ending_without_supervisor(start: Sites, federation: str) -> None:
    control = start(a=SLEEP)
    (supervisor,) = marked(federation) - {control.pids["a"]}
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not control.running)
    control.start_sites(["a"])
    assert control.exit_code == -9
    control.close()
    assert marked(federation) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_terminated_supervisor_ends_everything(start: Sites, federation: str, number: signal.Signals) -> None:
    control = start(a=SLEEP)
    (supervisor,) = marked(federation) - {control.pids["a"]}
    os.kill(supervisor, number)
    wait_until(lambda: marked(federation) == set())


USER = """
import os, sys, time
from pathlib import Path
from flare_widgets.federation import supervisor_client as module
module.site_command = lambda kit, name: [sys.executable, "-c", "import time; time.sleep(60)"]
control = module.SupervisorClient({federation!r}, Path({folder!r}))
control.start_sites(["a"])
while not control.pids:
    control.read_reports(0.1)
{then}
"""


def user(federation: str, folder: Path, then: str) -> subprocess.Popen[str]:
    """A user's process that has a federation."""
    (folder / "kits" / "a").mkdir(parents=True)
    code = USER.format(federation=federation, folder=str(folder), then=then)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_killed_users_federation_ends(federation: str, folder: Path) -> None:
    with user(federation, folder, "print('up', flush=True); time.sleep(60)") as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        wait_until(lambda: len(marked(federation)) == 2)
        process.kill()
    wait_until(lambda: marked(federation) == set())


def test_killed_user_ends_federation_despite_child(federation: str, folder: Path) -> None:
    then = "child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(60)"
    with user(federation, folder, then) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        try:
            process.kill()
            wait_until(lambda: marked(federation) == set())
        finally:
            os.kill(child, signal.SIGKILL)


def test_forked_child_does_not_affect_federation(federation: str, folder: Path) -> None:
    then = (
        "if not os.fork(): control.close(); os._exit(0)\n"
        "os.wait(); print(control.running, flush=True)\n"
        "if not os.fork(): time.sleep(60)\n"
        "began = time.monotonic(); control.close(); print(time.monotonic() - began < 3, flush=True)\n"
        "time.sleep(60)"
    )
    with user(federation, folder, then) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "True\n"
            assert process.stdout.readline() == "True\n"
            assert marked(federation) == set()
        finally:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()
