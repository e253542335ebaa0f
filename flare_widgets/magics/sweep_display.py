"""Display of a sweep in a cell: a table that is renewed while its jobs run."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from ..errors import JobTimeout
from ..manager import ManagedSession
from ..sweep import Sweep
from ..sweep.variants import Grid, SweptJob
from ..views.core.pretty import LiveOnDisplay
from .job_id import JobId
from .progress import ProgressLine
from .prompt import show_if_interactive
from .state import MagicsState

_UPDATE_INTERVAL_S = 0.5


class ShownSweep(LiveOnDisplay, Sweep):
    """A :class:`.Sweep` that a cell shows as a table, which is renewed while jobs are under way."""

    _managed: ManagedSession
    _results_folder: str

    def _open_job(self, job_id: str) -> Any:
        return JobId(job_id, self._managed, self._results_folder)


def start_sweep(
    state: MagicsState, job: SweptJob, parameters: Grid, *, name: str, at_once: int, wait: bool
) -> ShownSweep:
    """Start a sweep on the current session, and return it as a cell shows it; with `wait`, when it has ended."""
    found = ShownSweep.start(state.monitor, job, parameters, name=name, at_once=max(1, at_once))
    found._managed, found._results_folder = state.managed_session, state.results_folder
    found.show_live = show_if_interactive(state, lambda: _show(found))
    if wait:
        _wait(found)
    return found


def _wait(found: Sweep) -> None:
    progress = ProgressLine(show_after_s=0)
    try:
        while not found.has_ended:
            with contextlib.suppress(JobTimeout):
                found.wait(_UPDATE_INTERVAL_S)
            progress.update(f"{sum(job.is_done for job in found)} of {len(found.jobs)} jobs done")
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the jobs continue. %flare jobs shows them") from None
    progress.finish(f"{len(found.jobs)} {'job' if len(found.jobs) == 1 else 'jobs'} done")


def _show(found: Sweep) -> None:
    """Show a sweep's table in the calling cell, and renew it as jobs change, at most twice a second."""
    handle = display(_forms(found), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    if found.has_ended or handle is None:
        return

    def renew() -> None:
        shown = ""
        while True:
            has_ended = found.has_ended
            forms = _forms(found)
            if forms["text/plain"] != shown:
                shown = forms["text/plain"]
                handle.update(forms, raw=True)
            if has_ended:
                return
            time.sleep(_UPDATE_INTERVAL_S)

    threading.Thread(target=renew, name="flare-sweep-table", daemon=True).start()


def _forms(found: Sweep) -> dict[str, str]:
    return {"text/plain": repr(found), "text/html": found._repr_html_()}
