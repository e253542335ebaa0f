"""The logs of a job for its view: read only while visible, and only the new lines.

The browser asks, about once a second for as long as the log is open and visible, by the number of the line it wants
next; the kernel answers with the lines it has from there on, and asks the server if it is time to. A browser that is
gone, or hidden, does not ask, and then nothing is read. The browser's half is ``js/src/job/log``.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ...api.commands import Command
from ...errors import FlareError
from ...formatting.text import sanitize
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.logs.origin import Mark
from ...monitoring.logs.viewer import SERVER, JobLog, split_columns
from ..core.throttle import Throttle

T = TypeVar("T")

_READ_INTERVAL_S = 0.9  # seconds between two reads of a log; the browser asks once a second
_SLOW_READ_INTERVAL_S = 5.0  # after a failure, and if each read costs as much as the whole log
_MAX_MESSAGES_PER_S = 20  # a second
_MAX_MESSAGE_BYTES = 250_000  # of lines in a message
_MAX_LOGS = 4  # kept at a time

_epochs = itertools.count(1)


class _OpenLog:
    """One log, and the time of its last read."""

    def __init__(self, job_id: str, target: str) -> None:
        self.log = JobLog(job_id, target)
        self.epoch = next(_epochs)
        self.last_read_at = float("-inf")
        self.is_reading = False
        self.requested_line: int | None = None  # the next line for the browser, while it waits for an answer


class LogFeed:
    """The logs of a job's participants, for a view.

    Parameters
    ----------
    job_id
        The job.
    send_command
        Sends a command without waiting: a session's `start`.
    get_snapshot
        Returns the job's current snapshot, with its participants and whether it has ended.
    send
        Sends a message to the browser.
    """

    def __init__(
        self,
        job_id: str,
        send_command: Callable[[Command[Any]], concurrent.futures.Future[Any]],
        get_snapshot: Callable[[], JobSnapshot],
        send: Callable[[dict[str, Any]], None],
    ) -> None:
        self._job_id = job_id
        self._send_command = send_command
        self._get_snapshot = get_snapshot
        self._send = send
        self._open_logs: dict[str, _OpenLog] = {}  # in the order of requests, the last one last
        self._lock = threading.RLock()
        self._throttle = Throttle(self._send_next, 1 / _MAX_MESSAGES_PER_S)

    def handle_message(self, message: Mapping[str, Any]) -> bool:
        """Handle a message from the browser; return whether it is about logs.

        Parameters
        ----------
        message
            ``{"kind": "log", "target": name, "since": number, "epoch": number}``: the next line it wants, of the log
            it has (0 if it has none).

        Notes
        -----
        The answer, to all browsers that show the view: ``{"kind": "log", "target", "epoch", "first", "lines",
        "levels", "origins", "marks", "more", "kept_from", "left_out", "state", "message"}``. Lines are numbered from
        `first`, each as of :func:`.split_columns`; another epoch is another reading of the log, with other numbers;
        `marks` has the number and the label of each line at which a round begins; `more` is true if there are more
        lines already; `kept_from` is the first line that the kernel still has. The rest is as of :class:`.JobLog`.
        """
        if message.get("kind") != "log":
            return False
        target = message.get("target")
        since, epoch = message.get("since"), message.get("epoch")
        if not isinstance(target, str) or not (target == SERVER or self._is_participant(target)):
            return True
        with self._lock:
            reading = self._open_log(target)
            mine = epoch == reading.epoch and isinstance(since, int) and not isinstance(since, bool)
            reading.requested_line = since if mine else 1
            if self._read_if_due(reading):
                return True
        self._throttle.request()
        return True

    def close(self) -> None:
        """Stop sending, and discard all lines."""
        self._throttle.close()
        with self._lock:
            self._open_logs.clear()

    def _is_participant(self, name: str) -> bool:
        return any(site.name == name for site in self._get_snapshot().sites)

    def _open_log(self, target: str) -> _OpenLog:
        reading = self._open_logs.pop(target, None) or _OpenLog(self._job_id, target)
        self._open_logs[target] = reading
        while len(self._open_logs) > _MAX_LOGS:
            del self._open_logs[next(iter(self._open_logs))]
        return reading

    def _read_if_due(self, open_log: _OpenLog) -> bool:
        """Ask for new lines, if it is time to; return whether an answer will follow."""
        log = open_log.log
        pace = _SLOW_READ_INTERVAL_S if log.has_error or (log.is_expensive and log.lines) else _READ_INTERVAL_S
        if open_log.is_reading:
            return True
        if open_log.requested_line is not None and open_log.requested_line < log.next_number:
            return False  # existing lines are sent first
        if not log.needs_followup and time.monotonic() - open_log.last_read_at < pace:
            return False
        command = log.next_command()
        if command is None:
            return False
        open_log.is_reading = True
        ended = self._get_snapshot().ended
        try:
            future = self._send_command(command)
        except FlareError as e:
            self._store_answer(open_log, None, e, ended)
            return True
        # Reading a log takes a while: not in the thread of the answers, which all sessions share.
        future.add_done_callback(
            lambda f: threading.Thread(
                target=self._on_answer, args=(open_log, f, ended), name="flare-view", daemon=True
            ).start()
        )
        return True

    def _on_answer(self, open_log: _OpenLog, future: concurrent.futures.Future[Any], ended: bool) -> None:
        if future.cancelled():
            self._store_answer(open_log, None, FlareError("the request was given up"), ended)
            return
        error = future.exception()
        if error is None:
            self._store_answer(open_log, future.result(), None, ended)
        else:
            known = error if isinstance(error, FlareError) else FlareError(f"{type(error).__name__}: {error}")
            self._store_answer(open_log, None, known, ended)

    def _store_answer(self, open_log: _OpenLog, answer: Any, error: FlareError | None, ended: bool) -> None:
        with self._lock:
            open_log.log.handle_answer(answer, error, ended)
            open_log.is_reading = False
            if open_log.log.needs_followup and self._read_if_due(open_log):
                return
            open_log.last_read_at = time.monotonic()
        self._throttle.request()

    def _send_next(self) -> None:
        with self._lock:
            waiting = [r for r in self._open_logs.values() if r.requested_line is not None and not r.is_reading]
            if not waiting:
                return
            reading = waiting[-1]
            since, reading.requested_line = reading.requested_line, None
            message = _build_message(reading, since or 1, self._get_snapshot())
            again = len(waiting) > 1
        self._send(message)
        if again:
            self._throttle.request()


def _build_message(open_log: _OpenLog, since: int, snapshot: JobSnapshot) -> dict[str, Any]:
    log = open_log.log
    first = min(max(since, log.first), log.next_number)
    lines: list[str | list[str]] = []
    room = _MAX_MESSAGE_BYTES
    for index in range(first - log.first, len(log.lines)):
        columns = split_columns(log.lines[index])
        room -= len(json.dumps(columns, ensure_ascii=False).encode()) + 2
        if room < 0:
            break
        lines.append(columns)
    at, end = first - log.first, first + len(lines)
    marks = {number: log.marks[number] for number in range(first, end) if number in log.marks}
    return {
        "kind": "log",
        "target": log.target,
        "epoch": open_log.epoch,
        "first": first,
        "lines": lines,
        "levels": log.levels[at : at + len(lines)],
        "origins": log.origins[at : at + len(lines)],
        "marks": _label_marks(marks, snapshot),
        "more": end < log.next_number,
        "kept_from": log.first,
        "left_out": log.left_out,
        "state": log.state.value,
        "message": log.words,
    }


def _label_marks(marks: Mapping[int, Mark], snapshot: JobSnapshot) -> list[tuple[int, str]]:
    """Return the label of each mark by its line: the round as the view counts it if that is known, else the task."""
    ids = {mark.task_id for mark in marks.values() if mark.task_id}
    tasks = {task.task_id: task for task in snapshot.tasks if task.task_id in ids} if ids else {}
    labels = []
    for line, mark in marks.items():
        task = tasks.get(mark.task_id)
        number, workflow = (mark.round, None) if task is None else (task.round, task.workflow)
        label = f"task {sanitize(mark.task)}" if number is None else f"round {snapshot.nth_round(number, workflow)}"
        labels.append((line, label))
    return labels
