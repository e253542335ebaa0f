"""Jobs that evaluate models at each site, after a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_executor, build_part, write_job
from .parts import build_aggregator, build_model, build_numpy_trainer, build_scatter_and_gather, build_trainer

VALIDATOR = '''\
"""FLARE's numpy validator, which takes its time."""

import time

from nvflare.app_common.np.np_validator import NPValidator

SECONDS = 1.5


class SlowValidator(NPValidator):
    def execute(self, *args, **kwargs):
        time.sleep(SECONDS)
        return super().execute(*args, **kwargs)
'''

EVALUATING = '''\
"""Training and validation by the Client API, and a persistor that hands out its model by name."""

import time

import numpy as np
import nvflare.client as flare
from nvflare.app_common.np.np_model_persistor import NPModelPersistor

SECONDS = 1


class NamedModelPersistor(NPModelPersistor):
    def get_model(self, model_file, fl_ctx):
        return self.load_model(fl_ctx)


def main():
    flare.init()
    params = None
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        number = int(flare.get_site_name().rpartition("-")[2])
        if flare.is_train():
            params = {key: np.asarray(value, dtype=np.float32) + number for key, value in model.params.items()}
            flare.send(flare.FLModel(params=params, params_type="FULL", metrics={"accuracy": 0.5 + 0.02 * number}))
        elif flare.is_evaluate():
            accuracy = float(np.mean(next(iter(model.params.values())))) / 10 + 0.01 * number
            flare.send(flare.FLModel(metrics={"accuracy": accuracy}))
        elif flare.is_submit_model():
            flare.send(flare.FLModel(params=params, params_type="FULL"))


if __name__ == "__main__":
    main()
'''


def build_evaluating_trainer() -> dict[str, Any]:
    """Return the executor of ``evaluating.py`` by the Client API."""
    return build_trainer(("train", "validate", "submit_model"), task_script_path="evaluating.py")


def _server_models() -> list[dict[str, Any]]:
    return [
        build_part("locator", ".np.np_model_locator.NPModelLocator"),
        build_part("formatter", ".np.np_formatter.NPFormatter"),
        build_part("json_generator", ".widgets.validation_json_generator.ValidationJsonGenerator"),
    ]


def build_global_evaluation(name: str = "evaluate") -> dict[str, Any]:
    """Return a GlobalModelEval workflow."""
    path = ".workflows.global_model_eval.GlobalModelEval"
    return build_part(name, path, model_locator_id="locator", validation_timeout=60)


def _train_then(folder: Path, name: str, workflow: dict[str, Any]) -> Path:
    return write_job(
        folder,
        name,
        workflows=[build_scatter_and_gather(rounds=2), workflow],
        components=[*build_model(), build_aggregator(), *_server_models()],
        executors=[
            build_numpy_trainer(("train", "submit_model")),
            build_executor(["validate"], "slow_validator.SlowValidator"),
        ],
        custom={"slow_validator.py": VALIDATOR},
    )


def train_then_cross_site(folder: Path) -> Path:
    """Write a job of ScatterAndGather, and then CrossSiteModelEval."""
    evaluation = build_part(
        "cross_site",
        ".workflows.cross_site_model_eval.CrossSiteModelEval",
        model_locator_id="locator",
        formatter_id="formatter",
        submit_model_timeout=60,
        validation_timeout=60,
    )
    return _train_then(folder, "train-then-cross-site", evaluation)


def train_then_global_evaluation(folder: Path) -> Path:
    """Write a job of ScatterAndGather, and then GlobalModelEval."""
    return _train_then(folder, "train-then-global-evaluation", build_global_evaluation())


def fed_avg_then_cross_site(folder: Path) -> Path:
    """Write a job of FedAvg, and then CrossSiteEval, both of them ModelControllers."""
    return write_job(
        folder,
        "fed-avg-then-cross-site",
        workflows=[
            build_part("train", ".workflows.fedavg.FedAvg", num_clients=2, num_rounds=2),
            build_part("evaluate", ".workflows.cross_site_eval.CrossSiteEval", server_models=["server.npy"]),
        ],
        components=[build_part("persistor", "evaluating.NamedModelPersistor", model=[1.0, 2.0, 3.0])],
        executors=[build_evaluating_trainer()],
        custom={"evaluating.py": EVALUATING},
    )
