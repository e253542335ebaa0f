"""The check of a kit against real federations."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bare_server import bare_server
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from shells import ipython

from flare_widgets import StartupKit
from flare_widgets.api import KitReport, check_kit
from flare_widgets.federation import LocalFederation
from flare_widgets.wire import connection

STEPS = ["host", "port", "TLS", "server identity", "login", "clock"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit of a federation whose server was stopped before it could listen."""
    with bare_server(tmp_path_factory.mktemp("stopped") / "federation") as kit:
        return kit


@pytest.fixture
def kit(federation: LocalFederation, tmp_path: Path) -> Path:
    """A copy of the admin's kit, to be spoilt."""
    return Path(shutil.copytree(federation.admin_kit, tmp_path / "kit"))


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    with ipython() as shell:
        yield shell


def point_to(kit: Path, port: int) -> Path:
    file = kit / "startup" / "fed_admin.json"
    config = json.loads(file.read_text())
    config["admin"]["port"] = port
    file.write_text(json.dumps(config))
    return kit


def test_all_is_well(federation: LocalFederation) -> None:
    report = StartupKit.check(federation.admin_kit)
    assert report.ok
    assert {finding.outcome for finding in report.findings} == {"ok"}, report
    assert "nvflare 2." in report["login"].sentence


def test_server_is_down(stopped: Path) -> None:
    report = check_kit(stopped)
    assert [finding.name for finding in report.with_outcome("failed")] == ["port"]
    assert "Check that the FL server is running" in report["port"].sentence
    assert [finding.name for finding in report.with_outcome("skipped")] == STEPS[2:]


def test_port_of_another_federation(federation: LocalFederation, stopped: Path, tmp_path: Path) -> None:
    wrong = Path(shutil.copytree(stopped, tmp_path / "kit"))
    report = check_kit(point_to(wrong, StartupKit.load(federation.admin_kit).port))
    assert [finding.name for finding in report.with_outcome("failed")] == ["TLS"]
    assert "is not the server of the startup kit" in report["TLS"].sentence


def test_kit_of_another_project(federation: LocalFederation, kit: Path) -> None:
    file = kit / "startup" / "fed_admin.json"
    file.write_text(file.read_text().replace('"local"', '"another"'))
    report = check_kit(kit)
    assert [finding.name for finding in report.with_outcome("failed")] == ["login"]
    assert "refused to register" in report["login"].sentence


def test_clock_that_is_wrong(federation: LocalFederation, monkeypatch: pytest.MonkeyPatch) -> None:
    real, steady = time.time, time.monotonic

    class Clock:
        monotonic = staticmethod(steady)

        @staticmethod
        def time() -> float:
            return real() - 3600

    monkeypatch.setattr(connection, "time", Clock)
    report = check_kit(federation.admin_kit)
    assert report.ok
    assert "clock is 1 h behind the server's" in report["clock"].sentence


def test_command_line(federation: LocalFederation, stopped: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "flare_widgets.cli", "check", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)
        assert done.stderr == ""
        return done.returncode, done.stdout

    code, out = run(str(federation.admin_kit))
    assert (code, "✓ server identity" in out) == (0, True)
    code, out = run(str(stopped))
    assert (code, "✕ port" in out) == (1, True)
    code, out = run("--offline", str(stopped))
    assert (code, "– port" in out) == (0, True)


def test_magic(shell: InteractiveShell, federation: LocalFederation, stopped: Path) -> None:
    with pytest.raises(UsageError, match="which startup kit"):
        flare(shell, "check")
    report = flare(shell, f"check '{stopped}'")
    assert isinstance(report, KitReport)
    assert not report.ok
    assert flare(shell, f"check '{stopped}' --offline").ok
    with pytest.raises(UsageError, match="number of seconds"):
        flare(shell, f"check '{stopped}' --timeout 0")


def test_magic_without_kit_takes_sessions(shell: InteractiveShell, federation: LocalFederation) -> None:
    session = flare(shell, f"connect '{federation.admin_kit}'")
    report = flare(shell, "check")
    assert report.ok
    assert report.location == str(federation.admin_kit)
    assert "✓ login" in repr(report)
    assert "server identity" in report._repr_html_()
    assert len(session.get_system_info().client_info) == 2  # the session is none the worse
    session.close()
    assert flare(shell, "check").ok


def test_help_has_it(shell: InteractiveShell) -> None:
    with capture_output() as said:
        shell.run_line_magic("flare", "help")
        shell.run_line_magic("flare", "check -h")
    assert "%flare check" in said.stdout
    assert "do not connect to the server" in said.stdout


def flare(shell: InteractiveShell, line: str) -> Any:
    with capture_output():
        return shell.run_line_magic("flare", line)
