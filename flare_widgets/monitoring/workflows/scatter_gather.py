"""Workflows in which the server sends a model to the sites, and aggregates what they return, round by round."""

from .kind import WorkflowKind

_FIVE_BY_DEFAULT = ("ScatterAndGather", "ScatterAndGatherScaffold", "ScatterAndGatherForEdge")

# FLARE's k-means, support vectors and XGBoost by bagging run these classes too, with aggregators of their own.
SCATTER_GATHER = WorkflowKind(
    name="scatter and gather",
    classes=_FIVE_BY_DEFAULT,
    default_rounds=dict.fromkeys(_FIVE_BY_DEFAULT, 5),
)
