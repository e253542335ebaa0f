"""Workflows in which another program does the work: Flower, or one that a job brings along in the same way."""

import re

from .kind import WorkflowKind

_SETUP_TASKS = ("config", "start")

FLOWER = WorkflowKind(
    name="Flower",
    classes=("FlowerController",),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=_SETUP_TASKS,
    untold=(
        "FLARE does not tell Flower's rounds and metrics: they are where the Flower app writes them, "
        "and its server's output in superlink_log.txt and superexec_log.txt of the result",
    ),
)

OTHER_PROGRAM = WorkflowKind(
    name="another program",
    classes=("TieController",),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=_SETUP_TASKS,
    signs=(re.compile(r"^starting connector \.\.\.$"),),
    untold=("Another program does the work: FLARE does not tell its rounds and metrics",),
)
