"""Diagnosis of stalled jobs, which will not end without help: they wait in vain, or no process runs them. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ...api.job_status import JobStatus
from ...formatting.text import sanitize
from ..job.state import SCHEDULER_IDLE_AFTER_S
from ..logs.records import MAX_SHOWN_CHARS
from .log_analysis import LogAnalysis
from .model import Evidence, Failure
from .next_steps import recommend_next_step
from .phrasing import join_sites, server_if_any, text_or_empty, to_one_line
from .site_failure import diagnose_site

_STARTUP_GRACE_S = 20.0  # seconds after its start in which a job's processes may still be starting
_SCHEDULE_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: (.*)", re.DOTALL)
_TOO_FEW_SITES = re.compile(r"connected sites \((\d+)\) < min_sites \((\d+)\)")
_MISSING_SITE = re.compile(r"missing required site (\S+)")
_NO_RESOURCES = re.compile(r"not enough sites have enough resources \(ok sites (\d+) < min sites (\d+)\)")


def diagnose_stalled(evidence: Evidence, status: str) -> Failure | None:
    """Diagnose a job in this status that will not end by itself; None if it will, as far as is known."""
    if status == JobStatus.SUBMITTED:
        return diagnose_unschedulable(evidence, has_given_up=False)
    if status != JobStatus.RUNNING:
        return None
    started = _start_time(evidence.meta)
    job = text_or_empty(evidence.meta.get("job_id"))
    if evidence.running is not None and job not in evidence.running:
        if evidence.server_started is None or started is None or evidence.server_started <= started:
            return None  # it is just ending
        clues = LogAnalysis(evidence)
        return Failure(
            f"The server was restarted while the job was running{clues.round_phrase()}; FLARE does not resume "
            f"such a job, although its status stays {status}",
            "server-restarted",
            site="server",
            round=clues.round,
            log=clues.tail("server"),
            log_of=server_if_any(clues.tail("server")),
        )
    settled = started is not None and evidence.at is not None and evidence.at - started > _STARTUP_GRACE_S
    clues = LogAnalysis(evidence)
    if settled and evidence.idle and clues.is_still_running:
        site = next((site for site in evidence.idle if clues.find_exception(site)), "")
        if failure := diagnose_site(clues, site):
            failure = recommend_next_step(failure)
            return replace(
                failure,
                next_step=f"Abort the job: FLARE does not notice, and waits for ever. {failure.next_step}",
                next_methods=("abort_job", *failure.next_methods),
            )
        names = join_sites(evidence.idle)
        more = "no longer run" if len(evidence.idle) > 1 else "no longer runs"
        return Failure(
            f"{names} {more} the job (probably restarted{clues.round_phrase()}), and FLARE does not notice: "
            "the job may wait forever",
            "site-lost",
            site=sanitize(evidence.idle[0]),
            round=clues.round,
            log=clues.tail(evidence.idle[0]),
            log_of=sanitize(evidence.idle[0]) if clues.tail(evidence.idle[0]) else "",
            next_step="Abort it, and submit the same job once more.",
            next_methods=("abort_job", "clone_job"),
        )
    return None


def diagnose_unschedulable(evidence: Evidence, has_given_up: bool) -> Failure | None:
    """Diagnose a job that has not started yet, or never will; None if it has only just been submitted."""
    history = evidence.meta.get("schedule_history")
    lines = [line for line in history if isinstance(line, str)] if isinstance(history, list) else []
    why = _SCHEDULE_LINE.sub(r"\1", lines[-1]).strip() if lines else ""
    if why in ("", "scheduled"):
        if has_given_up:
            return Failure("The server gave up scheduling the job, and does not say why", "unschedulable")
        waited = _seconds_since_submission(evidence)
        if lines or waited is None or waited < SCHEDULER_IDLE_AFTER_S:
            return None
        return _diagnose_unscheduled(evidence)
    start = "The job could not be started" if has_given_up else "The job waits"
    tries = evidence.meta.get("schedule_count")
    often = f" (tried {tries} times)" if isinstance(tries, int) and tries > 1 else ""
    if match := _TOO_FEW_SITES.search(why):
        have, need = match.groups()
        reason = f"it needs {need} sites, and {have} {'is' if have == '1' else 'are'} connected"
    elif match := _MISSING_SITE.search(why):
        reason = f"it needs {sanitize(match.group(1), 80)}, which is not connected"
    elif match := _NO_RESOURCES.search(why):
        have, need = match.groups()
        reason = f"only {have} of the {need} sites it needs have the resources that its resource_spec requests"
        if have == "0":
            reason = f"none of the {need} sites it needs has the resources that its resource_spec requests"
    else:
        reason = to_one_line(why)
    missing = _MISSING_SITE.search(why)
    return Failure(
        f"{start}: {reason}{often}",
        "unschedulable",
        site=sanitize(missing.group(1), 80) if missing else "",
        log=tuple(sanitize(line, MAX_SHOWN_CHARS) for line in lines[-5:]),
        log_of="server",
    )


def _diagnose_unscheduled(evidence: Evidence) -> Failure:
    start = "The server has not tried to schedule the job"
    if evidence.running is None or evidence.running:
        number = "" if evidence.running is None else f"{len(evidence.running)} "
        return Failure(f"{start}, probably because of {number}jobs that are running", "unschedulable", site="server")
    return Failure(
        f"{start}, although no job is running: its scheduler is probably dead",
        "unschedulable",
        site="server",
        next_step="Ask the server's administrator to restart the server.",
    )


def _start_time(meta: dict[str, Any]) -> float | None:
    try:
        when = datetime.fromisoformat(text_or_empty(meta.get("start_time")).replace("Z", "+00:00"))
        return when.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _seconds_since_submission(evidence: Evidence) -> float | None:
    submitted = evidence.meta.get("submit_time")
    if evidence.at is None or isinstance(submitted, bool) or not isinstance(submitted, (int, float)):
        return None
    return evidence.at - submitted
