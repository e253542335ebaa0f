"""What the methods of a session need of it."""

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
"""Seconds to wait for an answer, unless :meth:`.Session.set_timeout` says otherwise."""


class SessionCore(abc.ABC):
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
    async def _run_command(self, command: Command[T]) -> T:
        """Send a command and return its result."""

    @abc.abstractmethod
    async def _request(self, command: Command[Any]) -> hci.CommandReply:
        """Send a command and return the answer, whatever it says."""

    @abc.abstractmethod
    async def _run_on_io_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the I/O thread and return its result."""

    @abc.abstractmethod
    async def _sleep(self, seconds: float) -> None:
        """Let time pass."""

    @abc.abstractmethod
    async def _run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call what reads and writes files, or waits for :func:`.loop.run`, where it keeps no event loop waiting."""

    @abc.abstractmethod
    async def _resolve_result(self, result: Any) -> Any:
        """Return what came of a callback that returned `result`."""

    @abc.abstractmethod
    async def _close_session(self) -> None:
        """End the session."""

    @abc.abstractmethod
    def _request_blocking(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        """Send a command, and return its answer, whatever it says, with the link over which it came. Blocks."""

    @abc.abstractmethod
    def _open_connection(self, timeout: float | None = None) -> Connection:
        """Return a link that works, within some seconds or the time-out of commands. Blocks."""

    @abc.abstractmethod
    def _log_in_again(self, connection: Connection) -> None:
        """Have the session log in again before the next command, if it still uses that link. Blocks."""

    @abc.abstractmethod
    def _check_writable(self, action: str) -> None:
        """Raise ReadOnlySession if the session only reads."""

    @abc.abstractmethod
    def _command_timeout(self) -> float | None:
        """Return what the user set; None for the defaults."""


def transfer_method(function: Callable[Concatenate[S, P], T]) -> dual_method[S, P, T]:
    """Declare a method of both faces by a function that blocks: it reads and writes files between its requests.

    On the awaiting face it runs in a worker thread. Cancelling ends what it waits for.
    """

    @functools.wraps(function)
    async def coroutine(session: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await session._run_blocking(function, session, *args, **kwargs)

    return dual_method(coroutine)
