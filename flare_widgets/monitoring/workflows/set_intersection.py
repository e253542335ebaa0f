"""Workflows that find the entries which all sites have (private set intersection)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..job.updates import Update
from .kind import WorkflowKind
from .run import WorkflowRun

_STAGE = re.compile(r"^start (pre workflow|workflow|post workflow)$")
_STAGE_LABELS = {"pre workflow": "preparing local set", "workflow": "intersecting the sets"}


def _read_stage(run: WorkflowRun, match: re.Match[str], _: float | None) -> Iterator[Update]:
    run.stage_label = _STAGE_LABELS.get(match[1], "")
    return iter(())


SET_INTERSECTION = WorkflowKind(
    name="private set intersection",
    classes=("DhPSIController", "PSIController"),
    rounds_arguments=(),
    task_labels={"PSI": "intersecting the sets"},
    readers=((_STAGE, _read_stage),),
    untold=("FLARE keeps the intersection in the sites' folders: the server has its size only",),
)
