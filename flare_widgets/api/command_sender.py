"""Sends a session's commands: time limits, retries, a new login when the server forgot the session, read-only mode."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import time
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..errors import FlareError, NoConnection, OutcomeUnknown, ReadOnlySession, SessionClosed, error_context
from ..formatting.text import sanitize
from ..kit import StartupKit
from ..wire import hci, loop
from ..wire.connection import Connection, NotSent, ReplyTimeout
from ..wire.reconnecting import ReconnectingConnection
from ..wire.session_state import SessionState
from .commands import Command, Effect

T = TypeVar("T")

_COMMAND_TIMEOUT_S = 5.0  # seconds to wait for an answer, unless the user sets another limit
_RETRY_DELAY_S = 0.5
_MIN_REPLY_TIMEOUT_S = 1.0  # minimum seconds to wait for a command's answer, however long it waited for a connection
_CLOSE_TIMEOUT_S = 0.05  # seconds close() waits for the farewell; the I/O thread finishes it
_EXIT_TIMEOUT_S = 0.1  # the same at the end of the process, when the I/O thread ends too
_FORGOTTEN = "the server no longer knows the session"


class CommandSender:
    """Sends commands over the connection of a session; its synchronous and its asynchronous form share one.

    Attributes
    ----------
    kit
        The startup kit; without the user's key once closed.
    connection
        The connection to the server.
    timeout
        The time limit of commands in seconds that the user has set, if any.
    read_only
        True if commands that may change something are rejected.
    submitted_configs
        The server's configuration, and the suffix of its format, of the latest jobs submitted here; by the job's id.
    """

    def __init__(self, kit: StartupKit, study: str) -> None:
        self.kit = kit
        self.connection = ReconnectingConnection(kit, study)
        self.timeout: float | None = None
        self.read_only = False
        self.submitted_configs: dict[str, tuple[str, str]] = {}
        self._pid = os.getpid()
        # The server is also notified when the session is garbage-collected, or the process ends.
        self._finalizer = weakref.finalize(self, _close_connection, self.connection, self._pid, _EXIT_TIMEOUT_S)

    def run(self, command: Command[T]) -> Coroutine[Any, Any, T]:
        """Return a coroutine for the I/O thread: it sends a command and returns its result."""
        self.check_process()
        return self._run(command)

    def send(self, command: Command[Any]) -> Coroutine[Any, Any, tuple[Connection, hci.CommandReply]]:
        """Return a coroutine for the I/O thread: it sends a command.

        It returns the connection used and the answer, successful or not. Errors name the command and the server.
        """
        self.check_process()
        return self._send(command)

    def request(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        """Send a command, and return what :meth:`send` does. Blocks."""
        return loop.run(self.send(command))

    def open_connection(self, timeout: float | None = None) -> Connection:
        """Return a working connection, within some seconds or the time limit of commands. Blocks."""
        self.check_process()
        with error_context(address=self.kit.address):
            return loop.run(self.connection.open(timeout or self.timeout or _COMMAND_TIMEOUT_S, wait_for_ready=False))

    def log_in_again(self, connection: Connection) -> None:
        """Have the session log in again before the next command, if it still uses that connection. Blocks."""

        async def renew() -> None:
            self.connection.mark_expired(connection, _FORGOTTEN)

        loop.run(renew())

    def check_writable(self, action: str) -> None:
        """Raise ReadOnlySession if commands that may change something are rejected."""
        if self.read_only:
            raise ReadOnlySession(
                f"{sanitize(action)} may change something, and this session is read-only",
                command=action,
                next_step="Set its read_only to False to permit it",
            )

    def check_process(self) -> None:
        """Raise SessionClosed in a process that was forked from the session's own."""
        if os.getpid() != self._pid:
            raise SessionClosed(
                "this session belongs to the process that forked this one",
                next_step=f"Open a new one here: flare_widgets.connect({str(self.kit.root)!r})",
            )

    def close(self) -> None:
        """Log out, close, and clear the user's key and tokens; within 100 ms, from any thread, any number of times."""
        if os.getpid() == self._pid:
            # At once, however busy the I/O thread is: after close() returns, the session must be seen as closed.
            self.connection.state_machine.transition_to(SessionState.CLOSED)
            self.kit = self.kit.without_key()
        if self._finalizer.detach() is not None:
            _close_connection(self.connection, self._pid, _CLOSE_TIMEOUT_S)

    async def _run(self, command: Command[T]) -> T:
        with command.error_context(self.kit.address):
            return command.parse_reply((await self._send(command))[1])

    async def _send(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        with command.error_context(self.kit.address):
            return await self._send_with_retry(command)

    async def _send_with_retry(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        if command.effect is not Effect.READ:
            self.check_writable(command.name)
        timeout = self.timeout or _COMMAND_TIMEOUT_S
        deadline = time.monotonic() + timeout
        logged_in_again = may_have_run = False
        for attempt in itertools.count(1):
            try:
                link = await self.connection.open(
                    max(deadline - time.monotonic(), _MIN_REPLY_TIMEOUT_S / 10), wait_for_ready=False
                )
            except NoConnection as e:
                if may_have_run:
                    raise _outcome_unknown(command, e) from None
                raise
            left = max(deadline - time.monotonic(), min(timeout, _MIN_REPLY_TIMEOUT_S))
            try:
                reply = await link.execute(
                    command.line,
                    left,
                    cmd_timeout=self.timeout,
                    props=command.props,
                    max_reply_chars=command.max_reply_chars,
                )
            except NotSent:
                continue
            except NoConnection as e:
                self.connection.raise_if_ended()  # the end of the session is more informative than its consequence
                lost = isinstance(e, ReplyTimeout) or link.lost_error is not None
                may_have_run = may_have_run or (lost and command.effect is not Effect.READ)
                pause = (
                    0.0
                    if link.lost_error is not None and command.effect is Effect.READ
                    else _RETRY_DELAY_S * min(attempt, 8)
                )
                if attempt >= command.max_attempts or time.monotonic() + pause > deadline:
                    if may_have_run:
                        raise _outcome_unknown(command, e) from None
                    raise
                await asyncio.sleep(pause)
                continue
            except FlareError:
                self.connection.raise_if_ended()
                raise
            if hci.is_session_inactive(reply) and not logged_in_again:
                # The server did nothing, so this may be repeated, whatever the command does.
                self.connection.mark_expired(link, _FORGOTTEN)
                logged_in_again = True
                continue
            return link, reply
        raise AssertionError("not reached")


def _outcome_unknown(command: Command[Any], error: NoConnection) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{error.description}. It is unknown whether '{command.name}' was done", next_step=command.recovery_hint
    )


def _close_connection(connection: ReconnectingConnection, pid: int, timeout: float) -> None:
    if os.getpid() != pid:
        return
    future = loop.start(connection.close())
    if loop.is_io_thread():
        return
    # The I/O thread finishes what is left after that (a server that does not answer the farewell).
    with contextlib.suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError, Exception):
        future.result(timeout)
