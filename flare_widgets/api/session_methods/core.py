"""Interface that the methods of a session rely on."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...kit import StartupKit
from ...wire import hci
from ...wire.connection import Connection
from ..commands import Command
from ..dual import dual_method

S = TypeVar("S", bound="SessionCore")
P = ParamSpec("P")
T = TypeVar("T")

COMMAND_TIMEOUT_S = 5.0
"""Seconds to wait for an answer, unless set by :meth:`.Session.set_timeout`."""


class SessionCore(abc.ABC):
    """A session, synchronous or asynchronous, as its methods see it."""

    @property
    @abc.abstractmethod
    def kit(self) -> StartupKit:
        """The startup kit of the session."""

    @property
    @abc.abstractmethod
    def study(self) -> str:
        """The study of the session."""

    @abc.abstractmethod
    async def _run_command(self, command: Command[T]) -> T:
        """Send a command and return its result."""

    @abc.abstractmethod
    async def _request(self, command: Command[Any]) -> hci.CommandReply:
        """Send a command and return the answer, successful or not."""

    @abc.abstractmethod
    async def _run_on_io_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the I/O thread and return its result."""

    @abc.abstractmethod
    async def _sleep(self, seconds: float) -> None:
        """Wait for some seconds."""

    @abc.abstractmethod
    async def _run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a function that uses files or :func:`.loop.run`, without blocking an event loop."""

    @abc.abstractmethod
    async def _resolve_result(self, result: Any) -> Any:
        """Return the result of a callback that returned `result`, which may be a coroutine."""

    @abc.abstractmethod
    async def _close_session(self) -> None:
        """End the session."""

    @abc.abstractmethod
    def _request_blocking(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        """Send a command, and return the connection used and the answer, successful or not. Blocks."""

    @abc.abstractmethod
    def _open_connection(self, timeout: float | None = None) -> Connection:
        """Return a working connection, within some seconds or the timeout of commands. Blocks."""

    @abc.abstractmethod
    def _log_in_again(self, connection: Connection) -> None:
        """Have the session log in again before the next command, if it still uses that connection. Blocks."""

    @abc.abstractmethod
    def _check_writable(self, action: str) -> None:
        """Raise ReadOnlySession if the session is read-only."""

    @abc.abstractmethod
    def _command_timeout(self) -> float | None:
        """Return the user's setting; None for the defaults."""


def transfer_method(function: Callable[Concatenate[S, P], T]) -> dual_method[S, P, T]:
    """Declare a method of both kinds of session by a blocking function, which uses files between its requests.

    In an asynchronous session it runs in a worker thread. Cancelling interrupts its waiting.
    """

    @functools.wraps(function)
    async def coroutine(session: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await session._run_blocking(function, session, *args, **kwargs)

    return dual_method(coroutine)
