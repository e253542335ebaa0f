"""Snapshots as text: one line for a terminal, a ``print``, and the label for a screen reader.

The same sentence everywhere, for the time it is read at. Nothing in a snapshot is trusted: all of it is sanitized.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ...api.job_status import JobStatus
from ...formatting.text import SHORT_ID, format_duration, format_number, join_names, sanitize
from .model import RANK_SELECTOR, Freshness, Workflow
from .round_tasks import Column
from .state import JobState, MatrixCell
from .trouble import absence_note, status_text, waiting_note

MAX_NAMED = 4
"""Sites that are listed one by one; beyond that, only those with problems are, and the others are counted."""

MAX_WAITED_FOR = 3
"""Sites that are named where another one waits for them."""

_MAX_NAME_CHARS, _MAX_SITE_CHARS, _MAX_METRIC_CHARS, _MAX_REASON_CHARS = 60, 40, 30, 120  # characters
_FIRST_SELECTED_ROUND = 2  # the selector of the best model passes over the first one
_STATE_LABELS = {"submitted": "done"}  # the matrix shows results, the sentence shows sites
GROUP_LABELS = {
    "rounds": "rounds",
    "metrics": "metrics",
    "activity": "work of the sites",
    "system": "connected sites",
    "failure": "cause of the failure",
}
"""Display name of each group of updates, see :class:`.Freshness`."""


def describe(snapshot: JobState, now: float | None = None) -> str:
    """Describe the job in one line.

    ``hello-numpy 76b8d043  RUNNING  round 6/10  accuracy 0.607  2:14, about 1:25 left  hospital-a training,
    hospital-b done``: name, short id, status, round (counted from 1) or step, the key metric's newest value over
    all sites (and the best one, if different), time, the current activity of the sites; before that any problems, and
    at the end any missing data and the reason.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The time the line is for (seconds since the epoch); the current time if not given.
    """
    now = time.time() if now is None else now
    seen = snapshot.as_of(now)
    parts = [job_label(snapshot.name, snapshot.job_id), _status_text(snapshot, now)]
    parts += _problems(snapshot, seen)
    parts.append(progress_text(snapshot, "/"))
    parts += [_metric_text(snapshot), _time_text(snapshot, seen), _sites_text(snapshot, seen)]
    parts += missing_notes(snapshot, now)
    return "  ".join(filter(None, parts))


def job_label(name: str, job_id: str) -> str:
    """Return a job's name and short id."""
    return f"{sanitize(name, _MAX_NAME_CHARS) or 'job'} {sanitize(job_id[:SHORT_ID])}"


def progress_text(snapshot: JobState, of: str = " of ") -> str:
    """Describe the progress of the job: its workflow if it has several, and the round or the step; empty if unknown.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    of
        The text between the round and the number of rounds.
    """
    if snapshot.ended:
        return _finished_text(snapshot, of)
    if snapshot.status != JobStatus.RUNNING:
        return ""
    if snapshot.is_packing:
        return "packing up the results"
    workflow, begun = snapshot.current_workflow, snapshot.rounds_begun
    last = snapshot.columns[-1] if snapshot.columns else None
    if begun:
        total = workflow.total_rounds
        # A number that the rounds contradict is not the number of rounds.
        words = f"round {begun}" + ("" if total is None or total < begun else f"{of}{total}")
    elif last is not None and last.workflow == workflow.id:
        words = _step_label(snapshot, last)
    elif workflow.is_self_directed:
        words = f"the sites work on their own ({sanitize(workflow.kind, _MAX_NAME_CHARS)})"
    else:
        words = ""
    if len(snapshot.workflows) < 2:
        return words
    place = f"workflow {snapshot.workflows.index(workflow) + 1} of {len(snapshot.workflows)}"
    return ", ".join(filter(None, (sanitize(workflow.name, _MAX_NAME_CHARS), place, words)))


def short_progress(snapshot: JobState) -> str:
    """Describe the progress of a running job in a few characters: ``round 4/10``, ``workflow 2/2``, or nothing."""
    if snapshot.is_packing:
        return "packing up"
    workflow, begun, count = snapshot.current_workflow, snapshot.rounds_begun, len(snapshot.workflows)
    if begun:
        total = known_total_rounds(snapshot, workflow)
        return f"round {begun}" if total is None else f"round {begun}/{total}"
    return f"workflow {snapshot.workflows.index(workflow) + 1}/{count}" if count > 1 else ""


def site_text(snapshot: JobState, cell: MatrixCell) -> str:
    """Describe the work of a site, without its duration: ``training, round 3``, ``waiting``, ``done``."""
    column = cell.column
    round_text = (
        f"round {snapshot.nth_round(column.round, column.workflow)}" if column and column.round is not None else ""
    )
    label = sanitize(cell.task, _MAX_NAME_CHARS)
    if cell.state == "self-directed":
        return f"works on its own ({sanitize(snapshot.current_workflow.kind, _MAX_NAME_CHARS)})"
    if cell.state == "working":
        return ", ".join(filter(None, (label or "working", round_text)))
    if not cell.is_fetched:
        return "has not fetched its task"
    if cell.state in ("late", "failed", "unfinished"):
        state = "not finished" if cell.state == "unfinished" else cell.state
        return f"{state}: {', '.join(filter(None, (label, round_text)))}" if label or round_text else state
    return _STATE_LABELS.get(cell.state, cell.state)


def waited_for_text(site: str, cell: MatrixCell, pending: Sequence[str]) -> str:
    """Return the words for a site that is done with the newest round or step while others are not; else empty.

    Parameters
    ----------
    site, cell
        The site and its state.
    pending
        The sites whose result is missing, see :meth:`.JobState.pending_sites`.
    """
    others = [sanitize(name, _MAX_SITE_CHARS) for name in pending if name != site]
    if cell.state != "submitted" or not others or site in pending:
        return ""
    return f"waiting for {join_names(others, MAX_WAITED_FOR)}"


def metric_place(snapshot: JobState, number: int, workflow_id: str) -> str:
    """Return the words for the round of a value, and its workflow if several have rounds: ``round 3``.

    A workflow without rounds has metrics by step, which is the task that was handed out last: ``step 3``.
    """
    unit = "round" if snapshot.rounds_of(workflow_id) else "step"
    words = f"{unit} {snapshot.nth_round(number, workflow_id)}"
    with_rounds = snapshot.workflows_with_rounds
    if len(with_rounds) < 2 or workflow_id not in with_rounds:
        return words
    ids = [w.id for w in snapshot.workflows]
    return f"{words} of workflow {ids.index(workflow_id) + 1}" if workflow_id in ids else words


def finished_share(snapshot: JobState) -> float | None:
    """Return the finished part of the rounds, from 0 to 1; None if their number is unknown.

    Of a job with several workflows, the rounds of all count if each has a number of rounds; else, while it runs, those
    of the current one.
    """
    current = snapshot.current_workflow
    if snapshot.ended:
        counted = _counted_workflows(snapshot)
    elif snapshot.is_packing or not snapshot.current_rounds or known_total_rounds(snapshot, current) is None:
        return None
    else:
        counted = list(snapshot.workflows) if all(w.total_rounds for w in snapshot.workflows) else [current]
    totals = [known_total_rounds(snapshot, workflow) or 0 for workflow in counted]
    if not totals or not all(totals):
        return None
    finished = sum(_finished_rounds(snapshot, workflow) for workflow in counted)
    part = 0.0
    if current in counted and _finished_rounds(snapshot, current) < snapshot.rounds_begun:
        last = snapshot.current_rounds[-1].number
        given = snapshot.tasks_of_round(current.id, last)
        part = sum(t.returned_at is not None and not t.failed for t in given) / len(given) if given else 0.0
    return min(1.0, (finished + part) / sum(totals))


def untold_notes(snapshot: JobState) -> list[str]:
    """Return the sentences about what FLARE does not tell of the workflows that have started, or not yet."""
    with_rounds = snapshot.workflows_with_rounds
    started = [w for w in snapshot.workflows if w.started_at is not None or w.id in with_rounds]
    sentences = [s for w in started for s in (*w.untold, *(() if snapshot.ended else w.told_at_end))]
    return list(dict.fromkeys(map(sanitize, sentences)))


def live_metrics_note(snapshot: JobState) -> str:
    """Return a sentence on the metrics that are live, and those that come with the result only.

    The server's log tells the key metric only, from the second round on, unless the job's code sends more of them.
    Empty if more are known, or if nothing can be said of them.
    """
    is_readable = not snapshot.freshness_of("metrics").missing_reason
    is_running = snapshot.status == JobStatus.RUNNING and not snapshot.is_packing
    if snapshot.has_live_metrics or not is_running or not snapshot.current_rounds or not is_readable:
        return ""
    key = snapshot.key_metric
    measured = snapshot.series_by_metric.keys()
    if measured - metrics_without_first_round(snapshot):
        return ""
    if key is None:
        if not measured:
            # A workflow without a name is one whose configuration was not read yet.
            if not snapshot.current_workflow.name or snapshot.rounds_begun < _FIRST_SELECTED_ROUND:
                return ""
            return "No metric is live: the server's log has none. Those that the job records arrive with the result."
        return "Live: only the value by which the server selects the best model. The metrics arrive with the result."
    state = ""
    if not measured:
        is_early = snapshot.rounds_begun <= _FIRST_SELECTED_ROUND
        state = ", from round 2 on" if is_early else ", and the server's log has no value of it"
    name = sanitize(key.name, _MAX_METRIC_CHARS)
    return f"Live: only the job's key metric ({name}){state}. Others arrive with the result."


def no_metrics_reason(snapshot: JobState, now: float) -> str:
    """Return the reason why a job has no metrics, as far as it is known; empty if not."""
    missing = sanitize(snapshot.freshness_of("metrics").missing_reason, _MAX_REASON_CHARS)
    if snapshot.ended:
        if JobStatus.of(snapshot.status) is JobStatus.COMPLETED:
            return missing
        failure = "" if snapshot.failure is None else sanitize(snapshot.failure.sentence)
        return f"it ended as {status_text(snapshot)} before it had any" + (f" ({failure})" if failure else "")
    if snapshot.status in (JobStatus.SUBMITTED, JobStatus.APPROVED, JobStatus.DISPATCHED):
        note = waiting_note(snapshot, now)
        return "it has not started yet" + (f" ({note})" if note else "")
    return missing or live_metrics_note(snapshot) or ("none has come yet" if snapshot.status else "")


def expects_live_metrics(snapshot: JobState) -> bool:
    """Return whether values of metrics are known, or will soon be, while the job trains its rounds."""
    if snapshot.status != JobStatus.RUNNING or snapshot.is_packing or not snapshot.current_rounds:
        return False
    if any(series.points for series in snapshot.round_metrics):
        return True
    has_source = snapshot.has_live_metrics or snapshot.key_metric is not None
    return has_source and snapshot.rounds_begun <= _FIRST_SELECTED_ROUND + 1


def metrics_without_first_round(snapshot: JobState) -> frozenset[tuple[str, str]]:
    """Return the metrics, by name and workflow, whose value of the first round comes with the result only.

    FLARE's selector of the best model, whose log is the source, passes over the first round.
    """
    if snapshot.ended:
        return frozenset()
    found = set()
    for (name, workflow), all_series in snapshot.series_by_metric.items():
        first = min(series.points[0].round for series in all_series)
        if snapshot.nth_round(first, workflow) == _FIRST_SELECTED_ROUND:
            ranks = {series.points[0].rank for series in all_series if series.points[0].round == first}
            if ranks == {RANK_SELECTOR}:
                found.add((name, workflow))
    return frozenset(found)


def _finished_text(snapshot: JobState, of: str) -> str:
    """Describe the rounds of a job that has ended; of one without, its steps."""
    counted = _counted_workflows(snapshot)
    if counted:
        totals = [known_total_rounds(snapshot, workflow) for workflow in counted]
        if None in totals:
            begun = sum(rounds_begun_in(snapshot, workflow) for workflow in counted)
            words = f"{begun} {'round' if begun == 1 else 'rounds'}"
        else:
            finished = sum(_finished_rounds(snapshot, workflow) for workflow in counted)
            words = f"{finished}{of}{sum(n for n in totals if n is not None)} rounds"
        return words if len(counted) < 2 else f"{words} in {len(counted)} workflows"
    labels = list(filter(None, dict.fromkeys(_step_label(snapshot, column) for column in snapshot.columns)))
    more = f" and {len(labels) - MAX_NAMED} more" if len(labels) > MAX_NAMED else ""
    return f"steps: {', '.join(labels[:MAX_NAMED])}{more}" if labels else ""


def _counted_workflows(snapshot: JobState) -> list[Workflow]:
    """Return the workflows of an ended job whose rounds count; none if none has begun.

    Those of a workflow that the job did not get to count too: they were not finished.
    """
    with_rounds = snapshot.workflows_with_rounds
    is_complete = JobStatus.of(snapshot.status) is JobStatus.COMPLETED
    workflows = [*snapshot.workflows, *map(Workflow, with_rounds - {w.id for w in snapshot.workflows})]
    known = [w for w in workflows if w.total_rounds and not w.is_self_directed and not is_complete]
    return [w for w in workflows if w.id in with_rounds or w in known] if with_rounds else []


def known_total_rounds(snapshot: JobState, workflow: Workflow) -> int | None:
    """Return the number of rounds of a workflow; None if it is unknown, or more have begun."""
    total = workflow.total_rounds
    return None if total is None or total < rounds_begun_in(snapshot, workflow) else total


def _finished_rounds(snapshot: JobState, workflow: Workflow) -> int:
    """Return the number of rounds that have finished, and did not just stop with the job."""
    rounds = snapshot.rounds_of(workflow.id)
    if not rounds:
        return 0
    later = snapshot.workflows[snapshot.workflows.index(workflow) + 1 :] if workflow in snapshot.workflows else ()
    is_complete = (
        rounds[-1].ended_at is not None
        or JobStatus.of(snapshot.status) is JobStatus.COMPLETED
        or any(w.started_at is not None or snapshot.rounds_of(w.id) for w in later)
    )
    return rounds_begun_in(snapshot, workflow) - (not is_complete)


def rounds_begun_in(snapshot: JobState, workflow: Workflow) -> int:
    """Return the number of rounds of a workflow that have started."""
    rounds = snapshot.rounds_of(workflow.id)
    return max(snapshot.nth_round(rounds[-1].number, workflow.id), len(rounds)) if rounds else 0


def _step_label(snapshot: JobState, column: Column) -> str:
    return sanitize(snapshot.step_labels.get(column, ""), _MAX_NAME_CHARS)


def missing_notes(snapshot: JobState, now: float) -> list[str]:
    """Return notes on missing or outdated data of the job, with the reasons.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The time the notes are for.
    """
    notes = []
    for group in snapshot.missing_groups:
        label = GROUP_LABELS.get(group.group, sanitize(group.group, _MAX_NAME_CHARS))
        known = {"metrics": snapshot.round_metrics, "rounds": snapshot.rounds}.get(group.group)
        if known and snapshot.ended:
            label = f"other {label}"
        notes.append(f"{label} {_age_note(group, now)} ({sanitize(group.missing_reason, _MAX_REASON_CHARS)})")
    return notes


def _status_text(snapshot: JobState, now: float) -> str:
    words = status_text(snapshot)
    age = snapshot.age(now)
    return (
        f"{words} {format_duration(age)} ago" if snapshot.trouble and age is not None and not snapshot.ended else words
    )


def _problems(snapshot: JobState, as_of: float) -> Iterator[str]:
    yield waiting_note(snapshot, as_of)
    if snapshot.failure is not None:
        yield sanitize(snapshot.failure.sentence)
    yield absence_note(snapshot)
    yield sanitize(snapshot.trouble)


def _metric_text(snapshot: JobState) -> str:
    name = snapshot.headline_metric
    series = None if name is None else snapshot.series(name)
    if name is None or series is None:
        return ""
    newest = series.points[-1]
    words = f"{sanitize(name, _MAX_METRIC_CHARS)} {format_number(newest.value)}"
    is_current = series.workflow == snapshot.current_workflow.id
    if not is_current or (snapshot.round is not None and newest.round < snapshot.round - 1):
        # A server's log has the mean of a round only if it is a new best.
        words += f" in {metric_place(snapshot, newest.round, series.workflow)}"
    best = snapshot.best if snapshot.key_metric is not None and snapshot.key_metric.name == name else None
    if best is not None and (best.round, best.workflow) != (newest.round, series.workflow):
        words += f" (best {format_number(best.value)} in {metric_place(snapshot, best.round, best.workflow)})"
    return words


def _time_text(snapshot: JobState, as_of: float) -> str:
    elapsed = snapshot.elapsed(as_of)
    if elapsed is None:
        return ""
    left = None if snapshot.trouble else snapshot.remaining(as_of)
    about = f", about {format_duration(left)} left" if left is not None and left >= 1 else ""
    return f"{format_duration(elapsed)}{about}"


def _sites_text(snapshot: JobState, as_of: float) -> str:
    """Describe the activity of the sites; for a job that has ended, the failed ones."""
    states = snapshot.site_states(as_of)
    if snapshot.ended:
        states = {site: cell for site, cell in states.items() if cell.state == "failed"}
    if len(states) <= MAX_NAMED:
        pending = snapshot.pending_sites(as_of)
        return ", ".join(
            f"{sanitize(site, _MAX_SITE_CHARS)} {_state_text(snapshot, site, cell, pending, as_of)}"
            for site, cell in states.items()
        )
    by_word: dict[str, list[str]] = {}
    for site, cell in states.items():
        by_word.setdefault(_STATE_LABELS.get(cell.state, cell.state), []).append(site)
    bad = [
        f"{join_names([sanitize(site, _MAX_SITE_CHARS) for site in by_word.pop(word)], MAX_NAMED + 1)} {word}"
        for word in ("failed", "silent", "late")
        if word in by_word
    ]
    return ", ".join([*bad, *(f"{len(sites)} {word}" for word, sites in sorted(by_word.items()))])


def _state_text(snapshot: JobState, site: str, cell: MatrixCell, pending: Sequence[str], as_of: float) -> str:
    if cell.state == "silent" and cell.since is not None:
        return f"silent for {format_duration(as_of - cell.since)}"
    if waited_for := waited_for_text(site, cell, pending):
        return waited_for
    if not cell.is_fetched and cell.since is not None:
        return f"{site_text(snapshot, cell)} for {format_duration(as_of - cell.since)}"
    if cell.state == "late" and cell.since is not None:
        return f"late ({format_duration(as_of - cell.since)})"
    if cell.state == "failed":
        return "failed"
    if cell.column is not None and cell.column == (snapshot.columns or (None,))[-1]:
        cell = cell._replace(column=None)  # the round is in the sentence already
    return site_text(snapshot, cell)


def _age_note(group: Freshness, now: float) -> str:
    return "not known" if group.at is None else f"as of {format_duration(max(0.0, now - group.at))} ago"
