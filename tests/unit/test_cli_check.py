"""``flare-widgets check``: the report on the screen, and an exit code that a script can use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import kits
import pytest
from servers import FlareServer

from flare_widgets import cli


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    return kits.write_kit(tmp_path / "kit", host="127.0.0.1")


def test_good_kit(kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = FlareServer()
    with server.running() as port:
        kits.edit_admin(kit, port=port)
        assert cli.main(["check", str(kit)]) == 0
    out, err = capsys.readouterr()
    assert "✓ login" in out
    assert f"{kit}: no problem" in out
    assert err == ""


def test_warnings_are_allowed(kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (kit / "startup" / "client.key").chmod(0o644)
    assert cli.main(["check", "--offline", str(kit)]) == 0
    assert "⚠ key permissions" in capsys.readouterr().out


def test_bad_kit(kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (kit / "startup" / "client.crt").unlink()
    assert cli.main(["check", str(kit / "startup"), "--offline"]) == 1
    assert "✕ files" in capsys.readouterr().out


def test_as_json(kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", "--offline", str(kit)]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


@pytest.mark.parametrize("line", ["check", "check KIT --timeout 0", "check KIT --timeout nan", "check KIT --what"])
def test_wrong_call(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(line.split())
    assert caught.value.code == 2
    assert "usage: flare-widgets" in capsys.readouterr().err


def test_terminal_without_glyphs_has_words(kit: Path) -> None:
    (kit / "startup" / "rootCA.pem").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "flare_widgets.cli", "check", "--offline", str(kit)],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "? files            failed" in done.stdout
    assert done.stderr == ""
