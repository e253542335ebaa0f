"""``%flare`` in a real IPython shell, against a real federation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from jobs import write_job
from shells import answer_questions, ipython

from flare_widgets.api import Session, SystemInfo
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import JobSnapshot
from flare_widgets.views.job.view import JobView


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    with ipython() as shell:
        yield shell


@pytest.fixture
def connected(shell: InteractiveShell, federation: LocalFederation) -> InteractiveShell:
    shell.run_line_magic("flare", f"connect '{federation.admin_kit}'")
    return shell


@pytest.fixture
def queued(federation: LocalFederation, tmp_path: Path) -> Path:
    """A job that stays in the queue."""
    folder = write_job(tmp_path, "queued")
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 5'))
    return folder


def flare(shell: InteractiveShell, line: str) -> Any:
    return shell.run_line_magic("flare", line)


def test_connect_status_jobs_close(shell: InteractiveShell, federation: LocalFederation) -> None:
    session = flare(shell, f"connect '{federation.admin_kit / 'startup'}'")
    assert isinstance(session, Session)
    assert session.username == "admin@nvidia.com"
    status = flare(shell, "status")
    assert isinstance(status, SystemInfo)
    assert {c.name for c in status.client_info} == {"site-1", "site-2"}
    assert "site-1" in repr(status)
    assert flare(shell, "jobs") == session.list_jobs(reverse=True)
    assert flare(shell, "close") is session
    assert session.closed
    with pytest.raises(UsageError, match="not connected"):
        flare(shell, "jobs")


def test_submit_monitor_wait(connected: InteractiveShell, tmp_path: Path) -> None:
    job = flare(connected, f"submit '{write_job(tmp_path, sites=1)}'")
    assert uuid.UUID(job)
    with capture_output():
        view = flare(connected, "monitor")
        end = flare(connected, f"monitor {job[:13]} --wait")
    assert isinstance(view, JobView)
    assert isinstance(end, JobSnapshot)
    assert (end.job_id, end.status) == (job, "FINISHED:COMPLETED")
    assert view.view_model["status"] == "FINISHED:COMPLETED"


def test_clone_and_abort(connected: InteractiveShell, queued: Path) -> None:
    job = flare(connected, f"submit '{queued}'")
    copy = flare(connected, "clone")
    assert copy != job
    # The last job is the copy now.
    with capture_output():
        assert "Aborted" in flare(connected, "abort --yes")
        flare(connected, f"abort {job} --yes")
    statuses = {j["job_id"]: j["status"] for j in flare(connected, "jobs")}
    assert statuses[job] == statuses[copy] == "FINISHED:ABORTED"


@pytest.mark.parametrize(("answer", "status"), [("y", "FINISHED:ABORTED"), ("n", "SUBMITTED"), ("", "SUBMITTED")])
def test_abort_asks_first(
    connected: InteractiveShell, queued: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: str
) -> None:
    job = flare(connected, f"submit '{queued}'")
    asked = answer_questions(monkeypatch, answer)
    with capture_output():
        if answer == "y":
            flare(connected, "abort")
        else:
            assert flare(connected, "abort") is None
    assert asked == [f"Abort queued {job[:8]} (SUBMITTED)? [y/N] "]
    session = flare(connected, "close")
    flare(connected, f"connect '{session.kit.root}'")
    assert {j["job_id"]: j["status"] for j in flare(connected, "jobs")}[job] == status
    if status == "SUBMITTED":
        with capture_output():
            flare(connected, f"abort {job} --yes")


def test_prefixes_must_be_unique_and_known(connected: InteractiveShell, queued: Path) -> None:
    with pytest.raises(UsageError, match="the id 'zz'"):
        flare(connected, "monitor zz")
    jobs = [flare(connected, f"submit '{queued}'")]
    while len({job[0] for job in jobs}) == len(jobs):
        jobs.append(flare(connected, "clone"))
    twice = next(c for c in "0123456789abcdef" if sum(job[0] == c for job in jobs) == 2)
    with pytest.raises(UsageError, match="Pass more of it"):
        flare(connected, f"abort {twice} --yes")
    with capture_output():
        for job in jobs:
            flare(connected, f"abort {job} --yes")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("connect /nowhere/kit", "no such folder"),
        ("submit /nowhere/job", "does not exist"),
        ("monitor 99999999-9999-4999-8999-999999999999", "no such job"),
        ("monitor", "which job"),
        ("down", "start one with %flare up"),
        ("up -n 0", "between 1 and 64 sites"),
    ],
)
def test_failures_are_one_line_without_traceback(connected: InteractiveShell, line: str, words: str) -> None:
    with capture_output() as captured:
        result = connected.run_cell(f"%flare {line}")
    assert isinstance(result.error_in_exec, UsageError)
    lines = captured.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("UsageError: ")
    assert words in lines[0]
    assert "Traceback" not in captured.stdout


def test_every_verb_returns_value_to_python(connected: InteractiveShell, queued: Path) -> None:
    with capture_output():
        connected.run_cell(f"job = %flare submit '{queued}'")
        connected.run_cell("said = %flare abort {job} --yes")
    assert uuid.UUID(connected.user_ns["job"])
    assert isinstance(connected.user_ns["said"], str)


def test_extension_loads_twice_and_keeps_session(connected: InteractiveShell, federation: LocalFederation) -> None:
    connected.run_cell("%load_ext flare_widgets")
    assert flare(connected, "status").client_info
    flare(connected, f"connect '{federation.admin_kit}'")
    assert flare(connected, "status").client_info


def test_up_and_down(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # no other federation is picked up
    with capture_output() as captured:
        federation = flare(shell, "up -n 1")
    try:
        assert [c.name for c in flare(shell, "status").client_info] == ["site-1"]
        assert "a server and 1 site" in "".join(str(o.data) for o in captured.outputs) + captured.stdout
        with pytest.raises(UsageError, match="already running"):
            flare(shell, "up")
        assert flare(shell, "down") is federation
        assert not federation.running
        with pytest.raises(UsageError, match="not connected"):
            flare(shell, "status")
        assert not [p for p in psutil.process_iter() if str(federation.folder) in _words(p)]
    finally:
        federation.stop()


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
