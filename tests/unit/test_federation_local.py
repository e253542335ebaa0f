"""The face of the local federation, as far as it shows without starting one."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flare_widgets.federation import FederationError, FederationNotInstalled, LocalFederation, startup
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
