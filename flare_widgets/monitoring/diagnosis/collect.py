"""Collecting the evidence about a job that may have failed, from everyone the user may query.

The requests, in this order; those of one step are sent at the same time:

0. The job's meta again, if it says that the job could not be deployed and not yet why.
1. The server: connected sites and running jobs (`view`); the lines of its own log about the job and, for an aborted
   job, its audit log (`shell_commands`); the log of the job's process on the server, by ``tail`` while that process may
   be alive and by `get_job_log` after the end, when FLARE has moved it into the stored result.
2. The job's sites, those blamed by the server first (a few of them, if there are many): the end of the job's
   ``error_log.txt`` and ``log.txt``, and the lines of the site's own log about the job (`shell_commands` there). A site
   keeps them after the job's end. While the job runs, also what the site is running (`view`).
3. Where a log tells only a consequence of the failure: the other logs in the job's folder (`other_logs`), of the
   server after the end in its result (`Session.read_result_files`).
4. For sites that could not be queried: the ``ERRORLOG_`` components that sites sent to the server (`list_job`,
   `Session.read_job_components`).

Each request costs the server 5 to 10 ms. Unresponsive sites cost one command timeout, however many they are.
Anything unavailable is recorded as a sentence.
"""

from __future__ import annotations

import concurrent.futures
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ... import bounds
from ...api import commands
from ...api.commands import Command
from ...api.commands.command import TARGET_NAME_PATTERN
from ...api.job_status import JobStatus, has_ended
from ...api.models import SystemInfo
from ...api.session import Session
from ...errors import (
    AuthorizationError,
    FlareError,
    InternalError,
    InvalidTarget,
    NoConnection,
    NoReply,
    SessionClosed,
)
from ...formatting.text import sanitize
from ..logs.tail import is_missing_file
from . import Evidence, LogText
from .excerpt import shorten_log
from .log_analysis import LogAnalysis
from .other_logs import is_other_log, parse_listing, read_other_logs, select_other_logs
from .phrasing import text_or_empty
from .server_blame import find_blamed_sites

T = TypeVar("T")

MAX_SITES = 8
"""Maximum number of sites that are queried."""

STEP_TIMEOUT_S = 7.0
"""Timeout in seconds for the answers of one step."""

_DEPLOY_DETAIL_DELAY_S = 0.5  # after which a server that has just stored that it could not deploy a job has stored why
_JOB_TAIL_OPTION = "-n400"  # of a job's log: enough for the rounds before the end, and a long traceback
_ERROR_TAIL_OPTION = "-n200"
_JOB_ID = re.compile(r"[A-Za-z0-9-]{1,100}")  # it becomes part of file paths
_ABORT_AUDIT = re.compile(r"\[U:([^\]]{1,200})\]\[A:abort_job")

ResultOrError = Any  # a command's result, or the exception raised instead


def collect_evidence(
    session: Session, meta: Mapping[str, Any], server_logs: Mapping[str, str] | None = None
) -> Evidence:
    """Collect everything that helps to explain how a job ended, or why it does not start.

    Blocks: usually for a tenth of a second, at most :data:`STEP_TIMEOUT_S` for each of three steps. Works while the job
    runs, at its end and long after, for every role: anything forbidden or unreadable is noted in the evidence.

    Parameters
    ----------
    session
        An open session. Nothing is written.
    meta
        The job's meta, as returned by :meth:`.Session.get_job_meta`.
    server_logs
        The other logs in the server's folder of the job, by file name, for whoever has the job's result already
        (:func:`.read_other_logs`). If not given, they are read from the result when they are needed.

    Returns
    -------
    Evidence
        The input of :func:`.diagnose`. If the server cannot be reached at all, the meta and the reason.

    Examples
    --------
    >>> failure = diagnose(collect_evidence(session, session.get_job_meta(job_id)))
    >>> print(failure)
    site-2 failed in round 2, in train.py line 11: ValueError: shapes (10,) and (12,) not aligned
    Correct train.py line 11 and submit the job again.
    """
    return _Collector(session, dict(meta), server_logs).collect()


class _Collector:
    def __init__(self, session: Session, meta: dict[str, Any], server_logs: Mapping[str, str] | None) -> None:
        self._session = session
        self._meta = meta
        self._server_logs = server_logs
        job = text_or_empty(meta.get("job_id"))
        self._job_id = job if _JOB_ID.fullmatch(job) else ""
        self._status = text_or_empty(meta.get("status"))
        self._ended = has_ended(self._status)
        self._role_note = f" ({sanitize(session.kit.role, 40)})" if session.kit.role else ""
        self._logs: list[LogText] = []
        self._missing: list[str] = []
        self._idle_sites: list[str] = []
        self._blamed_sites: list[str] = []

    def collect(self) -> Evidence:
        self._complete_meta()
        begun = bool(self._meta.get("start_time"))
        answers = self._send_all(self._server_commands(begun))
        system = answers.pop("system")
        aborted_by = self._find_aborter(answers.pop("audit", None))
        self._read_server_answers(answers)
        connected: tuple[str, ...] | None = None
        running: tuple[str, ...] | None = None
        started: float | None = None
        if isinstance(system, SystemInfo):
            connected = tuple(sorted(c.name for c in system.client_info))
            running = tuple(sorted(j.job_id for j in system.job_info))
            started = system.server_info.start_time
        else:
            self._add_missing("who is connected to the server", system)
        if self._job_id and begun and JobStatus.of(self._status) is not JobStatus.ABORTED:
            self._collect_from_sites(connected)
            has_failed = self._ended and JobStatus.of(self._status) is not JobStatus.COMPLETED
            if has_failed or self._idle_sites:
                self._collect_other_logs(connected)
        return Evidence(
            meta=self._meta,
            logs=tuple(self._logs),
            missing=tuple(self._missing),
            aborted_by=aborted_by,
            connected=connected,
            running=running,
            idle=tuple(self._idle_sites),
            server_started=started,
            at=time.time(),
        )

    def _complete_meta(self) -> None:
        """Ask for the meta again if it has the status but not the reason, which FLARE stores a moment later."""
        is_early = JobStatus.of(self._status) is JobStatus.FAILED_TO_RUN and "job_deploy_detail" not in self._meta
        if not is_early or not self._job_id:
            return
        time.sleep(_DEPLOY_DETAIL_DELAY_S)
        answer = self._send_all({"meta": commands.get_job_meta(self._job_id)})["meta"]
        if isinstance(answer, dict) and "job_deploy_detail" in answer:
            self._meta = answer

    def _server_commands(self, started: bool) -> dict[str, Command[Any]]:
        asked: dict[str, Command[Any]] = {"system": commands.get_system_info()}
        if not self._job_id:
            return asked
        if JobStatus.of(self._status) is JobStatus.ABORTED:
            asked["audit"] = commands.grep("server", None, f"abort_job {self._job_id}", "audit.log")
        asked["parent"] = commands.grep("server", None, self._job_id, commands.LOG_FILE)
        if started and self._ended:
            asked["job"] = commands.get_job_log(self._job_id)
        elif started:
            asked["job"] = commands.read_file("tail", "server", _JOB_TAIL_OPTION, f"{self._job_id}/log.txt")
            asked["remembered"] = commands.show_errors(self._job_id, "server")
        return asked

    def _read_server_answers(self, answers: dict[str, ResultOrError]) -> None:
        parent, job = answers.get("parent"), answers.get("job")
        if isinstance(parent, str):
            self._add_log("server", "parent", parent)
        remembered = answers.get("remembered")
        if isinstance(remembered, dict):
            self._add_log("server", "remembered", "\n".join(_format_errors(remembered)))
        if isinstance(job, dict):  # the whole log, at most 5 MiB of it
            job = job.get("logs", {}).get("server") if isinstance(job.get("logs"), dict) else None
        if isinstance(job, str):
            self._add_log("server", "job", job)
            return
        if "job" in answers:
            where = (
                "it is in workspace/log.txt of the result, which the job's submitter can download"
                if self._ended
                else f"its administrator can read {self._job_id}/log.txt in the server's folder"
            )
            self._add_missing("the server's log of the job", job, where)

    def _collect_from_sites(self, connected: Sequence[str] | None) -> None:
        sites = self._select_sites(connected)
        here = [site for site in sites if connected is None or site in connected]
        files = {"errors": ("error_log.txt", _ERROR_TAIL_OPTION), "job": (commands.LOG_FILE, _JOB_TAIL_OPTION)}
        asked: dict[tuple[str, str], Command[Any]] = {}
        for site in here:
            for what, (file, lines) in files.items():
                asked[site, what] = commands.read_file("tail", site, lines, f"{self._job_id}/{file}")
            asked[site, "parent"] = commands.grep(site, None, self._job_id, commands.LOG_FILE)
            if not self._ended:
                asked[site, "runs"] = commands.get_client_job_status([site])
        unread: dict[str, ResultOrError] = {site: "" for site in sites if site not in here}
        for (site, what), answer in self._send_all(asked).items():
            if what == "runs":
                if isinstance(answer, list) and answer and not any(self._may_run_job(entry) for entry in answer):
                    self._idle_sites.append(site)
            elif isinstance(answer, str) and not is_missing_file(answer):
                self._add_log(site, what, answer)
            elif what == "job":
                unread[site] = answer
        components = self._download_error_logs(unread) if unread else {}
        for site, why in unread.items():
            if site in components:
                self._add_log(site, "errors", components[site])
            if self._blamed_sites and site not in self._blamed_sites:
                continue  # the log of a site that is not blamed is not needed
            where = f"its administrator can read {self._job_id}/log.txt in the site's folder"
            errors_only = ", of which only the errors were sent to the server" if site in components else ""
            if why == "":
                self._missing.append(f"{site}'s log{errors_only}: the site is not connected to the server; {where}")
            elif isinstance(why, str):
                self._missing.append(f"{site}'s log{errors_only}: the site does not have it (any more)")
            else:
                self._add_missing(f"{site}'s log{errors_only}", why, where)

    def _collect_other_logs(self, connected: Sequence[str] | None) -> None:
        """Collect the other logs of those whose own logs tell only a consequence."""
        analysis = LogAnalysis(Evidence(meta=self._meta, logs=tuple(self._logs)))
        sites = [site for site in analysis.unexplained_sites() if connected is None or site in connected]
        owners = ["server", *sites] if analysis.is_unexplained("server") else sites
        if not owners:
            return
        found: dict[str, dict[str, str]] = {owner: {} for owner in owners}
        asked: dict[Any, Command[Any]] = {}
        for owner, answer in self._send_all(
            {owner: commands.ls(owner, None, self._job_id) for owner in owners}
        ).items():
            if isinstance(answer, str) and not is_missing_file(answer):
                for name in select_other_logs(parse_listing(answer)):
                    asked[owner, name] = commands.read_file(
                        "tail", owner, f"-c{bounds.MAX_LOG_TAIL_BYTES}", f"{self._job_id}/{name}"
                    )
        for (owner, name), answer in self._send_all(asked).items():
            if isinstance(answer, str) and not is_missing_file(answer):
                found[owner][name] = answer
        if "server" in found and not found["server"] and self._ended:
            found["server"] = self._read_from_result()
        for owner, logs in found.items():
            for name, text in logs.items():
                if text.strip():
                    lines = (line[:4000] for line in text[-bounds.MAX_LOG_TAIL_BYTES :].splitlines())
                    self._logs.append(LogText(owner, "output", "\n".join(lines), name))

    def _read_from_result(self) -> dict[str, str]:
        """Return the other logs of the server, from the job's result."""
        if self._server_logs is not None:
            return {name: self._server_logs[name] for name in select_other_logs(self._server_logs)}
        where = "the other logs in the server's folder of the job"
        hint = "they are in workspace/ of the result, which the job's submitter can download"
        large: list[str] = []

        def is_wanted(path: str, size: int) -> bool:
            if is_other_log(path) and size > bounds.MAX_FILE_BYTES:
                large.append(sanitize(path))
            return is_other_log(path) and size <= bounds.MAX_FILE_BYTES

        try:
            found = self._session.read_result_files(self._job_id, is_wanted, timeout=bounds.FETCH_TIMEOUT_S)
        except FlareError as e:
            self._add_missing(where, e, hint)
            return {}
        if large:
            self._missing.append(f"{where}: {large[0]} has more than {bounds.MAX_FILE_BYTES >> 20} MB; {hint}")
        if found.reason:
            self._missing.append(f"{where}: {found.reason}; {hint}")
        return read_other_logs(found.files)

    def _select_sites(self, connected: Sequence[str] | None) -> list[str]:
        """Return the sites to query."""
        details = self._meta.get("job_deploy_detail")
        lines = details if isinstance(details, list) else []
        named = [str(line).partition(":")[0].strip() for line in lines]
        sites = [name for name in named if name != "server" and TARGET_NAME_PATTERN.fullmatch(name)]
        sites = sorted(dict.fromkeys(sites or connected or ()))
        self._blamed_sites = [site for site in find_blamed_sites(self._logs) if site in sites]
        sites.sort(key=lambda site: site not in self._blamed_sites)
        if len(sites) > MAX_SITES and not self._blamed_sites:
            self._missing.append(f"the logs of {len(sites) - MAX_SITES} more sites, which were not asked")
        return sites[:MAX_SITES]

    def _may_run_job(self, entry: Mapping[str, Any]) -> bool:
        """Return whether a site may be running the job, given an entry of its report of running jobs."""
        return entry.get("status") != "no_jobs" and entry.get("job_id") in (self._job_id, None)

    def _download_error_logs(self, sites: Iterable[str]) -> dict[str, str]:
        """Return the error logs that sites sent to the server, by site name."""
        wanted = {f"ERRORLOG_{site}": site for site in sites}
        try:
            there = wanted.keys() & set(self._session.list_job_components(self._job_id))
            if not there:
                return {}
            found = self._session.read_job_components(self._job_id, there, timeout=bounds.FETCH_TIMEOUT_S)
        except FlareError:
            return {}
        end = bounds.MAX_ERROR_LOG_CHARS
        return {wanted[name]: content[-end:].decode("utf-8", "replace") for name, content in found.files.items()}

    def _find_aborter(self, audit: ResultOrError) -> str:
        if audit is None:
            return ""
        if not isinstance(audit, str):
            self._add_missing(
                "who aborted the job", audit, "the server's administrator can read audit.log in its folder"
            )
            return ""
        users = _ABORT_AUDIT.findall(audit)
        if not users:
            self._missing.append("who aborted the job: the server's audit log has no such command (any more)")
        return sanitize(users[0]) if users else ""

    def _send_all(self, requests: Mapping[Any, Command[Any]]) -> dict[Any, ResultOrError]:
        """Send all commands at once; return the result or the exception of each."""
        answers: dict[Any, ResultOrError] = {}
        futures: dict[Any, concurrent.futures.Future[Any]] = {}
        for key, command in requests.items():
            try:
                futures[key] = self._session.start(command)
            except FlareError as e:
                answers[key] = e
        patience = time.monotonic() + STEP_TIMEOUT_S
        for key, future in futures.items():
            try:
                answers[key] = future.result(max(0.0, patience - time.monotonic()))
            except concurrent.futures.TimeoutError:
                future.cancel()
                answers[key] = NoReply("no answer in time")
            except Exception as e:  # also for malformed answers: the others still count
                answers[key] = e
        return answers

    def _add_log(self, owner: str, kind: str, text: str) -> None:
        lines = shorten_log(text)
        if any(line.strip() for line in lines):
            self._logs.append(LogText(owner, kind, "\n".join(line[:4000] for line in lines)))

    def _add_missing(self, subject: str, answer: ResultOrError, hint: str = "") -> None:
        if isinstance(answer, AuthorizationError):
            reason = f"your role{self._role_note} may not read it"
        elif isinstance(answer, InvalidTarget):
            reason = "the site is not connected to the server"
        elif isinstance(answer, SessionClosed):
            reason = "the session is closed"
        elif isinstance(answer, (NoConnection, NoReply)):
            reason = "no answer in time"
        elif isinstance(answer, InternalError) and "nknown command" in str(answer):
            reason = "this version of the server does not send it"
        elif isinstance(answer, BaseException):
            reason = sanitize(" ".join(str(answer).split()), 200) or type(answer).__name__
        else:
            reason = "the server does not have it (any more)"
        self._missing.append(f"{subject}: {reason}{'; ' if hint else ''}{hint}")


def _format_errors(errors: Mapping[str, Any]) -> Iterable[str]:
    parts = errors.get("server")
    for name, kinds in parts.items() if isinstance(parts, dict) else ():
        for kind, text in kinds.items() if isinstance(kinds, dict) else ():
            yield f"{name} - {kind}: {text}"
