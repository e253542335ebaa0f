"""A job in a few lines, for the end of it: how it went, its metrics, what failed and what to do next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...formatting.text import clean, columns
from .format import ago, clock, label, last_points, lost, metric_shown, nth_round, number, unknown, waited

if TYPE_CHECKING:
    from .snapshot import JobSnapshot

MOST_METRICS, MOST_SITES = 6, 20
"""Columns and rows of the table of metrics; the rest is counted."""

MOST_LOG = 8
"""Lines of a log that are shown for a failure."""

_LOG_LINE = 200  # characters of one
_TOGETHER = "all together"
_WORDS = 500  # characters of a sentence about a failure


def summary(snapshot: JobSnapshot, now: float | None = None) -> str:
    """Return how the job went, in a few lines of text.

    Status and run time, rounds and the best one, the last metrics over all sites and of each site, what failed and
    what to do next, and what is not known and why. Of a job that has not ended, how it stands.

    Parameters
    ----------
    snapshot
        What is known about the job.
    now
        The time the text is for (seconds since the epoch); the current time when not given.
    """
    now = time.time() if now is None else now
    lines = [_headline(snapshot, now), *_failure(snapshot), *_rounds(snapshot)]
    lines += [line for line in (waited(snapshot, now), lost(snapshot)) if line]
    if snapshot.trouble and not snapshot.ended:
        age = snapshot.age(now)
        lines.append(f"{clean(snapshot.trouble)}{'' if age is None else f'; this is as of {ago(age)} ago'}")
    lines += _table(snapshot)
    lines += unknown(snapshot, now)
    return "\n".join(lines)


def _headline(snapshot: JobSnapshot, now: float) -> str:
    words = f"{label(snapshot.name, snapshot.job_id)}  {clean(snapshot.status) or 'UNKNOWN'}"
    seen = snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now
    elapsed = snapshot.elapsed(seen)
    if snapshot.ended:
        return f"{words} before it ran" if elapsed is None else f"{words} after {clock(elapsed)}"
    return words if elapsed is None else f"{words} for {clock(elapsed)}"


def _failure(snapshot: JobSnapshot) -> Iterator[str]:
    if snapshot.failure is not None:
        yield clean(snapshot.failure.sentence, _WORDS)
        if snapshot.failure.next_step:
            yield f"Next: {clean(snapshot.failure.next_step, _WORDS)}"
        yield from (f"Not known: {clean(sentence, _WORDS)}" for sentence in snapshot.failure.missing)
        if snapshot.failure.log:
            yield f"The last lines of the log of {clean(snapshot.failure.log_of, 60) or 'the job'}:"
            yield from (f"  {clean(line, _LOG_LINE)}" for line in snapshot.failure.log[-MOST_LOG:])
    for site in snapshot.sites:
        if site.state == "failed":
            yield f"{clean(site.name, 60)} could not take the job: {clean(site.detail) or 'it did not say why'}"


def _rounds(snapshot: JobSnapshot) -> Iterator[str]:
    if not snapshot.rounds:
        return
    begun, total = snapshot.rounds_begun, snapshot.total_rounds
    words = f"{begun} of {total} rounds" if total is not None else f"{begun} {'round' if begun == 1 else 'rounds'}"
    best = snapshot.best
    if best is not None:
        name = snapshot.key_metric.name if snapshot.key_metric is not None else metric_shown(snapshot)
        words += f", the best was round {nth_round(snapshot, best.round)}"
        words += f" with {clean(name or 'a metric of', 30)} {number(best.value)}"
    yield words


def _table(snapshot: JobSnapshot) -> Iterator[str]:
    """The newest value of each metric, a row a site."""
    points = last_points(snapshot)
    if not points:
        return
    names = sorted({name for row in points.values() for name in row}, key=lambda n: (n != metric_shown(snapshot), n))
    shown, sites = names[:MOST_METRICS], sorted(points)
    rounds = {point.round for row in points.values() for point in row.values()}
    # The sites' values and those over all of them may be of different rounds: then each says which.
    told = f"round {nth_round(snapshot, rounds.pop())}" if len(rounds) == 1 else ""
    rows = [[told, *(clean(name, 30) for name in shown)]]
    for site in sites[:MOST_SITES]:
        values = []
        for name in shown:
            point = points[site].get(name)
            which = "" if told or point is None else f" (round {nth_round(snapshot, point.round)})"
            values.append("-" if point is None else number(point.value) + which)
        rows.append([clean(site, 40) if site else _TOGETHER, *values])
    widths = [max(columns(row[i]) for row in rows) for i in range(len(rows[0]))]
    yield ""
    for first, *values in rows:
        cells = [" " * (width - columns(value)) + value for value, width in zip(values, widths[1:], strict=True)]
        yield "  ".join([first + " " * (widths[0] - columns(first)), *cells]).rstrip()
    more = [
        f"{count} more {what}"
        for count, what in ((len(sites) - MOST_SITES, "sites"), (len(names) - MOST_METRICS, "metrics"))
        if count > 0
    ]
    if more:
        yield f"... and {' and '.join(more)}"
