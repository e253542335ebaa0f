"""A job folder made by one of FLARE's recipes.

Run in a separate process, in a folder that holds the client code, so that nvflare is never imported into the
user's, and its output, warnings and settings do not reach it::

    python -c "...main()" < specification of jobs.py, as JSON

Writes ``outcome.json`` beside the code: ``{"warnings": [...], "follows_suggestions": true}`` or
``{"error": "...", "missing": "..."}``.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

OUTCOME_FILE = "outcome.json"


def main() -> int:
    """Read a specification from standard input and export the job; return the exit code of the process."""
    specification = json.load(sys.stdin)
    sys.path.insert(0, str(Path.cwd()))  # the folder of the module of a model
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", message="(?i).*secret.*")
        try:
            outcome: dict[str, Any] = {"follows_suggestions": _export_job(specification)}
            outcome["warnings"] = [" ".join(str(one.message).split()) for one in caught]
        except ImportError as error:
            outcome = {"error": str(error), "missing": (error.name or "").split(".")[0]}
        except Exception as error:  # any exception of a recipe
            outcome = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    Path(OUTCOME_FILE).write_text(json.dumps(outcome))
    return 1 if "error" in outcome else 0


def _export_job(specification: dict[str, Any]) -> bool:
    """Export the job, and return whether the recipe has the settings that were only suggested."""
    make, settings = _RECIPES[specification["framework"]](specification)
    settings |= {
        "name": specification["name"],
        "min_clients": specification["min_sites"],
        "num_rounds": specification["rounds"],
        "train_script": specification["script"],
        "train_args": specification["arguments"],
        **specification["more"],
    }
    sites: dict[str, dict[str, Any]] = {name: {} for name in specification["sites"]}
    assign = _find_per_site_setter() if sites else None
    if sites and assign is None:
        settings["per_site_config"] = sites
    known = inspect.signature(make).parameters
    suggestions: dict[str, str] = specification["suggestions"]
    follows_suggestions = suggestions.keys() <= known.keys()
    if follows_suggestions:
        settings |= suggestions
    unknown = [name for name in settings if name not in known]
    if unknown:
        import nvflare

        raise ValueError(f"the recipe of nvflare {nvflare.__version__} has no {', '.join(unknown)}")
    recipe = make(**settings)
    if assign is not None:
        assign(recipe, sites)
    for file in specification["server_files"]:
        recipe.add_server_file(file)
    recipe.export(specification["folder"])
    return follows_suggestions


def _find_per_site_setter() -> Callable[[Any, dict[str, dict[str, Any]]], None] | None:
    """Return the function that assigns sites from 2.9 on; before, the recipe's constructor does it."""
    try:
        from nvflare.recipe.utils import set_per_site_config
    except ImportError:
        return None
    return set_per_site_config  # type: ignore[no-any-return]  # has no types


def _numpy_recipe(specification: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe

    return NumpyFedAvgRecipe, {"model": specification["model"]}


def _sklearn_recipe(specification: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    from nvflare.app_opt.sklearn.recipes.fedavg import SklearnFedAvgRecipe

    return SklearnFedAvgRecipe, {"model_params": specification["model"]}


def _pytorch_recipe(specification: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe

    return FedAvgRecipe, {"model": specification["model"]}


_RECIPES = {"numpy": _numpy_recipe, "sklearn": _sklearn_recipe, "pytorch": _pytorch_recipe}
