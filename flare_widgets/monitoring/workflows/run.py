"""State of one workflow while its lines are read from the server's log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..job.model import Round, SiteTask
from ..job.updates import Update


@dataclass
class WorkflowRun:
    """Run of a workflow, as far as its log was read.

    Attributes
    ----------
    id
        The workflow's id.
    round
        The round that the next lines belong to; None before the first, after the last, and outside of rounds.
    metric_round
        The latest round that has started: results that come late are of it.
    step
        The number of the latest task that was handed out, from 0, of a kind whose metrics may have no round.
    has_gap
        True if lines are missing: then what has to be counted is not known any more.
    stage_label
        The phrase for the tasks of the stage that runs, of a kind whose stages have the same tasks; else empty.
    open_tasks
        The tasks that the sites work on without a task from the server, oldest first, by site or by what else the kind
        tells them apart.
    count
        The number of lines that the kind's readers have counted.
    """

    id: str
    round: int | None = None
    metric_round: int | None = None
    step: int | None = None
    has_gap: bool = False
    stage_label: str = ""
    open_tasks: dict[str, list[SiteTask]] = field(default_factory=dict)
    count: int = 0

    @property
    def metric_number(self) -> int | None:
        """The number of the round that a metric is of, or of the step of a workflow that logs no rounds."""
        return self.step if self.metric_round is None else self.metric_round

    def start_round(self, number: int, at: float | None) -> Iterator[Update]:
        """Start a round: the next lines belong to it."""
        self.round = self.metric_round = number
        yield Round(number, at, workflow=self.id)

    def end_round(self, number: int, at: float | None) -> Iterator[Update]:
        """End a round: the next lines belong to none."""
        self.round = None
        yield Round(number, None, at, self.id)

    def mark_gap(self) -> None:
        """Mark a gap in the log: the lines after it may belong to another round."""
        self.round = self.metric_round = self.step = None
        self.stage_label = ""
        self.has_gap = True
