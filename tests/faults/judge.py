"""The verdicts: what the client was told, compared with what the server has."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flare_widgets.api import FlareError, Session, connect
from flare_widgets.errors import InputError

T = TypeVar("T")

_TIMEOUT_S = 90.0  # to get through to a server that is down
_END_TIMEOUT_S = 40.0  # for a job to end that is aborted
_SETTLE_TIMEOUT_S = 10.0  # for a status to become what was announced
_POLL_INTERVAL_S = 0.5


@dataclass(frozen=True)
class Answer:
    """The client's answer.

    Attributes
    ----------
    outcome
        ``done``; ``refused``, with an error that says that nothing was done; ``unknown``; ``interrupted``; ``wrong``,
        with an error that is none of ours.
    value
        The result.
    error
        The error's name and text.
    seconds
        Its duration.
    """

    outcome: str
    value: Any = None
    error: str = ""
    seconds: float = 0.0


#: The verdicts, in the order of the table; each is a failure of the product.
VERDICTS = ("lost", "doubled", "hung", "told no", "wrong state")

Problems = dict[str, str]
"""The verdicts that were reached, with the evidence; empty if all is well."""


def judge_new_job(answer: Answer, jobs: Collection[str]) -> Problems:
    """Judge a submission or a clone by the new jobs that the server has. Pure."""
    problems = judge_error(answer)
    if len(jobs) > 1:
        problems["doubled"] = f"{len(jobs)} jobs: {', '.join(jobs)}"
    if answer.outcome == "done" and not jobs:
        problems["lost"] = f"answered with {answer.value}, but the server has no such job"
    elif answer.outcome == "done" and answer.value not in jobs:
        problems["wrong state"] = f"answered with {answer.value}, but the server has {', '.join(jobs)}"
    elif answer.outcome == "refused" and jobs:
        problems["told no"] = f"{answer.error} - but the server has {', '.join(jobs)}"
    return problems


def judge_abort(answer: Answer, status: str) -> Problems:
    """Judge the abort of a waiting job by the job's status. Pure."""
    problems = judge_error(answer)
    is_aborted = status == "FINISHED:ABORTED"
    if answer.outcome == "done" and not is_aborted:
        problems["wrong state"] = f"answered with {answer.value!r}, but the job is {status}"
    elif answer.outcome == "refused" and is_aborted:
        problems["told no"] = f"{answer.error} - but the job is {status}"
    return problems


def judge_watch(answer: Answer, status: str) -> Problems:
    """Judge a watch by the status of the job, which has been aborted meanwhile. Pure."""
    problems = judge_error(answer)
    if answer.outcome != "done":
        return problems
    seen: Mapping[str, Any] = answer.value
    if seen["state"] == "JOB_ENDED":
        if seen["status"] != status:
            problems["wrong state"] = f"the watch ended with {seen['status']}, but the job is {status}"
    elif seen["state"] != "WATCHING":
        problems["wrong state"] = f"the watch is {seen['state']}: {seen['error']}"
    elif _has_ended(status):
        problems["hung"] = f"the watch still shows {seen['status']}, but the job is {status}"
    return problems


def judge_read(answer: Answer, is_right: Callable[[Any], bool]) -> Problems:
    """Judge what only reads. Pure."""
    problems = judge_error(answer)
    if answer.outcome == "done" and not is_right(answer.value):
        problems["wrong state"] = f"answered with {answer.value!r}"
    return problems


def judge_error(answer: Answer) -> Problems:
    """Judge whether an error is one of ours. Pure."""
    return {"wrong state": f"raised {answer.error}"} if answer.outcome == "wrong" else {}


def _has_ended(status: str) -> bool:
    return status.startswith("FINISHED")


class Judge:
    """A session of its own that nothing harms on the way, for any thread.

    Parameters
    ----------
    kit
        The admin's startup kit.
    """

    def __init__(self, kit: Path) -> None:
        self._kit = kit
        self._lock = threading.Lock()
        self._session: Session | None = None

    def __call__(self, call: Callable[[Session], T]) -> T:
        """Call something with the session until it works: the server may be down."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                return call(self._open())
            except FlareError as e:
                if isinstance(e, InputError) or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_INTERVAL_S)

    def _open(self) -> Session:
        with self._lock:
            if self._session is None or self._session.closed:
                self._session = connect(self._kit, timeout=20)
            return self._session

    def list_jobs(self) -> list[dict[str, Any]]:
        """All jobs that the server has."""
        return self(lambda session: session.list_jobs())

    def jobs_named(self, name: str) -> list[str]:
        """The ids of the jobs with a name."""
        listed = self(lambda session: session.list_jobs(name_prefix=name))
        return [str(job["job_id"]) for job in listed if job["job_name"] == name]

    def submit(self, folder: Path) -> str:
        """Submit a job, once."""
        token = f"{folder.name}-{time.time_ns()}"
        return self(lambda session: session.submit_job(str(folder), token))

    def abort(self, job: str) -> None:
        """Abort a job, if the server lets us."""
        with contextlib.suppress(FlareError):
            self._open().abort_job(job)

    def delete(self, job: str) -> None:
        """Delete a job, if the server lets us."""
        with contextlib.suppress(FlareError):
            self._open().delete_job(job)

    def end(self, job: str) -> None:
        """Abort a job, again if need be: FLARE's scheduler can overwrite the abort of a job that waits.

        A job that ran when the server was killed keeps its status.
        """
        deadline = time.monotonic() + _END_TIMEOUT_S
        while time.monotonic() < deadline:
            self.abort(job)
            if _has_ended(self.settled_status(job, _has_ended)):
                return

    def status(self, job: str) -> str:
        """A job's status."""
        return str(self(lambda session: session.get_job_status(job)))

    def settled_status(self, job: str, wanted: Callable[[str], bool]) -> str:
        """A job's status once it is a wanted one, or after some seconds."""
        deadline = time.monotonic() + _SETTLE_TIMEOUT_S
        while not wanted(status := self.status(job)) and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL_S)
        return status

    def wait_until_up(self) -> None:
        """Return when a new session gets in."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                with connect(self._kit, timeout=5) as session:
                    session.list_jobs(limit=1)
                return
            except FlareError:
                if time.monotonic() > deadline:
                    raise

    def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            self._session.close()


def find_doubles(expected: Collection[str], listed: Collection[Mapping[str, Any]]) -> dict[str, int]:
    """Return how often the server has each name of a submission that it has more than once. Pure."""
    counts = Counter(str(job["job_name"]) for job in listed)
    return {name: counts[name] for name in expected if counts[name] > 1}
