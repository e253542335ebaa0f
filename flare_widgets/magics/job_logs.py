"""Logs of a job, from wherever they can be read: as the server has them, at a site, or in what the job has left.

A server has a site's log only if the site streams it there, and may give it only to project admins. Then the log is
read in the site's folder (``tail``), in the job's result, or at least its errors in what the site has sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import bounds
from ..api import Session, TargetType
from ..api.commands import LOG_FILE
from ..errors import AuthorizationError, FlareError, InvalidTarget
from ..formatting.text import SHORT_ID, format_size, sanitize, suggest_name
from ..monitoring.logs.tail import is_missing_file

_MAX_TAIL_BYTES = 1 << 20
_MAX_ELSEWHERE = 8  # logs that are looked for elsewhere: each takes a few requests


@dataclass
class JobLogs:
    """Logs of a job.

    Attributes
    ----------
    texts
        The text of each log, by the name of its owner.
    sources
        Where a text comes from, in words, if it is not the log as the server has it; by owner.
    unavailable
        The reason why a log is missing, by owner.
    """

    texts: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


def read_job_logs(session: Session, job_id: str, target: str, *, is_growing: bool = False) -> JobLogs:
    """Read the logs of a job.

    Parameters
    ----------
    session
        An open session.
    job_id
        The job.
    target
        ``server``, the name of a site, or ``all``.
    is_growing
        True to read only logs that grow while the job runs, and not what it leaves at its end.

    Raises
    ------
    InvalidTarget
        There is no such site, or it has no part in the job.
    AuthorizationError
        The user may not read all logs; those of one target may be read elsewhere.
    """
    found = JobLogs()
    try:
        answer = session.get_job_logs(job_id, target)
    except AuthorizationError as e:
        if target == TargetType.ALL:
            raise
        found.unavailable[target] = e.description
    else:
        found.texts = {str(name): text for name, text in answer["logs"].items() if isinstance(text, str)}
        found.unavailable = {str(name): str(reason) for name, reason in answer.get("unavailable", {}).items()}
        if target == TargetType.ALL:  # of a job for all sites, the server names none that is missing
            for site in _list_participants(session.get_job_meta(job_id)):
                if site not in found.texts:
                    found.unavailable.setdefault(site, "the server does not have its log")
    for owner in list(found.unavailable)[:_MAX_ELSEWHERE]:
        _read_elsewhere(session, job_id, owner, found, is_growing=is_growing)
    return found


def _read_elsewhere(session: Session, job_id: str, owner: str, found: JobLogs, *, is_growing: bool) -> None:
    """Move a log from those that are unavailable to those that were found, if it can be read anywhere."""
    name, file = sanitize(owner), f"{job_id}/{LOG_FILE}"
    why = ""
    try:
        text = session.tail_target(owner, f"-c{_MAX_TAIL_BYTES}", file)
        if not is_missing_file(text):
            is_cut = len(text.encode("utf-8", "replace")) >= _MAX_TAIL_BYTES
            end = f"the last {format_size(_MAX_TAIL_BYTES)} of " if is_cut else ""
            text = text.partition("\n")[2] if is_cut else text
            _note_found(found, owner, text, f"{end}{sanitize(job_id[:SHORT_ID])}/{LOG_FILE} in the folder of {name}")
            return
        why = f"{name} has no {file}"
    except InvalidTarget as e:
        _check_participant(session, job_id, owner, e)
        why = f"{name} is not connected"
    except FlareError as e:
        why = e.description
    if is_growing:
        return
    try:
        left = _read_remains(session, job_id, owner)
    except FlareError as e:
        left = None
        why = f"{why}; {e.description}"
    if left is not None:
        _note_found(found, owner, *left)
        return
    found.unavailable[owner] += f"; {why}. Its administrator can look for {file} in its folder"


def _note_found(found: JobLogs, owner: str, text: str, source: str) -> None:
    reason = found.unavailable.pop(owner)
    found.texts[owner], found.sources[owner] = text, f"{reason}; this is {source}"


def _read_remains(session: Session, job_id: str, owner: str) -> tuple[str, str] | None:
    """Return what a job that has ended has left of a log, and where it was; None if there is nothing."""
    folder = "workspace" if owner == TargetType.SERVER else f"workspace/{owner}"
    path = f"{folder}/{LOG_FILE}"
    component = f"ERRORLOG_{owner}"
    if owner != TargetType.SERVER and component in session.list_job_components(job_id):
        sent = session.read_job_components(job_id, [component], timeout=bounds.FETCH_TIMEOUT_S)
        if component in sent.files:
            text = sent.files[component].decode("utf-8", "replace")
            return text, f"what {sanitize(owner)} sent at the end, its errors only ({sanitize(component)})"
    result = session.read_result_files(
        job_id,
        lambda name, size: name == path and size <= bounds.MAX_FILE_BYTES,
        timeout=bounds.FETCH_TIMEOUT_S,
    )
    if path not in result.files:
        return None
    return result.files[path].decode("utf-8", "replace"), f"{sanitize(path)} of the job's result"


def _check_participant(session: Session, job_id: str, site: str, error: InvalidTarget) -> None:
    """Raise an error that names the job's sites unless a site is one of them, although it is not connected now."""
    sites = sorted(_list_participants(session.get_job_meta(job_id)))
    if not sites:
        raise error
    if site not in sites:
        raise InvalidTarget(
            f"{sanitize(site)} has no part in job {sanitize(job_id[:SHORT_ID])}",
            job_id=job_id,
            site=site,
            next_step=suggest_name(site, sites, "sites of the job"),
        )


def _list_participants(meta: Mapping[str, Any]) -> Iterable[str]:
    details = meta.get("job_deploy_detail")
    for line in details if isinstance(details, list) else []:
        name = sanitize(str(line).partition(":")[0].strip())
        if name and name != TargetType.SERVER:
            yield name
