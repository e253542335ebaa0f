"""Workflows that compute federated statistics."""

from .kind import WorkflowKind

STATISTICS = WorkflowKind(
    name="statistics",
    classes=("StatisticsController", "HierarchicalStatisticsController"),
    rounds_arguments=(),
    task_labels={"fed_stats": "computing statistics", "fed_stats_pre_run": "preparing its statistics"},
)
