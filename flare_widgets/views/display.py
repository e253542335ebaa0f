"""Showing things in the notebook."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable

from .job import JobView, Watch


def show_job(watch: Watch, abort: Callable[[], concurrent.futures.Future[str]] | None = None) -> JobView:
    """Show a job in the caller's cell: live in a notebook, as one line of text in a terminal.

    Parameters
    ----------
    watch
        Who knows the job.
    abort
        Starts to abort the job; see :class:`JobView`.

    Returns
    -------
    JobView
        The view, already displayed. Displaying it again shows it in another place too.
    """
    view = JobView(watch, abort)
    view.show()
    return view
