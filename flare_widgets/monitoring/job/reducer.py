"""Folding: facts into the snapshot before them. Pure: no clock, no I/O.

Folding the same facts twice changes nothing, and their order does not matter: each part of a snapshot knows how
two things that are known of it become one (``merged``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any, TypeVar

from ...api.models import is_terminal
from . import meta as job_meta
from .model import Best, Event, Freshness, LogPosition, Point, Round, Series, SiteActivity, SiteTask, first, last
from .snapshot import JobSnapshot
from .updates import Fact, Failed, Learned, LogRead, Measured, Meta, Missed, ServerRuns, Status, Trouble, Workflow

MOST_EVENTS = 200
"""Events that a snapshot keeps, the newest; a job of a thousand rounds has thousands."""

MOST_SERIES = 2000
"""Metrics of sites that a snapshot keeps: bounded, since names come from jobs."""

MOST_TASKS, MOST_ROUNDS = 10_000, 10_000
"""Tasks, rounds, and rounds of a metric that a snapshot keeps, the newest: what is watched for days stays small."""

K = TypeVar("K")
V = TypeVar("V", Round, SiteTask, SiteActivity, Freshness, Point)


def fold(before: JobSnapshot, facts: Iterable[Fact]) -> JobSnapshot:
    """Return what is known with these facts.

    Parameters
    ----------
    before
        What was known.
    facts
        What was learned, in any order.
    """
    folding = _Folding(before)
    for fact in facts:
        folding.take(fact)
    return folding.result()


def fold_meta(before: JobSnapshot, meta: dict[str, Any], now: float) -> JobSnapshot:
    """Fold the answer of ``get_job_meta`` alone; see :class:`.facts.Meta`."""
    return fold(before, [Meta(meta, now)])


class _Folding:
    """A snapshot taken apart. What was not touched goes back as it was."""

    def __init__(self, before: JobSnapshot) -> None:
        self._now = before
        self._rounds: dict[int, Round] = {}
        self._tasks: dict[str, SiteTask] = {}
        self._points: dict[tuple[str, str], dict[int, Point]] = {}
        self._events: set[Event] = set()
        self._activity: dict[str, SiteActivity] = {}
        self._logs: dict[tuple[str, str], int] = {}
        self._freshness: dict[str, Freshness] = {}

    def result(self) -> JobSnapshot:
        before, changes = self._now, dict[str, Any]()
        if self._rounds:
            rounds = _joined({r.number: r for r in before.rounds}, self._rounds)
            changes["rounds"] = tuple(rounds[number] for number in sorted(rounds)[-MOST_ROUNDS:])
        if self._tasks:
            tasks = _joined({t.task_id: t for t in before.tasks}, self._tasks)
            changes["tasks"] = tuple(sorted(tasks.values(), key=_task_order)[-MOST_TASKS:])
        if self._points:
            series = {(s.name, s.site): {p.round: p for p in s.points} for s in before.metrics}
            for key, points in self._points.items():
                series[key] = _joined(series.get(key, {}), points)
            changes["metrics"] = tuple(
                Series(name, site, tuple(points[number] for number in sorted(points)[-MOST_ROUNDS:]))
                for (name, site), points in sorted(series.items())[:MOST_SERIES]
            )
        if self._events:
            changes["events"] = tuple(sorted(self._events.union(before.events))[-MOST_EVENTS:])
        if self._activity:
            activity = _joined({a.site: a for a in before.activity}, self._activity)
            changes["activity"] = tuple(activity[site] for site in sorted(activity))
        if self._logs:
            logs = {(p.target, p.file): p.offset for p in before.logs}
            for where, offset in self._logs.items():
                logs[where] = max(offset, logs.get(where, 0))
            changes["logs"] = tuple(LogPosition(*where, logs[where]) for where in sorted(logs))
        if self._freshness:
            groups = _joined({f.group: f for f in before.freshness}, self._freshness)
            changes["freshness"] = tuple(groups[group] for group in sorted(groups))
        return dataclasses.replace(before, **changes) if changes else before

    def _change(self, **changes: Any) -> None:
        self._now = dataclasses.replace(self._now, **changes)

    @singledispatchmethod
    def take(self, fact: Any) -> None:
        raise TypeError(f"{type(fact).__name__} is no fact")

    @take.register
    def _(self, fact: Meta) -> None:
        before, meta = self._now, fact.meta
        status = job_meta.text(meta.get("status"))
        self._heard(status, meta, fact.now, fact.ahead)
        lasted = job_meta.duration(meta.get("duration")) if is_terminal(status) else None
        self._change(
            name=max(job_meta.text(meta.get("name")), before.name),
            study=max(job_meta.text(meta.get("study")), before.study),
            submitter=max(job_meta.text(meta.get("submitter_name")), before.submitter),
            sites=job_meta.sites(before.sites, meta),
            duration=last(before.duration, lasted),
            scheduling=before.scheduling.merged(job_meta.scheduling(meta, fact.ahead)),
        )

    @take.register
    def _(self, fact: Status) -> None:
        self._heard(fact.status, {}, fact.now, 0.0)

    def _heard(self, status: str, meta: dict[str, Any], now: float, ahead: float) -> None:
        """The server answered: the job has come at least as far as that."""
        before = self._now
        seen = job_meta.learned(before.seen or before.timeline, status, meta, now, ahead)
        steps = job_meta.timeline(seen)
        over = now >= (before.troubled_at or 0.0)
        self._change(
            status=steps[-1].status if steps else "",
            seen=seen,
            timeline=steps,
            facts_at=last(before.facts_at, now),
            trouble="" if over else before.trouble,
        )

    @take.register
    def _(self, fact: Workflow) -> None:
        before = self._now
        keys = [key for key in (before.key_metric, fact.key_metric) if key is not None]
        self._change(
            workflow=max(before.workflow, fact.name),
            first_round=_most(before.first_round, fact.first_round),
            total_rounds=_most(before.total_rounds, fact.total_rounds),
            key_metric=max(keys, key=lambda key: (key.name, key.mode), default=None),
        )

    @take.register
    def _(self, fact: Round) -> None:
        _put(self._rounds, fact.number, fact)

    @take.register
    def _(self, fact: SiteTask) -> None:
        _put(self._tasks, fact.task_id, fact)

    @take.register
    def _(self, fact: Measured) -> None:
        if math.isfinite(fact.point.value):
            _put(self._points.setdefault((fact.name, fact.site), {}), fact.point.round, fact.point)

    @take.register
    def _(self, fact: Best) -> None:
        if math.isfinite(fact.value):
            self._change(best=fact if self._now.best is None else self._now.best.merged(fact))

    @take.register
    def _(self, fact: Event) -> None:
        self._events.add(fact)

    @take.register
    def _(self, fact: SiteActivity) -> None:
        _put(self._activity, fact.site, fact)

    @take.register
    def _(self, fact: LogRead) -> None:
        where = (fact.target, fact.file)
        self._logs[where] = max(fact.offset, self._logs.get(where, 0))

    @take.register
    def _(self, fact: ServerRuns) -> None:
        key = "running_seen_at" if fact.running else "absent_seen_at"
        before = self._now
        self._change(
            **{key: last(getattr(before, key), fact.now), "presence_since": first(before.presence_since, fact.now)}
        )

    @take.register
    def _(self, fact: Learned) -> None:
        _put(self._freshness, fact.group, Freshness(fact.group, fact.now))

    @take.register
    def _(self, fact: Missed) -> None:
        _put(self._freshness, fact.group, Freshness(fact.group, None, fact.reason, fact.now))

    @take.register
    def _(self, fact: Trouble) -> None:
        before = self._now
        if fact.now < (before.troubled_at or 0.0):
            return
        words = max(fact.words, before.trouble) if fact.now == before.troubled_at else fact.words
        answered = before.facts_at is not None and before.facts_at >= fact.now
        self._change(trouble="" if answered else words, troubled_at=fact.now)

    @take.register
    def _(self, fact: Failed) -> None:
        known = self._now.fresh("failure").merged(self._freshness.get("failure", Freshness("failure"))).at
        told, now_told = (f.sentence if f is not None else "" for f in (self._now.failure, fact.failure))
        if known is None or (fact.now, now_told) >= (known, told):
            self._change(failure=fact.failure)
        self.take(Learned("failure", fact.now))


def _most(a: int | None, b: int | None) -> int | None:
    return max((n for n in (a, b) if n is not None), default=None)


def _put(into: dict[K, V], key: K, value: V) -> None:
    known = into.get(key)
    into[key] = value if known is None else known.merged(value)


def _joined(known: dict[K, V], more: dict[K, V]) -> dict[K, V]:
    for key, value in more.items():
        _put(known, key, value)
    return known


def _task_order(task: SiteTask) -> tuple[float, str, float, str]:
    number = math.inf if task.round is None else task.round
    return number, task.site, math.inf if task.sent_at is None else task.sent_at, task.task_id
