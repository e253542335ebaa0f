"""A job that really trains, by FLARE's FedAvg recipe for numpy; what it measures is known beforehand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_CLIENT = """\
import time

import numpy as np

import nvflare.client as flare

flare.init()
number = int(flare.get_site_name().split("-")[-1])
while flare.is_running():
    model = flare.receive()
    if model is None:
        break
    time.sleep({seconds})
    loss = number / (model.current_round + 1)
    flare.send(flare.FLModel(params={{"numpy_key": model.params["numpy_key"] + 1}}, metrics={{"loss": loss}}))
"""

_EXPORT = """\
import sys

import numpy as np
from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe

NumpyFedAvgRecipe(
    name=sys.argv[1],
    model=np.zeros(2),
    min_clients=2,
    num_rounds=int(sys.argv[2]),
    train_script="client.py",
    key_metric="loss",
    key_metric_mode="min",
).export(".")
"""


def write_training_job(folder: Path, name: str, rounds: int, seconds: float) -> Path:
    """Make the folder of a job in which ``site-2`` reports a loss of 2/1, 2/2, 2/3, ... and ``site-1`` half of it.

    Parameters
    ----------
    folder
        Where to put it.
    name
        The job's name.
    rounds
        How many.
    seconds
        How long a site takes in each.
    """
    (folder / "client.py").write_text(_CLIENT.format(seconds=seconds))
    # In a process of its own: the tests' own shall not know nvflare.
    subprocess.run(
        [sys.executable, "-c", _EXPORT, name, str(rounds)],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])},
    )
    return folder / name
