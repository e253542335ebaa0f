"""Jobs: listed, submitted, watched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..formatting.text import size
from ..options import FOLDER, LAST, NAMED, TOKEN, WAIT_LIMIT, option
from .command import JSON, WHERE, ExitCode, Line, command, connected, say, say_json

if TYPE_CHECKING:
    from ..api import Session

_COMPLETED = "FINISHED:COMPLETED"


@command(LAST, NAMED, *WHERE, JSON)
def jobs(limit: int, name: str | None, kit: str | None, study: str | None, as_json: bool) -> int:
    """List the jobs of a study, newest first.

    Examples:
        flare-widgets jobs --kit kits/admin@nvidia.com
        flare-widgets jobs -n 5 --json
    """
    from ..api import job_table

    with connected(kit, study) as managed:
        listed = managed.session.list_jobs(reverse=True, limit=limit, name_prefix=name)
    if as_json:
        say_json(listed)
    else:
        say(job_table.text_table(listed) if listed else "no jobs")
    return ExitCode.DONE


@command(FOLDER, TOKEN, option("--monitor", action="store_true", help="watch it until it ends"), *WHERE, JSON)
def submit(folder: str, token: str | None, monitor: bool, kit: str | None, study: str | None, as_json: bool) -> int:
    """Submit a job folder and print the job's id.

    Examples:
        flare-widgets submit jobs/hello-numpy --kit kits/admin@nvidia.com
        flare-widgets submit jobs/hello-numpy --monitor
        job=$(flare-widgets submit jobs/hello-numpy)
    """
    line = Line()

    def progress(done: int, total: int) -> None:
        line.say(f"sending {size(done)} of {size(total)}" if total else "preparing")

    with connected(kit, study) as managed:
        try:
            job_id = managed.session.submit_job(folder, token, progress=progress)
        finally:
            line.clear()
        if monitor:
            if not as_json:
                say(job_id)
            return _watched(managed.session, job_id, 0.0, as_json)
    if as_json:
        say_json({"job_id": job_id})
    else:
        say(job_id)
    return ExitCode.DONE


@command(
    option("job", nargs="?", metavar="JOB", help="the job's id, its beginning, or its name (default: the newest)"),
    WAIT_LIMIT,
    *WHERE,
    JSON,
)
def monitor(job: str | None, timeout: float, kit: str | None, study: str | None, as_json: bool) -> int:
    """Watch a job until it ends, in a line that renews itself, and tell how it went.

    With --json what is known of it at the end goes to standard output, and the line to standard error. Interrupting it
    ends only the watching.

    Examples:
        flare-widgets monitor
        flare-widgets monitor 76b8 --timeout 600 --json
    """
    with connected(kit, study) as managed:
        return _watched(managed.session, managed.find_job(job), timeout, as_json)


COMMANDS = (jobs, submit, monitor)


def _watched(session: Session, job_id: str, timeout: float, as_json: bool) -> int:
    from ..monitoring.console import follow

    snapshot = follow(session, job_id, timeout, sys.stderr if as_json else sys.stdout)
    if as_json:
        say_json(snapshot.to_json())
    return ExitCode.DONE if snapshot.status == _COMPLETED else ExitCode.FAILED
