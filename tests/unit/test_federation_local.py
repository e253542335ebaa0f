"""The face of the local federation, as far as it shows without starting one."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from flare_widgets.errors import DiskFull, FileAccessError, FlareError
from flare_widgets.federation import (
    FederationError,
    FederationNotInstalled,
    LocalFederation,
    layout,
    local,
    mailbox,
    processes,
    registry,
    startup,
)
from flare_widgets.federation.processes import FederationProcess
from flare_widgets.federation.startup import _describe_exit_code, _process_error


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return cache


@pytest.mark.parametrize("missing", ["nvflare", "psutil"])
def test_missing_nvflare_gives_install_hint(missing: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == missing else find(name, *more))
    with pytest.raises(FederationNotInstalled) as caught:
        LocalFederation().start()
    assert 'pip install "flare-widgets[local]"' in str(caught.value)
    assert missing in str(caught.value)
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, FederationError)
    assert list(cache.iterdir()) == []


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, flare_widgets.federation; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"nvflare", "psutil", "IPython", "ipywidgets"} & {*loaded.stdout.split()}


def test_before_start() -> None:
    federation = LocalFederation(["lyon", "turin"])
    assert federation.site_names == ("lyon", "turin")
    assert not federation.running
    assert repr(federation) == "<LocalFederation lyon, turin: not started>"
    for name in ("admin_kit", "folder", "logs", "port"):
        with pytest.raises(FederationError, match=r"call start\(\) first"):
            getattr(federation, name)
    federation.stop()


def test_kit_of_user() -> None:
    federation = LocalFederation(users={"ada@example.org": "lead"})
    for known in ("admin@nvidia.com", "ada@example.org"):
        with pytest.raises(FederationError, match=r"call start\(\) first"):
            federation.kit(known)
    with pytest.raises(ValueError, match=r"no user 'bob@example.org', only admin@nvidia.com, ada@example.org"):
        federation.kit("bob@example.org")


def test_many_sites_have_short_repr() -> None:
    assert repr(LocalFederation(64)) == "<LocalFederation 64 sites: not started>"


def test_chosen_folder_is_known_before_start(tmp_path: Path) -> None:
    assert LocalFederation(folder=tmp_path / "new").folder == tmp_path / "new"


def test_folder_is_rechecked_at_start(tmp_path: Path) -> None:
    federation = LocalFederation(folder=tmp_path)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="not empty"):
        federation.start()


def test_failing_provisioner_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "federation"
    monkeypatch.setattr(
        startup, "module_command", lambda *_: [sys.executable, "-c", "raise SystemExit('no certificates today')"]
    )
    with pytest.raises(FederationError) as caught:
        LocalFederation(folder=folder).start()
    assert "provisioner" in str(caught.value)
    assert "exit code 1" in str(caught.value)
    assert "no certificates today" in str(caught.value)
    assert str(folder / "logs" / "provision.log") in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["logs"]


def test_slow_provisioner_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "module_command", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(FederationError, match="did not start in time: the provisioner had not finished"):
        LocalFederation(folder=tmp_path, start_timeout=0.3).start()


def test_interrupted_start_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    federation = LocalFederation(folder=tmp_path / "federation", progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        federation.start()
    assert not federation.running
    assert list((tmp_path / "federation" / "logs").iterdir()) == []


def test_exit_codes_in_words() -> None:
    assert _describe_exit_code(1) == "exit code 1"
    assert _describe_exit_code(-signal.SIGKILL) == "killed by SIGKILL"
    assert _describe_exit_code(-250) == "killed by signal 250"
    assert _describe_exit_code(None) == "exit code unknown"


def test_failure_shows_end_of_log(tmp_path: Path) -> None:
    log = tmp_path / "site-1.log"
    log.write_bytes(b"".join(b"\x1b[38mline %d\x1b[0m \xff\n" % n for n in range(100)))
    text = str(_process_error("site-1 ended", 1, log))
    assert text.startswith(f"site-1 ended (exit code 1). The complete log: {log}\n")
    assert "line 99" in text
    assert "line 85" in text
    assert "line 84" not in text
    assert "\x1b" not in text
    assert "ends with" not in str(_process_error("x", 1, tmp_path / "none.log"))


# -- names, and what killed processes leave ---------------------------------------------------------------------


def test_second_start_of_name_is_refused() -> None:
    with registry.lock_name("clinics") as is_ours:
        assert is_ours
        with pytest.raises(FederationError, match=r"'clinics' is just being started by another process. Wait until"):
            LocalFederation(name="clinics").start()


def test_second_start_of_name_in_another_process_is_refused() -> None:
    code = (
        "from flare_widgets.federation import FederationError, LocalFederation\n"
        "try:\n    LocalFederation(name='clinics').start()\n"
        "except FederationError as e:\n    print(e)"
    )
    with registry.claim_name("clinics"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "called 'clinics' is just being started by another process" in done.stdout


def test_second_start_of_any_name_takes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "list_running", list)
    with registry.claim_name(None) as first, registry.claim_name(None) as second:
        assert (first, second) == ("local", "local-2")
    with registry.claim_name(None) as name:
        assert name == "local"


def test_name_taken_while_locking_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other start ended between the look at what runs and the lock."""
    looks = iter([[], [(None, SimpleNamespace(name="clinics"))]])
    monkeypatch.setattr(registry, "list_running", lambda: next(looks))
    with pytest.raises(FederationError, match="called 'clinics' is already running"):
        registry.claim_name("clinics").__enter__()


def test_killed_start_gives_name_back(cache: Path) -> None:
    code = (
        "import os\nfrom flare_widgets.federation import registry\n"
        "claim = registry.claim_name('clinics')\nclaim.__enter__()\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == -signal.SIGKILL
    with registry.claim_name("clinics") as name:
        assert name == "clinics"
    assert list((layout.default_root() / "starting").iterdir()) == []


def test_one_of_many_starts_of_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "list_running", list)
    everybody, winners = threading.Barrier(16), []

    def start() -> None:
        everybody.wait()
        with contextlib.suppress(FederationError), registry.claim_name("clinics"):
            winners.append(threading.get_ident())
            everybody.wait()

    def lose() -> None:
        try:
            start()
        finally:
            if threading.get_ident() not in winners:
                everybody.wait()

    threads = [threading.Thread(target=lose) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(winners) == 1


def make_dead_federation(federation_id: str, *, is_described: bool = True) -> Path:
    folder = layout.make_folder(federation_id, None)
    (folder / "authority").mkdir()
    (folder / "authority" / "cert.json").write_text("{}")
    if is_described:
        (folder / "state.json").write_text("{}")
    return folder


def test_authority_of_killed_federation_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    dead, alive = make_dead_federation("00000000000a"), make_dead_federation("00000000000b")
    starting = make_dead_federation("00000000000c", is_described=False)
    monkeypatch.setattr(processes, "end_orphans", lambda: 0)
    monkeypatch.setattr(processes, "find_processes", lambda: [FederationProcess(1, "00000000000b", True)])
    local._remove_leftovers(print)
    assert not (dead / "authority").exists()
    assert (dead / "logs").is_dir()
    assert (alive / "authority").exists()
    assert (starting / "authority").exists()


def test_authority_in_chosen_folder_is_found_by_orphans(tmp_path: Path) -> None:
    folder, federation_id = tmp_path / "mine", secrets.token_hex(6)
    (folder / "kits" / "site-1").mkdir(parents=True)
    registry.write_description(
        folder, registry.FederationDescription(federation_id, "mine", 1, "http", {}, 0.0, 0.0)
    )  # fmt: skip
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], cwd=folder / "kits" / "site-1",
        env={**os.environ, "FLARE_WIDGETS_FEDERATION": federation_id}, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        assert (folder, federation_id) in registry.list_folders_of_orphans()
    finally:
        orphan.kill()
        orphan.communicate()


# -- what the disk refuses --------------------------------------------------------------------------------------


def test_folder_in_place_that_cannot_be_written_is_said() -> None:
    with pytest.raises(FlareError) as caught:
        LocalFederation(folder="/proc/federation").start()
    assert isinstance(caught.value, FileAccessError)
    assert caught.value.next_step


def test_full_disk_at_start_is_disk_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layout, "make_folder", full)
    with pytest.raises(DiskFull, match=r"cannot be started: no space left"):
        LocalFederation().start()


def test_removed_folder_of_federation_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match=r"the local federation in .* cannot be reached"):
        mailbox.send_request(tmp_path / "removed", {"fault": "kill", "who": "server"})
