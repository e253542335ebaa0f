"""Job log for display, read as it grows: numbered lines. A state machine without I/O.

A participant's log is in its run folder while the job runs, ``JOB/log.txt``. A site leaves it there. The server
moves its own into the job's results when the job ends; from then on it takes the right ``get_job_log`` to read it. A
log is renamed when it reaches 20 MiB, and a new one started.
"""

from __future__ import annotations

import enum
from typing import Any

from ...api import commands
from ...api.commands import Command
from ...errors import AuthorizationError, FlareError, NoConnection
from ...formatting.text import sanitize, strip_colours
from .origin import Mark, OriginTracker, find_mark, source_name
from .records import parse_line
from .tail import CUT_NOTE, LogTail, NewText, is_missing_file, read_sizes

SERVER = "server"
LOG_FILE = "log.txt"

MAX_LINE_CHARS = 4000
"""Maximum number of characters kept of a line."""

_MAX_LINES = 100_000
_MAX_CHARS = 16_000_000
_MAX_FIRST_READ_BYTES = 4 << 20  # bytes read of an existing log; everything before them is left out
_MAX_IDLE_READS = 3  # polls without new text after the job's end until the log counts as complete
_LEVEL_CODES = "diwee"  # by severity


class LogState(enum.Enum):
    """State of a log."""

    LIVE = "live"
    """It is being read; more may come."""
    WAITING = "waiting"
    """There is none, or its owner cannot be reached, for now."""
    OVER = "over"
    """The job has ended, and the log is complete."""
    NONE = "none"
    """It cannot be read."""


class _ReadMode(enum.Enum):
    """Method of reading a log."""

    LIST = "how much there is"
    TAIL = "what was written since"
    STORED = "all of it, as the server keeps it"


def split_columns(line: str) -> str | list[str]:
    """Return the columns of a line that begins a record: time, source, level, context and message; others as they are.

    The message keeps its colours.
    """
    record = parse_line(line)
    if record is None:
        return line
    message = " ↵ ".join(record.message.split("\n"))
    if "\x1b" in line:
        head = strip_colours(line).removesuffix(message)
        message = line[len(head) :] if line.startswith(head) else message
    return [record.timestamp, source_name(record), record.level, record.context, message]


class JobLog:
    """Log of one participant in a job.

    Parameters
    ----------
    job_id
        The job.
    target
        ``server``, or the name of a site.

    Attributes
    ----------
    state, words
        The state of the log; and the reason why there is nothing, or nothing more.
    lines, levels
        The last lines, as they were written except for their length; and the level of the record of each line: a
        string of ``d``, ``i``, ``w``, ``e`` (debug, info, warning, error and worse) and ``-`` (none).
    origins
        The origin of each line: a string of the values of :class:`.Origin`.
    marks
        The lines at which rounds and tasks begin, by number.
    first
        The number of the first of these lines, counted from 1 where reading began.
    left_out
        Bytes of the log before the line with number 1 that were not read.
    needs_followup
        True if the last answer only determined the next command, which need not wait for the interval.
    has_error
        True if the last command failed.
    """

    def __init__(self, job_id: str, target: str) -> None:
        self.target = target
        self.state = LogState.WAITING
        self.words = ""
        self.lines: list[str] = []
        self.levels = ""
        self.origins = ""
        self.marks: dict[int, Mark] = {}
        self.first = 1
        self.left_out = 0
        self._job_id = job_id
        self.needs_followup = self.has_error = False
        self._mode = _ReadMode.LIST
        self._tail = LogTail()
        self._char_count = 0  # characters
        self._current_level = "-"
        self._origin_tracker = OriginTracker()
        self._idle_reads = 0
        self._is_forbidden = False  # the server's folder may not be read

    @property
    def next_number(self) -> int:
        """The number that the next line will get."""
        return self.first + len(self.lines)

    @property
    def is_expensive(self) -> bool:
        """True if a poll costs the server as much as the whole log."""
        return self._mode is _ReadMode.STORED

    def next_command(self) -> Command[Any] | None:
        """Return the command that reads the new text; None if no more will come."""
        if self.state in (LogState.OVER, LogState.NONE):
            return None
        file = f"{self._job_id}/{LOG_FILE}"
        if self._mode is _ReadMode.LIST:
            return commands.ls(self.target, "-l", file)
        if self._mode is _ReadMode.STORED:
            return commands.get_job_log(self._job_id, self.target)
        return commands.tail_from(self.target, file, self._tail.request_offset)

    def handle_answer(self, answer: Any, error: FlareError | None, ended: bool) -> None:
        """Process the outcome of the last :meth:`next_command`.

        Parameters
        ----------
        answer, error
            The command's result, or its error.
        ended
            True if the job had ended when the command was sent.
        """
        self.needs_followup, self.has_error = False, error is not None
        if isinstance(error, AuthorizationError):
            self._handle_denial(error)
        elif error is not None:
            self._handle_error(error, ended)
        elif self._mode is _ReadMode.LIST:
            self._handle_listing(answer, ended)
        elif self._mode is _ReadMode.TAIL:
            self._handle_tail(answer, ended)
        else:
            self._handle_stored(answer, ended)

    # -- read modes ------------------------------------------------------------------------------------------

    def _handle_listing(self, answer: str, ended: bool) -> None:
        size = read_sizes(answer).get(LOG_FILE)
        if size is None:
            self._handle_absence(ended)
            return
        if not self.lines:
            self.left_out = max(0, size - _MAX_FIRST_READ_BYTES)
            self._tail.move_to(self.left_out, is_within_line=self.left_out > 0)
        elif size < self._tail.position:
            self._append_note("the log was restarted here: lines may be missing")
            self._tail.move_to(0)
        else:
            # It differs from the bytes we read: it contains invalid text, so the bytes cannot be counted.
            self._append_note("lines are missing here")
            self._tail.move_to(size)
        self._switch_mode(_ReadMode.TAIL)

    def _handle_tail(self, answer: str, ended: bool) -> None:
        if is_missing_file(answer):
            self._handle_absence(ended)
            return
        new = self._tail.take(answer)
        if new is None:
            self._switch_mode(_ReadMode.LIST)  # another file of that name: the previous one was renamed or truncated
        else:
            self._append_text(new, ended)

    def _handle_stored(self, answer: dict[str, Any], ended: bool) -> None:
        logs = answer.get("logs")
        text = logs.get(self.target) if isinstance(logs, dict) else None
        if not isinstance(text, str):
            self._handle_absence(ended, stored=True)
            return
        new = self._tail.take_whole(text)
        if not new.is_joined:
            self._append_note("lines are missing here")
        elif new.is_cut:
            self._append_lines([CUT_NOTE])
        self._append_text(new, ended)

    def _switch_mode(self, mode: _ReadMode) -> None:
        self._mode, self.needs_followup, self.words = mode, True, ""

    def _append_text(self, new: NewText, ended: bool) -> None:
        self.state, self.words = LogState.LIVE, ""
        self._idle_reads = 0 if new.text or not ended else self._idle_reads + 1
        self.left_out += new.skipped_bytes
        self._append_lines(new.lines)
        if ended and (self._mode is _ReadMode.STORED or self._idle_reads >= _MAX_IDLE_READS):
            self._append_lines([new.unfinished_line] if new.unfinished_line else [])
            self.state = LogState.OVER

    # -- states without text ---------------------------------------------------------------------------------

    def _handle_absence(self, ended: bool, stored: bool = False) -> None:
        if not ended and self.lines:
            self.state, self.words = LogState.LIVE, ""  # the job is about to end
        elif not ended:
            self.state = LogState.WAITING
            self.words = (
                "no log yet: the server starts it when the job runs"
                if self.target == SERVER
                else f"{self._target_label} has no log of this job yet"
            )
        elif self.target == SERVER and not stored:
            self._switch_mode(_ReadMode.STORED)
        elif self.lines:
            self.state, self.words = LogState.OVER, ""
        else:
            self.state = LogState.NONE
            self.words = (
                "the server has no log of this job"
                if self.target == SERVER
                else f"{self._target_label} has no log of this job: it stopped without leaving one, or removed it. "
                f"Its administrator can look for {self._job_id}/{LOG_FILE} there"
            )

    def _handle_denial(self, error: AuthorizationError) -> None:
        why = sanitize(" ".join(str(error).split()), 300)
        if self._mode is not _ReadMode.STORED and self.target == SERVER:
            self._switch_mode(_ReadMode.STORED)  # that takes another right
            self._is_forbidden = True
            return
        self.state = LogState.OVER if self.lines else LogState.NONE
        if self.target != SERVER:
            self.words = f"you may not read {self._target_label}'s log: {why}. {self._location_hint}"
        elif not self._is_forbidden:
            self.words = (
                f"when the job ended the server moved this log into the results, where you may not read it: {why}. "
                "Download the job to get both"
            )
        else:
            self.words = f"you may not read the server's log: {why}"

    def _handle_error(self, error: FlareError, ended: bool) -> None:
        why = sanitize(" ".join(str(error).split()), 300) or type(error).__name__
        if ended and self.is_expensive and not isinstance(error, NoConnection):
            self.state = LogState.OVER if self.lines else LogState.NONE
            self.words = f"the server no longer has this log: {why}"
            return
        self.state = LogState.LIVE if self.lines else LogState.WAITING
        if isinstance(error, NoConnection) and self.target == SERVER:
            self.words = f"no answer, trying again: {why}"
        elif self.target == SERVER:
            self.words = f"trying again: {why}"
        else:
            self.words = f"{self._target_label} cannot be asked for its log: {why}. {self._location_hint}"

    @property
    def _target_label(self) -> str:
        return sanitize(self.target, 60)

    @property
    def _location_hint(self) -> str:
        return f"Its administrator can read {self._job_id}/{LOG_FILE} there"

    # -- lines ---------------------------------------------------------------------------------------------

    def _append_note(self, note: str) -> None:
        if self.lines:
            self._current_level = "-"
            self._append_lines([f"… {note}"])

    def _append_lines(self, lines: list[str]) -> None:
        kept = []
        levels = []
        origins = []
        for number, raw in enumerate(lines, self.next_number):
            # Invalid Unicode could not be sent to the browser.
            line = raw[:MAX_LINE_CHARS].rstrip("\r").encode("utf-8", "replace").decode("utf-8")
            record = parse_line(line)
            if record is not None:
                self._current_level = _LEVEL_CODES[record.severity]
            kept.append(line if len(raw) <= MAX_LINE_CHARS else f"{line}…")
            levels.append(self._current_level)
            origins.append(self._origin_tracker.classify(record).value)
            mark = find_mark(line, record)
            if mark is not None:
                self.marks[number] = mark
        self.lines += kept
        self.levels += "".join(levels)
        self.origins += "".join(origins)
        self._char_count += sum(map(len, kept))
        self._trim()

    def _trim(self) -> None:
        """Drop the oldest lines; some more than needed, so that not every line causes it."""
        gone = 0
        if len(self.lines) > 1.1 * _MAX_LINES:
            gone = len(self.lines) - _MAX_LINES
        kept = self._char_count - sum(map(len, self.lines[:gone]))
        while kept > _MAX_CHARS:
            kept -= len(self.lines[gone])
            gone += 1
        if gone:
            del self.lines[:gone]
            self.levels = self.levels[gone:]
            self.origins = self.origins[gone:]
            self.first += gone
            self.marks = {number: mark for number, mark in self.marks.items() if number >= self.first}
        self._char_count = kept
