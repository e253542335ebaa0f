"""Declaration of a kind of workflow: its classes, its words, and the log lines that only it writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..job.model import Workflow
from ..job.updates import Update
from .run import WorkflowRun

LineReader = Callable[[WorkflowRun, "re.Match[str]", "float | None"], Iterable[Update]]
"""Reader of a log line: gets the run, the match and the time (seconds since the epoch), and returns updates."""

TASK_LABELS: Mapping[str, str] = {
    "train": "training",
    "validate": "validating",
    "submit_model": "sending local model",
    "get_weights": "sending local weights",
}
"""Phrases for the tasks of most kinds; a task that has none is called by its name."""


@dataclass(frozen=True)
class WorkflowKind:
    """Facts about a kind of workflow, which hold for each of its classes.

    Attributes
    ----------
    name
        The name for people: ``swarm``; empty for the generic kind.
    classes
        The names of FLARE's classes of this kind.
    is_self_directed
        True if the sites work without tasks from the server, at least in part: then a site without a task may work.
    rounds_arguments
        The arguments of the classes with the number of rounds, in the order of their precedence.
    default_rounds
        The number of rounds if the configuration has none, which is how FLARE exports a default value; by class.
    first_round
        The number of the first round if the configuration has none.
    setup_tasks
        The tasks that only configure or start a site: their names, or the ends of their names after a ``_``.
    task_labels
        Phrases for its tasks, in addition to `TASK_LABELS`, by name or by its end after a ``_``: "computing
        statistics" for ``fed_stats``.
    signs
        Patterns of log lines by which a class of a job's own turns out to be of this kind, before its first task.
    readers
        Patterns of log lines that only this kind writes, and their readers. Each begins with ``^`` and takes time in
        proportion to the line.
    untold
        Sentences about what FLARE does not tell of such a workflow, and where it is, for people who miss it.
    told_at_end
        Sentences about what FLARE tells at the end of the job only.
    """

    name: str
    classes: tuple[str, ...] = ()
    is_self_directed: bool = False
    rounds_arguments: tuple[str, ...] = ("num_rounds",)
    default_rounds: Mapping[str, int] = field(default_factory=dict)
    first_round: int = 0
    setup_tasks: tuple[str, ...] = ()
    task_labels: Mapping[str, str] = field(default_factory=dict)
    signs: tuple[re.Pattern[str], ...] = ()
    readers: tuple[tuple[re.Pattern[str], LineReader], ...] = ()
    untold: tuple[str, ...] = ()
    told_at_end: tuple[str, ...] = ()

    def is_setup_task(self, name: str) -> bool:
        """Return whether a task only configures or starts a site."""
        return any(_has_name(name, setup) for setup in self.setup_tasks)

    def task_label(self, name: str) -> str:
        """Return the phrase for a task; empty if there is none."""
        own = next((label for known, label in self.task_labels.items() if _has_name(name, known)), "")
        return own or TASK_LABELS.get(name, "")

    def describe(self, workflow_id: str, class_name: str = "") -> Workflow:
        """Return what is known of a workflow of this kind from its class alone."""
        return Workflow(
            workflow_id,
            class_name,
            kind=self.name,
            is_self_directed=self.is_self_directed,
            untold=self.untold,
            told_at_end=self.told_at_end,
        )


def _has_name(task: str, name: str) -> bool:
    """Return whether a task has a name, perhaps with the workflow's prefix before it: ``swarm_config``."""
    return task == name or task.endswith(f"_{name}")
