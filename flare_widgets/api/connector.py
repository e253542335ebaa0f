"""Functions that open a connected and logged-in session."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import FlareError, InvalidArgumentError
from ..wire import loop
from .async_session import AsyncSession
from .session import Session
from .tracebacks import trim_traceback, trims_traceback

_MAX_LOGIN_TRIES = 300  # nvflare's limit for a number that has no effect here


@trims_traceback
def new_secure_session(
    username: str,
    startup_kit_location: str | Path,
    debug: bool = False,
    timeout: float = 10.0,
    study: str = "default",
    command_timeout: float | None = None,
    auto_login_max_tries: int | None = None,
) -> Session:
    """Open a session: connect, verify both identities, log in.

    Parameters
    ----------
    username
        The user's name; empty for the one in the certificate.
    startup_kit_location
        The startup kit: its folder, or the ``startup`` folder in it.
    debug
        Accepted for compatibility; set the level of the logger ``flare_widgets`` instead.
    timeout
        Seconds to keep trying, in total.
    study
        The study that submitted jobs belong to, and whose jobs are listed.
    command_timeout
        As if :meth:`Session.set_timeout` were called.
    auto_login_max_tries
        Validated, otherwise without effect: `timeout` alone limits the attempts.

    Raises
    ------
    ConfigError, InvalidCertChain
        The startup kit cannot be used, or requests a connection without TLS; nothing was sent.
    NoConnection
        Nothing answers at the server's address.
    ServerIdentityError
        Another server answers.
    FLCommunicationError, AuthenticationError
        The server rejects this client or this user.
    """
    if auto_login_max_tries is not None and not 0 <= auto_login_max_tries <= _MAX_LOGIN_TRIES:
        raise InvalidArgumentError(f"auto_login_max_tries is out of range: [0, {_MAX_LOGIN_TRIES}]")
    session = Session(username, startup_kit_location, debug=debug, study=study)
    return _connect_or_close(session, timeout, command_timeout)


@trims_traceback
def new_insecure_session(
    startup_kit_location: str | Path, debug: bool = False, timeout: float = 10.0, study: str = "default"
) -> Session:
    """Open a session that may do without TLS, if the startup kit says so (``connection_security`` is ``clear``).

    Certificates still prove both identities, but everything is readable on the way, including the session token, with
    which others can act as the user. A kit that says ``mtls`` or ``tls`` is connected accordingly.

    Parameters
    ----------
    startup_kit_location, debug, timeout, study
        See :func:`new_secure_session`, also for the errors. The user is the one in the kit's certificate.
    """
    return _connect_or_close(Session("", startup_kit_location, secure_mode=False, debug=debug, study=study), timeout)


@trims_traceback
def connect(kit: str | Path, *, study: str = "default", timeout: float = 10.0, allow_clear: bool = False) -> Session:
    """Open a session with a startup kit; the user's name comes from its certificate.

    Parameters
    ----------
    kit
        The startup kit: its folder, or the ``startup`` folder in it.
    study, timeout
        See :func:`new_secure_session`, also for the errors.
    allow_clear
        True to connect without TLS if the kit says so; see :func:`new_insecure_session`.

    Examples
    --------
    >>> with flare_widgets.connect("kits/admin@nvidia.com") as session:  # doctest: +SKIP
    ...     print(session.get_system_info())
    """
    open_session = new_insecure_session if allow_clear else functools.partial(new_secure_session, "")
    return open_session(kit, timeout=timeout, study=study)


def connect_async(
    kit: str | Path, *, study: str = "default", timeout: float = 10.0, allow_clear: bool = False
) -> ConnectContext:
    """Open a session for asynchronous code: ``async with connect_async(kit) as session``, or ``await`` alone.

    Nothing happens until it is awaited or entered. Cancelling that leaves nothing open.

    Parameters
    ----------
    kit, study, timeout, allow_clear
        See :func:`connect`, also for the errors.

    Returns
    -------
    ConnectContext
        Await it for the :class:`.AsyncSession`, which you close, or enter it: then leaving closes the session.

    Examples
    --------
    >>> async with flare_widgets.connect_async("kits/admin@nvidia.com") as session:  # doctest: +SKIP
    ...     print(await session.get_system_info())
    """
    return ConnectContext(functools.partial(connect, kit, study=study, timeout=timeout, allow_clear=allow_clear))


class ConnectContext:
    """A session to be opened by ``await`` or ``async with``; made by :func:`connect_async`."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._session: AsyncSession | None = None

    def __await__(self) -> Generator[Any, Any, AsyncSession]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncSession:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def _open(self) -> AsyncSession:
        # In a worker: loading a kit reads files and verifies many signatures.
        __tracebackhide__ = True
        try:
            return AsyncSession(await loop.run_in_worker(self._connect))
        except FlareError as error:
            raise trim_traceback(error, self._open) from error.__cause__


def _connect_or_close(session: Session, timeout: float, command_timeout: float | None = None) -> Session:
    try:
        if command_timeout is not None:
            session.set_timeout(command_timeout)
        session.try_connect(timeout)
    except BaseException:
        session.close()
        raise
    return session
