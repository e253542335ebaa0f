"""Classification of logged exceptions: the kind of failure, and the code responsible. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ...formatting.text import sanitize
from .phrasing import to_one_line
from .tracebacks import ParsedTraceback

# FLARE's message about a part of a configuration that it could not instantiate.
_CONFIG_ERROR = re.compile(
    r"\AError processing '(?P<config>[^']{0,300})' in element '.{0,1000}': "
    r"path: '(?P<path>[^']{0,300})', exception: '(?P<why>.*)'",
    re.DOTALL,
)
_CLASS_ERROR = re.compile(r"\A(?:\w{1,200}: )?Can't load class (?P<class>[\w.]+): (?P<why>.*)", re.DOTALL)
_ARGUMENTS_ERROR = re.compile(r"\A(?:\w{1,200}: )?Class (?P<class>[\w.]+) has parameters error: (?P<why>.*)", re.DOTALL)
_FORBIDDEN_CLASS = re.compile(
    r"\AError processing \['(?P<config>[^']*)'\] .*"
    r"Component '(?P<class>[^']*)' at config path '(?P<path>[^']*)' is (?P<why>.*)",
    re.DOTALL,
)
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")


@dataclass(frozen=True)
class ExceptionFinding:
    """A participant with an exception in its log; undocumented fields are those of :class:`.Failure`.

    Attributes
    ----------
    subject, reason
        For a class that cannot be loaded or is forbidden: the problem with it, and the reason. For a missing package:
        its name.
    cause_note
        In parentheses, the exception that caused it.
    is_before_first_round
        True if it was raised before the participant's first round.
    """

    site: str
    kind: str
    error: str
    file: str = ""
    line: int | None = None
    function: str = ""
    code: str = ""
    log: tuple[str, ...] = ()
    subject: str = ""
    reason: str = ""
    cause_note: str = ""
    is_before_first_round: bool = False

    def is_same_as(self, other: ExceptionFinding) -> bool:
        """Return whether `other` is the same error at another participant."""
        return (self.kind, self.subject, self.file, self.line) == (other.kind, other.subject, other.file, other.line)


def is_config_error(traceback: ParsedTraceback) -> bool:
    """Return whether the traceback is about a part of a configuration that FLARE could not instantiate."""
    return any(_CONFIG_ERROR.search(one.message) or _FORBIDDEN_CLASS.search(one.message) for one in traceback.chain)


def classify(site: str, traceback: ParsedTraceback, log: tuple[str, ...]) -> ExceptionFinding:
    """Classify an exception.

    Parameters
    ----------
    site
        The participant whose log it is in: ``server`` or a site's name.
    traceback
        The exception.
    log
        The log lines that end with it.
    """
    site = sanitize(site, 80)
    forbidden = _search_chain(_FORBIDDEN_CLASS, traceback)
    if forbidden:
        what = f"the class {sanitize(forbidden['class'], 200)} {_config_location(forbidden)}"
        why = to_one_line(forbidden["why"])
        return ExceptionFinding(
            site,
            "refused",
            f"it is {why}",
            _config_file(forbidden),
            log=log,
            subject=what,
            reason=why,
            is_before_first_round=True,
        )
    config = _search_chain(_CONFIG_ERROR, traceback)
    unloaded = _CLASS_ERROR.search(config["why"]) if config else None
    built = unloaded or (_ARGUMENTS_ERROR.search(config["why"]) if config else None)
    missing = next((one for one in traceback.chain if _NO_MODULE.search(one.message)), None)
    package = _search_chain(_NO_MODULE, traceback)
    # A module that is the first part of the class's own path is a misspelt path, not a package.
    if missing and package and not (built and f"{built['class']}.".startswith(f"{package.group(1)}.")):
        found = _build_finding(site, "missing-package", traceback, log)
        return replace(found, error=missing.error, subject=sanitize(package.group(1), 100), is_before_first_round=True)
    if config and (built or traceback.user_frame is None):
        named = f"the class {sanitize(built['class'], 200)}" if built else "a component"
        what = f"{'load' if unloaded else 'build'} {named} {_config_location(config)}"
        why = to_one_line(built["why"] if built else config["why"]).rstrip(".")
        error = to_one_line(config["why"])
        return ExceptionFinding(
            site,
            "bad-class",
            error,
            _config_file(config),
            log=log,
            subject=what,
            reason=why,
            is_before_first_round=True,
        )
    if config:  # a user's class raised in its constructor
        traceback = next(one for one in reversed(traceback.chain) if one.user_frame)
    kind = "server-exception" if site == "server" else "client-exception"
    found = _build_finding(site, "timeout" if "Timeout" in traceback.type else kind, traceback, log)
    origin = f" ({traceback.cause_relation} {traceback.cause.error})" if traceback.cause else ""
    return replace(found, cause_note=origin, is_before_first_round=bool(config))


def _build_finding(site: str, kind: str, traceback: ParsedTraceback, log: tuple[str, ...]) -> ExceptionFinding:
    frame = traceback.user_frame
    if frame is None:
        return ExceptionFinding(site, kind, traceback.error, log=log)
    file = sanitize(frame.custom_path or frame.file, 300)
    function, code = sanitize(frame.function, 100), sanitize(frame.code, 300)
    return ExceptionFinding(site, kind, traceback.error, file, frame.line, function, code, log)


def _search_chain(pattern: re.Pattern[str], traceback: ParsedTraceback) -> re.Match[str] | None:
    """Return the first match in the messages of an exception and its causes."""
    return next((match for one in traceback.chain if (match := pattern.search(one.message))), None)


def _config_file(match: re.Match[str]) -> str:
    """Return the name of the configuration file in FLARE's message."""
    return sanitize(PurePosixPath(match["config"]).name)


def _config_location(match: re.Match[str]) -> str:
    """Return the location in a configuration, in parentheses."""
    return f"({_config_file(match)}, {sanitize(match['path'])})"
