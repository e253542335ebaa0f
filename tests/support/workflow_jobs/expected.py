"""Account of each job by its author: the workflows in order, their rounds, and the tasks of each site."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ExpectedWorkflow:
    """One workflow of a job.

    Attributes
    ----------
    name, class_name
        Its id and its class.
    total_rounds
        Its number of rounds as configured; None if it has none.
    tasks
        How often the server hands each task to each site.
    first_site_tasks
        The same of tasks that only ``site-1`` gets.
    first_round
        The number of its first round.
    rounds
        The number of rounds that it runs, if fewer than configured.
    are_rounds_logged
        True if lines of the server's log say ``Round N started``.
    """

    name: str
    class_name: str
    total_rounds: int | None = None
    tasks: dict[str, int] = field(default_factory=dict)
    first_site_tasks: dict[str, int] = field(default_factory=dict)
    first_round: int = 0
    rounds: int | None = None
    are_rounds_logged: bool = True

    @property
    def round_numbers(self) -> list[int]:
        """Numbers of the rounds that it runs."""
        count = self.total_rounds if self.rounds is None else self.rounds
        return [self.first_round + number for number in range(count or 0)]


def _train(name: str, class_name: str, total: int, **more: Any) -> ExpectedWorkflow:
    return ExpectedWorkflow(name, class_name, total, {"train": more.get("rounds", total)}, **more)


def _sag(rounds: int, name: str = "sag", class_name: str = "ScatterAndGather") -> ExpectedWorkflow:
    return _train(name, class_name, rounds)


def _relay(name: str, rounds: int) -> ExpectedWorkflow:
    return ExpectedWorkflow(name, "CyclicController", rounds, {"train": rounds}, are_rounds_logged=False)


def _by_sites(name: str, class_name: str, prefix: str, rounds: int) -> ExpectedWorkflow:
    return ExpectedWorkflow(
        name, class_name, rounds, {f"{prefix}_config": 1}, {f"{prefix}_start": 1}, are_rounds_logged=False
    )


def _started(name: str, class_name: str, rounds: int | None = None) -> ExpectedWorkflow:
    return ExpectedWorkflow(name, class_name, rounds, {"config": 1, "start": 1}, are_rounds_logged=False)


_SWARM = "SwarmServerController"

EXPECTED: dict[str, list[ExpectedWorkflow]] = {
    "scatter-and-gather": [_sag(3)],
    "scatter-and-gather-loss": [_sag(3)],
    "scatter-and-gather-hocon": [_sag(3)],
    "scatter-and-gather-yaml": [_sag(3)],
    "own-scatter-and-gather": [_sag(2, class_name="OwnScatterAndGather")],
    "fed-avg": [_train("controller", "FedAvg", 3)],
    "fed-avg-start-round": [_train("controller", "FedAvg", 2, first_round=5)],
    "fed-avg-early-stop": [_train("controller", "FedAvg", 10, rounds=2)],
    "fed-prox": [_train("controller", "FedAvg", 2)],
    "own-fed-avg": [_train("controller", "OwnFedAvg", 2)],
    "own-model-controller": [ExpectedWorkflow("controller", "OwnAveraging", None, {"train": 3})],
    "scaffold": [_train("controller", "Scaffold", 2)],
    "logistic-regression": [_train("controller", "FedAvgLR", 2)],
    "scalars-only": [_sag(3)],
    "cyclic-controller": [_relay("cyclic", 3)],
    "cyclic": [_train("controller", "Cyclic", 2)],
    "two-scatter-and-gather": [_sag(2, "pretrain"), _sag(3, "finetune")],
    "scatter-and-gather-then-cyclic": [_sag(2, "average"), _relay("relay", 2)],
    "swarm": [_by_sites("swarm_controller", _SWARM, "swarm", 3)],
    "swarm-then-evaluation": [
        _by_sites("swarm_controller", _SWARM, "swarm", 2),
        ExpectedWorkflow(
            "evaluation",
            "CrossSiteEvalServerController",
            None,
            {"cse_config": 1, "cse_prep_model": 1, "cse_eval": 3},
            {"cse_prep_model": 1},
        ),
    ],
    "client-controlled-cyclic": [_by_sites("cyclic_controller", "CyclicServerController", "cyclic", 3)],
    "train-then-cross-site": [
        _sag(2),
        ExpectedWorkflow("cross_site", "CrossSiteModelEval", None, {"submit_model": 1, "validate": 3}),
    ],
    "train-then-global-evaluation": [_sag(2), ExpectedWorkflow("evaluate", "GlobalModelEval", None, {"validate": 1})],
    "fed-avg-then-cross-site": [
        _train("train", "FedAvg", 2),
        ExpectedWorkflow("evaluate", "CrossSiteEval", None, {"submit_model": 1, "validate": 3}),
    ],
    "statistics": [
        ExpectedWorkflow("statistics", "StatisticsController", None, {"fed_stats_pre_run": 1, "fed_stats": 2})
    ],
    "statistics-without-pre-run": [ExpectedWorkflow("statistics", "StatisticsController", None, {"fed_stats": 2})],
    "private-set-intersection": [ExpectedWorkflow("psi", "DhPSIController", None, {"PSI": 5})],
    "named-steps": [
        ExpectedWorkflow(
            "controller",
            "Steps",
            None,
            {"local_sums": 1, "local_regression": 1, "residuals": 1, "report": 1},
        )
    ],
    "steps-in-rounds": [ExpectedWorkflow("controller", "StepsInRounds", None, {"gradient": 3, "line_search": 3})],
    "steps-around-training": [
        ExpectedWorkflow("init", "OneStep", None, {"init_training": 1}),
        _sag(2),
        ExpectedWorkflow("evaluate", "GlobalModelEval", None, {"validate": 1}),
        ExpectedWorkflow("post", "OneStep", None, {"post_validation": 1}),
    ],
    "survival-curve": [ExpectedWorkflow("km", "SurvivalCurve", None, {"train": 2})],
    "collab": [ExpectedWorkflow("controller", "CollabController", None, {"sync": 1, "setup": 1})],
    "flower": [_started("controller", "FlowerController")],
    "k-means": [_sag(3, "scatter_and_gather")],
    "support-vectors": [_train("controller", "FedAvg", 2)],
    "linear-model": [_train("controller", "FedAvg", 2)],
    "xgboost-histogram": [_started("xgb_controller", "XGBFedController", 3)],
    "xgboost-vertical": [_started("xgb_controller", "XGBFedController", 2)],
    "xgboost-bagging": [_sag(3, "xgb_controller")],
}
