"""Jobs of each kind of FLARE workflow, of two sites, small and quick: by name, the function that writes the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import (
    analysis,
    averaging,
    boosting,
    classic_learning,
    client_controlled,
    collaboration,
    evaluation,
    flower,
    own_controllers,
    relays,
    several,
)

JOBS: dict[str, Callable[[Path], Path]] = {
    "scatter-and-gather": averaging.scatter_and_gather,
    "scatter-and-gather-loss": averaging.scatter_and_gather_loss,
    "scatter-and-gather-hocon": averaging.scatter_and_gather_hocon,
    "scatter-and-gather-yaml": averaging.scatter_and_gather_yaml,
    "own-scatter-and-gather": averaging.own_scatter_and_gather,
    "fed-avg": averaging.fed_avg,
    "fed-avg-start-round": averaging.fed_avg_start_round,
    "own-fed-avg": averaging.own_fed_avg,
    "own-model-controller": averaging.own_model_controller,
    "cyclic-controller": relays.cyclic_controller,
    "cyclic": relays.cyclic,
    "two-scatter-and-gather": several.two_scatter_and_gather,
    "scatter-and-gather-then-cyclic": several.scatter_and_gather_then_cyclic,
    "swarm": client_controlled.swarm,
    "swarm-then-evaluation": client_controlled.swarm_then_evaluation,
    "client-controlled-cyclic": client_controlled.client_controlled_cyclic,
    "fed-prox": averaging.fed_prox,
    "fed-avg-early-stop": averaging.fed_avg_early_stop,
    "flower": flower.flower,
    "scaffold": averaging.scaffold,
    "logistic-regression": averaging.logistic_regression,
    "scalars-only": averaging.scalars_only,
    "train-then-cross-site": evaluation.train_then_cross_site,
    "train-then-global-evaluation": evaluation.train_then_global_evaluation,
    "fed-avg-then-cross-site": evaluation.fed_avg_then_cross_site,
    "statistics": analysis.statistics,
    "statistics-without-pre-run": analysis.statistics_without_pre_run,
    "private-set-intersection": analysis.private_set_intersection,
    "named-steps": own_controllers.named_steps,
    "steps-in-rounds": own_controllers.steps_in_rounds,
    "steps-around-training": own_controllers.steps_around_training,
    "survival-curve": own_controllers.survival_curve,
    "collab": collaboration.collab,
    "k-means": classic_learning.k_means,
    "support-vectors": classic_learning.support_vectors,
    "linear-model": classic_learning.linear_model,
    "xgboost-histogram": boosting.xgboost_histogram,
    "xgboost-vertical": boosting.xgboost_vertical,
    "xgboost-bagging": boosting.xgboost_bagging,
}

NEEDED: dict[str, tuple[str, ...]] = {
    "scatter-and-gather-yaml": ("omegaconf",),
    "scalars-only": ("tensorboardX",),
    "private-set-intersection": ("private_set_intersection",),
    "flower": ("flwr",),
    "k-means": ("sklearn",),
    "support-vectors": ("sklearn",),
    "linear-model": ("sklearn",),
    "xgboost-histogram": ("xgboost", "tensorboard", "tensorboardX"),
    "xgboost-vertical": ("xgboost", "tensorboard", "tensorboardX"),
    "xgboost-bagging": ("xgboost", "pandas", "tensorboardX"),
}
"""Modules that a job needs besides those of FLARE."""
