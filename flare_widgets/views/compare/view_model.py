"""Jobs side by side: how each went, and their metrics over each other. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...formatting.text import SHORT_ID, clean
from ...monitoring.job.format import clock, metric_shown, nth_round, number
from ...monitoring.job.snapshot import JobSnapshot
from ..job.timeline import GLYPHS, tone

MOST_JOBS = 8
"""Jobs that are compared at most: more lines in one chart are not told apart."""

MOST_METRICS = 12
"""Metrics that are compared at most."""

_MOST_POINTS = 2000  # of a line; a chart has fewer pixels
_SMALLER_IS_BETTER = re.compile(r"loss|error|err\b|mse|mae|rmse|perplexity|divergence|distance|time", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """A metric of one job, over all its sites.

    Attributes
    ----------
    points
        Round and value; rounds are counted from 1.
    best_round, best
        The best of them.
    """

    points: tuple[tuple[int, float], ...]
    best_round: int
    best: float


@dataclass(frozen=True)
class Compared:
    """A job beside others. All texts are clean.

    Attributes
    ----------
    label
        What tells it from the others: its name, with the short id where names are the same.
    job_id, name, status, tone, glyph
        The job, and which way it goes.
    facts
        What it is made of and how it went, by heading: ``workflow``, ``sites``, ``rounds``, ``time``.
    lines
        Its metrics by name.
    trouble
        Why something is missing or stale; else empty.
    """

    label: str
    job_id: str
    name: str
    status: str
    tone: str
    glyph: str
    facts: dict[str, str]
    lines: dict[str, Line]
    trouble: str = ""


@dataclass(frozen=True)
class Comparison:
    """Jobs beside each other.

    Attributes
    ----------
    jobs
        In the order they were asked for.
    metrics
        The names of what can be compared, the jobs' own key metrics first.
    smaller
        Those of the metrics of which less is better.
    differences
        The facts in which the jobs differ.
    """

    jobs: tuple[Compared, ...]
    metrics: tuple[str, ...]
    smaller: tuple[str, ...]
    differences: tuple[str, ...]

    def best(self, metric: str) -> tuple[int, float] | None:
        """Return the best round of all jobs by a metric, and its value; None when no job has it."""
        found = [(line.best_round, line.best) for job in self.jobs if (line := job.lines.get(metric)) is not None]
        better = min if metric in self.smaller else max
        return better(found, key=lambda point: point[1]) if found else None


def compare_snapshots(snapshots: Sequence[JobSnapshot], now: float) -> Comparison:
    """Return jobs beside each other.

    Parameters
    ----------
    snapshots
        What is known about each of them; the first eight count.
    now
        The time, for those that run.
    """
    snapshots = snapshots[:MOST_JOBS]
    shown = [metric_shown(snapshot) for snapshot in snapshots]
    names: dict[str, None] = dict.fromkeys(clean(name, 60) for name in shown if name)
    for snapshot in snapshots:
        names |= dict.fromkeys(clean(s.name, 60) for s in snapshot.metrics if not s.site and s.points)
    metrics = tuple(names)[:MOST_METRICS]
    keys = [s.key_metric for s in snapshots if s.key_metric is not None]
    modes = {clean(key.name, 60): key.mode for key in keys}
    smaller = tuple(m for m in metrics if modes.get(m, "min" if _SMALLER_IS_BETTER.search(m) else "max") == "min")
    labels = _labels(snapshots)
    jobs = tuple(_compared(*each, smaller, metrics, now) for each in zip(snapshots, labels, strict=True))
    headings = jobs[0].facts if jobs else {}
    differences = tuple(h for h in headings if h != "time" and len({job.facts.get(h) for job in jobs}) > 1)
    return Comparison(jobs, metrics, smaller, differences)


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of the table: a row a job, a column a fact and a column a metric's best."""
    facts = list(comparison.jobs[0].facts) if comparison.jobs else []
    headings = ["job", "status", *facts, *(f"best {metric}" for metric in comparison.metrics)]
    rows = []
    for job in comparison.jobs:
        best = [_best(job.lines.get(metric)) for metric in comparison.metrics]
        rows.append([job.label, f"{job.glyph} {job.status}", *(job.facts.get(f, "") or "–" for f in facts), *best])
    return headings, rows


def _best(line: Line | None) -> str:
    return "–" if line is None else f"{number(line.best)} (round {line.best_round})"


def _labels(snapshots: Sequence[JobSnapshot]) -> list[str]:
    names = [clean(s.name, 40) or "job" for s in snapshots]
    return [
        name if names.count(name) == 1 else f"{name} {clean(s.job_id[:SHORT_ID])}"
        for name, s in zip(names, snapshots, strict=True)
    ]


def _compared(
    snapshot: JobSnapshot, label: str, smaller: Sequence[str], metrics: Sequence[str], now: float
) -> Compared:
    total, begun = snapshot.total_rounds, snapshot.rounds_begun
    seen = snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now
    elapsed = snapshot.elapsed(seen)
    sites = snapshot.working_sites
    facts = {
        "workflow": clean(snapshot.workflow, 60),
        "sites": str(len(sites)) if sites else "",
        "rounds": (f"{begun}/{total}" if total else str(begun)) if begun else "",
        "time": "" if elapsed is None else clock(elapsed),
    }
    lines = {}
    for series in snapshot.metrics:
        name = clean(series.name, 60)
        points = [p for p in series.points if math.isfinite(p.value)]
        if series.site or name not in metrics or not points:
            continue
        best = (min if name in smaller else max)(points, key=lambda p: p.value)
        kept = points[:: len(points) // _MOST_POINTS + 1]
        lines[name] = Line(
            tuple((nth_round(snapshot, p.round), p.value) for p in kept),
            nth_round(snapshot, best.round),
            best.value,
        )
    missing = "" if lines else snapshot.fresh("metrics").missing
    trouble = snapshot.trouble if snapshot.trouble and not snapshot.ended else missing and f"no metrics: {missing}"
    way = tone(snapshot)
    return Compared(
        label,
        clean(snapshot.job_id),
        clean(snapshot.name),
        clean(snapshot.status) or "UNKNOWN",
        way,
        GLYPHS[way],
        facts,
        lines,
        clean(trouble),
    )
