"""Combinations of parameters, and the job folders made for them."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..api.transfer.pack import check_job_folder, iter_files
from ..config_files import SUFFIXES, ConfigFileError, parse_config
from ..errors import InvalidArgumentError, InvalidJobDefinition
from ..local_files import translate_os_errors
from ..script_arguments import record_arguments, set_script_arguments

MAX_JOBS = 500
"""The most jobs of a sweep."""

Grid = Mapping[str, Any] | Iterable[Mapping[str, Any]]
"""Values by name, of which all combinations are made; or the combinations themselves."""


def combine(parameters: Grid) -> list[dict[str, str]]:
    """Return the parameters of each job of a sweep, as text. Pure.

    Parameters
    ----------
    parameters
        Values by name: each with each of the others. Or the combinations, one mapping a job.

    Raises
    ------
    InvalidArgumentError
        There are none, or too many.
    """
    if isinstance(parameters, Mapping):
        lists = [list(values) if _is_list(values) else [values] for values in parameters.values()]
        combinations = [dict(zip(parameters, values, strict=True)) for values in itertools.product(*lists)]
    else:
        combinations = [dict(each) for each in parameters]
    found = [{str(name): _to_text(value) for name, value in each.items()} for each in combinations]
    unique = list({tuple(each.items()): each for each in found}.values())
    if not unique or not all(unique):
        raise InvalidArgumentError(
            "a sweep needs parameters with values", next_step="Pass them, such as {'rate': [0.01, 0.1], 'batch': [16]}"
        )
    if len(unique) > MAX_JOBS:
        raise InvalidArgumentError(
            f"that would be {len(unique)} jobs, more than {MAX_JOBS}", next_step="Pass fewer values"
        )
    return unique


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


def write_variant(folder: Path, parameters: Mapping[str, str], name: str, into: Path) -> Path:
    """Write a copy of a job folder whose scripts get these parameters as arguments, and return it.

    Parameters
    ----------
    folder
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
    target = copy_job(folder, into)
    with translate_os_errors(f"a copy of {folder} cannot be written"):
        scripts = sum(
            _set_arguments(path, parameters)
            for path in sorted(target.rglob("config_fed_client.*"))
            if path.suffix in SUFFIXES
        )
        if not scripts:
            raise InvalidJobDefinition(
                f"{folder.name} has no script whose arguments a sweep could set: "
                "no config_fed_client has a task_script_path",
                next_step="Let the sites' script read its settings from its arguments, and set them in the recipe "
                "(train_args) or in task_script_args",
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


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_list(values: Any) -> bool:
    return isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping))
