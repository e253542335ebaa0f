"""The local federation for real: processes of NVIDIA FLARE on this machine. Needs the extra ``local``."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import wait_until

from flare_widgets.federation import FederationError, LocalFederation, processes, startup

psutil = pytest.importorskip("psutil")
if importlib.util.find_spec("nvflare") is None:  # not imported here: that it is not needed is part of the test
    pytest.skip("needs the extra 'local'", allow_module_level=True)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of our own; and at the end, no federation in it may still have a process."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    yield cache
    left = [(folder.name, marked(folder)) for folder in (cache / "flare-widgets" / "federations").glob("*")]
    for folder in (cache / "flare-widgets" / "federations").glob("*"):
        processes.end_processes(folder.name.rpartition("-")[2])
    assert not [name for name, pids in left if pids]


def marked(folder: Path) -> set[int]:
    """The processes of the federation that lives in this folder."""
    federation = folder.name.rpartition("-")[2]
    return {one.pid for one in processes.find_processes() if one.federation_id == federation}


def supervisor_of(folder: Path) -> int:
    federation = folder.name.rpartition("-")[2]
    (pid,) = [one.pid for one in processes.find_processes() if one.federation_id == federation and one.is_supervisor]
    return pid


def parents(folder: Path, kind: str) -> list[int]:
    """The processes that are the server, or the sites; without those of their jobs."""
    return [pid for pid in marked(folder) if f"{kind}_train" in command(pid)]


def command(pid: int) -> str:
    """A process's command line; empty when it has just ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def connected(federation: LocalFederation) -> set[str]:
    return startup.fetch_connected_sites(federation.admin_kit)


def write_slow_job(folder: Path) -> Path:
    """A job that lasts until it is ended."""
    config = folder / "slow" / "app" / "config"
    config.mkdir(parents=True)
    meta = {"name": "slow", "deploy_map": {"app": ["@ALL"]}, "min_clients": 2, "resource_spec": {}}
    (folder / "slow" / "meta.json").write_text(json.dumps(meta))
    workflow = {
        "id": "workflow",
        "path": "nvflare.app_common.workflows.scatter_and_gather.ScatterAndGather",
        "args": {
            "min_clients": 2,
            "num_rounds": 1,
            "aggregator_id": "aggregator",
            "persistor_id": "persistor",
            "shareable_generator_id": "generator",
        },
    }
    common = "nvflare.app_common"
    components = [
        {"id": "persistor", "path": f"{common}.np.np_model_persistor.NPModelPersistor"},
        {
            "id": "generator",
            "path": f"{common}.shareablegenerators.full_model_shareable_generator.FullModelShareableGenerator",
        },
        {
            "id": "aggregator",
            "path": f"{common}.aggregators.intime_accumulate_model_aggregator.InTimeAccumulateWeightedAggregator",
            "args": {"expected_data_kind": "WEIGHTS"},
        },
    ]
    trainer = {"path": f"{common}.np.np_trainer.NPTrainer", "args": {"sleep_time": 600}}
    server = {"format_version": 2, "workflows": [workflow], "components": components}
    client = {"format_version": 2, "executors": [{"tasks": ["train"], "executor": trainer}]}
    (config / "config_fed_server.json").write_text(json.dumps(server))
    (config / "config_fed_client.json").write_text(json.dumps(client))
    return folder / "slow"


# nvflare's own client, in a process of its own: this test must not depend on ours, nor import nvflare here.
SUBMIT = """
import sys
from nvflare.fuel.flare_api.flare_api import new_secure_session
session = new_secure_session("admin@nvidia.com", sys.argv[1])
session.submit_job(sys.argv[2])
session.close()
"""


def test_whole_life(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    imported = "nvflare" in sys.modules
    federation = LocalFederation(2, progress=said.append)
    assert federation.start() is federation
    folder = federation.folder
    try:
        # It is up, and says so.
        assert federation.running
        assert connected(federation) == {"site-1", "site-2"} == {*federation.site_names}
        assert repr(federation) == f"<LocalFederation site-1, site-2: running on port {federation.port}>"
        assert said[0] == "provisioning"
        assert f"starting server on port {federation.port}" in said
        assert {"(1 of 2)", "(2 of 2)"} <= {sentence[-8:] for sentence in said}
        assert said[-1].startswith("ready in ")
        assert federation.start() is federation

        # It is nobody else's.
        (server,) = parents(folder, "server")
        listening = [one.laddr for one in psutil.Process(server).net_connections("tcp") if one.status == "LISTEN"]
        assert federation.port in {address.port for address in listening}
        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(key.stat().st_mode) for key in folder.rglob("*.key")} == {0o600}
        assert (federation.admin_kit / "startup" / "client.key").exists()
        assert not (folder / "provision").exists()  # it has the key of the certificate authority
        assert not any(b"PRIVATE KEY" in log.read_bytes() for log in (folder / "logs").iterdir())
        assert ("nvflare" in sys.modules) == imported

        # A site that crashes comes back.
        before = parents(folder, "client")
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len([pid for pid in parents(folder, "client") if pid not in before]) == 1)

        # It runs jobs, in processes of their own.
        wait_until(lambda: connected(federation) == {"site-1", "site-2"})
        job = write_slow_job(tmp_path)
        command = [sys.executable, "-c", SUBMIT, str(federation.admin_kit), str(job)]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        wait_until(lambda: len(marked(folder)) == 7)
        sessions = {os.getsid(pid) for pid in marked(folder)}
        assert len(sessions) == 7

        # It ends quickly, with all of that.
        began = time.monotonic()
        federation.stop()
        assert time.monotonic() - began < 3
        assert marked(folder) == set()
        assert (federation.running, repr(federation)) == (False, "<LocalFederation site-1, site-2: stopped>")
        federation.stop()
    finally:
        federation.stop()
    assert {*federation.logs} == {"server", "site-1", "site-2"}
    assert "Server started" in federation.logs["server"].read_text()
    assert federation.logs["site-1"].read_text()
    assert capfd.readouterr() == ("", "")


def test_parallel_federations_start_and_one_restarts() -> None:
    one, other = LocalFederation(["lyon"]), LocalFederation(["turin"])
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(LocalFederation.start, (one, other)))
        assert one.port != other.port
        assert connected(one) == {"lyon"}
        first = one.folder
        one.stop()
        assert marked(first) == set()
        assert connected(other) == {"turin"}
        one.start()
        assert one.folder != first
        assert connected(one) == {"lyon"}
    finally:
        one.stop()
        other.stop()


def test_killed_supervisor_cleaned_up_at_restart() -> None:
    federation, following = LocalFederation(1), LocalFederation(1)
    try:
        folder = federation.start().folder
        os.kill(supervisor_of(folder), signal.SIGKILL)
        wait_until(lambda: not federation.running)
        # Now there are two processes that nobody watches over (unless a start beside this test was quicker).
        following.start()
        assert marked(folder) == set()
        assert connected(following) == {"site-1"}
    finally:
        federation.stop()
        following.stop()


USER = """
import time
from flare_widgets.federation import LocalFederation
federation = LocalFederation(1)
print(federation.start().folder, flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["kill", "exit"])
def test_federation_ends_with_user_process(then: str) -> None:
    code = USER.format(then="time.sleep(600)" if then == "kill" else "")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as user:
        try:
            assert user.stdout
            folder = Path(user.stdout.readline().strip())
            if then == "kill":
                assert len(marked(folder)) == 3
                user.kill()
            assert user.wait(60) == (-9 if then == "kill" else 0)
        finally:
            user.kill()
    wait_until(lambda: marked(folder) == set())


def test_server_that_cannot_start_is_reported(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provision = startup._StartAttempt._provision

    def corrupt(start: startup._StartAttempt) -> None:
        provision(start)
        (start._folder / "kits" / "server" / "startup" / "fed_server.json").write_text("not JSON")

    monkeypatch.setattr(startup._StartAttempt, "_provision", corrupt)
    federation = LocalFederation(1)
    with pytest.raises(FederationError) as caught:
        federation.start()
    (folder,) = (p for p in (cache / "flare-widgets" / "federations").iterdir() if p.name != "starting")
    assert "server ended while the federation was being started (exit code" in str(caught.value)
    assert f"The complete log: {folder}/logs/server.log" in str(caught.value)
    assert "JSON" in str(caught.value)
    assert marked(folder) == set()
    assert not federation.running
    assert [path.name for path in folder.iterdir()] == ["logs"]


def test_interrupted_start_leaves_nothing(cache: Path) -> None:
    def interrupt(sentence: str) -> None:
        if sentence.startswith("starting 1 site"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalFederation(1, progress=interrupt).start()
    (folder,) = (p for p in (cache / "flare-widgets" / "federations").iterdir() if p.name != "starting")
    assert marked(folder) == set()
    assert [path.name for path in folder.iterdir()] == ["logs"]
