"""A snapshot in words: one line for a terminal, a ``print``, and the label a screen reader hears.

The same sentence everywhere, told for the time it is read at. Nothing in a snapshot is trusted: all of it is cleaned.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...formatting.text import SHORT_ID, clean
from .model import Freshness, Point

if TYPE_CHECKING:
    from .snapshot import JobSnapshot

MOST_NAMED = 4
"""Sites that are named one by one; of more of them only those in trouble are, the others are counted."""

_USUAL = 10  # rounds from which it is told what a task usually takes
_UNTRIED = 30.0  # seconds after which a server that has not once tried to start a job is odd: it tries within one
_NAME, _SITE, _METRIC, _REASON = 60, 40, 30, 120  # characters
_DONE = {"submitted": "done"}  # the matrix tells of results, the sentence of sites
GROUPS = {
    "rounds": "rounds",
    "metrics": "metrics",
    "activity": "work of the sites",
    "system": "connected sites",
    "failure": "cause of the failure",
}
"""What each group of facts is called, see :class:`.Freshness`."""


def describe(snapshot: JobSnapshot, now: float | None = None) -> str:
    """Return the job in one line.

    ``hello-numpy 76b8d043  RUNNING  round 6/10  accuracy 0.607  2:14, about 1:25 left  hospital-a working,
    hospital-b done``: name, short id, status, round (counted from 1), the key metric's newest value over all sites
    (and the best one, where that was another), time, what the sites do now; before that whatever is wrong, and at
    the end what is not known and why.

    Parameters
    ----------
    snapshot
        What is known about the job.
    now
        The time the line is for (seconds since the epoch); the current time when not given.
    """
    now = time.time() if now is None else now
    # What the server no longer confirms does not go on.
    seen = snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now
    parts = [label(snapshot.name, snapshot.job_id), _status(snapshot, now)]
    parts += _troubles(snapshot, seen)
    if snapshot.rounds:
        parts.append(f"round {snapshot.rounds_begun}{_of_total(snapshot)}")
    parts += [_metric(snapshot), _times(snapshot, seen), _sites(snapshot, seen)]
    parts += unknown(snapshot, now)
    return "  ".join(filter(None, parts))


def label(name: str, job_id: str) -> str:
    """Return a job's name and short id."""
    return f"{clean(name, _NAME) or 'job'} {clean(job_id[:SHORT_ID])}"


def clock(seconds: float) -> str:
    """Return seconds as ``0:07``, ``2:14`` or ``1:02:03``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def number(value: float) -> str:
    """Return a metric's value in a few characters: ``0.607``, ``12346``, ``1.2e-07``."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e3:
        return f"{value:.3f}"
    return f"{value:.0f}" if 1e3 <= size < 1e7 else f"{value:.2g}"


def nth_round(snapshot: JobSnapshot, number: int) -> int:
    """Return which round it is, counted from 1 as in "round 6/10"; FLARE itself mostly counts from 0."""
    begin = snapshot.first_round
    if begin is None:
        begin = snapshot.rounds[0].number if snapshot.rounds else 0
    return number - begin + 1


def metric_shown(snapshot: JobSnapshot) -> str | None:
    """Return the name of the metric that stands for the job: the one by which it chooses its best model, or else
    the first one of which a value over all sites is known."""
    names = [series.name for series in snapshot.metrics if not series.site and series.points]
    key = snapshot.key_metric.name if snapshot.key_metric is not None else None
    return key if key in names else next(iter(names), None)


def unknown(snapshot: JobSnapshot, now: float) -> list[str]:
    """Return what is not known about the job, or not any more, and why.

    Parameters
    ----------
    snapshot
        What is known.
    now
        The time the words are for.
    """
    return [
        f"{GROUPS.get(group.group, clean(group.group, _NAME))} {_since(group, now)} ({clean(group.missing, _REASON)})"
        for group in snapshot.freshness
        if group.missing and _is_missed(snapshot, group.group)
    ]


def waited(snapshot: JobSnapshot, now: float) -> str:
    """Return for how long a job has been waiting to be started, and what the server says why; empty if it is not."""
    if snapshot.status != "SUBMITTED":
        return ""
    since = snapshot.submitted_at
    words = "waiting" if since is None else f"waiting for {clock(max(0.0, now - since))}"
    if snapshot.failure is not None:
        return words  # why, is said in its own words
    attempts = snapshot.scheduling.attempts
    if snapshot.scheduling.reason:
        often = f", tried {attempts} times" if attempts > 1 else ""
        return f"{words}: {clean(snapshot.scheduling.reason, _REASON)}{often}"
    if not attempts and since is not None and now - since > _UNTRIED:
        return f"{words}: the server has not tried to start it yet"
    return words


def lost(snapshot: JobSnapshot) -> str:
    """Return what is to be said of a job that the server only believes to be running; empty if it is not so."""
    if not snapshot.zombie:
        return ""
    return "the server does not run it any more (was it restarted?), so it will not end by itself"


def ago(seconds: float) -> str:
    """Return an age: ``42 s``, ``5 min``, ``3 h``."""
    whole = int(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"


def _status(snapshot: JobSnapshot, now: float) -> str:
    words = clean(snapshot.status) or "UNKNOWN"
    age = snapshot.age(now)
    return f"{words} {ago(age)} ago" if snapshot.trouble and age is not None and not snapshot.ended else words


def _troubles(snapshot: JobSnapshot, seen: float) -> Iterator[str]:
    yield waited(snapshot, seen)
    if snapshot.failure is not None:
        yield clean(snapshot.failure.sentence)
    yield lost(snapshot)
    yield clean(snapshot.trouble)


def _of_total(snapshot: JobSnapshot) -> str:
    return "" if snapshot.total_rounds is None else f"/{snapshot.total_rounds}"


def _metric(snapshot: JobSnapshot) -> str:
    name = metric_shown(snapshot)
    series = None if name is None else snapshot.series(name)
    if name is None or series is None:
        return ""
    newest = series.points[-1]
    words = f"{clean(name, _METRIC)} {number(newest.value)}"
    if snapshot.round is not None and newest.round < snapshot.round - 1:
        # A server's log has the mean of a round only when it is a new best one.
        words += f" in round {nth_round(snapshot, newest.round)}"
    best = snapshot.best if snapshot.key_metric is None or snapshot.key_metric.name == name else None
    if best is not None and best.round != newest.round:
        words += f" (best {number(best.value)} in round {nth_round(snapshot, best.round)})"
    return words


def _times(snapshot: JobSnapshot, seen: float) -> str:
    elapsed = None if snapshot.zombie else snapshot.elapsed(seen)
    if elapsed is None:
        return ""
    left = None if snapshot.trouble else snapshot.remaining(seen)
    about = f", about {clock(left)} left" if left is not None and left >= 1 else ""
    return f"{clock(elapsed)}{about}"


def _sites(snapshot: JobSnapshot, seen: float) -> str:
    """What the sites do now; of a job that has ended, who failed."""
    doing = _doing(snapshot, seen)
    if snapshot.ended:
        doing = {site: words for site, words in doing.items() if words == "failed"}
    if len(doing) <= MOST_NAMED:
        return ", ".join(f"{clean(site, _SITE)} {words}" for site, words in doing.items())
    by_word: dict[str, list[str]] = {}
    for site, words in doing.items():
        by_word.setdefault(words.partition(" ")[0], []).append(site)
    bad = [_named(by_word.pop(word), word) for word in ("failed", "silent", "late") if word in by_word]
    return ", ".join([*bad, *(f"{len(sites)} {word}" for word, sites in sorted(by_word.items()))])


def _named(sites: list[str], word: str) -> str:
    more = len(sites) - MOST_NAMED
    names = [clean(site, _SITE) for site in sites[:MOST_NAMED]]
    return f"{', '.join(names)}{f' and {more} more' if more > 0 else ''} {word}"


def _doing(snapshot: JobSnapshot, seen: float) -> dict[str, str]:
    doing = {s.name: s.state for s in snapshot.sites if s.name != "server" or s.state == "failed"}
    if snapshot.status == "SUBMITTED":
        return {site: state for site, state in doing.items() if state != "waiting"}
    for activity in snapshot.activity:
        if activity.site != "server" and activity.at is not None:
            doing[activity.site] = "working" if activity.tasks else "waiting"
    for task in snapshot.tasks:
        if task.round is None:
            doing[task.site] = "failed" if task.failed else "waiting" if task.returned_at is not None else "working"
    # The last rounds tell what a task usually takes; a long job has had a great many tasks.
    since = (snapshot.round or 0) - _USUAL
    tasks = tuple(task for task in snapshot.tasks if task.round is not None and task.round >= since)
    for site, row in dataclasses.replace(snapshot, tasks=tasks).matrix(seen).items():
        cell = None if snapshot.round is None else row.get(snapshot.round)
        if cell is not None:
            late = f" ({clock(seen - cell.since)})" if cell.state == "late" and cell.since is not None else ""
            doing[site] = _DONE.get(cell.state, cell.state) + late
    for site, age in silent_for(snapshot).items():
        if doing.get(site) != "failed":
            doing[site] = f"silent for {ago(age)}"
    return doing


def silent_for(snapshot: JobSnapshot) -> dict[str, float]:
    """Return the sites that the server had not heard of for too long when last asked, and for how many seconds."""
    from .snapshot import SILENT_AFTER  # which imports this module

    asked = snapshot.fresh("system").at
    if asked is None or snapshot.status != "RUNNING":
        return {}
    here = set(snapshot.working_sites)
    ages = {a.site: asked - a.last_seen for a in snapshot.activity if a.site in here and a.last_seen is not None}
    return {site: age for site, age in ages.items() if age > SILENT_AFTER}


def _is_missed(snapshot: JobSnapshot, group: str) -> bool:
    """Whether a group that could not be had is one that the reader of the line would look for."""
    if group == "failure":
        return snapshot.failure is None
    if not snapshot.ended:
        return True
    if group == "metrics" and not snapshot.rounds:
        return False  # a job that came to no round has none
    have: tuple[object, ...] = {"rounds": snapshot.rounds, "metrics": snapshot.metrics}.get(group, ("of no use now",))
    return not have


def _since(group: Freshness, now: float) -> str:
    return "not known" if group.at is None else f"as of {ago(max(0.0, now - group.at))} ago"


def last_points(snapshot: JobSnapshot) -> dict[str, dict[str, Point]]:
    """Return the newest point of each metric, by the site's name (empty for all sites together) and the metric's."""
    found: dict[str, dict[str, Point]] = {}
    for series in snapshot.metrics:
        if series.points:
            found.setdefault(series.site, {})[series.name] = series.points[-1]
    return found
