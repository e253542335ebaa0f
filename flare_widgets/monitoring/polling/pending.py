"""Polls under way: the commands of sources sent, their answers brought back. Never waits for any of them."""

from __future__ import annotations

import concurrent.futures
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ...api.commands import Command
from ...api.session import Session
from ...errors import FlareError, InternalError, NoConnection
from ...wire.session_state import SessionState
from .polls import Answer

T = TypeVar("T")

_SILENT = 3.5  # seconds; a server that is there is heard every 2.5 (wire/watch.py)


def loss(session: Session) -> str:
    """Return in words that there is no connection, or a server that has not been heard for too long; else nothing."""
    if session.state is SessionState.RECONNECTING:
        return f"no connection to {session.kit.address}, trying again"
    if session.silence < _SILENT:
        return ""
    return f"{session.kit.address} has not answered for {session.silence:.0f} s"


class Polling(Generic[T]):
    """A poll that is under way.

    Parameters
    ----------
    session
        Whom to ask.
    poll
        What to ask; see :mod:`.sources`.
    arrived
        Called, on whatever thread, when answers have come and :meth:`advance` is worth a call.

    Attributes
    ----------
    took
        Seconds that the slowest command took so far.
    """

    def __init__(self, session: Session, poll: Any, arrived: Callable[[], None]) -> None:
        self._session = session
        self._poll = poll
        self._arrived = arrived
        self._futures: list[concurrent.futures.Future[Any]] = []
        self._came: dict[int, tuple[float, float]] = {}  # when each answer came, and how long it took
        self.took = 0.0

    def start(self) -> tuple[bool, T | None]:
        """Send the first commands; returns as :meth:`advance`."""
        return self._go_on(None)

    def advance(self) -> tuple[bool, T | None]:
        """Go on if all answers have come.

        Returns
        -------
        bool, value
            Whether the poll is over, and what it returned.

        Raises
        ------
        FlareError
            The poll ended with this.
        """
        if len(self._came) < len(self._futures):
            return False, None
        return self._go_on([self._answer(*each) for each in enumerate(self._futures)])

    def cancel(self) -> None:
        """Give the poll up."""
        for future in self._futures:
            future.cancel()
        self._poll.close()

    def _go_on(self, answers: Sequence[Answer] | None) -> tuple[bool, T | None]:
        try:
            asked = next(self._poll) if answers is None else self._poll.send(answers)
        except StopIteration as end:
            return True, end.value
        began, came = time.monotonic(), dict[int, tuple[float, float]]()
        self._came = came
        self._futures = [self._sent(command) for command in asked]

        def note(number: int, _: Any) -> None:
            came[number] = time.time(), time.monotonic() - began
            self._arrived()

        for number, future in enumerate(self._futures):
            future.add_done_callback(functools.partial(note, number))
        return False, None

    def _sent(self, command: Command[Any]) -> concurrent.futures.Future[Any]:
        try:
            if self._session.state is SessionState.RECONNECTING:
                # Known at once; a command would wait for the connection, and the views with it.
                raise NoConnection(self._session.status.reason)
            return self._session.start(command)
        except FlareError as e:
            failed: concurrent.futures.Future[Any] = concurrent.futures.Future()
            failed.set_exception(e)
            return failed

    def _answer(self, number: int, future: concurrent.futures.Future[Any]) -> Answer:
        now, took = self._came[number]
        self.took = max(self.took, took)
        try:
            return Answer(future.result(), None, now, took)
        except FlareError as e:
            return Answer(None, e, now, took)
        except (Exception, concurrent.futures.CancelledError) as e:
            return Answer(None, InternalError(f"{type(e).__name__}: {e}"), now, took)
