"""Jobs to be watched: one that trains round after round, and one that waits for sites that never come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_CLIENT = """\
import time

import nvflare.client as flare

flare.init()
while flare.is_running():
    model = flare.receive()
    if model is None:
        break
    time.sleep({seconds})
    flare.send(flare.FLModel(params=model.params, metrics={{"loss": 1 / (model.current_round + 1)}}))
"""

_EXPORT = """\
import sys

import numpy as np
from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe

for name, rounds in zip(sys.argv[1::2], sys.argv[2::2]):
    NumpyFedAvgRecipe(
        name=name, model=np.zeros(2), min_clients=2, num_rounds=int(rounds), train_script="client.py",
        key_metric="loss", key_metric_mode="min",
    ).export(".")
"""


def training(folder: Path, rounds: dict[str, int], seconds: float) -> dict[str, str]:
    """Make jobs of FLARE's FedAvg recipe.

    Parameters
    ----------
    folder
        Where to put them.
    rounds
        By a job's name, how many rounds it has.
    seconds
        How long a site takes in each.

    Returns
    -------
    dict
        By name, the job's folder.
    """
    (folder / "client.py").write_text(_CLIENT.format(seconds=seconds))
    arguments = [word for name, count in rounds.items() for word in (name, str(count))]
    # In a process of its own: importing nvflare here would count as ours.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [sys.executable, "-c", _EXPORT, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, "PATH": path}, timeout=120)
    return {name: str(folder / name) for name in rounds}


def waiting(folder: Path) -> str:
    """Make a job that needs more sites than there are: it stays SUBMITTED until it is aborted."""
    config = folder / "waiting" / "app" / "config"
    config.mkdir(parents=True)
    meta = {"name": "waiting", "resource_spec": {}, "min_clients": 100, "deploy_map": {"app": ["@ALL"]}}
    (folder / "waiting" / "meta.json").write_text(json.dumps(meta))
    (config / "config_fed_server.json").write_text('{"format_version": 2, "workflows": []}')
    (config / "config_fed_client.json").write_text('{"format_version": 2, "executors": []}')
    return str(folder / "waiting")
