"""State of one workflow while its lines are read from the server's log."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..job.model import SiteTask


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
    open_tasks
        The tasks of the sites that work without tasks from the server, by site.
    """

    id: str
    round: int | None = None
    metric_round: int | None = None
    open_tasks: dict[str, SiteTask] = field(default_factory=dict)
