"""Workflows and tasks of a job, read from the server's log by the few lines that every FLARE controller causes.

It knows nothing of kinds of workflows and shares no code with the monitor, which is checked against it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

_BEGUN = re.compile(r"starting workflow (\S+) \(<class '([^']+)'>\) \.\.\.")
_ENDED = re.compile(r"Workflow: (\S+) finalizing")
_SENT = re.compile(r"assigned task to client (\S+): name=(\S+), id=(\S+)")
_RETURNED = re.compile(r"got result from client (\S+) for task: name=(\S+), id=(\S+)")
_ROUND = re.compile(r"Round (\d+) started")


@dataclass
class HandedTask:
    """Task that the server handed to a site; times are seconds since the epoch."""

    task_id: str
    site: str
    name: str
    sent_at: float
    returned_at: float | None = None


@dataclass
class RanWorkflow:
    """Workflow that ran, with the numbers of the rounds that its lines tell of."""

    name: str
    path: str
    began_at: float
    ended_at: float | None = None
    rounds: list[int] = field(default_factory=list)
    tasks: list[HandedTask] = field(default_factory=list)

    @property
    def class_name(self) -> str:
        """Class of the workflow, without its module."""
        return self.path.rpartition(".")[2]

    def count_tasks(self, site: str) -> Counter[str]:
        """Return how often the site got each task."""
        return Counter(task.name for task in self.tasks if task.site == site)


def read_workflows(log: str) -> list[RanWorkflow]:
    """Return the workflows that ran, in order, by the server's ``log.json``."""
    ran: list[RanWorkflow] = []
    open_tasks: dict[str, HandedTask] = {}
    for line in log.splitlines():
        record = json.loads(line)
        message = record["message"]
        at = datetime.strptime(record["asctime"], "%Y-%m-%d %H:%M:%S,%f").timestamp()
        if record["name"] == "ServerRunner":
            if found := _BEGUN.match(message):
                ran.append(RanWorkflow(found[1], found[2], at))
            elif _ENDED.match(message):
                ran[-1].ended_at = at
            elif found := _SENT.match(message):
                task = open_tasks[found[3]] = HandedTask(found[3], found[1], found[2], at)
                ran[-1].tasks.append(task)
            elif found := _RETURNED.match(message):
                open_tasks[found[3]].returned_at = at
        elif ran and (found := _ROUND.search(message)):
            ran[-1].rounds.append(int(found[1]))
    return ran
