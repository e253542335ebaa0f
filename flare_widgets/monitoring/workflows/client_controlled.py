"""Workflows that the sites control themselves: the server only configures them, and is told their progress.

Sites report every two seconds: "updated status of client SITE on round N: timestamp=..., action=..., all_done=...". A
site that has done two things in between reports the second one only, so that the start and the end of a site's round
are known to two seconds, or by the beginning of the next one. (The line's own timestamp is of the site's clock, in a
time zone that nobody tells.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..job.model import Round, SiteTask, Workflow
from ..job.updates import Update
from ..numbers import round_count_or_none
from .kind import WorkflowKind
from .run import WorkflowRun

_CONFIG = re.compile(r"^Workflow Config: \{")
_ROUNDS = re.compile(r"'num_rounds': (\d{1,9})[,}]")
_START_ROUND = re.compile(r"'cwf\.start_round': (\d{1,9})[,}]")
_STATUS = re.compile(
    r"^updated status of client (?P<site>[^\n]{1,200}) on round (?P<round>\d{1,9}): timestamp=[^,\n]{1,60}, "
    r"action=(?P<action>[^,\n]{0,200}), all_done=(?P<done>True|False)$"
)
_ALL_DONE = re.compile(r"^Workflow \S{1,200} (?:done!|finished on all clients)$")
_STARTED = "start_learn_task"


def _read_config(run: WorkflowRun, match: re.Match[str], _: float | None) -> Iterator[Update]:
    total, first = _ROUNDS.search(match.string), _START_ROUND.search(match.string)
    if total is not None:
        begin = None if first is None else round_count_or_none(int(first[1]))
        yield Workflow(run.id, first_round=begin, total_rounds=round_count_or_none(int(total[1])))


def _read_progress(run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
    site, number = match["site"], int(match["round"])
    is_working = match["action"] == _STARTED and match["done"] == "False"
    yield Round(number, at, workflow=run.id)
    task = next(iter(run.open_tasks.get(site, ())), None)
    if task is not None and task.round != number:
        yield replace(task, returned_at=at)
        task = None
    if task is None:
        started_at = at if is_working else None
        task = SiteTask(
            f"{run.id}/{site}/{number}", site, "train", number, started_at, workflow=run.id, label="training"
        )
        yield task
        run.open_tasks[site] = [task]
    if not is_working:
        yield replace(task, returned_at=at)


def _read_turn(run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
    """Read the progress of sites that take turns: they report no end, but the next turn is that of another site."""
    for site, tasks in run.open_tasks.items():
        for task in tasks if site != match["site"] else ():
            if task.round is not None and task.round <= int(match["round"]):
                yield replace(task, returned_at=at)
    yield from _read_progress(run, match, at)


def _read_all_done(run: WorkflowRun, _: re.Match[str], at: float | None) -> Iterator[Update]:
    for tasks in run.open_tasks.values():
        for task in tasks:
            yield replace(task, returned_at=at)
    run.open_tasks.clear()


def _sign(setting: str) -> tuple[re.Pattern[str], ...]:
    return (re.compile(rf"^Workflow Config: \{{[^\n]{{0,20000}}'cwf\.{setting}'"),)


_SETUP_TASKS = ("config", "start")
_COMMON_READERS = ((_CONFIG, _read_config), (_ALL_DONE, _read_all_done))
_TRAINING_READERS = ((_STATUS, _read_progress), *_COMMON_READERS)
_MODELS = (
    "they stay in the sites' folders (models/best_global_model.npy, or FL_global_model.pt in the folder of the app)"
)
_TWO_SECONDS = "FLARE tells the server every two seconds what a site does: shorter steps are not seen"

SWARM = WorkflowKind(
    name="swarm",
    classes=("SwarmServerController",),
    is_self_directed=True,
    setup_tasks=_SETUP_TASKS,
    signs=_sign("aggr_clients"),
    readers=_TRAINING_READERS,
    untold=(f"FLARE does not send the sites' metrics and models to the server in a swarm: {_MODELS}", _TWO_SECONDS),
)

CLIENT_CONTROLLED_CYCLIC = WorkflowKind(
    name="client-controlled cyclic",
    classes=("CyclicServerController",),
    is_self_directed=True,
    setup_tasks=_SETUP_TASKS,
    signs=_sign("order"),
    readers=((_STATUS, _read_turn), *_COMMON_READERS),
    untold=(
        f"FLARE does not send the sites' metrics and models to the server when the sites pass on the model: {_MODELS}",
        _TWO_SECONDS,
    ),
)

# Its sites get each model to evaluate from the server; the number of rounds in its configuration means nothing, and
# the rounds of their status count the pairs of sites.
CLIENT_CONTROLLED_EVALUATION = WorkflowKind(
    name="client-controlled evaluation",
    classes=("CrossSiteEvalServerController",),
    rounds_arguments=(),
    setup_tasks=("config",),
    task_labels={"prep_model": "preparing local model", "eval": "evaluating"},
    signs=_sign("evaluators"),
    told_at_end=("FLARE writes the values of the evaluation to the result only: they come at the end",),
)

CLIENT_CONTROLLED = WorkflowKind(
    name="client-controlled",
    is_self_directed=True,
    setup_tasks=_SETUP_TASKS,
    signs=_sign("task_prefix"),
    readers=_TRAINING_READERS,
    untold=("The sites control this workflow themselves: FLARE tells the server only what they report to it",),
)
"""Kind of an own class that derives from FLARE's ServerSideController."""
