"""A job as every form of its view shows it: texts, and the moments from which they count."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...api.job_status import JobStatus
from ...formatting.live_text import COUNT, LiveText, live, to_json
from ...formatting.text import format_age, format_duration, join_names, sanitize
from ...monitoring.diagnosis import Failure
from ...monitoring.job.format import GROUP_LABELS, missing_notes, waiting_note, zombie_note
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.state import MatrixCell
from ..core.hints import explain_next_step
from .timeline import Step, status_category, steps

MAX_ROUNDS = 24
"""The most rounds in the matrix: the last ones."""

MAX_SITES = 40
"""The most sites in the matrix: those with problems first."""

CELL_CODES = {"submitted": "s", "working": "w", "late": "l", "failed": "f", "unfinished": "u", "waiting": "q"}
"""A letter for each state of a cell; a blank for a site that had nothing to do in that round."""

CELL_STATES = {
    "s": ("■", "submitted"),
    "w": ("◐", "working"),
    "l": ("!", "late"),
    "f": ("✕", "failed"),
    "u": ("□", "not finished"),
    "q": ("·", "waiting"),
    " ": ("", "none"),
}
"""The glyph and the label of each cell state."""

_DEPLOYMENT_STATES = ("waiting", "deployed", "failed")
_STALE_AFTER_S = 10.0  # many times the polling interval of the monitor
_AGE_IN_SECONDS_S = 60.0  # a site's activity is counted in seconds before, and like a clock after
_MAX_NAME_CHARS, _MAX_REASON_CHARS, _MAX_SENTENCE_CHARS, _MAX_LINE_CHARS = 60, 200, 500, 300  # characters
_MAX_LOG_LINES, _MAX_MISSING, _MAX_NAMED_SITES = 20, 5, 3
_URGENCY = {"f": 0, "l": 1, "u": 2, "w": 3, "q": 4, "s": 5, " ": 6}


@dataclass(frozen=True)
class JobProgress:
    """The progress of the job.

    Attributes
    ----------
    text
        A description such as ``round 6 of 10``.
    fraction
        The finished part of all rounds, from 0 to 1; None if their number is unknown.
    time_left
        The estimated time until the end of the last round; empty if there is no estimate.
    """

    text: str
    fraction: float | None
    time_left: LiveText


@dataclass(frozen=True)
class MatrixRow:
    """A site in the matrix.

    Attributes
    ----------
    site
        Its name.
    cells
        A letter of `CELL_STATES` for each round shown.
    activity
        The site's current activity and its duration; empty if there is none.
    """

    site: str
    cells: str
    activity: LiveText


@dataclass(frozen=True)
class Matrix:
    """The site × round matrix.

    Attributes
    ----------
    rounds
        The rounds shown, counted from 1, oldest first.
    rows
        The sites shown.
    rest
        The rounds and sites that are not shown, in words.
    legend
        `CELL_STATES`.
    """

    rounds: tuple[int, ...]
    rows: tuple[MatrixRow, ...]
    rest: str = ""
    legend: dict[str, tuple[str, str]] = dataclasses.field(default_factory=lambda: CELL_STATES)


@dataclass(frozen=True)
class SiteDeployment:
    """A site to which the job is deployed: ``waiting``, ``deployed`` or ``failed``, and a detail about that."""

    name: str
    state: str
    detail: str


@dataclass(frozen=True)
class FailureCard:
    """The diagnosis of a failed or stalled job.

    Attributes
    ----------
    summary
        The failure in one sentence.
    location, code
        The position in the user's code, and its line of code; empty if unknown.
    next_step
        The advice; empty if there is none.
    unavailable
        The unavailable data, a sentence each.
    log_title, log_lines
        The owner of these last log lines, and the lines.
    """

    summary: str
    location: str = ""
    code: str = ""
    next_step: str = ""
    unavailable: tuple[str, ...] = ()
    log_title: str = ""
    log_lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detail:
    """One of the details; `updated_at` is the time it was learned, if its age matters."""

    term: str
    text: LiveText
    updated_at: float | None = None


@dataclass(frozen=True)
class JobViewModel:
    """The drawing data of a job. All text is sanitized and bounded; for HTML it must still be escaped.

    Attributes
    ----------
    job_id, name, status
        The job, and the server's name for its status.
    category
        The category of the status; see :func:`.status_category`.
    has_ended, ended_at
        True if it has ended, and when.
    updated_at
        The time of the server's last answer about it; None before the first.
    connection_problem
        A sentence if the server does not answer now; empty once the job has ended.
    status_age, freshness
        The age of the status while there is such a problem, else of the data (``warn`` once it is stale).
    elapsed, elapsed_when_lost
        Its run time; and the same for a time at which nobody knows whether it still runs.
    facts
        The submitter and the study.
    steps
        Its timeline.
    sites, no_sites
        The sites to which it is deployed, if the matrix does not name them; and the text in place of them.
    log_targets
        The server and the sites, whose logs may be read.
    progress, matrix, failure
        None if there is nothing to draw.
    problems
        Sentences about problems, or about the reason why the job waits.
    missing_notes
        The missing data and the reasons, a sentence each.
    details
        Collapsible details.
    """

    job_id: str
    name: str
    status: str
    category: str
    has_ended: bool
    ended_at: float | None
    updated_at: float | None
    connection_problem: str
    status_age: LiveText
    freshness: LiveText
    elapsed: LiveText
    elapsed_when_lost: LiveText
    facts: tuple[str, ...]
    steps: tuple[Step, ...]
    sites: tuple[SiteDeployment, ...]
    no_sites: str
    log_targets: tuple[str, ...]
    progress: JobProgress | None
    matrix: Matrix | None
    failure: FailureCard | None
    problems: tuple[str, ...]
    missing_notes: tuple[str, ...]
    details: tuple[Detail, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return to_json(self)


def build_view_model(snapshot: JobSnapshot, now: float) -> JobViewModel:
    """Return the view model of a job at the time `now` (seconds since the epoch)."""
    updated_at = snapshot.facts_at
    is_lost = bool(snapshot.trouble) and not snapshot.ended
    seen = snapshot.as_of(now)
    elapsed, when_lost = _build_elapsed(snapshot, seen)
    matrix = _build_matrix(snapshot, seen)
    sites = snapshot.sites if matrix is None else [site for site in snapshot.sites if site.state == "failed"]
    facts = (
        f"submitted by {sanitize(snapshot.submitter)}" if snapshot.submitter else "",
        f"study {sanitize(snapshot.study)}" if snapshot.study else "",
    )
    return JobViewModel(
        job_id=sanitize(snapshot.job_id),
        name=sanitize(snapshot.name) or "job",
        status=sanitize(snapshot.status) or "UNKNOWN",
        category=status_category(snapshot.status, snapshot.ended),
        has_ended=snapshot.ended,
        ended_at=snapshot.timeline[-1].at if snapshot.ended and snapshot.timeline else None,
        updated_at=updated_at,
        connection_problem=sanitize(snapshot.trouble) if is_lost else "",
        status_age=live("") if updated_at is None else live(f"{COUNT} ago", updated_at),
        freshness=_build_freshness(updated_at),
        elapsed=when_lost.frozen_at(seen) if is_lost and updated_at is not None else elapsed,
        elapsed_when_lost=when_lost,
        facts=tuple(filter(None, facts)),
        steps=tuple(steps(snapshot)),
        sites=tuple(
            SiteDeployment(
                sanitize(site.name),
                site.state if site.state in _DEPLOYMENT_STATES else "waiting",
                sanitize(site.detail),
            )
            for site in sites
        ),
        no_sites="" if snapshot.ended or matrix is not None else "sites: shown once deployed",
        log_targets=("server", *(sanitize(site.name) for site in snapshot.sites if site.name != "server")),
        progress=_build_progress(snapshot, seen),
        matrix=matrix,
        failure=None if snapshot.failure is None else _build_failure_card(snapshot.failure),
        problems=tuple(_iter_problems(snapshot, seen)),
        missing_notes=tuple(missing_notes(snapshot, now)),
        details=tuple(_build_details(snapshot)),
    )


def _build_freshness(updated_at: float | None) -> LiveText:
    if updated_at is None:
        return live("no answer from the server yet")
    fresh = live(f"updated {COUNT} ago", updated_at)
    return fresh.then(updated_at + _STALE_AFTER_S, f"! last seen {COUNT} ago", updated_at, "warn")


def _build_elapsed(snapshot: JobSnapshot, as_of: float) -> tuple[LiveText, LiveText]:
    """Return the run time, and the same for a time at which nobody knows whether the job still runs."""
    seconds = snapshot.elapsed(as_of)
    if seconds is None or snapshot.ended or snapshot.duration is not None:
        known = "" if seconds is None else format_duration(seconds)
        unknown = "run time unknown" if snapshot.ended else "not running yet"
        text = live((f"took {known}" if snapshot.ended else f"{known} elapsed") if known else unknown)
        return text, text
    started = snapshot.started_at
    return (
        live(f"{COUNT} elapsed", started, as_duration=True),
        live(f"{COUNT} elapsed when last seen", started, as_duration=True),
    )


def _build_progress(snapshot: JobSnapshot, as_of: float) -> JobProgress | None:
    begun, total = snapshot.rounds_begun, snapshot.total_rounds
    if not begun:
        return None
    if total is None:
        text = f"{begun} {'round' if begun == 1 else 'rounds'}" if snapshot.ended else f"round {begun}"
        return JobProgress(text, None, live(""))
    last = snapshot.rounds[-1]
    finished = begun if snapshot.round_end(last.number) is not None and _is_last_round_complete(snapshot) else begun - 1
    part = 0.0
    if finished < begun:
        given = [task for task in snapshot.tasks if task.round == last.number]
        returned = [task for task in given if task.returned_at is not None and not task.failed]
        part = len(returned) / len(given) if given else 0.0
    fraction = min(1.0, max(0.0, (finished + part) / total)) if total else None
    left = None if snapshot.trouble or snapshot.is_zombie else snapshot.remaining(as_of)
    text = f"{finished} of {total} rounds" if snapshot.ended else f"round {begun} of {total}"
    return JobProgress(text, fraction, live("") if left is None else _build_time_left(as_of + left))


def _build_time_left(ends_at: float) -> LiveText:
    return live(f"about {COUNT} left", ends_at, as_duration=True, is_countdown=True).then(ends_at - 1)


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
        tuple(
            MatrixRow(
                sanitize(row.site, _MAX_NAME_CHARS),
                row.cells,
                row.activity.frozen_at(as_of) if snapshot.trouble else row.activity,
            )
            for row in rows
        ),
        _describe_rest(len(snapshot.rounds) - len(shown), len(cells) - len(rows)),
    )


def _describe_rest(rounds: int, sites: int) -> str:
    parts = [
        f"{rounds} earlier {'round' if rounds == 1 else 'rounds'}" if rounds else "",
        f"{sites} more {'site' if sites == 1 else 'sites'}" if sites else "",
    ]
    return f"and {', '.join(filter(None, parts))}" if any(parts) else ""


def _build_row(
    snapshot: JobSnapshot,
    site: str,
    cells: dict[str, dict[int, MatrixCell]],
    silent_for_s: float | None,
    rounds: list[int],
) -> MatrixRow:
    row = cells[site]
    codes = "".join(CELL_CODES[row[number].state] if number in row else " " for number in rounds)
    return MatrixRow(site, codes, _build_activity(snapshot, site, cells, silent_for_s, rounds[-1]))


def _build_activity(
    snapshot: JobSnapshot,
    site: str,
    cells: dict[str, dict[int, MatrixCell]],
    silent_for_s: float | None,
    last_round: int,
) -> LiveText:
    current, nth = cells[site].get(last_round), snapshot.nth_round(last_round)
    if current is not None and current.state == "failed":
        return live(f"failed in round {nth}")
    if silent_for_s is not None and not snapshot.ended:
        asked = snapshot.freshness_of("system").at
        return _count_activity("silent: no heartbeat", None if asked is None else asked - silent_for_s)
    if snapshot.ended or current is None:
        return live(f"did not finish round {nth}" if current and current.state == "unfinished" else "")
    if current.state == "working":
        return _count_activity(f"working on round {nth}", current.since)
    if current.state == "late":
        return _count_activity(f"late: still working on round {nth}", current.since)
    if current.state == "submitted":
        busy = [other for other, row in sorted(cells.items()) if other != site and _is_working(row.get(last_round))]
        others = join_names((sanitize(name, _MAX_NAME_CHARS) for name in busy), _MAX_NAMED_SITES)
        return live(f"waiting for {others}" if busy else f"done with round {nth}")
    return live("waiting for its turn")


def _count_activity(text: str, since: float | None) -> LiveText:
    if since is None:
        return live(text)
    counted = f"{text} for {COUNT}"
    return live(counted, since).then(since + _AGE_IN_SECONDS_S, counted, since, as_duration=True)


def _is_working(cell: MatrixCell | None) -> bool:
    return cell is not None and cell.state in ("working", "late")


def _build_failure_card(failure: Failure) -> FailureCard:
    location = sanitize(failure.file, _MAX_REASON_CHARS)
    if location and failure.line is not None:
        location += f", line {failure.line}"
    if location and failure.function and failure.function != "<module>":
        location += f", in {sanitize(failure.function, _MAX_NAME_CHARS)}"
    log = tuple(sanitize(line, _MAX_LINE_CHARS) for line in failure.log[-_MAX_LOG_LINES:])
    whose = sanitize(failure.log_of, _MAX_NAME_CHARS) or "the job"
    lines = "line" if len(log) == 1 else f"{len(log)} lines"
    return FailureCard(
        sanitize(failure.sentence, _MAX_SENTENCE_CHARS),
        location,
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
            yield Detail(term, live(sanitize(words)))
    elapsed = snapshot.duration
    if elapsed is not None:
        yield Detail("run time", live(format_duration(elapsed)))
    if snapshot.key_metric is not None:
        better = "higher" if snapshot.key_metric.mode == "max" else "lower"
        name = sanitize(snapshot.key_metric.name, _MAX_NAME_CHARS)
        yield Detail("key metric", live(f"{name} ({better} is better)"))
    if snapshot.scheduling.attempts > 1:
        yield Detail("scheduling attempts", live(str(snapshot.scheduling.attempts)))
    if snapshot.sites:
        by_state: dict[str, list[str]] = {}
        for site in snapshot.sites:
            by_state.setdefault(sanitize(site.state, 20), []).append(sanitize(site.name, _MAX_NAME_CHARS))
        for state, names in sorted(by_state.items()):
            more = len(names) - MAX_SITES
            listed = ", ".join(names[:MAX_SITES]) + (f" and {more} more" if more > 0 else "")
            yield Detail(state, live(listed))
    if not snapshot.ended:
        for group in snapshot.freshness:
            label = GROUP_LABELS.get(group.group, sanitize(group.group, _MAX_NAME_CHARS))
            reason = sanitize(group.missing_reason, _MAX_REASON_CHARS)
            text = f"missing: {reason}" if reason else "known"
            if group.at is not None:
                yield Detail(label, live(f"{text}, as of {COUNT} ago", group.at), group.at)
            elif reason:
                yield Detail(label, live(text))
