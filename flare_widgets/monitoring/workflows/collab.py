"""Workflows of the collab API: the server's code calls functions of the sites, which may call each other too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..job.model import SiteTask
from ..job.updates import Update
from .kind import WorkflowKind
from .run import WorkflowRun

_SITE = r"(?:\S{1,200}\.)?(?P<site>[^\s.]{1,200})\.[^\s.]{1,200}"  # its cell: SITE.JOB, perhaps behind a relay's
_CALL = re.compile(rf"^send_request from \S{{1,300}} to {_SITE}: func_name='(?P<name>\w{{1,200}})'")
_RESULT = re.compile(rf"^got result from {_SITE} func_name='(?P<name>\w{{1,200}})'$")
_MAX_OPEN_CALLS = 100  # calls of one function of one site


def _read_call(run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
    if run.has_gap:
        return  # the number of the call is not known
    site, name = match["site"], match["name"]
    run.count += 1
    task = SiteTask(f"{run.id}/{site}/call {run.count}", site, name, sent_at=at, workflow=run.id)
    calls = run.open_tasks.setdefault(f"{site}/{name}", [])
    calls.append(task)
    del calls[:-_MAX_OPEN_CALLS]
    yield task


def _read_result(run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
    calls = run.open_tasks.get(f"{match['site']}/{match['name']}")
    if calls:
        # The newest: an older one may have failed, of which FLARE logs nothing here.
        yield replace(calls.pop(), returned_at=at)


COLLAB = WorkflowKind(
    name="collab",
    classes=("CollabController",),
    is_self_directed=True,
    rounds_arguments=(),
    setup_tasks=("setup", "sync"),
    readers=((_CALL, _read_call), (_RESULT, _read_result)),
    untold=(
        "FLARE does not tell rounds and metrics of a job that uses the collab API: they are where its code writes them",
        "FLARE does not tell the server which functions the sites call of each other",
    ),
)
