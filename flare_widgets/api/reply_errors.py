"""Conversion of the server's answer to a value or an exception. Pure.

The rules are those of nvflare's own client (``flare_api.py:_do_command``, ``client/api.py``), so that the same
answer raises the same type of exception: first the status in the answer's ``meta``, then, for answers without one,
keywords in its text.
"""

from __future__ import annotations

import re
from typing import Any

from .. import errors
from ..formatting.text import sanitize_lines
from ..wire.hci import CommandReply
from .models import APIStatus

_NO_CLIENTS = "no clients available"
_START_SITES = "Start the sites, or check why they are not connected"

_ERROR_BY_STATUS: dict[str, tuple[type[errors.FlareError], str, str]] = {
    "invalid_job_def": (errors.InvalidJobDefinition, "invalid job definition: {info}", ""),
    "not_authenticated": (errors.AuthenticationError, "the server no longer knows this user: {info}", ""),
    "syntax_error": (errors.InternalError, "syntax error: {info}", ""),
    "invalid_job_id": (errors.JobNotFound, "no such job: {info}", "List the jobs to see their ids"),
    "job_running": (errors.JobNotDone, "job {info} is still running", "Wait until it ends, or abort it"),
    "job_not_running": (
        errors.JobNotRunning,
        "job {info} is not running",
        "Wait until it runs; if it has ended, read its log",
    ),
    "clients_running": (
        errors.ClientsStillRunning,
        "one or more sites are still running: shut them down first",
        "",
    ),
    "no_clients": (errors.NoClientsAvailable, _NO_CLIENTS, _START_SITES),
    "internal_error": (errors.InternalError, "server internal error: {info}", ""),
    "no_reply": (errors.NoReply, "{info}", ""),
}
"""The exception for each status, its text, and what to do."""

_STATUS_BY_KEYWORD = (
    ("session_inactive", APIStatus.ERROR_INACTIVE_SESSION),
    ("wrong server", APIStatus.ERROR_SERVER_CONNECTION),
    ("Failed to communicate", APIStatus.ERROR_SERVER_CONNECTION),
    ("invalid client", APIStatus.ERROR_INVALID_CLIENT),
    ("unknown site", APIStatus.ERROR_INVALID_CLIENT),
    ("not authorized", APIStatus.ERROR_AUTHORIZATION),
)

_UNKNOWN_SITES = re.compile(r"(?:invalid target|invalid client(?:\(s\))?|unknown site): (\S.*)")


def check_reply(line: str, reply: CommandReply, needs_meta: bool = True) -> dict[str, Any]:
    """Return the answer's ``meta`` if the command succeeded.

    Parameters
    ----------
    line
        The command, named in errors.
    reply
        The answer.
    needs_meta
        True if an answer without ``meta`` is an error.

    Raises
    ------
    FlareError
        The error that the server reports, as the FLARE API's exception for it.
    """
    meta = reply.meta
    if meta:
        _check_meta(line, meta)
    _check_text(line, reply)
    if needs_meta and not meta:
        raise errors.InternalError(f"the server's answer to '{_verb(line)}' has no meta")
    return meta


def _check_meta(line: str, meta: dict[str, Any]) -> None:
    status = meta.get("status", "ok")
    info = sanitize_lines(meta.get("info") or "")
    if status == "ok":
        return
    if status == "submit_token_conflict":
        raise errors.SubmitTokenConflict(
            info or "the submit token was already used for a job with other content", meta.get("job_id")
        )
    if status == "submit_token_job_deleted":
        raise errors.SubmitTokenJobDeleted(
            info or "the submit token belongs to a deleted job",
            meta.get("job_id"),
            meta.get("submit_record_state"),
            meta.get("deleted_time"),
        )
    if status == "not_authorized":
        raise _not_authorized(line, info)
    if status == "invalid_target":
        if info == _NO_CLIENTS:
            raise errors.NoClientsAvailable(_NO_CLIENTS, next_step=_START_SITES)
        raise errors.InvalidTarget(info)
    if status == "job_running" and " " in info:
        raise errors.JobNotDone(info)  # of the system: a sentence, instead of a job's id
    unknown = errors.InternalError, f"{sanitize_lines(status, 100)}: {{info}}", ""
    kind, text, next_step = _ERROR_BY_STATUS.get(str(status), unknown)
    error = kind(text.replace("{info}", info))
    error.add_context(next_step=next_step)
    raise error


def _check_text(line: str, reply: CommandReply) -> None:
    if not reply.items:
        raise errors.InternalError(f"the server sent an empty answer to '{_verb(line)}'")
    status = api_status(reply)
    text = "\n".join(reply.texts("string", "error"))
    if status is APIStatus.ERROR_INACTIVE_SESSION:
        raise errors.SessionClosed("the session is closed on the server", next_step="Open a new session")
    if status is APIStatus.ERROR_SERVER_CONNECTION:
        raise errors.NoConnection(f"the server could not execute '{_verb(line)}': {sanitize_lines(text, 300)}")
    if status is APIStatus.ERROR_INVALID_CLIENT:
        raise errors.InvalidTarget(sanitize_lines(text, 300))
    if status is APIStatus.ERROR_AUTHORIZATION:
        raise _not_authorized(line, "")


def api_status(reply: CommandReply) -> APIStatus:
    """Return the status shown by an answer's text: for FLARE, everything without one of its keywords is a success."""
    if not reply.items:
        return APIStatus.ERROR_RUNTIME
    if reply.texts("success"):
        return APIStatus.SUCCESS
    text = "\n".join(reply.texts("string", "error"))
    return next((status for keyword, status in _STATUS_BY_KEYWORD if keyword in text), APIStatus.SUCCESS)


def find_unknown_sites(error: errors.InvalidTarget) -> list[str]:
    """Return the names that the server does not know as sites, from its error; none if the error is about others."""
    found = _UNKNOWN_SITES.fullmatch(error.description)
    return found[1].split() if found else []


def _not_authorized(line: str, info: str) -> errors.AuthorizationError:
    more = f": {info}" if info else ""
    return errors.AuthorizationError(f"your role does not permit '{_verb(line)}'{more}")


def _verb(line: str) -> str:
    return line.split(" ", 1)[0]
