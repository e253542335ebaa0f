"""Workflows that the sites control themselves: the server only configures them, and is told their progress.

Sites report every two seconds: "updated status of client SITE on round N: timestamp=..., action=..., all_done=...". A
site that has done two things in between reports the second one only, so that the end of a round is known to two
seconds, or by the beginning of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..job.model import Round, SiteTask
from ..job.updates import Update
from .kind import WorkflowKind
from .run import WorkflowRun

_STATUS = re.compile(
    r"^updated status of client (?P<site>.{1,200}) on round (?P<round>\d{1,9}): timestamp=[^,]{1,60}, "
    r"action=(?P<action>[^,]{0,200}), all_done=(?P<done>True|False)$"
)
_ALL_DONE = re.compile(r"^Workflow \S{1,200} (?:done!|finished on all clients)$")


def _read_progress(run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
    site, number, action = match["site"], int(match["round"]), match["action"]
    yield Round(number, at, workflow=run.id)
    task = run.open_tasks.get(site)
    if task is not None and task.round != number:
        yield replace(task, returned_at=at)
        task = None
    if task is None:
        task = SiteTask(f"{run.id}/{site}/{number}", site, "train", number, at, workflow=run.id, label="training")
        yield task
        run.open_tasks[site] = task
    if action != "start_learn_task" or match["done"] == "True":
        yield replace(task, returned_at=at)


def _read_all_done(run: WorkflowRun, _: re.Match[str], at: float | None) -> Iterator[Update]:
    for task in run.open_tasks.values():
        yield replace(task, returned_at=at)
    run.open_tasks.clear()


_SETUP_TASKS = ("config", "start")

SWARM = WorkflowKind(
    name="swarm",
    classes=("SwarmServerController",),
    is_self_directed=True,
    setup_tasks=_SETUP_TASKS,
    readers=((_STATUS, _read_progress), (_ALL_DONE, _read_all_done)),
    untold=("The sites keep their metrics and models: FLARE sends neither to the server in a swarm",),
)

CLIENT_CONTROLLED_CYCLIC = WorkflowKind(
    name="client-controlled cyclic",
    classes=("CyclicServerController",),
    is_self_directed=True,
    setup_tasks=_SETUP_TASKS,
    readers=((_STATUS, _read_progress), (_ALL_DONE, _read_all_done)),
    untold=("The sites keep their metrics and models: FLARE sends neither to the server",),
)

CLIENT_CONTROLLED_EVALUATION = WorkflowKind(
    name="client-controlled evaluation",
    classes=("CrossSiteEvalServerController",),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=_SETUP_TASKS,
)
