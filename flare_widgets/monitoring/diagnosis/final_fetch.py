"""Final fetch for a job that has ended: its whole log, its metrics, and the diagnosis if it failed.

That takes several commands, so it runs in a separate thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ... import bounds
from ...api.session import Session
from ...errors import FlareError
from ...formatting.text import sanitize
from ..history import read_history, read_stored_config
from ..job.updates import Diagnosed, GroupRefreshed, GroupUnavailable, JobMeta, LogOffset, Update
from ..logs.facts import ServerLogParser, read_in_time
from ..logs.tail import LogTail
from ..polling import polls
from ..results.job_result import JobResult, fetch_job_result
from . import diagnose
from .collect import collect_evidence

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-final-fetch"

TIMEOUT_S = bounds.FETCH_TIMEOUT_S
"""Timeout in seconds, after which the watch ends with the data received so far."""


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
        self._result: JobResult | None = None
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
        logs = None if self._result is None else self._result.other_logs
        evidence = collect_evidence(self._session, self._meta, logs)
        failure = diagnose(evidence)
        found: list[Update] = [] if failure is None else [Diagnosed(failure, time.time())]
        if evidence.meta != self._meta:
            found.insert(0, JobMeta(evidence.meta, time.time(), self._clock.offset))
        return found

    def _fetch_history(self) -> list[Update]:
        try:
            self._result = result = fetch_job_result(self._session, self._job_id, TIMEOUT_S)
        except FlareError as e:
            return [GroupUnavailable("metrics", polls.error_reason(e), time.time()), *self._fetch_log()]
        return read_history(result, self._clock, self._session.submitted_config(self._job_id))

    def _fetch_log(self) -> list[Update]:
        """Fetch the log alone, of a result that cannot be read."""
        try:
            text = self._session.get_job_logs(self._job_id, log_file_name=polls.LOG_FILE)["logs"].get("server")
        except FlareError as e:
            return [GroupUnavailable("rounds", polls.error_reason(e), time.time())]
        log = ServerLogParser(self._clock.utc_offset, self._clock.offset)
        config = read_stored_config(None, self._session.submitted_config(self._job_id))
        return [*config, *_read_log(log, text if isinstance(text, str) else "")]


def _read_log(log: ServerLogParser, text: str) -> list[Update]:
    tail = LogTail()
    updates, reason = read_in_time(log, bounds.cut_pieces(tail.take_whole(text).text))
    now = time.time()
    told: Update = GroupUnavailable("rounds", reason, now) if reason else GroupRefreshed("rounds", now)
    return [*updates, LogOffset("server", polls.LOG_FILE, tail.total_bytes), told]
