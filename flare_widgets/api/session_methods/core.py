"""What the methods of a session need of it."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...kit import StartupKit
from ...wire import hci
from ...wire.connection import Link
from ..commands import Command
from ..dual import method

S = TypeVar("S", bound="Methods")
P = ParamSpec("P")
T = TypeVar("T")

COMMAND_TIMEOUT = 5.0
"""Seconds to wait for an answer, unless :meth:`.Session.set_timeout` says otherwise."""


class Methods(abc.ABC):
    """A session, of either face, as its methods see it."""

    @property
    @abc.abstractmethod
    def kit(self) -> StartupKit:
        """Whose session it is."""

    @property
    @abc.abstractmethod
    def study(self) -> str:
        """The study of the session."""

    @abc.abstractmethod
    async def _run(self, command: Command[T]) -> T:
        """Send a command and return its result."""

    @abc.abstractmethod
    async def _ask(self, command: Command[Any]) -> hci.Reply:
        """Send a command and return the answer, whatever it says."""

    @abc.abstractmethod
    async def _io(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the I/O thread and return its result."""

    @abc.abstractmethod
    async def _sleep(self, seconds: float) -> None:
        """Let time pass."""

    @abc.abstractmethod
    async def _off_loop(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call what reads and writes files, or waits for :func:`.loop.run`, where it keeps no event loop waiting."""

    @abc.abstractmethod
    async def _outcome(self, result: Any) -> Any:
        """Return what came of a callback that returned `result`."""

    @abc.abstractmethod
    async def _end(self) -> None:
        """End the session."""

    @abc.abstractmethod
    def _ask_over(self, command: Command[Any]) -> tuple[Link, hci.Reply]:
        """Send a command, and return its answer, whatever it says, with the link over which it came. Blocks."""

    @abc.abstractmethod
    def _link(self, timeout: float | None = None) -> Link:
        """Return a link that works, within some seconds or the time-out of commands. Blocks."""

    @abc.abstractmethod
    def _log_in_again(self, link: Link) -> None:
        """Have the session log in again before the next command, if it still uses that link. Blocks."""

    @abc.abstractmethod
    def _check_may_change(self, what: str) -> None:
        """Raise ReadOnlySession if the session only reads."""

    @abc.abstractmethod
    def _command_timeout(self) -> float | None:
        """Return what the user set; None for the defaults."""


def transfer_method(function: Callable[Concatenate[S, P], T]) -> method[S, P, T]:
    """Declare a method of both faces by a function that blocks: it reads and writes files between its requests.

    On the awaiting face it runs in a worker thread. Cancelling ends what it waits for.
    """

    @functools.wraps(function)
    async def coroutine(session: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await session._off_loop(function, session, *args, **kwargs)

    return method(coroutine)
