"""Jobs: submitted, listed, ended, fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ...errors import InternalError, InvalidArgumentError, InvalidJobDefinition
from ...formatting.text import said
from ...wire.hci import Reply, join
from ...wire.transfers import RemoteFile, read_offer
from .command import Command, Effect, about, entries, mapping

JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What FLARE permits as the name of a job folder."""

STUDY = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
"""What FLARE permits as the name of a study."""

_ALIASES = {
    "max_num": "limit",
    "job_id_prefix": "id_prefix",
    "job_name_prefix": "name_prefix",
    "id": "id_prefix",
    "name": "name_prefix",
}

FIND_JOB = (
    "list_jobs(reverse=True) has the newest jobs first (in a notebook, %flare jobs): look whether the new one is there "
    "before you try again"
)
"""How to find out whether a job was made."""

_SUBMIT_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def list_jobs(
    detailed: bool = False,
    limit: int | None = None,
    id_prefix: str | None = None,
    name_prefix: str | None = None,
    reverse: bool = False,
    submit_token: str | None = None,
) -> Command[list[dict[str, Any]]]:
    """The jobs of the session's study; see :meth:`.Session.list_jobs`."""
    for name, value, kind in (
        ("detailed", detailed, bool),
        ("reverse", reverse, bool),
        ("limit", limit, int),
        ("id_prefix", id_prefix, str),
        ("name_prefix", name_prefix, str),
    ):
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name} must be {kind.__name__} but got {type(value).__name__}")
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
    words += _submit_token(submit_token)
    return Command(join(words), lambda reply: entries(reply, "jobs"), Effect.READ)


def resolve_aliases(limit: Any, id_prefix: Any, name_prefix: Any, old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters of :func:`list_jobs`, where not given under their names taken from the FLARE API's old ones.

    Raises
    ------
    TypeError
        One of the `old` names is none.
    """
    unknown = sorted(set(old) - set(_ALIASES))
    if unknown:
        raise TypeError(f"list_jobs() got unexpected arguments: {', '.join(unknown)}")
    filters = {"limit": limit, "id_prefix": id_prefix, "name_prefix": name_prefix}
    for alias, name in _ALIASES.items():
        if alias in old and filters[name] is None:
            filters[name] = old[alias]
    return filters


def get_job_meta(job_id: str) -> Command[dict[str, Any]]:
    """What the server stores about a job."""
    return Command(about("get_job_meta", job_id), _job_meta, Effect.READ)


def clone_job(job_id: str) -> Command[str]:
    """A new job with the content of another one."""
    return Command(about("clone_job", job_id), read_job_id, find_out=FIND_JOB)


def abort_job(job_id: str) -> Command[str]:
    """End a job before its time."""
    return Command(about("abort_job", job_id), lambda reply: str(reply.meta.get("info") or ""), Effect.IDEMPOTENT)


def delete_job(job_id: str) -> Command[dict[str, Any]]:
    """Remove a job from the server's store."""

    def read(reply: Reply) -> dict[str, Any]:
        return {
            "job_id": reply.meta.get("job_id", job_id),
            "submit_records_marked_deleted": reply.meta.get("submit_records_marked_deleted", 0),
        }

    return Command(about("delete_job", job_id), read, find_out="get_job_meta tells whether the job is still there")


def download_job(job_id: str) -> Command[list[RemoteFile]]:
    """The files of a finished job, offered for download."""
    return Command(about("download_job", job_id), _offer, Effect.READ)


def list_job_components(job_id: str) -> Command[list[str]]:
    """The names of what sites sent to the server in addition to the job's results."""
    return Command(about("list_job", job_id), _components, Effect.READ)


def download_job_components(job_id: str) -> Command[list[RemoteFile]]:
    """The additional components of a job, offered for download."""
    return Command(about("download_job_components", job_id), _offer, Effect.READ)


def app_command(job_id: str, topic: str, data: Any) -> Command[dict[str, Any]]:
    """A command that code in a running job understands.

    Raises
    ------
    ValueError
        The data is not JSON-able, or the topic has a line break.
    """
    if data:
        try:
            json.dumps(data)
        except Exception as e:
            raise ValueError(f"the data of an app command must be JSON-able: {e}") from None
    return Command(about("app_command", job_id, str(topic)), mapping, props=data or None, needs_meta=False)


def submit_job(folder_name: str, submit_token: str | None = None) -> Command[str]:
    """The command that goes with an uploaded job folder.

    Raises
    ------
    InvalidJobDefinition
        The folder's name is one that FLARE does not permit.
    """
    if not JOB_NAME.fullmatch(folder_name):
        raise InvalidJobDefinition(
            f"the job folder's name '{folder_name}' is not permitted: it must start with a letter or digit and have "
            "only letters, digits, dots, underscores and hyphens. Rename the folder"
        )
    return Command(join(["submit_job", folder_name, *_submit_token(submit_token)]), read_job_id)


def read_job_id(reply: Reply) -> str:
    """Return the id of the job that a command made."""
    job_id = reply.meta.get("job_id")
    if not isinstance(job_id, str) or not job_id:
        raise InternalError(
            f"the server did not say the new job's id: {said(reply.meta.get('info')) or 'no reason given'}"
        )
    return job_id


def _submit_token(token: str | None) -> list[str]:
    if token is None:
        return []
    if not isinstance(token, str) or not _SUBMIT_TOKEN.fullmatch(token):
        raise InvalidArgumentError("a submit token has 1 to 128 letters, digits, dots, underscores, colons or hyphens")
    return ["--submit-token", token]


def _job_meta(reply: Reply) -> dict[str, Any]:
    job_meta = reply.meta.get("job_meta")
    if not isinstance(job_meta, dict) or not job_meta:
        raise InternalError("the server did not return the job's meta")
    return job_meta


def _components(reply: Reply) -> list[str]:
    names = reply.meta.get("job_components")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _offer(reply: Reply) -> list[RemoteFile]:
    return read_offer(reply.meta)
