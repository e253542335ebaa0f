"""Job folders from their parts, in each of the formats that FLARE reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

COMMON = "nvflare.app_common"
SITES = 2
_SUFFIXES = {"json": "json", "hocon": "conf", "yaml": "yml"}


def build_part(name: str, path: str, /, **arguments: Any) -> dict[str, Any]:
    """Return the entry of a workflow or a component; paths beginning with a dot are of FLARE's ``app_common``."""
    return {"id": name, "path": resolve(path), "args": arguments}


def build_executor(tasks: Iterable[str], path: str, /, **arguments: Any) -> dict[str, Any]:
    """Return the entry of an executor."""
    return {"tasks": list(tasks), "executor": {"path": resolve(path), "args": arguments}}


def resolve(path: str) -> str:
    """Return the full path of a class."""
    return COMMON + path if path.startswith(".") else path


def write_job(
    folder: Path,
    name: str,
    *,
    workflows: list[dict[str, Any]],
    executors: list[dict[str, Any]],
    components: list[dict[str, Any]] | None = None,
    client_components: list[dict[str, Any]] | None = None,
    custom: Mapping[str, str] | None = None,
    variables: Mapping[str, Any] | None = None,
    filters: list[dict[str, Any]] | None = None,
    form: str = "json",
    meta_form: str = "json",
) -> Path:
    """Write a job folder of one app for all.

    Parameters
    ----------
    folder, name
        Where to put it, and the folder's and the job's name.
    workflows, components
        The parts of the server.
    executors, client_components
        The parts of the sites.
    custom
        The texts of the app's own modules.
    variables
        What stands at the top of the server's configuration, for ``{name}`` in its arguments.
    filters
        The filters of the sites' results.
    form, meta_form
        The formats of the configurations and of the meta: ``json``, ``hocon`` or ``yaml``.
    """
    job = folder / name
    config = job / "app" / "config"
    config.mkdir(parents=True)
    head = {"format_version": 2, "task_data_filters": []}
    server = {**head, "task_result_filters": [], **(variables or {})}
    server |= {"workflows": workflows, "components": components or []}
    client = {**head, "task_result_filters": filters or []}
    client |= {"executors": executors, "components": client_components or []}
    meta = {"name": name, "resource_spec": {}, "min_clients": SITES, "deploy_map": {"app": ["@ALL"]}}
    write_config(config / "config_fed_server", server, form)
    write_config(config / "config_fed_client", client, form)
    write_config(job / "meta", meta, meta_form)
    for file, text in (custom or {}).items():
        (job / "app" / "custom").mkdir(exist_ok=True)
        (job / "app" / "custom" / file).write_text(text)
    return job


def write_config(file: Path, value: Mapping[str, Any], form: str) -> None:
    """Write a configuration, with the suffix of its format."""
    texts = {
        "json": lambda: json.dumps(value, indent=2),
        "hocon": lambda: "".join(f"{key} {_assign(one)}\n" for key, one in value.items()),
        "yaml": lambda: yaml.safe_dump(dict(value), sort_keys=False),
    }
    file.with_suffix(f".{_SUFFIXES[form]}").write_text(texts[form]())


def _assign(value: Any) -> str:
    """Return a value as HOCON has it behind a key: an object without ``=``."""
    return _format(value) if isinstance(value, dict) else f"= {_format(value)}"


def _format(value: Any) -> str:
    if isinstance(value, dict):
        lines = "".join(f"  {_key(key)} {_assign(one)}\n" for key, one in value.items())
        return "{\n" + lines + "}" if lines else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_format, value)) + "]"
    return json.dumps(value)


def _key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key)
