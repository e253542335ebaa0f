"""Every exception of flare-widgets.

The names are those of the FLARE API (``nvflare.fuel.flare_api.api_spec`` and the modules it raises from), so
that ``except`` clauses keep working when only the import changes. Where nvflare's client raises a ``ValueError``,
``TypeError``, ``SyntaxError`` or ``TimeoutError`` of Python's, ours raises a subclass of it.

::

    FlareError                         base of all; carries the data about the failure
    ├── InputError                     something given here cannot be used; nothing was sent
    │   ├── ConfigError                the startup kit, or a setting
    │   │   └── InvalidCertChain       its certificates are expired, foreign, or do not match the key
    │   ├── InvalidArgumentError       an argument (also a ValueError)
    │   │   ├── InvalidArgumentType    its type (also a TypeError)
    │   │   └── InvalidSyntax          a path, a target or options (also a SyntaxError)
    │   ├── InvalidJobDefinition       the job folder
    │   ├── InvalidTarget              there is no such site
    │   ├── CellError                  the code of a cell (also a ValueError)
    │   └── RecipeError                the arguments of a recipe
    ├── CommunicationError             the server cannot be reached, or not any more, or does not make sense
    │   ├── NoConnection               nothing answers at the server's address (also a ConnectionError)
    │   │   ├── ServerIdentityError    something answers, but it is not the kit's server
    │   │   └── OutcomeUnknown         a command was sent and its answer lost: it may or may not have run
    │   ├── ProtocolError              the peer does not speak FLARE, or not a version we know
    │   └── SessionClosed              the session has ended
    │       └── SessionExpired         ... for good: the user's certificate has expired
    ├── PermissionDenied               you may not
    │   ├── FLCommunicationError       the server refused to register this client (wrong project, ...)
    │   ├── AuthenticationError        it does not accept this user
    │   ├── AuthorizationError         the user's role does not permit the command
    │   └── ReadOnlySession            the session is read-only, and the command would change something
    ├── JobError                       the job is not as the command needs it
    │   ├── JobNotFound, JobNotRunning, JobNotDone, JobTimeout
    │   └── SubmitTokenConflict, SubmitTokenJobDeleted
    ├── SystemStateError               the server and its sites are not as the command needs them
    │   ├── NoClientsAvailable, ClientsStillRunning, NoReply
    │   └── SystemTimeout              they did not restart or stop in time (also a TimeoutError)
    ├── ServerError                    the server failed
    │   └── InternalError, CommandError
    ├── TransferError                  an upload or a download
    │   ├── TransferCancelled          its progress callback cancelled it
    │   └── DiskFull                   no space left here (also an OSError)
    ├── FileAccessError                this machine refuses a file or a folder (also an OSError)
    ├── NotInstalled                   a package that this needs is missing here (also an ImportError)
    │   └── FederationNotInstalled, AuthoringNotInstalled
    └── FederationError                a federation on this machine failed (also a RuntimeError)
        └── FederationNotInstalled

Those of a local federation are defined in :mod:`flare_widgets.federation`, ``CellError``, ``RecipeError`` and
``AuthoringNotInstalled`` in :mod:`flare_widgets.authoring`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class FlareError(Exception):
    """An action that flare-widgets or the FLARE server rejects or fails to perform.

    Its text, ``str(error)``, is :attr:`description` and :attr:`next_step`. It can be copied and pickled.

    Parameters
    ----------
    args
        The message.
    command, job_id, site, address, next_step
        See the attributes.

    Attributes
    ----------
    command
        The name of the admin command that failed, such as ``abort_job``, without its arguments; None if none did.
    job_id
        The job in question; None if there is none.
    site
        The site in question, or ``server``; None if there is none.
    address
        The server's address, ``host:port``; None if no server was involved.
    next_step
        What to do, in the imperative; empty if there is nothing to recommend.
    """

    command: str | None = None
    job_id: str | None = None
    site: str | None = None
    address: str | None = None
    next_step: str = ""

    def __init__(
        self,
        *args: object,
        command: str | None = None,
        job_id: str | None = None,
        site: str | None = None,
        address: str | None = None,
        next_step: str = "",
    ) -> None:
        super().__init__(*args)
        self.add_context(command=command, job_id=job_id, site=site, address=address, next_step=next_step)

    @property
    def description(self) -> str:
        """The failure itself, without the next step."""
        return Exception.__str__(self)

    def add_context(self, **context: str | None) -> None:
        """Set those of the attributes that the error does not have yet; None and empty texts are ignored."""
        for name, value in context.items():
            if value and not getattr(self, name):
                setattr(self, name, value)

    def __str__(self) -> str:
        description = self.description
        if not self.next_step:
            return description
        return f"{description}{' ' if description.endswith(('.', '!', '?')) else '. '}{self.next_step}"


@contextlib.contextmanager
def error_context(
    *, command: str | None = None, job_id: str | None = None, site: str | None = None, address: str | None = None
) -> Iterator[None]:
    """Add data to each FlareError raised within the block that does not have it yet.

    Parameters
    ----------
    command, job_id, site, address
        See :class:`FlareError`.
    """
    try:
        yield
    except FlareError as error:
        error.add_context(command=command, job_id=job_id, site=site, address=address)
        raise


class InputError(FlareError):
    """Something that was given cannot be used: a startup kit, an argument, a job. Nothing was sent."""


class CommunicationError(FlareError):
    """The server cannot be reached any more, or what it says makes no sense; or the session has ended."""


class PermissionDenied(FlareError):
    """The server, or the session itself, does not permit it."""


class JobError(FlareError):
    """The job is not in the state that the command needs."""


class SystemStateError(FlareError):
    """The server and its sites are not in the state that the command needs."""


class ServerError(FlareError):
    """The server failed to perform a command."""


class TransferError(FlareError):
    """An upload or a download ended early."""


class FileAccessError(FlareError, OSError):
    """This machine refuses to read or write a file or a folder: permissions, a missing folder, no descriptors left."""


class NotInstalled(FlareError, ImportError):
    """A package that this needs is not installed here."""


_MAX_CONFIG_ERROR_CHARS = 2000


class ConfigError(InputError):
    """The startup kit cannot be used: a file is missing, unreadable or has an impossible value.

    The message is safe for a terminal, since it quotes files that others made: it has no control or direction
    characters, and is not long.
    """

    def __init__(self, *args: object, **context: str) -> None:
        super().__init__(*map(_make_printable, args), **context)
        self.next_step = _make_printable(self.next_step)


def _make_printable(value: object) -> str:
    text = str(value)[:_MAX_CONFIG_ERROR_CHARS]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class InvalidCertChain(ConfigError):
    """A certificate of the startup kit is expired, not yet valid, foreign, or does not match its key."""


class NoConnection(CommunicationError, ConnectionError):
    """The FL server cannot be reached, or stopped answering."""


class ServerIdentityError(NoConnection):
    """Something answers at the server's address, but it is not the server the startup kit was made for."""


class OutcomeUnknown(NoConnection):
    """A command that changes something was sent, and its answer was lost: it may or may not have run.

    It was not sent a second time. The message says how to find out.
    """


class FLCommunicationError(PermissionDenied):
    """The FL server refused to register this client."""


class ProtocolError(CommunicationError):
    """Bytes that are not the FLARE protocol, or exceed the limits we accept from a peer."""


class SessionClosed(CommunicationError):
    """The session was closed, here or on the server."""


class SessionExpired(SessionClosed):
    """The session ended and cannot come back: the user's certificate has expired.

    Idle sessions that the server ended are different: they log in again at the next command.
    """


class AuthenticationError(PermissionDenied):
    """The server does not accept this user.

    Parameters
    ----------
    message
        The server's message.
    auth_code
        The server's machine-readable reason (``AUTH_...``), if it gave one.
    """

    def __init__(self, message: str = "", auth_code: str | None = None) -> None:
        super().__init__(message)
        self.auth_code = auth_code


class AuthorizationError(PermissionDenied):
    """The user's role does not permit the command."""


class ReadOnlySession(PermissionDenied):
    """The session is read-only (:attr:`.Session.read_only`), and the command may change something; nothing was sent."""


class InvalidArgumentError(InputError, ValueError):
    """An argument has an impossible value."""


class InvalidArgumentType(InvalidArgumentError, TypeError):
    """An argument has an impossible type, or there is no such argument."""


class InvalidSyntax(InvalidArgumentError, SyntaxError):
    """A path, a target or options have characters that FLARE does not permit."""

    def __init__(self, *args: object, **context: str) -> None:
        super().__init__(*args, **context)
        SyntaxError.__init__(self, *args)  # sets `msg`, which tracebacks show


class InvalidJobDefinition(InputError):
    """The folder is not a FLARE job, or the server does not accept it as one."""


class InvalidTarget(InputError):
    """The command names a site that does not exist."""


class SubmitTokenConflict(JobError):
    """The submit token was already used for a job with other content.

    Parameters
    ----------
    message
        The server's message.
    existing_job_id
        The job that token belongs to.
    """

    def __init__(self, message: str, existing_job_id: str | None = None) -> None:
        super().__init__(message)
        self.existing_job_id = existing_job_id


class SubmitTokenJobDeleted(JobError):
    """The submit token belongs to a job that has been deleted.

    Parameters
    ----------
    message
        The server's message.
    job_id, state, deleted_time
        The data that the server still has about that job.
    """

    def __init__(
        self,
        message: str,
        job_id: str | None = None,
        state: str | None = None,
        deleted_time: str | None = None,
    ) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.state = state
        self.deleted_time = deleted_time


class JobNotFound(JobError):
    """The server has no job with this id."""


class JobNotRunning(JobError):
    """The command needs a running job."""


class JobNotDone(JobError):
    """The command needs a job that has ended."""


class JobTimeout(JobError):
    """The job did not end within the time given."""


class NoClientsAvailable(SystemStateError):
    """No site is connected to the server."""


class ClientsStillRunning(SystemStateError):
    """Sites must be shut down before the server."""


class NoReply(SystemStateError):
    """A site did not answer the server."""


class SystemTimeout(SystemStateError, TimeoutError):
    """The server or sites did not restart or stop within the time given."""


class TransferCancelled(TransferError):
    """The progress callback of an upload or download returned False, which cancelled it."""


class DiskFull(TransferError, OSError):
    """This machine has no space left for the data to be packed or downloaded."""


class InternalError(ServerError):
    """The server reports an internal failure, or its answer makes no sense."""


class CommandError(ServerError):
    """A command failed with one of the server's error codes.

    Parameters
    ----------
    error_code
        The server's code.
    message, hint
        Description of the error, and what to do.
    exit_code
        Exit code for a command-line tool.
    """

    def __init__(self, error_code: str, message: str = "", hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message or error_code)
        self.error_code = error_code
        self.message = message or error_code
        self.hint = self.next_step = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.description  # as nvflare's, which keeps the hint apart
