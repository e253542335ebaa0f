"""Every exception of flare-widgets.

The names are those of the FLARE API (``nvflare.fuel.flare_api.api_spec`` and the modules it raises from), so
that ``except`` clauses keep working when only the import changes. Ours add two things: one common base, and
messages that say what to do next.

::

    FlareError
    ├── ConfigError                    the startup kit cannot be used
    │   └── InvalidCertChain           its certificates are expired, foreign, or do not match the key
    ├── NoConnection                   nothing answers at the server's address (also a ConnectionError)
    │   ├── ServerIdentityError        something answers, but it is not the kit's server
    │   └── OutcomeUnknown             a command was sent and its answer lost: it may or may not have run
    ├── FLCommunicationError           the server refused to register this client (wrong project, ...)
    ├── ProtocolError                  the peer does not speak FLARE, or not a version we know
    ├── SessionClosed
    │   └── SessionExpired
    ├── AuthenticationError, AuthorizationError
    ├── ReadOnlySession                the session is read-only, and the command would change something
    ├── InvalidArgumentError, InvalidJobDefinition, InvalidTarget
    ├── SubmitTokenConflict, SubmitTokenJobDeleted
    ├── JobNotFound, JobNotRunning, JobNotDone, JobTimeout
    ├── NoClientsAvailable, ClientsStillRunning, NoReply
    ├── TransferCancelled              an upload or download was cancelled by its progress callback
    ├── DiskFull                       no space left for packing or downloading (also an OSError)
    ├── FederationError                a local federation failed (:mod:`flare_widgets.federation`)
    ├── CellError, RecipeError         a cell or recipe cannot become a job (:mod:`flare_widgets.authoring`)
    ├── InternalError
    └── CommandError
"""

from __future__ import annotations


class FlareError(Exception):
    """An action that flare-widgets or the FLARE server rejects or fails to perform."""


class ConfigError(FlareError):
    """The startup kit cannot be used: a file is missing, unreadable or has an impossible value."""


class InvalidCertChain(ConfigError):
    """A certificate of the startup kit is expired, not yet valid, foreign, or does not match its key."""


class NoConnection(FlareError, ConnectionError):
    """The FL server cannot be reached, or stopped answering."""


class ServerIdentityError(NoConnection):
    """Something answers at the server's address, but it is not the server the startup kit was made for."""


class OutcomeUnknown(NoConnection):
    """A command that changes something was sent, and its answer was lost: it may or may not have run.

    It was not sent a second time. The message says how to find out.
    """


class FLCommunicationError(FlareError):
    """The FL server refused to register this client."""


class ProtocolError(FlareError):
    """Bytes that are not the FLARE protocol, or exceed the limits we accept from a peer."""


class SessionClosed(FlareError):
    """The session was closed, here or on the server."""


class SessionExpired(SessionClosed):
    """The session ended and cannot come back: the user's certificate has expired.

    Idle sessions that the server ended are different: they log in again at the next command.
    """


class AuthenticationError(FlareError):
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


class AuthorizationError(FlareError):
    """The user's role does not permit the command."""


class ReadOnlySession(FlareError):
    """The session is read-only (:attr:`.Session.read_only`), and the command may change something; nothing was sent."""


class InvalidArgumentError(FlareError):
    """An argument has an impossible value."""


class InvalidJobDefinition(FlareError):
    """The folder is not a FLARE job, or the server does not accept it as one."""


class InvalidTarget(FlareError):
    """The command names a site that does not exist."""


class SubmitTokenConflict(FlareError):
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


class SubmitTokenJobDeleted(FlareError):
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


class JobNotFound(FlareError):
    """The server has no job with this id."""


class JobNotRunning(FlareError):
    """The command needs a running job."""


class JobNotDone(FlareError):
    """The command needs a job that has ended."""


class JobTimeout(FlareError):
    """The job did not end within the time given."""


class NoClientsAvailable(FlareError):
    """No site is connected to the server."""


class ClientsStillRunning(FlareError):
    """Sites must be shut down before the server."""


class NoReply(FlareError):
    """A site did not answer the server."""


class TransferCancelled(FlareError):
    """The progress callback of an upload or download returned False, which cancelled it."""


class DiskFull(FlareError, OSError):
    """This machine has no space left for the data to be packed or downloaded."""


class InternalError(FlareError):
    """The server reports an internal failure, or its answer makes no sense."""


class CommandError(FlareError):
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
        self.hint = hint
        self.exit_code = exit_code
