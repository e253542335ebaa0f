"""The FLARE API: a session with a FLARE server.

A drop-in for ``nvflare.fuel.flare_api.flare_api``: the same names, parameters, defaults, return values and
exceptions, without ``nvflare``. Methods are synchronous and may be called from any thread; an interrupt returns at
once and the session stays usable. :attr:`.Session.aio` has the same methods for asynchronous code.
"""

from __future__ import annotations

import concurrent.futures
import inspect
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..errors import ConfigError, FLCommunicationError, InvalidArgumentError, InvalidArgumentType
from ..kit import StartupKit
from ..wire import loop
from . import commands
from .async_session import AsyncSession
from .command_sender import CommandSender
from .commands import Command
from .dual import SyncMixin
from .job import Job
from .session_methods import SessionMethods

log = logging.getLogger("flare_widgets.api")

T = TypeVar("T")


class Session(SyncMixin, SessionMethods[Job]):
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
    InvalidArgumentError
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
        if not isinstance(study, str) or not commands.STUDY_NAME_PATTERN.fullmatch(study):
            raise InvalidArgumentError(
                f"study name {study!r} contains unsupported characters",
                next_step="Use only lowercase letters, numbers, underscores, and hyphens",
            )
        kit = StartupKit.load(startup_path)
        if username and username != kit.username and kit.uid_source != "cert":
            raise FLCommunicationError(
                f"the startup kit {kit.root} belongs to {kit.username}, not to {username}",
                next_step="Pass that name, or the other user's kit",
            )
        if kit.connection_security == "clear":
            if secure_mode:
                raise ConfigError(
                    f"the startup kit {kit.root} requests a connection without TLS (connection_security "
                    "'clear'), in which others can read everything and act as you",
                    next_step="To allow it, use new_insecure_session, or connect(kit, allow_clear=True)",
                )
            log.warning("the connection to %s is without TLS: others can read everything and act as you", kit.address)
        super().__init__(CommandSender(kit, study))
        self.debug = debug

    @property
    def aio(self) -> AsyncSession:
        """This session for asynchronous code: the same methods as coroutines, over the same connection.

        ``await session.aio.list_jobs()``
        """
        return AsyncSession(self)

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the server's clock is ahead of this machine's; None if unknown."""
        return self._connection.clock_offset

    def as_completed(self, job_ids: Iterable[str], timeout: float = 0.0, poll_interval: float = 2.0) -> Iterator[Job]:
        """Yield a handle on each of several jobs as soon as it has ended; see :meth:`wait_for_jobs`.

        ``for job in session.as_completed(ids): ...``; with an asynchronous session, ``async for``.

        Parameters
        ----------
        job_ids
            The jobs.
        timeout
            Seconds for all of them together; 0 for no limit.
        poll_interval
            Seconds between two polls.

        Raises
        ------
        JobTimeout
            Not all ended in time.
        """
        waiting, deadline = list(dict.fromkeys(job_ids)), time.monotonic() + timeout
        while waiting:
            left = max(0.001, deadline - time.monotonic()) if timeout else 0.0
            for job_id, meta in self.wait_for_jobs(waiting, left, poll_interval, first=True).items():
                waiting.remove(job_id)
                yield self._create_job_handle(job_id, meta)

    def start(self, command: Command[T]) -> concurrent.futures.Future[T]:
        """Send a command without waiting for it; for monitors and views. Cancelling the future cancels it."""
        return loop.start(self._sender.run(command))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if not hasattr(self, "_sender"):  # it could not be made; a traceback that shows variables shows it
            return "<Session, not made>"
        return f"<Session {self.username} → {self.kit.address}, study {self.study}, {self.state.value}>"

    # Waiting, in the caller's thread: none of these coroutines ever suspends.

    async def _run_on_io_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return loop.run(coroutine)

    async def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def _run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return function(*args, **kwargs)

    async def _resolve_result(self, result: Any) -> Any:
        if inspect.iscoroutine(result):
            result.close()
            raise InvalidArgumentType(
                "the callback is a coroutine function, which only an asynchronous session awaits: "
                "use session.aio, or connect_async"
            )
        return result

    def _create_job_handle(self, job_id: str, listed_meta: Mapping[str, Any] | None = None) -> Job:
        return Job(self, job_id, listed_meta)
