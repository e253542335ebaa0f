"""Base of sessions: everything that their methods, a family in each module beside this one, may use."""

from __future__ import annotations

import abc
import contextlib
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, NoReturn, ParamSpec, SupportsIndex, TypeVar

from ...errors import FlareError, InvalidArgumentError, InvalidArgumentType, InvalidTarget, error_context
from ...formatting.text import sanitize, suggest_name
from ...kit import StartupKit
from ...wire import hci, loop
from ...wire.session_state import SessionState, SessionStatus
from ..command_sender import CommandSender
from ..commands import Command, get_system_info
from ..dual import dual_method
from ..reply_errors import find_unknown_sites

S = TypeVar("S", bound="SessionCore")
P = ParamSpec("P")
T = TypeVar("T")


def transfer_method(function: Callable[Concatenate[S, P], T]) -> dual_method[S, P, T]:
    """Declare a method of both kinds of session by a blocking function, which uses files between its requests.

    In an asynchronous session it runs in a worker thread. Cancelling interrupts its waiting.
    """

    @functools.wraps(function)
    async def coroutine(session: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await session._run_blocking(function, session, *args, **kwargs)

    return dual_method(coroutine)


_MAX_CONFIGS = 100  # configurations of submitted jobs that are kept


class SessionCore(abc.ABC):
    """A session, synchronous or asynchronous: its attributes, and what its methods use.

    The two kinds differ only in how they wait, in the abstract methods.
    """

    def __init__(self, sender: CommandSender) -> None:
        self._sender = sender
        self._connection = sender.connection

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise InvalidArgumentType(
            "a session cannot be pickled or copied: its connection and the user's key belong to this process",
            next_step=f"Hand over the startup kit's folder, {str(self.kit.root)!r}, and call flare_widgets.connect "
            "with it in the other process",
        )

    @property
    def kit(self) -> StartupKit:
        """The startup kit; without the user's key once the session is closed."""
        return self._sender.kit

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
    def read_only(self) -> bool:
        """True if commands that may change something on the server or a site are rejected; may be set at any time.

        :meth:`do_command` is rejected too, since its line may be anything.
        """
        return self._sender.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._sender.read_only = value

    def submitted_config(self, job_id: str) -> tuple[str, str] | None:
        """Return the server's configuration of a job that was submitted here, as text, and its suffix (``.conf``).

        None for any other job, and for all but the latest 100. A server shows a job's configuration only if it is in
        JSON.
        """
        return self._sender.submitted_configs.get(job_id)

    def _keep_config(self, job_id: str, config: tuple[str, str] | None) -> None:
        kept = self._sender.submitted_configs
        if config is not None:
            kept[job_id] = config
        while len(kept) > _MAX_CONFIGS:
            del kept[next(iter(kept))]

    @property
    def closed(self) -> bool:
        """True if the session has ended for good: it was closed, or the user's certificate has expired.

        A session that the server ended for being idle is not closed: its next command logs in again.
        """
        return self._connection.is_closed

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
        it also owes an answer, the connection is dropped after 12 seconds, and made again. A transfer on a slow line is
        no silence: 40 kB/s are enough, and 100 kB/s for a download over gRPC.
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
        self._sender.check_process()
        return self._connection.state_machine.subscribe(listener)

    def set_timeout(self, value: float) -> None:
        """Set the time limit of commands, here and on the server.

        Parameters
        ----------
        value
            Seconds, more than 0.
        """
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidArgumentType(f"timeout must be a number but got {type(value).__name__}")
        if value <= 0:
            raise InvalidArgumentError(f"timeout must be > 0 but got {value}")
        self._sender.timeout = float(value)

    def unset_timeout(self) -> None:
        """Restore the default: 5 s here, the server's own there."""
        self._sender.timeout = None

    @transfer_method
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
            raise InvalidArgumentError(f"timeout must be a number > 0 but got {timeout!r}")
        self._sender.check_process()
        with error_context(address=self.kit.address):
            loop.run(self._connection.open(timeout))

    @transfer_method
    def close(self) -> None:
        """Log out, close, and clear the user's key and tokens.

        May be called at any time, from any thread, more than once; returns within 100 ms whatever the server does.
        Waiting commands fail.
        """
        self._sender.close()

    async def _run_command(self, command: Command[T]) -> T:
        """Send a command and return its result."""
        try:
            return await self._run_on_io_thread(self._sender.run(command))
        except InvalidTarget as error:
            await self._suggest_sites(error)
            raise

    async def _suggest_sites(self, error: InvalidTarget) -> None:
        """Name the connected sites in an error about unknown ones, if the server tells them."""
        unknown = find_unknown_sites(error)
        if not unknown:
            return
        with contextlib.suppress(FlareError):
            info = await self._run_on_io_thread(self._sender.run(get_system_info()))
            sites = sorted(sanitize(client.name) for client in info.client_info)
            error.add_context(next_step=suggest_name(unknown[0], sites, "connected sites"))

    async def _request(self, command: Command[Any]) -> hci.CommandReply:
        """Send a command and return the answer, successful or not."""
        return (await self._run_on_io_thread(self._sender.send(command)))[1]

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
