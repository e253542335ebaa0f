"""The failure that the logs of one participant tell of. Pure."""

from __future__ import annotations

from ...formatting.text import clean
from .exceptions import Suspect
from .log_analysis import Clues
from .model import Failure
from .phrasing import enumerate_names


def of_site(clues: Clues, site: str) -> Failure | None:
    """What went wrong on a site, by the traceback in its log, or without one by how its process ended."""
    suspect = clues.suspect(site)
    if suspect is not None:
        others = (clues.suspect(other) for other in clues.sites)
        alike = sorted((other for other in others if other and suspect.same(other)), key=lambda other: other.site)
        return of_suspect(clues, alike[0], [other.site for other in alike])
    ending = clues.ending(site)
    if ending is None:
        return None
    words = f"In round {clues.round + 1}, {ending.words}" if clues.round is not None else ending.words
    if words.startswith("the "):
        words = f"T{words[1:]}"
    return Failure(words, ending.kind, site=clean(site, 80), round=clues.round, log=ending.log, log_of=ending.log_of)


def of_suspect(clues: Clues, suspect: Suspect, alike: list[str] | None = None) -> Failure:
    """The failure that a traceback tells."""
    server = suspect.site == "server"
    who = "The server" if server else enumerate_names(alike or [suspect.site])
    plural = len(alike or ()) > 1
    where = f", in {suspect.file}" if suspect.file else ""
    if where and suspect.line is not None:
        where += f" line {suspect.line}"
    # What cannot be loaded mostly fails before the first round of its site, whichever the server was in by then.
    number = None if suspect.early else clues.round
    in_round = "" if number is None else f" in round {number + 1}"
    if suspect.kind == "refused":
        sentence = f"{who} {'do' if plural else 'does'} not permit {suspect.what}: it is {suspect.why}"
    elif suspect.kind == "bad-class":
        sentence = f"{who} could not {suspect.what}: {suspect.why}"
    elif suspect.kind == "missing-package":
        has = "have" if plural else "has"
        sentence = (
            f"{who} {has} no Python package {suspect.what}{f', which {suspect.file} imports' if suspect.file else ''}"
        )
        if suspect.file and suspect.line is not None:
            sentence += f" in line {suspect.line}"
    else:
        sentence = f"{who} failed{in_round}{where}: {suspect.error}{suspect.origin}"
    return Failure(
        sentence,
        suspect.kind,
        site=suspect.site,
        error=suspect.error,
        round=number,
        file=suspect.file,
        line=suspect.line,
        function=suspect.function,
        code=suspect.code,
        log=suspect.log,
        log_of=suspect.site,
    )
