"""Jobs of the workflows that average: ScatterAndGather, FedAvg and what is derived from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_part, write_job
from .parts import (
    SCALAR_RECEIVER,
    TRAIN,
    build_aggregator,
    build_model,
    build_scalar_events,
    build_scatter_and_gather,
    build_selector,
    build_trainer,
)

_OWN = '''\
"""A workflow of one's own, and subclasses of FLARE's."""

from nvflare.app_common.workflows.fedavg import FedAvg
from nvflare.app_common.workflows.model_controller import ModelController
from nvflare.app_common.workflows.scatter_and_gather import ScatterAndGather


class OwnAveraging(ModelController):
    """Averaging as its own author writes it: with other names than FLARE's for the number of rounds."""

    def __init__(self, epochs=3):
        super().__init__()
        self.epochs = epochs

    def run(self):
        model = self.load_model()
        model.start_round, model.total_rounds = 0, self.epochs
        for epoch in range(self.epochs):
            model.current_round = epoch
            clients = self.sample_clients(2)
            results = self.send_model_and_wait(targets=clients, data=model)
            for key in model.params:
                model.params[key] = sum(result.params[key] for result in results) / len(results)
            self.info(f"epoch {epoch + 1} of {self.epochs} averaged")
            self.save_model(model)


class OwnFedAvg(FedAvg):
    """FLARE's FedAvg by another name."""


class OwnScatterAndGather(ScatterAndGather):
    """FLARE's ScatterAndGather by another name."""
'''


def scatter_and_gather(folder: Path, name: str = "scatter-and-gather", **options: Any) -> Path:
    """Write a job of ScatterAndGather."""
    rounds = options.pop("rounds", 3)
    return write_job(
        folder,
        name,
        workflows=[build_scatter_and_gather(rounds=rounds)],
        components=[*build_model(), build_aggregator(), options.pop("selector", build_selector())],
        executors=[build_trainer()],
        custom={"train.py": TRAIN},
        **options,
    )


def _of_a_loss(folder: Path, name: str, form: str, meta_form: str) -> Path:
    selector = build_selector("val_loss", negate=True)
    variables = {"num_rounds": 3}
    options = {"rounds": "{num_rounds}", "selector": selector, "variables": variables}
    return scatter_and_gather(folder, name, form=form, meta_form=meta_form, **options)


def scatter_and_gather_loss(folder: Path) -> Path:
    """Write a job whose key metric is a loss and whose number of rounds is a variable, in JSON."""
    return _of_a_loss(folder, "scatter-and-gather-loss", "json", "json")


def scatter_and_gather_hocon(folder: Path) -> Path:
    """Write the same job in HOCON."""
    return _of_a_loss(folder, "scatter-and-gather-hocon", "hocon", "hocon")


def scatter_and_gather_yaml(folder: Path) -> Path:
    """Write the same job in YAML."""
    return _of_a_loss(folder, "scatter-and-gather-yaml", "yaml", "yaml")


def own_scatter_and_gather(folder: Path) -> Path:
    """Write a job of a subclass of ScatterAndGather."""
    workflow = build_scatter_and_gather(rounds=2) | {"path": "own.OwnScatterAndGather"}
    return write_job(
        folder,
        "own-scatter-and-gather",
        workflows=[workflow],
        components=[*build_model(), build_aggregator(), build_selector()],
        executors=[build_trainer()],
        custom={"train.py": TRAIN, "own.py": _OWN},
    )


def _model_controller(folder: Path, name: str, workflow: dict[str, Any], **options: Any) -> Path:
    writer = build_part("metrics", ".widgets.metrics_artifact_writer.MetricsArtifactWriter")
    return write_job(
        folder,
        name,
        workflows=[workflow],
        components=[build_model()[0], build_selector(), *options.pop("components", [writer])],
        executors=options.pop("executors", [build_trainer()]),
        custom={"train.py": TRAIN, "own.py": _OWN} | options.pop("custom", {}),
        **options,
    )


def fed_avg(folder: Path) -> Path:
    """Write a job of FedAvg, with the record of metrics of FLARE's recipes."""
    workflow = build_part("controller", ".workflows.fedavg.FedAvg", num_clients=2, num_rounds=3)
    return _model_controller(folder, "fed-avg", workflow)


def fed_prox(folder: Path) -> Path:
    """Write a job of FedAvg whose sites are told to keep near the global model."""
    workflow = build_part("controller", ".workflows.fedavg.FedAvg", num_clients=2, num_rounds=2, fedprox_mu=0.1)
    return _model_controller(folder, "fed-prox", workflow)


def fed_avg_early_stop(folder: Path) -> Path:
    """Write a job of FedAvg that stops in its second round of ten."""
    arguments = {"num_clients": 2, "num_rounds": 10, "stop_cond": "accuracy >= 0.6"}
    workflow = build_part("controller", ".workflows.fedavg.FedAvg", **arguments)
    return _model_controller(folder, "fed-avg-early-stop", workflow)


def fed_avg_start_round(folder: Path) -> Path:
    """Write a job of FedAvg that goes on from round 5, without a record of metrics."""
    workflow = build_part("controller", ".workflows.fedavg.FedAvg", num_clients=2, num_rounds=2, start_round=5)
    return _model_controller(folder, "fed-avg-start-round", workflow, components=[])


def own_fed_avg(folder: Path) -> Path:
    """Write a job of a subclass of FedAvg."""
    workflow = build_part("controller", "own.OwnFedAvg", num_clients=2, num_rounds=2)
    return _model_controller(folder, "own-fed-avg", workflow)


def own_model_controller(folder: Path) -> Path:
    """Write a job of an own ModelController, whose log lines are its author's."""
    return _model_controller(
        folder, "own-model-controller", build_part("controller", "own.OwnAveraging", epochs=3), components=[]
    )


_SCAFFOLD = '''\
"""Training by the Client API, with the control terms of SCAFFOLD, all zero."""

import time

import numpy as np
import nvflare.client as flare
from nvflare.app_common.app_constant import AlgorithmConstants

SECONDS = 1


def main():
    flare.init()
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        number = int(flare.get_site_name().rpartition("-")[2])
        params = {key: np.ones_like(value) for key, value in model.params.items()}
        zeros = {key: np.zeros_like(value) for key, value in model.params.items()}
        meta = {"NUM_STEPS_CURRENT_ROUND": 4, AlgorithmConstants.SCAFFOLD_CTRL_DIFF: zeros}
        metrics = {"accuracy": 0.5 + 0.1 * model.current_round + 0.02 * number}
        flare.send(flare.FLModel(params=params, params_type="DIFF", metrics=metrics, meta=meta))


if __name__ == "__main__":
    main()
'''

_NEWTON = '''\
"""The gradient and the Hessian of a tiny logistic regression."""

import time

import numpy as np
import nvflare.client as flare

SECONDS = 1


def main():
    flare.init()
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        size = np.asarray(model.params["numpy_key"]).size
        params = {"gradient": np.ones((size, 1)), "hessian": np.eye(size)}
        flare.send(flare.FLModel(params=params, params_type="FULL", meta={"sample_size": 10}))


if __name__ == "__main__":
    main()
'''


def scaffold(folder: Path) -> Path:
    """Write a job of Scaffold."""
    workflow = build_part("controller", ".workflows.scaffold.Scaffold", num_clients=2, num_rounds=2)
    return _model_controller(folder, "scaffold", workflow, custom={"train.py": _SCAFFOLD})


def logistic_regression(folder: Path) -> Path:
    """Write a job of FedAvgLR, by the method of Newton and Raphson."""
    path = ".workflows.lr.fedavg.FedAvgLR"
    arguments = {"num_clients": 2, "num_rounds": 2, "damping_factor": 0.8, "n_features": 3}
    return write_job(
        folder,
        "logistic-regression",
        workflows=[build_part("controller", path, persistor_id="persistor", **arguments)],
        components=[build_part("persistor", ".workflows.lr.np_persistor.LRModelPersistor", n_features=3)],
        executors=[build_trainer(params_exchange_format="raw", server_expected_format="raw")],
        custom={"train.py": _NEWTON},
    )


def scalars_only(folder: Path) -> Path:
    """Write a job whose metrics are scalars by step; needs the package ``tensorboardX`` or PyTorch."""
    return write_job(
        folder,
        "scalars-only",
        workflows=[build_scatter_and_gather(rounds=3)],
        components=[
            *build_model(),
            build_aggregator(),
            build_part("tb", SCALAR_RECEIVER, events=["fed.analytix_log_stats"]),
        ],
        executors=[build_trainer()],
        client_components=[build_scalar_events()],
        custom={"train.py": TRAIN},
    )
