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
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..errors import (
    ConfigError,
    FLCommunicationError,
    NoConnection,
    SessionClosed,
)
from ..kit import StartupKit
from ..wire import hci, loop
from ..wire.connection import Connection
from ..wire.link import Link
from . import commands
from .aio import AsyncSession
from .commands import Command
from .jobs import Job
from .methods import SessionMethods
from .methods.base import COMMAND_TIMEOUT
from .methods.waiting import BlockingMethods

log = logging.getLogger("flare_widgets.api")

T = TypeVar("T")

_BACKOFF = 0.5
_CLOSE = 0.1  # seconds close() waits for the farewell; the I/O thread finishes it


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
        self.kit = StartupKit.load(startup_path)
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
        self._farewell = weakref.finalize(self, _farewell, self._connection, self._pid)

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
        """Whether the session has ended, here or on the server."""
        return self._connection.closed

    @property
    def aio(self) -> AsyncSession:
        """This session for code that awaits: the same methods as coroutines, over the same connection.

        ``await session.aio.list_jobs()``
        """
        return AsyncSession(self)

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
        """Log out and close. May be called at any time, from any thread, more than once."""
        self._farewell()

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
        state = "closed" if self.closed else "open"
        return f"<Session {self.username} → {self.kit.address}, study {self.study}, {state}>"

    async def _run(self, command: Command[T]) -> T:
        self._check_process()
        return await self._io(self._execute(command))

    async def _ask(self, command: Command[Any]) -> hci.Reply:
        self._check_process()
        return await self._io(self._send(command))

    async def _end(self) -> None:
        self.close()

    def _handle(self, job_id: str, known: Mapping[str, Any] | None = None) -> Job:
        return Job(self, job_id, known)

    def _command_timeout(self) -> float | None:
        return self._timeout

    async def _execute(self, command: Command[T]) -> T:
        return command.answer(await self._send(command))

    async def _send(self, command: Command[Any]) -> hci.Reply:
        timeout = self._timeout or COMMAND_TIMEOUT
        deadline = time.monotonic() + timeout
        for attempt in itertools.count(1):
            try:
                return await self._connection.execute(
                    command.line, timeout, cmd_timeout=self._timeout, props=command.props
                )
            except NoConnection:
                pause = _BACKOFF * attempt
                if attempt >= command.attempts or time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("not reached")

    def _link(self) -> Link:
        self._check_process()
        return loop.run(self._connection.open(self._timeout or COMMAND_TIMEOUT, patient=False))

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise SessionClosed("this session belongs to the process that forked this one; open a new one here")


def _farewell(connection: Connection, pid: int) -> None:
    if os.getpid() != pid:
        return
    future = loop.start(connection.close())
    if loop.is_current():
        return
    # What is left after that (a server that does not answer the farewell) the I/O thread finishes alone.
    with contextlib.suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError, Exception):
        future.result(_CLOSE)
