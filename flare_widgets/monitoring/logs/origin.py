"""Origin of a log's lines: the user's own code, FLARE, or FLARE's transport; and the marks to jump to. Pure.

The output of a job's own code reaches the log of the site on which it runs: FLARE logs each ``print`` of a training
script as a record of the runner of the script, or of the launcher of its process. Modules of the job, and libraries
that it calls, log by loggers of their own.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from ...cell_jobs import LIVE_METRICS_LINE, LIVE_SCALARS_LINE
from .flare_loggers import FLARE_LOGGERS, TRANSPORT_LOGGERS
from .noise import JOB_ENDING, TRACEBACK_HEADER, is_noise
from .patterns import ROUND
from .records import LEVELS, LogRecord

PRINTED = "print"
"""Source of a line that a training script has printed."""

MAX_SOURCE_CHARS = 60
"""Maximum number of characters of the source of a line."""

_INFO = LEVELS.index("INFO")
_MAX_TASK_CHARS = 100
# Loggers by which FLARE logs what a training script prints, and the messages of these loggers themselves.
_PRINTERS = {
    "TaskScriptRunner": re.compile(r"start task run\(\) with full path: |fire abort event$"),
    "ExternalProcessBackend": re.compile(
        r"launching external trainer |trainer session established: |terminating trainer process group "
        r"|HELLO accepted from |trainer readiness confirmed from "
    ),
    "SubprocessLauncher": re.compile(r"_(?:start|stop)_external_process: "),
}
_TASK = re.compile(r"^got task assignment: name=(.{1,1000}), id=(\S{1,1000})$")


class Origin(enum.Enum):
    """Origin of a line; the value is the letter by which the browser knows it."""

    OWN = "o"
    """The job's own code, or a library that it calls."""
    FLARE = "f"
    """FLARE itself."""
    TRANSPORT = "t"
    """FLARE's connections and messages, live metrics as data, or a warning that tells nothing."""


@dataclass(frozen=True)
class Mark:
    """Line at which a round or a task begins.

    Attributes
    ----------
    round
        The number of the round, as FLARE counts; None if only the task is known.
    task, task_id
        The name and the id of the task that a site was given; empty for a round of the server.
    """

    round: int | None = None
    task: str = ""
    task_id: str = ""


class OriginTracker:
    """Origin of each line of a log, in their order: the lines after a record belong to it."""

    def __init__(self) -> None:
        self._origin = Origin.FLARE
        self._is_ending = False

    def classify(self, record: LogRecord | None) -> Origin:
        """Return the origin of the next line.

        Parameters
        ----------
        record
            The record that begins with the line; None if it begins none.
        """
        if record is not None:
            self._origin = find_origin(record, self._is_ending)
            self._is_ending = self._is_ending or bool(JOB_ENDING.search(record.message))
        return self._origin


def find_origin(record: LogRecord, is_ending: bool = False) -> Origin:
    """Return the origin of a record.

    Parameters
    ----------
    record
        The record, or the first line of it.
    is_ending
        True if the participant has begun to end the job.
    """
    own_messages = _PRINTERS.get(record.logger)
    if own_messages is not None:
        is_script = record.severity <= _INFO or record.message.startswith(TRACEBACK_HEADER)
        return Origin.OWN if is_script and not own_messages.match(record.message) else Origin.FLARE
    if record.logger and record.logger not in FLARE_LOGGERS:
        is_ours = record.message.startswith((LIVE_METRICS_LINE, LIVE_SCALARS_LINE))
        return Origin.TRANSPORT if is_ours else Origin.OWN
    if record.severity > _INFO:
        return Origin.TRANSPORT if is_noise(record, is_ending) else Origin.FLARE
    return Origin.TRANSPORT if record.logger in TRANSPORT_LOGGERS else Origin.FLARE


def source_name(record: LogRecord) -> str:
    """Return the source of a record for display: :data:`PRINTED`, or the name of its logger."""
    is_printed = record.logger in _PRINTERS and record.severity <= _INFO and find_origin(record) is Origin.OWN
    return PRINTED if is_printed else record.logger[:MAX_SOURCE_CHARS]


def find_mark(line: str, record: LogRecord | None) -> Mark | None:
    """Return the mark that a line is; None if it is none.

    Parameters
    ----------
    line
        The line, without a line break.
    record
        The record that begins with it; None if it begins none.
    """
    if record is None:
        begun = ROUND.search(line)
    else:
        begun = ROUND.search(record.message)
        task = _TASK.match(record.message) if record.logger == "ClientRunner" else None
        if task is not None:
            return Mark(None, task[1][:_MAX_TASK_CHARS], task[2])
    return Mark(int(begun[1])) if begun is not None and begun[2] == "started" else None
