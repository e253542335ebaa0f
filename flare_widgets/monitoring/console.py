"""A job watched from a terminal: one line that renews itself, and a summary at the end.

Everything is printed in the caller's thread.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import TextIO

from ..api.session import Session
from ..errors import InvalidArgumentError, JobTimeout
from ..formatting.text import columns, fit
from .job.format import describe, label
from .job.snapshot import JobSnapshot
from .job.summary import summary
from .monitor import Monitor

_TICK = 1.0  # seconds between two renewals without news: the clock in the line goes on


class LiveLine:
    """A job's line: on a terminal it is written over, anywhere else there is a line for each change.

    It uses no escape sequence, neither colour nor cursor: a carriage return and spaces do on every terminal.

    Parameters
    ----------
    file
        Where to print.
    indent
        What stands before the line.
    """

    def __init__(self, file: TextIO, indent: str = "") -> None:
        self._file = file
        self._indent = indent
        self._terminal = file.isatty()
        self._shown = ""
        self._told: tuple[object, ...] | None = None

    def show(self, snapshot: JobSnapshot, now: float | None = None) -> None:
        """Show how it is now."""
        self.tell(describe(snapshot, now), _news(snapshot))

    def tell(self, sentence: str, news: tuple[object, ...]) -> None:
        """Show a sentence about it; where lines cannot be written over, only when there is other news in it."""
        line = self._indent + sentence
        if self._terminal:
            # Not the last column: there, many a terminal goes to the next line.
            self._write_over(fit(line, _room(self._file) - 1))
        elif self._told != news:
            self._told = news
            self.say(line)

    def keep(self) -> None:
        """Leave the line as it is; what is shown next gets a line of its own."""
        if self._shown:
            self._shown = ""
            self.say("")

    def clear(self) -> None:
        """Take the line off a terminal."""
        if self._shown:
            self._write_over("")
            self._write("\r")

    def say(self, text: str) -> None:
        """Print something else, after :meth:`keep` or :meth:`clear`."""
        self._write(text + "\n")

    def _write_over(self, line: str) -> None:
        if line != self._shown:
            self._write("\r" + line + " " * (columns(self._shown) - columns(line)))
            self._shown = line

    def _write(self, text: str) -> None:
        # A name that the terminal's encoding does not have must not end the watch.
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        self._file.write(text.encode(encoding, "replace").decode(encoding))
        self._file.flush()


def follow(session: Session, job_id: str, timeout: float = 0.0, file: TextIO | None = None) -> JobSnapshot:
    """Watch a job until it ends; see :meth:`.Job.watch`."""
    if timeout < 0:
        raise InvalidArgumentError("timeout must be >= 0")
    until = time.monotonic() + timeout if timeout else float("inf")
    changed = threading.Event()
    line = LiveLine(sys.stdout if file is None else file)
    watch = Monitor(session).watch(job_id)
    watch.subscribe(lambda _: changed.set())
    stopped = "stopped watching"
    try:
        while not watch.done:
            left = until - time.monotonic()
            if left <= 0:
                stopped = f"stopped watching after {timeout:g} s"
                raise JobTimeout(f"job {job_id} did not end within {timeout:g} s; it goes on")
            changed.wait(min(_TICK, left))
            changed.clear()
            snapshot = watch.snapshot
            if not watch.done and (snapshot.facts_at is not None or snapshot.trouble):
                line.show(snapshot)
        watch.wait()  # raises what made the watch fail
    except (KeyboardInterrupt, JobTimeout):
        line.keep()
        line.say(f"{stopped}; {label(watch.snapshot.name, job_id)} goes on")
        raise
    except BaseException:
        line.keep()
        raise
    finally:
        watch.stop()
    line.clear()
    line.say(summary(watch.snapshot))
    return watch.snapshot


def _news(snapshot: JobSnapshot) -> tuple[object, ...]:
    """What is worth another line in a log."""
    return (
        snapshot.status,
        snapshot.rounds_begun,
        snapshot.failure,
        snapshot.zombie,
        snapshot.scheduling.reason,
        bool(snapshot.trouble),  # its words count the attempts
    )


def _room(file: TextIO) -> int:
    """The columns of the terminal that `file` is, as of now."""
    try:
        told = 0 if "COLUMNS" in os.environ else os.get_terminal_size(file.fileno()).columns
    except (ValueError, OSError):
        told = 0
    return told or shutil.get_terminal_size().columns
