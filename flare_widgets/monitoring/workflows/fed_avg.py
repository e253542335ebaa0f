"""Workflows of FLARE's ModelController that average: FedAvg and those derived from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..job.model import Workflow
from ..job.updates import Update
from ..numbers import round_count_or_none
from .kind import WorkflowKind
from .run import WorkflowRun

_EARLY_STOP = re.compile(r"^Stopping at round=\d{1,9} out of total_rounds=(\d{1,9})\.")


def _read_early_stop(run: WorkflowRun, match: re.Match[str], _: float | None) -> Iterator[Update]:
    yield Workflow(run.id, total_rounds=round_count_or_none(int(match[1])))


EARLY_STOP_READER = (_EARLY_STOP, _read_early_stop)

_FIVE_BY_DEFAULT = ("FedAvg", "PTFedAvg", "PTFedAvgEarlyStopping", "FedOpt", "Scaffold", "FedAvgLR")

# FedProx is FedAvg with another loss at the sites.
FED_AVG = WorkflowKind(
    name="federated averaging",
    classes=_FIVE_BY_DEFAULT,
    default_rounds=dict.fromkeys(_FIVE_BY_DEFAULT, 5),
    readers=(EARLY_STOP_READER,),
)
