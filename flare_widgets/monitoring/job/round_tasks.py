"""Tasks of a job by round, and what follows from those of a round alone."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from .model import SiteTask

TaskGroupKey = tuple[str, int | None]
"""The workflow and the number of a round; None for the tasks of a workflow that belong to no round."""


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
    def last(self) -> dict[str, SiteTask]:
        """The last task of each site, in the order of the snapshot."""
        return {task.site: task for task in self.tasks}

    @cached_property
    def newest(self) -> dict[str, SiteTask]:
        """The task of each site that counts: the latest one."""
        if len(self.last) == len(self.tasks):
            return self.last
        newest: dict[str, SiteTask] = {}
        for task in self.tasks:
            before = newest.get(task.site)
            if before is None or (task.sent_at or 0.0) >= (before.sent_at or 0.0):
                newest[task.site] = task
        return newest

    @cached_property
    def are_submitted(self) -> bool:
        """True if all sites have submitted their results, which stays so, whatever the time."""
        return all(map(_is_submitted, self.tasks)) or all(map(_is_submitted, self.newest.values()))

    @cached_property
    def submitted(self) -> dict[str, str]:
        """The state of each site if all have submitted their results."""
        return dict.fromkeys(self.last, "submitted")


def _is_submitted(task: SiteTask) -> bool:
    return task.returned_at is not None and task.code in ("", "OK")


def group_by_round(tasks: Iterable[SiteTask]) -> dict[TaskGroupKey, RoundTasks]:
    """Return the tasks of each round."""
    found: dict[TaskGroupKey, list[SiteTask]] = {}
    for task in tasks:
        found.setdefault((task.workflow, task.round), []).append(task)
    return {key: RoundTasks(tuple(group)) for key, group in found.items()}


def group_again(
    before: Mapping[TaskGroupKey, RoundTasks],
    changed: Iterable[TaskGroupKey],
    tasks: Sequence[SiteTask],
    order: Mapping[str, int],
) -> dict[TaskGroupKey, RoundTasks]:
    """Return the tasks of each round, as :func:`group_by_round` does, where only some are others than before.

    Parameters
    ----------
    before
        The groups of before.
    changed
        The rounds to which a task has come, or whose tasks have changed or gone.
    tasks
        All tasks, in the order of :func:`group_place`.
    order
        The places of the workflows.
    """

    def place_of(task: SiteTask) -> tuple[int, str, float]:
        return group_place(task.workflow, task.round, order)

    found = dict(before)
    for key in changed:
        place = group_place(*key, order)
        start = bisect_left(tasks, place, key=place_of)
        stop = bisect_right(tasks, place, start, key=place_of)
        if start < stop:
            found[key] = RoundTasks(tuple(tasks[start:stop]))
        else:
            found.pop(key, None)
    return found


def group_place(workflow: str, number: int | None, order: Mapping[str, int]) -> tuple[int, str, float]:
    """Return the place of a round among the tasks of a snapshot; an unknown workflow comes last."""
    return order.get(workflow, len(order)), workflow, math.inf if number is None else number
