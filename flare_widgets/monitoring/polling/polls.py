"""Where facts come from: what to ask, what it needs and costs, and what the answers say.

A source is asked for a *poll*: a generator that yields commands to be sent at the same time, is sent their answers,
and returns facts. It does no I/O and knows no thread, so it can be tested without a server. Rights and costs were
measured (FLARE 2.9, loopback).

=============  ==============================================  ================  =================================
source         command                                         right             costs the server
=============  ==============================================  ================  =================================
Status         ``get_job_meta``                                view              6 ms, whatever is stored
Rounds         ``tail server -c+N JOB/log.json``: what is new  shell_commands    6 ms, and the new bytes
... else       ``get_job_log JOB server log.json``: all of it  get_job_log       8 ms, and 13 ms for each MB
Activity       ``show_stats JOB client SITE``                  view              12 ms, and a message to the site
System         ``check_status server``, for all jobs at once   view              5 ms
=============  ==============================================  ================  =================================
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from ...api import commands
from ...api.commands import Command
from ...api.models import SystemInfo
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, NoConnection
from ...formatting.text import clean
from ..job import meta as job_meta
from ..job.model import Round, SiteActivity, counting
from ..job.snapshot import JobSnapshot
from ..job.updates import Fact, Learned, LogRead, Meta, Missed, ServerRuns, Workflow
from ..logs import files
from ..logs.facts import ServerLog

LOG = "log.json"

_TRUNCATED = "... output truncated to last"
_NO_FILE = ("tail: cannot open", "cat: ", "ls: cannot access")
_LISTED = re.compile(r"^-\S+\s+\d+\s+\S+\s+\S+\s+(\d+)\s.*\s(\S+)$", re.MULTILINE)
_SAME_CLOCK = 2.0  # seconds that the server's clock may differ; shifting its times by less would only blur them
_OVERLAP = 300  # characters by which a log is known again: a record of usual length, with its time
_ROTATED = re.compile(r"log\.json\.(\d{1,3})")


@dataclass(frozen=True)
class Answer:
    """What came of a command.

    Attributes
    ----------
    value
        Its result; None when it failed.
    error
        Why it failed.
    now
        When the answer came (seconds since the epoch).
    took
        How many seconds it took.
    """

    value: Any
    error: FlareError | None
    now: float
    took: float = 0.0


@dataclass(frozen=True)
class Clock:
    """How the server's times relate to ours.

    Attributes
    ----------
    ahead
        Seconds by which the server's clock is ahead.
    zone
        Seconds by which its local time is ahead of UTC.
    """

    ahead: float = 0.0
    zone: float = 0.0


Poll = Generator[Sequence[Command[Any]], Sequence[Answer], "list[Fact]"]


def status(job_id: str, ahead: float) -> Poll:
    """Ask for the job's meta.

    Raises
    ------
    FlareError
        The server refused, or could not be asked.
    """
    (answer,) = yield [commands.get_job_meta(job_id)]
    if answer.error is not None:
        raise answer.error
    return [Meta(answer.value, answer.now, ahead)]


def listing() -> Generator[Sequence[Command[Any]], Sequence[Answer], Answer]:
    """Return the server's list of all jobs of the study. Raises why there is none."""
    (answer,) = yield [commands.list_jobs()]
    if answer.error is not None:
        raise answer.error
    return answer


def system(
    job_ids: Sequence[str], ahead: float
) -> Generator[Sequence[Command[Any]], Sequence[Answer], dict[str, list[Fact]]]:
    """Ask who is connected and which jobs run, and say it to each of the jobs."""
    (answer,) = yield [commands.get_system_info()]
    if answer.error is not None:
        return {job: [Missed("system", why_not(answer.error), answer.now)] for job in job_ids}
    info: SystemInfo = answer.value
    running = {job.job_id for job in info.job_info}
    seen = [
        SiteActivity(c.name, last_seen=c.last_connect_time - ahead)
        for c in info.client_info
        if c.name and c.last_connect_time is not None
    ]
    return {job: [ServerRuns(job in running, answer.now), Learned("system", answer.now), *seen] for job in job_ids}


def activity(job_id: str, site: str) -> Poll:
    """Ask what one site (or the server) does in a running job. One at a time: one that hangs delays only itself."""
    kind = "server" if site == "server" else "client"
    (answer,) = yield [commands.show_stats(job_id, kind, None if kind == "server" else [site])]
    if isinstance(answer.error, AuthorizationError):
        return [Missed("activity", why_not(answer.error), answer.now)]
    if answer.error is not None:
        # While the job's processes come up and go down nobody can be asked: that is nothing to tell.
        hung = isinstance(answer.error, NoConnection)
        return [Missed("activity", f"{clean(site)} does not answer", answer.now)] if hung else []
    parts = answer.value.get(site)
    found: list[Fact] = [Learned("activity", answer.now)]
    for part in parts.values() if isinstance(parts, dict) else ():
        if not isinstance(part, dict):
            continue
        tasks = part.get("current_tasks")
        if isinstance(tasks, list):
            found.append(SiteActivity(site, tuple(str(t)[:100] for t in tasks[:20]), answer.now))
        number = counting(part.get("current_round"))
        if number is not None:
            found += [Round(number), Workflow(total_rounds=counting(part.get("num_rounds")))]
    return found


class Rounds:
    """What the server's log of the job tells: rounds, tasks, metrics, trouble. Each byte of it is read once.

    Parameters
    ----------
    job_id
        The job.

    Attributes
    ----------
    readable
        Whether the user may read the log in one of the ways there are.
    """

    def __init__(self, job_id: str) -> None:
        self._job = job_id
        self._log: ServerLog | None = None
        self._position = 0  # bytes read of the file that is written to now
        self._end = ""  # what was read last of it, by which it is known again
        self._shell = True
        self._metrics: str | None = None
        self._metrics_read = 0
        self.readable = True

    def poll(self, clock: Clock) -> Poll:
        """Ask for what is new."""
        facts: list[Fact] = []
        if self._log is None:
            facts += yield from self._begin(clock)
        if self._log is not None and self._shell:
            facts += yield from self._tail(self._log)
        if self._log is not None and not self._shell and self.readable:
            facts += yield from self._whole(self._log)
        if self._metrics is not None:
            facts += yield from self._round_metrics()
        return facts

    def _begin(self, clock: Clock) -> Poll:
        """Read the configuration, and the logs that were rotated away already."""
        config, listed = yield [
            commands.read_file("cat", "server", None, f"{self._job}/{files.SERVER_CONFIG}"),
            commands.ls("server", "-l", self._job),
        ]
        for answer in (config, listed):
            if answer.error is not None and not isinstance(answer.error, AuthorizationError):
                return [Missed("rounds", why_not(answer.error), answer.now)]  # the next time perhaps
        told: Workflow | None = None
        if config.error is None and not config.value.startswith(_NO_FILE):
            told = files.read_config(config.value)
            self._metrics = files.readable_round_metrics(config.value)
        log = self._log = ServerLog(clock.zone, clock.ahead, told)
        facts: list[Fact] = [] if told is None else [told]
        if listed.error is None:
            for number in sorted(_rotated(listed.value), reverse=True):
                (answer,) = yield [self._from_start(f".{number}")]
                facts += self._taken(log, answer)
        self._forget_place()
        return facts

    def _tail(self, log: ServerLog) -> Poll:
        """Read what was written since, by its place in the file."""
        (answer,) = yield [self._from_here()]
        if isinstance(answer.error, AuthorizationError):
            self._shell = False
            return []
        if answer.error is None and answer.value.startswith(_NO_FILE):
            return []  # not yet, or not any more
        if answer.error is None and not answer.value.startswith(self._end):
            return (yield from self._renamed(log))
        return self._taken(log, answer, skip=len(self._end))

    def _renamed(self, log: ServerLog) -> Poll:
        """Finish the file that was renamed, read those that came and went since, and go on with the new one."""
        facts: list[Fact] = []
        (listed,) = yield [commands.ls("server", "-l", self._job)]
        if listed.error is not None:
            return [Missed("rounds", why_not(listed.error), listed.now)]
        sizes = _rotated(listed.value)
        for number in sorted(sizes):
            if sizes[number] < self._position:
                continue
            (rest,) = yield [self._from_here(f".{number}")]
            if rest.error is None and rest.value.startswith(self._end):
                facts += self._taken(log, rest, skip=len(self._end))
                for later in range(number - 1, 0, -1):
                    (answer,) = yield [self._from_start(f".{later}")]
                    facts += self._taken(log, answer)
                break
        else:
            log.gap()  # it was cut off, or has been gone for long
        self._forget_place()
        (answer,) = yield [self._from_start()]
        return [*facts, *self._taken(log, answer)]

    def _whole(self, log: ServerLog) -> Poll:
        """Read all of it, where only that is permitted."""
        (answer,) = yield [commands.get_job_log(self._job, "server", LOG)]
        if isinstance(answer.error, AuthorizationError):
            self.readable = False
            return [Missed("rounds", f"{why_not(answer.error)}; sites are asked what they do instead", answer.now)]
        if answer.error is not None:
            return [Missed("rounds", why_not(answer.error), answer.now)]
        logs = answer.value.get("logs")
        text = logs.get("server") if isinstance(logs, dict) else None
        if not isinstance(text, str):
            return []
        cut = _TRUNCATED in text[:200]
        # Where it begins is not known when only its end is sent, or when it is a new file: what was read last tells.
        at = text.rfind(self._end) if self._end else -1
        new = text[at + len(self._end) :] if at >= 0 else text.partition("\n")[2] if cut else text
        if at < 0:
            self._end = ""
        if cut and at < 0:
            log.gap()
        return self._fed(log, new, answer.now)

    def _round_metrics(self) -> Poll:
        (answer,) = yield [commands.read_file("cat", "server", None, f"{self._job}/{self._metrics}")]
        if answer.error is not None or answer.value.startswith(_NO_FILE) or len(answer.value) == self._metrics_read:
            return []
        self._metrics_read = len(answer.value)
        return [*files.read_round_metrics(answer.value), Learned("metrics", answer.now)]

    def _from_here(self, suffix: str = "") -> Command[str]:
        # With what was read last: if it is not there, this is not the file it was.
        at = self._position - len(self._end.encode("utf-8", "surrogatepass"))
        return commands.tail_from("server", f"{self._job}/{LOG}{suffix}", at)

    def _from_start(self, suffix: str = "") -> Command[str]:
        return commands.tail_from("server", f"{self._job}/{LOG}{suffix}", 0)

    def _forget_place(self) -> None:
        self._position, self._end = 0, ""

    def _taken(self, log: ServerLog, answer: Answer, skip: int = 0) -> list[Fact]:
        if answer.error is not None:
            return [Missed("rounds", why_not(answer.error), answer.now)]
        if answer.value.startswith(_NO_FILE):
            return []
        return self._fed(log, answer.value[skip:], answer.now)

    def _fed(self, log: ServerLog, text: str, now: float) -> list[Fact]:
        whole = text[: text.rfind("\n") + 1]
        before = log.offset
        facts = log.feed(whole)
        self._position += log.offset - before
        self._end = (self._end + whole[-_OVERLAP:])[-_OVERLAP:]
        return [*facts, LogRead("server", LOG, log.offset), Learned("rounds", now)]


def why_not(error: FlareError) -> str:
    """Return in words why something could not be had."""
    if isinstance(error, AuthorizationError):
        return f"not permitted: {clean(str(error), 300)}"
    if isinstance(error, NoConnection):
        return f"no answer: {clean(str(error), 300)}"
    return clean(str(error), 300) or type(error).__name__


def clock_of(meta: dict[str, Any], ahead: float) -> Clock:
    """Return how the server's times relate to ours, from a job's meta; the same zone as here if it does not tell."""
    zone = job_meta.zone_offset(meta)
    return Clock(ahead, job_meta.our_zone() if zone is None else zone)


def ahead(session: Session) -> float:
    """Return the seconds by which the server's clock is ahead of ours, where that matters."""
    offset = session.clock_offset or 0.0
    return offset if abs(offset) > _SAME_CLOCK else 0.0


def sites_of(snapshot: JobSnapshot) -> list[str]:
    """Return whom to ask what they do."""
    return ["server", *snapshot.working_sites]


def _rotated(listed: str) -> dict[int, int]:
    """The numbers and sizes in bytes of the logs that were rotated away, from what ``ls -l`` printed."""
    names = ((_ROTATED.fullmatch(name), size) for size, name in _LISTED.findall(listed))
    return {int(match[1]): int(size) for match, size in names if match is not None}
