"""The FLARE API: a session with a FLARE server.

A drop-in for ``nvflare.fuel.flare_api.flare_api``: the same names, parameters, defaults, return values and
exceptions, without ``nvflare``. Methods are synchronous and may be called from any thread; an interrupt leaves
them at once and the session stays usable. :attr:`.Session.aio` has the same methods for code that awaits.
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
from ..formatting.text import clean
from ..kit import StartupKit
from ..wire import hci, loop
from ..wire.connection import Link, NotSent, Unanswered
from ..wire.reconnecting import Connection
from ..wire.session_state import SessionState, SessionStatus
from . import commands
from .async_session import AsyncSession
from .commands import Command, Effect
from .job import Job
from .session_methods import SessionMethods
from .session_methods.core import COMMAND_TIMEOUT
from .session_methods.sync_async import BlockingMethods

log = logging.getLogger("flare_widgets.api")

T = TypeVar("T")

_BACKOFF = 0.5
_GRACE = 1.0  # seconds a command has for its answer at least, however long it waited for a connection
_CLOSE = 0.05  # seconds close() waits for the farewell; the I/O thread finishes it
_LAST_WORDS = 0.1  # the same at the end of the process, when the I/O thread ends too


class Session(BlockingMethods, SessionMethods[Job]):
    """A session of one user with one server. Made by :func:`.new_secure_session` or :func:`flare_widgets.connect`.

    Parameters
    ----------
    username
        The user's name. The server believes only the certificate, so an empty name means the certificate's.
    startup_path
        The startup kit: its folder, or the ``startup`` folder in it.
    secure_mode
        Whether the connection must be under TLS; if not, it still is unless the startup kit says otherwise.
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
    """Whether commands that may change something on the server or a site are refused; may be set at any time.

    So is :meth:`do_command`, whose line may be any.
    """

    def __init__(
        self,
        username: str,
        startup_path: str | Path,
        secure_mode: bool = True,
        debug: bool = False,
        study: str = "default",
    ) -> None:
        if not isinstance(study, str) or not commands.STUDY.fullmatch(study):
            raise ValueError(
                f"study name {study!r} contains unsupported characters. "
                "Use only lowercase letters, numbers, underscores, and hyphens"
            )
        self._kit = StartupKit.load(startup_path)
        if username and username != self.kit.username and self.kit.uid_source != "cert":
            raise FLCommunicationError(
                f"the startup kit {self.kit.root} belongs to {self.kit.username}, not to {username}. "
                "Give that name, or the other user's kit"
            )
        if self.kit.connection_security == "clear":
            if secure_mode:
                raise ConfigError(
                    f"the startup kit {self.kit.root} asks for a connection without TLS (connection_security 'clear'), "
                    "in which others can read along and act as you. If that is what you want: new_insecure_session, "
                    "or connect(kit, allow_clear=True)"
                )
            log.warning("the connection to %s is without TLS: others can read along and act as you", self.kit.address)
        self.debug = debug
        self._connection = Connection(self.kit, study)
        self._timeout: float | None = None
        self._pid = os.getpid()
        # Also when the session is forgotten, or the process ends, the server is told.
        self._farewell = weakref.finalize(self, _farewell, self._connection, self._pid, _LAST_WORDS)

    @property
    def kit(self) -> StartupKit:
        """The startup kit; without the user's key once the session is closed."""
        return self._kit

    @property
    def username(self) -> str:
        """The user's name, as the certificate has it."""
        return self.kit.username

    @property
    def study(self) -> str:
        """The study of the session."""
        return self._connection.study

    @property
    def upload_dir(self) -> str:
        """Where :meth:`submit_job` looks for a relative path that does not exist in the working directory."""
        return str(self.kit.upload_dir)

    @property
    def download_dir(self) -> str:
        """Where results go when no destination is given."""
        return str(self.kit.download_dir)

    @property
    def closed(self) -> bool:
        """Whether the session has ended for good: it was closed, or the user's certificate has expired.

        One that the server ended for being idle has not: its next command logs in again.
        """
        return self._connection.closed

    @property
    def aio(self) -> AsyncSession:
        """This session for code that awaits: the same methods as coroutines, over the same connection.

        ``await session.aio.list_jobs()``
        """
        return AsyncSession(self)

    @property
    def state(self) -> SessionState:
        """How it stands with the session: connecting, ready, reconnecting, expired or closed."""
        return self._connection.life.state

    @property
    def status(self) -> SessionStatus:
        """The state, with its reason in words (the last trouble, how it came back) and since when it is so."""
        return self._connection.life.status

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard, while connected; else 0.

        A server that is there gives a sign every 2.5 seconds, at least. One that does not may hang, or the network may
        have gone; when it owes an answer too, the connection is given up after 12 seconds, and made again.
        """
        return self._connection.silence

    def subscribe(self, listener: Callable[[SessionStatus], None]) -> Callable[[], None]:
        """Call `listener(status)` now, and whenever the session's status changes.

        Parameters
        ----------
        listener
            Called with each :class:`.SessionStatus`, in order, in a thread of its own: it may take its time and use the
            session. What it prints lands in the cell that subscribed. Errors are logged.

        Returns
        -------
        callable
            Ends the subscription; so does the end of the session, after it has been told.
        """
        self._check_process()
        return self._connection.life.subscribe(listener)

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's; None when it is not known."""
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
            See there.
        """
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
            raise ValueError(f"timeout must be a number > 0 but got {timeout!r}")
        self._check_process()
        loop.run(self._connection.open(timeout))

    def close(self) -> None:
        """Log out, close, and forget the user's key and tokens.

        May be called at any time, from any thread, more than once; returns within 100 ms whatever the server does.
        Commands that wait are told.
        """
        if os.getpid() == self._pid:
            # At once, whatever the I/O thread has to do: who sees close() return sees the session closed.
            self._connection.life.move(SessionState.CLOSED, "it was closed")
            self._kit = self._kit.without_key()
        if self._farewell.detach() is not None:
            _farewell(self._connection, self._pid, _CLOSE)

    def set_timeout(self, value: float) -> None:
        """Set how long commands may take, here and on the server.

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
        """Go back to the default: 5 s here, the server's own there."""
        self._timeout = None

    def start(self, command: Command[T]) -> concurrent.futures.Future[T]:
        """Send a command without waiting for it; for monitors and views. Cancelling the future gives it up."""
        self._check_process()
        return loop.start(self._execute(command))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.username} → {self.kit.address}, study {self.study}, {self.state.value}>"

    async def _run(self, command: Command[T]) -> T:
        self._check_process()
        return await self._io(self._execute(command))

    async def _ask(self, command: Command[Any]) -> hci.Reply:
        self._check_process()
        return (await self._io(self._send(command)))[1]

    def _ask_over(self, command: Command[Any]) -> tuple[Link, hci.Reply]:
        self._check_process()
        return loop.run(self._send(command))

    async def _end(self) -> None:
        self.close()

    def _handle(self, job_id: str, known: Mapping[str, Any] | None = None) -> Job:
        return Job(self, job_id, known)

    def _check_may_change(self, what: str) -> None:
        if self.read_only:
            raise ReadOnlySession(
                f"{clean(what)} may change something, and this session only reads: set its read_only to False "
                "(in a notebook, %config FlareWidgets.read_only = False) to permit it"
            )

    def _command_timeout(self) -> float | None:
        return self._timeout

    async def _execute(self, command: Command[T]) -> T:
        return command.answer((await self._send(command))[1])

    async def _send(self, command: Command[Any]) -> tuple[Link, hci.Reply]:
        """Send a command, again if need be and if it may be, and return the answer and over which link it came."""
        if command.effect is not Effect.READ:
            self._check_may_change(command.line.split(" ", 1)[0])
        timeout = self._timeout or COMMAND_TIMEOUT
        deadline = time.monotonic() + timeout
        logged_in_again = False
        for attempt in itertools.count(1):
            link = await self._connection.open(max(deadline - time.monotonic(), _GRACE / 10), patient=False)
            left = max(deadline - time.monotonic(), min(timeout, _GRACE))
            try:
                reply = await link.execute(
                    command.line,
                    left,
                    cmd_timeout=self._timeout,
                    props=command.props,
                    precious=command.effect is not Effect.READ,
                )
            except NotSent:
                continue
            except NoConnection as e:
                self._connection.check()  # the end of the session says more than what came of it
                lost = isinstance(e, Unanswered) or link.lost is not None
                if lost and command.effect is Effect.WRITE:
                    raise _unknown(command, e) from None
                pause = 0.0 if link.lost is not None and command.effect is Effect.READ else _BACKOFF * min(attempt, 8)
                if attempt >= command.attempts or time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                continue
            except FlareError:
                self._connection.check()
                raise
            if hci.session_inactive(reply) and not logged_in_again:
                # Nothing was done, so this may be repeated, whatever the command does.
                self._connection.renew(link, "the server does not know the session any more")
                logged_in_again = True
                continue
            return link, reply
        raise AssertionError("not reached")

    def _link(self, timeout: float | None = None) -> Link:
        self._check_process()
        return loop.run(self._connection.open(timeout or self._timeout or COMMAND_TIMEOUT, patient=False))

    def _log_in_again(self, link: Link) -> None:
        async def renew() -> None:
            self._connection.renew(link, "the server does not know the session any more")

        loop.run(renew())

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise SessionClosed("this session belongs to the process that forked this one; open a new one here")


def _unknown(command: Command[Any], error: NoConnection) -> OutcomeUnknown:
    verb = command.line.split(" ", 1)[0]
    return OutcomeUnknown(f"{error}. Whether '{verb}' was done is not known. {command.find_out}")


def _farewell(connection: Connection, pid: int, wait: float) -> None:
    if os.getpid() != pid:
        return
    future = loop.start(connection.close())
    if loop.is_current():
        return
    # What is left after that (a server that does not answer the farewell) the I/O thread finishes alone.
    with contextlib.suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError, Exception):
        future.result(wait)
