"""Jobs of federated analysis: statistics, private set intersection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_executor, build_part, write_job

_AGES = '''\
"""Statistics of a few numbers, in plain Python."""

import time

from nvflare.app_common.abstract.statistics_spec import Bin, DataType, Feature, Histogram, HistogramType, Statistics

VALUES = {"site-1": [20.0, 30.0, 40.0, 50.0], "site-2": [30.0, 40.0, 70.0]}
SECONDS = 0.2


class Ages(Statistics):
    def initialize(self, fl_ctx):
        self.values = VALUES[fl_ctx.get_identity_name()]

    def features(self):
        return {"train": [Feature("age", DataType.FLOAT)]}

    def count(self, dataset_name, feature_name):
        time.sleep(SECONDS)
        return len(self.values)

    def failure_count(self, dataset_name, feature_name):
        return 0

    def sum(self, dataset_name, feature_name):
        time.sleep(SECONDS)
        return sum(self.values)

    def mean(self, dataset_name, feature_name):
        return sum(self.values) / len(self.values)

    def stddev(self, dataset_name, feature_name):
        mean = self.mean(dataset_name, feature_name)
        return (sum((value - mean) ** 2 for value in self.values) / (len(self.values) - 1)) ** 0.5

    def variance_with_mean(self, dataset_name, feature_name, global_mean, global_count):
        time.sleep(SECONDS)
        return sum((value - global_mean) ** 2 for value in self.values) / (global_count - 1)

    def histogram(self, dataset_name, feature_name, num_of_bins, global_min_value, global_max_value):
        width = (global_max_value - global_min_value) / num_of_bins
        edges = [global_min_value + width * number for number in range(num_of_bins + 1)]
        bins = [Bin(low, high, sum(low <= one < high for one in self.values)) for low, high in zip(edges, edges[1:])]
        return Histogram(HistogramType.STANDARD, bins)
'''

_ITEMS = '''\
"""The items of a site."""

from nvflare.app_common.psi.psi_spec import PSI


class Items(PSI):
    def load_items(self):
        first = 0 if self.fl_ctx.get_identity_name() == "site-1" else 10
        return [f"user-{number}" for number in range(first, first + 20)]
'''


def _statistics(folder: Path, name: str, pre_run: bool) -> Path:
    measures: dict[str, Any] = {"count": {}, "sum": {}, "mean": {}, "stddev": {}}
    measures["histogram"] = {"*": {"bins": 4, "range": [0, 80]}}
    return write_job(
        folder,
        name,
        workflows=[
            build_part(
                "statistics",
                ".workflows.statistics_controller.StatisticsController",
                min_clients=2,
                statistic_configs=measures,
                writer_id="writer",
                enable_pre_run_task=pre_run,
            )
        ],
        components=[
            build_part(
                "writer",
                ".statistics.json_stats_file_persistor.JsonStatsFileWriter",
                output_path="statistics/ages.json",
                json_encoder_path="nvflare.app_common.utils.json_utils.ObjectEncoder",
            )
        ],
        executors=[
            build_executor(
                ["fed_stats_pre_run", "fed_stats"],
                ".executors.statistics.statistics_executor.StatisticsExecutor",
                generator_id="ages",
            )
        ],
        client_components=[build_part("ages", "ages.Ages")],
        custom={"ages.py": _AGES},
    )


def statistics(folder: Path) -> Path:
    """Write a job of StatisticsController, as it is by default: with the task before the run."""
    return _statistics(folder, "statistics", pre_run=True)


def statistics_without_pre_run(folder: Path) -> Path:
    """Write a job of StatisticsController without the task before the run."""
    return _statistics(folder, "statistics-without-pre-run", pre_run=False)


def private_set_intersection(folder: Path) -> Path:
    """Write a job of private set intersection; needs the package ``openmined-psi``."""
    handler = "nvflare.app_opt.psi.dh_psi.dh_psi_task_handler.DhPSITaskHandler"
    return write_job(
        folder,
        "private-set-intersection",
        workflows=[build_part("psi", ".psi.dh_psi.dh_psi_controller.DhPSIController")],
        components=[build_part("dh_psi", ".psi.dh_psi.dh_psi_workflow.DhPSIWorkFlow")],
        executors=[build_executor(["PSI"], ".psi.psi_executor.PSIExecutor", psi_algo_id="dh_psi")],
        client_components=[
            build_part("dh_psi", handler, local_psi_id="items"),
            build_part("items", "items.Items", psi_writer_id="writer"),
            build_part("writer", ".psi.file_psi_writer.FilePSIWriter", output_path="psi/intersection.txt"),
        ],
        custom={"items.py": _ITEMS},
    )
