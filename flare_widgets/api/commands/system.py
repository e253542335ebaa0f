"""Commands for the server and the sites: status, resources, versions; restart and shutdown."""

from __future__ import annotations

from typing import Any

from ...errors import InternalError, InvalidArgumentError
from ...wire.hci import CommandReply, join_words
from ..models import ClientInfo, JobInfo, ServerInfo, SystemInfo, TargetType
from .command import Command, Effect, check_targets, read_entries, read_mapping, read_meta, split_names, target_line


def get_system_info() -> Command[SystemInfo]:
    """Return the server, the connected sites, the running jobs."""
    return Command(join_words(["check_status", TargetType.SERVER]), _read_system_info, Effect.READ)


def get_registrations() -> Command[dict[str, str]]:
    """Return an identifier of each site's current registration, by the site's name, only for comparison.

    A site that is told to restart continues for a while and is seen as before: only a new registration shows that it
    has restarted. It is identified by the token that the server gives a site (in the table that the console shows).
    """
    return Command(join_words(["check_status", TargetType.SERVER]), _read_registrations, Effect.READ)


def admin_check_status() -> Command[SystemInfo]:
    """Return the same by a command for project admins only, which also works while the system shuts down."""
    return Command(join_words(["admin_check_status", TargetType.SERVER]), _read_system_info, Effect.READ)


def check_status(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Return the state of the server, of sites, or of all."""
    return Command(target_line("check_status", target_type, names), read_meta, Effect.READ)


def get_client_job_status(names: list[str] | None = None) -> Command[list[dict[str, Any]] | None]:
    """Return the jobs that each site runs."""
    words = ["check_status", TargetType.CLIENT]
    if names:
        words += check_targets(names)

    def read(reply: CommandReply) -> list[dict[str, Any]] | None:
        return read_entries(reply, "client_status") if reply.meta.get("client_status") is not None else None

    return Command(join_words(words), read, Effect.READ)


def report_resources(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Return the resources that each site offers."""
    return Command(target_line("report_resources", target_type, names), _read_table, Effect.READ, needs_meta=False)


def report_version(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Return the version of NVIDIA FLARE that each site runs."""
    return Command(target_line("report_version", target_type, names), read_mapping, Effect.READ, needs_meta=False)


def report_env(names: str | list[str] | None = None) -> Command[list[dict[str, Any]]]:
    """Return the environment that each site runs in.

    Raises
    ------
    InvalidArgumentError
        The names are neither text nor a list.
    """
    words = ["report_env"]
    if names:
        if not isinstance(names, (str, list)):
            raise InvalidArgumentError(f"client_names must be text or a list of it, not {type(names).__name__}")
        words += split_names([names] if isinstance(names, str) else names)

    def read(reply: CommandReply) -> list[dict[str, Any]]:
        environments = read_entries(reply, "clients")
        if not environments:
            raise InternalError("the server did not return the sites' environments")
        return environments

    return Command(join_words(words), read, Effect.READ)


def list_sessions() -> Command[list[dict[str, Any]]]:
    """Return the admin sessions that the server knows, each by the headings of the console's table, in capitals."""
    return Command("list_sessions", _read_sessions, Effect.READ, needs_meta=False)


def restart(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Restart the server with all sites, or sites."""
    return Command(target_line("restart", target_type, names), read_meta)


def shutdown(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Shut down the server, sites, or all."""
    return Command(target_line("shutdown", target_type, names), read_meta, Effect.IDEMPOTENT)


def _read_system_info(reply: CommandReply) -> SystemInfo:
    said = reply.meta
    return SystemInfo(
        server_info=ServerInfo(status=said.get("server_status"), start_time=said.get("server_start_time")),
        client_info=[
            ClientInfo(name=c.get("client_name", ""), last_connect_time=c.get("client_last_conn_time"))
            for c in read_entries(reply, "clients")
        ],
        job_info=[
            JobInfo(job_id=j.get("job_id", ""), app_name=j.get("app_name", "")) for j in read_entries(reply, "jobs")
        ],
    )


def _read_registrations(reply: CommandReply) -> dict[str, str]:
    for item in reply.items:
        rows = item.get("rows") if item.get("type") == "table" else None
        header, *sites = rows if isinstance(rows, list) and rows else [None]
        if isinstance(header, list) and "CLIENT" in header and "TOKEN" in header:
            name, token = header.index("CLIENT"), header.index("TOKEN")
            return {str(r[name]): str(r[token]) for r in sites if isinstance(r, list) and len(r) == len(header)}
    return {}


def _read_sessions(reply: CommandReply) -> list[dict[str, Any]]:
    for item in reply.items:
        rows = item.get("rows") if item.get("type") == "table" else None
        header, *sessions = rows if isinstance(rows, list) and rows else [None]
        if isinstance(header, list):
            rows = [row for row in sessions if isinstance(row, list) and len(row) == len(header)]
            return [dict(zip((str(name).upper() for name in header), row, strict=True)) for row in rows]
    return []


def _read_table(reply: CommandReply) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in reply.items:
        rows = item.get("rows") if item.get("type") == "table" else None
        for row in rows[1:] if isinstance(rows, list) else []:  # the first is the header
            if isinstance(row, list) and len(row) >= 2:
                found[str(row[0])] = row[1]
    return found
