"""Jobs of the workflows that average: ScatterAndGather, FedAvg and what is derived from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_part, write_job
from .parts import (
    TRAIN,
    build_aggregator,
    build_model,
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
