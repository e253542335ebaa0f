"""Workflows in which the model goes from site to site, sent by the server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..job.updates import Update
from .kind import WorkflowKind
from .run import WorkflowRun

_UNTOLD = ("FLARE does not tell the sites' metrics in a cyclic workflow: they are in the sites' logs",)


_RELAY = re.compile(r"^scheduled task ")
_RELAY_END = re.compile(r"^task [^\s]{1,200} exit with status ")


def _read_relay(run: WorkflowRun, _: re.Match[str], at: float | None) -> Iterator[Update]:
    # CyclicController logs no rounds; but each begins with a relay, and it schedules one relay at a time.
    if not run.has_gap:
        run.count += 1
        yield from run.start_round(run.count - 1, at)


def _read_relay_end(run: WorkflowRun, _: re.Match[str], at: float | None) -> Iterator[Update]:
    if run.round is not None:
        yield from run.end_round(run.round, at)


CYCLIC = WorkflowKind(name="cyclic", classes=("Cyclic",), default_rounds={"Cyclic": 5}, untold=_UNTOLD)

CYCLIC_RELAY = WorkflowKind(
    name="cyclic",
    classes=("CyclicController",),
    default_rounds={"CyclicController": 5},
    readers=((_RELAY, _read_relay), (_RELAY_END, _read_relay_end)),
    untold=_UNTOLD,
)
