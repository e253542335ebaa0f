"""Comparison of two snapshots: the changes from one to the next. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnosis.model import Failure
from .model import Point, Round, StatusChange
from .snapshot import JobSnapshot


@dataclass(frozen=True)
class NewStatus:
    """Change of the job's status."""

    change: StatusChange


@dataclass(frozen=True)
class NewRound:
    """Start of a round."""

    round: Round


@dataclass(frozen=True)
class NewMetric:
    """New metric value for one more round, or a changed one for a known round.

    Attributes
    ----------
    name
        The metric's name.
    site
        The site; empty for the aggregate over all sites.
    point
        The round and the value.
    workflow
        The workflow's id.
    """

    name: str
    site: str
    point: Point
    workflow: str = ""


@dataclass(frozen=True)
class NewFailure:
    """Diagnosis of a job that ended badly or does not start."""

    failure: Failure


@dataclass(frozen=True)
class JobEnded:
    """End of the job, after the final fetch; sent by the watch, since no snapshot shows it."""


Change = NewStatus | NewRound | NewMetric | NewFailure | JobEnded


def diff_snapshots(before: JobSnapshot, after: JobSnapshot) -> list[Change]:
    """Return the changes from `before` to `after`, in the order in which they are delivered.

    Parameters
    ----------
    before, after
        Two snapshots of the same job, the earlier one first.
    """
    found: list[Change] = []
    seen = {s.status for s in before.timeline}
    found += [NewStatus(s) for s in after.timeline if s.status not in seen]
    if after.rounds is not before.rounds:
        begun = {(r.workflow, r.number) for r in before.rounds}
        found += [NewRound(r) for r in after.rounds if (r.workflow, r.number) not in begun]
    if after.round_metrics is not before.round_metrics:
        known = {(s.name, s.site, s.workflow): s.points for s in before.round_metrics}
        for series in after.round_metrics:
            points = known.get((series.name, series.site, series.workflow), ())
            told = {p.round: p.value for p in points}
            found += [
                NewMetric(series.name, series.site, point, series.workflow)
                for point in series.points
                if told.get(point.round) != point.value
            ]
    if after.failure is not None and after.failure != before.failure:
        found.append(NewFailure(after.failure))
    return found
