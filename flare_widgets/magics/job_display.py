"""Display of a watched job as the user prefers: as a view or as text, for now or until it ends."""

from __future__ import annotations

import time

from IPython.core.error import UsageError

from ..api import MonitorReturnCode, Session
from ..errors import JobTimeout
from ..monitoring import JobSnapshot, Watch
from ..monitoring.job.format import describe
from ..views.display import show_job
from ..views.job.view import JobView
from .progress import ProgressLine
from .state import MagicsState

FIRST_UPDATE_TIMEOUT_S = 6.0  # seconds to wait for the first answer about a job: a little more than a command may take
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
    view = show_job(watch, session, folder=state.config.download_folder or None)
    if not wait:
        return view
    try:
        watch.wait()
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job is still running, and its view stays live") from None
    return watch.snapshot


def read_once(watch: Watch) -> JobSnapshot:
    """Return the current snapshot, and stop watching."""
    try:
        watch.wait_for_first_update(FIRST_UPDATE_TIMEOUT_S)
        return watch.snapshot
    finally:
        watch.stop()


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
                raise JobTimeout(
                    f"job {watch.job_id} did not end within {timeout_s:g} s; it is still running", job_id=watch.job_id
                )
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job is still running. %flare wait resumes waiting") from None
    finally:
        watch.stop()
    progress.finish(describe(watch.snapshot))
    return watch.snapshot
