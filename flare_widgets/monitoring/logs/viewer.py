"""A job's log for a reader, read as it grows: lines with numbers. A state machine without I/O.

Where a participant's log is: in its run folder while the job runs, ``JOB/log.txt``. A site leaves it there. The server
packs its own away with the job's results when the job ends; from then on only who may ``get_job_log`` can read it. A
log is renamed when it has 20 MiB, and a new one begun.
"""

from __future__ import annotations

import enum
import re
from typing import Any

from ...api import commands
from ...api.commands import Command
from ...errors import AuthorizationError, FlareError, NoConnection
from ...formatting.text import SHORT_ID, clean

SERVER = "server"
LOG = "log.txt"

MAX_LINE = 4000
"""Characters of a line that are kept."""

_KEPT_LINES = 100_000
_KEPT_CHARACTERS = 16_000_000
_MOST_AT_FIRST = 4 << 20  # bytes of a log that is there already which are read; what is before them is left out
_OVERLAP = 200  # characters by which a file is known again
_QUIET = 3  # looks without news after the job's end until the log counts as complete
_NO_FILE = ("tail: cannot open", "ls: cannot access")
_TRUNCATED = "... output truncated to last"
_LISTED = re.compile(rf"^-\S+\s+\d+\s+\S+\s+\S+\s+(\d+)\s.*\s(?:\S*/)?{re.escape(LOG)}$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RECORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - .{1,200}? - (DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL) - ")
_LEVELS = {"DEBUG": "d", "INFO": "i", "WARNING": "w", "ERROR": "e", "CRITICAL": "e", "FATAL": "e"}


class LogState(enum.Enum):
    """How it stands with a log."""

    LIVE = "live"
    """It is being read; more may come."""
    WAITING = "waiting"
    """There is none, or its owner cannot be asked, for now."""
    OVER = "over"
    """The job has ended, and this is all."""
    NONE = "none"
    """It cannot be read."""


class _Way(enum.Enum):
    """How to read it."""

    LIST = "how much there is"
    TAIL = "what was written since"
    STORED = "all of it, as the server keeps it"


class JobLog:
    """The log of one participant in a job.

    Parameters
    ----------
    job_id
        The job.
    target
        ``server``, or the name of a site.

    Attributes
    ----------
    state, words
        How it stands with it; and why there is nothing, or nothing more, in words.
    lines, levels
        The last lines, as they were written but for their length; and the level of the record each belongs to: a
        string of ``d``, ``i``, ``w``, ``e`` (debug, info, warning, error and worse) and ``-`` (none).
    first
        The number of the first of them. They are counted from 1, from where reading began.
    left_out
        Bytes of the log before the line with number 1 that were not read.
    again
        Whether the last answer told no more than how to ask: the next question need not wait its turn.
    troubled
        Whether the last question was not answered.
    """

    def __init__(self, job_id: str, target: str) -> None:
        self.target = target
        self.state = LogState.WAITING
        self.words = ""
        self.lines: list[str] = []
        self.levels = ""
        self.first = 1
        self.left_out = 0
        self._job = job_id
        self.again = self.troubled = False
        self._way = _Way.LIST
        self._position = 0  # bytes read of the file, up to the end of a line
        self._end = ""  # what was read last, by which the file is known again
        self._kept = 0  # characters
        self._level = "-"
        self._quiet = 0
        self._barred = False  # from what the server's folder has
        self._partly = False  # what comes next may begin within a line

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self.first + len(self.lines)

    @property
    def dear(self) -> bool:
        """Whether a look costs the server as much as all of the log."""
        return self._way is _Way.STORED

    def ask(self) -> Command[Any] | None:
        """Return what to ask for to learn what is new; None when nothing more is to come."""
        if self.state in (LogState.OVER, LogState.NONE):
            return None
        file = f"{self._job}/{LOG}"
        if self._way is _Way.LIST:
            return commands.ls(self.target, "-l", file)
        if self._way is _Way.STORED:
            return commands.get_job_log(self._job, self.target)
        # With what was read last: if it is not there, this is not the file it was.
        return commands.tail_from(self.target, file, self._position - _bytes(self._end))

    def take(self, answer: Any, error: FlareError | None, ended: bool) -> None:
        """Take what came of the last :meth:`ask`.

        Parameters
        ----------
        answer, error
            The command's result, or why it failed.
        ended
            Whether the job had ended when it was asked.
        """
        self.again, self.troubled = False, error is not None
        if isinstance(error, AuthorizationError):
            self._refused(error)
        elif error is not None:
            self._missed(error, ended)
        elif self._way is _Way.LIST:
            self._listed(answer, ended)
        elif self._way is _Way.TAIL:
            self._tailed(answer, ended)
        else:
            self._stored(answer, ended)

    # -- the three ways to read ----------------------------------------------------------------------------

    def _listed(self, answer: str, ended: bool) -> None:
        found = _LISTED.search(answer)
        if found is None:
            self._absent(ended)
            return
        size = int(found[1])
        if not self.lines:
            self._position = self.left_out = max(0, size - _MOST_AT_FIRST)
            self._partly = self._position > 0
        elif size < self._position:
            self._note("the log was begun anew here: lines may be missing")
            self._position = 0
        else:
            # It is not what we read, byte for byte: it holds what is no text, and the bytes cannot be counted.
            self._note("lines are missing here")
            self._position, self._partly = size, True
        self._end = ""
        self._go(_Way.TAIL)

    def _tailed(self, answer: str, ended: bool) -> None:
        if answer.startswith(_NO_FILE):
            self._absent(ended)
        elif not answer.startswith(self._end):
            self._go(_Way.LIST)  # another file of that name: the one before was renamed, or cut off
        else:
            self._grow(answer[len(self._end) :], ended)

    def _stored(self, answer: dict[str, Any], ended: bool) -> None:
        logs = answer.get("logs")
        text = logs.get(self.target) if isinstance(logs, dict) else None
        if not isinstance(text, str):
            self._absent(ended, stored=True)
            return
        at = text.rfind(self._end) if self._end else -1
        if at >= 0:
            text = text[at + len(self._end) :]
        elif self.lines:
            self._note("lines are missing here")
        elif text.startswith(_TRUNCATED):
            self._add(["… the server sends the last 5 MiB only"])
        if text.startswith(_TRUNCATED):
            text = text.partition("\n")[2]
            self._partly = True
        self._grow(text, ended)

    def _go(self, way: _Way) -> None:
        self._way, self.again, self.words = way, True, ""

    def _grow(self, text: str, ended: bool) -> None:
        whole = text[: text.rfind("\n") + 1]
        self.state, self.words = LogState.LIVE, ""
        self._quiet = 0 if whole or not ended else self._quiet + 1
        self._position += _bytes(whole)
        self._end = (self._end + whole[-_OVERLAP:])[-_OVERLAP:]
        lines = whole.split("\n")[:-1]
        if self._partly and lines:
            self._partly = False
            self.left_out += _bytes(lines[0]) + 1
            lines = lines[1:]
        if ended and (self._way is _Way.STORED or self._quiet >= _QUIET):
            last = text[len(whole) :]
            self._add([*lines, last] if last else lines)
            self.state = LogState.OVER
        else:
            self._add(lines)

    # -- what is said when there is nothing ----------------------------------------------------------------

    def _absent(self, ended: bool, stored: bool = False) -> None:
        if not ended and self.lines:
            self.state, self.words = LogState.LIVE, ""  # its end is near
        elif not ended:
            self.state = LogState.WAITING
            self.words = (
                "no log yet: the server begins it when the job runs"
                if self.target == SERVER
                else f"{self._who} has no log of this job yet"
            )
        elif self.target == SERVER and not stored:
            self._go(_Way.STORED)
        elif self.lines:
            self.state, self.words = LogState.OVER, ""
        else:
            self.state = LogState.NONE
            self.words = (
                "the server has no log of this job"
                if self.target == SERVER
                else f"{self._who} has no log of this job: it stopped without leaving one, or removed it. "
                f"Its administrator can look for {self._job}/{LOG} there"
            )

    def _refused(self, error: AuthorizationError) -> None:
        why = clean(" ".join(str(error).split()), 300)
        if self._way is not _Way.STORED and self.target == SERVER:
            self._go(_Way.STORED)  # for that another right is needed
            self._barred = True
            return
        self.state = LogState.OVER if self.lines else LogState.NONE
        if self.target != SERVER:
            self.words = f"you may not read {self._who}'s log: {why}. {self._there}"
        elif not self._barred:
            self.words = (
                f"when the job ended the server put this log away with the results, where you may not read it: {why}. "
                f"%flare download {self._job[:SHORT_ID]} fetches both"
            )
        else:
            self.words = f"you may not read the server's log: {why}"

    def _missed(self, error: FlareError, ended: bool) -> None:
        why = clean(" ".join(str(error).split()), 300) or type(error).__name__
        if ended and self.dear and not isinstance(error, NoConnection):
            self.state = LogState.OVER if self.lines else LogState.NONE
            self.words = f"the server does not have this log any more: {why}"
            return
        self.state = LogState.LIVE if self.lines else LogState.WAITING
        if isinstance(error, NoConnection) and self.target == SERVER:
            self.words = f"no answer, trying again: {why}"
        elif self.target == SERVER:
            self.words = f"trying again: {why}"
        else:
            self.words = f"{self._who} cannot be asked for its log: {why}. {self._there}"

    @property
    def _who(self) -> str:
        return clean(self.target, 60)

    @property
    def _there(self) -> str:
        return f"Its administrator can read {self._job}/{LOG} there"

    # -- lines ---------------------------------------------------------------------------------------------

    def _note(self, words: str) -> None:
        if self.lines:
            self._level = "-"
            self._add([f"… {words}"])

    def _add(self, lines: list[str]) -> None:
        kept = []
        levels = []
        for raw in lines:
            # What is no Unicode could not be sent to the browser.
            line = raw[:MAX_LINE].rstrip("\r").encode("utf-8", "replace").decode("utf-8")
            record = _RECORD.match(_COLOUR.sub("", line[:400]))
            if record is not None:
                self._level = _LEVELS[record[1]]
            kept.append(line if len(raw) <= MAX_LINE else f"{line}…")
            levels.append(self._level)
        self.lines += kept
        self.levels += "".join(levels)
        self._kept += sum(map(len, kept))
        self._forget()

    def _forget(self) -> None:
        """Keep the newest lines only; some more than that, so that it need not be done at each line."""
        gone = 0
        if len(self.lines) > 1.1 * _KEPT_LINES:
            gone = len(self.lines) - _KEPT_LINES
        kept = self._kept - sum(map(len, self.lines[:gone]))
        while kept > _KEPT_CHARACTERS:
            kept -= len(self.lines[gone])
            gone += 1
        if gone:
            del self.lines[:gone]
            self.levels = self.levels[gone:]
            self.first += gone
        self._kept = kept


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
