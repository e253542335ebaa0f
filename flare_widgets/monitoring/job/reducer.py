"""Reducer that applies updates to a snapshot. Pure: no clock, no I/O.

Applying the same updates twice changes nothing, and their order does not matter: each part of a snapshot can
combine two versions of itself (``merge``).
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial, singledispatch
from typing import Any, TypeVar

from ...api.job_status import has_ended
from ...formatting.text import parse_duration
from ...script_arguments import MAX_ARGUMENTS, read_recorded_arguments
from ..results.scalars import StepPoint, StepSeries
from . import meta as job_meta
from .model import (
    RANK_SELECTOR,
    SELECTOR_VALUE,
    Argument,
    BestRound,
    Event,
    Freshness,
    KeyMetric,
    LogPosition,
    Point,
    Results,
    Round,
    Series,
    SiteActivity,
    SiteTask,
    Workflow,
    earliest,
    latest,
)
from .round_tasks import TaskGroupKey, group_place
from .snapshot import JobSnapshot
from .updates import (
    ConnectionProblem,
    Diagnosed,
    GroupRefreshed,
    GroupUnavailable,
    JobMeta,
    ListedStatus,
    LiveMetricsFound,
    LogOffset,
    MetricValue,
    PackingStarted,
    ProcessPresence,
    ScalarValue,
    Update,
)

MAX_EVENTS = 200
"""Maximum number of events in a snapshot, the newest ones; a job of a thousand rounds has thousands."""

MAX_SERIES = 2000
"""Maximum number of site metrics in a snapshot: bounded, since the names come from jobs."""

MAX_STEP_SERIES, MAX_STEPS = 200, 1000
"""Maximum number of live series by step, and of their points, the newest ones."""

MAX_TASKS, MAX_ROUNDS = 10_000, 10_000
"""Maximum number of tasks, of rounds, and of rounds per metric, the newest ones: bounds snapshots of long jobs."""

MAX_WORKFLOWS = 100
"""Maximum number of workflows in a snapshot, the first ones."""

_FEW_PARTS = 16  # new parts that are put into their places one by one, whatever the number of those that are known

K = TypeVar("K")
V = TypeVar("V", Argument, Workflow, Round, SiteTask, SiteActivity, Freshness, Point, Event)
P = TypeVar("P", Round, SiteTask)
_SeriesKey = tuple[str, str, str]
"""Name, site and workflow of a series."""


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
        tasks_by_id = snapshot.hand_over_tasks()
        if tasks_by_id is None:  # not made by a reducer, or not for the first time
            snapshot, tasks_by_id = _sort_parts(snapshot), {task.task_id: task for task in snapshot.tasks}
        self._original = self._snapshot = snapshot
        self._tasks_by_id = tasks_by_id
        self._changed_rounds: set[TaskGroupKey] = set()
        self._arguments: dict[str, Argument] = {}
        self._workflows: dict[str, Workflow] = {}
        self._rounds: dict[tuple[str, int], Round] = {}
        self._tasks: dict[str, SiteTask] = {}
        self._points: dict[_SeriesKey, dict[int, Point]] = {}
        self._scalars: dict[tuple[str, str], dict[int, float]] = {}
        self._bests: list[BestRound] = []
        self._events: dict[tuple[str, str, str], Event] = {}
        self._activity: dict[str, SiteActivity] = {}
        self._logs: dict[tuple[str, str], int] = {}
        self._freshness: dict[str, Freshness] = {}

    def result(self) -> JobSnapshot:
        before, changes = self._snapshot, dict[str, Any]()
        if self._arguments:
            arguments = _merge_all({a.name: a for a in before.arguments}, self._arguments)
            changes["arguments"] = tuple(arguments[name] for name in sorted(arguments)[:MAX_ARGUMENTS])
        if self._workflows:
            workflows = _merge_all({w.id: w for w in before.workflows}, self._workflows)
            changes["workflows"] = tuple(sorted(workflows.values(), key=_workflow_sort_key)[:MAX_WORKFLOWS])
        changes |= self._merge_rounds_and_tasks(changes.get("workflows", before.workflows))
        changes |= self._merge_metrics()
        if self._scalars:
            changes["live_scalars"] = _merge_scalars(before.live_scalars, self._scalars)
        if self._events:
            events = _merge_all({_event_key(e): e for e in before.events}, self._events)
            changes["events"] = tuple(sorted(events.values())[-MAX_EVENTS:])
        if self._activity:
            activity = _merge_all({a.site: a for a in before.activity}, self._activity)
            changes["activity"] = tuple(activity[site] for site in sorted(activity))
        if self._logs:
            logs = {(p.target, p.file): p.offset for p in before.log_positions}
            for where, offset in self._logs.items():
                logs[where] = max(offset, logs.get(where, 0))
            changes["log_positions"] = tuple(LogPosition(*where, logs[where]) for where in sorted(logs))
        if self._freshness:
            groups = _merge_all({f.group: f for f in before.freshness}, self._freshness)
            changes["freshness"] = tuple(groups[group] for group in sorted(groups))
        after = dataclasses.replace(before, **changes) if changes else before
        after.take_over(self._original, self._tasks_by_id, self._changed_rounds)
        return after

    def _merge_rounds_and_tasks(self, workflows: Sequence[Workflow]) -> dict[str, Any]:
        """Return the changed ones of the two fields."""
        before, changes = self._original, dict[str, Any]()
        order = {w.id: index for index, w in enumerate(workflows)}
        round_place, task_place = partial(_round_place, order=order), partial(_task_place, order=order)
        rounds, tasks = before.rounds, before.tasks
        if list(order) != [w.id for w in before.workflows]:
            rounds, tasks = tuple(sorted(rounds, key=round_place)), tuple(sorted(tasks, key=task_place))
        changed_rounds = _merge_pairs((_find(rounds, this, round_place), this) for this in self._rounds.values())
        if changed_rounds or rounds != before.rounds:
            in_order = _put_in_order(rounds, changed_rounds, round_place)
            changes["rounds"] = tuple(in_order[-MAX_ROUNDS:])
            come_or_gone = (*in_order[:-MAX_ROUNDS], *(this for known, this in changed_rounds if known is None))
            self._changed_rounds |= {(this.workflow, this.number) for this in come_or_gone}
        changed_tasks = _merge_pairs((self._tasks_by_id.get(task_id), task) for task_id, task in self._tasks.items())
        if changed_tasks or tasks != before.tasks:
            all_tasks = _put_in_order(tasks, changed_tasks, task_place)
            changes["tasks"] = tuple(all_tasks[-MAX_TASKS:])
            self._tasks_by_id.update((task.task_id, task) for _, task in changed_tasks)
            forgotten = all_tasks[:-MAX_TASKS]
            for task in forgotten:
                self._tasks_by_id.pop(task.task_id, None)
            touched = itertools.chain(forgotten, *changed_tasks)
            self._changed_rounds |= {(task.workflow, task.round) for task in touched if task is not None}
        return changes

    def _merge_metrics(self) -> dict[str, Any]:
        """Return the changed fields of the metrics.

        The selector's values are kept as logged, and shown as the key metric once that is known.
        """
        before, original = self._snapshot, self._original
        changes = dict[str, Any]()
        key_changed = before.key_metric != original.key_metric
        selector: Sequence[Series] = before.selector
        recorded: Sequence[Series] = before.round_metrics

        logged = {key: points for key, points in self._points.items() if key[0] == SELECTOR_VALUE}
        if logged:
            selector = _merge_series(selector, logged)[:MAX_SERIES]
            changes["selector"] = tuple(selector)
        if self._points or (key_changed and selector):
            if key_changed:
                recorded = _without_selector_values(recorded)
            recorded = _merge_series(recorded, {k: v for k, v in self._points.items() if k not in logged})
            shown = [
                each if key_changed else _keep_rounds(each, logged[series_key(each)])
                for each in selector
                if key_changed or series_key(each) in logged
            ]
            recorded = _merge_series(recorded, dict(_as_key_metric(each, before.key_metric) for each in shown))
            changes["round_metrics"] = tuple(recorded[:MAX_SERIES])
        if self._bests:
            known = [*self._bests, *(best for best in (before.selector_best, before.recorded_best) if best is not None)]
            for field, is_selector in (("selector_best", True), ("recorded_best", False)):
                found = [best for best in known if (best.rank == RANK_SELECTOR) is is_selector]
                changes[field] = functools.reduce(BestRound.merge, found) if found else None
        if changes or key_changed:
            after = dataclasses.replace(before, **changes)
            best = after.recorded_best or _as_key_best(after.selector_best, before.key_metric)
            changes["best"] = _as_aggregate(best, after)
        return changes

    def _replace(self, **changes: Any) -> None:
        self._snapshot = dataclasses.replace(self._snapshot, **changes)

    def apply_one(self, update: Update) -> None:
        # Not a singledispatchmethod: in Python 3.13.0 and 3.13.1 it keeps every object that it was called on.
        _Reducer._apply.dispatch(type(update))(self, update)

    @singledispatch
    def _apply(self, update: Any) -> None:
        raise TypeError(f"{type(update).__name__} is not an update")

    @_apply.register
    def _(self, update: JobMeta) -> None:
        before, meta = self._snapshot, update.meta
        status = job_meta.text_or_empty(meta.get("status"))
        self._apply_status(status, meta, update.received_at, update.clock_offset)
        lasted = parse_duration(meta.get("duration")) if has_ended(status) else None
        self._replace(
            name=max(job_meta.text_or_empty(meta.get("name")), before.name),
            study=max(job_meta.text_or_empty(meta.get("study")), before.study),
            submitter=max(job_meta.text_or_empty(meta.get("submitter_name")), before.submitter),
            sites=job_meta.read_sites(before.sites, meta),
            duration=latest(before.duration, lasted),
            scheduling=before.scheduling.merge(job_meta.read_scheduling(meta, update.clock_offset)),
        )
        for name, value in read_recorded_arguments(meta).items():
            self.apply_one(Argument(name, value))

    @_apply.register
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
            trouble_label="" if over else before.trouble_label,
        )

    @_apply.register
    def _(self, update: Argument) -> None:
        _merge_into(self._arguments, update.name, update)

    @_apply.register
    def _(self, update: Workflow) -> None:
        _merge_into(self._workflows, update.id, update)

    @_apply.register
    def _(self, update: KeyMetric) -> None:
        known = self._snapshot.key_metric
        if known is None or (update.name, update.mode) > (known.name, known.mode):
            self._replace(key_metric=update)

    @_apply.register
    def _(self, update: PackingStarted) -> None:
        self._replace(packing_since=earliest(self._snapshot.packing_since, update.at))

    @_apply.register
    def _(self, update: Results) -> None:
        known = self._snapshot.recorded
        self._replace(recorded=update if known is None else known.merge(update))

    @_apply.register
    def _(self, update: Round) -> None:
        _merge_into(self._rounds, (update.workflow, update.number), update)
        self._workflows.setdefault(update.workflow, Workflow(update.workflow))

    @_apply.register
    def _(self, update: SiteTask) -> None:
        _merge_into(self._tasks, update.task_id, update)
        self._workflows.setdefault(update.workflow, Workflow(update.workflow))

    @_apply.register
    def _(self, update: MetricValue) -> None:
        if math.isfinite(update.point.value):
            key = (update.name, update.site, update.workflow)
            _merge_into(self._points.setdefault(key, {}), update.point.round, update.point)

    @_apply.register
    def _(self, update: ScalarValue) -> None:
        step, value = update.point.step, update.point.value
        if math.isfinite(value):
            points = self._scalars.setdefault((update.name, update.site), {})
            points[step] = max(value, points.get(step, value))

    @_apply.register
    def _(self, _: LiveMetricsFound) -> None:
        self._replace(has_live_metrics=True)

    @_apply.register
    def _(self, update: BestRound) -> None:
        if math.isfinite(update.value):
            self._bests.append(update)

    @_apply.register
    def _(self, update: Event) -> None:
        _merge_into(self._events, _event_key(update), update)

    @_apply.register
    def _(self, update: SiteActivity) -> None:
        _merge_into(self._activity, update.site, update)

    @_apply.register
    def _(self, update: LogOffset) -> None:
        where = (update.target, update.file)
        self._logs[where] = max(update.offset, self._logs.get(where, 0))

    @_apply.register
    def _(self, update: ProcessPresence) -> None:
        key = "running_seen_at" if update.running else "absent_seen_at"
        before = self._snapshot
        self._replace(
            **{
                key: latest(getattr(before, key), update.received_at),
                "presence_since": earliest(before.presence_since, update.received_at),
                "server_started_at": latest(before.server_started_at, update.server_started_at),
            }
        )

    @_apply.register
    def _(self, update: GroupRefreshed) -> None:
        _merge_into(self._freshness, update.group, Freshness(update.group, update.at))

    @_apply.register
    def _(self, update: GroupUnavailable) -> None:
        _merge_into(self._freshness, update.group, Freshness(update.group, None, update.reason, update.at))

    @_apply.register
    def _(self, update: ConnectionProblem) -> None:
        before = self._snapshot
        if update.at < (before.troubled_at or 0.0):
            return
        told = (update.message, update.label)
        if update.at == before.troubled_at:
            told = max(told, (before.trouble, before.trouble_label))
        answered = before.facts_at is not None and before.facts_at >= update.at
        trouble, label = ("", "") if answered else told
        self._replace(trouble=trouble, trouble_label=label, troubled_at=update.at)

    @_apply.register
    def _(self, update: Diagnosed) -> None:
        known = self._snapshot.freshness_of("failure").merge(self._freshness.get("failure", Freshness("failure"))).at
        told, now_told = (repr(f) if f is not None else "" for f in (self._snapshot.failure, update.failure))
        if known is None or (update.at, now_told) >= (known, told):
            self._replace(failure=update.failure)
        self.apply_one(GroupRefreshed("failure", update.at))


def _sort_parts(snapshot: JobSnapshot) -> JobSnapshot:
    """Return a snapshot whose rounds, tasks and series are in order; mostly the same one."""
    order = {w.id: index for index, w in enumerate(snapshot.workflows)}
    parts: dict[str, Any] = {
        "rounds": tuple(sorted(snapshot.rounds, key=partial(_round_place, order=order))),
        "tasks": tuple(sorted(snapshot.tasks, key=partial(_task_place, order=order))),
        "selector": tuple(sorted(snapshot.selector, key=series_key)),
        "round_metrics": tuple(sorted(snapshot.round_metrics, key=series_key)),
    }
    is_in_order = all(getattr(snapshot, field) == found for field, found in parts.items())
    return snapshot if is_in_order else dataclasses.replace(snapshot, **parts)


def series_key(series: Series) -> _SeriesKey:
    """Return the name, the site and the workflow of a series."""
    return series.name, series.site, series.workflow


def _merge_series(known: Sequence[Series], more: dict[_SeriesKey, dict[int, Point]]) -> list[Series]:
    """Return known series, in order, with more points; those that are new are put into their places."""
    merged = list(known)
    for key, points in more.items():
        place = bisect.bisect_left(merged, key, key=series_key)
        is_known = place < len(merged) and series_key(merged[place]) == key
        known_points = merged[place].points if is_known else ()
        # Mostly they are of rounds after those that are known.
        at = bisect.bisect_left(known_points, min(points), key=_round_of) if points else len(known_points)
        later = _merge_all({p.round: p for p in known_points[at:]}, points)
        name, site, workflow = key
        in_order = (*known_points[:at], *(later[n] for n in sorted(later)))
        merged[place : place + is_known] = [Series(name, site, in_order[-MAX_ROUNDS:], workflow)]
    return merged


def _round_of(point: Point) -> int:
    return point.round


def _merge_scalars(
    known: tuple[StepSeries, ...], more: dict[tuple[str, str], dict[int, float]]
) -> tuple[StepSeries, ...]:
    """Return the series with more points; of a long one, the points with the highest steps."""
    merged = {(series.name, series.site): series for series in known}
    for key, points in more.items():
        if key in merged:
            points = dict(points)
            for point in merged[key].points:
                points[point.step] = max(point.value, points.get(point.step, point.value))
        kept = sorted(points)[-MAX_STEPS:]
        merged[key] = StepSeries(*key, tuple(StepPoint(step, points[step]) for step in kept))
    return tuple(merged[key] for key in sorted(merged)[:MAX_STEP_SERIES])


def _without_selector_values(known: Iterable[Series]) -> list[Series]:
    kept = []
    for series in known:
        points = tuple(point for point in series.points if point.rank != RANK_SELECTOR)
        if points:
            kept.append(series if len(points) == len(series.points) else dataclasses.replace(series, points=points))
    return kept


def _keep_rounds(series: Series, rounds: Collection[int]) -> Series:
    at = bisect.bisect_left(series.points, min(rounds), key=_round_of)
    return dataclasses.replace(series, points=tuple(p for p in series.points[at:] if p.round in rounds))


def _as_key_metric(series: Series, key: KeyMetric | None) -> tuple[_SeriesKey, dict[int, Point]]:
    """Return the selector's values as those of the key metric; as they are while it is unknown."""
    sign = -1.0 if key is not None and key.mode == "min" else 1.0
    name = SELECTOR_VALUE if key is None else key.name
    return (name, series.site, series.workflow), {
        p.round: Point(p.round, sign * p.value, p.rank) for p in series.points
    }


def _as_key_best(best: BestRound | None, key: KeyMetric | None) -> BestRound | None:
    """Return the selector's best round by the key metric; None while it is unknown."""
    if best is None or key is None:
        return None
    return dataclasses.replace(best, value=-best.value) if key.mode == "min" else best


def _as_aggregate(best: BestRound | None, snapshot: JobSnapshot) -> BestRound | None:
    """Return the best round with the aggregate's value there, where that is more than the selector's own mean.

    The selector's mean does not weigh the sites by their data, as the aggregate does; FLARE's summary repeats it.
    """
    key = snapshot.key_metric
    series = None if best is None or key is None else snapshot.series(key.name, "", best.workflow)
    if best is None or series is None:
        return best
    at = bisect.bisect_left(series.points, best.round, key=_round_of)
    point = series.points[at] if at < len(series.points) else None
    if point is None or point.round != best.round or point.rank == RANK_SELECTOR:
        return best
    return dataclasses.replace(best, value=point.value)


def _event_key(event: Event) -> tuple[str, str, str]:
    return event.kind, event.text, event.site


def _workflow_sort_key(workflow: Workflow) -> tuple[float, float, str]:
    # All positions are known, or none: from the log alone, the workflows are in the order of their start.
    position = math.inf if workflow.position is None else workflow.position
    return position, math.inf if workflow.started_at is None else workflow.started_at, workflow.id


def _merge_into(into: dict[K, V], key: K, value: V) -> None:
    known = into.get(key)
    into[key] = value if known is None else known.merge(value)


def _merge_all(known: dict[K, V], more: dict[K, V]) -> dict[K, V]:
    for key, value in more.items():
        _merge_into(known, key, value)
    return known


def _find(parts: Sequence[P], like: P, place_of: Callable[[P], Any]) -> P | None:
    """Return the part that has the place of another one, of parts in order; None if there is none."""
    place = place_of(like)
    index = bisect.bisect_left(parts, place, key=place_of)
    return parts[index] if index < len(parts) and place_of(parts[index]) == place else None


def _merge_pairs(pairs: Iterable[tuple[P | None, P]]) -> list[tuple[P | None, P]]:
    """Return each known part, or None, with what it becomes by another one, if that is anything else."""
    merged = [(known, more if known is None else known.merge(more)) for known, more in pairs]
    return [(known, part) for known, part in merged if part != known]


def _put_in_order(known: Sequence[P], changed: Sequence[tuple[P | None, P]], place_of: Callable[[P], Any]) -> list[P]:
    """Return known parts, in order, some of which are replaced; those that are new or changed get their places."""
    if len(changed) > max(_FEW_PARTS, len(known) >> 4):
        replaced = {id(part) for part, _ in changed}
        kept = [part for part in known if id(part) not in replaced]
        return sorted(kept + [part for _, part in changed], key=place_of)
    kept = list(known)
    for before, after in changed:
        if before is not None:
            del kept[bisect.bisect_left(kept, place_of(before), key=place_of)]
        bisect.insort(kept, after, key=place_of)
    return kept


def _round_place(this: Round, order: dict[str, int]) -> tuple[int, str, float]:
    return group_place(this.workflow, this.number, order)


def _task_place(task: SiteTask, order: dict[str, int]) -> tuple[tuple[int, str, float], str, float, str]:
    sent_at = math.inf if task.sent_at is None else task.sent_at
    return group_place(task.workflow, task.round, order), task.site, sent_at, task.task_id
