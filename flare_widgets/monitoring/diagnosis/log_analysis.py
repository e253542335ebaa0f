"""What the logs say about a failure: tracebacks, the last round, how processes ended. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ...formatting.text import clean
from ..logs.records import Record, parse_log, tail
from .exceptions import Suspect, judge, tells_of_config
from .model import Evidence
from .phrasing import one_line
from .tracebacks import Found, Frame, Trace, find_traces

_ROUND = re.compile(r"\bRound (\d{1,9}) started")
_FAILING = re.compile(
    r"FATAL_SYSTEM_ERROR|is bad, error code|Exception in workflow|asked to abort|is deemed disconnected"
)
_CONSEQUENCE = re.compile(
    r"abort_signal_triggered|request to (?:abort|stop) the job|END_RUN received|ask to (?:abort|stop) job"
)
_ENDING = re.compile(r"asked to abort|finalizing \.\.\.|ABOUT_TO_END_RUN|END_RUN fired|Server runner finished")
_TASK_END = re.compile(r"task \S+ exit with status TaskCompletionStatus\.(\w+)")
_REPORTED = re.compile(r"reported failure from ([^\s:]+): (.*)")
_BAD_RESULT = re.compile(r"Result from (\S+) is bad, error code: (\w+)")
_RETURN_CODE = re.compile(r"child worker process finished with RC (-?\d+)")
_GOOD_BYE = re.compile(r"Good Bye|Client is stopping|received request from Server to end current RUN")
_EXITED = re.compile(r"trainer process(?: group)? exited(?: \(rc=(?P<code>-?\d+)\))?(?P<early>.*HELLO)?")
_NO_HELLO = re.compile(r"trainer did not (?:complete the HELLO handshake|attach) within \w+=([\d.]+)s")
_HEARTBEAT = re.compile(r"trainer heartbeat timed out after ([\d.]+)s")
_TIMED_OUT = re.compile(r"time[d]?[ -]?out", re.IGNORECASE)


class Ending(NamedTuple):
    """How a process ended: the kind of failure, words for it, the last relevant lines, and whose they are."""

    kind: str
    words: str
    log: tuple[str, ...]
    log_of: str


class Clues:
    """The logs of some evidence, read once.

    Parameters
    ----------
    evidence
        What is known.

    Attributes
    ----------
    round
        The last round that began before the job failed; None when not known.
    tasks
        How many of the workflow's tasks ended in which way (``OK``, ``TIMEOUT``, ...), as far as the log goes.
    sites
        The sites of which there is a log.
    goes_on
        Whether the server's log of the job is known, and says nothing of an end.
    workflow_failed
        Whether the workflow on the server ended with an exception.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._records: dict[tuple[str, str], list[Record]] = {}
        for log in evidence.logs:
            self._records.setdefault((log.of, log.what), []).extend(parse_log(log.text))
        self.round = _round(self.records("server", "job"))
        ends = [m.group(1) for record in self.records("server", "job") if (m := _TASK_END.search(record.message))]
        self.tasks: Counter[str] = Counter(ends)
        self.sites = list(dict.fromkeys(log.of for log in evidence.logs if log.of != "server"))
        self.goes_on = bool(self.records("server", "job")) and not any(
            _ENDING.search(record.message) for record in self.records("server", "job")
        )
        self.workflow_failed = any(
            record.message.startswith("Exception in workflow") for record in self.records("server", "job")
        )

    def records(self, of: str, *what: str) -> list[Record]:
        """The records of the first of these logs that there is."""
        return next((self._records[of, one] for one in what if (of, one) in self._records), [])

    def in_round(self, otherwise: str = "") -> str:
        """The last round that began, as part of a sentence: counted from 1, as people do and FLARE does not."""
        return otherwise if self.round is None else f" in round {self.round + 1}"

    def tail(self, of: str, until: int | None = None) -> tuple[str, ...]:
        """The last lines of somebody's log of the job, or of what else there is of theirs."""
        return tail(self.records(of, "job", "errors", "parent", "remembered"), until)

    def tail_of_tasks(self) -> tuple[str, ...]:
        """The last lines of the server's log of the job, until the end of the last task."""
        records = self.records("server", "job")
        ends = [index for index, record in enumerate(records) if _TASK_END.search(record.message)]
        return tail(records, ends[-1] if ends else None)

    def last_error(self, of: str) -> str:
        """The last error in somebody's logs, in one line; empty if there is none."""
        for what in ("job", "errors", "remembered"):
            for record in reversed(self._records.get((of, what), [])):
                if _is_error(record) or what == "remembered":
                    return one_line(record.message)
        return ""

    def suspect(self, of: str) -> Suspect | None:
        """The last exception in somebody's logs that has to do with the user's code, or else the last one."""
        best: tuple[Found, list[Record]] | None = None
        for what in ("errors", "job"):
            records = self._records.get((of, what), [])
            traces = [found for found in find_traces(records) if not _CONSEQUENCE.search(found.trace.message)]
            users = [found for found in traces if found.trace.users or tells_of_config(found.trace)]
            if users:
                # The same one is often logged again, with words of FLARE's around it.
                first = next(f for f in users if _place(f.trace) == _place(users[-1].trace))
                return judge(of, first.trace, tail(records, first.record))
            if traces and best is None:
                best = traces[-1], records
        return judge(of, best[0].trace, tail(best[1], best[0].record)) if best else None

    def stopped(self) -> list[str]:
        """The sites whose logs tell of an error, or whose process of the job ended with one."""
        return [site for site in self.sites if any(map(_tells, self._of(site)))]

    def _of(self, site: str) -> Iterator[Record]:
        for (of, _), records in self._records.items():
            if of == site:
                yield from records

    def ending(self, site: str) -> Ending | None:
        """How a site's process of the job ended without a traceback."""
        name = clean(site, 80)
        own = self.records(site, "job", "errors")
        for index in reversed(range(len(own))):
            if not _is_error(own[index]):
                continue
            log = tail(own, index)
            message = own[index].message
            if match := _HEARTBEAT.search(message):
                words = f"the training process of {name} did not answer"
                return Ending("timeout", f"{words} for {float(match.group(1)):g} s", log, name)
            if match := _NO_HELLO.search(message):
                seconds = f"{float(match.group(1)):g} s"
                return Ending(
                    "timeout", f"the training script of {name} did not call flare.init within {seconds}", log, name
                )
            if match := _EXITED.search(message):
                when = "before it called flare.init" if match["early"] else "without a result"
                words = f"the training process of {name} ended{_exit_code(match['code'])} {when}"
                why = "without an exception in its log (probably os._exit, sys.exit, or a kill)"
                return Ending("client-exit", f"{words}, {why}", log, name)
            if "trainer thread exited" in message:
                words = f"the training script of {name} ended without a result, and FLARE logs no reason for that"
                return Ending("client-exit", f"{words} (probably an import that failed, or sys.exit)", log, name)
        reported = self._reported(site)
        bad = self._bad_result(site)
        last = self.last_error(site)
        log = self.tail(site) or self.tail("server")
        of = name if self.tail(site) else "server" if log else ""
        silent = not any(_GOOD_BYE.search(record.message) for record in own[-30:])
        if (reported or self._return_code(site)) and own and silent and not last:
            words = f"the process of the job on {name} ended at once, without a last word in its log"
            return Ending("client-exit", f"{words} (probably os._exit, a crash in native code, or a kill)", log, of)
        if reported and not bad:
            return Ending("client-exit", f"the process of the job on {name} failed: {last or reported}", log, of)
        if bad and not last:
            why = "its log says nothing more" if own else "why is in its log, which could not be read"
            return Ending("client-exception", f"{name} failed in its task ({bad}); {why}", log, of)
        if last:
            return Ending(
                "timeout" if _TIMED_OUT.search(last) else "client-exception", f"{name} failed: {last}", log, of
            )
        return None

    def _return_code(self, site: str) -> bool:
        """Whether the site itself says that its process of the job ended with an error."""
        return any(map(_tells, self._records.get((site, "parent"), ())))

    def _reported(self, site: str) -> str:
        """What the server heard from the site's own process about the end of its process of the job."""
        for record in self._records.get(("server", "parent"), ()):
            match = _REPORTED.search(record.message)
            if match and match.group(1) == site:
                return clean(match.group(2), 80)
        return ""

    def _bad_result(self, site: str) -> str:
        for what in ("job", "errors", "remembered"):
            for record in self._records.get(("server", what), ()):
                match = _BAD_RESULT.search(record.message)
                if match and match.group(1) == site:
                    return clean(match.group(2), 80)
        return ""


def _exit_code(code: str | None) -> str:
    if not code:
        return ""
    return f" by signal {code[1:]}" if code.startswith("-") else f" with exit code {code}"


def _tells(record: Record) -> bool:
    """Whether a record is of an error, or of a process that ended with one."""
    code = _RETURN_CODE.search(record.message)
    return _is_error(record) or (code is not None and code.group(1) != "0")


def _is_error(record: Record) -> bool:
    """Whether a record is of an error, and not of what the end of a job does to a site that is well."""
    return record.serious and not _CONSEQUENCE.search(record.message)


def _round(records: list[Record]) -> int | None:
    """The round that a job was in when it failed; after that, FLARE may still begin another one."""
    found = None
    for record in records:
        if _FAILING.search(record.message):
            break
        if match := _ROUND.search(record.message):
            found = int(match.group(1))
    return found


def _place(trace: Trace) -> tuple[str, Frame | None]:
    return trace.type, trace.users
