"""Jobs of scikit-learn: k-means, a support vector machine, a linear model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_executor, build_part, resolve, write_job
from .parts import build_model, build_scatter_and_gather, build_selector

_LEARNING = "nvflare.app_opt.sklearn"

_K_MEANS = '''\
"""A k-means of mini-batches, of points around three centers."""

import time

import numpy as np
import nvflare.client as flare
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import homogeneity_score

SECONDS = 1


def main():
    flare.init()
    random = np.random.default_rng(int(flare.get_site_name().rpartition("-")[2]))
    labels = np.arange(90) % 3
    points = 5 * np.stack([labels, labels == 1], axis=1) + random.normal(size=(90, 2))
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        metrics = None
        if model.current_round == 0:
            learner = KMeans(n_clusters=3, n_init=1, random_state=0).fit(points)
            params = {"center": learner.cluster_centers_, "count": None}
        else:
            center = model.params["center"]
            score = homogeneity_score(labels, KMeans(3, init=center, n_init=1, max_iter=1).fit(points).predict(points))
            metrics = {"homogeneity": float(score)}
            learner = MiniBatchKMeans(n_clusters=3, init=center, n_init=1, max_iter=1, random_state=0).fit(points)
            params = {"center": learner.cluster_centers_, "count": learner._counts}
        flare.send(flare.FLModel(params=params, params_type="FULL", metrics=metrics))


if __name__ == "__main__":
    main()
'''

_SUPPORT_VECTORS = '''\
"""A support vector machine: the sites' support vectors in the first round, its validation in the second."""

import time

import numpy as np
import nvflare.client as flare
from sklearn.svm import SVC

SECONDS = 1


def main():
    flare.init()
    random = np.random.default_rng(int(flare.get_site_name().rpartition("-")[2]))
    labels = np.arange(60) % 2
    points = 2 * labels[:, None] + random.normal(size=(60, 2))
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        if model.current_round == 0:
            index = SVC(kernel="rbf").fit(points, labels).support_
            params, metrics = {"support_x": points[index], "support_y": labels[index]}, None
        else:
            params = {key: model.params[key] for key in ("support_x", "support_y")}
            score = SVC(kernel="rbf").fit(params["support_x"], params["support_y"]).score(points, labels)
            metrics = {"AUC": float(score)}
        flare.send(flare.FLModel(params=params, params_type="FULL", metrics=metrics))


if __name__ == "__main__":
    main()
'''

_LINEAR = '''\
"""A linear classifier, trained a little in each round."""

import time

import numpy as np
import nvflare.client as flare
from sklearn.linear_model import SGDClassifier

SECONDS = 1


def main():
    flare.init()
    random = np.random.default_rng(int(flare.get_site_name().rpartition("-")[2]))
    labels = np.arange(60) % 2
    points = 2 * labels[:, None] + random.normal(size=(60, 2))
    learner = SGDClassifier(max_iter=1, warm_start=True, tol=None, random_state=0).fit(points, labels)
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        weights = np.asarray(model.params["numpy_key"], dtype=np.float64)
        learner.coef_, learner.intercept_ = weights[None, :2].copy(), weights[2:].copy()
        score = float(learner.score(points, labels))
        learner.fit(points, labels, coef_init=learner.coef_, intercept_init=learner.intercept_)
        params = {"numpy_key": np.concatenate([learner.coef_[0], learner.intercept_]).astype(np.float32)}
        flare.send(flare.FLModel(params=params, params_type="FULL", metrics={"accuracy": score}))


if __name__ == "__main__":
    main()
'''


def _script(name: str, exchange: str = "raw") -> dict[str, Any]:
    return build_executor(
        ["train"],
        ".executors.client_api_executor.ClientAPIExecutor",
        execution_mode="in_process",
        params_exchange_format=exchange,
        server_expected_format=exchange,
        params_transfer_type="FULL",
        task_script_path=name,
    )


def k_means(folder: Path) -> Path:
    """Write a job of k-means by ScatterAndGather, in HOCON, as FLARE's template has it."""
    return write_job(
        folder,
        "k-means",
        workflows=[build_scatter_and_gather("scatter_and_gather", rounds=3)],
        components=[
            build_part(
                "persistor",
                f"{_LEARNING}.joblib_model_param_persistor.JoblibModelParamPersistor",
                initial_params={"n_clusters": 3},
            ),
            build_model()[1],
            build_part(
                "aggregator",
                ".aggregators.collect_and_assemble_aggregator.CollectAndAssembleAggregator",
                assembler_id="assembler",
            ),
            build_part("assembler", f"{_LEARNING}.kmeans_assembler.KMeansAssembler"),
            build_selector("homogeneity"),
        ],
        executors=[_script("k_means.py")],
        custom={"k_means.py": _K_MEANS},
        form="hocon",
    )


def support_vectors(folder: Path) -> Path:
    """Write a job of a support vector machine by FedAvg, as FLARE's recipe has it."""
    path = ".aggregators.collect_and_assemble_model_aggregator.CollectAndAssembleModelAggregator"
    aggregator = {"path": resolve(path), "args": {"assembler_id": "assembler"}}
    return write_job(
        folder,
        "support-vectors",
        workflows=[
            build_part("controller", ".workflows.fedavg.FedAvg", num_clients=2, num_rounds=2, aggregator=aggregator)
        ],
        components=[
            build_part(
                "persistor",
                f"{_LEARNING}.joblib_model_param_persistor.JoblibModelParamPersistor",
                initial_params={"kernel": "rbf"},
            ),
            build_part("assembler", f"{_LEARNING}.svm_assembler.SVMAssembler", kernel="rbf"),
            build_selector("AUC"),
            build_part("metrics", ".widgets.metrics_artifact_writer.MetricsArtifactWriter"),
        ],
        executors=[_script("support_vectors.py")],
        custom={"support_vectors.py": _SUPPORT_VECTORS},
    )


def linear_model(folder: Path) -> Path:
    """Write a job of a linear classifier by FedAvg, with the record of metrics of FLARE's recipes."""
    return write_job(
        folder,
        "linear-model",
        workflows=[build_part("controller", ".workflows.fedavg.FedAvg", num_clients=2, num_rounds=2)],
        components=[
            build_model()[0],
            build_selector(),
            build_part("metrics", ".widgets.metrics_artifact_writer.MetricsArtifactWriter"),
        ],
        executors=[_script("linear.py", "numpy")],
        custom={"linear.py": _LINEAR},
    )
