"""Root cause of a failed or unstarted job, from evidence. Pure, and never a guess: inferences are marked as such."""

from __future__ import annotations

import dataclasses
import re

from ...api.job_status import JobStatus, has_ended
from ...formatting.text import sanitize
from ..logs.records import MAX_SHOWN_CHARS, MAX_SHOWN_LINES
from .first_cause import is_consequence
from .log_analysis import LogAnalysis, LoggedCause, describe_cause
from .model import Evidence, Failure
from .next_steps import recommend_next_step
from .phrasing import join_sites, server_if_any, text_or_empty, to_one_line
from .site_failure import build_failure, build_logged_failure, build_output_failure, diagnose_site
from .stalled import diagnose_stalled, diagnose_unschedulable

_LOST_SITE = re.compile(
    r"Client (?P<site>\S+) is deemed disconnected|All clients are dead: (?P<all>.*)|"
    r"Required client\(s\) dead: (?P<required>.*)|Alive clients (?P<alive>\d+) < required min (?P<min>\d+)"
)


def diagnose(evidence: Evidence) -> Failure | None:
    """Diagnose a job that ended badly or does not start.

    Parameters
    ----------
    evidence
        The evidence. Its texts may be anything.

    Returns
    -------
    Failure or None
        None if the job did not fail, as far as is known: it ended well, is running, or has not waited long.

    Examples
    --------
    A refused submission is diagnosed too:

    >>> try:
    ...     session.submit_job(folder)
    ... except InvalidJobDefinition as e:
    ...     print(diagnose(Evidence(refusal=str(e))))
    The job was refused, nothing was started: deploy_map is empty for job hello
    Correct what it says and submit the job again.
    """
    failure = _diagnose(evidence)
    if failure is None:
        return None
    failure = dataclasses.replace(failure, missing=_relevant_missing(failure, evidence))
    return failure if failure.next_step else recommend_next_step(failure)


def _relevant_missing(failure: Failure, evidence: Evidence) -> tuple[str, ...]:
    """Return the unavailable evidence that could add to this diagnosis."""
    if failure.error or failure.kind in ("refused", "unschedulable", "server-restarted"):
        return ()
    if failure.kind == "aborted":
        return tuple(sanitize(sentence, 400) for sentence in evidence.missing if sentence.startswith("who aborted"))
    return tuple(sanitize(sentence, 400) for sentence in evidence.missing)


def _diagnose(evidence: Evidence) -> Failure | None:
    if evidence.refusal:
        return _diagnose_refusal(evidence)
    status = text_or_empty(evidence.meta.get("status"))
    if not has_ended(status):
        return diagnose_stalled(evidence, status)
    end = JobStatus.of(status)
    if end is JobStatus.COMPLETED:
        return _diagnose_task_timeouts(LogAnalysis(evidence))
    if end is JobStatus.CANNOT_SCHEDULE:
        return diagnose_unschedulable(evidence, has_given_up=True)
    if _failed_deployments(evidence) and not text_or_empty(evidence.meta.get("start_time")):
        return _diagnose_deployment(evidence)
    if end is JobStatus.ABORTED:
        return _diagnose_abort(evidence)
    return _diagnose_end(evidence, status)


def _diagnose_refusal(evidence: Evidence) -> Failure:
    why = to_one_line(evidence.refusal).removeprefix("invalid job definition: ")
    return Failure(f"The job was refused, nothing was started: {why}", "refused", site="server", error=why)


def _diagnose_task_timeouts(analysis: LogAnalysis) -> Failure | None:
    """Diagnose a job that FLARE calls completed, though no site finished a task in time."""
    timeouts = analysis.task_outcomes.get("TIMEOUT", 0)
    if not timeouts or len(analysis.task_outcomes) > 1:
        return None
    times = "its only task" if timeouts == 1 else f"each of its {timeouts} tasks"
    return Failure(
        f"The job completed, but {times} for the sites timed out: its result is what it started with",
        "timeout",
        site="server",
        round=analysis.round,
        log=analysis.tail_until_last_task(),
        log_of="server",
    )


def _failed_deployments(evidence: Evidence) -> list[tuple[str, str]]:
    details = evidence.meta.get("job_deploy_detail")
    found = []
    for line in details if isinstance(details, list) else ():
        name, colon, words = str(line).partition(":")
        if colon and words.strip().upper() != "OK":
            found.append((name.strip(), words.strip()))
    return found


def _diagnose_deployment(evidence: Evidence) -> Failure:
    site, why = _failed_deployments(evidence)[0]
    reason = to_one_line(why.replace("NVFLARE_ERROR: ", ""))
    return Failure(
        f"{sanitize(site, 80)} did not accept the job: {reason}",
        "refused",
        site=sanitize(site, 80),
        error=reason,
        log=tuple(
            sanitize(str(line), MAX_SHOWN_CHARS) for line in evidence.meta["job_deploy_detail"][-MAX_SHOWN_LINES:]
        ),
        log_of="server",
    )


def _diagnose_abort(evidence: Evidence) -> Failure:
    clues = LogAnalysis(evidence)
    by = f"by {sanitize(evidence.aborted_by)}" if evidence.aborted_by else "by an unknown user"
    if not text_or_empty(evidence.meta.get("start_time")):
        return Failure(f"The job was aborted {by} before it started", "aborted")
    return Failure(f"The job was aborted {by}{clues.round_phrase()}", "aborted", round=clues.round)


def _diagnose_end(evidence: Evidence, status: str) -> Failure:
    clues = LogAnalysis(evidence)
    failure = _diagnose_lost_sites(clues) or _diagnose_cause(clues)
    if failure is not None:
        return failure
    first = clues.find_cause("server")
    text = describe_cause(first.cause) if first else clues.last_error("server")
    because = f": {text}" if text else "; no log that can be read says why"
    lines = first.log if first else clues.tail("server")
    if status == JobStatus.FAILED_TO_RUN:
        return Failure(
            f"The server could not deploy the job{because}", "unknown", log=lines, log_of="server" * bool(lines)
        )
    return Failure(
        f"The job ended as {sanitize(status, 80)}{clues.round_phrase()}{because}",
        "unknown",
        round=clues.round,
        log=lines,
        log_of=server_if_any(lines),
    )


def _diagnose_lost_sites(analysis: LogAnalysis) -> Failure | None:
    """Diagnose sites whose heartbeats were missing for too long."""
    named: list[str] = []
    need = ""
    at = None
    for index, record in enumerate(analysis.records("server", "job")):
        match = _LOST_SITE.search(record.message)
        if match is None or analysis.has_recovered("server", record):
            continue
        at = index
        if match["site"]:
            named.append(sanitize(match["site"], 80))
        elif match["min"]:
            are = "was" if match["alive"] == "1" else "were"
            need = f": {match['alive']} of the {match['min']} sites that the job needs {are} left"
        elif match["required"]:
            need = ": the job cannot do without"
    if not named:
        return None
    names = join_sites(dict.fromkeys(named))
    lines = analysis.tail("server", last_index=at)
    return Failure(
        f"The server lost {names}{analysis.round_phrase()}{need}",
        "site-lost",
        site=named[0],
        round=analysis.round,
        log=lines,
        log_of="server",
    )


def _diagnose_cause(analysis: LogAnalysis) -> Failure | None:
    """Diagnose an error on the server or on a site.

    A traceback alone proves nothing: user code may log an exception that it has handled. So the order is: the error
    that ended the workflow, then the sites that the server blames, then the first error in the server's log, and only
    then any other traceback. Where the server tells only a consequence, the reason may be in its other logs, or at a
    site that it does not blame.
    """
    server = analysis.find_exception("server")
    has_ended_workflow = server is not None and (server.is_before_first_round or analysis.has_workflow_failed)
    if server is not None and has_ended_workflow and not is_consequence(server.error):
        return build_failure(analysis, server)
    for site in analysis.blamed_sites(is_before_failure=True):
        if failure := diagnose_site(analysis, site):
            return failure
    first = analysis.find_cause("server")
    at_sites = [found for site in analysis.sites if (found := analysis.find_cause(site)) and _is_certain(found)]
    if first is not None and first.cause.is_known:
        # An error without an exception may be no more than the server's view of a site's failure.
        if first.cause.has_exception or first.cause.final or not at_sites:
            return build_logged_failure(analysis, first)
    elif (first is not None or server is not None) and (output := analysis.find_output_error("server")):
        return build_output_failure(analysis, output, first)
    for found in at_sites:
        if failure := diagnose_site(analysis, found.owner):
            return failure
    for site in analysis.blamed_sites(is_before_failure=False):
        if failure := diagnose_site(analysis, site):
            return failure
    if server is not None:
        return build_failure(analysis, server)
    stopped = analysis.sites_with_errors()
    stopped.sort(key=lambda site: analysis.find_exception(site) is None)
    for site in stopped:
        if failure := diagnose_site(analysis, site):
            return failure
    for site in analysis.sites:
        if analysis.find_exception(site) and (failure := diagnose_site(analysis, site)):
            return dataclasses.replace(failure, sentence=failure.sentence.replace(" failed", " probably failed", 1))
    return None


def _is_certain(found: LoggedCause) -> bool:
    """Return whether a site logged an error, before the end, that explains itself."""
    cause = found.cause
    return cause.is_known and cause.is_before_end and not cause.is_inferred and cause.has_exception
