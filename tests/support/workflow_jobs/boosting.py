"""Jobs of XGBoost; they need the package ``xgboost`` with federated learning, and ``tensorboardX``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_executor, build_part, write_job
from .parts import SCALAR_RECEIVER, build_scalar_events, build_scatter_and_gather

_BOOSTING = "nvflare.app_opt.xgboost"

_POINTS = '''\
"""A few points, by rows or by columns at each site."""

import numpy as np
import xgboost as xgb
from nvflare.app_opt.xgboost.data_loader import XGBDataLoader


def make_points(seed):
    random = np.random.default_rng(seed)
    points = random.normal(size=(300, 4))
    return points, (points[:, 0] + points[:, 1] ** 2 + random.normal(size=300) > 1).astype(int)


class Rows(XGBDataLoader):
    def load_data(self):
        points, labels = make_points(1 if self.client_id == "site-1" else 2)
        train = xgb.DMatrix(points[:200], label=labels[:200])
        return train, xgb.DMatrix(points[200:], label=labels[200:])


class Columns(XGBDataLoader):
    def load_data(self):
        points, labels = make_points(1)
        first = self.rank == 0
        mine = points[:, :2] if first else points[:, 2:]

        def build(part):
            label = labels[part] if first else None
            return xgb.DMatrix(mine[part], label=label, data_split_mode=self.data_split_mode)

        return build(slice(0, 200)), build(slice(200, 300))
'''


def _histogram(folder: Path, name: str, split: int, loader: str, *, rounds: int, depth: int) -> Path:
    params: dict[str, Any] = {"max_depth": depth, "eta": 0.1, "objective": "binary:logistic", "eval_metric": "auc"}
    controller = build_part(
        "xgb_controller",
        f"{_BOOSTING}.histogram_based_v2.fed_controller.XGBFedController",
        num_rounds=rounds,
        data_split_mode=split,
        secure_training=False,
        xgb_params=params | {"tree_method": "hist", "nthread": 1},
        xgb_options={"early_stopping_rounds": 3},
        client_ranks={"site-1": 0, "site-2": 1},
        in_process=True,
    )
    executor = build_executor(
        ["config", "start"],
        f"{_BOOSTING}.histogram_based_v2.fed_executor.FedXGBHistogramExecutor",
        data_loader_id="loader",
        metrics_writer_id="writer",
        in_process=True,
    )
    return write_job(
        folder,
        name,
        workflows=[controller],
        components=[build_part("tb", SCALAR_RECEIVER, events=["fed.analytix_log_stats"])],
        executors=[executor],
        client_components=[
            build_part("loader", loader),
            build_part("writer", "nvflare.app_opt.tracking.tb.tb_writer.TBWriter"),
            build_scalar_events(),
        ],
        custom={"points.py": _POINTS},
    )


def xgboost_histogram(folder: Path) -> Path:
    """Write a job of XGBoost by histograms of the sites' rows."""
    return _histogram(folder, "xgboost-histogram", 0, "points.Rows", rounds=3, depth=2)


def xgboost_vertical(folder: Path) -> Path:
    """Write a job of XGBoost by the sites' columns."""
    return _histogram(folder, "xgboost-vertical", 1, "points.Columns", rounds=2, depth=1)


def xgboost_bagging(folder: Path) -> Path:
    """Write a job of XGBoost whose trees are put together by ScatterAndGather."""
    trees = f"{_BOOSTING}.tree_based"
    executor = build_executor(
        ["train"],
        f"{trees}.executor.FedXGBTreeExecutor",
        training_mode="bagging",
        lr_scale=1.0,
        data_loader_id="loader",
        num_client_bagging=2,
        max_depth=3,
        nthread=1,
    )
    return write_job(
        folder,
        "xgboost-bagging",
        workflows=[build_scatter_and_gather("xgb_controller", rounds=3, allow_empty_global_weights=True)],
        components=[
            build_part("persistor", f"{trees}.model_persistor.XGBModelPersistor"),
            build_part("shareable_generator", f"{trees}.shareable_generator.XGBModelShareableGenerator"),
            build_part("aggregator", f"{trees}.bagging_aggregator.XGBBaggingAggregator"),
        ],
        executors=[executor],
        client_components=[build_part("loader", "points.Rows")],
        custom={"points.py": _POINTS},
    )
