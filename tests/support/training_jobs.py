"""Job folders of FLARE's own workflows, small and quick, whose logs and metrics are real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_COMMON = "nvflare.app_common."
_FED_AVG = f"{_COMMON}workflows.fedavg.FedAvg"

SCRIPT = '''\
"""Training by the Client API: waits a little, and says how well it went."""

import time

import numpy as np
import nvflare.client as flare

SECONDS = {seconds}
WORDS = {words!r}
MODEL_SIZE = {model_size}


def main():
    flare.init()
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        site = int(flare.get_site_name().rpartition("-")[2])
        accuracy = 0.5 + 0.05 * model.current_round + 0.01 * site
        print(WORDS)
        metrics = {{"accuracy": accuracy, "loss": 1 - accuracy}}
        params = {{"numpy_key": np.random.default_rng(0).normal(size=MODEL_SIZE)}} if MODEL_SIZE else model.params
        flare.send(flare.FLModel(params=params, metrics=metrics, meta={{"NUM_STEPS_CURRENT_ROUND": site}}))


if __name__ == "__main__":
    main()
'''

_STATISTICS = '''\
from nvflare.app_common.abstract.statistics_spec import DataType, Feature, Histogram, HistogramType, Statistics


class Numbers(Statistics):
    """Statistics of a few numbers."""

    def features(self):
        return {"train": [Feature("age", DataType.FLOAT)]}

    def count(self, dataset_name, feature_name):
        return 3

    def sum(self, dataset_name, feature_name):
        return 60.0

    def mean(self, dataset_name, feature_name):
        return 20.0

    def variance_with_mean(self, dataset_name, feature_name, global_mean, global_count):
        return 2.0

    def stddev(self, dataset_name, feature_name):
        return 1.0

    def histogram(self, dataset_name, feature_name, num_of_bins, global_min_value, global_max_value):
        return Histogram(HistogramType.STANDARD, [])

    def max_value(self, dataset_name, feature_name):
        return 30.0

    def min_value(self, dataset_name, feature_name):
        return 10.0

    def failure_count(self, dataset_name, feature_name):
        return 0
'''


def fed_avg(
    folder: Path,
    name: str = "fed-avg",
    *,
    rounds: int = 3,
    seconds: float = 0.3,
    key: str = "accuracy",
    negate: bool = False,
    stop_cond: str | None = None,
    round_file: str | None = None,
    words: str = "trained",
    sites: int = 2,
    model_size: int = 0,
) -> Path:
    """Make a job of FLARE's FedAvg with a training script, as its recipes make them.

    Parameters
    ----------
    folder, name
        Where to put it, and the folder's and the job's name.
    rounds, seconds
        How many rounds, and how long a site takes for one.
    key, negate
        The key metric, and whether less of it is better.
    stop_cond
        When to stop early.
    round_file
        The name of the record of metrics, if not FLARE's own.
    words
        What a site prints each round.
    sites
        How many sites take part.
    model_size
        How many numbers the trained model has; as many as the initial one if 0.
    """
    arguments: dict[str, Any] = {"num_clients": sites, "num_rounds": rounds}
    if stop_cond is not None:
        arguments["stop_cond"] = stop_cond
    writer = {} if round_file is None else {"round_file_name": round_file}
    executor = {
        "path": f"{_COMMON}executors.client_api_executor.ClientAPIExecutor",
        "args": {"execution_mode": "in_process", "task_script_path": "train.py", "params_exchange_format": "numpy"},
    }
    return _write_job(
        folder,
        name,
        workflows=[("controller", _FED_AVG, arguments)],
        components=[
            ("persistor", f"{_COMMON}np.np_model_persistor.NPModelPersistor", {"model": [1.0, 2.0]}),
            (
                "selector",
                f"{_COMMON}widgets.intime_model_selector.IntimeModelSelector",
                {"key_metric": key, "negate_key_metric": negate},
            ),
            ("metrics", f"{_COMMON}widgets.metrics_artifact_writer.MetricsArtifactWriter", writer),
        ],
        executors=[(["*"], executor)],
        custom={"train.py": SCRIPT.format(seconds=seconds, words=words, model_size=model_size)},
        sites=sites,
    )


def scatter_and_gather(folder: Path, name: str = "scatter-and-gather", *, rounds: int = 3) -> Path:
    """Make a job of ScatterAndGather with FLARE's numpy trainer."""
    arguments = {
        "min_clients": 2,
        "num_rounds": rounds,
        "wait_time_after_min_received": 0,
        "aggregator_id": "aggregator",
        "persistor_id": "persistor",
        "shareable_generator_id": "generator",
        "train_task_name": "train",
    }
    aggregator = f"{_COMMON}aggregators.intime_accumulate_model_aggregator.InTimeAccumulateWeightedAggregator"
    return _write_job(
        folder,
        name,
        workflows=[("sag", f"{_COMMON}workflows.scatter_and_gather.ScatterAndGather", arguments)],
        components=[*_model(), ("aggregator", aggregator, {"expected_data_kind": "WEIGHTS"})],
        executors=[(["train"], _trainer())],
    )


def cyclic(folder: Path, name: str = "cyclic", *, rounds: int = 2) -> Path:
    """Make a job that hands the model from site to site."""
    arguments = {
        "num_rounds": rounds,
        "task_assignment_timeout": 10,
        "persistor_id": "persistor",
        "shareable_generator_id": "generator",
        "task_name": "train",
    }
    return _write_job(
        folder,
        name,
        workflows=[("cyclic", f"{_COMMON}workflows.cyclic_ctl.CyclicController", arguments)],
        components=_model(),
        executors=[(["train"], _trainer())],
    )


def cross_site_evaluation(folder: Path, name: str = "cross-site", *, rounds: int = 1) -> Path:
    """Make a job that trains, and then has each site evaluate each site's model."""
    job = scatter_and_gather(folder, name, rounds=rounds)
    file = job / "app" / "config" / "config_fed_server.json"
    config = json.loads(file.read_text())
    config["workflows"].append(
        {
            "id": "cross",
            "path": f"{_COMMON}workflows.cross_site_model_eval.CrossSiteModelEval",
            "args": {"model_locator_id": "locator", "formatter_id": "formatter", "submit_model_timeout": 30},
        }
    )
    config["components"] += [
        {"id": "locator", "path": f"{_COMMON}np.np_model_locator.NPModelLocator", "args": {}},
        {"id": "formatter", "path": f"{_COMMON}np.np_formatter.NPFormatter", "args": {}},
    ]
    _write(file, config)
    file = job / "app" / "config" / "config_fed_client.json"
    config = json.loads(file.read_text())
    config["executors"] = [
        {"tasks": ["train", "submit_model"], "executor": _trainer()},
        {"tasks": ["validate"], "executor": {"path": f"{_COMMON}np.np_validator.NPValidator", "args": {}}},
    ]
    _write(file, config)
    return job


def statistics(folder: Path, name: str = "statistics") -> Path:
    """Make a job without rounds: federated statistics."""
    arguments = {"statistic_configs": {"count": {}, "sum": {}, "mean": {}, "stddev": {}}, "writer_id": "writer"}
    executor = {
        "path": f"{_COMMON}executors.statistics.statistics_executor.StatisticsExecutor",
        "args": {"generator_id": "numbers"},
    }
    writer = f"{_COMMON}statistics.json_stats_file_persistor.JsonStatsFileWriter"
    return _write_job(
        folder,
        name,
        workflows=[("statistics", f"{_COMMON}workflows.statistics_controller.StatisticsController", arguments)],
        components=[("writer", writer, {"output_path": "statistics/adults.json"})],
        executors=[(["fed_stats", "fed_stats_pre_run"], executor)],
        client_components=[("numbers", "numbers_statistics.Numbers", {})],
        custom={"numbers_statistics.py": _STATISTICS},
    )


def _model() -> list[tuple[str, str, dict[str, Any]]]:
    generator = f"{_COMMON}shareablegenerators.full_model_shareable_generator.FullModelShareableGenerator"
    return [
        ("persistor", f"{_COMMON}np.np_model_persistor.NPModelPersistor", {"model": [1.0, 2.0]}),
        ("generator", generator, {}),
    ]


def _trainer() -> dict[str, Any]:
    return {"path": f"{_COMMON}np.np_trainer.NPTrainer", "args": {"sleep_time": 0.3}}


def _write_job(
    folder: Path,
    name: str,
    *,
    workflows: list[tuple[str, str, dict[str, Any]]],
    components: list[tuple[str, str, dict[str, Any]]],
    executors: list[tuple[list[str], dict[str, Any]]],
    client_components: list[tuple[str, str, dict[str, Any]]] | None = None,
    custom: dict[str, str] | None = None,
    sites: int = 2,
) -> Path:
    job = folder / name
    (job / "app" / "config").mkdir(parents=True)
    meta = {"name": name, "resource_spec": {}, "min_clients": sites, "deploy_map": {"app": ["@ALL"]}}
    _write(job / "meta.json", meta)
    server = {"workflows": _parts(workflows), "components": _parts(components)}
    client = {
        "executors": [{"tasks": tasks, "executor": executor} for tasks, executor in executors],
        "components": _parts(client_components or []),
    }
    _write(job / "app" / "config" / "config_fed_server.json", {"format_version": 2, **server})
    _write(job / "app" / "config" / "config_fed_client.json", {"format_version": 2, **client})
    for file, text in (custom or {}).items():
        (job / "app" / "custom").mkdir(exist_ok=True)
        (job / "app" / "custom" / file).write_text(text)
    return job


def _parts(entries: list[tuple[str, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [{"id": name, "path": path, "args": args} for name, path, args in entries]


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2))
