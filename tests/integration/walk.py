"""A walk through what a session does with jobs, for servers of any version and scheme."""

from __future__ import annotations

import time
from pathlib import Path

from jobs import RESULT, RESULT_SIZE, write_job

from flare_widgets.api import Session
from flare_widgets.errors import JobNotFound

#: More than one chunk of an upload (1 MiB), and less than what FLARE's own sites can receive over http (4 MiB:
#: they leave aiohttp's limit for messages as it is).
BALLAST = 5 << 19

_LONG = 90.0


def walk(session: Session, folder: Path) -> None:
    """Do everything that comes after the login, and check it.

    Parameters
    ----------
    session
        With a federation of two sites and no jobs.
    folder
        An empty folder.
    """
    info = session.get_system_info()
    assert info.server_info.status == "stopped"
    assert sorted(client.name for client in info.client_info) == ["site-1", "site-2"]
    assert session.list_jobs() == []

    job = write_job(folder / "jobs", "quick", ballast=BALLAST)
    told: list[tuple[int, int]] = []
    quick = session.submit_job(str(job), progress=lambda done, size: told.append((done, size)))
    assert len(told) == 3
    assert told[-1][0] == told[-1][1] > BALLAST
    assert session.wait_for_job(quick, _LONG, 0.2)["status"] == "FINISHED:COMPLETED"
    assert [found["job_name"] for found in session.list_jobs()] == ["quick"]

    result = Path(session.download_job_result(quick, str(folder / "results")))
    assert sorted(entry.name for entry in result.iterdir()) == ["job", "meta.json", "workspace"]
    for name in ("app/custom/ballast.bin", "app/custom/quick_workflow.py"):
        (received,) = (file for file in (result / "job").rglob("*") if file.as_posix().endswith(name))
        assert received.read_bytes() == (job / name).read_bytes()
    assert [file.stat().st_size for file in (result / "workspace").rglob(RESULT)] == [RESULT_SIZE]

    waiting = session.submit_job(str(write_job(folder / "jobs", "waiting", wait=True)))
    clone = session.clone_job(waiting)
    assert clone != waiting
    session.abort_job(clone)
    deadline = time.monotonic() + _LONG
    while session.get_job_status(waiting) != "RUNNING":
        assert time.monotonic() < deadline, session.get_job_meta(waiting)
        time.sleep(0.1)
    session.abort_job(waiting)
    for job_id in (waiting, clone):
        assert session.wait_for_job(job_id, _LONG, 0.2)["status"] == "FINISHED:ABORTED"

    for job_id in (quick, waiting, clone):
        session.delete_job(job_id)
    assert session.list_jobs() == []
    try:
        session.get_job_meta(quick)
    except JobNotFound:
        return
    raise AssertionError("a deleted job is still there")
