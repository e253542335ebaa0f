"""Kinds of workflows, a module for each family: what the monitor knows about a job comes from these declarations.

A class that is none of FLARE's has the kind `GENERIC`: rounds if it logs any as FLARE does, and tasks by their names;
unless a line of its log is the sign of another kind, of which it is a subclass then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..job.updates import Update
from .client_controlled import CLIENT_CONTROLLED, CLIENT_CONTROLLED_CYCLIC, CLIENT_CONTROLLED_EVALUATION, SWARM
from .collab import COLLAB
from .cyclic import CYCLIC, CYCLIC_RELAY
from .evaluation import EVALUATION
from .feature_election import FEATURE_ELECTION
from .fed_avg import EARLY_STOP_READER, FED_AVG
from .flower import FLOWER, OTHER_PROGRAM
from .kind import WorkflowKind
from .peer_to_peer import PEER_TO_PEER, SPLIT_LEARNING
from .run import WorkflowRun
from .scatter_gather import SCATTER_GATHER
from .set_intersection import SET_INTERSECTION
from .single_task import SINGLE_TASK
from .statistics import STATISTICS
from .xgboost import XGBOOST

__all__ = ["GENERIC", "KINDS", "WorkflowKind", "WorkflowRun", "find_kind", "find_kind_by_sign"]

KINDS = (
    SCATTER_GATHER,
    FED_AVG,
    CYCLIC,
    CYCLIC_RELAY,
    SWARM,
    CLIENT_CONTROLLED_CYCLIC,
    CLIENT_CONTROLLED_EVALUATION,
    CLIENT_CONTROLLED,
    EVALUATION,
    STATISTICS,
    SET_INTERSECTION,
    FEATURE_ELECTION,
    SINGLE_TASK,
    COLLAB,
    XGBOOST,
    FLOWER,
    OTHER_PROGRAM,
    SPLIT_LEARNING,
    PEER_TO_PEER,
)
"""All kinds but the generic one; where two have the same sign, the more special one first."""


def _read_step(run: WorkflowRun, _: re.Match[str], __: float | None) -> Iterator[Update]:
    # Most own controllers log no rounds: their metrics are by the task that was handed out last.
    if not run.has_gap:
        run.step = 0 if run.step is None else run.step + 1
    return iter(())


GENERIC = WorkflowKind(name="", readers=(EARLY_STOP_READER, (re.compile(r"^scheduled task "), _read_step)))

_KIND_BY_CLASS = {name: kind for kind in KINDS for name in kind.classes}
_SIGNS = tuple((sign, kind) for kind in KINDS for sign in kind.signs)


def find_kind(class_name: str) -> WorkflowKind:
    """Return the kind of a class, by its name without its module; `GENERIC` if it is none of FLARE's."""
    return _KIND_BY_CLASS.get(class_name, GENERIC)


def find_kind_by_sign(message: str) -> WorkflowKind | None:
    """Return the kind that alone writes such a message; None if others may, too."""
    return next((kind for sign, kind in _SIGNS if sign.search(message)), None)
