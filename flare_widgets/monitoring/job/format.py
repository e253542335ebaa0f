"""Snapshots as text: one line for a terminal, a ``print``, and the label for a screen reader.

The same sentence everywhere, for the time it is read at. Nothing in a snapshot is trusted: all of it is sanitized.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...formatting.text import SHORT_ID, sanitize
from .model import Freshness, Point

if TYPE_CHECKING:
    from .snapshot import JobSnapshot

MAX_NAMED = 4
"""Sites that are listed one by one; beyond that, only those with problems are, and the others are counted."""

_TYPICAL_TASK_ROUNDS = 10  # recent rounds from which the usual duration of a task is taken
# Seconds after which a server that has not tried to start a job is suspicious: it normally tries within one second.
_SCHEDULER_IDLE_AFTER_S = 30.0
_MAX_NAME_CHARS, _MAX_SITE_CHARS, _MAX_METRIC_CHARS, _MAX_REASON_CHARS = 60, 40, 30, 120  # characters
_STATE_LABELS = {"submitted": "done"}  # the matrix shows results, the sentence shows sites
GROUP_LABELS = {
    "rounds": "rounds",
    "metrics": "metrics",
    "activity": "work of the sites",
    "system": "connected sites",
    "failure": "cause of the failure",
}
"""Display name of each group of updates, see :class:`.Freshness`."""


def describe(snapshot: JobSnapshot, now: float | None = None) -> str:
    """Describe the job in one line.

    ``hello-numpy 76b8d043  RUNNING  round 6/10  accuracy 0.607  2:14, about 1:25 left  hospital-a working,
    hospital-b done``: name, short id, status, round (counted from 1), the key metric's newest value over all sites
    (and the best one, if different), time, the current activity of the sites; before that any problems, and at
    the end any missing data and the reason.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The time the line is for (seconds since the epoch); the current time if not given.
    """
    now = time.time() if now is None else now
    # Without answers from the server, the clock of the job stops.
    seen = snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now
    parts = [job_label(snapshot.name, snapshot.job_id), _status_text(snapshot, now)]
    parts += _problems(snapshot, seen)
    if snapshot.rounds:
        parts.append(f"round {snapshot.rounds_begun}{_of_total(snapshot)}")
    parts += [_metric_text(snapshot), _time_text(snapshot, seen), _sites_text(snapshot, seen)]
    parts += missing_notes(snapshot, now)
    return "  ".join(filter(None, parts))


def job_label(name: str, job_id: str) -> str:
    """Return a job's name and short id."""
    return f"{sanitize(name, _MAX_NAME_CHARS) or 'job'} {sanitize(job_id[:SHORT_ID])}"


def format_duration(seconds: float) -> str:
    """Format seconds as ``0:07``, ``2:14`` or ``1:02:03``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def format_number(value: float) -> str:
    """Format a metric's value in a few characters: ``0.607``, ``12346``, ``1.2e-07``."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e3:
        return f"{value:.3f}"
    return f"{value:.0f}" if 1e3 <= size < 1e7 else f"{value:.2g}"


def nth_round(snapshot: JobSnapshot, number: int) -> int:
    """Return the ordinal of a round, counted from 1 as in "round 6/10"; FLARE itself mostly counts from 0."""
    begin = snapshot.first_round
    if begin is None:
        begin = snapshot.rounds[0].number if snapshot.rounds else 0
    return number - begin + 1


def headline_metric(snapshot: JobSnapshot) -> str | None:
    """Return the name of the job's main metric: the key metric if it has an aggregate, else the first one that has."""
    names = [series.name for series in snapshot.metrics if not series.site and series.points]
    key = snapshot.key_metric.name if snapshot.key_metric is not None else None
    return key if key in names else next(iter(names), None)


def missing_notes(snapshot: JobSnapshot, now: float) -> list[str]:
    """Return notes on missing or outdated data of the job, with the reasons.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The time the notes are for.
    """
    return [
        f"{GROUP_LABELS.get(group.group, sanitize(group.group, _MAX_NAME_CHARS))} {_age_note(group, now)} "
        f"({sanitize(group.missing_reason, _MAX_REASON_CHARS)})"
        for group in snapshot.freshness
        if group.missing_reason and _is_worth_noting(snapshot, group.group)
    ]


def waiting_note(snapshot: JobSnapshot, now: float) -> str:
    """Return the job's waiting time and the server's reason; empty if the job is not waiting."""
    if snapshot.status != "SUBMITTED":
        return ""
    since = snapshot.submitted_at
    words = "waiting" if since is None else f"waiting for {format_duration(max(0.0, now - since))}"
    if snapshot.failure is not None:
        return words  # the reason is stated elsewhere
    attempts = snapshot.scheduling.attempts
    if snapshot.scheduling.reason:
        often = f", tried {attempts} times" if attempts > 1 else ""
        return f"{words}: {sanitize(snapshot.scheduling.reason, _MAX_REASON_CHARS)}{often}"
    if not attempts and since is not None and now - since > _SCHEDULER_IDLE_AFTER_S:
        return f"{words}: the server has not tried to start it yet"
    return words


def zombie_note(snapshot: JobSnapshot) -> str:
    """Return a note on a job that the server lists as RUNNING but does not run; empty for any other job."""
    if not snapshot.is_zombie:
        return ""
    return "the server no longer runs it (was it restarted?), so it will not end by itself"


def format_age(seconds: float) -> str:
    """Format an age: ``42 s``, ``5 min``, ``3 h``."""
    whole = int(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"


def _status_text(snapshot: JobSnapshot, now: float) -> str:
    words = sanitize(snapshot.status) or "UNKNOWN"
    age = snapshot.age(now)
    return f"{words} {format_age(age)} ago" if snapshot.trouble and age is not None and not snapshot.ended else words


def _problems(snapshot: JobSnapshot, as_of: float) -> Iterator[str]:
    yield waiting_note(snapshot, as_of)
    if snapshot.failure is not None:
        yield sanitize(snapshot.failure.sentence)
    yield zombie_note(snapshot)
    yield sanitize(snapshot.trouble)


def _of_total(snapshot: JobSnapshot) -> str:
    return "" if snapshot.total_rounds is None else f"/{snapshot.total_rounds}"


def _metric_text(snapshot: JobSnapshot) -> str:
    name = headline_metric(snapshot)
    series = None if name is None else snapshot.series(name)
    if name is None or series is None:
        return ""
    newest = series.points[-1]
    words = f"{sanitize(name, _MAX_METRIC_CHARS)} {format_number(newest.value)}"
    if snapshot.round is not None and newest.round < snapshot.round - 1:
        # A server's log has the mean of a round only if it is a new best.
        words += f" in round {nth_round(snapshot, newest.round)}"
    best = snapshot.best if snapshot.key_metric is None or snapshot.key_metric.name == name else None
    if best is not None and best.round != newest.round:
        words += f" (best {format_number(best.value)} in round {nth_round(snapshot, best.round)})"
    return words


def _time_text(snapshot: JobSnapshot, as_of: float) -> str:
    elapsed = None if snapshot.is_zombie else snapshot.elapsed(as_of)
    if elapsed is None:
        return ""
    left = None if snapshot.trouble else snapshot.remaining(as_of)
    about = f", about {format_duration(left)} left" if left is not None and left >= 1 else ""
    return f"{format_duration(elapsed)}{about}"


def _sites_text(snapshot: JobSnapshot, as_of: float) -> str:
    """Describe the activity of the sites; for a job that has ended, the failed ones."""
    doing = _site_states(snapshot, as_of)
    if snapshot.ended:
        doing = {site: words for site, words in doing.items() if words == "failed"}
    if len(doing) <= MAX_NAMED:
        return ", ".join(f"{sanitize(site, _MAX_SITE_CHARS)} {words}" for site, words in doing.items())
    by_word: dict[str, list[str]] = {}
    for site, words in doing.items():
        by_word.setdefault(words.partition(" ")[0], []).append(site)
    bad = [_join_sites(by_word.pop(word), word) for word in ("failed", "silent", "late") if word in by_word]
    return ", ".join([*bad, *(f"{len(sites)} {word}" for word, sites in sorted(by_word.items()))])


def _join_sites(sites: list[str], word: str) -> str:
    more = len(sites) - MAX_NAMED
    names = [sanitize(site, _MAX_SITE_CHARS) for site in sites[:MAX_NAMED]]
    return f"{', '.join(names)}{f' and {more} more' if more > 0 else ''} {word}"


def _site_states(snapshot: JobSnapshot, as_of: float) -> dict[str, str]:
    doing = {s.name: s.state for s in snapshot.sites if s.name != "server" or s.state == "failed"}
    if snapshot.status == "SUBMITTED":
        return {site: state for site, state in doing.items() if state != "waiting"}
    for activity in snapshot.activity:
        if activity.site != "server" and activity.at is not None:
            doing[activity.site] = "working" if activity.tasks else "waiting"
    for task in snapshot.tasks:
        if task.round is None:
            doing[task.site] = "failed" if task.failed else "waiting" if task.returned_at is not None else "working"
    # The last rounds show the usual duration of a task; a long job has had a great many tasks.
    since = (snapshot.round or 0) - _TYPICAL_TASK_ROUNDS
    tasks = tuple(task for task in snapshot.tasks if task.round is not None and task.round >= since)
    for site, row in dataclasses.replace(snapshot, tasks=tasks).matrix(as_of).items():
        cell = None if snapshot.round is None else row.get(snapshot.round)
        if cell is not None:
            late = (
                f" ({format_duration(as_of - cell.since)})" if cell.state == "late" and cell.since is not None else ""
            )
            doing[site] = _STATE_LABELS.get(cell.state, cell.state) + late
    for site, age in silence_by_site(snapshot).items():
        if doing.get(site) != "failed":
            doing[site] = f"silent for {format_age(age)}"
    return doing


def silence_by_site(snapshot: JobSnapshot) -> dict[str, float]:
    """Return the sites that were silent for too long when the server was last polled, and for how many seconds."""
    from .snapshot import SILENT_AFTER  # which imports this module

    asked = snapshot.freshness_of("system").at
    if asked is None or snapshot.status != "RUNNING":
        return {}
    here = set(snapshot.participating_sites)
    ages = {a.site: asked - a.last_seen for a in snapshot.activity if a.site in here and a.last_seen is not None}
    return {site: age for site, age in ages.items() if age > SILENT_AFTER}


def _is_worth_noting(snapshot: JobSnapshot, group: str) -> bool:
    """Return whether a reader of the line would miss the data of an unavailable group."""
    if group == "failure":
        return snapshot.failure is None
    if not snapshot.ended:
        return True
    if group == "metrics" and not snapshot.rounds:
        return False  # a job that reached no round has none
    have: tuple[object, ...] = {"rounds": snapshot.rounds, "metrics": snapshot.metrics}.get(group, ("of no use now",))
    return not have


def _age_note(group: Freshness, now: float) -> str:
    return "not known" if group.at is None else f"as of {format_age(max(0.0, now - group.at))} ago"


def newest_points(snapshot: JobSnapshot) -> dict[str, dict[str, Point]]:
    """Return the newest points by the site's name (empty for the aggregate) and the metric's."""
    found: dict[str, dict[str, Point]] = {}
    for series in snapshot.metrics:
        if series.points:
            found.setdefault(series.site, {})[series.name] = series.points[-1]
    return found
