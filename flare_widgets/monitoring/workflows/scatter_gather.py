"""Workflows in which the server sends a model to the sites, and aggregates what they return, round by round."""

from .kind import WorkflowKind

# Scikit-learn's and XGBoost's bagging jobs run these classes too, with aggregators of their own.
SCATTER_GATHER = WorkflowKind(
    name="scatter and gather",
    classes=(
        "ScatterAndGather",
        "ScatterAndGatherScaffold",
        "ScatterAndGatherForEdge",
        "FedAvg",
        "FedAvgLR",
        "PTFedAvg",
        "FedOpt",
        "Scaffold",
        "FedCE",
    ),
    default_rounds=dict.fromkeys(
        (
            "ScatterAndGather",
            "ScatterAndGatherScaffold",
            "ScatterAndGatherForEdge",
            "FedAvg",
            "FedAvgLR",
            "PTFedAvg",
            "FedOpt",
            "Scaffold",
        ),
        5,
    ),
)
