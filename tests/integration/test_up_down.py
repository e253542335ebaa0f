"""``%flare up`` and ``flare-widgets up``: federations side by side, that outlive who started them, picked up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from jobs import write_job
from shells import answer_questions, flare, ipython
from test_kernel import Kernel

from flare_widgets.api import Session
from flare_widgets.federation import FederationError, LocalFederation, RunningFederation


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own; what still runs there at the end is ended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "cache"
    for up in running():
        LocalFederation.attach(up.name).stop()


def running() -> list[RunningFederation]:
    return [up for up in LocalFederation.list_running() if up.is_in_default_folder]


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    with ipython() as shell:
        yield shell


def test_side_by_side(shell: InteractiveShell, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = flare(shell, "up --sites hospital-a,hospital-b --users ada@example.org=lead --name side-a")
    assert first.site_names == ("hospital-a", "hospital-b")
    with pytest.raises(UsageError, match="--name starts another next to it"):
        flare(shell, "up")
    second = flare(shell, "up -n 1 --name side-b")
    assert [row["name"] for row in flare(shell, "sessions")] == ["side-a", "side-b"]
    assert {c.name for c in flare(shell, "status").client_info} == {"site-1"}
    flare(shell, "use side-a")
    assert {c.name for c in flare(shell, "status").client_info} == {"hospital-a", "hospital-b"}
    assert {row["user"] for row in flare(shell, "kits")} >= {"ada@example.org"}
    assert flare(shell, "connect ada").username == "ada@example.org"
    with pytest.raises(UsageError, match="which federation\\? Pass side-a or side-b, or --all"):
        flare(shell, "down")
    assert flare(shell, "down side-b") is second
    assert [row["name"] for row in flare(shell, "sessions")] == ["side-a", "ada@localhost"]

    # A running job is a reason to ask.
    session: Session = flare(shell, "use side-a")
    job = session.submit_job(str(write_job(cache.parent, "busy", wait=True)))
    session.monitor_job(job, poll_interval=0.1, cb=lambda s, j, meta: meta["status"] != "RUNNING")
    asked = answer_questions(monkeypatch, "")
    assert flare(shell, "down") is None
    assert asked == ["A job is still running. Stop the federation side-a anyway? [y/N] "]
    assert first.running
    assert flare(shell, "down --yes") is first
    assert not first.running
    assert flare(shell, "sessions") == []


@pytest.mark.timeout(240)
def test_restarted_kernel_picks_federation_up(cache: Path) -> None:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(cwd=str(cache.parent))
    try:
        kernel = Kernel(client)
        kernel.run("%load_ext flare_widgets")
        assert kernel.run("%flare up -n 1 --keep 120")["status"] == "ok"
        (before,) = running()
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        kernel.run("%load_ext flare_widgets")
        wrong = kernel.run("%flare up -n 2")
        assert "is already running, with site-1" in wrong["evalue"]
        said = kernel.run("federation = %flare up")
        assert said["status"] == "ok"
        assert f"{before.name!r} was already running: a server and 1 site" in said["text"]
        assert "site-1" in kernel.run("%flare status")["text"]
        assert running() == [before]
        assert kernel.run("%flare down")["status"] == "ok"
        assert running() == []
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FLARE_WIDGETS_KIT"}
    return subprocess.run(
        [sys.executable, "-m", "flare_widgets.cli", *arguments],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.timeout(240)
def test_from_command_line(cache: Path, shell: InteractiveShell) -> None:
    done = cli("up", "--sites", "hospital-a", "--json")
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["sites"] == ["hospital-a"]
    (up,) = running()
    assert (facts["name"], facts["admin_kit"]) == (up.name, str(up.admin_kit))
    # It goes on without the command, and is found.
    again = cli("up")
    assert str(up.admin_kit) in again.stdout
    assert len(running()) == 1
    jobs = cli("jobs", "--json")
    assert (jobs.returncode, json.loads(jobs.stdout)) == (0, [])
    assert flare(shell, "up").name == up.name
    assert {c.name for c in flare(shell, "status").client_info} == {"hospital-a"}
    ended = cli("down", up.name, "--json")
    assert [one["name"] for one in json.loads(ended.stdout)] == [up.name]
    assert running() == []
    nothing = cli("down", "no-such-federation")
    assert nothing.returncode == 1
    assert "no-such-federation" in nothing.stderr or "No local federation" in nothing.stderr
    with pytest.raises(FederationError):
        LocalFederation.attach(up.name)


def test_what_cannot_be_is_refused(cache: Path) -> None:
    done = cli("up", "--keep", "0")
    assert done.returncode == 1
    assert "with 0 the federation would stop with the command" in done.stderr
    assert cli("up", "--scheme", "carrier-pigeon").returncode == 2
    assert "between 1 and 64 sites" in cli("up", "--sites", "0").stderr
    assert running() == []
