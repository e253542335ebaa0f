"""Workflows in which XGBoost's own federated learning runs, by histograms or by columns."""

from .kind import WorkflowKind

XGBOOST = WorkflowKind(
    name="XGBoost",
    classes=("XGBFedController", "XGBController"),
    is_self_directed=True,
    setup_tasks=("config", "start"),
    untold=(
        "FLARE does not tell XGBoost's rounds and metrics while it runs; "
        "its evaluation comes with the result if the job has a TBAnalyticsReceiver (tb_events/)",
        "FLARE does not send the model to the server: it stays in the sites' folders (model.json)",
    ),
)
