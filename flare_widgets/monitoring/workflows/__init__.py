"""Kinds of workflows, a module for each family: what the monitor knows about a job comes from these declarations.

A class that is none of FLARE's has the kind `GENERIC`: rounds if it logs any as FLARE does, and tasks by their names.
"""

from __future__ import annotations

from .client_controlled import CLIENT_CONTROLLED_CYCLIC, CLIENT_CONTROLLED_EVALUATION, SWARM
from .cyclic import CYCLIC, CYCLIC_RELAY
from .evaluation import EVALUATION
from .external import COLLAB, FLOWER, XGBOOST
from .kind import WorkflowKind
from .run import WorkflowRun
from .scatter_gather import SCATTER_GATHER
from .statistics import STATISTICS

__all__ = ["GENERIC", "KINDS", "WorkflowKind", "WorkflowRun", "find_kind"]

KINDS = (
    SCATTER_GATHER,
    CYCLIC,
    CYCLIC_RELAY,
    SWARM,
    CLIENT_CONTROLLED_CYCLIC,
    CLIENT_CONTROLLED_EVALUATION,
    EVALUATION,
    STATISTICS,
    XGBOOST,
    FLOWER,
    COLLAB,
)
"""All kinds but the generic one."""

GENERIC = WorkflowKind(name="other")

_KIND_BY_CLASS = {name: kind for kind in KINDS for name in kind.classes}


def find_kind(class_name: str) -> WorkflowKind:
    """Return the kind of a class, by its name without its module; `GENERIC` if it is none of FLARE's."""
    return _KIND_BY_CLASS.get(class_name, GENERIC)
