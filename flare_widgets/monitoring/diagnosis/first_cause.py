"""The first cause of a failure in the log of one participant. Pure.

The error with which a job ends is often a consequence: "cannot connect to server after 10 seconds", because ten seconds
before a part of the server could not be started. The cause is the first error that is not FLARE's noise
(`noise`), is not such a consequence itself, and from which the job did not recover: no later round, step or
workflow began after it.

A consequence that says how long it waited (``after 10.0 seconds``) began to wait that long ago. What went on meanwhile
is no recovery.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..logs.noise import JOB_ENDING, event_text, is_noise
from ..logs.patterns import ROUND
from ..logs.records import LEVELS, MAX_SHOWN_LINES, LogRecord
from .phrasing import to_one_line
from .tracebacks import LocatedTraceback, ParsedTraceback, find_tracebacks

MAX_DELAY_S = 120.0
"""Longest time in seconds between a cause and the start of the wait for its consequence."""

_NEARBY_S = 5.0  # before an error that explains itself, an earlier one may say more
_MAX_CHARS = 2000  # of a text that are considered
_MAX_SEARCHED_CHARS = 500  # of a text in which the dearer patterns search
_MAX_CAUSE_CHARS = 300
_MAX_HEAD_LINES = 6  # shown of a record that is followed by others
_WARNING, _ERROR = LEVELS.index("WARNING"), LEVELS.index("ERROR")

_FINAL = re.compile(
    r"(?:Aborting current RUN|Stopped ClientRunner) due to FATAL_SYSTEM_ERROR(?: received)?: (?P<why>.*)"
    r"|aborting ServerRunner due to fatal return code .*",
    re.DOTALL,
)
_REASON = re.compile(
    r"(?:Error|Exception|Exit|Interrupt|Timeout|Failure): "  # the end of an exception's name
    r"|\b(?:because(?: of)?|due to|caused by|reason:|cause:)[ :]",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(r"\b[A-Z_]\w{0,100}(?:Error|Exception|Exit|Interrupt)\b")
_CONSEQUENCE = re.compile(
    r"time[d]?[ -]?out\b|timeout"
    r"|\b(?:cannot|can't|could not|couldn't|unable to|failed to|did(?: not|n't)|was not able to) (?:be )?"
    r"(?:connect|start|stop|reach|attach|contact|communicate|respond|answer|proceed|continue|go on|complete|finish|"
    r"initiali[sz]e|configure|get (?:a |any )?(?:connection|response|result|reply|answer)|join|register|send|receive)"
    r"|\bnot (?:ready|started|running|available|responding|reachable|connected|alive|initiali[sz]ed)\b"
    r"|\bno (?:response|reply|answer|result|results|progress|connection|activity)\b|\bdidn't have any activity\b"
    r"|\b(?:process|thread|runner|trainer|server|client|site|peer|applet|app|bridge|connector|adaptor|launcher|worker)"
    r"\b.{0,40}\b(?:exited|stopped|ended|died|terminated|quit|failed|gone|dead|done|lost|crashed|aborted)\b"
    r"|\b(?:exit(?:ed)?|return|status) ?(?:with )?(?:code|status)\b|\brc ?[=:]|\babnormal(?:ly)? stop"
    r"|\bconnection (?:closed|reset|refused|lost|error|aborted)\b|\bunreachable\b|\bheartbeat\b|\bdisconnected\b"
    r"|\babort(?:ed|ing)?\b|\bcannot go on\b|\bgiving up\b|\bgave up\b|\bis bad, error code\b|\bsite failed\b"
    r"|\b(?:after|within|for) \d+(?:\.\d+)? ?(?:s|secs?|seconds?|min|minutes?|ms)\b",
    re.IGNORECASE,
)
_WAITED = re.compile(
    r"\b(?:after|within|for|in|timeout[ =:]{1,3})\s?(\d{1,7}(?:\.\d{1,9})?) ?(s|secs?|seconds?|min|minutes?)?\b",
    re.IGNORECASE,
)
_SOUNDS_BAD = re.compile(
    r"\b(?:error|exception|fatal|critical|panic|fail(?:ed|ure|s)?|cannot|can't|could not|couldn't|unable|denied|refused"
    r"|not found|no such|missing|invalid|illegal|unsupported|not supported|no longer supported|unrecognized"
    r"|not permitted|not allowed|segmentation fault|core dumped|out of memory|killed|bus error|no space left"
    r"|\w{1,100}(?:Error|Exception))\b",
    re.IGNORECASE,
)
_OUTPUT_ERROR = re.compile(
    r"(?:^|[\s:\[(])(?:error|fatal|critical|panic)\b|\b[A-Z_]\w{0,100}(?:Error|Exception)\b"
    r"|\b(?:segmentation fault|core dumped|out of memory|bus error|killed|terminate called|no space left"
    r"|command not found|permission denied|no such file)\b",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"\bwarn(?:ing)?\b|deprecat|\b(?:0|no|without) errors?\b", re.IGNORECASE)
_OUTPUT_LOGGER = re.compile(r"process|launcher|script|std(?:out|err)", re.IGNORECASE)
_STEP_BEGINS = re.compile(r"scheduled task |got task assignment: ")
_WORKFLOW_BEGINS = re.compile(r"starting workflow \S+ \(")


@dataclass(frozen=True)
class Cause:
    """Error that explains why a job failed, as one participant's log tells it.

    Attributes
    ----------
    text
        The error, in one line; sanitized.
    final
        The error with which the job ended for this participant, if it is another one; sanitized.
    index, final_index
        Their records.
    traceback
        The traceback of the error, if it is logged.
    is_known
        False if the log has only consequences: the reason is elsewhere.
    is_inferred
        True if it was not logged as an error, so that it may be unrelated.
    is_before_end
        True if it was logged before the participant began to end the job.
    """

    text: str
    final: str
    index: int
    final_index: int
    traceback: ParsedTraceback | None = None
    is_known: bool = True
    is_inferred: bool = False
    is_before_end: bool = True

    @property
    def has_exception(self) -> bool:
        """True if it names an exception."""
        return self.traceback is not None or bool(_EXCEPTION.search(self.text))


class Progress:
    """The times at which a job got on, according to the log of one participant.

    Parameters
    ----------
    records
        The participant's log of the job.
    """

    def __init__(self, records: Sequence[LogRecord]) -> None:
        rounds: list[_Mark] = []
        steps: list[_Mark] = []
        for record in records:
            at = record.local_time
            if at is None:
                continue
            if match := ROUND.search(record.message):
                rounds.append(_Mark(at, match[2] == "started"))
            elif _WORKFLOW_BEGINS.match(record.message):
                rounds.append(_Mark(at, True))
            elif _STEP_BEGINS.match(record.message):
                steps.append(_Mark(at, True))
        # Where there are rounds, one task after the other within a round proves nothing.
        has_rounds = any(not mark.begins for mark in rounds) or len(rounds) > 1
        self._marks = rounds if has_rounds else [*rounds, *steps]

    def has_recovered(self, since: float | None, until: float | None = None) -> bool:
        """Return whether the job got on after an error.

        Parameters
        ----------
        since
            The time of the error; False is returned if it is unknown.
        until
            The time from which on nothing counts.
        """
        if since is None:
            return False
        # The first round, step or workflow that begins after the error is the one that it may spoil.
        has_begun = any(mark.begins and mark.at <= since for mark in self._marks)
        return any(
            since < mark.at and (until is None or mark.at <= until) and (has_begun or not mark.begins)
            for mark in self._marks
        )


def find_cause(
    records: Sequence[LogRecord],
    tracebacks: Sequence[LocatedTraceback] | None = None,
    progress: Progress | None = None,
) -> Cause | None:
    """Return the error that explains the end of a job; None if the log has no error.

    Parameters
    ----------
    records
        A participant's log of the job, or the errors in it.
    tracebacks
        The tracebacks in it, if they were found already.
    progress
        How the job got on, if these records do not tell it.
    """
    if tracebacks is None:
        tracebacks = find_tracebacks(records)
    progress = progress or Progress(records)
    errors = _find_errors(records, tracebacks)
    final = _find_final(records, errors)
    if final is None:
        return None
    at = records[final.position].local_time
    waited = _waited_seconds(final.text) if is_consequence(final.text) else 0.0
    begun = None if at is None else at - waited - (1.0 if waited else 0.0)

    def may_explain(error: _Error, max_delay: float) -> bool:
        since = records[error.position].local_time
        if error.position >= final.position or error.text in final.text:
            return False
        if since is not None and at is not None and at - since > max_delay:
            return False
        return not progress.has_recovered(since, begun)

    if is_consequence(final.text):
        earlier = [error for error in errors if may_explain(error, waited + MAX_DELAY_S)]
        known = [error for error in earlier if not is_consequence(error.text)]
        for rank in (0, 1, 2):
            found = next((error for error in known if error.rank == rank), None)
            if found is not None:
                return _make_cause(found, final)
        first = next((error for error in earlier if error.rank == 0), final)
        return _make_cause(first, final, is_known=False)
    if not _EXCEPTION.search(final.text[:_MAX_SEARCHED_CHARS]):
        near = [error for error in errors if error.rank == 0 and may_explain(error, _NEARBY_S)]
        found = next(
            (e for e in near if _EXCEPTION.search(e.text[:_MAX_SEARCHED_CHARS]) and not is_consequence(e.text)), None
        )
        if found is not None:
            return _make_cause(found, final)
    return _make_cause(final, final)


def is_progress(record: LogRecord) -> bool:
    """Return whether a record tells that a round, a step or a workflow began or ended."""
    message = record.message
    return bool(ROUND.search(message) or _WORKFLOW_BEGINS.match(message) or _STEP_BEGINS.match(message))


@functools.lru_cache(maxsize=2048)
def is_consequence(text: str) -> bool:
    """Return whether an error only says that something did not happen in time, or has ended: not the reason.

    Of ``failed to start bridge: OSError: no licence`` only the innermost part counts, which is a reason.
    """
    inner, exception = _split_reason(text)
    return "timeout" in exception.lower() or bool(_CONSEQUENCE.search(inner[:_MAX_SEARCHED_CHARS]))


def innermost_reason(text: str) -> str:
    """Return the last part of a chain such as ``A failed because of B: ValueError: no such layer``."""
    return _split_reason(text)[0]


def _split_reason(text: str) -> tuple[str, str]:
    """Return the innermost reason, and the word before it, which may be the name of an exception."""
    text = text[:_MAX_CHARS]
    ends = [match.end() for match in _REASON.finditer(text)]
    inner = text[ends[-1] :].strip() if ends else ""
    return (inner, text[: ends[-1]].split()[-1]) if inner else (text, "")


def shorten_chain(text: str) -> str:
    """Return an error in one bounded line; of a long chain of reasons, the innermost."""
    line = " ".join(event_text(text)[:_MAX_CHARS].split())
    if len(line) > _MAX_CAUSE_CHARS:
        starts = (line.rfind(" ", 0, match.start()) + 1 for match in _REASON.finditer(line))
        line = next((line[start:] for start in starts if len(line) - start <= _MAX_CAUSE_CHARS), line)
    return to_one_line(line)


def format_lines_around(records: Sequence[LogRecord], cause: Cause) -> tuple[str, ...]:
    """Return the lines of a log around a cause for display, and the error with which the job ended.

    The end of a log is the shutdown; what matters is before it. Of a long message, the beginning is shown.
    """

    def head(index: int) -> list[str]:
        lines = [line for line in records[index].format_lines() if line.strip()]
        is_last = index == cause.final_index or cause.traceback is not None
        return lines[-MAX_SHOWN_LINES:] if is_last and len(lines) > _MAX_HEAD_LINES else lines[:_MAX_HEAD_LINES]

    after: list[str] = head(cause.index)
    for index in range(cause.index + 1, cause.final_index + 1):
        if index == cause.final_index or records[index].severity >= _ERROR:
            after += head(index)
    before: list[str] = []
    for index in range(cause.index - 1, -1, -1):
        if len(before) + len(after) >= MAX_SHOWN_LINES:
            break
        before = head(index) + before
    room = MAX_SHOWN_LINES - min(len(after), MAX_SHOWN_LINES)
    return (*before[max(len(before) - room, 0) :], *after[:MAX_SHOWN_LINES])


def find_output_error(text: str) -> tuple[int, str] | None:
    """Return the line of a program's output that tells why it failed, and its number from 0.

    Parameters
    ----------
    text
        The output: any text, without times and levels.
    """
    lines = text.splitlines()
    if "Traceback (most recent call last):" in text:
        said = event_text(text)
        at = max((index for index, line in enumerate(lines) if said and said in line), default=-1)
        if at >= 0:
            return at, said
    bad = [index for index, line in enumerate(lines) if _is_output_error(line)]
    known = [index for index in bad if not is_consequence(lines[index])]
    at = next(iter([*known, *bad]), -1)
    if at < 0:
        bad = [
            i
            for i, line in enumerate(lines)
            if _SOUNDS_BAD.search(line[:_MAX_SEARCHED_CHARS]) and not _is_harmless(line)
        ]
        at = bad[0] if bad else -1
    return (at, lines[at].strip()) if at >= 0 else None


class _Mark(NamedTuple):
    at: float
    begins: bool


class _Error(NamedTuple):
    position: int
    text: str
    rank: int
    """0 for an error, 1 for a warning or a printed traceback, 2 for the output of a program."""
    traceback: ParsedTraceback | None
    is_ending: bool = False


def _find_errors(records: Sequence[LogRecord], tracebacks: Sequence[LocatedTraceback]) -> list[_Error]:
    ended = {found.record_index: found.traceback for found in tracebacks}
    found: list[_Error] = []
    is_ending = False
    for index, record in enumerate(records):
        is_ending = is_ending or bool(JOB_ENDING.search(record.message[:_MAX_CHARS]))
        if is_noise(record, is_ending):
            continue
        text = event_text(record.message)[:_MAX_CHARS]
        traceback = ended.get(index)
        if record.severity >= _ERROR:
            if match := _FINAL.match(record.message):
                text = event_text(match["why"] or record.message)[:_MAX_CHARS]
            traceback = traceback or _find_traceback_of(text, index, records, tracebacks)
            found.append(_Error(index, text, 0, traceback, is_ending))
        elif traceback is not None:
            found.append(_Error(index, traceback.error, 1, traceback))
        elif record.severity == _WARNING and _SOUNDS_BAD.search(text[:_MAX_SEARCHED_CHARS]):
            found.append(_Error(index, text, 1, None))
        elif not record.context and _OUTPUT_LOGGER.search(record.logger) and _is_output_error(text):
            found.append(_Error(index, text, 2, None))
    return [error for error in found if error.text]


def _find_traceback_of(
    text: str, index: int, records: Sequence[LogRecord], tracebacks: Sequence[LocatedTraceback]
) -> ParsedTraceback | None:
    """Return the traceback that is logged right after an error, if it is of the same exception."""
    for found in tracebacks:
        if index < found.record_index <= index + 2 and records[found.record_index].severity >= _ERROR:
            said = found.traceback.message.partition("\n")[0].strip()[:80]
            if found.traceback.type in text and said in text:
                return found.traceback
    return None


def _find_final(records: Sequence[LogRecord], errors: Sequence[_Error]) -> _Error | None:
    """Return the error that ended the job: the first that FLARE calls fatal, or else the last before the end."""
    logged = [error for error in errors if error.rank == 0]
    for error in logged:
        if _FINAL.match(records[error.position].message):
            # The same error is often logged before, by the part that gave up.
            return next((one for one in logged if one.position <= error.position and one.text == error.text), error)
    ending = next((i for i, record in enumerate(records) if JOB_ENDING.search(record.message[:_MAX_CHARS])), None)
    before = [error for error in logged if ending is None or error.position < ending]
    return next(reversed(before or logged), None)


def _make_cause(error: _Error, final: _Error, is_known: bool = True) -> Cause:
    text, end = shorten_chain(error.text), shorten_chain(final.text)
    return Cause(
        text,
        "" if end in text or error.position == final.position else end,
        error.position,
        final.position,
        error.traceback,
        is_known,
        is_inferred=error.rank > 0,
        is_before_end=not error.is_ending,
    )


def _waited_seconds(text: str) -> float:
    waits = [
        float(number) * (60.0 if unit.lower().startswith("min") else 1.0)
        for number, unit in _WAITED.findall(text[:_MAX_SEARCHED_CHARS])
    ]
    return max(waits, default=0.0)


def _is_output_error(line: str) -> bool:
    return bool(_OUTPUT_ERROR.search(line[:_MAX_SEARCHED_CHARS])) and not _is_harmless(line)


def _is_harmless(line: str) -> bool:
    return bool(_HARMLESS.search(line[:_MAX_SEARCHED_CHARS]))
