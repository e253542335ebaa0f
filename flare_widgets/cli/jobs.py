"""Jobs: list, submit, watch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..api.job_status import JobStatus
from ..formatting.jobs import job_table
from ..formatting.text import format_size
from ..options import FOLDER, LIMIT, NAME_PREFIX, TOKEN, WAIT_TIMEOUT, option
from .command import (
    CONNECT_OPTIONS,
    JSON,
    ExitCode,
    StatusLine,
    command,
    echo,
    echo_json,
    errors_file,
    open_session,
    output,
    print_error,
)

if TYPE_CHECKING:
    from ..api import Session


@command(LIMIT, NAME_PREFIX, *CONNECT_OPTIONS, JSON)
def jobs(limit: int, name: str | None, kit: str | None, study: str | None, as_json: bool) -> int:
    """List the jobs of a study, newest first.

    Examples:
        flare-widgets jobs --kit kits/admin@nvidia.com
        flare-widgets jobs -n 5 --json
    """
    with open_session(kit, study) as managed:
        listed = managed.session.list_jobs(reverse=True, limit=limit, name_prefix=name)
    if as_json:
        echo_json(listed)
    else:
        echo(job_table(listed, *([] if listed else ["no jobs"])).to_text())
    return ExitCode.DONE


@command(FOLDER, TOKEN, option("--monitor", action="store_true", help="watch it until it ends"), *CONNECT_OPTIONS, JSON)
def submit(folder: str, token: str | None, monitor: bool, kit: str | None, study: str | None, as_json: bool) -> int:
    """Submit a job folder and print the job's id.

    Examples:
        flare-widgets submit jobs/hello-numpy --kit kits/admin@nvidia.com
        flare-widgets submit jobs/hello-numpy --monitor
        job=$(flare-widgets submit jobs/hello-numpy)
    """
    line = StatusLine()

    def progress(done: int, total: int) -> None:
        line.update(f"sending {format_size(done)} of {format_size(total)}" if total else "preparing")

    with open_session(kit, study) as managed:
        try:
            job_id = managed.session.submit_job(folder, token, progress=progress)
        finally:
            line.clear()
        if not as_json:
            with _id_on_failure(job_id):
                echo(job_id)
        if monitor:
            with _id_on_failure(job_id) if as_json else contextlib.nullcontext():
                return _watch_until_ended(managed.session, job_id, 0.0, as_json)
    if as_json:
        with _id_on_failure(job_id):
            echo_json({"job_id": job_id})
    return ExitCode.DONE


@contextlib.contextmanager
def _id_on_failure(job_id: str) -> Iterator[None]:
    """Print the id of a submitted job to standard error, if the block that would print it as the result fails."""
    try:
        yield
    except BaseException:
        print_error(f"the job was submitted: its id is {job_id}")
        raise


@command(
    option(
        "job",
        nargs="?",
        metavar="JOB",
        help="the job's id, the beginning of it, or its name (default: the newest job)",
    ),
    WAIT_TIMEOUT,
    *CONNECT_OPTIONS,
    JSON,
)
def monitor(job: str | None, timeout: float, kit: str | None, study: str | None, as_json: bool) -> int:
    """Watch a job until it ends, in one line that refreshes itself, and print a summary.

    With --json the final snapshot goes to standard output, and the line to standard error. Interrupting the command
    stops only the watching.

    Examples:
        flare-widgets monitor
        flare-widgets monitor 76b8 --timeout 600 --json
    """
    with open_session(kit, study) as managed:
        return _watch_until_ended(managed.session, managed.find_job_id(job), timeout, as_json)


COMMANDS = (jobs, submit, monitor)


def _watch_until_ended(session: Session, job_id: str, timeout: float, as_json: bool) -> int:
    from ..monitoring.console import watch_job

    with contextlib.nullcontext(errors_file()) if as_json else output() as file:
        snapshot = watch_job(session, job_id, timeout, file)
    if as_json:
        echo_json(snapshot.to_json())
    return ExitCode.DONE if JobStatus.of(snapshot.status) is JobStatus.COMPLETED else ExitCode.FAILED
