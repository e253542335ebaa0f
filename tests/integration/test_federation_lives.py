"""A federation that others harm, join, leave, and pick up again. Real processes of NVIDIA FLARE."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from common import ADMIN
from training import write_training_job
from waiting import wait_until

from flare_widgets.api import Session, new_secure_session
from flare_widgets.errors import InvalidArgumentError
from flare_widgets.federation import FederationError, LocalFederation, processes, startup
from flare_widgets.monitoring import Monitor
from flare_widgets.monitoring.job.format import describe
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.state import MatrixCell
from flare_widgets.monitoring.job.trouble import live_troubles

psutil = pytest.importorskip("psutil")
if importlib.util.find_spec("nvflare") is None:
    pytest.skip("needs the extra 'local'", allow_module_level=True)

# Started by a process that then ends, as a notebook's kernel does when it is restarted.
STARTER = """
import sys
from flare_widgets.federation import LocalFederation
federation = LocalFederation(["lyon-1", "site-2"], name="lives", keep=120, folder=sys.argv[1])
federation.start()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a federation that nobody has any more, but that is kept."""
    folder = tmp_path_factory.mktemp("lives") / "federation"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    subprocess.run([sys.executable, "-c", STARTER, str(folder)], check=True, timeout=90, env=environment)
    marks = {one.federation_id for one in processes.find_processes() if one.is_supervisor and _cwd(one.pid) == folder}
    try:
        yield folder
    finally:
        for mark in marks:
            processes.end_processes(mark)


@pytest.fixture(scope="module")
def federation(folder: Path) -> Iterator[LocalFederation]:
    """The same, picked up."""
    federation = LocalFederation.attach("lives")
    yield federation
    federation.stop()


@pytest.fixture(scope="module")
def session(federation: LocalFederation) -> Iterator[Session]:
    with new_secure_session(ADMIN, str(federation.admin_kit)) as session:
        yield session


def _cwd(pid: int) -> Path | None:
    try:
        return Path(psutil.Process(pid).cwd())
    except psutil.Error:
        return None


def names(session: Session) -> set[str]:
    return {client.name for client in session.get_system_info().client_info}


def status(pid: int | None) -> str:
    assert pid is not None
    return str(psutil.Process(pid).status())


def test_federation_is_attached_by_another_process(folder: Path, federation: LocalFederation) -> None:
    (listed,) = [one for one in LocalFederation.list_running() if one.name == "lives"]
    assert listed.folder == folder == federation.folder
    assert listed.sites == ("lyon-1", "site-2") == federation.site_names
    assert listed.port == federation.port
    assert federation.running
    assert startup.fetch_connected_sites(federation.admin_kit) == {"lyon-1", "site-2"}
    assert repr(federation) == f"<LocalFederation lyon-1, site-2: running on port {federation.port}>"
    assert federation.start() is federation
    # Its key of the authority is as private as the others, and has nobody's key besides.
    (authority,) = (folder / "authority").iterdir()
    assert stat.S_IMODE(authority.stat().st_mode) == 0o600
    assert set(json.loads(authority.read_text())) == {"root_cert", "root_pri_key"}

    with pytest.raises(FederationError, match=r"No local federation called 'elsewhere' is running.*lives"):
        LocalFederation.attach("elsewhere")
    with pytest.raises(FederationError, match=r"'lives' is already running: use LocalFederation.attach\('lives'\)"):
        LocalFederation(1, name="lives").start()


def test_site_added_and_removed_while_running(federation: LocalFederation, session: Session) -> None:
    said: list[str] = []
    federation._progress = said.append
    federation.add_site("hospital-c")
    assert [*federation.site_names] == ["lyon-1", "site-2", "hospital-c"]
    assert names(session) == {"lyon-1", "site-2", "hospital-c"}
    assert said == ["provisioning hospital-c", "starting hospital-c", "hospital-c connected"]
    assert federation.logs["hospital-c"].exists()
    with pytest.raises(ValueError, match="'hospital-c' is used twice"):
        federation.add_site("hospital-c")
    with pytest.raises(ValueError, match="is not a valid site name"):
        federation.add_site("../evil")

    pid = federation.states["hospital-c"].pid
    federation.remove_site("hospital-c")
    assert [*federation.site_names] == ["lyon-1", "site-2"]
    assert not psutil.pid_exists(pid)
    assert names(session) == {"lyon-1", "site-2"}
    assert not (federation.folder / "kits" / "hospital-c").exists()
    with pytest.raises(ValueError, match="no site 'hospital-c', only lyon-1, site-2"):
        federation.remove_site("hospital-c")


def test_invalid_faults_are_refused(federation: LocalFederation) -> None:
    before = federation.states
    for what, who, words in (
        ("explode", "lyon-1", "unknown fault 'explode': expected one of kill, pause, slow, back"),
        ("paus", "lyon-1", "did you mean 'pause'"),
        ("pause", "lion", "unknown process 'lion': did you mean 'lyon-1'"),
        ("back", "lyon-1", "lyon-1: it is running normally"),
    ):
        with pytest.raises(InvalidArgumentError, match=words):
            federation.inject_fault(what, who)
    assert federation.states == before


def newest_cell(snapshot: JobSnapshot, site: str) -> MatrixCell:
    column = snapshot.columns[-1]
    return snapshot.matrix(time.time(), (column,))[site][column]


def test_paused_site_is_silent_and_recovers(federation: LocalFederation, session: Session, tmp_path: Path) -> None:
    job = session.submit_job(str(write_training_job(tmp_path, "paused", rounds=40, seconds=0.3)))
    monitor = Monitor(session)
    try:
        watch = monitor.watch(job)
        wait_until(lambda: watch.snapshot.round is not None and watch.snapshot.round >= 1)
        paused = federation.pause("lyon-1")
        assert paused.state == "paused"
        # A signal takes a moment.
        wait_until(lambda: status(paused.pid) == psutil.STATUS_STOPPED, 5)
        # Its job's processes stand still with it, and nobody else's.
        children = psutil.Process(paused.pid).children(recursive=True)
        assert children
        wait_until(lambda: {child.status() for child in children} == {psutil.STATUS_STOPPED}, 5)
        assert status(federation.states["site-2"].pid) != psutil.STATUS_STOPPED
        # The round stalls: nobody promises an end of it any more, and the site is late before it counts as silent.
        wait_until(lambda: watch.snapshot.remaining(time.time()) is None, 30)
        wait_until(lambda: "lyon-1" in watch.snapshot.pending_sites(time.time()), 30)
        wait_until(lambda: newest_cell(watch.snapshot, "lyon-1").state == "late", 40)
        wait_until(lambda: "site-2 waiting for lyon-1" in describe(watch.snapshot, time.time()), 30)
        assert live_troubles(watch.snapshot, time.time())
        wait_until(lambda: watch.snapshot.silent_sites == ("lyon-1",), 60)
        assert "silent: lyon-1" in describe(watch.snapshot, time.time()) or "lyon-1 silent" in describe(
            watch.snapshot, time.time()
        )
        with pytest.raises(InvalidArgumentError, match="it is already paused"):
            federation.pause("lyon-1")

        assert federation.bring_back("lyon-1").state == "running"
        wait_until(lambda: status(paused.pid) != psutil.STATUS_STOPPED, 5)
        there = watch.snapshot.round or 0
        wait_until(lambda: watch.snapshot.round is not None and watch.snapshot.round > there, 60)
        session.abort_job(job)
    finally:
        monitor.close()


def test_slow_site_gets_fifth_of_time(federation: LocalFederation) -> None:
    slow = federation.slow_down("site-2")
    assert slow.state == "slow"
    looks = []
    for _ in range(150):
        looks.append(status(slow.pid) == psutil.STATUS_STOPPED)
        time.sleep(0.02)
    assert 0.5 < sum(looks) / len(looks) < 0.95
    federation.bring_back("site-2")
    assert federation.states["site-2"].state == "running"
    wait_until(lambda: status(slow.pid) != psutil.STATUS_STOPPED, 5)
    looks = []
    for _ in range(40):
        looks.append(status(slow.pid) == psutil.STATUS_STOPPED)
        time.sleep(0.02)
    assert not any(looks)


@pytest.mark.parametrize("who", ["lyon-1", "server"])
def test_killed_process_stays_dead_until_restored(federation: LocalFederation, session: Session, who: str) -> None:
    pid = federation.states[who].pid
    killed = federation.kill(who)
    assert killed.state == "killed"
    assert killed.pid is None
    assert not psutil.pid_exists(pid)
    time.sleep(1.0)  # a crash would be repaired by now
    assert federation.states[who].state == "killed"
    assert federation.running
    with pytest.raises(InvalidArgumentError, match="is not running: bring it back first"):
        federation.pause(who)
    back = federation.bring_back(who)
    assert back.state == "running"
    assert back.pid not in (None, pid)
    assert back.starts == 1
    if who == "server":
        session.try_connect(30)
    wait_until(lambda: names(session) == {"lyon-1", "site-2"}, 90)


# Its parent is long gone. Last, since it ends the federation.
def test_shared_federation_persists_until_anyone_stops(folder: Path, federation: LocalFederation) -> None:
    code = (
        "from flare_widgets import LocalFederation\n"
        "federation = LocalFederation.attach('lives')\n"
        "federation.pause('lyon-1')\n"
        "federation.stop()\n"
        "print(federation.running, federation.site_names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False ('lyon-1', 'site-2')\n"
    assert not federation.running
    assert not [one for one in LocalFederation.list_running() if one.name == "lives"]
    assert not (folder / "authority").exists()
    with pytest.raises(FederationError, match="has ended"):
        federation.pause("lyon-1")
