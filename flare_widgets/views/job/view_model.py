"""What a job's view says beside status and times, ready to be drawn: the same words in every form.

The live view and the static one draw a :class:`JobPicture`; only what passes by itself (ages, times left) the browser
counts on, from the moments given here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...formatting.text import clean
from ...monitoring.diagnosis import Failure
from ...monitoring.job.format import GROUPS, ago, clock, lost, nth_round, silent_for, unknown, waited
from ...monitoring.job.snapshot import Cell, JobSnapshot

MOST_ROUNDS = 24
"""Rounds that the matrix has at most: the last ones."""

MOST_SITES = 40
"""Sites that it has at most: those in trouble first."""

CODES = {"submitted": "s", "working": "w", "late": "l", "failed": "f", "unfinished": "u", "waiting": "q"}
"""A letter for each state of a cell; a blank for a site that had nothing to do in that round."""

GLYPHS = {"s": "■", "w": "◐", "l": "!", "f": "✕", "u": "□", "q": "·", " ": ""}
"""What is drawn for each."""

WORDS = {"s": "submitted", "w": "working", "l": "late", "f": "failed", "u": "not finished", "q": "waiting", " ": "none"}
"""What each is called."""

_NAME, _REASON, _SENTENCE, _LINE = 60, 200, 500, 300  # characters
_MOST_LOG, _MOST_MISSING, _MOST_NAMED = 20, 5, 2
_URGENCY = {"f": 0, "l": 1, "u": 2, "w": 3, "q": 4, "s": 5, " ": 6}


@dataclass(frozen=True)
class Progress:
    """How far the job is.

    Attributes
    ----------
    words
        Such as ``round 6 of 10``.
    done
        The part of all rounds that is done, from 0 to 1; None when nobody knows how many there are.
    ends_at
        When the last round is estimated to end; None when nothing tells.
    """

    words: str
    done: float | None = None
    ends_at: float | None = None

    def left(self, now: float) -> str:
        """Return about how long it will still take; empty when nothing tells."""
        seconds = 0.0 if self.ends_at is None else self.ends_at - now
        return f"about {clock(seconds)} left" if seconds >= 1 else ""


@dataclass(frozen=True)
class Row:
    """A site in the matrix.

    Attributes
    ----------
    site
        Its name.
    cells
        A letter of `CODES`, or a blank, for each round shown.
    words
        What it does now, such as ``working on round 6``; empty when there is nothing to say.
    since
        When that began: "for 12 s" is said of it; None when that is not known, or of no interest.
    """

    site: str
    cells: str
    words: str = ""
    since: float | None = None

    def now(self, now: float) -> str:
        """Return what the site does at the time `now`, and for how long."""
        if self.since is None:
            return self.words
        seconds = max(0.0, now - self.since)
        return f"{self.words} for {f'{int(seconds)} s' if seconds < 60 else clock(seconds)}"


@dataclass(frozen=True)
class Matrix:
    """The site × round matrix.

    Attributes
    ----------
    rounds
        The rounds shown, counted from 1, oldest first.
    earlier
        How many rounds before them are not.
    rows
        The sites shown.
    more
        How many sites are not.
    """

    rounds: tuple[int, ...]
    earlier: int
    rows: tuple[Row, ...]
    more: int = 0


@dataclass(frozen=True)
class Fault:
    """Why the job failed, or does not come along.

    Attributes
    ----------
    sentence
        What happened.
    place, code
        Where in the user's code, and the line of it; empty when that is not known.
    next_step
        What to do; empty when there is no advice.
    missing
        What could not be had, a sentence each.
    log_title, log
        Whose last lines these are, and the lines.
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
    """One of the details; `at` is when it was learned, where its age is what matters."""

    term: str
    words: str
    at: float | None = None

    def now(self, now: float) -> str:
        """Return it as it is said at the time `now`."""
        return self.words if self.at is None else f"{self.words}, as of {ago(max(0.0, now - self.at))} ago"


@dataclass(frozen=True)
class JobPicture:
    """What is drawn of a job. All text is clean and bounded; for HTML it must still be escaped.

    Attributes
    ----------
    progress, matrix, fault
        None when there is nothing to draw.
    troubles
        Sentences about what is wrong, or what the job waits for.
    unknown
        What is not known and why, a sentence each.
    details
        The rest, for who unfolds it.
    """

    progress: Progress | None = None
    matrix: Matrix | None = None
    fault: Fault | None = None
    troubles: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return dataclasses.asdict(self)


def picture(snapshot: JobSnapshot, now: float) -> JobPicture:
    """Return what is to be drawn of a job at the time `now` (seconds since the epoch)."""
    # What the server no longer confirms does not go on.
    seen = snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now
    return JobPicture(
        progress=_progress(snapshot, seen),
        matrix=_matrix(snapshot, seen),
        fault=None if snapshot.failure is None else _fault(snapshot.failure),
        troubles=tuple(_troubles(snapshot, seen)),
        unknown=tuple(unknown(snapshot, now)),
        details=tuple(_details(snapshot)),
    )


def _progress(snapshot: JobSnapshot, seen: float) -> Progress | None:
    begun, total = snapshot.rounds_begun, snapshot.total_rounds
    if not begun:
        return None
    if total is None:
        return Progress(f"{begun} {'round' if begun == 1 else 'rounds'}" if snapshot.ended else f"round {begun}")
    last = snapshot.rounds[-1]
    finished = begun if snapshot.round_end(last.number) is not None and _whole(snapshot) else begun - 1
    part = 0.0
    if finished < begun:
        given = [task for task in snapshot.tasks if task.round == last.number]
        returned = [task for task in given if task.returned_at is not None and not task.failed]
        part = len(returned) / len(given) if given else 0.0
    done = min(1.0, max(0.0, (finished + part) / total)) if total else None
    left = None if snapshot.trouble or snapshot.zombie else snapshot.remaining(seen)
    words = f"{finished} of {total} rounds" if snapshot.ended else f"round {begun} of {total}"
    return Progress(words, done, None if left is None else seen + left)


def _whole(snapshot: JobSnapshot) -> bool:
    """Whether the last round came to its end, and did not just stop with the job."""
    return snapshot.rounds[-1].ended_at is not None or snapshot.status in ("FINISHED:COMPLETED", "FINISHED_OK")


def _matrix(snapshot: JobSnapshot, seen: float) -> Matrix | None:
    if not snapshot.rounds:
        return None
    shown = snapshot.rounds[-MOST_ROUNDS:]
    since = shown[0].number
    # Only the tasks that can be seen: a long job has had many.
    drawn = dataclasses.replace(
        snapshot, tasks=tuple(t for t in snapshot.tasks if t.round is not None and t.round >= since)
    )
    cells = drawn.matrix(seen)
    for site in snapshot.working_sites:
        cells.setdefault(site, {})
    silent = silent_for(snapshot)
    rows = [_row(snapshot, site, cells, silent.get(site), [r.number for r in shown]) for site in sorted(cells)]
    if len(rows) > MOST_SITES:
        troubled = sorted(rows, key=lambda r: (r.site not in silent, min(_URGENCY[c] for c in r.cells[-1:] or " ")))
        kept = {row.site for row in troubled[:MOST_SITES]}
        rows = [row for row in rows if row.site in kept]
    return Matrix(
        tuple(nth_round(snapshot, r.number) for r in shown),
        len(snapshot.rounds) - len(shown),
        tuple(dataclasses.replace(row, site=clean(row.site, _NAME)) for row in rows),
        len(cells) - len(rows),
    )


def _row(
    snapshot: JobSnapshot,
    site: str,
    cells: dict[str, dict[int, Cell]],
    silence: float | None,
    rounds: list[int],
) -> Row:
    row = cells[site]
    codes = "".join(CODES[row[number].state] if number in row else " " for number in rounds)
    current = row.get(rounds[-1])
    nth = nth_round(snapshot, rounds[-1])
    if current is not None and current.state == "failed":
        return Row(site, codes, f"failed in round {nth}")
    if silence is not None and not snapshot.ended:
        asked = snapshot.fresh("system").at
        return Row(site, codes, "silent: not heard of", None if asked is None else asked - silence)
    if snapshot.ended or current is None:
        return Row(site, codes, f"did not finish round {nth}" if current and current.state == "unfinished" else "")
    if current.state == "working":
        return Row(site, codes, f"working on round {nth}", current.since)
    if current.state == "late":
        return Row(site, codes, f"late: still working on round {nth}", current.since)
    busy = [clean(s, _NAME) for s, r in sorted(cells.items()) if _at_work(r.get(rounds[-1])) and s != site]
    if current.state == "submitted":
        return Row(site, codes, f"waiting for {_named(busy)}" if busy else f"done with round {nth}")
    return Row(site, codes, "waiting for its turn")


def _at_work(cell: Cell | None) -> bool:
    return cell is not None and cell.state in ("working", "late")


def _named(sites: list[str]) -> str:
    more = len(sites) - _MOST_NAMED
    return ", ".join(sites) if more <= 0 else f"{', '.join(sites[:_MOST_NAMED])} and {more} more"


def _fault(failure: Failure) -> Fault:
    place = clean(failure.file, _REASON)
    if place and failure.line is not None:
        place += f", line {failure.line}"
    if place and failure.function and failure.function != "<module>":
        place += f", in {clean(failure.function, _NAME)}"
    log = tuple(clean(line, _LINE) for line in failure.log[-_MOST_LOG:])
    whose = clean(failure.log_of, _NAME) or "the job"
    lines = "line" if len(log) == 1 else f"{len(log)} lines"
    return Fault(
        clean(failure.sentence, _SENTENCE),
        place,
        clean(failure.code, _LINE),
        clean(failure.next_step, _SENTENCE),
        tuple(clean(sentence, _SENTENCE) for sentence in failure.missing[:_MOST_MISSING]),
        f"last {lines} of the log of {whose}" if log else "",
        log,
    )


def _troubles(snapshot: JobSnapshot, seen: float) -> Iterator[str]:
    if snapshot.ended:
        return
    yield from filter(None, (waited(snapshot, seen), lost(snapshot)))
    silent = silent_for(snapshot)
    names = _named([clean(site, _NAME) for site in sorted(silent)])
    if len(silent) == 1:
        yield f"{names} is silent: the server has not heard of it for {ago(max(silent.values()))}"
    elif silent:
        yield f"{names} are silent: the server has not heard of them for up to {ago(max(silent.values()))}"


def _details(snapshot: JobSnapshot) -> Iterator[Detail]:
    for term, words in (
        ("job id", snapshot.job_id),
        ("name", snapshot.name),
        ("submitted by", snapshot.submitter),
        ("study", snapshot.study),
        ("workflow", snapshot.workflow),
    ):
        if words:
            yield Detail(term, clean(words))
    elapsed = snapshot.duration
    if elapsed is not None:
        yield Detail("ran for", clock(elapsed))
    if snapshot.key_metric is not None:
        better = "more" if snapshot.key_metric.mode == "max" else "less"
        yield Detail("best model by", f"{clean(snapshot.key_metric.name, _NAME)} ({better} is better)")
    if snapshot.scheduling.attempts > 1:
        yield Detail("attempts to start it", str(snapshot.scheduling.attempts))
    if snapshot.sites:
        by_state: dict[str, list[str]] = {}
        for site in snapshot.sites:
            by_state.setdefault(clean(site.state, 20), []).append(clean(site.name, _NAME))
        for state, names in sorted(by_state.items()):
            more = len(names) - MOST_SITES
            yield Detail(state, ", ".join(names[:MOST_SITES]) + (f" and {more} more" if more > 0 else ""))
    if not snapshot.ended:
        for group in snapshot.freshness:
            label = GROUPS.get(group.group, clean(group.group, _NAME))
            if group.missing:
                yield Detail(label, f"missing: {clean(group.missing, _REASON)}", group.at)
            elif group.at is not None:
                yield Detail(label, "known", group.at)
