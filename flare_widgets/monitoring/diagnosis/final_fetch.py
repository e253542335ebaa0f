"""What can be learned of a job once it has ended: its whole log, its metrics, and why it failed.

That takes a download and some commands, so it runs in a thread of its own, for as long as that takes.
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
from ...errors import FlareError
from ...formatting.text import clean
from ..job.updates import Fact, Failed, Learned, LogRead, Missed
from ..logs import files
from ..logs.facts import ServerLog
from ..polling import polls
from . import explain
from .collect import gather

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-aftermath"

MOST_RESULT = 32 << 20
"""Bytes of a job's result that are downloaded to learn its history; of a larger one only the log is asked for."""

PATIENCE = 20.0
"""Seconds after which the watch ends with what is known by then."""


class _TooLarge(Exception):
    pass


class Aftermath:
    """The facts about a job that has ended, being fetched.

    Parameters
    ----------
    session
        Whom to ask.
    job_id
        The job.
    meta
        Its final meta.
    clock
        How the server's times relate to ours.
    wake
        Called, in this thread, when `over` has become true.
    """

    def __init__(
        self, session: Session, job_id: str, meta: dict[str, Any], clock: polls.Clock, wake: Callable[[], None]
    ) -> None:
        self._found: list[Fact] = []
        self._session = session
        self._job = job_id
        self._meta = meta
        self._clock = clock
        self._wake = wake
        self._until = time.monotonic() + PATIENCE
        self._done = False
        threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()

    @property
    def left(self) -> float:
        """Seconds until it is over at the latest."""
        return 0.0 if self._done else max(0.0, self._until - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.left == 0.0

    @property
    def facts(self) -> list[Fact]:
        """What was learned, once it is over."""
        if self._done:
            return self._found
        late = Missed("metrics", f"the job's result did not come within {PATIENCE:.0f} s", time.time())
        return [late, *self._found]

    def _run(self) -> None:
        try:
            self._found += self._part("metrics", self._history)
            self._found += self._part("failure", self._failure)
        finally:
            self._done = True
            self._wake()

    def _part(self, group: str, learn: Callable[[], list[Fact]]) -> list[Fact]:
        try:
            return learn()
        except Exception as e:
            log.exception("what there is to know of job %s (%s) could not be read", self._job, group)
            return [Missed(group, f"{type(e).__name__}: {clean(str(e))}", time.time())]

    def _failure(self) -> list[Fact]:
        failure = explain(gather(self._session, self._meta))
        return [] if failure is None else [Failed(failure, time.time())]

    def _history(self) -> list[Fact]:
        try:
            return self._from_result()
        except _TooLarge:
            reason = f"its result has more than {MOST_RESULT >> 20} MB: download it to see them"
        except FlareError as e:
            reason = polls.why_not(e)
        missed = Missed("metrics", reason, time.time())
        try:
            text = self._session.get_job_logs(self._job, log_file_name=polls.LOG)["logs"].get("server")
        except FlareError as e:
            return [missed, Missed("rounds", polls.why_not(e), time.time())]
        return [missed, *self._from_log(text if isinstance(text, str) else "", None)]

    def _from_result(self) -> list[Fact]:
        with tempfile.TemporaryDirectory(prefix="flare-widgets-") as scratch:
            result = self._session.download_job_result(self._job, scratch, progress=_limited)
            run = Path(result, "workspace")
            told = files.read_config(_read(run / files.SERVER_CONFIG))
            names = sorted(run.glob(f"{polls.LOG}*"), key=_age, reverse=True)
            facts = self._from_log("".join(_read(path) for path in names), told)
            metrics = sorted(run.glob(f"{files.ROUND_METRICS}.*"))
            for path in metrics:
                facts += files.read_round_metrics(_read(path))
            facts += files.read_summary(_read(run / files.METRICS_SUMMARY))
            now = time.time()
            facts.append(
                Learned("metrics", now) if metrics else Missed("metrics", "the job keeps no record of metrics", now)
            )
            return facts

    def _from_log(self, text: str, told: Any) -> list[Fact]:
        reader = ServerLog(self._clock.zone, self._clock.ahead, told)
        facts: list[Fact] = [] if told is None else [told]
        facts += reader.feed(text)
        return [*facts, LogRead("server", polls.LOG, reader.offset), Learned("rounds", time.time())]


def _limited(received: int, _: int) -> None:
    if received > MOST_RESULT:
        raise _TooLarge


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _age(path: Path) -> int:
    number = path.suffix[1:]
    return int(number) if number.isdecimal() else 0
