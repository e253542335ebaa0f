"""``flare-widgets`` as a program, against a real federation: what goes where, and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from common import MEMBER, Finished
from jobs import write_job
from waiting import wait_until

from flare_widgets.api import Session
from flare_widgets.federation import LocalFederation


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env={**os.environ, **environment}, capture_output=True, text=True, timeout=150
    )


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "flare_widgets.cli", *map(str, arguments)]


def test_jobs_as_table_and_as_json(federation: LocalFederation, finished: Finished, ours: Session) -> None:
    done = run("jobs", "--kit", federation.admin_kit)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("name ")
    assert finished.job_id[:8] in done.stdout
    listed = json.loads(run("jobs", "--json", "-n", "1", FLARE_WIDGETS_KIT=str(federation.admin_kit)).stdout)
    assert [job["job_id"] for job in listed] == [ours.list_jobs(reverse=True, limit=1)[0]["job_id"]]
    found = run("jobs", "--json", "--name", "no-such", "--kit", federation.admin_kit)
    assert json.loads(found.stdout) == []


def test_kit_by_name_in_configured_folder(federation: LocalFederation, finished: Finished) -> None:
    done = run("jobs", "--kit", "member", FLARE_WIDGETS_KIT_FOLDERS=str(federation.folder))
    assert done.returncode == 0, done.stderr


def test_submit_prints_id_and_monitor_reports(federation: LocalFederation, tmp_path: Path) -> None:
    kit = str(federation.admin_kit)
    done = run("submit", write_job(tmp_path, "by-script", sites=1), FLARE_WIDGETS_KIT=kit)
    assert (done.returncode, done.stderr) == (0, "")
    job_id = done.stdout.strip()
    watched = run("monitor", job_id[:13], FLARE_WIDGETS_KIT=kit)
    assert watched.returncode == 0, watched.stderr
    assert "RUNNING" in watched.stdout
    assert "FINISHED:COMPLETED" in watched.stdout
    by_name = run("monitor", "by-script", "--json", FLARE_WIDGETS_KIT=kit)
    assert json.loads(by_name.stdout)["job_id"] == job_id
    assert "by-script" in by_name.stderr


def test_repeated_token_finds_job_whose_id_was_lost(federation: LocalFederation, ours: Session, tmp_path: Path) -> None:
    line = command(
        "submit", write_job(tmp_path, "said-twice", sites=1), "--kit", federation.admin_kit, "--token", "T-1"
    )
    with Path("/dev/full").open("w") as full:
        lost = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, timeout=150)
    assert lost.returncode == 6
    (job_id,) = (job["job_id"] for job in ours.list_jobs(name_prefix="said-twice"))
    assert f"the job was submitted: its id is {job_id}" in lost.stderr
    again = run(*line[3:])
    assert (again.returncode, again.stdout.strip()) == (0, job_id), again.stderr
    assert len(ours.list_jobs(name_prefix="said-twice")) == 1


def test_submit_and_monitor_in_one(federation: LocalFederation, tmp_path: Path) -> None:
    done = run("submit", write_job(tmp_path, "at-once", sites=1), "--monitor", "--json", "--kit", federation.admin_kit)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "FINISHED:COMPLETED"


def test_exit_codes(federation: LocalFederation, ours: Session, tmp_path: Path) -> None:
    kit = str(federation.admin_kit)
    job_id = ours.submit_job(str(write_job(tmp_path, "stuck", wait=True, sites=1)))
    late = run("monitor", job_id, "--timeout", "1", FLARE_WIDGETS_KIT=kit)
    assert late.returncode == 5
    assert "did not end within 1 s; it is still running" in late.stderr
    ours.abort_job(job_id)
    assert run("monitor", job_id, FLARE_WIDGETS_KIT=kit).returncode == 1  # it was aborted
    cases: list[tuple[int, str, Any]] = [
        (1, "no job of the study default has the name or the id 'zz'", ("monitor", "zz", "--kit", kit)),
        (1, "which startup kit? Pass --kit KIT, or set FLARE_WIDGETS_KIT", ("jobs",)),
        (1, "no such folder", ("jobs", "--kit", tmp_path / "nowhere")),
        (1, "does not exist", ("submit", tmp_path / "nowhere", "--kit", kit)),
        (2, "usage: flare-widgets", ("jobs", "--limit", "few")),
        (4, "your role does not permit", ("submit", write_job(tmp_path, "no"), "--kit", federation.kit(MEMBER))),
    ]
    for code, words, arguments in cases:
        # A federation that runs on this machine would do without being named: here none is known.
        done = run(*arguments, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert (done.returncode, done.stdout) == (code, ""), (arguments, done.stderr)
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_read_only_and_bad_settings(federation: LocalFederation, tmp_path: Path) -> None:
    environment = {"FLARE_WIDGETS_KIT": str(federation.admin_kit), "FLARE_WIDGETS_READ_ONLY": "1"}
    done = run("submit", write_job(tmp_path), **environment)
    assert (done.returncode, done.stdout) == (4, "")
    assert "this session is read-only" in done.stderr
    assert run("jobs", **environment).returncode == 0
    bad = run("jobs", FLARE_WIDGETS_TIMEOUT="soon")
    assert bad.returncode == 1
    assert "the environment has FLARE_WIDGETS_TIMEOUT=soon" in bad.stderr


def test_server_that_is_not_there(federation: LocalFederation, tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    shutil.copytree(federation.admin_kit, kit)
    settings = kit / "startup" / "fed_admin.json"
    settings.write_text(settings.read_text().replace(str(federation.port), "9"))
    (kit / "startup" / "signature.json").unlink(missing_ok=True)
    done = run("jobs", "--kit", kit, FLARE_WIDGETS_TIMEOUT="0.5")
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1


def test_interrupt_ends_watching_only(federation: LocalFederation, ours: Session, tmp_path: Path) -> None:
    job_id = ours.submit_job(str(write_job(tmp_path, "interrupted", wait=True, sites=1)))
    program = subprocess.Popen(
        command("monitor", job_id, "--kit", federation.admin_kit), stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        assert "interrupted" in program.stdout.readline()
        program.send_signal(signal.SIGINT)
        out, _ = program.communicate(timeout=20)
        assert program.returncode == 130
        assert "stopped watching; interrupted" in out
    finally:
        program.kill()
        program.communicate()
    wait_until(lambda: ours.get_job_status(job_id) == "RUNNING")
    ours.abort_job(job_id)


@pytest.mark.parametrize("name", ["demo", "lab", "check", "jobs", "submit", "monitor", "up", "down"])
def test_every_command_explains_itself(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert f"usage: flare-widgets {name}" in done.stdout
    assert "Exit codes: 0 done" in done.stdout
