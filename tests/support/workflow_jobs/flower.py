"""Jobs of Flower; they need the package ``flwr``."""

from __future__ import annotations

from pathlib import Path

from .job_writer import build_executor, build_part, write_job

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "averaging"
version = "1.0.0"
license = "Apache-2.0"
dependencies = []

[tool.hatch.build.targets.wheel]
packages = ["."]

[tool.flwr.app]
publisher = "tests"

[tool.flwr.app.components]
serverapp = "averaging_server:app"
clientapp = "averaging_client:app"

[tool.flwr.app.config]
num-server-rounds = 2

[tool.flwr.federations]
default = "local"

[tool.flwr.federations.local]
address = "127.0.0.1:9093"
insecure = true
"""

_SERVER = '''\
"""Averaging by Flower."""

from flwr.common import ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg

import numpy as np


def build(context):
    initial = ndarrays_to_parameters([np.zeros(3)])
    strategy = FedAvg(min_available_clients=2, min_fit_clients=2, min_evaluate_clients=2, initial_parameters=initial)
    config = ServerConfig(num_rounds=context.run_config["num-server-rounds"])
    return ServerAppComponents(strategy=strategy, config=config)


app = ServerApp(server_fn=build)
'''

_CLIENT = '''\
"""A site of Flower."""

import time

from flwr.client import NumPyClient
from flwr.clientapp import ClientApp

SECONDS = 1


class Site(NumPyClient):
    def fit(self, parameters, config):
        time.sleep(SECONDS)
        return [parameters[0] + 1], 10, {}

    def evaluate(self, parameters, config):
        return 1 / float(parameters[0].sum()), 10, {"accuracy": 0.5}


def build(context):
    return Site().to_client()


app = ClientApp(client_fn=build)
'''


def flower(folder: Path) -> Path:
    """Write a job of Flower of two rounds, as FLARE's recipe has it."""
    path = "nvflare.app_opt.flower"
    return write_job(
        folder,
        "flower",
        workflows=[build_part("controller", f"{path}.controller.FlowerController")],
        executors=[build_executor(["*"], f"{path}.executor.FlowerExecutor")],
        custom={"pyproject.toml": _PROJECT, "averaging_server.py": _SERVER, "averaging_client.py": _CLIENT},
    )
