"""Watching a job from a terminal: one self-updating line, and a summary at the end.

Everything is printed in the caller's thread.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from typing import TextIO

from ..api.job_status import make_timeout_error
from ..api.session import Session
from ..errors import InvalidArgumentError, JobTimeout, NoConnection
from ..formatting.text import display_width, truncate
from .job.format import describe, job_label, progress_text
from .job.snapshot import JobSnapshot
from .job.summary import summarize
from .monitor import Monitor

_FIRST_UPDATE_TIMEOUT_S = 10.0  # seconds to wait for the first answer about a job
_FETCH_TIMEOUT_S = 60.0  # seconds to wait for the result of a job that has ended
_REFRESH_INTERVAL_S = 1.0  # seconds between two redraws without updates, so that the elapsed time advances


class LiveLine:
    """Status line of a job: rewritten in place on a terminal; elsewhere, one line for each change.

    It uses no escape sequences, neither colour nor cursor: a carriage return and spaces work on every terminal.

    Parameters
    ----------
    file
        The stream to print to.
    indent
        The text before the line.
    """

    def __init__(self, file: TextIO, indent: str = "") -> None:
        self._file = file
        self._indent = indent
        self._is_terminal = file.isatty()
        self._shown = ""
        self._printed_key: tuple[object, ...] | None = None

    def show(self, snapshot: JobSnapshot, now: float | None = None) -> None:
        """Show the current state of the job."""
        self.update(describe(snapshot, now), _change_key(snapshot))

    def update(self, sentence: str, change_key: tuple[object, ...]) -> None:
        """Show a sentence about the job; where lines cannot be rewritten, only if `change_key` differs."""
        line = self._indent + sentence
        if self._is_terminal:
            # Not the last column: many terminals wrap there.
            self._overwrite(truncate(line, _terminal_width(self._file) - 1))
        elif self._printed_key != change_key:
            self._printed_key = change_key
            self.echo(line)

    def end_line(self) -> None:
        """Keep the current line; whatever is shown next gets a new line."""
        if self._shown:
            self._shown = ""
            self.echo("")

    def clear(self) -> None:
        """Erase the line from a terminal."""
        if self._shown:
            self._overwrite("")
            self._write("\r")

    def echo(self, text: str) -> None:
        """Print something else, after :meth:`end_line` or :meth:`clear`."""
        self._write(text + "\n")

    def _overwrite(self, line: str) -> None:
        if line != self._shown:
            self._write("\r" + line + " " * (display_width(self._shown) - display_width(line)))
            self._shown = line

    def _write(self, text: str) -> None:
        # A name that the terminal's encoding cannot represent must not end the watch.
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        self._file.write(text.encode(encoding, "replace").decode(encoding))
        self._file.flush()


def watch_job(session: Session, job_id: str, timeout: float = 0.0, file: TextIO | None = None) -> JobSnapshot:
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
            if left <= 0 and watch.snapshot.ended:
                break  # in time; only its result is still being fetched
            if left <= 0:
                stopped = f"stopped watching after {timeout:g} s"
                raise make_timeout_error(job_id, timeout, is_server_reachable=not watch.snapshot.trouble)
            changed.wait(min(_REFRESH_INTERVAL_S, left))
            changed.clear()
            snapshot = watch.snapshot
            if not watch.done and (snapshot.facts_at is not None or snapshot.trouble):
                line.show(snapshot)
        if watch.done:
            watch.wait()  # raises what made the watch fail
    except (KeyboardInterrupt, JobTimeout):
        line.end_line()
        fate = "may still be running" if watch.snapshot.trouble else "is still running"
        line.echo(f"{stopped}; {job_label(watch.snapshot.name, job_id)} {fate}")
        raise
    except BaseException:
        line.end_line()
        raise
    finally:
        watch.stop()
    line.clear()
    line.echo(summarize(watch.snapshot))
    return watch.snapshot


def read_snapshot(session: Session, job_id: str) -> JobSnapshot:
    """Return all that is known of a job now, of one that has ended with its result; see :meth:`.Job.snapshot`.

    Raises
    ------
    NoConnection
        The server does not answer.
    """
    watch = Monitor(session).watch(job_id)
    try:
        if not watch.wait_for_first_update(_FIRST_UPDATE_TIMEOUT_S):
            reason = watch.snapshot.trouble or f"no answer within {_FIRST_UPDATE_TIMEOUT_S:g} s"
            raise NoConnection(f"nothing is known of the job: {reason}", job_id=job_id, next_step="Try again")
        if watch.snapshot.ended:
            watch.wait(_FETCH_TIMEOUT_S)
        return watch.snapshot
    finally:
        watch.stop()


def _change_key(snapshot: JobSnapshot) -> tuple[object, ...]:
    """Return the fields whose change deserves another line in a log."""
    return (
        snapshot.status,
        progress_text(snapshot),
        snapshot.failure,
        snapshot.is_zombie,
        snapshot.scheduling.reason,
        bool(snapshot.trouble),  # its text counts the attempts
    )


def _terminal_width(file: TextIO) -> int:
    """Return the current width of the terminal behind `file`, in columns."""
    try:
        told = 0 if "COLUMNS" in os.environ else os.get_terminal_size(file.fileno()).columns
    except (ValueError, OSError):
        told = 0
    return told or shutil.get_terminal_size().columns
