"""A job folder made from a cell's client code by one of FLARE's recipes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..api.transfer.pack import META_FILE
from ..cell_jobs import CELL_FILE, CELL_MODEL_FILE
from ..errors import InvalidArgumentError
from ..local_files import absolute_path, is_file, path_exists, scratch_folder, translate_os_errors
from ..script_arguments import record_arguments, split_arguments
from .arguments import format_arguments, to_plain_data
from .checks import check_code, extract_definitions, guess_framework, list_classes
from .components import add_live_metrics
from .errors import AuthoringNotInstalled, CellError, RecipeError
from .export import OUTCOME_FILE

#: The supported frameworks, each with FLARE's FedAvg recipe for it.
FRAMEWORKS = ("numpy", "pytorch", "sklearn")

_MODEL_MODULE = CELL_MODEL_FILE.removesuffix(".py")

_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SITE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

#: The folder that ``flare_widgets`` is imported from.
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_EXPORT_CODE = "import sys; sys.path.append({root!r}); from {module} import main; sys.exit(main())"

# Making a job takes one to three seconds, most of it for importing nvflare.
_EXPORT_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class CellJob:
    """The specification of a job made from a cell.

    Attributes
    ----------
    code
        The client code, which each site runs.
    name
        The job's name.
    rounds
        The number of rounds of federated averaging.
    sites
        The sites that train; empty for all.
    min_sites
        The number of sites that must answer in each round.
    framework
        ``numpy``, ``pytorch`` or ``sklearn``; empty to choose by the code's imports.
    model
        The initial model. For numpy an array or a list of numbers. For sklearn a dict of parameters, which the sites
        receive in the first round. For pytorch the name of a class in the code; if it is empty and the code has one
        class, that.
    arguments
        The script's command-line arguments, by name: see :func:`.format_arguments`.
    key_metric, key_metric_mode
        The metric by which the best model is chosen, and ``max`` or ``min``, its best direction; empty for the
        recipe's defaults.
    suggestions
        Settings of the recipe that nobody asked for; left out if the recipe, of an older FLARE, does not have them all.
    """

    code: str
    name: str = "cell-job"
    rounds: int = 3
    sites: Sequence[str] = ()
    min_sites: int = 1
    framework: str = ""
    model: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    key_metric: str = ""
    key_metric_mode: str = ""
    suggestions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WrittenJob:
    """A newly written job folder.

    Attributes
    ----------
    folder
        The folder, which has the job's name.
    framework
        The framework it was made for.
    warnings
        FLARE's warnings about the job: mostly that an argument looks like a password.
    follows_suggestions
        False if the recipe does not have the settings of :attr:`CellJob.suggestions`.
    """

    folder: Path
    framework: str
    warnings: tuple[str, ...] = ()
    follows_suggestions: bool = True


def write_job(
    job: CellJob, parent_folder: Path, *, first_line: int = 1, notebook_names: Collection[str] = ()
) -> WrittenJob:
    """Make the folder of a job from client code.

    All problems that can be found without running the code are reported before anything is written.

    Parameters
    ----------
    job
        The specification of the job.
    parent_folder
        The folder for the new folder, which gets the job's name. An existing job folder of this name is replaced, so
        that a cell may run again; any other folder is not.
    first_line, notebook_names
        See :func:`.check_code`.

    Raises
    ------
    CellError
        The code cannot work at a site.
    InvalidArgumentError
        A value of the specification is not possible.
    AuthoringNotInstalled
        A package that is needed here is not installed.
    RecipeError
        FLARE's recipe refused; the message says why.
    FileAccessError, DiskFull
        The folder cannot be written.
    """
    problems = check_code(job.code, first_line=first_line, notebook_names=notebook_names)
    if problems:
        raise CellError(problems)
    framework = _check_job(job)
    specification = _make_specification(job, framework)
    _check_installed(framework)
    target = absolute_path(parent_folder) / job.name
    if path_exists(target) and not is_file(target / META_FILE):
        raise InvalidArgumentError(f"{str(target)!r} already exists and is not a job folder: choose another name")
    with scratch_folder("making the job") as folder:
        # Empty lines replace the preceding ones, so that a traceback counts lines as the notebook does.
        made, outcome = _run_recipe(specification, "\n" * (first_line - 1) + job.code, folder)
        with translate_os_errors(f"the job cannot be written to {target}"):
            add_live_metrics(made)
            _record_arguments(made, specification["arguments"])
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            shutil.move(made, target)
    return WrittenJob(target, framework, tuple(outcome["warnings"]), outcome["follows_suggestions"])


def _record_arguments(folder: Path, line: str) -> None:
    """Record a script's arguments in the meta of a job, where lists of jobs have them."""
    if not line:
        return
    meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
    record_arguments(meta, split_arguments(line))
    (folder / META_FILE).write_text(json.dumps(meta, indent=2), encoding="utf-8")


def _check_job(job: CellJob) -> str:
    """Check everything a user may get wrong, and return the framework."""
    framework = job.framework or guess_framework(job.code)
    if framework not in FRAMEWORKS:
        raise InvalidArgumentError(f"the framework must be one of {', '.join(FRAMEWORKS)}, not {framework!r}")
    if not _NAME_PATTERN.fullmatch(job.name):
        raise InvalidArgumentError(f"invalid job name {job.name!r}: use letters, digits, '-', '_' and '.', 64 at most")
    if job.rounds < 1:
        raise InvalidArgumentError(f"the number of rounds must be >= 1, got {job.rounds}")
    bad = [site for site in job.sites if not _SITE_PATTERN.fullmatch(site) or site in ("server", "all")]
    if bad:
        raise InvalidArgumentError(f"invalid site name {bad[0]!r}")
    if len(set(job.sites)) < len(job.sites):
        raise InvalidArgumentError("a site is named twice")
    if job.min_sites < 1 or (job.sites and job.min_sites > len(job.sites)):
        most = f"{len(job.sites)}, the number of sites" if job.sites else "the number of sites"
        raise InvalidArgumentError(f"the minimum number of sites must be from 1 to {most}, got {job.min_sites}")
    return framework


def _make_specification(job: CellJob, framework: str) -> dict[str, Any]:
    more = {"key_metric": job.key_metric, "key_metric_mode": job.key_metric_mode}
    specification = {
        "framework": framework,
        "name": job.name,
        "rounds": job.rounds,
        "sites": [*job.sites],
        "min_sites": job.min_sites,
        "script": CELL_FILE,
        "arguments": format_arguments(job.arguments),
        "more": {name: value for name, value in more.items() if value},
        "suggestions": {**job.suggestions},
        "server_files": [],
        "folder": "job",
    }
    if framework == "pytorch":
        specification["model"] = {"class_path": f"{_MODEL_MODULE}.{_find_model_class(job)}", "args": {}}
        specification["server_files"] = [CELL_MODEL_FILE]
        return specification
    model = to_plain_data("the model", job.model)
    if framework == "sklearn":
        if model is not None and not isinstance(model, dict):
            raise InvalidArgumentError("the model for sklearn must be a dict with the initial parameters")
        # The class that stores such a model is not on the list of those that FLARE 2.9 permits without custom code.
        # A job for all sites has code at the server, too; with sites named, the server's part would not.
        specification["server_files"] = [CELL_FILE] if job.sites else []
    elif not isinstance(model, list) or not model:
        raise InvalidArgumentError(
            "the model for numpy must be an array or a list of numbers: "
            "pass it with --model, as the name of a variable or a list such as [0,0]"
        )
    specification["model"] = model
    return specification


def _find_model_class(job: CellJob) -> str:
    there = list_classes(job.code)
    if job.model is None and len(there) == 1:
        return there[0]
    if not isinstance(job.model, str) or job.model not in there:
        among = f"it has {', '.join(there)}" if there else "it has none"
        raise InvalidArgumentError(f"the model for pytorch must be a class of the cell ({among}): pass --model NAME")
    return job.model


def _check_installed(framework: str) -> None:
    if importlib.util.find_spec("nvflare") is None:
        raise AuthoringNotInstalled(
            f"making a job needs FLARE's recipes, and NVIDIA FLARE is not installed in {sys.prefix}: "
            'pip install "flare-widgets[local]"'
        )
    package, name = {"pytorch": ("torch", "torch"), "sklearn": ("joblib", "scikit-learn")}.get(framework, ("", ""))
    if package and importlib.util.find_spec(package) is None:
        raise AuthoringNotInstalled(
            f"FLARE's recipe for {framework} needs {package}, here as well as at the sites, and it is not installed "
            f"in {sys.prefix}: pip install {name}"
        )


def _run_recipe(specification: dict[str, Any], code: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    (folder / CELL_FILE).write_text(code, encoding="utf-8")
    if specification["framework"] == "pytorch":
        (folder / CELL_MODEL_FILE).write_text(extract_definitions(code), encoding="utf-8")
    command = [sys.executable, "-c", _EXPORT_CODE.format(root=_PACKAGE_ROOT, module=f"{__package__}.export")]
    scripts = str(Path(sys.executable).parent)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            input=json.dumps(specification),
            capture_output=True,
            text=True,
            timeout=_EXPORT_TIMEOUT_S,
            # The recipe checks that there is a python3 on the PATH, and writes it into the job.
            env={**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")])},
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RecipeError(f"FLARE's recipe did not make the job within {_EXPORT_TIMEOUT_S:g} s") from None
    try:
        outcome = json.loads((folder / OUTCOME_FILE).read_text())
    except (OSError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no error message"])[-1]
        raise RecipeError(f"FLARE's recipe failed (exit code {done.returncode}): {last}") from None
    if "error" in outcome:
        if "missing" in outcome:
            raise AuthoringNotInstalled(
                f"FLARE's recipe for {specification['framework']} needs a package that is not installed in "
                f"{sys.prefix}: {outcome['missing'] or outcome['error']}"
            )
        raise RecipeError(f"FLARE's recipe refused: {outcome['error']}")
    return folder / specification["folder"] / specification["name"], outcome
