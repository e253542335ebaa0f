"""Workflows in which the model goes from site to site, sent by the server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..job.model import Round
from ..job.updates import Update
from .kind import WorkflowKind
from .run import WorkflowRun


def _read_relay(run: WorkflowRun, _: re.Match[str], at: float | None) -> Iterator[Update]:
    # CyclicController logs no rounds; but each begins with a relay, and it schedules one relay at a time.
    run.round = run.metric_round = 0 if run.round is None else run.round + 1
    yield Round(run.round, at, workflow=run.id)


CYCLIC = WorkflowKind(name="cyclic", classes=("Cyclic",), default_rounds={"Cyclic": 5})

CYCLIC_RELAY = WorkflowKind(
    name="cyclic",
    classes=("CyclicController",),
    default_rounds={"CyclicController": 5},
    readers=((re.compile(r"^scheduled task "), _read_relay),),
)
