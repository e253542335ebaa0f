"""Reducer that applies updates to a snapshot. Pure: no clock, no I/O.

Applying the same updates twice changes nothing, and their order does not matter: each part of a snapshot can
combine two versions of itself (``merge``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from functools import singledispatchmethod
from typing import Any, TypeVar

from ...api.job_status import has_ended
from . import meta as job_meta
from .model import (
    BestRound,
    Event,
    Freshness,
    LogPosition,
    Point,
    Round,
    Series,
    SiteActivity,
    SiteTask,
    earliest,
    latest,
)
from .snapshot import JobSnapshot
from .updates import (
    ConnectionProblem,
    Diagnosed,
    GroupRefreshed,
    GroupUnavailable,
    JobMeta,
    ListedStatus,
    LogOffset,
    MetricValue,
    ProcessPresence,
    Update,
    Workflow,
)

MAX_EVENTS = 200
"""Maximum number of events in a snapshot, the newest ones; a job of a thousand rounds has thousands."""

MAX_SERIES = 2000
"""Maximum number of site metrics in a snapshot: bounded, since the names come from jobs."""

MAX_TASKS, MAX_ROUNDS = 10_000, 10_000
"""Maximum number of tasks, of rounds, and of rounds per metric, the newest ones: bounds snapshots of long jobs."""

K = TypeVar("K")
V = TypeVar("V", Round, SiteTask, SiteActivity, Freshness, Point)


def apply_updates(snapshot: JobSnapshot, updates: Iterable[Update]) -> JobSnapshot:
    """Apply updates to a snapshot and return the new one.

    Parameters
    ----------
    snapshot
        The snapshot so far.
    updates
        The updates, in any order.
    """
    folding = _Reducer(snapshot)
    for fact in updates:
        folding.apply_one(fact)
    return folding.result()


def apply_meta(snapshot: JobSnapshot, meta: dict[str, Any], received_at: float) -> JobSnapshot:
    """Apply the answer of ``get_job_meta`` alone; see :class:`.updates.JobMeta`."""
    return apply_updates(snapshot, [JobMeta(meta, received_at)])


class _Reducer:
    """Mutable working copy of a snapshot. Parts that no update changed are returned as they were."""

    def __init__(self, snapshot: JobSnapshot) -> None:
        self._snapshot = snapshot
        self._rounds: dict[int, Round] = {}
        self._tasks: dict[str, SiteTask] = {}
        self._points: dict[tuple[str, str], dict[int, Point]] = {}
        self._events: set[Event] = set()
        self._activity: dict[str, SiteActivity] = {}
        self._logs: dict[tuple[str, str], int] = {}
        self._freshness: dict[str, Freshness] = {}

    def result(self) -> JobSnapshot:
        before, changes = self._snapshot, dict[str, Any]()
        if self._rounds:
            rounds = _merge_all({r.number: r for r in before.rounds}, self._rounds)
            changes["rounds"] = tuple(rounds[number] for number in sorted(rounds)[-MAX_ROUNDS:])
        if self._tasks:
            tasks = _merge_all({t.task_id: t for t in before.tasks}, self._tasks)
            changes["tasks"] = tuple(sorted(tasks.values(), key=_task_sort_key)[-MAX_TASKS:])
        if self._points:
            series = {(s.name, s.site): {p.round: p for p in s.points} for s in before.metrics}
            for key, points in self._points.items():
                series[key] = _merge_all(series.get(key, {}), points)
            changes["metrics"] = tuple(
                Series(name, site, tuple(points[number] for number in sorted(points)[-MAX_ROUNDS:]))
                for (name, site), points in sorted(series.items())[:MAX_SERIES]
            )
        if self._events:
            changes["events"] = tuple(sorted(self._events.union(before.events))[-MAX_EVENTS:])
        if self._activity:
            activity = _merge_all({a.site: a for a in before.activity}, self._activity)
            changes["activity"] = tuple(activity[site] for site in sorted(activity))
        if self._logs:
            logs = {(p.target, p.file): p.offset for p in before.logs}
            for where, offset in self._logs.items():
                logs[where] = max(offset, logs.get(where, 0))
            changes["logs"] = tuple(LogPosition(*where, logs[where]) for where in sorted(logs))
        if self._freshness:
            groups = _merge_all({f.group: f for f in before.freshness}, self._freshness)
            changes["freshness"] = tuple(groups[group] for group in sorted(groups))
        return dataclasses.replace(before, **changes) if changes else before

    def _replace(self, **changes: Any) -> None:
        self._snapshot = dataclasses.replace(self._snapshot, **changes)

    @singledispatchmethod
    def apply_one(self, update: Any) -> None:
        raise TypeError(f"{type(update).__name__} is not an update")

    @apply_one.register
    def _(self, update: JobMeta) -> None:
        before, meta = self._snapshot, update.meta
        status = job_meta.text_or_empty(meta.get("status"))
        self._apply_status(status, meta, update.received_at, update.clock_offset)
        lasted = job_meta.parse_duration(meta.get("duration")) if has_ended(status) else None
        self._replace(
            name=max(job_meta.text_or_empty(meta.get("name")), before.name),
            study=max(job_meta.text_or_empty(meta.get("study")), before.study),
            submitter=max(job_meta.text_or_empty(meta.get("submitter_name")), before.submitter),
            sites=job_meta.read_sites(before.sites, meta),
            duration=latest(before.duration, lasted),
            scheduling=before.scheduling.merge(job_meta.read_scheduling(meta, update.clock_offset)),
        )

    @apply_one.register
    def _(self, update: ListedStatus) -> None:
        self._apply_status(update.status, {}, update.received_at, 0.0)

    def _apply_status(self, status: str, meta: dict[str, Any], received_at: float, clock_offset: float) -> None:
        """Apply a status reported by the server: the job has come at least that far."""
        before = self._snapshot
        seen = job_meta.merge_statuses(before.seen or before.timeline, status, meta, received_at, clock_offset)
        steps = job_meta.order_statuses(seen)
        over = received_at >= (before.troubled_at or 0.0)
        self._replace(
            status=steps[-1].status if steps else "",
            seen=seen,
            timeline=steps,
            facts_at=latest(before.facts_at, received_at),
            trouble="" if over else before.trouble,
        )

    @apply_one.register
    def _(self, update: Workflow) -> None:
        before = self._snapshot
        keys = [key for key in (before.key_metric, update.key_metric) if key is not None]
        self._replace(
            workflow=max(before.workflow, update.name),
            first_round=_max_known(before.first_round, update.first_round),
            total_rounds=_max_known(before.total_rounds, update.total_rounds),
            key_metric=max(keys, key=lambda key: (key.name, key.mode), default=None),
        )

    @apply_one.register
    def _(self, update: Round) -> None:
        _merge_into(self._rounds, update.number, update)

    @apply_one.register
    def _(self, update: SiteTask) -> None:
        _merge_into(self._tasks, update.task_id, update)

    @apply_one.register
    def _(self, update: MetricValue) -> None:
        if math.isfinite(update.point.value):
            _merge_into(self._points.setdefault((update.name, update.site), {}), update.point.round, update.point)

    @apply_one.register
    def _(self, update: BestRound) -> None:
        if math.isfinite(update.value):
            self._replace(best=update if self._snapshot.best is None else self._snapshot.best.merge(update))

    @apply_one.register
    def _(self, update: Event) -> None:
        self._events.add(update)

    @apply_one.register
    def _(self, update: SiteActivity) -> None:
        _merge_into(self._activity, update.site, update)

    @apply_one.register
    def _(self, update: LogOffset) -> None:
        where = (update.target, update.file)
        self._logs[where] = max(update.offset, self._logs.get(where, 0))

    @apply_one.register
    def _(self, update: ProcessPresence) -> None:
        key = "running_seen_at" if update.running else "absent_seen_at"
        before = self._snapshot
        self._replace(
            **{
                key: latest(getattr(before, key), update.received_at),
                "presence_since": earliest(before.presence_since, update.received_at),
            }
        )

    @apply_one.register
    def _(self, update: GroupRefreshed) -> None:
        _merge_into(self._freshness, update.group, Freshness(update.group, update.at))

    @apply_one.register
    def _(self, update: GroupUnavailable) -> None:
        _merge_into(self._freshness, update.group, Freshness(update.group, None, update.reason, update.at))

    @apply_one.register
    def _(self, update: ConnectionProblem) -> None:
        before = self._snapshot
        if update.at < (before.troubled_at or 0.0):
            return
        words = max(update.message, before.trouble) if update.at == before.troubled_at else update.message
        answered = before.facts_at is not None and before.facts_at >= update.at
        self._replace(trouble="" if answered else words, troubled_at=update.at)

    @apply_one.register
    def _(self, update: Diagnosed) -> None:
        known = self._snapshot.freshness_of("failure").merge(self._freshness.get("failure", Freshness("failure"))).at
        told, now_told = (f.sentence if f is not None else "" for f in (self._snapshot.failure, update.failure))
        if known is None or (update.at, now_told) >= (known, told):
            self._replace(failure=update.failure)
        self.apply_one(GroupRefreshed("failure", update.at))


def _max_known(a: int | None, b: int | None) -> int | None:
    return max((n for n in (a, b) if n is not None), default=None)


def _merge_into(into: dict[K, V], key: K, value: V) -> None:
    known = into.get(key)
    into[key] = value if known is None else known.merge(value)


def _merge_all(known: dict[K, V], more: dict[K, V]) -> dict[K, V]:
    for key, value in more.items():
        _merge_into(known, key, value)
    return known


def _task_sort_key(task: SiteTask) -> tuple[float, str, float, str]:
    number = math.inf if task.round is None else task.round
    return number, task.site, math.inf if task.sent_at is None else task.sent_at, task.task_id
