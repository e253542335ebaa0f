"""A job as every form of its view shows it: texts, and the moments from which they count."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...api.job_status import JobStatus
from ...formatting.live_text import COUNT, LiveText, live, to_json
from ...formatting.text import format_duration, sanitize
from ...monitoring.diagnosis import Failure
from ...monitoring.diagnosis.phrasing import describe_place
from ...monitoring.job.format import (
    GROUP_LABELS,
    expects_live_metrics,
    finished_share,
    missing_notes,
    progress_text,
    untold_notes,
)
from ...monitoring.job.model import Workflow
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.trouble import is_waiting, live_troubles, status_text
from ...monitoring.logs.viewer import SERVER
from ...script_arguments import describe_arguments
from ..core.hints import explain_next_step
from .matrix import LIVE_LIMITS, Matrix, MatrixLimits, build_matrix
from .metrics import describe_live_metrics
from .timeline import Step, status_category, steps

_DEPLOYMENT_STATES = ("waiting", "deployed", "failed")
_STALE_AFTER_S, _WAITING_STALE_AFTER_S = 10.0, 40.0  # many times the polling interval of the monitor
_MAX_NAME_CHARS, _MAX_REASON_CHARS, _MAX_SENTENCE_CHARS, _MAX_LINE_CHARS = 60, 200, 500, 300  # characters
_MAX_LOG_LINES, _MAX_MISSING, _MAX_NAMED_SITES, _MAX_LISTED_SITES, _MAX_WORKFLOWS = 20, 5, 3, 40, 6


@dataclass(frozen=True)
class JobProgress:
    """The progress of the job.

    Attributes
    ----------
    text
        A description such as ``round 6 of 10``, or ``CrossSiteModelEval, workflow 2 of 2, validating``.
    fraction
        The finished part of the rounds, from 0 to 1; None if their number is unknown. Of a job with several workflows,
        of the rounds of all, if each has a number of rounds; else of those of the current one.
    time_left
        The estimated time until the end of the last round; empty if there is no estimate.
    """

    text: str
    fraction: float | None
    time_left: LiveText


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
    log_target
        The participant whose log a live view opens at the last of these lines; empty if there is none.
    """

    summary: str
    location: str = ""
    code: str = ""
    next_step: str = ""
    unavailable: tuple[str, ...] = ()
    log_title: str = ""
    log_lines: tuple[str, ...] = ()
    log_target: str = ""


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
        The job, and the server's name for its status; `LOST` if no process runs it any more.
    category
        The category of the status; see :func:`.status_category`.
    has_ended, ended_at
        True if it has ended, and when.
    updated_at
        The time of the server's last answer about it; None before the first.
    connection_problem, connection_label
        A sentence if the server does not answer now, and the same in two words; empty once the job has ended.
    last_known, freshness
        The last known status and its age, while there is such a problem; else the age of the data (``warn`` once it is
        stale).
    elapsed, elapsed_when_lost
        Its run time; and the same for a time at which nobody knows whether it still runs.
    facts
        The submitter and the study.
    steps
        Its timeline.
    sites, no_sites
        The sites to which it is deployed, if the matrix does not name them; and the text in place of them.
    log_targets
        The sites, to whose logs the output of the job's own code goes, and the server.
    progress, matrix, failure
        None if there is nothing to draw.
    troubles
        A sentence for each trouble that the job is in, such as a site that is late, or the reason why it waits.
    silence
        A sentence once there has been no news for long, although nothing is known to be wrong; empty before.
    missing_notes
        The missing data and the reasons, a sentence each.
    untold_notes
        The data that FLARE does not tell, a sentence each.
    live_metrics
        A sentence on which metrics are live, and which come with the result; empty if there is no need.
    expects_metrics
        True if a chart will be drawn while the job runs, so that there is room for it from the beginning.
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
    connection_label: str
    last_known: LiveText
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
    troubles: tuple[LiveText, ...]
    silence: LiveText
    missing_notes: tuple[str, ...]
    untold_notes: tuple[str, ...]
    live_metrics: str
    expects_metrics: bool
    details: tuple[Detail, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        matrix = None if self.matrix is None else self.matrix.to_json()
        return {**to_json(dataclasses.replace(self, matrix=None)), "matrix": matrix}


def build_view_model(snapshot: JobSnapshot, now: float, limits: MatrixLimits = LIVE_LIMITS) -> JobViewModel:
    """Return the view model of a job at the time `now` (seconds since the epoch), with a matrix within the limits."""
    updated_at = snapshot.facts_at
    is_lost = bool(snapshot.trouble) and not snapshot.ended
    seen, status = snapshot.as_of(now), status_text(snapshot)
    elapsed, when_lost = _build_elapsed(snapshot, seen)
    matrix = build_matrix(snapshot, seen, limits)
    sites = snapshot.sites if matrix is None else [site for site in snapshot.sites if site.state == "failed"]
    log_targets = (*(sanitize(site.name) for site in snapshot.sites if site.name != SERVER), SERVER)
    facts = (
        f"submitted by {sanitize(snapshot.submitter)}" if snapshot.submitter else "",
        f"study {sanitize(snapshot.study)}" if snapshot.study else "",
    )
    return JobViewModel(
        job_id=sanitize(snapshot.job_id),
        name=sanitize(snapshot.name) or "job",
        status=status,
        category="lost" if snapshot.is_zombie else status_category(snapshot.status, snapshot.ended),
        has_ended=snapshot.ended,
        ended_at=snapshot.timeline[-1].at if snapshot.ended and snapshot.timeline else None,
        updated_at=updated_at,
        connection_problem=sanitize(snapshot.trouble) if is_lost else "",
        connection_label=(sanitize(snapshot.trouble_label) or "no answer") if is_lost else "",
        last_known=live("") if updated_at is None else live(f"{status} {COUNT} ago", updated_at),
        freshness=_build_freshness(snapshot),
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
        log_targets=log_targets,
        progress=_build_progress(snapshot, seen),
        matrix=matrix,
        failure=None if snapshot.failure is None else _build_failure_card(snapshot.failure, log_targets),
        troubles=tuple(text.frozen_at(seen) if is_lost else text for text in live_troubles(snapshot, seen)),
        silence=_build_silence(snapshot),
        missing_notes=tuple(missing_notes(snapshot, now)),
        untold_notes=tuple(untold_notes(snapshot)),
        live_metrics=describe_live_metrics(snapshot),
        expects_metrics=expects_live_metrics(snapshot),
        details=tuple(_build_details(snapshot)),
    )


def _build_freshness(snapshot: JobSnapshot) -> LiveText:
    updated_at = snapshot.facts_at
    if updated_at is None:
        return live("no answer from the server yet")
    # A job that waits, or will not end, is polled rarely.
    is_running = snapshot.status == JobStatus.RUNNING and not snapshot.is_zombie
    stale_after = _STALE_AFTER_S if is_running else _WAITING_STALE_AFTER_S
    fresh = live(f"updated {COUNT} ago", updated_at)
    return fresh.then(updated_at + stale_after, f"! last seen {COUNT} ago", updated_at, "warn")


def _build_silence(snapshot: JobSnapshot) -> LiveText:
    if snapshot.ended or snapshot.trouble or snapshot.facts_at is None:
        return live("")
    after = snapshot.facts_at + _WAITING_STALE_AFTER_S
    return live("").then(after, f"no news of the job for {COUNT}", snapshot.facts_at, "warn")


def _build_elapsed(snapshot: JobSnapshot, as_of: float) -> tuple[LiveText, LiveText]:
    """Return the run time, and the same for a time at which nobody knows whether the job still runs."""
    seconds = snapshot.elapsed(as_of)
    is_over = snapshot.ended or snapshot.is_zombie
    if seconds is None or is_over or snapshot.duration is not None:
        if seconds is not None:
            known = format_duration(seconds)
            words = f"took {known}" if snapshot.ended else f"{known} elapsed"
            if snapshot.is_zombie:
                words = f"ran for {known} or more"
        elif is_over:
            words = "run time unknown"
        elif is_waiting(snapshot, as_of):
            words = ""  # for how long it waits is said among the troubles
        else:
            words = "queued" if snapshot.status == JobStatus.SUBMITTED else "not running yet"
        text = live(words)
        return text, text
    started = snapshot.started_at
    return (
        live(f"{COUNT} elapsed", started),
        live(f"{COUNT} elapsed when last seen", started),
    )


def _build_progress(snapshot: JobSnapshot, as_of: float) -> JobProgress | None:
    text = progress_text(snapshot)
    if not text:
        return None
    left = None if snapshot.trouble else snapshot.remaining(as_of)
    if left is None:
        return JobProgress(text, finished_share(snapshot), live(""))
    ends_at = as_of + left
    # Also while nothing new is heard: nobody knows any more when a round ends that lasts for much longer than usual.
    until = ends_at - 1 if snapshot.estimate_ends_at is None else min(ends_at - 1, snapshot.estimate_ends_at)
    time_left = live(f"about {COUNT} left", ends_at, is_countdown=True).then(until)
    return JobProgress(text, finished_share(snapshot), time_left)


def _describe_location(failure: Failure) -> str:
    """Return the place in the user's code, as far as the failure's sentence does not give it."""
    place = describe_place(failure.file, failure.line)
    function = "" if failure.function in ("", "<module>") else f"in {sanitize(failure.function, _MAX_NAME_CHARS)}"
    if not place or place in failure.sentence:
        return function if place else ""
    if failure.line is not None:
        place = place.replace(f"{failure.file} line", f"{failure.file}, line")
    return ", ".join(filter(None, [sanitize(place, _MAX_REASON_CHARS), function]))


def _build_failure_card(failure: Failure, log_targets: tuple[str, ...]) -> FailureCard:
    location = _describe_location(failure)
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
        next((name for name in (failure.log_of, failure.site) if name in log_targets), ""),
    )


def _build_details(snapshot: JobSnapshot) -> Iterator[Detail]:
    for term, words in (
        ("job id", snapshot.job_id),
        ("name", snapshot.name),
        ("submitted by", snapshot.submitter),
        ("study", snapshot.study),
    ):
        if words:
            yield Detail(term, live(sanitize(words)))
    if snapshot.workflows:
        names = [_workflow_text(workflow) for workflow in snapshot.workflows[:_MAX_WORKFLOWS]]
        more = len(snapshot.workflows) - len(names)
        text = ", ".join(names) + (f" and {more} more" if more else "")
        yield Detail("workflow" if len(snapshot.workflows) == 1 else "workflows", live(text))
    if snapshot.arguments:
        found = describe_arguments({argument.name: argument.value for argument in snapshot.arguments})
        yield Detail("arguments", live(sanitize(found, _MAX_SENTENCE_CHARS)))
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
            by_state.setdefault(site.state, []).append(site.name)
        for state, names in sorted(by_state.items()):
            more = len(names) - _MAX_LISTED_SITES
            listed = ", ".join(sanitize(name, _MAX_NAME_CHARS) for name in names[:_MAX_LISTED_SITES])
            yield Detail(sanitize(state, 20), live(listed + (f" and {more} more" if more > 0 else "")))
    if not snapshot.ended:
        for group in snapshot.freshness:
            label = GROUP_LABELS.get(group.group, sanitize(group.group, _MAX_NAME_CHARS))
            reason = sanitize(group.missing_reason, _MAX_REASON_CHARS)
            text = f"missing: {reason}" if reason else "known"
            if group.at is not None:
                yield Detail(label, live(f"{text}, as of {COUNT} ago", group.at), group.at)
            elif reason:
                yield Detail(label, live(text))


def _workflow_text(workflow: Workflow) -> str:
    name = sanitize(workflow.name or workflow.id, _MAX_NAME_CHARS)
    rounds = workflow.total_rounds
    return name if not rounds else f"{name} ({rounds} {'round' if rounds == 1 else 'rounds'})"
