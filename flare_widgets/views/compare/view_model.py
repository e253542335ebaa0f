"""Jobs side by side: the course of each, and their metrics in common charts. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...formatting.text import SHORT_ID, format_duration, format_numbers_apart, sanitize
from ...monitoring.job.format import known_total_rounds, rounds_begun_in
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.trouble import absence_note, status_text
from ..core.metric_direction import metric_direction
from ..job.timeline import STATUS_GLYPHS, status_category

MAX_JOBS = 8
"""The most jobs that are compared: more lines in one chart cannot be told apart."""

MAX_METRICS = 12
"""The most metrics that are compared."""

_MAX_POINTS_PER_LINE = 2000  # a chart has fewer pixels
_BETTER = {"max": max, "min": min}


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of one job, over all its sites.

    Attributes
    ----------
    points
        Round and value; rounds are counted from 1.
    best_round, best
        The best of these points; the last one if the better direction is unknown.
    """

    points: tuple[tuple[int, float], ...]
    best_round: int
    best: float


@dataclass(frozen=True)
class ComparedJob:
    """A job in a comparison. All texts are sanitized.

    Attributes
    ----------
    label
        The job's distinct label: its name, with the short id where names are the same.
    job_id, name, status, glyph
        The job, and the glyph of its category.
    facts
        Its configuration and course, by heading: ``workflow``, ``sites``, ``rounds``, ``time``.
    lines
        Its metrics by name.
    trouble
        A sentence if the job is lost, or the server does not answer; else empty.
    problem
        The reason why something is missing; else empty.
    """

    label: str
    job_id: str
    name: str
    status: str
    glyph: str
    facts: dict[str, str]
    lines: dict[str, ComparedMetric]
    trouble: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Comparison:
    """Jobs side by side.

    Attributes
    ----------
    jobs
        In the requested order.
    metrics
        The names of the metrics that can be compared, the jobs' own key metrics first.
    directions
        The better direction of each metric, ``max`` or ``min``; empty if it is unknown.
    differences
        The properties in which the jobs differ.
    """

    jobs: tuple[ComparedJob, ...]
    metrics: tuple[str, ...]
    directions: dict[str, str]
    differences: tuple[str, ...]

    def winners(self, metric: str) -> frozenset[int]:
        """Return the indices of the jobs with the best value of a metric; empty if nothing is better than the rest."""
        found = {n: line.best for n, job in enumerate(self.jobs) if (line := job.lines.get(metric)) is not None}
        best = self.best(metric)
        if best is None or len(set(found.values())) < 2:
            return frozenset()
        return frozenset(number for number, value in found.items() if value == best[1])

    def best(self, metric: str) -> tuple[int, float] | None:
        """Return the best round of all jobs by a metric, and its value.

        None if no job has the metric, or its better direction is unknown.
        """
        found = [(line.best_round, line.best) for job in self.jobs if (line := job.lines.get(metric)) is not None]
        better = _BETTER.get(self.directions.get(metric, ""))
        return better(found, key=lambda point: point[1]) if found and better is not None else None


def compare_snapshots(snapshots: Sequence[JobSnapshot], now: float) -> Comparison:
    """Return a comparison of jobs.

    Parameters
    ----------
    snapshots
        The snapshots of the jobs; only the first eight are used.
    now
        The current time, for running jobs.
    """
    snapshots = snapshots[:MAX_JOBS]
    shown = [snapshot.headline_metric for snapshot in snapshots]
    names: dict[str, None] = dict.fromkeys(sanitize(name, 60) for name in shown if name)
    for snapshot in snapshots:
        names |= dict.fromkeys(sanitize(s.name, 60) for s in snapshot.metrics if not s.site and s.points)
    metrics = tuple(names)[:MAX_METRICS]
    keys = [s.key_metric for s in snapshots if s.key_metric is not None]
    keys = [replace(key, name=sanitize(key.name, 60)) for key in keys]
    directions = {metric: metric_direction(metric, *keys) for metric in metrics}
    labels = _unique_labels(snapshots)
    jobs = tuple(_build_compared_job(*each, directions, now) for each in zip(snapshots, labels, strict=True))
    headings = jobs[0].facts if jobs else {}
    differences = tuple(h for h in headings if h != "time" and len({job.facts.get(h) for job in jobs}) > 1)
    return Comparison(jobs, metrics, directions, differences)


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of the table: a row per job, a column per property and per metric's best."""
    facts = list(comparison.jobs[0].facts) if comparison.jobs else []
    headings = ["job", "status", *facts, *(_value_heading(comparison, metric) for metric in comparison.metrics)]
    columns = [_format_column([job.lines.get(metric) for job in comparison.jobs]) for metric in comparison.metrics]
    rows = [
        [
            job.label,
            f"{job.glyph} {job.status}",
            *(job.facts.get(f, "") or "–" for f in facts),
            *(column[number] for column in columns),
        ]
        for number, job in enumerate(comparison.jobs)
    ]
    return headings, rows


def best_cells(comparison: Comparison) -> list[tuple[int, int]]:
    """Return the row and the column of each cell of the table that has the best value of its metric."""
    first = 2 + len(comparison.jobs[0].facts) if comparison.jobs else 0
    return [
        (row, column)
        for column, metric in enumerate(comparison.metrics, first)
        for row in sorted(comparison.winners(metric))
    ]


def _value_heading(comparison: Comparison, metric: str) -> str:
    return f"{'best' if comparison.directions[metric] else 'last'} {metric}"


def _format_column(lines: Sequence[ComparedMetric | None]) -> list[str]:
    values = iter(format_numbers_apart(line.best for line in lines if line is not None))
    return ["–" if line is None else f"{next(values)} (round {line.best_round})" for line in lines]


def _unique_labels(snapshots: Sequence[JobSnapshot]) -> list[str]:
    names = [sanitize(s.name, 40) or "job" for s in snapshots]
    return [
        name if names.count(name) == 1 else f"{name} {sanitize(s.job_id[:SHORT_ID])}"
        for name, s in zip(names, snapshots, strict=True)
    ]


def _build_compared_job(snapshot: JobSnapshot, label: str, directions: Mapping[str, str], now: float) -> ComparedJob:
    elapsed = snapshot.elapsed(snapshot.as_of(now))
    sites = snapshot.participating_sites
    facts = {
        "workflow": sanitize(", ".join(w.name for w in snapshot.workflows if w.name), 60),
        "sites": str(len(sites)) if sites else "",
        "rounds": _count_rounds(snapshot),
        "time": "" if elapsed is None else format_duration(elapsed),
    }
    lines = {}
    # Of two workflows with the same metric, the one whose metrics count comes last, and stays.
    counting = snapshot.metric_workflow.id
    for series in sorted(snapshot.metrics, key=lambda series: series.workflow == counting):
        name = sanitize(series.name, 60)
        points = [p for p in series.points if math.isfinite(p.value)]
        if series.site or name not in directions or not points:
            continue
        better = _BETTER.get(directions[name])
        best = points[-1] if better is None else better(points, key=lambda p: p.value)
        kept = points[:: len(points) // _MAX_POINTS_PER_LINE + 1]
        lines[name] = ComparedMetric(
            tuple((snapshot.nth_round(p.round, series.workflow), p.value) for p in kept),
            snapshot.nth_round(best.round, series.workflow),
            best.value,
        )
    missing = "" if lines else snapshot.freshness_of("metrics").missing_reason
    trouble = "" if snapshot.ended else snapshot.trouble or absence_note(snapshot)
    category = "lost" if snapshot.is_zombie else status_category(snapshot.status, snapshot.ended)
    return ComparedJob(
        label,
        sanitize(snapshot.job_id),
        sanitize(snapshot.name),
        status_text(snapshot),
        STATUS_GLYPHS[category],
        facts,
        lines,
        sanitize(trouble),
        sanitize(f"no metrics: {missing}") if missing and not trouble else "",
    )


def _count_rounds(snapshot: JobSnapshot) -> str:
    """Return the rounds of all workflows: ``3/9``, or ``3`` if the total is unknown; empty if none has begun."""
    begun = sum(rounds_begun_in(snapshot, workflow) for workflow in snapshot.workflows)
    totals = [known_total_rounds(snapshot, w) for w in snapshot.workflows if w.total_rounds or snapshot.rounds_of(w.id)]
    if not begun:
        return ""
    return str(begun) if None in totals else f"{begun}/{sum(total or 0 for total in totals)}"
