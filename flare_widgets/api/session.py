"""The FLARE API: a session with a FLARE server.

A drop-in for ``nvflare.fuel.flare_api.flare_api``: the same names, parameters, defaults, return values and
exceptions, without ``nvflare``. Methods are synchronous and may be called from any thread; an interrupt returns at
once and the session stays usable. :attr:`.Session.aio` has the same methods for asynchronous code.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..errors import (
    ConfigError,
    FlareError,
    FLCommunicationError,
    NoConnection,
    OutcomeUnknown,
    ReadOnlySession,
    SessionClosed,
)
from ..formatting.text import sanitize
from ..kit import StartupKit
from ..wire import hci, loop
from ..wire.connection import Connection, NotSent, ReplyTimeout
from ..wire.reconnecting import ReconnectingConnection
from ..wire.session_state import SessionState, SessionStatus
from . import commands
from .async_session import AsyncSession
from .commands import Command, Effect
from .job import Job
from .session_methods import SessionMethods
from .session_methods.core import COMMAND_TIMEOUT_S
from .session_methods.sync_async import SyncSessionCore

log = logging.getLogger("flare_widgets.api")

T = TypeVar("T")

_RETRY_DELAY_S = 0.5
_MIN_REPLY_TIMEOUT_S = 1.0  # minimum seconds to wait for a command's answer, however long it waited for a connection
_CLOSE_TIMEOUT_S = 0.05  # seconds close() waits for the farewell; the I/O thread finishes it
_EXIT_TIMEOUT_S = 0.1  # the same at the end of the process, when the I/O thread ends too


class Session(SyncSessionCore, SessionMethods[Job]):
    """A session of one user with one server. Made by :func:`.new_secure_session` or :func:`flare_widgets.connect`.

    Parameters
    ----------
    username
        The user's name. The server trusts only the certificate, so an empty name means the certificate's.
    startup_path
        The startup kit: its folder, or the ``startup`` folder in it.
    secure_mode
        True to require TLS; if False, TLS is still used unless the startup kit says otherwise.
    debug
        Accepted for compatibility; set the level of the logger ``flare_widgets`` instead.
    study
        The study that submitted jobs belong to, and whose jobs are listed.

    Raises
    ------
    ConfigError, InvalidCertChain
        The startup kit cannot be used.
    ValueError
        The study's name is not permitted.
    """

    read_only: bool = False
    """True if commands that may change something on the server or a site are rejected; may be set at any time.

    :meth:`do_command` is rejected too, since its line may be anything.
    """

    def __init__(
        self,
        username: str,
        startup_path: str | Path,
        secure_mode: bool = True,
        debug: bool = False,
        study: str = "default",
    ) -> None:
        if not isinstance(study, str) or not commands.STUDY_NAME_PATTERN.fullmatch(study):
            raise ValueError(
                f"study name {study!r} contains unsupported characters. "
                "Use only lowercase letters, numbers, underscores, and hyphens"
            )
        self._kit = StartupKit.load(startup_path)
        if username and username != self.kit.username and self.kit.uid_source != "cert":
            raise FLCommunicationError(
                f"the startup kit {self.kit.root} belongs to {self.kit.username}, not to {username}. "
                "Pass that name, or the other user's kit"
            )
        if self.kit.connection_security == "clear":
            if secure_mode:
                raise ConfigError(
                    f"the startup kit {self.kit.root} requests a connection without TLS (connection_security 'clear'), "
                    "in which others can read everything and act as you. To allow it, use new_insecure_session, "
                    "or connect(kit, allow_clear=True)"
                )
            log.warning(
                "the connection to %s is without TLS: others can read everything and act as you", self.kit.address
            )
        self.debug = debug
        self._connection = ReconnectingConnection(self.kit, study)
        self._timeout: float | None = None
        self._pid = os.getpid()
        # The server is also notified when the session is garbage-collected, or the process ends.
        self._finalizer = weakref.finalize(self, _close_connection, self._connection, self._pid, _EXIT_TIMEOUT_S)

    @property
    def kit(self) -> StartupKit:
        """The startup kit; without the user's key once the session is closed."""
        return self._kit

    @property
    def username(self) -> str:
        """The user's name, as in the certificate."""
        return self.kit.username

    @property
    def study(self) -> str:
        """The study of the session."""
        return self._connection.study

    @property
    def upload_dir(self) -> str:
        """The folder in which :meth:`submit_job` looks for relative paths missing in the working directory."""
        return str(self.kit.upload_dir)

    @property
    def download_dir(self) -> str:
        """The folder for results when no destination is given."""
        return str(self.kit.download_dir)

    @property
    def closed(self) -> bool:
        """True if the session has ended for good: it was closed, or the user's certificate has expired.

        A session that the server ended for being idle is not closed: its next command logs in again.
        """
        return self._connection.is_closed

    @property
    def aio(self) -> AsyncSession:
        """This session for asynchronous code: the same methods as coroutines, over the same connection.

        ``await session.aio.list_jobs()``
        """
        return AsyncSession(self)

    @property
    def state(self) -> SessionState:
        """State of the session: connecting, ready, reconnecting, expired or closed."""
        return self._connection.state_machine.state

    @property
    def status(self) -> SessionStatus:
        """The state, with its reason in words (the last problem, how it was restored) and its start time."""
        return self._connection.state_machine.status

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard from, while connected; else 0.

        A live server sends something at least every 2.5 seconds. A silent one may hang, or the network may be down; if
        it also owes an answer, the connection is dropped after 12 seconds, and made again.
        """
        return self._connection.silence

    def subscribe(self, listener: Callable[[SessionStatus], None]) -> Callable[[], None]:
        """Call `listener(status)` now, and at every change of the session's status.

        Parameters
        ----------
        listener
            Called with each :class:`.SessionStatus`, in order, in its own thread: it may block and use the session. Its
            output goes to the cell that subscribed. Errors are logged.

        Returns
        -------
        callable
            Ends the subscription; so does the end of the session, after it has been delivered.
        """
        self._check_process()
        return self._connection.state_machine.subscribe(listener)

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's; None if unknown."""
        return self._connection.clock_offset

    def try_connect(self, timeout: float) -> None:
        """Connect and log in.

        Parameters
        ----------
        timeout
            Seconds to keep trying.

        Raises
        ------
        NoConnection, ServerIdentityError, AuthenticationError, FLCommunicationError
            See the exceptions themselves.
        """
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
            raise ValueError(f"timeout must be a number > 0 but got {timeout!r}")
        self._check_process()
        loop.run(self._connection.open(timeout))

    def close(self) -> None:
        """Log out, close, and clear the user's key and tokens.

        May be called at any time, from any thread, more than once; returns within 100 ms whatever the server does.
        Waiting commands fail.
        """
        if os.getpid() == self._pid:
            # At once, however busy the I/O thread is: after close() returns, the session must be seen as closed.
            self._connection.state_machine.transition_to(SessionState.CLOSED, "it was closed")
            self._kit = self._kit.without_key()
        if self._finalizer.detach() is not None:
            _close_connection(self._connection, self._pid, _CLOSE_TIMEOUT_S)

    def set_timeout(self, value: float) -> None:
        """Set the time limit of commands, here and on the server.

        Parameters
        ----------
        value
            Seconds, more than 0.
        """
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"timeout must be a number but got {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"timeout must be > 0 but got {value}")
        self._timeout = float(value)

    def unset_timeout(self) -> None:
        """Restore the default: 5 s here, the server's own there."""
        self._timeout = None

    def start(self, command: Command[T]) -> concurrent.futures.Future[T]:
        """Send a command without waiting for it; for monitors and views. Cancelling the future cancels it."""
        self._check_process()
        return loop.start(self._send_command(command))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.username} → {self.kit.address}, study {self.study}, {self.state.value}>"

    async def _run_command(self, command: Command[T]) -> T:
        self._check_process()
        return await self._run_on_io_thread(self._send_command(command))

    async def _request(self, command: Command[Any]) -> hci.CommandReply:
        self._check_process()
        return (await self._run_on_io_thread(self._send_with_retry(command)))[1]

    def _request_blocking(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        self._check_process()
        return loop.run(self._send_with_retry(command))

    async def _close_session(self) -> None:
        self.close()

    def _create_job_handle(self, job_id: str, known: Mapping[str, Any] | None = None) -> Job:
        return Job(self, job_id, known)

    def _check_writable(self, what: str) -> None:
        if self.read_only:
            raise ReadOnlySession(
                f"{sanitize(what)} may change something, and this session is read-only: set its read_only to False "
                "(in a notebook, %config FlareWidgets.read_only = False) to permit it"
            )

    def _command_timeout(self) -> float | None:
        return self._timeout

    async def _send_command(self, command: Command[T]) -> T:
        return command.parse_reply((await self._send_with_retry(command))[1])

    async def _send_with_retry(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        """Send a command, retrying if needed and permitted; return the connection used and the answer."""
        if command.effect is not Effect.READ:
            self._check_writable(command.line.split(" ", 1)[0])
        timeout = self._timeout or COMMAND_TIMEOUT_S
        deadline = time.monotonic() + timeout
        logged_in_again = False
        for attempt in itertools.count(1):
            link = await self._connection.open(
                max(deadline - time.monotonic(), _MIN_REPLY_TIMEOUT_S / 10), wait_for_ready=False
            )
            left = max(deadline - time.monotonic(), min(timeout, _MIN_REPLY_TIMEOUT_S))
            try:
                reply = await link.execute(
                    command.line,
                    left,
                    cmd_timeout=self._timeout,
                    props=command.props,
                    non_idempotent=command.effect is not Effect.READ,
                )
            except NotSent:
                continue
            except NoConnection as e:
                self._connection.raise_if_ended()  # the end of the session is more informative than its consequence
                lost = isinstance(e, ReplyTimeout) or link.lost_error is not None
                if lost and command.effect is Effect.WRITE:
                    raise _outcome_unknown(command, e) from None
                pause = (
                    0.0
                    if link.lost_error is not None and command.effect is Effect.READ
                    else _RETRY_DELAY_S * min(attempt, 8)
                )
                if attempt >= command.max_attempts or time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                continue
            except FlareError:
                self._connection.raise_if_ended()
                raise
            if hci.is_session_inactive(reply) and not logged_in_again:
                # The server did nothing, so this may be repeated, whatever the command does.
                self._connection.mark_expired(link, "the server no longer knows the session")
                logged_in_again = True
                continue
            return link, reply
        raise AssertionError("not reached")

    def _open_connection(self, timeout: float | None = None) -> Connection:
        self._check_process()
        return loop.run(self._connection.open(timeout or self._timeout or COMMAND_TIMEOUT_S, wait_for_ready=False))

    def _log_in_again(self, link: Connection) -> None:
        async def renew() -> None:
            self._connection.mark_expired(link, "the server no longer knows the session")

        loop.run(renew())

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise SessionClosed("this session belongs to the process that forked this one; open a new one here")


def _outcome_unknown(command: Command[Any], error: NoConnection) -> OutcomeUnknown:
    verb = command.line.split(" ", 1)[0]
    return OutcomeUnknown(f"{error}. It is unknown whether '{verb}' was done. {command.recovery_hint}")


def _close_connection(connection: ReconnectingConnection, pid: int, timeout: float) -> None:
    if os.getpid() != pid:
        return
    future = loop.start(connection.close())
    if loop.is_io_thread():
        return
    # The I/O thread finishes what is left after that (a server that does not answer the farewell).
    with contextlib.suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError, Exception):
        future.result(timeout)
