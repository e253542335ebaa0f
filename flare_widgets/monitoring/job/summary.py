"""Summary of a job in a few lines: the outcome, its metrics, the failure and the next step."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...formatting.reader_time import format_clock_time
from ...formatting.table import align
from ...formatting.text import format_duration, format_number, sanitize
from .format import (
    job_label,
    metric_place,
    missing_notes,
    progress_text,
    untold_notes,
)
from .model import RANK_SELECTOR
from .state import JobState
from .trouble import absence_note, status_text, waiting_note

MAX_METRICS, MAX_SITES = 6, 20
"""Maximum number of columns and rows of the metrics table; the rest is counted."""

MAX_LOG_LINES = 8
"""Maximum number of log lines shown for a failure."""

MAX_EVENTS = 5
"""Maximum number of warnings and errors shown, the last ones."""

_MAX_LOG_LINE_CHARS = 200  # characters of one log line
_ALL_SITES, _MEAN = "all sites (aggregate)", "all sites (mean)"
_MAX_SENTENCE_CHARS = 500  # characters of a sentence about a failure


def summarize(snapshot: JobState, now: float | None = None) -> str:
    """Summarize a job in a few lines of text.

    Status and run time, rounds and the best one, the last metrics over all sites and of each site, the failure and
    the next step, any missing data with the reason, and the last warnings and errors. For a job that has not ended, its
    current state.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The time the text is for (seconds since the epoch); the current time if not given.
    """
    now = time.time() if now is None else now
    lines = [_headline(snapshot, now), *_failure_lines(snapshot), *_round_lines(snapshot)]
    lines += [line for line in (waiting_note(snapshot, now), absence_note(snapshot)) if line]
    if snapshot.trouble and not snapshot.ended:
        age = snapshot.age(now)
        lines.append(
            f"{sanitize(snapshot.trouble)}{'' if age is None else f'; last update {format_duration(age)} ago'}"
        )
    lines += _metric_table(snapshot)
    lines += [*missing_notes(snapshot, now), *untold_notes(snapshot), *_event_lines(snapshot)]
    return "\n".join(lines)


def _headline(snapshot: JobState, now: float) -> str:
    words = f"{job_label(snapshot.name, snapshot.job_id)}  {status_text(snapshot)}"
    elapsed = snapshot.elapsed(snapshot.as_of(now))
    if snapshot.ended:
        return f"{words} before it ran" if elapsed is None else f"{words} after {format_duration(elapsed)}"
    if elapsed is None:
        return words
    return f"{words} {'after' if snapshot.is_zombie else 'for'} {format_duration(elapsed)}"


def _failure_lines(snapshot: JobState) -> Iterator[str]:
    if snapshot.failure is not None:
        yield sanitize(snapshot.failure.sentence, _MAX_SENTENCE_CHARS)
        if snapshot.failure.next_step:
            yield f"Next: {sanitize(snapshot.failure.next_step, _MAX_SENTENCE_CHARS)}"
        yield from (f"Not known: {sanitize(sentence, _MAX_SENTENCE_CHARS)}" for sentence in snapshot.failure.missing)
        if snapshot.failure.log:
            yield f"The last lines of the log of {sanitize(snapshot.failure.log_of, 60) or 'the job'}:"
            yield from (f"  {sanitize(line, _MAX_LOG_LINE_CHARS)}" for line in snapshot.failure.log[-MAX_LOG_LINES:])
    for site in snapshot.sites:
        if site.state == "failed":
            yield f"{sanitize(site.name, 60)} did not accept the job: {sanitize(site.detail) or 'it gave no reason'}"


def _round_lines(snapshot: JobState) -> Iterator[str]:
    words, best = progress_text(snapshot), snapshot.best
    if words and best is not None and snapshot.key_metric is not None:
        words += f", the best was {metric_place(snapshot, best.round, best.workflow)}"
        words += f" with {sanitize(snapshot.key_metric.name, 30)} {format_number(best.value)}"
    if words:
        yield words


def _event_lines(snapshot: JobState) -> Iterator[str]:
    """Yield the last warnings and errors of the log."""
    noteworthy = [event for event in snapshot.events if event.kind in ("warning", "error")]
    if not noteworthy:
        return
    shown = noteworthy[-MAX_EVENTS:]
    more = f" (the last {len(shown)} of {len(noteworthy)})" if len(shown) < len(noteworthy) else ""
    yield f"Warnings and errors{more}:"
    for event in shown:
        often = f" ×{event.count}" if event.count > 1 else ""
        site = f"{sanitize(event.site, 40)}: " if event.site not in ("", "server") else ""
        yield f"  {format_clock_time(event.at)} {event.kind} {site}{sanitize(event.text, _MAX_LOG_LINE_CHARS)}{often}"


def _metric_table(snapshot: JobState) -> Iterator[str]:
    """Yield the lines of a table of the newest metric values, one row per site."""
    points = snapshot.newest_points
    if not points:
        return
    names = sorted({name for row in points.values() for name in row}, key=lambda n: (n != snapshot.headline_metric, n))
    shown, sites = names[:MAX_METRICS], sorted(points)
    rounds = {point.round for row in points.values() for point in row.values()}
    # The sites' values and the aggregates may be from different rounds: then each names its round.
    workflow = snapshot.metric_workflow.id
    told = metric_place(snapshot, rounds.pop(), workflow) if len(rounds) == 1 else ""
    # The mean by which the server selects the best model: it does not weigh the sites by their data.
    is_mean = all(point.rank == RANK_SELECTOR for point in points.get("", {}).values())
    all_sites = _MEAN if is_mean else _ALL_SITES
    rows = [[told, *(sanitize(name, 30) for name in shown)]]
    for site in sites[:MAX_SITES]:
        values = []
        for name in shown:
            point = points[site].get(name)
            which = "" if told or point is None else f" ({metric_place(snapshot, point.round, workflow)})"
            values.append("-" if point is None else format_number(point.value) + which)
        rows.append([sanitize(site, 40) if site else all_sites, *values])
    yield ""
    yield from align(rows, numbers=True)
    more = [
        f"{count} more {what}"
        for count, what in ((len(sites) - MAX_SITES, "sites"), (len(names) - MAX_METRICS, "metrics"))
        if count > 0
    ]
    if more:
        yield f"... and {' and '.join(more)}"
