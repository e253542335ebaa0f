"""Sweeps: a job for each combination of parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ...authoring.arguments import parse_literal
from ...authoring.recipes import is_recipe
from ...local_files import expand_path
from ...options import AT_ONCE, option, parse_values
from ...sweep import Sweep
from ...sweep.variants import SweptJob
from ..parsing import verb
from ..state import MagicsState
from ..sweep_display import start_sweep


@verb(
    option(
        "job", metavar="JOB", completes="folders",
        help="the job folder; or a variable with it, with a recipe, or with a function that makes one of the arguments",
    ),
    option(
        "--arg", action="append", type=parse_values, default=None, metavar="NAME=VALUES",
        help="an argument of the sites' script, or of the function, and its values, with commas; again for each",
    ),
    option("--name", default="", help="the name of the sweep (default: the folder's, or the recipe's)"),
    AT_ONCE,
    option("-w", "--wait", action="store_true", help="block until all jobs have ended"),
    is_mutating=True,
)  # fmt: skip
def sweep(
    state: MagicsState, job: str, arg: list[tuple[str, list[str]]] | None, name: str, at_once: int, wait: bool
) -> Sweep:
    """Run a job once for each combination of arguments, and show a table that fills.

    The kernel stays free. Run the same line again to resume after a restart of the kernel: jobs that are on the
    server already are not submitted again. With another --name all are. Of a cell, %%flare --sweep makes a sweep.

    In place of a job folder, name a variable: a recipe of FLARE's, whose script gets the arguments, or a function that
    gets them and returns a recipe.

    Examples:
        %flare sweep jobs/hello --arg rate=0.01,0.1,1 --arg batch=16,32
        %flare sweep recipe --arg rate=0.01,0.1
        %flare sweep make_recipe --arg rounds=3,10 --arg rate=0.1
        found = %flare sweep jobs/hello --arg rate=0.01,0.1 --wait
        found.best.parameters, found.best.results()
        found.to_frame()    a pandas.DataFrame; or found.records()
        found.abort()       abort those under way, submit no more
    """
    if not arg:
        raise UsageError("%flare sweep: pass the values to try, such as --arg rate=0.01,0.1")
    parameters: dict[str, list[Any]] = dict(arg)
    if len(parameters) < len(arg):
        raise UsageError("%flare sweep: an argument is named twice; give all its values with commas")
    swept = _find_job(state, job)
    if not isinstance(swept, str) and not is_recipe(swept):
        parameters = {name: [parse_literal(value) for value in values] for name, values in parameters.items()}
    return start_sweep(state, swept, parameters, name=name, at_once=at_once, wait=wait)


def _find_job(state: MagicsState, job: str) -> SweptJob:
    """Return what is in the variable of this name, if it is a job; without one the name, as that of a folder."""
    if job not in state.variables or expand_path(job).is_dir():
        if job.isidentifier() and not expand_path(job).exists():
            raise UsageError(
                f"%flare sweep: the folder {job} does not exist, and no variable is called that; pass a job folder, or "
                "a variable with a recipe, or with a function that takes the arguments and returns a recipe"
            )
        return job
    found = state.variables[job]
    if isinstance(found, (str, Path)):
        return str(found)
    if is_recipe(found) or callable(found):
        return found
    raise UsageError(
        f"%flare sweep: the variable {job} is of type {type(found).__name__}; pass a job folder, a recipe, or a "
        "function that takes the arguments and returns a recipe"
    )
