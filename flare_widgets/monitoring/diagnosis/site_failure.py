"""Diagnosis of a failure from the logs of one participant. Pure."""

from __future__ import annotations

from dataclasses import replace

from ...formatting.text import sanitize
from .exceptions import ExceptionFinding, classify
from .first_cause import is_consequence
from .log_analysis import LogAnalysis, LoggedCause, OutputError, describe_cause
from .model import Failure
from .phrasing import describe_place, is_cell, join_sites


def diagnose_site(analysis: LogAnalysis, site: str) -> Failure | None:
    """Diagnose a site from the traceback in its log or, without one, from the exit of its process."""
    suspect = analysis.find_exception(site)
    if suspect is not None and is_consequence(suspect.error):
        first = analysis.find_cause(site)
        if first is not None and first.cause.is_known and first.cause.final and not first.cause.is_inferred:
            return build_logged_failure(analysis, first)
    if suspect is not None:
        others = (analysis.find_exception(other) for other in analysis.sites)
        alike = sorted((other for other in others if other and suspect.is_same_as(other)), key=lambda other: other.site)
        return build_failure(analysis, alike[0], [other.site for other in alike])
    ending = analysis.find_exit(site)
    if ending is None:
        return None
    first = analysis.find_cause(site)
    if (first is None or not first.cause.is_known) and (output := analysis.find_output_error(site)):
        return build_output_failure(analysis, output, first)
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
    place = describe_place(finding.file, finding.line)
    where = f", in {place}" if place else ""
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
        if finding.file and finding.line is not None:
            imported_by += f" in line {finding.line}"
        if is_cell(finding.file):
            imported_by = f", which {place} imports"
        sentence = f"{who} {has} no Python package {finding.subject}{imported_by}"
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


def build_logged_failure(analysis: LogAnalysis, first: LoggedCause) -> Failure:
    """Build the failure that the first error in a participant's log shows, with or without a traceback."""
    cause = first.cause
    if cause.traceback is not None:
        failure = build_failure(analysis, classify(first.owner, cause.traceback, first.log))
        led = describe_cause(cause).removeprefix(cause.text.rstrip("."))
        return replace(failure, sentence=f"{failure.sentence.rstrip('.')}{led}") if cause.final else failure
    alike = [first]
    if first.owner != "server":
        found = [analysis.find_cause(site) for site in analysis.sites]
        alike = sorted((one for one in found if one and one.cause.text == cause.text), key=lambda one: one.owner)
    owners = [one.owner for one in alike]
    return _build_failure(analysis, owners, describe_cause(cause), cause.text, alike[0].log, cause.is_inferred)


def build_output_failure(analysis: LogAnalysis, output: OutputError, first: LoggedCause | None) -> Failure:
    """Build the failure that another log of a participant shows, where its own tells only a consequence."""
    text = output.text.rstrip(".")
    words = f"{text} ({output.name})" if output.name else text
    if first is not None:
        words += f", which led to: {first.cause.final or first.cause.text}"
    return _build_failure(analysis, [output.owner], words, output.text, output.log, False)


def _build_failure(
    analysis: LogAnalysis, owners: list[str], words: str, error: str, log: tuple[str, ...], is_inferred: bool
) -> Failure:
    site = sanitize(owners[0], 80)
    who, kind = ("The server", "server-exception") if site == "server" else (join_sites(owners), "client-exception")
    probably = "probably " if is_inferred else ""
    return Failure(
        f"{who} {probably}failed{analysis.round_phrase()}: {words}",
        kind,
        site=site,
        error=error,
        round=analysis.round,
        log=log,
        log_of=site if log else "",
    )
