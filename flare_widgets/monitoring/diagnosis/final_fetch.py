"""Final fetch for a job that has ended: its whole log, its metrics, and the diagnosis if it failed.

That takes a download and several commands, so it runs in a separate thread.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...api.session import Session
from ...config_files import SUFFIXES
from ...errors import FlareError
from ...formatting.text import sanitize
from ..job.updates import Diagnosed, GroupRefreshed, GroupUnavailable, LogOffset, Update
from ..logs import files
from ..logs.facts import ServerLogParser
from ..logs.tail import LogTail
from ..polling import polls
from . import diagnose
from .collect import collect_evidence

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-final-fetch"

MAX_RESULT_BYTES = 32 << 20
"""Largest job result, in bytes, that is downloaded for its history; of a larger one only the log is requested."""

TIMEOUT_S = 20.0
"""Timeout in seconds, after which the watch ends with the data received so far."""


class _ResultTooLarge(Exception):
    pass


class FinalFetch:
    """Background fetch of the data of a job that has ended.

    Parameters
    ----------
    session
        The session to send commands with.
    job_id
        The job.
    meta
        The job's final meta.
    clock
        The offset of the server's clock and time zone.
    on_done
        Called, in this thread, when `is_done` has become true.
    """

    def __init__(
        self, session: Session, job_id: str, meta: dict[str, Any], clock: polls.ServerClock, on_done: Callable[[], None]
    ) -> None:
        self._updates: list[Update] = []
        self._session = session
        self._job_id = job_id
        self._meta = meta
        self._clock = clock
        self._on_done = on_done
        self._deadline = time.monotonic() + TIMEOUT_S
        self._is_finished = False
        threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()

    @property
    def seconds_left(self) -> float:
        """Seconds until the timeout; 0 when the fetch is done."""
        return 0.0 if self._is_finished else max(0.0, self._deadline - time.monotonic())

    @property
    def is_done(self) -> bool:
        """True if there is nothing more to wait for."""
        return self.seconds_left == 0.0

    @property
    def updates(self) -> list[Update]:
        """The updates fetched, once the fetch is done."""
        if self._is_finished:
            return self._updates
        late = GroupUnavailable("metrics", f"the job's result did not arrive within {TIMEOUT_S:.0f} s", time.time())
        return [late, *self._updates]

    def _run(self) -> None:
        try:
            self._updates += self._fetch_group("metrics", self._fetch_history)
            self._updates += self._fetch_group("failure", self._diagnose_failure)
        finally:
            self._is_finished = True
            self._on_done()

    def _fetch_group(self, group: str, fetch: Callable[[], list[Update]]) -> list[Update]:
        try:
            return fetch()
        except Exception as e:
            log.exception("the final data of job %s (%s) could not be read", self._job_id, group)
            return [GroupUnavailable(group, f"{type(e).__name__}: {sanitize(str(e))}", time.time())]

    def _diagnose_failure(self) -> list[Update]:
        failure = diagnose(collect_evidence(self._session, self._meta))
        return [] if failure is None else [Diagnosed(failure, time.time())]

    def _fetch_history(self) -> list[Update]:
        try:
            return self._read_result()
        except _ResultTooLarge:
            reason = f"its result has more than {MAX_RESULT_BYTES >> 20} MB: download it to see them"
        except FlareError as e:
            reason = polls.error_reason(e)
        missed = GroupUnavailable("metrics", reason, time.time())
        try:
            text = self._session.get_job_logs(self._job_id, log_file_name=polls.LOG_FILE)["logs"].get("server")
        except FlareError as e:
            return [missed, GroupUnavailable("rounds", polls.error_reason(e), time.time())]
        return [
            missed,
            *self._read_log(
                text if isinstance(text, str) else "", ServerLogParser(self._clock.utc_offset, self._clock.offset)
            ),
        ]

    def _read_result(self) -> list[Update]:
        with tempfile.TemporaryDirectory(prefix="flare-widgets-") as scratch:
            result = self._session.download_job_result(self._job_id, scratch, progress=_limit_size)
            run = Path(result, "workspace")
            facts: list[Update] = []
            for suffix in SUFFIXES:
                told = files.read_config(_read_text(run / f"{files.SERVER_CONFIG}{suffix}"), suffix)
                facts += [] if told is None else told.updates
            log = ServerLogParser(self._clock.utc_offset, self._clock.offset)
            names = sorted(run.glob(f"{polls.LOG_FILE}*"), key=_rotation_number, reverse=True)
            facts += self._read_log("".join(_read_text(path) for path in names), log)
            workflows = log.workflows_with_rounds
            metrics = sorted(run.glob(f"{files.ROUND_METRICS}.*"))
            for path in metrics:
                facts += files.read_round_metrics(_read_text(path), workflows)
            facts += files.read_metrics_summary(_read_text(run / files.METRICS_SUMMARY), workflows)
            now = time.time()
            facts.append(
                GroupRefreshed("metrics", now)
                if metrics
                else GroupUnavailable("metrics", "the job does not record metrics", now)
            )
            return facts

    def _read_log(self, text: str, log: ServerLogParser) -> list[Update]:
        tail = LogTail()
        facts = log.feed(tail.take_whole(text).text)
        return [*facts, LogOffset("server", polls.LOG_FILE, tail.total_bytes), GroupRefreshed("rounds", time.time())]


def _limit_size(received: int, _: int) -> None:
    if received > MAX_RESULT_BYTES:
        raise _ResultTooLarge


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _rotation_number(path: Path) -> int:
    number = path.suffix[1:]
    return int(number) if number.isdecimal() else 0
