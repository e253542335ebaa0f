"""Each admin command once: how its line is built and how its answer is read. No I/O.

A function here checks its arguments and returns a :class:`Command`; the session sends it. Facts:
``fuel/flare_api/flare_api.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import InternalError, InvalidArgumentError, InvalidJobDefinition, JobNotFound
from ..wire.hci import Reply, join
from ..wire.transfers import RemoteFile, read_offer
from .info import ClientInfo, JobInfo, ServerInfo, SystemInfo, TargetType
from .replies import check

T = TypeVar("T")

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

_SUBMIT_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True)
class Command(Generic[T]):
    """A command ready to be sent.

    Attributes
    ----------
    line
        What goes to the server.
    read
        Turns the ``meta`` of a successful answer into the command's result.
    attempts
        How often to send it while the server cannot be reached; more than one only for commands that may safely
        be repeated.
    """

    line: str
    read: Callable[[dict[str, Any]], T]
    attempts: int = 1

    def answer(self, reply: Reply) -> T:
        """Return the result in the server's answer, or raise what the answer says went wrong."""
        return self.read(check(self.line, reply))


def get_system_info() -> Command[SystemInfo]:
    """The server, the connected sites, the running jobs."""
    return Command(join(["check_status", TargetType.SERVER]), _system_info)


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
    return Command(join(words), lambda meta: _list(meta, "jobs"))


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
    return Command(_about("get_job_meta", job_id), _job_meta)


def clone_job(job_id: str) -> Command[str]:
    """A new job with the content of another one."""
    return Command(_about("clone_job", job_id), read_job_id)


def abort_job(job_id: str) -> Command[str]:
    """End a job before its time."""
    return Command(_about("abort_job", job_id), lambda meta: str(meta.get("info") or ""), attempts=3)


def delete_job(job_id: str) -> Command[dict[str, Any]]:
    """Remove a job from the server's store."""

    def read(meta: dict[str, Any]) -> dict[str, Any]:
        return {
            "job_id": meta.get("job_id", job_id),
            "submit_records_marked_deleted": meta.get("submit_records_marked_deleted", 0),
        }

    return Command(_about("delete_job", job_id), read)


def download_job(job_id: str) -> Command[list[RemoteFile]]:
    """The files of a finished job, offered for download."""
    return Command(_about("download_job", job_id), read_offer)


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


def read_job_id(meta: dict[str, Any]) -> str:
    """Return the id of the job that a command made."""
    job_id = meta.get("job_id")
    if not isinstance(job_id, str) or not job_id:
        raise InternalError(f"the server did not say the new job's id: {meta.get('info') or 'no reason given'}")
    return job_id


def _about(verb: str, job_id: str) -> str:
    if not isinstance(job_id, str):
        raise JobNotFound(f"a job id is text, not {type(job_id).__name__}")
    if not job_id:
        raise JobNotFound("no job id was given")
    try:
        return join([verb, job_id])
    except ValueError:
        raise JobNotFound(f"no such job: {job_id!r}") from None


def _submit_token(token: str | None) -> list[str]:
    if token is None:
        return []
    if not isinstance(token, str) or not _SUBMIT_TOKEN.fullmatch(token):
        raise InvalidArgumentError("a submit token has 1 to 128 letters, digits, dots, underscores, colons or hyphens")
    return ["--submit-token", token]


def _list(meta: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = meta.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _job_meta(meta: dict[str, Any]) -> dict[str, Any]:
    job_meta = meta.get("job_meta")
    if not isinstance(job_meta, dict) or not job_meta:
        raise InternalError("the server did not return the job's meta")
    return job_meta


def _system_info(meta: dict[str, Any]) -> SystemInfo:
    return SystemInfo(
        server_info=ServerInfo(status=meta.get("server_status"), start_time=meta.get("server_start_time")),
        client_info=[
            ClientInfo(name=c.get("client_name", ""), last_connect_time=c.get("client_last_conn_time"))
            for c in _list(meta, "clients")
        ],
        job_info=[JobInfo(job_id=j.get("job_id", ""), app_name=j.get("app_name", "")) for j in _list(meta, "jobs")],
    )
