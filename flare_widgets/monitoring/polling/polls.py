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
Sessions       ``list_sessions``                               none              3 ms
=============  ==============================================  ================  =================================
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ... import bounds
from ...api import commands
from ...api.commands import Command
from ...api.models import SystemInfo
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, NoConnection
from ...formatting.text import sanitize
from ..job import meta as job_meta
from ..job.model import Round, SiteActivity, Workflow
from ..job.snapshot import JobSnapshot
from ..job.updates import GroupRefreshed, GroupUnavailable, JobMeta, LogOffset, ProcessPresence, Update
from ..logs import files
from ..logs.facts import ServerLogParser, read_in_time
from ..logs.tail import LogTail, NewText, is_missing_file, read_sizes
from ..numbers import round_count_or_none
from ..workflows import GENERIC, find_kind
from . import intervals

LOG_FILE = "log.json"

_IDLE_PHASES = ("_init_", "_finished_")  # of a workflow that does not run: its round is none
_MAX_ID_CHARS = 200  # characters of a workflow's id
_MIN_CLOCK_OFFSET_S = 2.0  # seconds that the server's clock may differ: shifting its times by less would only blur them


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


def poll_session_count() -> Generator[Sequence[Command[Any]], Sequence[Answer], int]:
    """Poll the number of active admin sessions. Raises the error if there is none."""
    (answer,) = yield [commands.list_sessions()]
    if answer.error is not None:
        raise answer.error
    return intervals.count_active_sessions(answer.value)


def poll_system_info() -> Generator[Sequence[Command[Any]], Sequence[Answer], Answer]:
    """Poll the connected sites and the running jobs; return the answer, or the error in it."""
    (answer,) = yield [commands.get_system_info()]
    return answer


def read_system_info(answer: Answer, job_ids: Sequence[str], clock_offset: float) -> dict[str, list[Update]]:
    """Return the updates for each job from the connected sites and the running jobs."""
    if answer.error is not None:
        return {job: [GroupUnavailable("system", error_reason(answer.error), answer.received_at)] for job in job_ids}
    info: SystemInfo = answer.value
    running = {job.job_id for job in info.job_info}
    started = job_meta.epoch_seconds(info.server_info.start_time)
    started_at = None if started is None else started - clock_offset
    seen = [
        SiteActivity(c.name, last_seen=c.last_connect_time - clock_offset)
        for c in info.client_info
        if c.name and c.last_connect_time is not None
    ]
    return {
        job: [
            ProcessPresence(job in running, answer.received_at, started_at),
            GroupRefreshed("system", answer.received_at),
            *seen,
        ]
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
    return [
        GroupRefreshed("activity", answer.received_at),
        *_read_statistics(answer.value.get(site), site, answer.received_at),
    ]


def _read_statistics(value: Any, site: str, received_at: float) -> list[Update]:
    """Read what the components of a participant tell of the run: a map of their names to maps."""
    parts = {name: part for name, part in value.items() if isinstance(part, dict)} if isinstance(value, dict) else {}
    workflow = next((str(part["workflow"])[:_MAX_ID_CHARS] for part in parts.values() if part.get("workflow")), "")
    found: list[Update] = []
    # A component is called by its class. Every workflow of the job is one, from the beginning to the end.
    controllers = [str(name) for name in parts if find_kind(str(name)) is not GENERIC]
    if workflow and len(controllers) == 1:
        found.append(find_kind(controllers[0]).describe(workflow, controllers[0]))
    counting = [part for part in parts.values() if round_count_or_none(part.get("current_round")) is not None]
    running = [part for part in counting if part.get("phase") not in _IDLE_PHASES]
    if len(counting) == len(running) == 1:
        total = round_count_or_none(running[0].get("num_rounds"))
        found += [Round(running[0]["current_round"], workflow=workflow), Workflow(workflow, total_rounds=total)]
    for part in parts.values():
        tasks = part.get("current_tasks")
        if isinstance(tasks, list):
            names = (str(task)[:100] for task in tasks[:20])
            found.append(SiteActivity(site, tuple(GENERIC.task_label(n) or n for n in names), received_at))
    return found


class ServerLogTail:
    """Tail of the job's server log: rounds, tasks, metrics, errors. Each byte of it is read once.

    Parameters
    ----------
    job_id
        The job.
    submitted
        The server's configuration and its suffix if this session submitted the job, else None. A server shows its own
        copy only in JSON, and only to those who may use shell commands.

    Attributes
    ----------
    is_readable
        True if the user may read the log in at least one way.
    """

    def __init__(self, job_id: str, submitted: tuple[str, str] | None = None) -> None:
        self._job_id = job_id
        self._submitted = submitted
        self._log: ServerLogParser | None = None
        self._tail = LogTail()
        self._workflows_with_total: set[str] = set()
        self._can_tail = True
        self._metrics_file: str | None = None
        self._metrics_length = 0
        self.is_readable = True

    def poll(self, clock: ServerClock) -> PollGenerator:
        """Poll the new text."""
        facts: list[Update] = []
        if self._log is None:
            facts += yield from self._read_config_and_files(clock)
        elif self._can_tail:
            facts += yield from self._read_new(self._log)
        if self._log is not None and not self._can_tail and self.is_readable:
            facts += yield from self._read_whole(self._log)
        if self._metrics_file is not None:
            facts += yield from self._read_round_metrics()
        unknown = {u.workflow for u in facts if isinstance(u, Round)} - self._workflows_with_total
        if unknown:
            self._workflows_with_total |= unknown  # asked once, whatever the answer
            facts += yield from self._read_total_rounds()
        return facts

    def _read_total_rounds(self) -> PollGenerator:
        """Ask the workflow that runs for its number of rounds, which the configuration did not tell."""
        (answer,) = yield [commands.show_stats(self._job_id, "server", None)]
        value = answer.value.get("server") if answer.error is None else None
        return [u for u in _read_statistics(value, "server", answer.received_at) if isinstance(u, Workflow)]

    def _read_config_and_files(self, clock: ServerClock) -> PollGenerator:
        """Read the configuration, the logs that were already rotated, and the current one."""
        config, listed, sites_config = yield [
            commands.read_file("cat", "server", None, f"{self._job_id}/{files.SERVER_CONFIG}.json"),
            commands.ls("server", "-l", self._job_id),
            commands.read_file("cat", "server", None, f"{self._job_id}/{files.CLIENT_CONFIG}.json"),
        ]
        for answer in (config, listed):
            if answer.error is not None and not isinstance(answer.error, AuthorizationError):
                return [_rounds_unavailable(answer)]  # maybe the next poll succeeds
        told = None
        if config.error is None and not is_missing_file(config.value):
            told = files.read_config(config.value)
        elif self._submitted is not None:
            told = files.read_config(*self._submitted)
        facts: list[Update] = []
        if sites_config.error is None and not is_missing_file(sites_config.value):
            facts += files.read_arguments(sites_config.value)
        if told is not None:
            facts += told.updates
            self._metrics_file = told.round_metrics_path
            self._workflows_with_total |= {w.id for w in told.updates if isinstance(w, Workflow)}
        log = self._log = ServerLogParser(clock.utc_offset, clock.offset)
        rotated = sorted(_rotated_sizes(listed.value), reverse=True) if listed.error is None else []
        return facts + (yield from self._read_files(log, [*rotated, 0]))

    def _read_new(self, log: ServerLogParser) -> PollGenerator:
        """Read the new text of the current file."""
        (answer,) = yield [self._tail_command(0, self._tail.request_offset)]
        if answer.error is not None:
            return self._handle_error(answer)
        if is_missing_file(answer.value):
            return []  # the file does not exist yet, or any more
        new = self._tail.take(answer.value)
        return self._parse(log, new, answer) if new is not None else (yield from self._read_after_rotation(log))

    def _read_after_rotation(self, log: ServerLogParser) -> PollGenerator:
        """Finish the renamed file, read those rotated since, and continue with the new one."""
        (listed,) = yield [commands.ls("server", "-l", self._job_id)]
        if listed.error is not None:
            return [_rounds_unavailable(listed)]
        facts: list[Update] = []
        later = 1
        for number, size in sorted(_rotated_sizes(listed.value).items()):
            if size < self._tail.position:
                continue
            (answer,) = yield [self._tail_command(number, self._tail.request_offset)]
            if answer.error is not None:
                return self._handle_error(answer)
            new = None if is_missing_file(answer.value) else self._tail.take(answer.value)
            if new is not None:
                facts, later = self._parse(log, new, answer), number
                break
        else:
            log.mark_gap()  # it was truncated, or the gap is too long
        return facts + (yield from self._read_files(log, range(later - 1, -1, -1)))

    def _read_files(self, log: ServerLogParser, numbers: Iterable[int]) -> PollGenerator:
        """Read whole files, by number. After an error the next poll continues behind the last one that was read."""
        facts: list[Update] = []
        for number in numbers:
            (answer,) = yield [self._tail_command(number, 0)]
            if answer.error is not None:
                return [*facts, *self._handle_error(answer)]
            self._tail.move_to(0)
            new = None if is_missing_file(answer.value) else self._tail.take(answer.value)
            facts += [] if new is None else self._parse(log, new, answer)
        return facts

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
            return [_rounds_unavailable(answer)]
        logs = answer.value.get("logs")
        text = logs.get("server") if isinstance(logs, dict) else None
        if not isinstance(text, str):
            return []
        new = self._tail.take_whole(text)
        if new.is_cut:
            log.mark_gap()
        return self._parse(log, new, answer)

    def _read_round_metrics(self) -> PollGenerator:
        (answer,) = yield [commands.read_file("cat", "server", None, f"{self._job_id}/{self._metrics_file}")]
        if answer.error is not None or is_missing_file(answer.value) or len(answer.value) == self._metrics_length:
            return []
        self._metrics_length = len(answer.value)
        workflows = [] if self._log is None else self._log.workflows_with_rounds
        return [*files.read_round_metrics(answer.value, workflows), GroupRefreshed("metrics", answer.received_at)]

    def _tail_command(self, number: int, offset: int) -> Command[str]:
        return commands.tail_from("server", f"{self._job_id}/{LOG_FILE}{f'.{number}' if number else ''}", offset)

    def _handle_error(self, answer: Answer) -> list[Update]:
        if isinstance(answer.error, AuthorizationError):
            self._can_tail = False
            return []
        if not self._tail.total_bytes:
            self._log = None  # begin again, with the oldest file
        return [_rounds_unavailable(answer)]

    def _parse(self, log: ServerLogParser, new: NewText, answer: Answer) -> list[Update]:
        updates, reason = read_in_time(log, bounds.cut_pieces(new.text))
        at = answer.received_at
        told: Update = GroupUnavailable("rounds", reason, at) if reason else GroupRefreshed("rounds", at)
        return [*updates, LogOffset("server", LOG_FILE, self._tail.total_bytes), told]


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


def _rounds_unavailable(answer: Answer) -> GroupUnavailable:
    assert answer.error is not None
    return GroupUnavailable("rounds", error_reason(answer.error), answer.received_at)


def _rotated_sizes(listing: str) -> dict[int, int]:
    """Return the numbers and the sizes in bytes of rotated logs, from the output of ``ls -l``."""
    numbered = {name.removeprefix(f"{LOG_FILE}."): size for name, size in read_sizes(listing).items()}
    return {int(number): size for number, size in numbered.items() if number.isdecimal() and len(number) <= 3}
