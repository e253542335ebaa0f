"""The FLARE API: everything that ``nvflare.fuel.flare_api`` offers, under the same names."""

from typing import TYPE_CHECKING, Any

from ..errors import (
    AuthenticationError,
    AuthorizationError,
    ClientsStillRunning,
    CommandError,
    ConfigError,
    DiskFull,
    FlareError,
    FLCommunicationError,
    InternalError,
    InvalidArgumentError,
    InvalidCertChain,
    InvalidJobDefinition,
    InvalidTarget,
    JobNotDone,
    JobNotFound,
    JobNotRunning,
    JobTimeout,
    NoClientsAvailable,
    NoConnection,
    NoReply,
    OutcomeUnknown,
    ProtocolError,
    ReadOnlySession,
    ServerIdentityError,
    SessionClosed,
    SessionExpired,
    SubmitTokenConflict,
    SubmitTokenJobDeleted,
    TransferCancelled,
)
from ..kit import Finding, KitReport, StartupKit
from ..wire.session_state import SessionState, SessionStatus
from .async_session import AsyncSession
from .callbacks import basic_cb_with_print
from .connector import connect, connect_async, new_insecure_session, new_secure_session
from .job import AsyncJob, Job
from .job_list import JobList
from .job_status import JobStatus
from .models import APIStatus, ClientInfo, JobInfo, MonitorReturnCode, ServerInfo, SystemInfo, TargetType
from .session import Session

if TYPE_CHECKING:
    from .kit_check import check_kit

__all__ = [
    "APIStatus",
    "AsyncJob",
    "AsyncSession",
    "AuthenticationError",
    "AuthorizationError",
    "ClientInfo",
    "ClientsStillRunning",
    "CommandError",
    "ConfigError",
    "DiskFull",
    "FLCommunicationError",
    "Finding",
    "FlareError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidCertChain",
    "InvalidJobDefinition",
    "InvalidTarget",
    "Job",
    "JobInfo",
    "JobList",
    "JobNotDone",
    "JobNotFound",
    "JobNotRunning",
    "JobStatus",
    "JobTimeout",
    "KitReport",
    "MonitorReturnCode",
    "NoClientsAvailable",
    "NoConnection",
    "NoReply",
    "OutcomeUnknown",
    "ProtocolError",
    "ReadOnlySession",
    "ServerIdentityError",
    "ServerInfo",
    "Session",
    "SessionClosed",
    "SessionExpired",
    "SessionState",
    "SessionStatus",
    "StartupKit",
    "SubmitTokenConflict",
    "SubmitTokenJobDeleted",
    "SystemInfo",
    "TargetType",
    "TransferCancelled",
    "basic_cb_with_print",
    "check_kit",
    "connect",
    "connect_async",
    "new_insecure_session",
    "new_secure_session",
]


def __getattr__(name: str) -> Any:
    # Imported when it is used: only it needs the steps of a connection one by one.
    if name != "check_kit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .kit_check import check_kit

    return check_kit


def __dir__() -> list[str]:
    return sorted(__all__)
