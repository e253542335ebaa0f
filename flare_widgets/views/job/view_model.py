"""The content of a job's view besides status and times, ready to be drawn: the same words in every form.

The live view and the static one draw a :class:`JobViewModel`; only elapsing values (ages, times left) are counted by
the browser, from the times given here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...api.job_status import JobStatus
from ...formatting.text import format_age, format_duration, join_names, sanitize
from ...monitoring.diagnosis import Failure
from ...monitoring.job.format import GROUP_LABELS, missing_notes, waiting_note, zombie_note
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.state import MatrixCell
from ..core.hints import explain_next_step

MAX_ROUNDS = 24
"""The most rounds in the matrix: the last ones."""

MAX_SITES = 40
"""The most sites in the matrix: those with problems first."""

CELL_CODES = {"submitted": "s", "working": "w", "late": "l", "failed": "f", "unfinished": "u", "waiting": "q"}
"""A letter for each state of a cell; a blank for a site that had nothing to do in that round."""

CELL_GLYPHS = {"s": "■", "w": "◐", "l": "!", "f": "✕", "u": "□", "q": "·", " ": ""}
"""The glyph of each cell state."""

CELL_LABELS = {
    "s": "submitted",
    "w": "working",
    "l": "late",
    "f": "failed",
    "u": "not finished",
    "q": "waiting",
    " ": "none",
}
"""The label of each cell state."""

_MAX_NAME_CHARS, _MAX_REASON_CHARS, _MAX_SENTENCE_CHARS, _MAX_LINE_CHARS = 60, 200, 500, 300  # characters
_MAX_LOG_LINES, _MAX_MISSING, _MAX_NAMED_SITES = 20, 5, 3
_URGENCY = {"f": 0, "l": 1, "u": 2, "w": 3, "q": 4, "s": 5, " ": 6}


@dataclass(frozen=True)
class JobProgress:
    """The progress of the job.

    Attributes
    ----------
    words
        A description such as ``round 6 of 10``.
    done
        The finished part of all rounds, from 0 to 1; None if their number is unknown.
    ends_at
        The estimated end of the last round; None if there is no estimate.
    """

    words: str
    done: float | None = None
    ends_at: float | None = None

    def remaining_text(self, now: float) -> str:
        """Return the estimated time left; empty if there is no estimate."""
        seconds = 0.0 if self.ends_at is None else self.ends_at - now
        return f"about {format_duration(seconds)} left" if seconds >= 1 else ""


@dataclass(frozen=True)
class MatrixRow:
    """A site in the matrix.

    Attributes
    ----------
    site
        Its name.
    cells
        A letter of `CELL_CODES`, or a blank, for each round shown.
    words
        The site's current activity, such as ``working on round 6``; empty if there is none.
    since
        The start of the activity, for the text "for 12 s"; None if it is unknown, or of no interest.
    """

    site: str
    cells: str
    words: str = ""
    since: float | None = None

    def text_at(self, now: float) -> str:
        """Return the site's activity at the time `now`, and its duration."""
        if self.since is None:
            return self.words
        seconds = max(0.0, now - self.since)
        return f"{self.words} for {f'{int(seconds)} s' if seconds < 60 else format_duration(seconds)}"


@dataclass(frozen=True)
class Matrix:
    """The site × round matrix.

    Attributes
    ----------
    rounds
        The rounds shown, counted from 1, oldest first.
    earlier
        The number of earlier rounds that are not shown.
    rows
        The sites shown.
    more
        The number of sites that are not shown.
    """

    rounds: tuple[int, ...]
    earlier: int
    rows: tuple[MatrixRow, ...]
    more: int = 0


@dataclass(frozen=True)
class FailureCard:
    """The diagnosis of a failed or stalled job.

    Attributes
    ----------
    sentence
        The failure in one sentence.
    place, code
        The position in the user's code, and its line of code; empty if unknown.
    next_step
        The advice; empty if there is none.
    missing
        The unavailable data, a sentence each.
    log_title, log
        The owner of these last log lines, and the lines.
    """

    sentence: str
    place: str = ""
    code: str = ""
    next_step: str = ""
    missing: tuple[str, ...] = ()
    log_title: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detail:
    """One of the details; `at` is the time it was learned, if its age matters."""

    term: str
    words: str
    at: float | None = None

    def text_at(self, now: float) -> str:
        """Return its text at the time `now`."""
        return self.words if self.at is None else f"{self.words}, as of {format_age(max(0.0, now - self.at))} ago"


@dataclass(frozen=True)
class JobViewModel:
    """The drawing data of a job. All text is sanitized and bounded; for HTML it must still be escaped.

    Attributes
    ----------
    progress, matrix, fault
        None if there is nothing to draw.
    troubles
        Sentences about problems, or about the reason why the job waits.
    unknown
        The missing data and the reasons, a sentence each.
    details
        Collapsible details.
    """

    progress: JobProgress | None = None
    matrix: Matrix | None = None
    fault: FailureCard | None = None
    troubles: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return dataclasses.asdict(self)


def build_view_model(snapshot: JobSnapshot, now: float) -> JobViewModel:
    """Return the view model of a job at the time `now` (seconds since the epoch)."""
    seen = snapshot.as_of(now)
    return JobViewModel(
        progress=_build_progress(snapshot, seen),
        matrix=_build_matrix(snapshot, seen),
        fault=None if snapshot.failure is None else _build_failure_card(snapshot.failure),
        troubles=tuple(_iter_problems(snapshot, seen)),
        unknown=tuple(missing_notes(snapshot, now)),
        details=tuple(_build_details(snapshot)),
    )


def _build_progress(snapshot: JobSnapshot, as_of: float) -> JobProgress | None:
    begun, total = snapshot.rounds_begun, snapshot.total_rounds
    if not begun:
        return None
    if total is None:
        return JobProgress(f"{begun} {'round' if begun == 1 else 'rounds'}" if snapshot.ended else f"round {begun}")
    last = snapshot.rounds[-1]
    finished = begun if snapshot.round_end(last.number) is not None and _is_last_round_complete(snapshot) else begun - 1
    part = 0.0
    if finished < begun:
        given = [task for task in snapshot.tasks if task.round == last.number]
        returned = [task for task in given if task.returned_at is not None and not task.failed]
        part = len(returned) / len(given) if given else 0.0
    done = min(1.0, max(0.0, (finished + part) / total)) if total else None
    left = None if snapshot.trouble or snapshot.is_zombie else snapshot.remaining(as_of)
    words = f"{finished} of {total} rounds" if snapshot.ended else f"round {begun} of {total}"
    return JobProgress(words, done, None if left is None else as_of + left)


def _is_last_round_complete(snapshot: JobSnapshot) -> bool:
    """Return whether the last round was completed, and did not just stop with the job."""
    return snapshot.rounds[-1].ended_at is not None or JobStatus.of(snapshot.status) is JobStatus.COMPLETED


def _build_matrix(snapshot: JobSnapshot, as_of: float) -> Matrix | None:
    if not snapshot.rounds:
        return None
    shown = snapshot.rounds[-MAX_ROUNDS:]
    since = shown[0].number
    # Only the visible tasks: a long job has had many.
    drawn = dataclasses.replace(
        snapshot, tasks=tuple(t for t in snapshot.tasks if t.round is not None and t.round >= since)
    )
    cells = drawn.matrix(as_of)
    for site in snapshot.participating_sites:
        cells.setdefault(site, {})
    silent = snapshot.silence_by_site
    rows = [_build_row(snapshot, site, cells, silent.get(site), [r.number for r in shown]) for site in sorted(cells)]
    if len(rows) > MAX_SITES:
        troubled = sorted(rows, key=lambda r: (r.site not in silent, min(_URGENCY[c] for c in r.cells[-1:] or " ")))
        kept = {row.site for row in troubled[:MAX_SITES]}
        rows = [row for row in rows if row.site in kept]
    return Matrix(
        tuple(snapshot.nth_round(r.number) for r in shown),
        len(snapshot.rounds) - len(shown),
        tuple(dataclasses.replace(row, site=sanitize(row.site, _MAX_NAME_CHARS)) for row in rows),
        len(cells) - len(rows),
    )


def _build_row(
    snapshot: JobSnapshot,
    site: str,
    cells: dict[str, dict[int, MatrixCell]],
    silent_for_s: float | None,
    rounds: list[int],
) -> MatrixRow:
    row = cells[site]
    codes = "".join(CELL_CODES[row[number].state] if number in row else " " for number in rounds)
    current = row.get(rounds[-1])
    nth = snapshot.nth_round(rounds[-1])
    if current is not None and current.state == "failed":
        return MatrixRow(site, codes, f"failed in round {nth}")
    if silent_for_s is not None and not snapshot.ended:
        asked = snapshot.freshness_of("system").at
        return MatrixRow(site, codes, "silent: no heartbeat", None if asked is None else asked - silent_for_s)
    if snapshot.ended or current is None:
        return MatrixRow(
            site, codes, f"did not finish round {nth}" if current and current.state == "unfinished" else ""
        )
    if current.state == "working":
        return MatrixRow(site, codes, f"working on round {nth}", current.since)
    if current.state == "late":
        return MatrixRow(site, codes, f"late: still working on round {nth}", current.since)
    busy = [
        sanitize(s, _MAX_NAME_CHARS) for s, r in sorted(cells.items()) if _is_working(r.get(rounds[-1])) and s != site
    ]
    if current.state == "submitted":
        others = join_names(busy, _MAX_NAMED_SITES)
        return MatrixRow(site, codes, f"waiting for {others}" if busy else f"done with round {nth}")
    return MatrixRow(site, codes, "waiting for its turn")


def _is_working(cell: MatrixCell | None) -> bool:
    return cell is not None and cell.state in ("working", "late")


def _build_failure_card(failure: Failure) -> FailureCard:
    place = sanitize(failure.file, _MAX_REASON_CHARS)
    if place and failure.line is not None:
        place += f", line {failure.line}"
    if place and failure.function and failure.function != "<module>":
        place += f", in {sanitize(failure.function, _MAX_NAME_CHARS)}"
    log = tuple(sanitize(line, _MAX_LINE_CHARS) for line in failure.log[-_MAX_LOG_LINES:])
    whose = sanitize(failure.log_of, _MAX_NAME_CHARS) or "the job"
    lines = "line" if len(log) == 1 else f"{len(log)} lines"
    return FailureCard(
        sanitize(failure.sentence, _MAX_SENTENCE_CHARS),
        place,
        sanitize(failure.code, _MAX_LINE_CHARS),
        sanitize(explain_next_step(failure), _MAX_SENTENCE_CHARS),
        tuple(sanitize(sentence, _MAX_SENTENCE_CHARS) for sentence in failure.missing[:_MAX_MISSING]),
        f"last {lines} of the log of {whose}" if log else "",
        log,
    )


def _iter_problems(snapshot: JobSnapshot, as_of: float) -> Iterator[str]:
    if snapshot.ended:
        return
    yield from filter(None, (waiting_note(snapshot, as_of), zombie_note(snapshot)))
    silent = snapshot.silence_by_site
    names = join_names((sanitize(site, _MAX_NAME_CHARS) for site in sorted(silent)), _MAX_NAMED_SITES)
    if len(silent) == 1:
        yield f"{names} is silent: the server has had no heartbeat for {format_age(max(silent.values()))}"
    elif silent:
        yield f"{names} are silent: the server has had no heartbeat for up to {format_age(max(silent.values()))}"


def _build_details(snapshot: JobSnapshot) -> Iterator[Detail]:
    for term, words in (
        ("job id", snapshot.job_id),
        ("name", snapshot.name),
        ("submitted by", snapshot.submitter),
        ("study", snapshot.study),
        ("workflow", snapshot.workflow),
    ):
        if words:
            yield Detail(term, sanitize(words))
    elapsed = snapshot.duration
    if elapsed is not None:
        yield Detail("ran for", format_duration(elapsed))
    if snapshot.key_metric is not None:
        better = "more" if snapshot.key_metric.mode == "max" else "less"
        yield Detail("best model by", f"{sanitize(snapshot.key_metric.name, _MAX_NAME_CHARS)} ({better} is better)")
    if snapshot.scheduling.attempts > 1:
        yield Detail("attempts to start it", str(snapshot.scheduling.attempts))
    if snapshot.sites:
        by_state: dict[str, list[str]] = {}
        for site in snapshot.sites:
            by_state.setdefault(sanitize(site.state, 20), []).append(sanitize(site.name, _MAX_NAME_CHARS))
        for state, names in sorted(by_state.items()):
            more = len(names) - MAX_SITES
            yield Detail(state, ", ".join(names[:MAX_SITES]) + (f" and {more} more" if more > 0 else ""))
    if not snapshot.ended:
        for group in snapshot.freshness:
            label = GROUP_LABELS.get(group.group, sanitize(group.group, _MAX_NAME_CHARS))
            if group.missing_reason:
                yield Detail(label, f"missing: {sanitize(group.missing_reason, _MAX_REASON_CHARS)}", group.at)
            elif group.at is not None:
                yield Detail(label, "known", group.at)
