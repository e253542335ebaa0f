"""Workflows of a single task, which prepare others: to fetch the initial weights, or to prepare data."""

from .kind import WorkflowKind

SINGLE_TASK = WorkflowKind(
    name="single task",
    classes=("InitializeGlobalWeights", "BroadcastAndProcess", "CmdTaskController", "ETLController"),
    rounds_arguments=(),
    task_labels={"etl": "preparing its data", "cmd_task": "running a command"},
)
