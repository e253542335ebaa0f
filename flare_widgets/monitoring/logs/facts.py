"""Parser that turns a job's growing server log into updates. A state machine without I/O.

The server writes ``<job>/log.json``, one record per line: ``asctime`` (local time of the server), ``name`` of the
logger, ``levelname``, ``fl_ctx`` (``[identity=..., run=..., peer=site-1, peer_rc=OK, task_name=train,
task_id=...]``) and ``message``. The relevant messages were determined from servers of 2.7 to 2.9: they are written by
FLARE's own controllers, the server's runner and the selector of the best model.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...formatting.text import sanitize
from ..job.meta import parse_local_time
from ..job.model import RANK_GLOBAL, BestRound, Event, Point, Round, SiteTask, finite_or_none
from ..job.updates import MetricValue, Update, Workflow

MAX_RECORD_CHARS = 1 << 20
"""Maximum length of a record in characters; longer ones are skipped."""

MAX_EVENT_CHARS = 500
"""Maximum length of an event's text in characters."""

MAX_NAME_CHARS = 200
"""Maximum length of the name of a site, a task or a metric in characters."""

_MAX_CACHED_TASKS = 1000  # tasks whose round is kept until their result comes
_MAX_MESSAGE_CHARS = 20_000  # characters of a message that are parsed
_DEFAULT_METRIC_NAME = "validation metric"

_ROUND = re.compile(r"^[ \t]*Round (\d{1,9}) (started|finished)\.[ \t]*$", re.MULTILINE)
_GLOBAL_METRICS = re.compile(r"^Round (\d{1,9}) global metrics: (\{.{0,10000}\})$", re.DOTALL)
_NUMPY_SCALAR = re.compile(r"\bnp\.\w+\(([^()]*)\)")
_ASSIGNED = re.compile(r"assigned task to client (.+): name=(.*), id=(\S+)$")
_RESULT = re.compile(r"got result from client (.+) for task: name=(.*), id=(\S+)$")
_METRIC = re.compile(r"validation metric (\S+) from client (.+)$")
_BEST = re.compile(r"new best validation metric at round (\d{1,9}): (\S+)$")
_WORKFLOW = re.compile(r"starting workflow \S+ \(<class '(?:[\w.]*\.)?(\w+)'>\) \.\.\.$")
_RELAY = re.compile(r"^scheduled task ")
_NOTABLE_MESSAGES = (
    re.compile(r"Stopping at round=\d+ out of total_rounds=\d+\."),
    re.compile(r"task \S+ exit with status TaskCompletionStatus\.(?!OK)\w+"),
)


@dataclass(frozen=True)
class JsonRecord:
    """Record of a ``log.json`` file.

    Attributes
    ----------
    at
        The time it was written (seconds since the epoch, our clock); None if it has none.
    logger, level, context, message
        The logger, the level, FLARE's context, and the text; hostile.
    """

    at: float | None
    logger: str
    level: str
    context: str
    message: str


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
    offset
        Bytes of the log that were consumed, up to the end of a line: the start of the next chunk.
    round
        The round that the latest records belong to; None before the first, and in workflows without rounds.
    """

    def __init__(self, utc_offset: float = 0.0, clock_offset: float = 0.0, workflow: Workflow | None = None) -> None:
        self.offset = 0
        self.round: int | None = None
        self._time_offset = utc_offset + clock_offset
        self._key_metric = None if workflow is None else workflow.key_metric
        self._workflow_name = "" if workflow is None else workflow.name
        self._is_cyclic = False
        self._task_rounds: OrderedDict[str, int | None] = OrderedDict()
        self._tasks_with_code: OrderedDict[str, None] = OrderedDict()

    def feed(self, chunk: str) -> list[Update]:
        """Consume the text after the bytes consumed so far, and return its updates.

        Text after the last line break is left for the next call: it is not counted in `offset`.
        """
        facts: list[Update] = []
        whole, end, _ = chunk.rpartition("\n")
        for line in whole.split("\n") if end else ():
            record = parse_json_record(line, self._time_offset)
            if record is not None:
                facts += self._read_updates(record)
        self.offset += len((whole + end).encode("utf-8", "surrogatepass"))
        return facts

    def mark_gap(self) -> None:
        """Mark a gap in the log: the records after it may belong to another round."""
        self.round = None

    def _read_updates(self, record: JsonRecord) -> Iterator[Update]:
        for pattern, read in _RECORD_READERS:
            match = pattern.search(record.message)
            if match is not None:
                yield from read(self, match, record)
                break
        yield from self._read_return_code(record)
        if record.level in ("WARNING", "ERROR", "CRITICAL") or any(p.search(record.message) for p in _NOTABLE_MESSAGES):
            kind = "warning" if record.level in ("WARNING", "INFO") else "error"
            yield Event(record.at or 0.0, kind, sanitize(_first_line(record.message), MAX_EVENT_CHARS), "server")

    def _read_round(self, match: re.Match[str], record: JsonRecord) -> Iterator[Update]:
        number = int(match[1])
        if match[2] == "started":
            self.round = number
            yield Round(number, record.at)
        else:
            yield Round(number, None, record.at)

    def _read_relay(self, _: re.Match[str], record: JsonRecord) -> Iterator[Update]:
        # CyclicController logs no rounds; but each begins with a relay, and it schedules one relay at a time.
        if self._is_cyclic:
            self.round = 0 if self.round is None else self.round + 1
            yield Round(self.round, record.at)

    def _read_assignment(self, match: re.Match[str], record: JsonRecord) -> Iterator[Update]:
        site, name, task_id = _bounded_groups(match)
        _cache(self._task_rounds, task_id, self.round)
        yield SiteTask(task_id, site, name, self.round, record.at)

    def _read_result(self, match: re.Match[str], record: JsonRecord) -> Iterator[Update]:
        site, name, task_id = _bounded_groups(match)
        yield SiteTask(task_id, site, name, self._task_rounds.get(task_id, self.round), None, record.at)

    def _read_return_code(self, record: JsonRecord) -> Iterator[Update]:
        entries = (entry.partition("=") for entry in record.context.strip("[]").split(", "))
        context = {key: value[:MAX_NAME_CHARS] for key, equals, value in entries if equals}
        site, code, task_id = (context.get(key) for key in ("peer", "peer_rc", "task_id"))
        if site and code and task_id and task_id not in self._tasks_with_code:
            _cache(self._tasks_with_code, task_id, None)
            yield SiteTask(task_id, site, round=self._task_rounds.get(task_id, self.round), code=code)

    def _read_metric(self, match: re.Match[str], _: JsonRecord) -> Iterator[Update]:
        value = self._parse_value(match[1])
        if value is not None and self.round is not None:
            yield MetricValue(self._metric_name, match[2][:MAX_NAME_CHARS], Point(self.round, value))

    def _read_best(self, match: re.Match[str], _: JsonRecord) -> Iterator[Update]:
        value = self._parse_value(match[2])
        if value is not None:
            yield BestRound(int(match[1]), value)
            # The mean by which the selector compares rounds is the aggregate, until a more trusted source provides one.
            yield MetricValue(self._metric_name, "", Point(int(match[1]), value))

    def _read_global_metrics(self, match: re.Match[str], _: JsonRecord) -> Iterator[Update]:
        try:
            values = ast.literal_eval(_NUMPY_SCALAR.sub(r"\1", match[2]))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return
        for name, words in values.items() if isinstance(values, dict) else ():
            value = finite_or_none(words)
            if isinstance(name, str) and value is not None:
                yield MetricValue(name[:MAX_NAME_CHARS], "", Point(int(match[1]), value, RANK_GLOBAL))

    def _read_workflow(self, match: re.Match[str], record: JsonRecord) -> Iterator[Update]:
        # Records of a workflow without rounds do not belong to the last round of the previous workflow.
        self.round, self._is_cyclic = None, match[1] == "CyclicController"
        if not self._workflow_name:
            self._workflow_name = sanitize(match[1], 100)
            yield Workflow(self._workflow_name)
        yield Event(record.at or 0.0, "workflow", f"workflow {sanitize(match[1], 100)} started", "server")

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


_RecordReader = Callable[[ServerLogParser, "re.Match[str]", JsonRecord], Iterator[Update]]

_RECORD_READERS: tuple[tuple[re.Pattern[str], _RecordReader], ...] = (
    (_ASSIGNED, ServerLogParser._read_assignment),
    (_RESULT, ServerLogParser._read_result),
    (_ROUND, ServerLogParser._read_round),
    (_BEST, ServerLogParser._read_best),
    (_METRIC, ServerLogParser._read_metric),
    (_GLOBAL_METRICS, ServerLogParser._read_global_metrics),
    (_WORKFLOW, ServerLogParser._read_workflow),
    (_RELAY, ServerLogParser._read_relay),
)


def parse_json_record(line: str, time_offset: float = 0.0) -> JsonRecord | None:
    """Parse a line of ``log.json``; return None if it is not a record.

    Parameters
    ----------
    line
        The line.
    time_offset
        Seconds by which its local time is ahead of UTC.
    """
    if not line or len(line) > MAX_RECORD_CHARS:
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    at = parse_local_time(_text_field(data, "asctime"))
    return JsonRecord(
        None if at is None else at - time_offset,
        _text_field(data, "name"),
        _text_field(data, "levelname"),
        _text_field(data, "fl_ctx"),
        _text_field(data, "message")[:_MAX_MESSAGE_CHARS],
    )


def _text_field(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _bounded_groups(match: re.Match[str]) -> list[str]:
    return [name[:MAX_NAME_CHARS] for name in match.groups()]


def _first_line(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if line.strip()), "")


def _cache(cache: OrderedDict[str, Any], key: str, value: Any) -> None:
    cache[key] = value
    if len(cache) > _MAX_CACHED_TASKS:
        cache.popitem(last=False)
