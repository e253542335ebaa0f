"""Tasks of a job by round. The groups of an earlier snapshot are used again where their tasks are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from .model import SiteTask

RoundKey = tuple[str, int]
"""The workflow and the number of a round."""


class RoundTasks:
    """Tasks of one round, and what follows from them alone.

    Parameters
    ----------
    tasks
        The tasks, in the order of the snapshot.
    """

    def __init__(self, tasks: tuple[SiteTask, ...]) -> None:
        self.tasks = tasks

    @cached_property
    def newest(self) -> dict[str, SiteTask]:
        """The task of each site that counts: the latest one."""
        newest = {task.site: task for task in self.tasks}
        if len(newest) == len(self.tasks):
            return newest
        newest = {}
        for task in self.tasks:
            before = newest.get(task.site)
            if before is None or (task.sent_at or 0.0) >= (before.sent_at or 0.0):
                newest[task.site] = task
        return newest

    @cached_property
    def submitted(self) -> dict[str, str] | None:
        """The state of each site if all have submitted their results, whatever the time; else None."""
        if any(task.returned_at is None or task.code not in ("", "OK") for task in self.newest.values()):
            return None
        return dict.fromkeys(self.newest, "submitted")


def group_by_round(
    tasks: Sequence[SiteTask], before: Mapping[RoundKey, RoundTasks] | None = None
) -> dict[RoundKey, RoundTasks]:
    """Return the tasks of each round, with the groups of an earlier snapshot where they are the same.

    Parameters
    ----------
    tasks
        All tasks, those of a round one after the other; those without a round are left out.
    before
        The groups of an earlier snapshot.
    """
    found: dict[RoundKey, RoundTasks] = {}
    start, count = 0, len(tasks)
    while start < count:
        workflow, number = tasks[start].workflow, tasks[start].round
        known = None if before is None or number is None else before.get((workflow, number))
        stop = start + (1 if known is None else len(known.tasks))
        if known is None or tasks[start:stop] != known.tasks:
            known, stop = None, start + 1
        while stop < count and tasks[stop].round == number and tasks[stop].workflow == workflow:
            known, stop = None, stop + 1
        if number is not None:
            key = workflow, number
            group = tuple(tasks[start:stop])
            if key in found:  # they are not all in one place
                known, group = None, found[key].tasks + group
            found[key] = known or RoundTasks(group)
        start = stop
    return found
