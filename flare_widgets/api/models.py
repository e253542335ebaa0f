"""Types that the FLARE API returns: same names, attributes and texts as in ``nvflare.fuel.flare_api.api_spec``."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass


class MonitorReturnCode(int, enum.Enum):
    """Reason that monitoring of a job ended."""

    JOB_FINISHED = 0
    """The job reached a final status, whether it succeeded or not."""
    TIMEOUT = 1
    """The time limit was reached; the job continues."""
    ENDED_BY_CB = 2
    """The callback returned False; the job continues."""


class APIStatus(str, enum.Enum):
    """Outcome of a command that was given as its line; equal to its name as text."""

    SUCCESS = "SUCCESS"
    """The server executed it, unless the ``status`` in the answer's ``meta`` says otherwise."""
    ERROR_PROTOCOL = "ERROR_PROTOCOL"
    ERROR_CERT = "ERROR_CERT"
    ERROR_AUTHENTICATION = "ERROR_AUTHENTICATION"
    ERROR_AUTHORIZATION = "ERROR_AUTHORIZATION"
    """The user's role does not permit it."""
    ERROR_SYNTAX = "ERROR_SYNTAX"
    """There is no such command."""
    ERROR_RUNTIME = "ERROR_RUNTIME"
    ERROR_INVALID_CLIENT = "ERROR_INVALID_CLIENT"
    """There is no such site."""
    ERROR_INACTIVE_SESSION = "ERROR_INACTIVE_SESSION"
    """The session has ended."""
    ERROR_SERVER_CONNECTION = "ERROR_SERVER_CONNECTION"
    """The server, or a site behind it, does not answer."""


class TargetType:
    """Target types of a command."""

    ALL = "all"
    SERVER = "server"
    CLIENT = "client"


@dataclass
class ServerInfo:
    """The FL server.

    Attributes
    ----------
    status
        ``started`` while any job runs, ``stopped`` while none does.
    start_time
        Time at which the server started, in seconds since the epoch.
    """

    status: str | None
    start_time: float | None

    def __str__(self) -> str:
        return f"status: {self.status}, start_time: {_format_time(self.start_time)}"


@dataclass
class ClientInfo:
    """A connected site.

    Attributes
    ----------
    name
        The site's name.
    last_connect_time
        Time at which the server last heard from it, in seconds since the epoch; sites report every 10 s.
    """

    name: str
    last_connect_time: float | None

    def __str__(self) -> str:
        return f"{self.name} (last_connect_time: {_format_time(self.last_connect_time)})"


@dataclass
class JobInfo:
    """A job that is running on the server now."""

    job_id: str
    app_name: str

    def __str__(self) -> str:
        return f"JobInfo:\n  job_id: {self.job_id}\n  app_name: {self.app_name}"


@dataclass(repr=False)
class SystemInfo:
    """The server, the connected sites and the running jobs; shown as its text."""

    server_info: ServerInfo
    client_info: list[ClientInfo]
    job_info: list[JobInfo]

    def __str__(self) -> str:
        return "\n".join(
            [
                "SystemInfo",
                "server_info:",
                str(self.server_info),
                "client_info:",
                "\n".join(map(str, self.client_info)),
                "job_info:",
                "\n".join(map(str, self.job_info)),
            ]
        )

    __repr__ = __str__


def _format_time(seconds: float | None) -> str:
    try:
        return "unknown" if seconds is None else time.asctime(time.localtime(seconds))
    except (TypeError, ValueError, OverflowError, OSError):  # the server's value need not be a time
        return "unknown"
