"""The logs of a job for its view: read only while somebody looks, and only what is new.

The browser asks, about once a second for as long as the log is open and in sight, by the number of the line it wants
next; the kernel answers with what it has from there on, and asks the server if it is time to. A browser that is gone,
or hidden, asks for nothing, and then nothing is read. The browser's half is ``js/src/lib/log``.
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
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.logs.viewer import SERVER, JobLog
from ..core.throttle import Coalescer

T = TypeVar("T")

_PACE = 0.9  # seconds between two looks at a log; the browser asks once a second
_SLOW_PACE = 5.0  # after a failure, and where each look costs as much as all of the log
_MOST_MESSAGES = 20  # a second
_MOST_BYTES = 250_000  # of lines in a message
_MOST_LOGS = 4  # that are kept at a time

_epochs = itertools.count(1)


class _Reading:
    """One log, and when it was looked at."""

    def __init__(self, job_id: str, target: str) -> None:
        self.log = JobLog(job_id, target)
        self.epoch = next(_epochs)
        self.looked_at = float("-inf")
        self.under_way = False
        self.wanted: int | None = None  # the line the browser wants next, while it waits for an answer


class LogFeed:
    """The logs of a job's participants, for a view.

    Parameters
    ----------
    job_id
        The job.
    ask
        Sends a command without waiting: a session's `start`.
    snapshot
        Returns what is known about the job now: who takes part, and whether it has ended.
    send
        Sends a message to the browser.
    """

    def __init__(
        self,
        job_id: str,
        ask: Callable[[Command[Any]], concurrent.futures.Future[Any]],
        snapshot: Callable[[], JobSnapshot],
        send: Callable[[dict[str, Any]], None],
    ) -> None:
        self._job = job_id
        self._ask = ask
        self._snapshot = snapshot
        self._send = send
        self._readings: dict[str, _Reading] = {}  # the one asked for last is the last one
        self._lock = threading.RLock()
        self._sender = Coalescer(self._flush, 1 / _MOST_MESSAGES)

    def wish(self, message: Mapping[str, Any]) -> bool:
        """Take a message from the browser; return whether it is about logs.

        Parameters
        ----------
        message
            ``{"kind": "log", "target": name, "since": number, "epoch": number}``: the next line it wants, of the log
            it has (0 when it has none).

        Notes
        -----
        The answer, to all browsers that show the view: ``{"kind": "log", "target", "epoch", "first", "lines",
        "levels", "more", "kept_from", "left_out", "state", "words"}``. Lines are numbered from `first`; another epoch
        is another reading of the log, with other numbers; `more` says that there are more lines already; `kept_from`
        is the first line that the kernel still has. The rest is as of :class:`.JobLog`.
        """
        if message.get("kind") != "log":
            return False
        target = message.get("target")
        since, epoch = message.get("since"), message.get("epoch")
        if not isinstance(target, str) or not (target == SERVER or self._takes_part(target)):
            return True
        with self._lock:
            reading = self._reading(target)
            mine = epoch == reading.epoch and isinstance(since, int) and not isinstance(since, bool)
            reading.wanted = since if mine else 1
            if self._look(reading):
                return True
        self._sender.request()
        return True

    def close(self) -> None:
        """Send nothing more, and forget all lines."""
        self._sender.close()
        with self._lock:
            self._readings.clear()

    def _takes_part(self, name: str) -> bool:
        return any(site.name == name for site in self._snapshot().sites)

    def _reading(self, target: str) -> _Reading:
        reading = self._readings.pop(target, None) or _Reading(self._job, target)
        self._readings[target] = reading
        while len(self._readings) > _MOST_LOGS:
            del self._readings[next(iter(self._readings))]
        return reading

    def _look(self, reading: _Reading) -> bool:
        """Ask for what is new, if it is time to; return whether an answer will come of it."""
        log = reading.log
        pace = _SLOW_PACE if log.troubled or (log.dear and log.lines) else _PACE
        if reading.under_way:
            return True
        if reading.wanted is not None and reading.wanted < log.end:
            return False  # what is there goes first
        if not log.again and time.monotonic() - reading.looked_at < pace:
            return False
        command = log.ask()
        if command is None:
            return False
        reading.under_way = True
        ended = self._snapshot().ended
        try:
            future = self._ask(command)
        except FlareError as e:
            self._take(reading, None, e, ended)
            return True
        # Reading a log takes a while: not in the thread of the answers, which all sessions share.
        future.add_done_callback(
            lambda f: threading.Thread(
                target=self._answered, args=(reading, f, ended), name="flare-view", daemon=True
            ).start()
        )
        return True

    def _answered(self, reading: _Reading, future: concurrent.futures.Future[Any], ended: bool) -> None:
        if future.cancelled():
            self._take(reading, None, FlareError("the request was given up"), ended)
            return
        error = future.exception()
        if error is None:
            self._take(reading, future.result(), None, ended)
        else:
            known = error if isinstance(error, FlareError) else FlareError(f"{type(error).__name__}: {error}")
            self._take(reading, None, known, ended)

    def _take(self, reading: _Reading, answer: Any, error: FlareError | None, ended: bool) -> None:
        with self._lock:
            reading.log.take(answer, error, ended)
            reading.under_way = False
            if reading.log.again and self._look(reading):
                return
            reading.looked_at = time.monotonic()
        self._sender.request()

    def _flush(self) -> None:
        with self._lock:
            waiting = [r for r in self._readings.values() if r.wanted is not None and not r.under_way]
            if not waiting:
                return
            reading = waiting[-1]
            since, reading.wanted = reading.wanted, None
            message = _message(reading, since or 1)
            again = len(waiting) > 1
        self._send(message)
        if again:
            self._sender.request()


def _message(reading: _Reading, since: int) -> dict[str, Any]:
    log = reading.log
    first = min(max(since, log.first), log.end)
    lines: list[str] = []
    room = _MOST_BYTES
    for line in log.lines[first - log.first :]:
        room -= len(json.dumps(line, ensure_ascii=False).encode()) + 2
        if room < 0:
            break
        lines.append(line)
    at = first - log.first
    return {
        "kind": "log",
        "target": log.target,
        "epoch": reading.epoch,
        "first": first,
        "lines": lines,
        "levels": log.levels[at : at + len(lines)],
        "more": first + len(lines) < log.end,
        "kept_from": log.first,
        "left_out": log.left_out,
        "state": log.state.value,
        "words": log.words,
    }
