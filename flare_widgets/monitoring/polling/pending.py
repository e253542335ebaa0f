"""Pending polls: send their commands, and pass the answers back. Never waits for any of them."""

from __future__ import annotations

import concurrent.futures
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from ...api.commands import Command
from ...api.session import Session
from ...errors import FlareError, InternalError, NoConnection
from ...formatting.text import sanitize
from ...wire.session_state import SessionState
from ..job.updates import ConnectionProblem
from .polls import Answer

T = TypeVar("T")
U = TypeVar("U")

_SILENCE_TIMEOUT_S = 3.5  # seconds; a live server is heard every 2.5 (wire/keepalive.py)


def describe_retry(address: str, error: FlareError | None = None, retry_count: int = 0) -> ConnectionProblem:
    """Return the problem of requests that fail, and are sent again; without an error, there is no connection."""
    if error is None or isinstance(error, NoConnection):
        problem, label = f"no connection to {address}", "reconnecting"
    else:
        problem, label = " ".join(str(error).split()), "no answer"
    count = f" ({retry_count})" if retry_count else ""
    return ConnectionProblem(f"{sanitize(problem, 300)}, trying again{count}", time.time(), f"{label}{count}")


def find_disconnect(session: Session) -> ConnectionProblem | None:
    """Return the problem if there is no connection, or the server has been silent for too long; else None.

    It has no age: each view counts that from the server's last answer to it.
    """
    if session.state is SessionState.RECONNECTING:
        return describe_retry(session.kit.address)
    if session.silence < _SILENCE_TIMEOUT_S:
        return None
    return ConnectionProblem(f"{sanitize(session.kit.address)} does not answer", time.time(), "no answer")


class PendingPoll(Generic[T]):
    """Poll in progress. Several pollers may share it.

    Parameters
    ----------
    session
        The session to send commands with.
    poll
        The poll generator; see :mod:`.polls`.
    on_answer
        Called, on any thread, when answers have come and :meth:`advance` should be called.

    Attributes
    ----------
    latency_s
        Seconds that the slowest command has taken so far.
    """

    def __init__(self, session: Session, poll: Any, on_answer: Callable[[], None]) -> None:
        self._session = session
        self._poll = poll
        self._on_answer = on_answer
        self._futures: list[concurrent.futures.Future[Any]] = []
        self._arrivals: dict[int, tuple[float, float]] = {}  # the time of each answer, and its latency
        self._outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.latency_s = 0.0

    @property
    def is_waiting(self) -> bool:
        """True while answers are missing."""
        return len(self._arrivals) < len(self._futures)

    def start(self) -> None:
        """Send the first commands."""
        self._step(None)
        if self._outcome.done():  # it has no commands to send
            self._on_answer()

    def advance(self) -> tuple[bool, T | None]:
        """Advance the poll if all answers have come. After the end, each call has the same outcome.

        Returns
        -------
        bool, value
            True if the poll has finished, and its return value.

        Raises
        ------
        FlareError
            The error that ended the poll.
        """
        if not self._outcome.done() and not self.is_waiting:
            self._step([self._read_answer(*each) for each in enumerate(self._futures)])
        return (True, self._outcome.result()) if self._outcome.done() else (False, None)

    def cancel(self) -> None:
        """Cancel the poll."""
        for future in self._futures:
            future.cancel()
        self._poll.close()

    def _step(self, answers: Sequence[Answer] | None) -> None:
        try:
            asked = next(self._poll) if answers is None else self._poll.send(answers)
        except StopIteration as end:
            self._outcome.set_result(end.value)
            return
        except Exception as e:
            self._outcome.set_exception(e)
            return
        began, came = time.monotonic(), dict[int, tuple[float, float]]()
        self._arrivals = came
        self._futures = [self._send(command) for command in asked]

        def note(number: int, _: Any) -> None:
            came[number] = time.time(), time.monotonic() - began
            self._on_answer()

        for number, future in enumerate(self._futures):
            future.add_done_callback(functools.partial(note, number))

    def _send(self, command: Command[Any]) -> concurrent.futures.Future[Any]:
        try:
            if self._session.state is SessionState.RECONNECTING:
                # Fail immediately; a command would wait for the connection, and the views with it.
                raise NoConnection(self._session.status.reason)
            return self._session.start(command)
        except FlareError as e:
            failed: concurrent.futures.Future[Any] = concurrent.futures.Future()
            failed.set_exception(e)
            return failed

    def _read_answer(self, number: int, future: concurrent.futures.Future[Any]) -> Answer:
        now, took = self._arrivals[number]
        self.latency_s = max(self.latency_s, took)
        try:
            return Answer(future.result(), None, now, took)
        except FlareError as e:
            return Answer(None, e, now, took)
        except (Exception, concurrent.futures.CancelledError) as e:
            return Answer(None, InternalError(f"{type(e).__name__}: {e}"), now, took)


class SharedRequest(Generic[T, U]):
    """Request of one of several pollers that share a poll.

    Parameters
    ----------
    poll
        The poll. It is started once, by whoever made it.
    read
        Turns its outcome into this poller's answer.
    """

    def __init__(self, poll: PendingPoll[T], read: Callable[[T], U]) -> None:
        self._poll = poll
        self._read = read

    @property
    def latency_s(self) -> float:
        """Seconds that the poll has taken so far."""
        return self._poll.latency_s

    def start(self) -> None:
        """Send nothing: the poll is sent once for all."""

    def advance(self) -> tuple[bool, U | None]:
        """Advance the poll; see :meth:`.PendingPoll.advance`."""
        is_over, outcome = self._poll.advance()
        return (True, self._read(cast(T, outcome))) if is_over else (False, None)

    def cancel(self) -> None:
        """Cancel nothing: others may wait for the poll."""
