"""Tasks of a job by round, and what follows from those of a round alone."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from typing import NamedTuple

from .model import Round, SiteTask

_NO_STATES, _SUBMITTED = frozenset[str](), frozenset({"submitted"})

TaskGroupKey = tuple[str, int | None]
"""The workflow and the number of a round; None for the tasks of a workflow that belong to no round."""


# A tuple, as there are thousands, which are compared and looked up.
class Column(NamedTuple):
    """Column of the matrix: a round of a workflow, or a step of one, which is a task outside its rounds.

    Attributes
    ----------
    workflow
        The workflow's id.
    round
        The round's number; None for a step.
    task, nth
        The name of the step's task, and which of those with that name it is, from 0.
    """

    workflow: str
    round: int | None = None
    task: str = ""
    nth: int = 0


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
        return {task.site: "submitted" for task in self.tasks}


def _is_submitted(task: SiteTask) -> bool:
    return task.returned_at is not None and task.code in ("", "OK")


class History(NamedTuple):
    """The rounds of a job and their tasks, as a snapshot needs them: those of the next one differ in a few places.

    Attributes
    ----------
    tasks_by_round
        The tasks of each round, and those of each workflow that belong to none.
    columns
        A column for each round that has begun or has a task, in the order of :func:`group_place`.
    settled
        The states of the sites in each of these columns that has no others whatever the time; else None.
    sites
        The sites that have a task; maybe also some that had one, and that the job is deployed to.
    """

    tasks_by_round: dict[TaskGroupKey, RoundTasks]
    columns: tuple[Column, ...]
    settled: tuple[frozenset[str] | None, ...]
    sites: Set[str]


def find_history(rounds: Sequence[Round], tasks: Sequence[SiteTask], order: Mapping[str, int]) -> History:
    """Return the history of a job by its rounds and tasks, and the places of its workflows."""
    groups = group_by_round(tasks)
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for this in rounds:
        numbers[this.workflow].add(this.number)
    for workflow, number in groups:
        if number is not None:
            numbers[workflow].add(number)
    workflows = sorted(numbers, key=lambda workflow: group_place(workflow, 0, order))
    columns = tuple(round_column(workflow, number) for workflow in workflows for number in sorted(numbers[workflow]))
    settled = tuple(settled_states(groups.get((column.workflow, column.round))) for column in columns)
    return History(groups, columns, settled, {task.site for task in tasks})


def update_history(
    before: History,
    changed: Iterable[TaskGroupKey],
    rounds: Sequence[Round],
    tasks: Sequence[SiteTask],
    order: Mapping[str, int],
    deployed: Set[str],
) -> History:
    """Return what :func:`find_history` does, by the history before, where only a few rounds are others.

    Parameters
    ----------
    before
        The history before, with the same places of the workflows.
    changed
        The rounds that have come or gone, and those whose tasks are others.
    rounds, tasks
        The rounds and tasks, in the order of :func:`group_place`.
    order
        The places of the workflows.
    deployed
        The sites that the job is deployed to, and will stay so.
    """
    groups = group_again(before.tasks_by_round, changed, tasks, order)
    columns, settled = list(before.columns), list(before.settled)
    sites = set(before.sites) if before.sites <= deployed else {task.site for task in tasks}
    for key in changed:
        workflow, number = key
        group = groups.get(key)
        sites.update(() if group is None else group.last)
        if number is None:
            continue
        place = group_place(workflow, number, order)
        at = bisect_left(columns, place, key=lambda column: group_place(column.workflow, column.round, order))
        is_known = at < len(columns) and columns[at] == (workflow, number, "", 0)
        nth = bisect_left(rounds, place, key=lambda this: group_place(this.workflow, this.number, order))
        has_begun = nth < len(rounds) and (rounds[nth].workflow, rounds[nth].number) == key
        is_there = has_begun or group is not None
        columns[at : at + is_known] = [round_column(workflow, number)] if is_there else []
        settled[at : at + is_known] = [settled_states(group)] if is_there else []
    return History(groups, tuple(columns), tuple(settled), sites)


def settled_states(group: RoundTasks | None) -> frozenset[str] | None:
    """Return the states of the sites in a round if they stay so, whatever the time; else None."""
    if group is None:
        return _NO_STATES
    return _SUBMITTED if group.are_submitted else None


def group_by_round(tasks: Sequence[SiteTask]) -> dict[TaskGroupKey, RoundTasks]:
    """Return the tasks of each round."""
    found: dict[TaskGroupKey, RoundTasks] = {}
    start, count = 0, len(tasks)
    while start < count:
        workflow, number, stop = tasks[start].workflow, tasks[start].round, start + 1
        while stop < count and tasks[stop].round == number and tasks[stop].workflow == workflow:
            stop += 1
        key = workflow, number
        before = found[key].tasks if key in found else ()  # they may not be all in one place
        found[key] = RoundTasks((*before, *tasks[start:stop]))
        start = stop
    return found


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


@lru_cache(maxsize=20_000)
def round_column(workflow: str, number: int) -> Column:
    """Return the column of a round; the same object each time."""
    return Column(workflow, number)
