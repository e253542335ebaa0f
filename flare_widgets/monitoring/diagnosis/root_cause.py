"""From what is known to why a job ended badly or does not start. Pure, and never a guess: what is inferred says so."""

from __future__ import annotations

import dataclasses
import re

from ...api.models import is_terminal
from ...formatting.text import clean
from ..logs.records import LINES, WIDTH
from .log_analysis import Clues
from .model import Evidence, Failure
from .next_steps import advise
from .phrasing import enumerate_names, one_line, server_if, text_of
from .server_blame import blamed
from .site_failure import of_site, of_suspect
from .stalled import not_ended, unschedulable

_LOST = re.compile(
    r"Client (?P<site>\S+) is deemed disconnected|All clients are dead: (?P<all>.*)|"
    r"Required client\(s\) dead: (?P<required>.*)|Alive clients (?P<alive>\d+) < required min (?P<min>\d+)"
)


def explain(evidence: Evidence) -> Failure | None:
    """Say why a job ended badly, or does not start.

    Parameters
    ----------
    evidence
        What is known. Its texts may be anything.

    Returns
    -------
    Failure or None
        None if the job did not fail, as far as one knows: it ended well, runs, or has not waited long.

    Examples
    --------
    A submission that is refused is explained too:

    >>> try:
    ...     session.submit_job(folder)
    ... except InvalidJobDefinition as e:
    ...     print(explain(Evidence(refusal=str(e))))
    The job was refused, nothing was started: deploy_map is empty for job hello
    Correct what it says and submit the job again (%flare submit).
    """
    failure = _explain(evidence)
    if failure is None:
        return None
    failure = dataclasses.replace(failure, missing=_missing(failure, evidence))
    return failure if failure.next_step else dataclasses.replace(failure, next_step=advise(failure))


def _missing(failure: Failure, evidence: Evidence) -> tuple[str, ...]:
    """What could not be had, of what would say more."""
    if failure.error or failure.kind in ("refused", "unschedulable", "server-restarted"):
        return ()
    if failure.kind == "aborted":
        return tuple(clean(sentence, 400) for sentence in evidence.missing if sentence.startswith("who aborted"))
    return tuple(clean(sentence, 400) for sentence in evidence.missing)


def _explain(evidence: Evidence) -> Failure | None:
    if evidence.refusal:
        return _refused(evidence)
    status = text_of(evidence.meta.get("status"))
    if not is_terminal(status):
        return not_ended(evidence, status)
    if status in ("FINISHED:COMPLETED", "FINISHED_OK"):
        return _hollow(Clues(evidence))
    if status == "FINISHED:CAN_NOT_SCHEDULE":
        return unschedulable(evidence, given_up=True)
    if _failed_deployments(evidence) and not text_of(evidence.meta.get("start_time")):
        return _not_deployed(evidence)
    if status in ("FINISHED:ABORTED", "ABORTED"):
        return _aborted(evidence)
    return _ended(evidence, status)


def _refused(evidence: Evidence) -> Failure:
    why = one_line(evidence.refusal).removeprefix("invalid job definition: ")
    return Failure(f"The job was refused, nothing was started: {why}", "refused", site="server", error=why)


def _hollow(clues: Clues) -> Failure | None:
    """A job that ended well in FLARE's eyes, though no site has done anything for it in time."""
    timeouts = clues.tasks.get("TIMEOUT", 0)
    if not timeouts or len(clues.tasks) > 1:
        return None
    times = "its only task" if timeouts == 1 else f"each of its {timeouts} tasks"
    return Failure(
        f"The job completed, but {times} for the sites timed out: its result is what it began with",
        "timeout",
        site="server",
        round=clues.round,
        log=clues.tail_of_tasks(),
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


def _not_deployed(evidence: Evidence) -> Failure:
    site, why = _failed_deployments(evidence)[0]
    reason = one_line(why.replace("NVFLARE_ERROR: ", ""))
    return Failure(
        f"{clean(site, 80)} did not accept the job: {reason}",
        "refused",
        site=clean(site, 80),
        error=reason,
        log=tuple(clean(str(line), WIDTH) for line in evidence.meta["job_deploy_detail"][-LINES:]),
        log_of="server",
    )


def _aborted(evidence: Evidence) -> Failure:
    clues = Clues(evidence)
    by = f"by {clean(evidence.aborted_by)}" if evidence.aborted_by else "(by whom is not known)"
    if not text_of(evidence.meta.get("start_time")):
        return Failure(f"The job was aborted {by} before it started", "aborted")
    return Failure(f"The job was aborted {by}{clues.in_round()}", "aborted", round=clues.round)


def _ended(evidence: Evidence, status: str) -> Failure:
    clues = Clues(evidence)
    failure = _lost(clues) or _cause(clues, blamed(evidence.logs))
    if failure is not None:
        return failure
    text = clues.last_error("server")
    because = f": {text}" if text else "; no log that can be read says why"
    lines = clues.tail("server")
    if status == "FINISHED:FAILED_TO_RUN":
        return Failure(
            f"The server could not deploy the job{because}", "unknown", log=lines, log_of="server" * bool(lines)
        )
    return Failure(
        f"The job ended as {clean(status, 80)}{clues.in_round()}{because}",
        "unknown",
        round=clues.round,
        log=lines,
        log_of=server_if(lines),
    )


def _lost(clues: Clues) -> Failure | None:
    """A site that was not heard of for too long."""
    named: list[str] = []
    need = ""
    at = None
    for index, record in enumerate(clues.records("server", "job")):
        match = _LOST.search(record.message)
        if match is None:
            continue
        at = index
        if match["site"]:
            named.append(clean(match["site"], 80))
        elif match["min"]:
            are = "was" if match["alive"] == "1" else "were"
            need = f": {match['alive']} of the {match['min']} sites that the job needs {are} left"
        elif match["required"]:
            need = ": the job cannot do without"
    if not named:
        return None
    names = enumerate_names(dict.fromkeys(named))
    lines = clues.tail("server", until=at)
    return Failure(
        f"The server lost {names}{clues.in_round()}{need}",
        "site-lost",
        site=named[0],
        round=clues.round,
        log=lines,
        log_of="server",
    )


def _cause(clues: Clues, sites: list[str]) -> Failure | None:
    """What went wrong on the server, or on a site.

    A traceback alone proves nothing: user code may log an exception that it has dealt with. So first comes what
    ended the workflow, then the sites that the server blames, and only then any other traceback.
    """
    server = clues.suspect("server")
    if server is not None and (server.early or clues.workflow_failed):
        return of_suspect(clues, server)
    for site in sites:
        if failure := of_site(clues, site):
            return failure
    if server is not None:
        return of_suspect(clues, server)
    stopped = [site for site in clues.stopped() if site not in sites]
    stopped.sort(key=lambda site: clues.suspect(site) is None)
    for site in stopped:
        if failure := of_site(clues, site):
            return failure
    for site in clues.sites:
        if clues.suspect(site) and (failure := of_site(clues, site)):
            return dataclasses.replace(failure, sentence=failure.sentence.replace(" failed", " probably failed", 1))
    return None
