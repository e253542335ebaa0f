"""The system: who is there, in what state, with what; restart and shutdown."""

from __future__ import annotations

from typing import Any

from ...errors import InternalError
from ...wire.hci import Reply, join
from ..models import ClientInfo, JobInfo, ServerInfo, SystemInfo, TargetType
from .command import Command, Effect, addressed, entries, mapping, meta, targets, words_of


def get_system_info() -> Command[SystemInfo]:
    """The server, the connected sites, the running jobs."""
    return Command(join(["check_status", TargetType.SERVER]), _system_info, Effect.READ)


def registrations() -> Command[dict[str, str]]:
    """What tells each site's registration from the one before, by the site's name: it is for comparing only.

    A site that is told to restart goes on for a while, and is heard of as ever: only a new registration says that it
    has. It is known by the token that the server gives to a site (in the table that the console shows).
    """
    return Command(join(["check_status", TargetType.SERVER]), _registrations, Effect.READ)


def admin_check_status() -> Command[SystemInfo]:
    """The same, by the command that only a project admin may give; it also works while the system shuts down."""
    return Command(join(["admin_check_status", TargetType.SERVER]), _system_info, Effect.READ)


def check_status(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """The state of the server, of sites, or of all."""
    return Command(addressed("check_status", target_type, names), meta, Effect.READ)


def get_client_job_status(names: list[str] | None = None) -> Command[list[dict[str, Any]] | None]:
    """What each site runs."""
    words = ["check_status", TargetType.CLIENT]
    if names:
        words += targets(names)

    def read(reply: Reply) -> list[dict[str, Any]] | None:
        return entries(reply, "client_status") if reply.meta.get("client_status") is not None else None

    return Command(join(words), read, Effect.READ)


def report_resources(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """The resources that each site has to offer."""
    return Command(addressed("report_resources", target_type, names), _table, Effect.READ, needs_meta=False)


def report_version(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """The version of NVIDIA FLARE that each site runs."""
    return Command(addressed("report_version", target_type, names), mapping, Effect.READ, needs_meta=False)


def report_env(names: str | list[str] | None = None) -> Command[list[dict[str, Any]]]:
    """Where and how each site runs.

    Raises
    ------
    ValueError
        The names are neither text nor a list.
    """
    words = ["report_env"]
    if names:
        if not isinstance(names, (str, list)):
            raise ValueError(f"client_names must be text or a list of it, not {type(names).__name__}")
        words += words_of([names] if isinstance(names, str) else names)

    def read(reply: Reply) -> list[dict[str, Any]]:
        environments = entries(reply, "clients")
        if not environments:
            raise InternalError("the server did not say what the sites' environments are")
        return environments

    return Command(join(words), read, Effect.READ)


def restart(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Start the server with all sites, or sites, again."""
    return Command(addressed("restart", target_type, names), meta)


def shutdown(target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """End the server, sites, or all."""
    return Command(addressed("shutdown", target_type, names), meta, Effect.IDEMPOTENT)


def _system_info(reply: Reply) -> SystemInfo:
    said = reply.meta
    return SystemInfo(
        server_info=ServerInfo(status=said.get("server_status"), start_time=said.get("server_start_time")),
        client_info=[
            ClientInfo(name=c.get("client_name", ""), last_connect_time=c.get("client_last_conn_time"))
            for c in entries(reply, "clients")
        ],
        job_info=[JobInfo(job_id=j.get("job_id", ""), app_name=j.get("app_name", "")) for j in entries(reply, "jobs")],
    )


def _registrations(reply: Reply) -> dict[str, str]:
    for item in reply.items:
        rows = item.get("rows") if item.get("type") == "table" else None
        header, *sites = rows if isinstance(rows, list) and rows else [None]
        if isinstance(header, list) and "CLIENT" in header and "TOKEN" in header:
            name, token = header.index("CLIENT"), header.index("TOKEN")
            return {str(r[name]): str(r[token]) for r in sites if isinstance(r, list) and len(r) == len(header)}
    return {}


def _table(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in reply.items:
        rows = item.get("rows") if item.get("type") == "table" else None
        for row in rows[1:] if isinstance(rows, list) else []:  # the first is the header
            if isinstance(row, list) and len(row) >= 2:
                found[str(row[0])] = row[1]
    return found
