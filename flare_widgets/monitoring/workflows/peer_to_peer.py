"""Workflows that the sites carry out among each other once the server has started them."""

from .kind import WorkflowKind

SPLIT_LEARNING = WorkflowKind(
    name="split learning",
    classes=("SplitNNController",),
    is_self_directed=True,
    rounds_arguments=(),
    task_labels={"splitnn_task_init_model_": "preparing local model", "splitnn_task_train_": "training"},
    untold=("FLARE does not tell the steps and losses of split learning: the sites log them, and keep the models",),
)

PEER_TO_PEER = WorkflowKind(
    name="peer to peer",
    classes=("DistOptController",),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=("config",),
    task_labels={"run_algorithm": "running the algorithm"},
    untold=("FLARE does not tell the iterations of the sites and their losses: they are in the sites' folders",),
)
