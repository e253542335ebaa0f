"""Sweeps: a job for each combination of parameters."""

from __future__ import annotations

from IPython.core.error import UsageError

from ...options import AT_ONCE, FOLDER, option, parse_values
from ...sweep import Sweep
from ..parsing import verb
from ..state import MagicsState
from ..sweep_display import start_sweep


@verb(
    FOLDER,
    option(
        "--arg", action="append", type=parse_values, default=None, metavar="NAME=VALUES",
        help="an argument of the sites' script and its values, with commas; again for each argument",
    ),
    option("--name", default="", help="the name of the sweep (default: the folder's)"),
    AT_ONCE,
    option("-w", "--wait", action="store_true", help="block until all jobs have ended"),
    is_mutating=True,
)  # fmt: skip
def sweep(
    state: MagicsState, folder: str, arg: list[tuple[str, list[str]]] | None, name: str, at_once: int, wait: bool
) -> Sweep:
    """Run a job once for each combination of arguments, and show a table that fills.

    The kernel stays free. Run the same line again to resume after a restart of the kernel: jobs that are on the
    server already are not submitted again. With another --name all are. Of a cell, %%flare --sweep makes a sweep.

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
    return start_sweep(state, folder, parameters, name=name, at_once=at_once, wait=wait)
