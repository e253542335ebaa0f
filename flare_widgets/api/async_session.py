"""The asynchronous session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..kit import StartupKit
from ..wire import hci, loop
from ..wire.connection import Connection
from ..wire.session_state import SessionState, SessionStatus
from .commands import Command
from .job import AsyncJob
from .session_methods import SessionMethods
from .session_methods.sync_async import AsyncSessionCore

if TYPE_CHECKING:
    from .session import Session

T = TypeVar("T")


class AsyncSession(AsyncSessionCore, SessionMethods[AsyncJob]):
    """A session for asynchronous code. Made by :func:`flare_widgets.connect_async`, or as :attr:`.Session.aio`.

    Every method of :class:`.Session` that waits for something is a coroutine here, with the same parameters, results
    and errors; it does not block the caller's event loop. Cancelling one cancels its request. Any asyncio loop may use
    it, also several at once. Callbacks (of :meth:`monitor_job`, and the `progress` of transfers) are called in that
    loop, and may be coroutine functions.

    Parameters
    ----------
    session
        The session whose connection it uses. Closing either closes both.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def kit(self) -> StartupKit:
        """The startup kit; without the user's key once the session is closed."""
        return self.session.kit

    @property
    def username(self) -> str:
        """The user's name, as in the certificate."""
        return self.session.username

    @property
    def study(self) -> str:
        """The study of the session."""
        return self.session.study

    @property
    def upload_dir(self) -> str:
        """See :attr:`.Session.upload_dir`."""
        return self.session.upload_dir

    @property
    def download_dir(self) -> str:
        """See :attr:`.Session.download_dir`."""
        return self.session.download_dir

    @property
    def closed(self) -> bool:
        """True if the session has ended for good; see :attr:`.Session.closed`."""
        return self.session.closed

    @property
    def state(self) -> SessionState:
        """State of the session; see :attr:`.Session.state`."""
        return self.session.state

    @property
    def status(self) -> SessionStatus:
        """The state with its reason and start time; see :attr:`.Session.status`."""
        return self.session.status

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard from; see :attr:`.Session.silence`."""
        return self.session.silence

    @property
    def read_only(self) -> bool:
        """True if commands that may change something are rejected; see :attr:`.Session.read_only`."""
        return self.session.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self.session.read_only = value

    def subscribe(self, listener: Callable[[SessionStatus], None]) -> Callable[[], None]:
        """Call `listener(status)` in a thread, not in a loop, at each change; see :meth:`.Session.subscribe`."""
        return self.session.subscribe(listener)

    def set_timeout(self, value: float) -> None:
        """Set the time limit of commands; see :meth:`.Session.set_timeout`. Does not wait."""
        self.session.set_timeout(value)

    def unset_timeout(self) -> None:
        """Restore the default; see :meth:`.Session.unset_timeout`. Does not wait."""
        self.session.unset_timeout()

    async def try_connect(self, timeout: float) -> None:
        """Connect and log in; see :meth:`.Session.try_connect`."""
        await loop.run_in_worker(self.session.try_connect, timeout)

    async def close(self) -> None:
        """Log out and close. May be called at any time, more than once."""
        await loop.run_in_worker(self.session.close)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self.session).replace("Session", "AsyncSession", 1)

    async def _run_command(self, command: Command[T]) -> T:
        self.session._check_process()
        return await self._run_on_io_thread(self.session._send_command(command))

    async def _request(self, command: Command[Any]) -> hci.CommandReply:
        self.session._check_process()
        return (await self._run_on_io_thread(self.session._send_with_retry(command)))[1]

    def _request_blocking(self, command: Command[Any]) -> tuple[Connection, hci.CommandReply]:
        return self.session._request_blocking(command)

    async def _close_session(self) -> None:
        await self.close()

    def _create_job_handle(self, job_id: str, known: Mapping[str, Any] | None = None) -> AsyncJob:
        return AsyncJob(self, job_id, known)

    def _open_connection(self, timeout: float | None = None) -> Connection:
        return self.session._open_connection(timeout)

    def _log_in_again(self, link: Connection) -> None:
        self.session._log_in_again(link)

    def _check_writable(self, what: str) -> None:
        self.session._check_writable(what)

    def _command_timeout(self) -> float | None:
        return self.session._command_timeout()
