"""A job that is watched, shown as the user wants it: in a view or as text, for now or until it ends."""

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
_REFRESH_INTERVAL_S = 1.0  # seconds between two renewals without news: the clock in the line goes on


def display_job(
    state: MagicsState, session: Session, watch: Watch, *, wait: bool, stay_live: bool = False, as_text: bool = False
) -> JobView | JobSnapshot:
    """Show a job in the calling cell: its view, or where the settings or `text` say so, a line.

    Parameters
    ----------
    state
        The settings.
    session
        Who does what the user asks for in the view.
    watch
        Who knows the job.
    wait
        Whether the cell lasts until the job ends; then what is known of its end is returned.
    keep
        Whether the view stays live afterwards.
    text
        Whether a line will do.

    Raises
    ------
    UsageError
        The waiting was interrupted; the job goes on, and so does its view.
    """
    if as_text or not state.config.views:
        return wait_until_ended(watch, 0.0) if wait else read_once(watch)
    view = show_job(watch, session, folder=state.config.download_folder or None, stay_live=stay_live)
    if not wait:
        return view
    try:
        watch.wait()
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job goes on, and so does its view") from None
    return watch.snapshot


def read_once(watch: Watch) -> JobSnapshot:
    """Return what is known now, and watch no more."""
    try:
        watch.wait_for_first_update(FIRST_UPDATE_TIMEOUT_S)
        return watch.snapshot
    finally:
        watch.stop()


def wait_until_ended(watch: Watch, timeout_s: float) -> JobSnapshot:
    """Wait until a job ends, telling in a line how it is, and return what is known of it.

    Raises
    ------
    UsageError
        It was interrupted; the job goes on.
    JobTimeout
        It did not end within `timeout` seconds (0 for no limit); likewise.
    """
    until = time.monotonic() + timeout_s if timeout_s else float("inf")
    progress = ProgressLine(show_after_s=0)
    try:
        while watch.wait(max(0.0, min(_REFRESH_INTERVAL_S, until - time.monotonic()))) is MonitorReturnCode.TIMEOUT:
            progress.update(describe(watch.snapshot))
            if time.monotonic() >= until:
                raise JobTimeout(f"job {watch.job_id} did not end within {timeout_s:g} s; it goes on")
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job goes on. %flare wait waits again") from None
    finally:
        watch.stop()
    progress.finish(describe(watch.snapshot))
    return watch.snapshot
