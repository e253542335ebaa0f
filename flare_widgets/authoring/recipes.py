"""FLARE's recipes as job folders."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import Any

from ..api.transfer.pack import META_FILE
from ..errors import InvalidJobDefinition
from .components import add_live_metrics


def is_recipe(value: object) -> bool:
    """Return True for one of FLARE's recipes, and for a ``FedJob``: for all that exports a job folder."""
    is_class = isinstance(value, type)
    return not is_class and any(callable(getattr(value, name, None)) for name in ("export", "export_job"))


def export_recipe(recipe: Any, folder: Path, *, has_live_metrics: bool = True) -> Path:
    """Write the job folder of a recipe or of a ``FedJob`` into an empty folder, and return it.

    Parameters
    ----------
    recipe
        The recipe.
    folder
        The folder, which is empty.
    has_live_metrics
        True to add the component that makes all metrics live, if the server gets code of the job anyway.

    Raises
    ------
    InvalidJobDefinition
        The recipe wrote no job.
    """
    _warn_of_missing_scripts(getattr(recipe, "_job", recipe))
    export = getattr(recipe, "export", None) or recipe.export_job
    export(str(folder))
    made = [path.parent for path in folder.glob(f"*/{META_FILE}")]
    if len(made) != 1:
        raise InvalidJobDefinition(f"{type(recipe).__name__} did not export a job folder")
    if has_live_metrics:
        add_live_metrics(made[0], only_beside_code=True)
    return made[0]


def _warn_of_missing_scripts(job: object) -> None:
    """Warn as FLARE's own environments do; a script that is missing here is assumed to be at the sites."""
    with contextlib.suppress(ImportError, AttributeError):  # before 2.7.2; a recipe that is not FLARE's
        from nvflare.recipe.utils import collect_non_local_scripts

        for script in collect_non_local_scripts(job):
            warnings.warn(
                f"{script!r} is not in the working folder, so it is not part of the job: every site must have it",
                stacklevel=3,
            )
