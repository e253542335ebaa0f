"""A job's log on the server, read as it grows: what its records say becomes facts. A state machine without I/O.

The server writes ``<job>/log.json``, a record a line: ``asctime`` (local time of the server), ``name`` of the logger,
``levelname``, ``fl_ctx`` (``[identity=..., run=..., peer=site-1, peer_rc=OK, task_name=train, task_id=...]``) and
``message``. Which messages carry facts was read off servers of 2.7 to 2.9: FLARE's own controllers, the server's
runner and the selector of the best model write them.
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

from ...formatting.text import clean
from ..job.meta import local_time
from ..job.model import RANK_GLOBAL, Best, Event, Point, Round, SiteTask, finite
from ..job.updates import Fact, Measured, Workflow

MAX_LINE = 1 << 20
"""Characters of the longest record that is read; longer ones are passed over."""

MAX_WORDS = 500
"""Characters of an event's text."""

MAX_NAME = 200
"""Characters of the name of a site, a task or a metric."""

_REMEMBERED = 1000  # tasks whose round is remembered until their result comes
_MAX_MESSAGE = 20_000  # characters of a message that are looked at
_UNNAMED = "validation metric"

_ROUND = re.compile(r"^[ \t]*Round (\d{1,9}) (started|finished)\.[ \t]*$", re.MULTILINE)
_GLOBAL = re.compile(r"^Round (\d{1,9}) global metrics: (\{.{0,10000}\})$", re.DOTALL)
_NUMPY = re.compile(r"\bnp\.\w+\(([^()]*)\)")
_ASSIGNED = re.compile(r"assigned task to client (.+): name=(.*), id=(\S+)$")
_RESULT = re.compile(r"got result from client (.+) for task: name=(.*), id=(\S+)$")
_METRIC = re.compile(r"validation metric (\S+) from client (.+)$")
_BEST = re.compile(r"new best validation metric at round (\d{1,9}): (\S+)$")
_WORKFLOW = re.compile(r"starting workflow \S+ \(<class '(?:[\w.]*\.)?(\w+)'>\) \.\.\.$")
_RELAY = re.compile(r"^scheduled task ")
_TOLD = (
    re.compile(r"Stopping at round=\d+ out of total_rounds=\d+\."),
    re.compile(r"task \S+ exit with status TaskCompletionStatus\.(?!OK)\w+"),
)


@dataclass(frozen=True)
class Record:
    """One record of a log.

    Attributes
    ----------
    at
        When it was written (seconds since the epoch, our clock); None when it does not say.
    logger, level, context, message
        Who wrote it, how grave it is, FLARE's context, and the words; hostile text.
    """

    at: float | None
    logger: str
    level: str
    context: str
    message: str


class ServerLog:
    """What is known of a job from its log so far.

    Parameters
    ----------
    zone
        Seconds by which the server's local time is ahead of UTC; see :func:`.job_meta.zone_offset`.
    ahead
        Seconds by which the server's clock is ahead of ours.
    told
        What the job's configuration says: the log has neither the key metric's name nor which of several workflows
        has the rounds.

    Attributes
    ----------
    offset
        Bytes of the log that were taken, up to the end of a line: where the next piece must begin.
    round
        The round that the records taken last belong to; None before the first, and in workflows without rounds.
    """

    def __init__(self, zone: float = 0.0, ahead: float = 0.0, told: Workflow | None = None) -> None:
        self.offset = 0
        self.round: int | None = None
        self._shift = zone + ahead
        self._key = None if told is None else told.key_metric
        self._name = "" if told is None else told.name
        self._relay = False
        self._rounds: OrderedDict[str, int | None] = OrderedDict()
        self._coded: OrderedDict[str, None] = OrderedDict()

    def feed(self, piece: str) -> list[Fact]:
        """Take what follows the bytes taken so far, and return what it says.

        What comes after the last line break is left for the next time: it is not counted in `offset`.
        """
        facts: list[Fact] = []
        whole, end, _ = piece.rpartition("\n")
        for line in whole.split("\n") if end else ():
            record = read_record(line, self._shift)
            if record is not None:
                facts += self._facts(record)
        self.offset += len((whole + end).encode("utf-8", "surrogatepass"))
        return facts

    def gap(self) -> None:
        """Take note that what follows does not join what was taken: records may belong to another round."""
        self.round = None

    def _facts(self, record: Record) -> Iterator[Fact]:
        for pattern, read in _READERS:
            match = pattern.search(record.message)
            if match is not None:
                yield from read(self, match, record)
                break
        yield from self._code(record)
        if record.level in ("WARNING", "ERROR", "CRITICAL") or any(p.search(record.message) for p in _TOLD):
            kind = "warning" if record.level in ("WARNING", "INFO") else "error"
            yield Event(record.at or 0.0, kind, clean(_first_line(record.message), MAX_WORDS), "server")

    def _round(self, match: re.Match[str], record: Record) -> Iterator[Fact]:
        number = int(match[1])
        if match[2] == "started":
            self.round = number
            yield Round(number, record.at)
        else:
            yield Round(number, None, record.at)

    def _relayed(self, _: re.Match[str], record: Record) -> Iterator[Fact]:
        # CyclicController logs no rounds; but each begins with a relay, of which it schedules one at a time.
        if self._relay:
            self.round = 0 if self.round is None else self.round + 1
            yield Round(self.round, record.at)

    def _assigned(self, match: re.Match[str], record: Record) -> Iterator[Fact]:
        site, name, task_id = _names(match)
        _remember(self._rounds, task_id, self.round)
        yield SiteTask(task_id, site, name, self.round, record.at)

    def _result(self, match: re.Match[str], record: Record) -> Iterator[Fact]:
        site, name, task_id = _names(match)
        yield SiteTask(task_id, site, name, self._rounds.get(task_id, self.round), None, record.at)

    def _code(self, record: Record) -> Iterator[Fact]:
        entries = (entry.partition("=") for entry in record.context.strip("[]").split(", "))
        context = {key: value[:MAX_NAME] for key, equals, value in entries if equals}
        site, code, task_id = (context.get(key) for key in ("peer", "peer_rc", "task_id"))
        if site and code and task_id and task_id not in self._coded:
            _remember(self._coded, task_id, None)
            yield SiteTask(task_id, site, round=self._rounds.get(task_id, self.round), code=code)

    def _metric(self, match: re.Match[str], _: Record) -> Iterator[Fact]:
        value = self._value(match[1])
        if value is not None and self.round is not None:
            yield Measured(self._metric_name, match[2][:MAX_NAME], Point(self.round, value))

    def _best(self, match: re.Match[str], _: Record) -> Iterator[Fact]:
        value = self._value(match[2])
        if value is not None:
            yield Best(int(match[1]), value)
            # The mean that the selector compares rounds by is the aggregate, until a better source says otherwise.
            yield Measured(self._metric_name, "", Point(int(match[1]), value))

    def _global(self, match: re.Match[str], _: Record) -> Iterator[Fact]:
        try:
            values = ast.literal_eval(_NUMPY.sub(r"\1", match[2]))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return
        for name, words in values.items() if isinstance(values, dict) else ():
            value = finite(words)
            if isinstance(name, str) and value is not None:
                yield Measured(name[:MAX_NAME], "", Point(int(match[1]), value, RANK_GLOBAL))

    def _workflow(self, match: re.Match[str], record: Record) -> Iterator[Fact]:
        # Records of a workflow without rounds do not belong to the last round of the one before it.
        self.round, self._relay = None, match[1] == "CyclicController"
        if not self._name:
            self._name = clean(match[1], 100)
            yield Workflow(self._name)
        yield Event(record.at or 0.0, "workflow", f"workflow {clean(match[1], 100)} started", "server")

    @property
    def _metric_name(self) -> str:
        return self._key.name if self._key is not None else _UNNAMED

    def _value(self, words: str) -> float | None:
        try:
            value = float(words)
        except ValueError:
            return None
        if not math.isfinite(value):
            return None
        # The selector looks for the greatest value: what shall be small it negates, and logs it so.
        return -value if self._key is not None and self._key.mode == "min" else value


_Reader = Callable[[ServerLog, "re.Match[str]", Record], Iterator[Fact]]

_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_ASSIGNED, ServerLog._assigned),
    (_RESULT, ServerLog._result),
    (_ROUND, ServerLog._round),
    (_BEST, ServerLog._best),
    (_METRIC, ServerLog._metric),
    (_GLOBAL, ServerLog._global),
    (_WORKFLOW, ServerLog._workflow),
    (_RELAY, ServerLog._relayed),
)


def read_record(line: str, shift: float = 0.0) -> Record | None:
    """Return the record in a line of ``log.json``; None if there is none.

    Parameters
    ----------
    line
        The line.
    shift
        Seconds by which its local time is ahead of UTC.
    """
    if not line or len(line) > MAX_LINE:
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    at = local_time(_text(data, "asctime"))
    return Record(
        None if at is None else at - shift,
        _text(data, "name"),
        _text(data, "levelname"),
        _text(data, "fl_ctx"),
        _text(data, "message")[:_MAX_MESSAGE],
    )


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""


def _names(match: re.Match[str]) -> list[str]:
    return [name[:MAX_NAME] for name in match.groups()]


def _first_line(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if line.strip()), "")


def _remember(memory: OrderedDict[str, Any], key: str, value: Any) -> None:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
