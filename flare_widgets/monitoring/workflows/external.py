"""Workflows in which another program does the work: XGBoost, Flower, or code of the collab API."""

from .kind import WorkflowKind

XGBOOST = WorkflowKind(
    name="XGBoost",
    classes=("XGBFedController", "XGBController"),
    is_self_directed=True,
    setup_tasks=("config", "start"),
    untold=("XGBoost's rounds are not told while it runs; its evaluation comes with the result",),
)

FLOWER = WorkflowKind(
    name="Flower",
    classes=("FlowerController", "TieController"),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=("config", "start"),
    untold=("Flower's rounds and metrics are in none of FLARE's logs and results",),
)

COLLAB = WorkflowKind(
    name="collab",
    classes=("CollabController",),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=("setup", "sync"),
    untold=("FLARE logs no rounds of a job that uses the collab API",),
)
