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
from .progress import Progress
from .state import State

FIRST_FACTS = 6.0  # seconds to wait for the first answer about a job: a little more than a command may take
_TICK = 1.0  # seconds between two renewals without news: the clock in the line goes on


def shown(
    state: State, session: Session, watch: Watch, *, wait: bool, keep: bool = False, text: bool = False
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
    if text or not state.config.views:
        return follow(watch, 0.0) if wait else told(watch)
    view = show_job(watch, session, folder=state.config.download_folder or None, keep=keep)
    if not wait:
        return view
    try:
        watch.wait()
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job goes on, and so does its view") from None
    return watch.snapshot


def told(watch: Watch) -> JobSnapshot:
    """Return what is known now, and watch no more."""
    try:
        watch.wait_for_facts(FIRST_FACTS)
        return watch.snapshot
    finally:
        watch.stop()


def follow(watch: Watch, timeout: float) -> JobSnapshot:
    """Wait until a job ends, telling in a line how it is, and return what is known of it.

    Raises
    ------
    UsageError
        It was interrupted; the job goes on.
    JobTimeout
        It did not end within `timeout` seconds (0 for no limit); likewise.
    """
    until = time.monotonic() + timeout if timeout else float("inf")
    progress = Progress(patience=0)
    try:
        while watch.wait(max(0.0, min(_TICK, until - time.monotonic()))) is MonitorReturnCode.TIMEOUT:
            progress.say(describe(watch.snapshot))
            if time.monotonic() >= until:
                raise JobTimeout(f"job {watch.job_id} did not end within {timeout:g} s; it goes on")
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job goes on. %flare wait waits again") from None
    finally:
        watch.stop()
    progress.end(describe(watch.snapshot))
    return watch.snapshot
