"""Opening a session: the two ways to one that is connected and logged in."""

from __future__ import annotations

from pathlib import Path

from .session import Session

_MAX_LOGIN_TRIES = 300  # nvflare's limit for a number that decides nothing here


def new_secure_session(
    username: str,
    startup_kit_location: str | Path,
    debug: bool = False,
    timeout: float = 10.0,
    study: str = "default",
    command_timeout: float | None = None,
    auto_login_max_tries: int | None = None,
) -> Session:
    """Open a session: connect, prove who both sides are, log in.

    Parameters
    ----------
    username
        The user's name; empty for the one in the certificate.
    startup_kit_location
        The startup kit: its folder, or the ``startup`` folder in it.
    debug
        Accepted for compatibility; set the level of the logger ``flare_widgets`` instead.
    timeout
        Seconds to keep trying, in all.
    study
        The study that submitted jobs belong to, and whose jobs are listed.
    command_timeout
        As if :meth:`Session.set_timeout` were called.
    auto_login_max_tries
        Checked, otherwise without effect: `timeout` alone decides how long is tried.

    Raises
    ------
    ConfigError, InvalidCertChain
        The startup kit cannot be used; nothing was sent.
    NoConnection
        Nobody answers at the server's address.
    ServerIdentityError
        Somebody else does.
    FLCommunicationError, AuthenticationError
        The server refuses this client or this user.
    """
    if auto_login_max_tries is not None and not 0 <= auto_login_max_tries <= _MAX_LOGIN_TRIES:
        raise ValueError(f"auto_login_max_tries is out of range: [0, {_MAX_LOGIN_TRIES}]")
    session = Session(username, startup_kit_location, debug=debug, study=study)
    try:
        if command_timeout is not None:
            session.set_timeout(command_timeout)
        session.try_connect(timeout)
    except BaseException:
        session.close()
        raise
    return session


def connect(kit: str | Path, *, study: str = "default", timeout: float = 10.0) -> Session:
    """Open a session with a startup kit; the user's name comes from its certificate.

    Parameters
    ----------
    kit
        The startup kit: its folder, or the ``startup`` folder in it.
    study, timeout
        See :func:`new_secure_session`, also for the errors.

    Examples
    --------
    >>> with flare_widgets.connect("kits/admin@nvidia.com") as session:  # doctest: +SKIP
    ...     print(session.get_system_info())
    """
    return new_secure_session("", kit, timeout=timeout, study=study)
