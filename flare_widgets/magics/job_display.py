"""Display of a watched job as the user prefers: as a view or as text, for now or until it ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from IPython.core.error import UsageError

from ..api import MonitorReturnCode, Session
from ..api.job_status import JobStatus, make_timeout_error
from ..errors import JobTimeout
from ..monitoring import JobSnapshot, Watch
from ..monitoring.job.format import describe
from ..views.display import show_job
from ..views.job.view import JobView
from .progress import ProgressLine, run_with_progress
from .state import MagicsState

FIRST_UPDATE_TIMEOUT_S = 6.0  # seconds to wait for the first answer about a job: a little more than a command may take
_FETCH_TIMEOUT_S = 60.0  # seconds to wait for the rounds and metrics of jobs that have ended
_REFRESH_INTERVAL_S = 1.0  # seconds between two updates without news: the clock in the line runs on


def display_job(
    state: MagicsState, session: Session, watch: Watch, *, wait: bool, as_text: bool = False
) -> JobView | JobSnapshot:
    """Show a job in the calling cell: as a view, or as a line of text if the settings or `as_text` say so.

    Parameters
    ----------
    state
        The settings.
    session
        The session for actions requested in the view.
    watch
        The watch of the job.
    wait
        True to block the cell until the job ends; then the last snapshot is returned.
    as_text
        True to show a line of text instead of the view.

    Raises
    ------
    UsageError
        The waiting was interrupted; the job and its view continue.
    """
    if as_text or not state.config.views:
        return wait_until_ended(watch, 0.0) if wait else read_once(watch)
    view = show_job(watch, session, folder=state.results_folder)
    if not wait:
        return view
    try:
        watch.wait()
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job is still running, and its view stays live") from None
    return watch.snapshot


def read_once(watch: Watch) -> JobSnapshot:
    """Return the current snapshot, of a job that has ended with its result, and stop watching."""
    try:
        run_with_progress("fetching the result", wait_for_results, [watch])
        return watch.snapshot
    finally:
        watch.stop()


def wait_for_results(watches: Sequence[Watch], timeout_s: float = _FETCH_TIMEOUT_S) -> None:
    """Wait until everything about those jobs that have ended is known; do not wait for running ones."""
    until = time.monotonic() + timeout_s
    for watch in watches:
        watch.wait_for_first_update(min(FIRST_UPDATE_TIMEOUT_S, max(0.0, until - time.monotonic())))
        if watch.snapshot.ended:
            watch.wait(max(0.0, until - time.monotonic()))


def wait_until_ended(watch: Watch, timeout_s: float) -> JobSnapshot:
    """Wait until a job ends, showing its progress in a line, and return its last snapshot.

    Raises
    ------
    UsageError
        The waiting was interrupted; the job continues.
    JobTimeout
        The job did not end within `timeout_s` seconds (0 for no limit); it continues.
    """
    until = time.monotonic() + timeout_s if timeout_s else float("inf")
    progress = ProgressLine(show_after_s=0)
    try:
        while watch.wait(max(0.0, min(_REFRESH_INTERVAL_S, until - time.monotonic()))) is MonitorReturnCode.TIMEOUT:
            progress.update(describe(watch.snapshot))
            if time.monotonic() >= until:
                if watch.snapshot.ended:
                    break  # in time; only its result is still being fetched
                raise make_timeout_error(watch.job_id, timeout_s, is_server_reachable=not watch.snapshot.trouble)
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job is still running. %flare wait resumes waiting") from None
    finally:
        watch.stop()
    progress.finish(describe(watch.snapshot))
    return watch.snapshot


def wait_until_all_ended(watches: Sequence[Watch], timeout_s: float, *, first: bool = False) -> list[JobSnapshot]:
    """Wait until several jobs end, showing how many have in a line, and return the last snapshots of those that have.

    Parameters
    ----------
    watches
        The watches of the jobs; they are stopped.
    timeout_s
        Seconds for all of them; 0 for no limit.
    first
        True to wait only for the first one.

    Raises
    ------
    UsageError
        The waiting was interrupted; the jobs continue.
    JobTimeout
        They did not end in time; those that did not continue.
    """
    until = time.monotonic() + timeout_s if timeout_s else float("inf")
    progress = ProgressLine(show_after_s=0)
    wanted = min(1, len(watches)) if first else len(watches)
    try:
        while len(ended := [watch for watch in watches if watch.snapshot.ended]) < wanted:
            progress.update(_count_ended(watches))
            if time.monotonic() >= until:
                raise JobTimeout(
                    f"{len(watches) - len(ended)} of {len(watches)} jobs did not end within {timeout_s:g} s; "
                    "they are still running",
                    next_step="Wait again, with a longer time-out, or abort what should not run",
                )
            waiting = next(watch for watch in watches if watch not in ended)
            waiting.wait(max(0.0, min(_REFRESH_INTERVAL_S, until - time.monotonic())))
        run_with_progress("fetching the results", wait_for_results, ended)
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the jobs are still running. %flare wait resumes waiting") from None
    finally:
        for watch in watches:
            watch.stop()
    progress.finish(_count_ended(watches))
    return [watch.snapshot for watch in ended]


class SnapshotList(list[JobSnapshot]):
    """Snapshots of several jobs, shown a line each."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        lines = "..." if cycle else "\n".join(map(str, self))
        printer.text(lines or "no job was running")


def _count_ended(watches: Sequence[Watch]) -> str:
    """Return how many of several jobs have ended: ``3 of 12 jobs ended: 1 failed; 4 running``."""
    snapshots = [watch.snapshot for watch in watches]
    ended = [snapshot for snapshot in snapshots if snapshot.ended]
    failed = sum(JobStatus.of(snapshot.status) is not JobStatus.COMPLETED for snapshot in ended)
    running = sum(JobStatus.of(snapshot.status) is JobStatus.RUNNING for snapshot in snapshots)
    words = f"{len(ended)} of {len(snapshots)} jobs ended"
    if failed:
        words += f", {failed} of them without success"
    return f"{words}; {running} running" if running else words
