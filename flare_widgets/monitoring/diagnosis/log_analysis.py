"""Log analysis for failed jobs: tracebacks, the last round, process exits. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ...formatting.text import sanitize
from ..logs.noise import JOB_ENDING, is_noise
from ..logs.patterns import ROUND, TASK_END
from ..logs.records import MAX_SHOWN_CHARS, MAX_SHOWN_LINES, LogRecord, format_last_lines, parse_log
from .exceptions import ExceptionFinding, classify, is_config_error
from .first_cause import (
    Cause,
    Progress,
    find_cause,
    find_output_error,
    format_lines_around,
    is_consequence,
    shorten_chain,
)
from .model import Evidence
from .phrasing import to_one_line
from .server_blame import BAD_RESULT, REPORTED_FAILURE, find_blamed_in, find_blamed_sites
from .tracebacks import LocatedTraceback, ParsedTraceback, StackFrame, find_tracebacks

_FAILURE_MARK = re.compile(r"FATAL_SYSTEM_ERROR|Exception in workflow|asked to abort")
_TROUBLE_MARK = re.compile(r"is bad, error code|is deemed disconnected")  # a job may go on after that
_ABORT_CONSEQUENCE = re.compile(
    r"abort_signal_triggered|request to (?:abort|stop) the job|END_RUN received|ask to (?:abort|stop) job"
)
_RETURN_CODE = re.compile(r"child worker process finished with RC (-?\d+)")
_CLEAN_EXIT = re.compile(r"Good Bye|Client is stopping|received request from Server to end current RUN")
_TRAINER_EXITED = re.compile(
    r"trainer process(?: group)? exited(?: \(rc=(?P<code>-?\d{1,9})\))?(?P<early>.{0,200}HELLO)?"
)
_NO_HELLO = re.compile(r"trainer did not (?:complete the HELLO handshake|attach) within \w+=([\d.]+)s")
_HEARTBEAT_TIMEOUT = re.compile(r"trainer heartbeat timed out after ([\d.]+)s")
_TRAINER_END = re.compile(
    "|".join(pattern.pattern for pattern in (_HEARTBEAT_TIMEOUT, _NO_HELLO, _TRAINER_EXITED)) + "|trainer thread exited"
)
_TIMED_OUT = re.compile(r"time[d]?[ -]?out", re.IGNORECASE)


class ProcessExit(NamedTuple):
    """Exit of a process: the kind of failure, a description, the last relevant log lines, and the owner of that log."""

    kind: str
    description: str
    log: tuple[str, ...]
    log_of: str


class LoggedCause(NamedTuple):
    """First cause of a failure in a participant's log, and the lines around it."""

    owner: str
    cause: Cause
    log: tuple[str, ...]


class OutputError(NamedTuple):
    """Error in another log of a participant: the file's name, the error, and the lines up to it."""

    owner: str
    name: str
    text: str
    log: tuple[str, ...]


class LogAnalysis:
    """Logs of some evidence, parsed once.

    Parameters
    ----------
    evidence
        The evidence.

    Attributes
    ----------
    round
        The last round that began before the job failed; None if unknown.
    task_outcomes
        The number of the workflow's tasks by result (``OK``, ``TIMEOUT``, ...), as far as the log goes.
    sites
        The sites whose logs are available.
    is_still_running
        True if the server's log of the job is available and records no end.
    has_workflow_failed
        True if the workflow on the server ended with an exception.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._records: dict[tuple[str, str], list[LogRecord]] = {}
        for log in evidence.logs:
            if log.what != "output":
                self._records.setdefault((log.of, log.what), []).extend(parse_log(log.text))
        self._outputs = [log for log in evidence.logs if log.what == "output"]
        self._progress: dict[str, Progress] = {}
        self._causes: dict[str, LoggedCause | None] = {}
        self.round = _find_round(self.records("server", "job"))
        ends = [m.group(1) for record in self.records("server", "job") if (m := TASK_END.search(record.message))]
        self.task_outcomes: Counter[str] = Counter(ends)
        self.sites = list(dict.fromkeys(log.of for log in evidence.logs if log.of != "server"))
        self.is_still_running = bool(self.records("server", "job")) and not any(
            JOB_ENDING.search(record.message) for record in self.records("server", "job")
        )
        self.has_workflow_failed = any(
            record.message.startswith("Exception in workflow") for record in self.records("server", "job")
        )
        failed = (r for r in self.records("server", "job") if _FAILURE_MARK.search(r.message))
        self._failed_at = next((record.local_time for record in failed), None)
        self._blamed = find_blamed_sites(evidence.logs)

    def records(self, owner: str, *kinds: str) -> list[LogRecord]:
        """Return the records of the first of these kinds of logs that is available."""
        return next((self._records[owner, one] for one in kinds if (owner, one) in self._records), [])

    def round_phrase(self, default: str = "") -> str:
        """Return the last round that began as a phrase, counted from 1, as people do and FLARE does not."""
        return default if self.round is None else f" in round {self.round + 1}"

    def tail(self, owner: str, last_index: int | None = None) -> tuple[str, ...]:
        """Return the last lines of a participant's log of the job, or else of the other logs of that participant."""
        return format_last_lines(self.records(owner, "job", "errors", "parent", "remembered"), last_index)

    def tail_until_last_task(self) -> tuple[str, ...]:
        """Return the last lines of the server's log of the job, up to the end of the last task."""
        records = self.records("server", "job")
        ends = [index for index, record in enumerate(records) if TASK_END.search(record.message)]
        return format_last_lines(records, ends[-1] if ends else None)

    def last_error(self, owner: str) -> str:
        """Return the last error in a participant's logs, in one line; empty if there is none."""
        for what in ("job", "errors", "remembered"):
            for record in reversed(self._records.get((owner, what), [])):
                if _is_error(record) or what == "remembered":
                    return to_one_line(record.message)
        return ""

    def has_recovered(self, owner: str, record: LogRecord) -> bool:
        """Return whether the job got on after an error in a participant's log, so that it did not fail by that."""
        until = self._failed_at if owner == "server" else None
        return self._progress_of(owner).has_recovered(record.local_time, until)

    def _progress_of(self, owner: str) -> Progress:
        if owner not in self._progress:
            self._progress[owner] = Progress(self._records.get((owner, "job"), []))
        return self._progress[owner]

    def find_cause(self, owner: str) -> LoggedCause | None:
        """Return the first cause of the failure in a participant's logs; None if they have no error."""
        if owner not in self._causes:
            self._causes[owner] = self._find_cause(owner)
        return self._causes[owner]

    def _find_cause(self, owner: str) -> LoggedCause | None:
        found: LoggedCause | None = None
        for what in ("job", "errors"):
            records = self._records.get((owner, what), [])
            cause = find_cause(records, progress=self._progress_of(owner))
            if cause is not None and (found is None or (cause.is_known and not found.cause.is_known)):
                found = LoggedCause(owner, cause, format_lines_around(records, cause))
        return found

    def find_output_error(self, owner: str) -> OutputError | None:
        """Return the error in the other logs of a participant: of the programs that the job runs."""
        for log in self._outputs:
            if log.of == owner and (found := find_output_error(log.text)):
                index, text = found
                lines = [sanitize(line.expandtabs(), MAX_SHOWN_CHARS) for line in log.text.splitlines()[: index + 1]]
                shown = tuple(line for line in lines[-3 * MAX_SHOWN_LINES :] if line.strip())[-MAX_SHOWN_LINES:]
                return OutputError(owner, sanitize(log.name, 80), shorten_chain(text), shown)
        return None

    def is_unexplained(self, owner: str) -> bool:
        """Return whether the logs of a participant tell a consequence of the failure, but not what it is of."""
        if owner == "server" and (self.blamed_sites(True) or any(self._explains(site) for site in self.sites)):
            return False
        found = self.find_cause(owner)
        return found is not None and not found.cause.is_known and not self._explains(owner)

    def unexplained_sites(self) -> list[str]:
        """Return the sites whose logs tell a consequence of the failure, but not what it is of."""
        return [site for site in self.sites if self.is_unexplained(site)]

    def _explains(self, owner: str) -> bool:
        found = self.find_exception(owner)
        if found is not None and not is_consequence(found.error):
            return True
        first = self.find_cause(owner)
        return first is not None and first.cause.is_known and first.cause.is_before_end

    def blamed_sites(self, is_before_failure: bool) -> list[str]:
        """Return the sites that the server blames for the failure, or that it blames only afterwards, earliest first.

        A site whose trouble the job got over is neither.
        """
        found = []
        for site in self._blamed:
            blames = [record for record in self._server_records() if site in find_blamed_in(record)]
            left = [record.local_time for record in blames if not self.has_recovered("server", record)]
            if blames and not left:
                continue
            is_later = bool(left) and all(
                at is not None and self._failed_at is not None and at > self._failed_at for at in left
            )
            if is_later != is_before_failure:
                found.append(site)
        return found

    def _server_records(self) -> Iterator[LogRecord]:
        for what in ("job", "errors", "remembered", "parent"):
            yield from self._records.get(("server", what), ())

    def find_exception(self, owner: str) -> ExceptionFinding | None:
        """Return the last exception in a participant's logs that involves the user's code, or else the last one."""
        best: tuple[LocatedTraceback, list[LogRecord]] | None = None
        for what in ("errors", "job"):
            records = self._records.get((owner, what), [])
            traces = [
                found
                for found in find_tracebacks(records)
                if not _ABORT_CONSEQUENCE.search(found.traceback.message)
                and not self.has_recovered(owner, records[found.record_index])
            ]
            users = [found for found in traces if found.traceback.user_frame or is_config_error(found.traceback)]
            if users:
                # The same exception is often logged again, wrapped in FLARE's own message.
                first = next(f for f in users if _location(f.traceback) == _location(users[-1].traceback))
                return classify(owner, first.traceback, format_last_lines(records, first.record_index))
            if traces and best is None:
                best = traces[-1], records
        return classify(owner, best[0].traceback, format_last_lines(best[1], best[0].record_index)) if best else None

    def sites_with_errors(self) -> list[str]:
        """Return the sites whose logs contain an error, or whose job process exited with one."""
        return [site for site in self.sites if any(map(_is_error_or_failed_exit, self._site_records(site)))]

    def _site_records(self, site: str) -> Iterator[LogRecord]:
        for (of, _), records in self._records.items():
            if of == site:
                yield from records

    def find_exit(self, site: str) -> ProcessExit | None:
        """Return the exit of a site's job process that left no traceback."""
        name = sanitize(site, 80)
        first = self.find_cause(site)
        if first is not None and (not first.cause.is_before_end or _ABORT_CONSEQUENCE.search(first.cause.text)):
            first = None
        if ending := self._find_trainer_end(site, name, first):
            return ending
        own = self.records(site, "job", "errors")
        reported = self._reported_failure(site)
        bad = self._bad_result_code(site)
        last = self.last_error(site) if first is None else describe_cause(first.cause)
        log = (self.tail(site) or self.tail("server")) if first is None else first.log
        of = name if self.tail(site) else "server" if log else ""
        silent = not any(_CLEAN_EXIT.search(record.message) for record in own[-30:])
        if (reported or self._has_failed_exit(site)) and own and silent and not last:
            words = f"the process of the job on {name} ended at once, without a final message in its log"
            return ProcessExit(
                "client-exit", f"{words} (probably os._exit, a crash in native code, or a kill)", log, of
            )
        if reported and not bad:
            return ProcessExit("client-exit", f"the process of the job on {name} failed: {last or reported}", log, of)
        if bad and not last:
            why = "its log does not say why" if own else "the reason is in its log, which could not be read"
            return ProcessExit("client-exception", f"{name} failed in its task ({bad}); {why}", log, of)
        if last:
            return ProcessExit(
                "timeout" if _TIMED_OUT.search(last) else "client-exception", f"{name} failed: {last}", log, of
            )
        return None

    def _find_trainer_end(self, site: str, name: str, first: LoggedCause | None) -> ProcessExit | None:
        """Return the end of the process or thread that trains, which FLARE starts for the job's process."""
        own = self.records(site, "job", "errors")
        at = next(
            (i for i in reversed(range(len(own))) if _is_error(own[i]) and _TRAINER_END.search(own[i].message)), -1
        )
        if at < 0 or self.has_recovered(site, own[at]):
            return None
        message, kind, why = own[at].message, "timeout", ""
        if match := _HEARTBEAT_TIMEOUT.search(message):
            words = f"the training process of {name} did not answer for {float(match.group(1)):g} s"
        elif match := _NO_HELLO.search(message):
            words = f"the training script of {name} did not call flare.init within {float(match.group(1)):g} s"
        elif match := _TRAINER_EXITED.search(message):
            kind, why = "client-exit", ", without an exception in its log (probably os._exit, sys.exit, or a kill)"
            when = "before it called flare.init" if match["early"] else "without a result"
            words = f"the training process of {name} ended{_exit_phrase(match['code'])} {when}"
        else:
            kind, why = (
                "client-exit",
                " (probably an import that failed, an argument that the script does not know, or sys.exit)",
            )
            words = f"the training script of {name} ended without a result"
            why = f", and FLARE logs no reason for that{why}"
        if first is not None and first.cause.is_known and first.cause.final:
            return ProcessExit("client-exception", f"{words}: {first.cause.text}", first.log, name)
        return ProcessExit(kind, f"{words}{why}", format_last_lines(own, at), name)

    def _has_failed_exit(self, site: str) -> bool:
        """Return whether the site's own log says that its job process exited with an error."""
        return any(map(_is_error_or_failed_exit, self._records.get((site, "parent"), ())))

    def _reported_failure(self, site: str) -> str:
        """Return the site process's report to the server about the exit of its job process."""
        for record in self._records.get(("server", "parent"), ()):
            match = REPORTED_FAILURE.search(record.message)
            if match and match.group(1) == site:
                return sanitize(match.group(2), 80)
        return ""

    def _bad_result_code(self, site: str) -> str:
        for what in ("job", "errors", "remembered"):
            for record in self._records.get(("server", what), ()):
                match = BAD_RESULT.search(record.message)
                if match and match.group(1) == site:
                    return sanitize(match.group(2), 80)
        return ""


def describe_cause(cause: Cause) -> str:
    """Return a cause and its consequence, in one line."""
    led = "probably led" if cause.is_inferred else "led"
    return f"{cause.text.rstrip('.')} (which {led} to: {cause.final})" if cause.final else cause.text


def _exit_phrase(code: str | None) -> str:
    if not code:
        return ""
    return f" by signal {code[1:]}" if code.startswith("-") else f" with exit code {code}"


def _is_error_or_failed_exit(record: LogRecord) -> bool:
    """Return whether a record is an error, or reports a process that exited with one."""
    code = _RETURN_CODE.search(record.message)
    return _is_error(record) or (code is not None and code.group(1) != "0")


def _is_error(record: LogRecord) -> bool:
    """Return whether a record is an error, and neither noise nor a side effect of the job's end on a healthy site."""
    return record.is_error and not _ABORT_CONSEQUENCE.search(record.message) and not is_noise(record)


def _find_round(records: list[LogRecord]) -> int | None:
    """Return the round that a job was in when it failed; FLARE may still begin another one after that."""
    found = in_trouble = None
    for record in records:
        if _FAILURE_MARK.search(record.message):
            return found
        if _TROUBLE_MARK.search(record.message):
            in_trouble = found
        if (match := ROUND.search(record.message)) and match.group(2) == "started":
            found = int(match.group(1))
    return found if in_trouble is None else in_trouble


def _location(trace: ParsedTraceback) -> tuple[str, StackFrame | None]:
    return trace.type, trace.user_frame
