"""Parser that turns a job's growing server log into updates. A state machine without I/O.

The relevant messages were determined from servers of 2.7 to 2.9: they are written by FLARE's own controllers, the
server's runner and the selector of the best model. The context of a record is ``identity=..., run=..., peer=site-1,
peer_rc=OK, task_name=train, task_id=...``.
"""

from __future__ import annotations

import ast
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from ...formatting.text import sanitize
from ..job.model import RANK_GLOBAL, BestRound, Event, Point, Round, SiteTask, finite_or_none
from ..job.updates import MetricValue, Update, Workflow
from .records import LEVELS, LogRecord, RecordParser

MAX_EVENT_CHARS = 500
"""Maximum length of an event's text in characters."""

MAX_NAME_CHARS = 200
"""Maximum length of the name of a site, a task or a metric in characters."""

_MAX_CACHED_TASKS = 1000  # tasks whose round is kept until their result comes
_MAX_MESSAGE_CHARS = 20_000  # characters of a message that are parsed
_DEFAULT_METRIC_NAME = "validation metric"
_WARNING = LEVELS.index("WARNING")

ROUND = re.compile(r"^[ \t]*Round (\d{1,9}) (started|finished)\.[ \t]*$", re.MULTILINE)
_GLOBAL_METRICS = re.compile(r"^Round (\d{1,9}) global metrics: (\{.{0,10000}\})$", re.DOTALL)
_NUMPY_SCALAR = re.compile(r"\bnp\.\w+\(([^()]*)\)")
_ASSIGNED = re.compile(r"assigned task to client (.+): name=(.*), id=(\S+)$")
_RESULT = re.compile(r"got result from client (.+) for task: name=(.*), id=(\S+)$")
_METRIC = re.compile(r"validation metric (\S+) from client (.+)$")
_BEST = re.compile(r"new best validation metric at round (\d{1,9}): (\S+)$")
_WORKFLOW = re.compile(r"starting workflow \S+ \(<class '(?:[\w.]*\.)?(\w+)'>\) \.\.\.$")
_RELAY = re.compile(r"^scheduled task ")
_EARLY_STOP = re.compile(r"Stopping at round=\d+ out of total_rounds=\d+\.")
TASK_END = re.compile(r"task \S+ exit with status TaskCompletionStatus\.(\w+)")


class ServerLogParser:
    """Parser of a job's log, with the state gathered so far.

    Parameters
    ----------
    utc_offset
        Seconds by which the server's local time is ahead of UTC; see :func:`.job_meta.server_utc_offset`.
    clock_offset
        Seconds by which the server's clock is ahead of ours.
    workflow
        The job's configuration: the log has neither the key metric's name nor, of several workflows, the one
        that has the rounds.

    Attributes
    ----------
    round
        The round that the latest records belong to; None before the first, and in workflows without rounds.
    """

    def __init__(self, utc_offset: float = 0.0, clock_offset: float = 0.0, workflow: Workflow | None = None) -> None:
        self.round: int | None = None
        self._records = RecordParser()
        self._time_offset = utc_offset + clock_offset
        self._key_metric = None if workflow is None else workflow.key_metric
        self._workflow_name = "" if workflow is None else workflow.name
        self._is_cyclic = False
        self._task_rounds: OrderedDict[str, int | None] = OrderedDict()
        self._tasks_with_code: OrderedDict[str, None] = OrderedDict()

    def feed(self, text: str) -> list[Update]:
        """Consume the next text of ``log.json``, and return its updates."""
        records = self._records.feed(text)
        return [update for record in records if record.level for update in self._read_updates(record)]

    def mark_gap(self) -> None:
        """Mark a gap in the log: the records after it may belong to another round."""
        self.round = None

    def _read_updates(self, record: LogRecord) -> Iterator[Update]:
        message, at = record.message[:_MAX_MESSAGE_CHARS], record.local_time
        if at is not None:
            at -= self._time_offset
        for pattern, read in _MESSAGE_READERS:
            match = pattern.search(message)
            if match is not None:
                yield from read(self, match, at)
                break
        yield from self._read_return_code(record)
        end = TASK_END.search(message)
        if record.severity >= _WARNING or _EARLY_STOP.search(message) or (end is not None and end[1] != "OK"):
            kind = "error" if record.is_error else "warning"
            yield Event(at or 0.0, kind, sanitize(_first_line(message), MAX_EVENT_CHARS), "server")

    def _read_round(self, match: re.Match[str], at: float | None) -> Iterator[Update]:
        number = int(match[1])
        if match[2] == "started":
            self.round = number
            yield Round(number, at)
        else:
            yield Round(number, None, at)

    def _read_relay(self, _: re.Match[str], at: float | None) -> Iterator[Update]:
        # CyclicController logs no rounds; but each begins with a relay, and it schedules one relay at a time.
        if self._is_cyclic:
            self.round = 0 if self.round is None else self.round + 1
            yield Round(self.round, at)

    def _read_assignment(self, match: re.Match[str], at: float | None) -> Iterator[Update]:
        site, name, task_id = _bounded_groups(match)
        _cache(self._task_rounds, task_id, self.round)
        yield SiteTask(task_id, site, name, self.round, at)

    def _read_result(self, match: re.Match[str], at: float | None) -> Iterator[Update]:
        site, name, task_id = _bounded_groups(match)
        yield SiteTask(task_id, site, name, self._task_rounds.get(task_id, self.round), None, at)

    def _read_return_code(self, record: LogRecord) -> Iterator[Update]:
        context = record.context_fields
        site, code, task_id = (context.get(key, "")[:MAX_NAME_CHARS] for key in ("peer", "peer_rc", "task_id"))
        if site and code and task_id and task_id not in self._tasks_with_code:
            _cache(self._tasks_with_code, task_id, None)
            yield SiteTask(task_id, site, round=self._task_rounds.get(task_id, self.round), code=code)

    def _read_metric(self, match: re.Match[str], _: float | None) -> Iterator[Update]:
        value = self._parse_value(match[1])
        if value is not None and self.round is not None:
            yield MetricValue(self._metric_name, match[2][:MAX_NAME_CHARS], Point(self.round, value))

    def _read_best(self, match: re.Match[str], _: float | None) -> Iterator[Update]:
        value = self._parse_value(match[2])
        if value is not None:
            yield BestRound(int(match[1]), value)
            # The mean by which the selector compares rounds is the aggregate, until a more trusted source provides one.
            yield MetricValue(self._metric_name, "", Point(int(match[1]), value))

    def _read_global_metrics(self, match: re.Match[str], _: float | None) -> Iterator[Update]:
        try:
            values = ast.literal_eval(_NUMPY_SCALAR.sub(r"\1", match[2]))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return
        for name, words in values.items() if isinstance(values, dict) else ():
            value = finite_or_none(words)
            if isinstance(name, str) and value is not None:
                yield MetricValue(name[:MAX_NAME_CHARS], "", Point(int(match[1]), value, RANK_GLOBAL))

    def _read_workflow(self, match: re.Match[str], at: float | None) -> Iterator[Update]:
        # Records of a workflow without rounds do not belong to the last round of the previous workflow.
        self.round, self._is_cyclic = None, match[1] == "CyclicController"
        if not self._workflow_name:
            self._workflow_name = sanitize(match[1], 100)
            yield Workflow(self._workflow_name)
        yield Event(at or 0.0, "workflow", f"workflow {sanitize(match[1], 100)} started", "server")

    @property
    def _metric_name(self) -> str:
        return self._key_metric.name if self._key_metric is not None else _DEFAULT_METRIC_NAME

    def _parse_value(self, text: str) -> float | None:
        try:
            value = float(text)
        except ValueError:
            return None
        if not math.isfinite(value):
            return None
        # The selector maximizes: it negates metrics to be minimized, and logs the negated value.
        return -value if self._key_metric is not None and self._key_metric.mode == "min" else value


_MessageReader = Callable[[ServerLogParser, "re.Match[str]", "float | None"], Iterator[Update]]

_MESSAGE_READERS: tuple[tuple[re.Pattern[str], _MessageReader], ...] = (
    (_ASSIGNED, ServerLogParser._read_assignment),
    (_RESULT, ServerLogParser._read_result),
    (ROUND, ServerLogParser._read_round),
    (_BEST, ServerLogParser._read_best),
    (_METRIC, ServerLogParser._read_metric),
    (_GLOBAL_METRICS, ServerLogParser._read_global_metrics),
    (_WORKFLOW, ServerLogParser._read_workflow),
    (_RELAY, ServerLogParser._read_relay),
)


def _bounded_groups(match: re.Match[str]) -> list[str]:
    return [name[:MAX_NAME_CHARS] for name in match.groups()]


def _first_line(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if line.strip()), "")


def _cache(cache: OrderedDict[str, Any], key: str, value: Any) -> None:
    cache[key] = value
    if len(cache) > _MAX_CACHED_TASKS:
        cache.popitem(last=False)
