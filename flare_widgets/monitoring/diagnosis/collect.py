"""What is known about a job that may have failed, gathered from whoever may be asked.

What is asked, in this order, the questions of one step at once:

1. The server: who is connected and what runs (`view`); what its own log says about the job, and for an aborted job
   its audit log (`shell_commands`); the log of the job's process on the server, by ``tail`` while that process may
   live and by `get_job_log` after the end, when FLARE has moved it into the stored result.
2. The job's sites, those first that the server blames (a few of them, if they are many): the end of the job's
   ``error_log.txt`` and ``log.txt``, and what the site's own log says about the job (`shell_commands` there). A site
   keeps them after the job's end. While the job runs, also what the site runs (`view`).
3. For sites that could not be asked: the ``ERRORLOG_`` components that sites sent to the server (`list_job`,
   `download_job_components`).

Each costs the server 5 to 10 ms. Sites that do not answer cost one time-out of a command, however many they are.
What cannot be had becomes a sentence.
"""

from __future__ import annotations

import concurrent.futures
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ...api import commands
from ...api.commands import Command
from ...api.commands.command import TARGET
from ...api.models import SystemInfo, is_terminal
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, InternalError, InvalidTarget, NoConnection, NoReply, SessionClosed
from ...formatting.text import clean
from . import Evidence, LogText
from .server_blame import blamed

T = TypeVar("T")

MOST_SITES = 8
"""How many sites are asked at most."""

PATIENCE = 7.0
"""Seconds that the answers to the questions of one step are waited for."""

_JOB_LINES = "-n400"  # of a job's log: the rounds before the end, and a long traceback
_ERROR_LINES = "-n200"
_KEEP = 400  # lines of what the server sends whole
_JOB_ID = re.compile(r"[A-Za-z0-9-]{1,100}")  # it becomes part of paths
_NOT_THERE = re.compile(r"(?:tail|grep|cat): .*(?:cannot open|No such file)")
_AUDIT = re.compile(r"\[U:([^\]]{1,200})\]\[A:abort_job")

Answer = Any  # a command's result, or the exception that came instead


def gather(session: Session, meta: Mapping[str, Any]) -> Evidence:
    """Ask for everything that helps to explain how a job ended, or why it does not start.

    Blocks: mostly for a tenth of a second, for each of three steps at most :data:`PATIENCE`. Works while the job
    runs, at its end and long after, for every role: what may not or cannot be read is said in the evidence.

    Parameters
    ----------
    session
        An open session. Nothing is written but a folder that is removed again.
    meta
        The job's meta, as :meth:`.Session.get_job_meta` gives it.

    Returns
    -------
    Evidence
        What :func:`.explain` needs. If the server cannot be asked at all, the meta and why.

    Examples
    --------
    >>> failure = explain(gather(session, session.get_job_meta(job_id)))
    >>> print(failure)
    site-2 failed in round 2, in train.py line 11: ValueError: shapes (10,) and (12,) not aligned
    Correct train.py line 11 and submit the job again (%flare submit).
    """
    return _Gathering(session, dict(meta)).run()


class _Gathering:
    def __init__(self, session: Session, meta: dict[str, Any]) -> None:
        self._session = session
        self._meta = meta
        job = _text(meta.get("job_id"))
        self._job = job if _JOB_ID.fullmatch(job) else ""
        self._status = _text(meta.get("status"))
        self._ended = is_terminal(self._status)
        self._role = f" ({clean(session.kit.role, 40)})" if session.kit.role else ""
        self._logs: list[LogText] = []
        self._missing: list[str] = []
        self._idle: list[str] = []
        self._suspects: list[str] = []

    def run(self) -> Evidence:
        begun = bool(self._meta.get("start_time"))
        answers = self._ask(self._of_the_server(begun))
        system = answers.pop("system")
        aborted_by = self._aborter(answers.pop("audit", None))
        self._take_server(answers)
        connected: tuple[str, ...] | None = None
        running: tuple[str, ...] | None = None
        started: float | None = None
        if isinstance(system, SystemInfo):
            connected = tuple(sorted(c.name for c in system.client_info))
            running = tuple(sorted(j.job_id for j in system.job_info))
            started = system.server_info.start_time
        else:
            self._miss("who is connected to the server", system)
        if self._job and begun and self._status != "FINISHED:ABORTED":
            self._take_sites(connected)
        return Evidence(
            meta=self._meta,
            logs=tuple(self._logs),
            missing=tuple(self._missing),
            aborted_by=aborted_by,
            connected=connected,
            running=running,
            idle=tuple(self._idle),
            server_started=started,
            at=time.time(),
        )

    def _of_the_server(self, begun: bool) -> dict[str, Command[Any]]:
        asked: dict[str, Command[Any]] = {"system": commands.get_system_info()}
        if not self._job:
            return asked
        if self._status == "FINISHED:ABORTED":
            asked["audit"] = commands.grep("server", None, f"abort_job {self._job}", "audit.log")
        asked["parent"] = commands.grep("server", None, self._job, "log.txt")
        if begun and self._ended:
            asked["job"] = commands.get_job_log(self._job)
        elif begun:
            asked["job"] = commands.read_file("tail", "server", _JOB_LINES, f"{self._job}/log.txt")
            asked["remembered"] = commands.show_errors(self._job, "server")
        return asked

    def _take_server(self, answers: dict[str, Answer]) -> None:
        parent, job = answers.get("parent"), answers.get("job")
        if isinstance(parent, str):
            self._take("server", "parent", parent)
        remembered = answers.get("remembered")
        if isinstance(remembered, dict):
            self._take("server", "remembered", "\n".join(_remembered(remembered)))
        if isinstance(job, dict):  # the whole log, at most 5 MiB of it
            job = job.get("logs", {}).get("server") if isinstance(job.get("logs"), dict) else None
        if isinstance(job, str):
            self._take("server", "job", job)
            return
        if "job" in answers:
            where = (
                "it is in workspace/log.txt of the result, which the job's submitter can download"
                if self._ended
                else f"its administrator can read {self._job}/log.txt in the server's folder"
            )
            self._miss("the server's log of the job", job, where)

    def _take_sites(self, connected: Sequence[str] | None) -> None:
        sites = self._sites(connected)
        here = [site for site in sites if connected is None or site in connected]
        files = {"errors": ("error_log.txt", _ERROR_LINES), "job": ("log.txt", _JOB_LINES)}
        asked: dict[tuple[str, str], Command[Any]] = {}
        for site in here:
            for what, (file, lines) in files.items():
                asked[site, what] = commands.read_file("tail", site, lines, f"{self._job}/{file}")
            asked[site, "parent"] = commands.grep(site, None, self._job, "log.txt")
            if not self._ended:
                asked[site, "runs"] = commands.get_client_job_status([site])
        unread: dict[str, Answer] = {site: "" for site in sites if site not in here}
        for (site, what), answer in self._ask(asked).items():
            if what == "runs":
                if isinstance(answer, list) and answer and not any(self._runs(entry) for entry in answer):
                    self._idle.append(site)
            elif isinstance(answer, str) and not _NOT_THERE.match(answer):
                self._take(site, what, answer)
            elif what == "job":
                unread[site] = answer
        components = self._components(unread) if unread else {}
        for site, why in unread.items():
            if site in components:
                self._take(site, "errors", components[site])
            if self._suspects and site not in self._suspects:
                continue  # it is no loss
            where = f"its administrator can read {self._job}/log.txt in the site's folder"
            errors_only = ", of which only the errors were sent to the server" if site in components else ""
            if why == "":
                self._missing.append(f"{site}'s log{errors_only}: the site is not connected to the server; {where}")
            elif isinstance(why, str):
                self._missing.append(f"{site}'s log{errors_only}: it is not there any more, or never was")
            else:
                self._miss(f"{site}'s log{errors_only}", why, where)

    def _sites(self, connected: Sequence[str] | None) -> list[str]:
        """Whom to ask."""
        details = self._meta.get("job_deploy_detail")
        lines = details if isinstance(details, list) else []
        named = [str(line).partition(":")[0].strip() for line in lines]
        sites = [name for name in named if name != "server" and TARGET.fullmatch(name)]
        sites = sorted(dict.fromkeys(sites or connected or ()))
        self._suspects = [site for site in blamed(self._logs) if site in sites]
        sites.sort(key=lambda site: site not in self._suspects)
        if len(sites) > MOST_SITES and not self._suspects:
            self._missing.append(f"the logs of {len(sites) - MOST_SITES} more sites, which were not asked")
        return sites[:MOST_SITES]

    def _runs(self, entry: Mapping[str, Any]) -> bool:
        """Whether a site may run the job, by an entry of what it says it runs."""
        return entry.get("status") != "no_jobs" and entry.get("job_id") in (self._job, None)

    def _components(self, sites: Iterable[str]) -> dict[str, str]:
        """The logs of errors that sites sent to the server, by the site's name."""
        wanted = {f"ERRORLOG_{site}": site for site in sites}
        try:
            if not wanted.keys() & set(self._session.list_job_components(self._job)):
                return {}
            folder = Path(self._session.download_job_components(self._job))
        except (FlareError, OSError):
            return {}
        try:
            return {
                site: (folder / name).read_text(errors="replace")[-200_000:]
                for name, site in wanted.items()
                if (folder / name).is_file()
            }
        except OSError:
            return {}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _aborter(self, audit: Answer) -> str:
        if audit is None:
            return ""
        if not isinstance(audit, str):
            self._miss("who aborted the job", audit, "the server's administrator can read audit.log in its folder")
            return ""
        users = _AUDIT.findall(audit)
        if not users:
            self._missing.append("who aborted the job: the server's audit log has no such command (any more)")
        return clean(users[0]) if users else ""

    def _ask(self, asked: Mapping[Any, Command[Any]]) -> dict[Any, Answer]:
        """Ask everything at once; for each, the answer or the exception."""
        answers: dict[Any, Answer] = {}
        futures: dict[Any, concurrent.futures.Future[Any]] = {}
        for key, command in asked.items():
            try:
                futures[key] = self._session.start(command)
            except FlareError as e:
                answers[key] = e
        patience = time.monotonic() + PATIENCE
        for key, future in futures.items():
            try:
                answers[key] = future.result(max(0.0, patience - time.monotonic()))
            except concurrent.futures.TimeoutError:
                future.cancel()
                answers[key] = NoReply("no answer in time")
            except Exception as e:  # also of an answer that makes no sense: the others still count
                answers[key] = e
        return answers

    def _take(self, of: str, what: str, text: str) -> None:
        lines = text.splitlines()[-_KEEP:]
        if any(line.strip() for line in lines):
            self._logs.append(LogText(of, what, "\n".join(line[:4000] for line in lines)))

    def _miss(self, what: str, why: Answer, where: str = "") -> None:
        if isinstance(why, AuthorizationError):
            reason = f"your role{self._role} may not read it"
        elif isinstance(why, InvalidTarget):
            reason = "the site is not connected to the server"
        elif isinstance(why, SessionClosed):
            reason = "the session is closed"
        elif isinstance(why, (NoConnection, NoReply)):
            reason = "no answer in time"
        elif isinstance(why, InternalError) and "nknown command" in str(why):
            reason = "a server of this version does not send it"
        elif isinstance(why, BaseException):
            reason = clean(" ".join(str(why).split()), 200) or type(why).__name__
        else:
            reason = "the server does not have it (any more)"
        self._missing.append(f"{what}: {reason}{'; ' if where else ''}{where}")


def _remembered(errors: Mapping[str, Any]) -> Iterable[str]:
    parts = errors.get("server")
    for name, kinds in parts.items() if isinstance(parts, dict) else ():
        for kind, text in kinds.items() if isinstance(kinds, dict) else ():
            yield f"{name} - {kind}: {text}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
