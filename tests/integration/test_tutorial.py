"""NVIDIA FLARE's tutorial for its API, by both clients: only the import differs, and what comes of it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jobs import write_job

from flare_widgets.api import MonitorReturnCode
from flare_widgets.federation import LocalFederation

SCRIPT = (Path(__file__).parents[1] / "support" / "tutorial.py").read_text()
THEIRS = "from nvflare.fuel.flare_api.flare_api import Session, new_secure_session"
OURS = "from flare_widgets.api import Session, new_secure_session"


def run(script: str, kit: Path, folder: Path) -> dict[str, Any]:
    """Return the observations of a script, by its steps."""
    folder.mkdir()  # an empty one to run in: nvflare's client looks through all of it
    job = write_job(folder / "jobs", "tutorial", sites=1)
    command = [sys.executable, "-c", script, str(kit), str(job)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["step"]: line["value"] for line in lines}


@pytest.mark.timeout(300)
def test_tutorial_runs_with_import_changed(federation: LocalFederation, tmp_path: Path) -> None:
    assert SCRIPT.count(THEIRS) == 1
    theirs = run(SCRIPT, federation.admin_kit, tmp_path / "theirs")
    ours = run(SCRIPT.replace(THEIRS, OURS), federation.admin_kit, tmp_path / "ours")
    assert ours == theirs
    assert [*ours][:: len(ours) - 1] == ["system", "closed"]
    assert ours["monitored"] == [str(MonitorReturnCode.JOB_FINISHED), "JOB_FINISHED", "FINISHED:COMPLETED", True, True]
    assert ours["deleted"] == "JobNotFound"
