"""Diagnosis of a failure from the logs of one participant. Pure."""

from __future__ import annotations

from ...formatting.text import sanitize
from .exceptions import ExceptionFinding
from .log_analysis import LogAnalysis
from .model import Failure
from .phrasing import join_sites


def diagnose_site(analysis: LogAnalysis, site: str) -> Failure | None:
    """Diagnose a site from the traceback in its log or, without one, from the exit of its process."""
    suspect = analysis.find_exception(site)
    if suspect is not None:
        others = (analysis.find_exception(other) for other in analysis.sites)
        alike = sorted((other for other in others if other and suspect.is_same_as(other)), key=lambda other: other.site)
        return build_failure(analysis, alike[0], [other.site for other in alike])
    ending = analysis.find_exit(site)
    if ending is None:
        return None
    words = f"In round {analysis.round + 1}, {ending.description}" if analysis.round is not None else ending.description
    if words.startswith("the "):
        words = f"T{words[1:]}"
    return Failure(
        words, ending.kind, site=sanitize(site, 80), round=analysis.round, log=ending.log, log_of=ending.log_of
    )


def build_failure(analysis: LogAnalysis, finding: ExceptionFinding, sites: list[str] | None = None) -> Failure:
    """Build the failure that a traceback shows."""
    server = finding.site == "server"
    who = "The server" if server else join_sites(sites or [finding.site])
    plural = len(sites or ()) > 1
    where = f", in {finding.file}" if finding.file else ""
    if where and finding.line is not None:
        where += f" line {finding.line}"
    # Loading errors mostly occur before the site's own first round, whatever round the server was in by then.
    number = None if finding.is_before_first_round else analysis.round
    in_round = "" if number is None else f" in round {number + 1}"
    if finding.kind == "refused":
        sentence = f"{who} {'do' if plural else 'does'} not permit {finding.subject}: it is {finding.reason}"
    elif finding.kind == "bad-class":
        sentence = f"{who} could not {finding.subject}: {finding.reason}"
    elif finding.kind == "missing-package":
        has = "have" if plural else "has"
        imported_by = f", which {finding.file} imports" if finding.file else ""
        sentence = f"{who} {has} no Python package {finding.subject}{imported_by}"
        if finding.file and finding.line is not None:
            sentence += f" in line {finding.line}"
    else:
        sentence = f"{who} failed{in_round}{where}: {finding.error}{finding.cause_note}"
    return Failure(
        sentence,
        finding.kind,
        site=finding.site,
        error=finding.error,
        round=number,
        file=finding.file,
        line=finding.line,
        function=finding.function,
        code=finding.code,
        log=finding.log,
        log_of=finding.site,
    )
