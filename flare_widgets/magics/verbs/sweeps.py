"""Sweeps: a job for each combination of parameters."""

from __future__ import annotations

import contextlib
import threading
import time

from IPython.core.error import UsageError
from IPython.display import display

from ...errors import JobTimeout
from ...options import FOLDER, option, parse_count, parse_values
from ...sweep import Sweep
from ...sweep.sweep import AT_ONCE
from ...views.core.pretty import LiveOnDisplay
from ..parsing import verb
from ..progress import ProgressLine
from ..prompt import show_if_interactive
from ..state import MagicsState

_UPDATE_INTERVAL_S = 0.5


@verb(
    FOLDER,
    option(
        "--arg", action="append", type=parse_values, default=None, metavar="NAME=VALUES",
        help="an argument of the sites' script and its values, with commas; again for each argument",
    ),
    option("--name", default="", help="the name of the sweep (default: the folder's)"),
    option(
        "--at-once", type=parse_count, default=AT_ONCE, metavar="N",
        help=f"the most jobs under way at a time (default: {AT_ONCE})",
    ),
    option("-w", "--wait", action="store_true", help="block until all jobs have ended"),
    is_mutating=True,
)  # fmt: skip
def sweep(
    state: MagicsState, folder: str, arg: list[tuple[str, list[str]]] | None, name: str, at_once: int, wait: bool
) -> Sweep:
    """Run a job once for each combination of arguments, and show a table that fills.

    The kernel stays free. Run the same line again to resume after a restart of the kernel: jobs that are on the
    server already are not submitted again. With another --name all are.

    Examples:
        %flare sweep jobs/hello --arg rate=0.01,0.1,1 --arg batch=16,32
        found = %flare sweep jobs/hello --arg rate=0.01,0.1 --wait
        found.best.parameters, found.best.job_id
        pandas.DataFrame(found.rows())
        found.abort()       abort those under way, submit no more
    """
    if not arg:
        raise UsageError("%flare sweep: pass the values to try, such as --arg rate=0.01,0.1")
    parameters = dict(arg)
    if len(parameters) < len(arg):
        raise UsageError("%flare sweep: an argument is named twice; give all its values with commas")
    found = ShownSweep.start(state.monitor, folder, parameters, name=name, at_once=max(1, at_once))
    found.show_live = show_if_interactive(state, lambda: _show(found))
    if wait:
        _wait(found)
    return found


class ShownSweep(LiveOnDisplay, Sweep):
    """A :class:`.Sweep` that a cell shows as a table, which is renewed while jobs are under way."""


def _wait(found: Sweep) -> None:
    progress = ProgressLine(show_after_s=0)
    try:
        while not found.has_ended:
            with contextlib.suppress(JobTimeout):
                found.wait(_UPDATE_INTERVAL_S)
            progress.update(f"{sum(job.is_done for job in found)} of {len(found.jobs)} jobs done")
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the jobs continue. %flare jobs shows them") from None
    progress.finish(f"{len(found.jobs)} jobs done")


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
