"""The asynchronous face of a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..kit import StartupKit
from ..wire import hci, loop
from ..wire.connection import Link
from ..wire.session_state import SessionState, SessionStatus
from .commands import Command
from .job import AsyncJob
from .session_methods import SessionMethods
from .session_methods.sync_async import AwaitingMethods

if TYPE_CHECKING:
    from .session import Session

T = TypeVar("T")


class AsyncSession(AwaitingMethods, SessionMethods[AsyncJob]):
    """A session for code that awaits. Made by :func:`flare_widgets.connect_async`, or as :attr:`.Session.aio`.

    Every method of :class:`.Session` that has something to wait for is a coroutine here, with the same parameters,
    results and errors; it leaves the caller's event loop free. Cancelling one gives up what it asked for. Any
    asyncio loop may use it, also several at once. Callbacks (of :meth:`monitor_job`, and the `progress` of transfers)
    are called in that loop, and may be coroutine functions.

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
        """The user's name, as the certificate has it."""
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
        """Whether the session has ended for good; see :attr:`.Session.closed`."""
        return self.session.closed

    @property
    def state(self) -> SessionState:
        """How it stands with the session; see :attr:`.Session.state`."""
        return self.session.state

    @property
    def status(self) -> SessionStatus:
        """The state with its reason and since when; see :attr:`.Session.status`."""
        return self.session.status

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard; see :attr:`.Session.silence`."""
        return self.session.silence

    @property
    def read_only(self) -> bool:
        """Whether commands that may change something are refused; see :attr:`.Session.read_only`."""
        return self.session.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self.session.read_only = value

    def subscribe(self, listener: Callable[[SessionStatus], None]) -> Callable[[], None]:
        """Call `listener(status)` in a thread, not in a loop, at each change; see :meth:`.Session.subscribe`."""
        return self.session.subscribe(listener)

    def set_timeout(self, value: float) -> None:
        """Set how long commands may take; see :meth:`.Session.set_timeout`. Nothing is waited for."""
        self.session.set_timeout(value)

    def unset_timeout(self) -> None:
        """Go back to the default; see :meth:`.Session.unset_timeout`. Nothing is waited for."""
        self.session.unset_timeout()

    async def try_connect(self, timeout: float) -> None:
        """Connect and log in; see :meth:`.Session.try_connect`."""
        await loop.in_worker(self.session.try_connect, timeout)

    async def close(self) -> None:
        """Log out and close. May be called at any time, more than once."""
        await loop.in_worker(self.session.close)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self.session).replace("Session", "AsyncSession", 1)

    async def _run(self, command: Command[T]) -> T:
        self.session._check_process()
        return await self._io(self.session._execute(command))

    async def _ask(self, command: Command[Any]) -> hci.Reply:
        self.session._check_process()
        return (await self._io(self.session._send(command)))[1]

    def _ask_over(self, command: Command[Any]) -> tuple[Link, hci.Reply]:
        return self.session._ask_over(command)

    async def _end(self) -> None:
        await self.close()

    def _handle(self, job_id: str, known: Mapping[str, Any] | None = None) -> AsyncJob:
        return AsyncJob(self, job_id, known)

    def _link(self, timeout: float | None = None) -> Link:
        return self.session._link(timeout)

    def _log_in_again(self, link: Link) -> None:
        self.session._log_in_again(link)

    def _check_may_change(self, what: str) -> None:
        self.session._check_may_change(what)

    def _command_timeout(self) -> float | None:
        return self.session._command_timeout()
