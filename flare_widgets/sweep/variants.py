"""Combinations of parameters, the job folders that a sweep begins with, and those made of them."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from typing import Any

from ..api.transfer.pack import check_job_folder, iter_files
from ..authoring.recipes import export_recipe, is_recipe
from ..config_files import SUFFIXES, ConfigFileError, parse_config
from ..errors import InvalidArgumentError, InvalidJobDefinition
from ..local_files import absolute_path, translate_os_errors
from ..script_arguments import record_arguments, set_script_arguments

MAX_JOBS = 500
"""The most jobs of a sweep."""

Grid = Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""Values by name, of which all combinations are made; or the combinations themselves."""

SweptJob = str | Path | Callable[..., Any] | Any
"""A job folder; a recipe or a ``FedJob``; or a function of the parameters that returns one of these."""


@dataclass(frozen=True)
class JobTemplate:
    """A job folder of which jobs of a sweep are made.

    Attributes
    ----------
    folder
        The folder; a copy, or newly exported.
    digest
        A digest of its content, by which a changed job is another one.
    takes_arguments
        True if the parameters become arguments of its scripts; False if they were used to make the folder.
    """

    folder: Path
    digest: str
    takes_arguments: bool = True


def combine(parameters: Grid) -> list[dict[str, Any]]:
    """Return the parameters of each job of a sweep. Pure.

    Parameters
    ----------
    parameters
        Values by name: each with each of the others. Or the combinations, one mapping a job.

    Raises
    ------
    InvalidArgumentError
        There are none, or too many, or one is an object that no text stands for.
    """
    if isinstance(parameters, Mapping):
        lists = [list(values) if _is_list(values) else [values] for values in parameters.values()]
        combinations = [dict(zip(parameters, values, strict=True)) for values in itertools.product(*lists)]
    else:
        combinations = [dict(each) for each in parameters]
    unique = list({tuple(to_texts(each).items()): each for each in combinations}.values())
    if not unique or not all(unique):
        raise InvalidArgumentError(
            "a sweep needs parameters with values", next_step="Pass them, such as {'rate': [0.01, 0.1], 'batch': [16]}"
        )
    if len(unique) > MAX_JOBS:
        raise InvalidArgumentError(
            f"that would be {len(unique)} jobs, more than {MAX_JOBS}", next_step="Pass fewer values"
        )
    return unique


def to_texts(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as text: as the jobs are called by them, and as scripts get them.

    Raises
    ------
    InvalidArgumentError
        A value is an object that no text stands for.
    """
    return {str(name): _to_text(str(name), value) for name, value in parameters.items()}


def make_templates(job: SweptJob, combinations: Sequence[Mapping[str, Any]], into: Path) -> list[JobTemplate]:
    """Return the template of each job of a sweep, written into a folder.

    Parameters
    ----------
    job
        A job folder, of which a copy is made; a recipe, which is exported; or a function that is called with the
        parameters of each job, and returns such.
    combinations
        The parameters of each job.
    into
        The folder, which is empty.

    Raises
    ------
    InvalidArgumentError
        It is nothing of all that, or the function does not take the parameters.
    InvalidJobDefinition
        A folder is no job.
    FileAccessError
        It cannot be read or written.
    """
    if isinstance(job, (str, Path)) or is_recipe(job) or not callable(job):
        return [_make_template(job, into, takes_arguments=True)] * len(combinations)
    templates = []
    for number, parameters in enumerate(combinations):
        _check_parameters(job, parameters)
        folder = into / str(number)
        folder.mkdir()
        templates.append(_make_template(job(**parameters), folder, takes_arguments=False))
    return templates


def _make_template(job: Any, into: Path, *, takes_arguments: bool) -> JobTemplate:
    if is_recipe(job):
        folder = export_recipe(job, into)
    elif isinstance(job, (str, Path)):
        folder = copy_job(absolute_path(job), into)
    else:
        what = "a sweep needs" if takes_arguments else "the function that makes the jobs of a sweep must return"
        raise InvalidArgumentError(
            f"{what} a recipe or a job folder, got {type(job).__name__}",
            next_step="Pass a job folder, a recipe, or a function that takes the parameters and returns a recipe",
        )
    return JobTemplate(folder, digest_folder(folder), takes_arguments)


def _check_parameters(function: Callable[..., Any], parameters: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some that are written in C
        return
    try:
        signature.bind(**parameters)
    except TypeError as e:
        raise InvalidArgumentError(
            f"the function that makes the jobs takes {signature}, and the sweep passes {', '.join(parameters)}: {e}",
            next_step="Name the parameters as the function does",
        ) from None


def copy_job(folder: Path, into: Path) -> Path:
    """Copy a job folder into another folder, and return the copy.

    Raises
    ------
    InvalidJobDefinition
        It is no job folder.
    FileAccessError
        It cannot be read or written.
    """
    target = into / folder.name
    with translate_os_errors(f"a copy of {folder} cannot be made"):
        check_job_folder(folder)
        shutil.copytree(folder, target)
    return target


def digest_folder(folder: Path) -> str:
    """Return a digest of the content of a job folder, by which a changed job is another one.

    Raises
    ------
    InvalidJobDefinition
        It is no job folder.
    FileAccessError
        It cannot be read.
    """
    with translate_os_errors(f"the job folder {folder} cannot be read"):
        check_job_folder(folder)
        digest = hashlib.sha256()
        for path, size in sorted(iter_files(folder)):
            digest.update(f"{path}\0{size}\0".encode("utf-8", "surrogateescape"))
            with (folder / path).open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
    return digest.hexdigest()


def write_variant(template: JobTemplate, parameters: Mapping[str, str], name: str, into: Path) -> Path:
    """Write a copy of a job folder which records these parameters, and whose scripts get them; return it.

    Parameters
    ----------
    template
        The job folder; it is not changed.
    parameters
        The parameters by name.
    name
        The name of the new job.
    into
        The folder in which to create it.

    Raises
    ------
    InvalidJobDefinition
        The job has no script whose arguments FLARE knows, or a configuration that cannot be read here.
    InvalidArgumentError
        A value cannot be passed as an argument.
    """
    target = copy_job(template.folder, into)
    with translate_os_errors(f"a copy of {template.folder} cannot be written"):
        configs = [path for path in sorted(target.rglob("config_fed_client.*")) if path.suffix in SUFFIXES]
        if template.takes_arguments and not sum(_set_arguments(path, parameters) for path in configs):
            raise InvalidJobDefinition(
                f"{template.folder.name} has no script whose arguments a sweep could set: "
                "no config_fed_client has a task_script_path",
                next_step="Let the sites' script read its settings from its arguments, or sweep over a function that "
                "takes the parameters and returns a recipe",
            )
        meta = next(path for suffix in SUFFIXES if (path := target / f"meta{suffix}").is_file())
        content = _read(meta)
        content["name"] = name
        record_arguments(content, parameters)
        _write(meta, content)
    return target


def _set_arguments(path: Path, parameters: Mapping[str, str]) -> int:
    config = _read(path)
    count = set_script_arguments(config, parameters)
    if count:
        _write(path, config)
    return count


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse_config(path.read_text("utf-8"), path.suffix)
    except (ConfigFileError, UnicodeDecodeError) as e:
        raise InvalidJobDefinition(f"{path.name} cannot be read: {e}") from None


def _write(path: Path, config: Mapping[str, Any]) -> None:
    # JSON is valid in each of the formats, whatever the suffix says.
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")


def _to_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is not None and not isinstance(value, (str, Number, list, tuple)):
        raise InvalidArgumentError(
            f"the parameter {name} has a {type(value).__name__} as its value: only text, numbers, true and false can "
            "tell jobs apart",
            next_step="Sweep over a name or a number, and let a function make the rest of it",
        )
    return str(value)


def _is_list(values: Any) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping))
