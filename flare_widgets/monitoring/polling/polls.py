"""Polls of a job: their commands, the rights they need and their costs, and the parsing of the answers.

A *poll* is a generator that yields commands to be sent at the same time, is sent their answers,
and returns updates. It does no I/O and uses no threads, so it can be tested without a server. Rights and costs were
measured (FLARE 2.9, loopback).

=============  ==============================================  ================  =================================
poll           command                                         right             costs the server
=============  ==============================================  ================  =================================
Status         ``get_job_meta``                                view              6 ms, whatever is stored
Rounds         ``tail server -c+N JOB/log.json``: new text     shell_commands    6 ms, and the new bytes
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
from ...formatting.text import sanitize
from ..job import meta as job_meta
from ..job.model import Round, SiteActivity, round_count_or_none
from ..job.snapshot import JobSnapshot
from ..job.updates import GroupRefreshed, GroupUnavailable, JobMeta, LogOffset, ProcessPresence, Update, Workflow
from ..logs import files
from ..logs.facts import ServerLogParser

LOG_FILE = "log.json"

_TRUNCATION_MARKER = "... output truncated to last"
_NO_FILE_PREFIXES = ("tail: cannot open", "cat: ", "ls: cannot access")
_LS_LINE = re.compile(r"^-\S+\s+\d+\s+\S+\s+\S+\s+(\d+)\s.*\s(\S+)$", re.MULTILINE)
_MIN_CLOCK_OFFSET_S = 2.0  # seconds that the server's clock may differ: shifting its times by less would only blur them
_OVERLAP_CHARS = 300  # characters by which a log is recognized: a record of usual length, with its time
_ROTATED_NAME = re.compile(r"log\.json\.(\d{1,3})")


@dataclass(frozen=True)
class Answer:
    """Outcome of a command.

    Attributes
    ----------
    value
        The result; None if it failed.
    error
        The error if it failed.
    received_at
        The time of the answer (seconds since the epoch).
    latency_s
        Seconds that the answer took.
    """

    value: Any
    error: FlareError | None
    received_at: float
    latency_s: float = 0.0


@dataclass(frozen=True)
class ServerClock:
    """Offsets of the server's clock and time zone.

    Attributes
    ----------
    offset
        Seconds by which the server's clock is ahead of ours.
    utc_offset
        Seconds by which its local time is ahead of UTC.
    """

    offset: float = 0.0
    utc_offset: float = 0.0


PollGenerator = Generator[Sequence[Command[Any]], Sequence[Answer], "list[Update]"]


def poll_status(job_id: str, clock_offset: float) -> PollGenerator:
    """Poll the job's meta.

    Raises
    ------
    FlareError
        The server refused, or could not be reached.
    """
    (answer,) = yield [commands.get_job_meta(job_id)]
    if answer.error is not None:
        raise answer.error
    return [JobMeta(answer.value, answer.received_at, clock_offset)]


def poll_job_list() -> Generator[Sequence[Command[Any]], Sequence[Answer], Answer]:
    """Poll the server's list of all jobs of the study. Raises the error if there is none."""
    (answer,) = yield [commands.list_jobs()]
    if answer.error is not None:
        raise answer.error
    return answer


def poll_system(
    job_ids: Sequence[str], clock_offset: float
) -> Generator[Sequence[Command[Any]], Sequence[Answer], dict[str, list[Update]]]:
    """Poll the connected sites and the running jobs; return the updates for each job."""
    (answer,) = yield [commands.get_system_info()]
    if answer.error is not None:
        return {job: [GroupUnavailable("system", error_reason(answer.error), answer.received_at)] for job in job_ids}
    info: SystemInfo = answer.value
    running = {job.job_id for job in info.job_info}
    seen = [
        SiteActivity(c.name, last_seen=c.last_connect_time - clock_offset)
        for c in info.client_info
        if c.name and c.last_connect_time is not None
    ]
    return {
        job: [ProcessPresence(job in running, answer.received_at), GroupRefreshed("system", answer.received_at), *seen]
        for job in job_ids
    }


def poll_activity(job_id: str, site: str) -> PollGenerator:
    """Poll the activity of one site (or the server) in a running job. One per poll: a hung site delays only itself."""
    kind = "server" if site == "server" else "client"
    (answer,) = yield [commands.show_stats(job_id, kind, None if kind == "server" else [site])]
    if isinstance(answer.error, AuthorizationError):
        return [GroupUnavailable("activity", error_reason(answer.error), answer.received_at)]
    if answer.error is not None:
        # While the job's processes start and stop no site can be asked: that is not an error.
        hung = isinstance(answer.error, NoConnection)
        return [GroupUnavailable("activity", f"{sanitize(site)} does not answer", answer.received_at)] if hung else []
    parts = answer.value.get(site)
    found: list[Update] = [GroupRefreshed("activity", answer.received_at)]
    for part in parts.values() if isinstance(parts, dict) else ():
        if not isinstance(part, dict):
            continue
        tasks = part.get("current_tasks")
        if isinstance(tasks, list):
            found.append(SiteActivity(site, tuple(str(t)[:100] for t in tasks[:20]), answer.received_at))
        number = round_count_or_none(part.get("current_round"))
        if number is not None:
            found += [Round(number), Workflow(total_rounds=round_count_or_none(part.get("num_rounds")))]
    return found


class ServerLogTail:
    """Tail of the job's server log: rounds, tasks, metrics, errors. Each byte of it is read once.

    Parameters
    ----------
    job_id
        The job.

    Attributes
    ----------
    is_readable
        True if the user may read the log in at least one way.
    """

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._log: ServerLogParser | None = None
        self._position = 0  # bytes read of the file that is written to now
        self._last_text = ""  # the end of the text read so far, by which the file is recognized
        self._can_tail = True
        self._metrics_file: str | None = None
        self._metrics_length = 0
        self.is_readable = True

    def poll(self, clock: ServerClock) -> PollGenerator:
        """Poll the new text."""
        facts: list[Update] = []
        if self._log is None:
            facts += yield from self._read_config_and_rotated(clock)
        if self._log is not None and self._can_tail:
            facts += yield from self._read_new(self._log)
        if self._log is not None and not self._can_tail and self.is_readable:
            facts += yield from self._read_whole(self._log)
        if self._metrics_file is not None:
            facts += yield from self._read_round_metrics()
        return facts

    def _read_config_and_rotated(self, clock: ServerClock) -> PollGenerator:
        """Read the configuration, and the logs that were already rotated."""
        config, listed = yield [
            commands.read_file("cat", "server", None, f"{self._job_id}/{files.SERVER_CONFIG}"),
            commands.ls("server", "-l", self._job_id),
        ]
        for answer in (config, listed):
            if answer.error is not None and not isinstance(answer.error, AuthorizationError):
                return [
                    GroupUnavailable("rounds", error_reason(answer.error), answer.received_at)
                ]  # maybe the next poll succeeds
        told: Workflow | None = None
        if config.error is None and not config.value.startswith(_NO_FILE_PREFIXES):
            told = files.read_config(config.value)
            self._metrics_file = files.find_round_metrics_path(config.value)
        log = self._log = ServerLogParser(clock.utc_offset, clock.offset, told)
        facts: list[Update] = [] if told is None else [told]
        if listed.error is None:
            for number in sorted(_rotated_sizes(listed.value), reverse=True):
                (answer,) = yield [self._tail_from_start(f".{number}")]
                facts += self._parse_answer(log, answer)
        self._reset_position()
        return facts

    def _read_new(self, log: ServerLogParser) -> PollGenerator:
        """Read the new text, from the position in the file."""
        (answer,) = yield [self._tail_from_position()]
        if isinstance(answer.error, AuthorizationError):
            self._can_tail = False
            return []
        if answer.error is None and answer.value.startswith(_NO_FILE_PREFIXES):
            return []  # the file does not exist yet, or any more
        if answer.error is None and not answer.value.startswith(self._last_text):
            return (yield from self._read_after_rotation(log))
        return self._parse_answer(log, answer, skip=len(self._last_text))

    def _read_after_rotation(self, log: ServerLogParser) -> PollGenerator:
        """Finish the renamed file, read those rotated since, and continue with the new one."""
        facts: list[Update] = []
        (listed,) = yield [commands.ls("server", "-l", self._job_id)]
        if listed.error is not None:
            return [GroupUnavailable("rounds", error_reason(listed.error), listed.received_at)]
        sizes = _rotated_sizes(listed.value)
        for number in sorted(sizes):
            if sizes[number] < self._position:
                continue
            (rest,) = yield [self._tail_from_position(f".{number}")]
            if rest.error is None and rest.value.startswith(self._last_text):
                facts += self._parse_answer(log, rest, skip=len(self._last_text))
                for later in range(number - 1, 0, -1):
                    (answer,) = yield [self._tail_from_start(f".{later}")]
                    facts += self._parse_answer(log, answer)
                break
        else:
            log.mark_gap()  # it was truncated, or the gap is too long
        self._reset_position()
        (answer,) = yield [self._tail_from_start()]
        return [*facts, *self._parse_answer(log, answer)]

    def _read_whole(self, log: ServerLogParser) -> PollGenerator:
        """Read the whole log, if only that is permitted."""
        (answer,) = yield [commands.get_job_log(self._job_id, "server", LOG_FILE)]
        if isinstance(answer.error, AuthorizationError):
            self.is_readable = False
            return [
                GroupUnavailable(
                    "rounds", f"{error_reason(answer.error)}; sites are asked what they do instead", answer.received_at
                )
            ]
        if answer.error is not None:
            return [GroupUnavailable("rounds", error_reason(answer.error), answer.received_at)]
        logs = answer.value.get("logs")
        text = logs.get("server") if isinstance(logs, dict) else None
        if not isinstance(text, str):
            return []
        cut = _TRUNCATION_MARKER in text[:200]
        # If only the end is sent, or the file is new, the start is unknown: find the text that was read last.
        at = text.rfind(self._last_text) if self._last_text else -1
        new = text[at + len(self._last_text) :] if at >= 0 else text.partition("\n")[2] if cut else text
        if at < 0:
            self._last_text = ""
        if cut and at < 0:
            log.mark_gap()
        return self._parse_text(log, new, answer.received_at)

    def _read_round_metrics(self) -> PollGenerator:
        (answer,) = yield [commands.read_file("cat", "server", None, f"{self._job_id}/{self._metrics_file}")]
        if (
            answer.error is not None
            or answer.value.startswith(_NO_FILE_PREFIXES)
            or len(answer.value) == self._metrics_length
        ):
            return []
        self._metrics_length = len(answer.value)
        return [*files.read_round_metrics(answer.value), GroupRefreshed("metrics", answer.received_at)]

    def _tail_from_position(self, suffix: str = "") -> Command[str]:
        # With the end of the text read so far: if it is missing, this is another file.
        at = self._position - len(self._last_text.encode("utf-8", "surrogatepass"))
        return commands.tail_from("server", f"{self._job_id}/{LOG_FILE}{suffix}", at)

    def _tail_from_start(self, suffix: str = "") -> Command[str]:
        return commands.tail_from("server", f"{self._job_id}/{LOG_FILE}{suffix}", 0)

    def _reset_position(self) -> None:
        self._position, self._last_text = 0, ""

    def _parse_answer(self, log: ServerLogParser, answer: Answer, skip: int = 0) -> list[Update]:
        if answer.error is not None:
            return [GroupUnavailable("rounds", error_reason(answer.error), answer.received_at)]
        if answer.value.startswith(_NO_FILE_PREFIXES):
            return []
        return self._parse_text(log, answer.value[skip:], answer.received_at)

    def _parse_text(self, log: ServerLogParser, text: str, received_at: float) -> list[Update]:
        whole = text[: text.rfind("\n") + 1]
        before = log.offset
        facts = log.feed(whole)
        self._position += log.offset - before
        self._last_text = (self._last_text + whole[-_OVERLAP_CHARS:])[-_OVERLAP_CHARS:]
        return [*facts, LogOffset("server", LOG_FILE, log.offset), GroupRefreshed("rounds", received_at)]


def error_reason(error: FlareError) -> str:
    """Return the reason why data is unavailable."""
    if isinstance(error, AuthorizationError):
        return f"not permitted: {sanitize(str(error), 300)}"
    if isinstance(error, NoConnection):
        return f"no answer: {sanitize(str(error), 300)}"
    return sanitize(str(error), 300) or type(error).__name__


def server_clock(meta: dict[str, Any], clock_offset: float) -> ServerClock:
    """Return the server's clock offsets from a job's meta; the time zone is ours if the meta does not show it."""
    zone = job_meta.server_utc_offset(meta)
    return ServerClock(clock_offset, job_meta.local_utc_offset() if zone is None else zone)


def significant_clock_offset(session: Session) -> float:
    """Return the seconds by which the server's clock is ahead of ours, or 0 if the difference is negligible."""
    offset = session.clock_offset or 0.0
    return offset if abs(offset) > _MIN_CLOCK_OFFSET_S else 0.0


def activity_targets(snapshot: JobSnapshot) -> list[str]:
    """Return the participants whose activity is polled."""
    return ["server", *snapshot.participating_sites]


def _rotated_sizes(listed: str) -> dict[int, int]:
    """Return the numbers and the sizes in bytes of rotated logs, from the output of ``ls -l``."""
    names = ((_ROTATED_NAME.fullmatch(name), size) for size, name in _LS_LINE.findall(listed))
    return {int(match[1]): int(size) for match, size in names if match is not None}
