"""Commands that submit, list, abort and download jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import InternalError, InvalidArgumentError, InvalidArgumentType, InvalidJobDefinition
from ...formatting.text import sanitize_lines
from ...wire.hci import CommandReply, join_words
from .command import Command, Effect, job_line, read_entries, read_mapping

if TYPE_CHECKING:
    from ...wire.transfers import RemoteFile

JOB_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""Names that FLARE permits for a job folder."""

STUDY_NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
"""Names that FLARE permits for a study."""

_LEGACY_ALIASES = {
    "max_num": "limit",
    "job_id_prefix": "id_prefix",
    "job_name_prefix": "name_prefix",
    "id": "id_prefix",
    "name": "name_prefix",
}

FIND_JOB_HINT = (
    "List the newest jobs first, list_jobs(reverse=True), and check whether the new one is there before you try again"
)
"""Instructions for checking if a job was created."""

_SUBMIT_TOKEN_PATTERN = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def list_jobs(
    detailed: bool = False,
    limit: int | None = None,
    id_prefix: str | None = None,
    name_prefix: str | None = None,
    reverse: bool = False,
    submit_token: str | None = None,
) -> Command[list[dict[str, Any]]]:
    """List the jobs of the session's study; see :meth:`.Session.list_jobs`."""
    for name, value, kind in (
        ("detailed", detailed, bool),
        ("reverse", reverse, bool),
        ("limit", limit, int),
        ("id_prefix", id_prefix, str),
        ("name_prefix", name_prefix, str),
    ):
        if value is not None and not isinstance(value, kind):
            raise InvalidArgumentError(f"{name} must be {kind.__name__} but got {type(value).__name__}")
    words = ["list_jobs"]
    if detailed:
        words.append("-d")
    if reverse:
        words.append("-r")
    if limit:
        words += ["-m", str(limit)]
    if name_prefix:
        words += ["-n", name_prefix]
    if id_prefix:
        words.append(id_prefix)
    words += _submit_token_arguments(submit_token)
    return Command(join_words(words), lambda reply: read_entries(reply, "jobs"), Effect.READ)


def resolve_aliases(limit: Any, id_prefix: Any, name_prefix: Any, legacy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters of :func:`list_jobs`, taking those not given from the FLARE API's old names.

    Raises
    ------
    InvalidArgumentType
        One of the `legacy` names is unknown.
    """
    unknown = sorted(set(legacy) - set(_LEGACY_ALIASES))
    if unknown:
        raise InvalidArgumentType(f"list_jobs() got unexpected arguments: {', '.join(unknown)}")
    filters = {"limit": limit, "id_prefix": id_prefix, "name_prefix": name_prefix}
    for alias, name in _LEGACY_ALIASES.items():
        if alias in legacy and filters[name] is None:
            filters[name] = legacy[alias]
    return filters


def get_job_meta(job_id: str) -> Command[dict[str, Any]]:
    """Return the metadata that the server stores about a job."""
    return Command(job_line("get_job_meta", job_id), _read_job_meta, Effect.READ, job_id=job_id)


def clone_job(job_id: str) -> Command[str]:
    """Create a new job with the content of another one."""
    return Command(job_line("clone_job", job_id), read_job_id, recovery_hint=FIND_JOB_HINT, job_id=job_id)


def abort_job(job_id: str) -> Command[str]:
    """Abort a job."""
    return Command(
        job_line("abort_job", job_id),
        lambda reply: str(reply.meta.get("info") or ""),
        Effect.IDEMPOTENT,
        recovery_hint="Abort it again: that does no harm if it was done",
        job_id=job_id,
    )


def delete_job(job_id: str) -> Command[dict[str, Any]]:
    """Remove a job from the server's store."""

    def read(reply: CommandReply) -> dict[str, Any]:
        return {
            "job_id": reply.meta.get("job_id", job_id),
            "submit_records_marked_deleted": reply.meta.get("submit_records_marked_deleted", 0),
        }

    return Command(
        job_line("delete_job", job_id),
        read,
        recovery_hint="Check with get_job_meta whether the job still exists",
        job_id=job_id,
    )


def download_job(job_id: str) -> Command[list[RemoteFile]]:
    """Offer the files of a finished job for download."""
    return Command(job_line("download_job", job_id), _read_offer_reply, Effect.READ, job_id=job_id)


def list_job_components(job_id: str) -> Command[list[str]]:
    """List the names of what sites sent to the server in addition to the job's results."""
    return Command(job_line("list_job", job_id), _read_components, Effect.READ, job_id=job_id)


def download_job_components(job_id: str) -> Command[list[RemoteFile]]:
    """Offer the additional components of a job for download."""
    return Command(job_line("download_job_components", job_id), _read_offer_reply, Effect.READ, job_id=job_id)


def app_command(job_id: str, topic: str, data: Any) -> Command[dict[str, Any]]:
    """Send a command that code in a running job handles.

    Raises
    ------
    InvalidArgumentError
        The data is not JSON-able, or the topic has a line break.
    """
    if data:
        try:
            json.dumps(data)
        except Exception as e:
            raise InvalidArgumentError(f"the data of an app command must be JSON-able: {e}") from None
    return Command(
        job_line("app_command", job_id, str(topic)), read_mapping, props=data or None, needs_meta=False, job_id=job_id
    )


def submit_job(folder_name: str, submit_token: str | None = None) -> Command[str]:
    """Return the command that accompanies an uploaded job folder.

    Raises
    ------
    InvalidJobDefinition
        FLARE does not permit the folder's name.
    """
    if not JOB_NAME_PATTERN.fullmatch(folder_name):
        raise InvalidJobDefinition(
            f"the job folder's name '{folder_name}' is not permitted: it must start with a letter "
            "or digit and have only letters, digits, dots, underscores and hyphens",
            next_step="Rename the folder",
        )
    return Command(join_words(["submit_job", folder_name, *_submit_token_arguments(submit_token)]), read_job_id)


def read_job_id(reply: CommandReply) -> str:
    """Return the id of the job that a command created."""
    job_id = reply.meta.get("job_id")
    if not isinstance(job_id, str) or not job_id:
        raise InternalError(
            f"the server did not return the new job's id: {sanitize_lines(reply.meta.get('info')) or 'no reason given'}"
        )
    return job_id


def _submit_token_arguments(token: str | None) -> list[str]:
    if token is None:
        return []
    if not isinstance(token, str) or not _SUBMIT_TOKEN_PATTERN.fullmatch(token):
        raise InvalidArgumentError("a submit token has 1 to 128 letters, digits, dots, underscores, colons or hyphens")
    return ["--submit-token", token]


def _read_job_meta(reply: CommandReply) -> dict[str, Any]:
    job_meta = reply.meta.get("job_meta")
    if not isinstance(job_meta, dict) or not job_meta:
        raise InternalError("the server did not return the job's meta")
    return job_meta


def _read_components(reply: CommandReply) -> list[str]:
    names = reply.meta.get("job_components")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _read_offer_reply(reply: CommandReply) -> list[RemoteFile]:
    from ...wire.transfers import read_file_list

    return read_file_list(reply.meta)
