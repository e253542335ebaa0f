"""Addition of the component that makes all metrics of a job live; see ``live_metrics.py``, the component."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..api.transfer.pack import META_FILE
from ..cell_jobs import LIVE_METRICS_MODULE
from ..local_files import is_file

_SOURCE = Path(__file__).with_name("live_metrics.py")
_COMPONENT = {"id": "live_metrics", "path": f"{LIVE_METRICS_MODULE}.LiveMetrics", "args": {}}
_SERVER, _ALL = "server", "@ALL"


def add_live_metrics(job_folder: Path, *, only_beside_code: bool = False) -> bool:
    """Add the component to the server's part of a job folder, and return whether it was added.

    A job that is not laid out in JSON as FLARE's recipes do it, or that has the component, is left as it is.

    Parameters
    ----------
    job_folder
        The job folder, newly written.
    only_beside_code
        True to add it only if the server gets code of the job already: code of one's own on the server needs a right
        (BYOC), which the submitter may not have.
    """
    app = _find_server_app(job_folder)
    if app is None:
        return False
    config_file, custom = app / "config" / "config_fed_server.json", app / "custom"
    config = _read_object(config_file)
    components = None if config is None else config.get("components", [])
    if config is None or not isinstance(components, list):
        return False
    ids = {component.get("id") for component in components if isinstance(component, dict)}
    if _COMPONENT["id"] in ids or (only_beside_code and not any(custom.glob("**/*.py"))):
        return False
    custom.mkdir(exist_ok=True)
    (custom / f"{LIVE_METRICS_MODULE}.py").write_text(_SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    config_file.write_text(json.dumps({**config, "components": [*components, _COMPONENT]}, indent=2), encoding="utf-8")
    return True


def _find_server_app(job_folder: Path) -> Path | None:
    meta = _read_object(job_folder / META_FILE) or {}
    deploy_map = meta.get("deploy_map")
    for app, participants in deploy_map.items() if isinstance(deploy_map, dict) else ():
        if isinstance(participants, list) and {_SERVER, _ALL} & {
            name for name in participants if isinstance(name, str)
        }:
            return job_folder / str(app)
    return None


def _read_object(file: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file; None if it has none."""
    try:
        data = json.loads(file.read_text(encoding="utf-8")) if is_file(file) else None
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
