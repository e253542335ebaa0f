"""Workflows that compute federated statistics, in two passes of the same task."""

from .kind import WorkflowKind

STATISTICS = WorkflowKind(
    name="statistics",
    classes=("StatisticsController", "HierarchicalStatisticsController"),
    rounds_arguments=(),
    task_labels={"fed_stats": "computing statistics", "fed_stats_pre_run": "preparing statistics"},
    told_at_end=("FLARE does not tell which feature is computed; the statistics come with the result",),
)
