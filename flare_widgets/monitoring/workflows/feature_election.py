"""Workflows in which the sites elect the features of a model, and then train it in rounds that count from 1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..job.model import Workflow
from ..job.updates import Update
from ..numbers import round_count_or_none
from .kind import WorkflowKind
from .run import WorkflowRun

_ROUND = re.compile(r"^--- FL Round (\d{1,9})/(\d{1,9}) ---$")
_END = re.compile(r"^FL Training phase (?:complete|ended early)\b")


def _read_round(run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
    run.stage_label = "training"
    yield Workflow(run.id, first_round=1, total_rounds=round_count_or_none(int(match[2])))
    yield from run.start_round(int(match[1]), at)


def _read_end(run: WorkflowRun, _: re.Match[str], at: float | None) -> Iterator[Update]:
    run.stage_label = ""
    if run.round is not None:
        yield from run.end_round(run.round, at)


FEATURE_ELECTION = WorkflowKind(
    name="feature election",
    classes=("FeatureElectionController",),
    default_rounds={"FeatureElectionController": 5},
    first_round=1,
    task_labels={"feature_election": "electing features"},
    readers=((_ROUND, _read_round), (_END, _read_end)),
    untold=("FLARE does not send the sites' metrics to the server in a feature election",),
)
