"""Jobs side by side: the course of each, its arguments, and its metrics. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...formatting.text import SHORT_ID, format_duration, format_numbers_apart, sanitize, shorten_names
from ...monitoring.job.format import known_total_rounds, rounds_begun_in
from ...monitoring.job.metric_direction import best_point, metric_direction
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.trouble import absence_note, status_text
from ...script_arguments import describe_arguments, to_value
from ..job.timeline import STATUS_GLYPHS, readable_status, status_category

MAX_METRICS = 12
"""The most metrics that are compared."""

MAX_ARGUMENTS = 30
"""The most arguments in which jobs differ that have a column each."""

_MAX_POINTS = 40_000  # of all jobs and metrics, in one message to a browser
_MIN_POINTS_PER_LINE, _MAX_POINTS_PER_LINE = 20, 2000  # a chart has fewer pixels
_MAX_LABEL_CHARS = 40
_MAX_SHARED_CHARS = 500
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
    numbers
        The facts that are numbers: ``sites``, ``rounds`` (those begun), and ``time`` in seconds.
    arguments
        The arguments of its sites' script, by name.
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
    numbers: dict[str, float]
    arguments: dict[str, str]
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
    arguments
        The names of the arguments in which the jobs differ.
    shared
        The facts and arguments that all jobs have in common, in words; empty if there are none.
    stride
        The points have one round in so many, and the best and the last: 1 unless there are very many.
    """

    jobs: tuple[ComparedJob, ...]
    metrics: tuple[str, ...]
    directions: dict[str, str]
    arguments: tuple[str, ...]
    shared: str
    stride: int = 1

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

    def ranking(self) -> list[int]:
        """Return the indices of the jobs, the best by the first metric first; as they are if that has no direction."""
        metric = next(iter(self.metrics), "")
        sign = {"max": -1.0, "min": 1.0}.get(self.directions.get(metric, ""), 0.0)

        def key(number: int) -> tuple[bool, float]:
            line = self.jobs[number].lines.get(metric)
            return line is None, 0.0 if line is None else sign * line.best

        return sorted(range(len(self.jobs)), key=key)

    def records(self) -> list[dict[str, Any]]:
        """Return a flat record for each job: its facts, ``arg.NAME`` of each argument, and its metrics.

        Of each metric, ``metric.NAME`` is the best value (the last one if its better direction is unknown), and
        ``round.NAME`` its round.
        """
        names = dict.fromkeys(name for job in self.jobs for name in job.arguments)
        return [
            {
                "job_id": job.job_id,
                "name": job.name,
                "status": job.status,
                "workflow": job.facts["workflow"] or None,
                **{key: job.numbers.get(key) for key in ("sites", "rounds", "time")},
                **{f"arg.{name}": to_value(job.arguments[name]) if name in job.arguments else None for name in names},
                **{
                    f"{kind}.{metric}": getattr(job.lines.get(metric), attribute, None)
                    for metric in self.metrics
                    for kind, attribute in (("metric", "best"), ("round", "best_round"))
                },
            }
            for job in self.jobs
        ]


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes
    ----------
    text
        Its text.
    value
        The number or text by which rows are sorted and filtered; None if there is none. Of a job its whole name, since
        its label may be shortened.
    note
        A word on the value: the round of a metric.
    difference, tone
        The difference to the baseline, with its sign; and ``better`` or ``worse``. Empty if there is none.
    is_best
        True for the best value in the column.
    """

    text: str
    value: float | str | None
    note: str = ""
    difference: str = ""
    tone: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the table: its heading, its name in a filter, its kind, and a cell for each job.

    The kind is ``fact``, ``argument`` or ``metric``; of a metric there is its better direction, if that is known.
    """

    heading: str
    name: str
    kind: str
    cells: tuple[Cell, ...]
    direction: str = ""


def compare_snapshots(snapshots: Sequence[JobSnapshot], now: float) -> Comparison:
    """Return a comparison of jobs.

    Parameters
    ----------
    snapshots
        The snapshots of the jobs.
    now
        The current time, for running jobs.
    """
    shown = [snapshot.headline_metric for snapshot in snapshots]
    names: dict[str, None] = dict.fromkeys(sanitize(name, 60) for name in shown if name)
    for snapshot in snapshots:
        names |= dict.fromkeys(sanitize(s.name, 60) for s in snapshot.round_metrics if not s.site and s.points)
    metrics = tuple(names)[:MAX_METRICS]
    keys = [s.key_metric for s in snapshots if s.key_metric is not None]
    keys = [replace(key, name=sanitize(key.name, 60)) for key in keys]
    directions = {metric: metric_direction(metric, *keys) for metric in metrics}
    room = _MAX_POINTS // max(1, len(metrics) * len(snapshots))
    room = min(max(room, _MIN_POINTS_PER_LINE), _MAX_POINTS_PER_LINE)
    longest = max((len(series.points) for s in snapshots for series in s.round_metrics if not series.site), default=0)
    stride = math.ceil(longest / room) or 1
    labels = _unique_labels(snapshots)
    jobs = tuple(
        _build_compared_job(snapshot, label, directions, now, stride)
        for snapshot, label in zip(snapshots, labels, strict=True)
    )
    arguments = dict.fromkeys(name for job in jobs for name in job.arguments)
    differing = tuple(name for name in arguments if len({job.arguments.get(name) for job in jobs}) > 1)
    return Comparison(jobs, metrics, directions, differing[:MAX_ARGUMENTS], _describe_shared(jobs, differing), stride)


def build_columns(comparison: Comparison, baseline: int | None = None) -> list[Column]:
    """Return the table: jobs, status, the arguments in which they differ, the metrics, and the facts.

    Parameters
    ----------
    comparison
        The jobs.
    baseline
        The index of the job with which the values of the others are compared.
    """
    jobs = comparison.jobs
    differing = [f for f in ("workflow", "sites") if len({job.facts.get(f) for job in jobs}) > 1]
    return [
        Column("job", "job", "fact", tuple(Cell(job.label, job.name or job.label) for job in jobs)),
        Column("status", "status", "fact", tuple(_status_cell(job) for job in jobs)),
        *(
            Column(name, name, "argument", tuple(_argument_cell(job.arguments.get(name)) for job in jobs))
            for name in comparison.arguments
        ),
        *(_metric_column(comparison, metric, baseline) for metric in comparison.metrics),
        *(
            Column(fact, fact, "fact", tuple(_fact_cell(job, fact) for job in jobs))
            for fact in ("rounds", "time", *differing)
        ),
    ]


def _metric_column(comparison: Comparison, metric: str, baseline: int | None) -> Column:
    direction, winners = comparison.directions[metric], comparison.winners(metric)
    lines = [job.lines.get(metric) for job in comparison.jobs]
    texts = iter(format_numbers_apart(line.best for line in lines if line is not None))
    reference = None if baseline is None else lines[baseline]
    cells = []
    for number, line in enumerate(lines):
        if line is None:
            cells.append(Cell("–", None))
            continue
        difference, tone = "", ""
        if reference is not None and number != baseline and math.isfinite(change := line.best - reference.best):
            difference = f"{change:+.3g}".replace("-", "−") if change else "±0"
            tone = "" if not change or not direction else "better" if (change > 0) == (direction == "max") else "worse"
        cells.append(Cell(next(texts), line.best, f"round {line.best_round}", difference, tone, number in winners))
    return Column(f"{'best' if direction else 'last'} {metric}", metric, "metric", tuple(cells), direction)


def _status_cell(job: ComparedJob) -> Cell:
    text = readable_status(job.status) or "unknown"
    return Cell(f"{job.glyph} {text}", text)


def _fact_cell(job: ComparedJob, fact: str) -> Cell:
    text = job.facts.get(fact, "")
    return Cell(text or "–", job.numbers.get(fact, text or None))


def _argument_cell(value: str | None) -> Cell:
    return Cell("–", None) if value is None else Cell(value, to_value(value))


def _unique_labels(snapshots: Sequence[JobSnapshot]) -> list[str]:
    names = [sanitize(s.name, 200) or "job" for s in snapshots]
    short = shorten_names(names, _MAX_LABEL_CHARS)
    labels = [
        short[name] if names.count(name) == 1 else f"{short[name]} {sanitize(s.job_id[:SHORT_ID])}"
        for name, s in zip(names, snapshots, strict=True)
    ]
    # The same job twice, or ids that begin alike.
    return [label if labels.count(label) == 1 else f"{label} ({n + 1})" for n, label in enumerate(labels)]


def _describe_shared(jobs: Sequence[ComparedJob], differing: Sequence[str]) -> str:
    if not jobs:
        return ""
    first = jobs[0]
    facts = [
        f"{fact} {first.facts[fact]}"
        for fact in ("workflow", "sites")
        if first.facts.get(fact) and len({job.facts.get(fact) for job in jobs}) == 1
    ]
    arguments = {name: value for name, value in first.arguments.items() if name not in differing}
    words = ", ".join([*facts, *([describe_arguments(arguments)] if arguments else [])])
    return sanitize(words, _MAX_SHARED_CHARS)


def _build_compared_job(
    snapshot: JobSnapshot, label: str, directions: Mapping[str, str], now: float, stride: int
) -> ComparedJob:
    elapsed = snapshot.elapsed(snapshot.as_of(now))
    sites = snapshot.participating_sites
    begun, rounds = _count_rounds(snapshot)
    facts = {
        "workflow": sanitize(", ".join(w.name for w in snapshot.workflows if w.name), 60),
        "sites": str(len(sites)) if sites else "",
        "rounds": rounds,
        "time": "" if elapsed is None else format_duration(elapsed),
    }
    numbers = {"sites": float(len(sites)), "rounds": float(begun), "time": elapsed}
    lines = {}
    # Of two workflows with the same metric, the one whose metrics count comes last, and stays.
    counting = snapshot.metric_workflow.id
    for series in sorted(snapshot.round_metrics, key=lambda series: series.workflow == counting):
        name = sanitize(series.name, 60)
        points = [p for p in series.points if math.isfinite(p.value)]
        if series.site or name not in directions or not points:
            continue
        best = best_point(points, directions[name])
        first = snapshot.nth_round(0, series.workflow)
        # The same rounds are kept of each job.
        kept = [p for p in points if (first + p.round) % stride == 0 or p is best or p is points[-1]]
        values = tuple((first + p.round, p.value) for p in kept)
        lines[name] = ComparedMetric(values, first + best.round, best.value)
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
        {name: number for name, number in numbers.items() if number},
        {sanitize(argument.name, 60): sanitize(argument.value, 200) for argument in snapshot.arguments},
        lines,
        sanitize(trouble),
        sanitize(f"no metrics: {missing}") if missing and not trouble else "",
    )


def _count_rounds(snapshot: JobSnapshot) -> tuple[int, str]:
    """Return the rounds of all workflows begun, and with their total, ``3/9``; empty text if none has begun."""
    begun = sum(rounds_begun_in(snapshot, workflow) for workflow in snapshot.workflows)
    totals = [known_total_rounds(snapshot, w) for w in snapshot.workflows if w.total_rounds or snapshot.rounds_of(w.id)]
    if not begun:
        return 0, ""
    return begun, str(begun) if None in totals else f"{begun}/{sum(total or 0 for total in totals)}"
