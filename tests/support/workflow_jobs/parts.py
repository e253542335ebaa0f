"""Parts that jobs of several families have in common: a small numpy model, and a script that trains it."""

from __future__ import annotations

from typing import Any

from .job_writer import build_executor, build_part

WEIGHTS = ".aggregators.intime_accumulate_model_aggregator.InTimeAccumulateWeightedAggregator"
SELECTOR = ".widgets.intime_model_selector.IntimeModelSelector"
SCALAR_RECEIVER = "nvflare.app_opt.tracking.tb.tb_receiver.TBAnalyticsReceiver"
SCATTER_AND_GATHER = ".workflows.scatter_and_gather.ScatterAndGather"

TRAIN = '''\
"""Training by the Client API, with metrics by round, and by step where the job collects them."""

import time

import numpy as np
import nvflare.client as flare
from nvflare.client.tracking import SummaryWriter

STEPS = 4
SECONDS_A_STEP = 0.25


def main():
    flare.init()
    writer = SummaryWriter()
    number = int(flare.get_site_name().rpartition("-")[2])
    step = 0
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        now = model.current_round or 0
        for _ in range(STEPS):
            time.sleep(SECONDS_A_STEP)
            writer.add_scalar("train_loss", 2 / (step + 1) + number / 10, global_step=step)
            step += 1
        params = {key: np.asarray(value, dtype=np.float32) + 1 for key, value in model.params.items()}
        metrics = {"accuracy": 0.5 + 0.1 * now + 0.02 * number, "val_loss": 1 / (now + 1) + number / 10}
        meta = {"NUM_STEPS_CURRENT_ROUND": STEPS}
        flare.send(flare.FLModel(params=params, params_type="FULL", metrics=metrics, meta=meta))


if __name__ == "__main__":
    main()
'''


def build_model() -> list[dict[str, Any]]:
    """Return the components that keep and hand out a numpy model."""
    generator = ".shareablegenerators.full_model_shareable_generator.FullModelShareableGenerator"
    return [
        build_part("persistor", ".np.np_model_persistor.NPModelPersistor", model=[1.0, 2.0, 3.0]),
        build_part("shareable_generator", generator),
    ]


def build_aggregator(kind: str = "WEIGHTS") -> dict[str, Any]:
    """Return the component that averages."""
    return build_part("aggregator", WEIGHTS, expected_data_kind=kind)


def build_selector(metric: str = "accuracy", negate: bool = False) -> dict[str, Any]:
    """Return the component that picks the best model."""
    return build_part("model_selector", SELECTOR, key_metric=metric, negate_key_metric=negate)


def build_scatter_and_gather(name: str = "sag", rounds: int | str = 3, **arguments: Any) -> dict[str, Any]:
    """Return a ScatterAndGather workflow."""
    return build_part(
        name,
        SCATTER_AND_GATHER,
        **{
            "min_clients": 2,
            "num_rounds": rounds,
            "wait_time_after_min_received": 0,
            "aggregator_id": "aggregator",
            "persistor_id": "persistor",
            "shareable_generator_id": "shareable_generator",
            "train_task_name": "train",
            **arguments,
        },
    )


def build_trainer(tasks: tuple[str, ...] = ("train",), **arguments: Any) -> dict[str, Any]:
    """Return the executor of ``train.py`` by the Client API."""
    return build_executor(
        tasks,
        ".executors.client_api_executor.ClientAPIExecutor",
        **{
            "execution_mode": "in_process",
            "params_exchange_format": "numpy",
            "server_expected_format": "numpy",
            "params_transfer_type": "FULL",
            "task_script_path": "train.py",
            "task_script_args": "",
            **arguments,
        },
    )


def build_scalar_events() -> dict[str, Any]:
    """Return the site's component that sends the scalars of a SummaryWriter to the server."""
    path = ".widgets.convert_to_fed_event.ConvertToFedEvent"
    return build_part("event_to_fed", path, events_to_convert=["analytix_log_stats"], fed_event_prefix="fed.")


def build_numpy_trainer(tasks: tuple[str, ...] = ("train",)) -> dict[str, Any]:
    """Return the executor of FLARE's numpy trainer, which takes a second."""
    return build_executor(tasks, ".np.np_trainer.NPTrainer", sleep_time=1)
