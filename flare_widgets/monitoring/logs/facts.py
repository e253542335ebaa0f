"""Parser that turns a job's growing server log into updates. A state machine without I/O.

The relevant messages were determined from servers of 2.7 to 2.9: they are written by FLARE's own controllers, the
server's runner and the selector of the best model; and by our component ``authoring/live_metrics.py`` in jobs that
have it. The context of a record is ``identity=..., run=..., wf=controller,
peer=site-1, peer_rc=OK, task_name=train, task_id=...``. Messages of one kind of workflow are read by that kind's
module in ``monitoring/workflows/``.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ... import bounds
from ...cell_jobs import LIVE_METRICS_LINE, LIVE_SCALARS_LINE
from ...formatting.text import sanitize
from ..job.model import (
    RANK_GLOBAL,
    RANK_SELECTOR,
    SELECTOR_VALUE,
    BestRound,
    Event,
    Point,
    SiteTask,
    Workflow,
)
from ..job.updates import LiveMetricsFound, MetricValue, PackingStarted, ScalarValue, Update
from ..numbers import finite_or_none, round_count_or_none
from ..results.scalars import StepPoint
from ..results.values import clean_name, parse_json
from ..workflows import GENERIC, WorkflowKind, WorkflowRun, find_kind, find_kind_by_sign
from .noise import JOB_ENDING, event_text, is_noise
from .patterns import ROUND, TASK_END
from .records import LEVELS, LogRecord, RecordParser

MAX_EVENT_CHARS = 500
"""Maximum length of an event's text in characters."""

MAX_NAME_CHARS = 200
"""Maximum length of the name of a site, a task, a workflow or a metric in characters."""

_MAX_CACHED_TASKS = 1000  # tasks whose round is kept until their result comes
_MAX_CACHED_EVENTS = 1000  # events whose number is kept
_MAX_CACHED_WORKFLOWS = 100
_MAX_MESSAGE_CHARS = 20_000  # characters of a message that are parsed
_MAX_LIVE_VALUES = 50  # values that are read from one line
_WARNING = LEVELS.index("WARNING")

_GLOBAL_METRICS = re.compile(r"^Round (\d{1,9}) global metrics: (\{.{0,10000}\})$", re.DOTALL)
_NUMPY_SCALAR = re.compile(r"\bnp\.\w+\(([^()]*)\)")
_ASSIGNED = re.compile(r"^assigned task to client (.{1,1000}): name=(.{0,1000}), id=(\S{1,1000})$")
_RESULT = re.compile(r"^got result from client (.{1,1000}) for task: name=(.{0,1000}), id=(\S{1,1000})$")
_METRIC = re.compile(r"^validation metric (\S{1,100}) from client (.{1,1000})$")
_BEST = re.compile(r"^new best validation metric at round (\d{1,9}): (\S{1,100})$")
_WORKFLOW = re.compile(r"^starting workflow (\S+) \(<class '(?:[\w.]*\.)?(\w+)'>\) \.\.\.$")
_WORKFLOW_END = re.compile(r"^Workflow: (\S+) finalizing \.\.\.$")
_RUN_END = re.compile(r"^(?:ABOUT_TO_END_RUN|END_RUN) fired$")
_EARLY_STOP = re.compile(r"Stopping at round=\d+ out of total_rounds=\d+\.")


class ServerLogParser:
    """Parser of a job's log, with the state gathered so far.

    Parameters
    ----------
    utc_offset
        Seconds by which the server's local time is ahead of UTC; see :func:`.job_meta.server_utc_offset`.
    clock_offset
        Seconds by which the server's clock is ahead of ours.

    Attributes
    ----------
    live_value_count
        The number of values read from lines of our own component in the job, which may have very many.
    max_live_values
        That number from which on such lines are passed over; writable.
    """

    def __init__(self, utc_offset: float = 0.0, clock_offset: float = 0.0) -> None:
        self._records = RecordParser()
        self._time_offset = utc_offset + clock_offset
        self._runs: OrderedDict[str, tuple[WorkflowKind, WorkflowRun]] = OrderedDict()
        self._current = ""
        self._tasks: OrderedDict[str, SiteTask] = OrderedDict()
        self._tasks_with_code: OrderedDict[str, None] = OrderedDict()
        self._is_ending = False
        self._has_live_metrics = False
        self.live_value_count = 0
        self.max_live_values = math.inf
        self._event_counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    @property
    def workflow(self) -> str:
        """The id of the workflow that the latest records belong to; empty before the first."""
        return self._current

    @property
    def workflows_with_rounds(self) -> list[str]:
        """The ids of the workflows that have had a round, in the order in which they started."""
        return [workflow for workflow, (_, run) in self._runs.items() if run.metric_round is not None]

    def feed(self, text: str) -> list[Update]:
        """Consume the next text of ``log.json``, and return its updates."""
        records = self._records.feed(text)
        return [update for record in records if record.level for update in self._read_updates(record)]

    def mark_gap(self) -> None:
        """Mark a gap in the log: the records after it may belong to another round."""
        for _, run in self._runs.values():
            run.mark_gap()

    def _read_updates(self, record: LogRecord) -> Iterator[Update]:
        message, at = record.message[:_MAX_MESSAGE_CHARS], record.local_time
        if at is not None:
            at -= self._time_offset
        context = record.context_fields
        if message.startswith((LIVE_METRICS_LINE, LIVE_SCALARS_LINE)):
            if self.live_value_count < self.max_live_values:
                yield from self._read_live_line(message, context.get("wf", "")[:MAX_NAME_CHARS] or self._current)
            return  # whatever a metric is called, it is no other line
        kind, run = self._run_of(context.get("wf", "")[:MAX_NAME_CHARS] or self._current)
        found = find_kind_by_sign(message) if run.id and kind is GENERIC else None
        if found is not None:
            kind, _ = self._runs[run.id] = found, run
            yield kind.describe(run.id)
        for pattern, read in _MESSAGE_READERS:
            match = pattern.search(message)
            if match is not None:
                yield from read(self, run, match, at)
                break
        for pattern, read_of_kind in kind.readers:
            match = pattern.search(message)
            if match is not None:
                yield from read_of_kind(run, match, at)
                break
        yield from self._read_return_code(context, run)
        self._is_ending = self._is_ending or bool(JOB_ENDING.search(message))
        end = TASK_END.search(message)
        is_trouble = record.severity >= _WARNING and not is_noise(record, self._is_ending)
        if is_trouble or _EARLY_STOP.search(message) or (end is not None and end[1] != "OK"):
            yield self._count_event("error" if record.is_error else "warning", event_text(message), at)

    def _run_of(self, workflow: str) -> tuple[WorkflowKind, WorkflowRun]:
        """Return the kind and the state of a workflow."""
        if workflow not in self._runs:
            _cache(self._runs, workflow, (GENERIC, WorkflowRun(workflow)), _MAX_CACHED_WORKFLOWS)
        return self._runs[workflow]

    def _read_workflow(self, _: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
        self._current, name = match[1][:MAX_NAME_CHARS], match[2][:MAX_NAME_CHARS]
        kind = find_kind(name)
        _cache(self._runs, self._current, (kind, WorkflowRun(self._current)), _MAX_CACHED_WORKFLOWS)
        yield kind.describe(self._current, name)
        yield Workflow(self._current, started_at=at)
        yield self._count_event("workflow", f"workflow {name} ({self._current}) started", at)

    def _read_workflow_end(self, _: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
        yield Workflow(match[1][:MAX_NAME_CHARS], ended_at=at)

    def _read_run_end(self, _: WorkflowRun, __: re.Match[str], at: float | None) -> Iterator[Update]:
        if at is not None:
            yield PackingStarted(at)

    def _read_round(self, run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
        number = int(match[1])
        yield from run.start_round(number, at) if match[2] == "started" else run.end_round(number, at)

    def _read_assignment(self, run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
        site, name, task_id = _bounded_groups(match)
        task = self._describe_task(task_id, site, name, run)
        _cache(self._tasks, task_id, task, _MAX_CACHED_TASKS)
        yield dataclasses.replace(task, sent_at=at)

    def _read_result(self, run: WorkflowRun, match: re.Match[str], at: float | None) -> Iterator[Update]:
        site, name, task_id = _bounded_groups(match)
        task = self._tasks.get(task_id) or self._describe_task(task_id, site, name, run)
        yield dataclasses.replace(task, returned_at=at)

    def _describe_task(self, task_id: str, site: str, name: str, run: WorkflowRun) -> SiteTask:
        kind, _ = self._run_of(run.id)
        return SiteTask(
            task_id,
            site,
            name,
            run.round,
            workflow=run.id,
            label=run.stage_label or kind.task_label(name),
            is_setup=kind.is_setup_task(name),
        )

    def _read_return_code(self, context: dict[str, str], run: WorkflowRun) -> Iterator[Update]:
        site, code, task_id = (context.get(key, "")[:MAX_NAME_CHARS] for key in ("peer", "peer_rc", "task_id"))
        if site and code and task_id and task_id not in self._tasks_with_code:
            _cache(self._tasks_with_code, task_id, None, _MAX_CACHED_TASKS)
            task = self._tasks.get(task_id) or SiteTask(task_id, site, round=run.round, workflow=run.id)
            yield dataclasses.replace(task, code=code)

    def _read_metric(self, run: WorkflowRun, match: re.Match[str], _: float | None) -> Iterator[Update]:
        value = _parse_value(match[1])
        if value is not None and run.metric_number is not None:
            point = Point(run.metric_number, value, RANK_SELECTOR)
            yield MetricValue(SELECTOR_VALUE, match[2][:MAX_NAME_CHARS], point, run.id)

    def _read_best(self, run: WorkflowRun, match: re.Match[str], _: float | None) -> Iterator[Update]:
        number, value = int(match[1]), _parse_value(match[2])
        if value is not None:
            yield BestRound(number, value, RANK_SELECTOR, run.id)
            # The mean by which the selector compares rounds is the aggregate, until a more trusted source provides one.
            yield MetricValue(SELECTOR_VALUE, "", Point(number, value, RANK_SELECTOR), run.id)

    def _read_global_metrics(self, run: WorkflowRun, match: re.Match[str], _: float | None) -> Iterator[Update]:
        try:
            values = ast.literal_eval(_NUMPY_SCALAR.sub(r"\1", match[2]))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return
        for name, words in values.items() if isinstance(values, dict) else ():
            value = finite_or_none(words)
            if isinstance(name, str) and value is not None:
                yield MetricValue(name[:MAX_NAME_CHARS], "", Point(int(match[1]), value, RANK_GLOBAL), run.id)

    def _read_live_line(self, message: str, workflow: str) -> Iterator[Update]:
        """Return what a line says that our own component in the job has written."""
        data = parse_json(message[len(LIVE_METRICS_LINE) :])  # both begin with as many characters
        if not isinstance(data, dict):
            return
        if not self._has_live_metrics:
            self._has_live_metrics = True
            yield LiveMetricsFound()
        values: list[Update] = [*_iter_metrics(data, workflow), *_iter_scalars(data)]
        self.live_value_count += len(values)
        yield from values

    def _count_event(self, kind: str, message: str, at: float | None) -> Event:
        text = sanitize(message, MAX_EVENT_CHARS)
        count = self._event_counts.get((kind, text), 0) + 1
        _cache(self._event_counts, (kind, text), count, _MAX_CACHED_EVENTS)
        return Event(at or 0.0, kind, text, "server", count, at if count > 1 else None)


def read_in_time(
    log: ServerLogParser, pieces: Iterable[str], clock: Callable[[], float] = time.thread_time
) -> tuple[list[Update], str]:
    """Feed a log to its parser, up to the bounds.

    Returns
    -------
    tuple
        The updates, and the reason why some of the log was not read; empty if all was.
    """
    updates: list[Update] = []
    line_count, deadline = 0, clock() + bounds.MAX_LOG_READ_S
    for piece in pieces:
        limit = bounds.MAX_LOG_UPDATES + log.live_value_count
        if line_count > bounds.MAX_LOG_LINES or len(updates) > limit or clock() > deadline:
            log.mark_gap()
            return updates[:limit], f"the log is too long: only {line_count} lines of it were read"
        updates += log.feed(piece)
        line_count += piece.count("\n")
    return updates[: bounds.MAX_LOG_UPDATES + log.live_value_count], ""


_MessageReader = Callable[[ServerLogParser, WorkflowRun, "re.Match[str]", "float | None"], Iterator[Update]]

_MESSAGE_READERS: tuple[tuple[re.Pattern[str], _MessageReader], ...] = (
    (_ASSIGNED, ServerLogParser._read_assignment),
    (_RESULT, ServerLogParser._read_result),
    (ROUND, ServerLogParser._read_round),
    (_BEST, ServerLogParser._read_best),
    (_METRIC, ServerLogParser._read_metric),
    (_GLOBAL_METRICS, ServerLogParser._read_global_metrics),
    (_WORKFLOW, ServerLogParser._read_workflow),
    (_WORKFLOW_END, ServerLogParser._read_workflow_end),
    (_RUN_END, ServerLogParser._read_run_end),
)


def _iter_metrics(data: dict[str, Any], workflow: str) -> Iterator[MetricValue]:
    site, number, pairs = data.get("site"), round_count_or_none(data.get("round")), data.get("metrics")
    if number is None or not isinstance(site, str):
        return
    for pair in pairs[:_MAX_LIVE_VALUES] if isinstance(pairs, list) else ():
        name, value = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
        finite = finite_or_none(value)
        if isinstance(name, str) and finite is not None:
            point = Point(number, finite, RANK_GLOBAL)
            yield MetricValue(name[:MAX_NAME_CHARS], site[:MAX_NAME_CHARS], point, workflow)


def _iter_scalars(data: dict[str, Any]) -> Iterator[ScalarValue]:
    scalars = data.get("scalars")
    for scalar in scalars[:_MAX_LIVE_VALUES] if isinstance(scalars, list) else ():
        if not isinstance(scalar, dict):
            continue
        name, site, step = scalar.get("name"), scalar.get("site"), round_count_or_none(scalar.get("step"))
        value = finite_or_none(scalar.get("value"))
        if isinstance(name, str) and isinstance(site, str) and step is not None and value is not None:
            yield ScalarValue(clean_name(name), clean_name(site), StepPoint(step, value))


def _parse_value(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _bounded_groups(match: re.Match[str]) -> list[str]:
    return [name[:MAX_NAME_CHARS] for name in match.groups()]


def _cache(cache: OrderedDict[Any, Any], key: Any, value: Any, max_entries: int) -> None:
    cache[key] = value
    if len(cache) > max_entries:
        cache.popitem(last=False)
