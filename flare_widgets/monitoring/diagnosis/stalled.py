"""Jobs that have not ended, and will not without help: they wait for what does not come, or nobody runs them. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ...formatting.text import clean
from ..logs.records import WIDTH
from .log_analysis import Clues
from .model import Evidence, Failure
from .next_steps import advise
from .phrasing import enumerate_names, one_line, server_if, text_of
from .site_failure import of_site

_SETTLING = 20.0  # seconds after its start in which a job's processes may still be coming up
_FORGOTTEN = 30.0  # seconds after which a scheduler that lives has looked at a job
_SCHEDULE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: (.*)", re.DOTALL)
_FEW = re.compile(r"connected sites \((\d+)\) < min_sites \((\d+)\)")
_NO_SITE = re.compile(r"missing required site (\S+)")
_NO_RESOURCES = re.compile(r"not enough sites have enough resources \(ok sites (\d+) < min sites (\d+)\)")


def not_ended(evidence: Evidence, status: str) -> Failure | None:
    """Why a job in this status will not come to its end by itself; None if it will, as far as one knows."""
    if status == "SUBMITTED":
        return unschedulable(evidence, given_up=False)
    if status != "RUNNING":
        return None
    started = _started(evidence.meta)
    job = text_of(evidence.meta.get("job_id"))
    if evidence.running is not None and job not in evidence.running:
        if evidence.server_started is None or started is None or evidence.server_started <= started:
            return None  # it is just ending
        clues = Clues(evidence)
        return Failure(
            f"The server was restarted while the job was running{clues.in_round()}; FLARE does not go on with such a "
            f"job, although its status stays {status}",
            "server-restarted",
            site="server",
            round=clues.round,
            log=clues.tail("server"),
            log_of=server_if(clues.tail("server")),
        )
    settled = started is not None and evidence.at is not None and evidence.at - started > _SETTLING
    clues = Clues(evidence)
    if settled and evidence.idle and clues.goes_on:
        site = next((site for site in evidence.idle if clues.suspect(site)), "")
        if failure := of_site(clues, site):
            end = "End the job with %flare abort: FLARE does not notice, and waits for ever."
            return replace(failure, next_step=f"{end} {advise(failure)}")
        names = enumerate_names(evidence.idle)
        more = "no longer run" if len(evidence.idle) > 1 else "no longer runs"
        return Failure(
            f"{names} {more} the job (probably restarted{clues.in_round()}), and FLARE does not notice: "
            "the job may wait for ever",
            "site-lost",
            site=clean(evidence.idle[0]),
            round=clues.round,
            log=clues.tail(evidence.idle[0]),
            log_of=clean(evidence.idle[0]) if clues.tail(evidence.idle[0]) else "",
            next_step="End it with %flare abort, and submit the same job once more with %flare clone.",
        )
    return None


def unschedulable(evidence: Evidence, given_up: bool) -> Failure | None:
    """Why a job was not started yet, or never will be; None if it has only just been submitted."""
    history = evidence.meta.get("schedule_history")
    lines = [line for line in history if isinstance(line, str)] if isinstance(history, list) else []
    why = _SCHEDULE.sub(r"\1", lines[-1]).strip() if lines else ""
    if why in ("", "scheduled"):
        if given_up:
            return Failure("The server gave up to schedule the job, and does not say why", "unschedulable")
        waited = _since_submission(evidence)
        if lines or waited is None or waited < _FORGOTTEN:
            return None
        return _not_tried(waited, evidence)
    start = "The job could not be started" if given_up else "The job waits"
    tries = evidence.meta.get("schedule_count")
    often = f" (tried {tries} times)" if isinstance(tries, int) and tries > 1 else ""
    if match := _FEW.search(why):
        have, need = match.groups()
        reason = f"it needs {need} sites, and {have} {'is' if have == '1' else 'are'} connected"
    elif match := _NO_SITE.search(why):
        reason = f"it needs {clean(match.group(1), 80)}, which is not connected"
    elif match := _NO_RESOURCES.search(why):
        have, need = match.groups()
        reason = f"only {have} of the {need} sites it needs have the resources that its resource_spec asks for"
        if have == "0":
            reason = f"none of the {need} sites it needs has the resources that its resource_spec asks for"
    else:
        reason = one_line(why)
    missing = _NO_SITE.search(why)
    return Failure(
        f"{start}: {reason}{often}",
        "unschedulable",
        site=clean(missing.group(1), 80) if missing else "",
        log=tuple(clean(line, WIDTH) for line in lines[-5:]),
        log_of="server",
    )


def _not_tried(waited: float, evidence: Evidence) -> Failure:
    start = f"The server has not even tried to schedule the job for {waited:.0f} s"
    if evidence.running is None or evidence.running:
        number = "" if evidence.running is None else f"{len(evidence.running)} "
        return Failure(f"{start}, probably because of {number}jobs that are running", "unschedulable", site="server")
    return Failure(
        f"{start}, although no job runs: its scheduler is probably dead",
        "unschedulable",
        site="server",
        next_step="Ask the server's administrator to restart the server.",
    )


def _started(meta: dict[str, Any]) -> float | None:
    try:
        when = datetime.fromisoformat(text_of(meta.get("start_time")).replace("Z", "+00:00"))
        return when.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _since_submission(evidence: Evidence) -> float | None:
    submitted = evidence.meta.get("submit_time")
    if evidence.at is None or isinstance(submitted, bool) or not isinstance(submitted, (int, float)):
        return None
    return evidence.at - submitted
