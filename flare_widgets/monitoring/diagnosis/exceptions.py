"""What an exception in somebody's log means for the job: which kind of failure, of whose code. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ...formatting.text import clean
from .phrasing import one_line
from .tracebacks import Trace

# What FLARE says of a part of a configuration that it could not make an object from.
_CONFIG = re.compile(
    r"Error processing '(?P<config>[^']*)' in element '.*': path: '(?P<path>[^']*)', exception: '(?P<why>.*)'",
    re.DOTALL,
)
_CLASS = re.compile(r"(?:\w+: )?Can't load class (?P<class>[\w.]+): (?P<why>.*)", re.DOTALL)
_ARGUMENTS = re.compile(r"(?:\w+: )?Class (?P<class>[\w.]+) has parameters error: (?P<why>.*)", re.DOTALL)
_FORBIDDEN = re.compile(
    r"Error processing \['(?P<config>[^']*)'\] .*"
    r"Component '(?P<class>[^']*)' at config path '(?P<path>[^']*)' is (?P<why>.*)",
    re.DOTALL,
)
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")


@dataclass(frozen=True)
class Suspect:
    """A participant with an exception in its log; the fields as those of :class:`.Failure`.

    Attributes
    ----------
    what, why
        For a class that cannot be loaded or is forbidden: what about it, and the reason. For a missing package:
        its name.
    origin
        In brackets, the exception that it came from.
    early
        Whether it was raised before the participant's first round.
    """

    site: str
    kind: str
    error: str
    file: str = ""
    line: int | None = None
    function: str = ""
    code: str = ""
    log: tuple[str, ...] = ()
    what: str = ""
    why: str = ""
    origin: str = ""
    early: bool = False

    def same(self, other: Suspect) -> bool:
        """Whether it is the same mistake, elsewhere."""
        return (self.kind, self.what, self.file, self.line) == (other.kind, other.what, other.file, other.line)


def tells_of_config(trace: Trace) -> bool:
    """Whether it is about a part of a configuration that FLARE could not make an object from."""
    return any(_CONFIG.search(one.message) or _FORBIDDEN.search(one.message) for one in trace.chain)


def judge(site: str, trace: Trace, log: tuple[str, ...]) -> Suspect:
    """Say what an exception means.

    Parameters
    ----------
    site
        In whose log it is: ``server`` or a site's name.
    trace
        The exception.
    log
        The lines that end with it.
    """
    site = clean(site, 80)
    forbidden = _first(_FORBIDDEN, trace)
    if forbidden:
        what = f"the class {clean(forbidden['class'], 200)} {_element(forbidden)}"
        why = one_line(forbidden["why"])
        return Suspect(site, "refused", f"it is {why}", _file(forbidden), log=log, what=what, why=why, early=True)
    config = _first(_CONFIG, trace)
    unloaded = _CLASS.search(config["why"]) if config else None
    built = unloaded or (_ARGUMENTS.search(config["why"]) if config else None)
    missing = next((one for one in trace.chain if _NO_MODULE.search(one.message)), None)
    package = _first(_NO_MODULE, trace)
    # A module that is the first part of the class's own path is not a package, but a misspelt path.
    if missing and package and not (built and f"{built['class']}.".startswith(f"{package.group(1)}.")):
        found = _in_code(site, "missing-package", trace, log)
        return replace(found, error=missing.error, what=clean(package.group(1), 100), early=True)
    if config and (built or trace.users is None):
        named = f"the class {clean(built['class'], 200)}" if built else "a component"
        what = f"{'load' if unloaded else 'build'} {named} {_element(config)}"
        why = one_line(built["why"] if built else config["why"]).rstrip(".")
        error = one_line(config["why"])
        return Suspect(site, "bad-class", error, _file(config), log=log, what=what, why=why, early=True)
    if config:  # a class of the user's raised while it was made
        trace = next(one for one in reversed(trace.chain) if one.users)
    kind = "server-exception" if site == "server" else "client-exception"
    found = _in_code(site, "timeout" if "Timeout" in trace.type else kind, trace, log)
    origin = f" ({trace.link} {trace.before.error})" if trace.before else ""
    return replace(found, origin=origin, early=bool(config))


def _in_code(site: str, kind: str, trace: Trace, log: tuple[str, ...]) -> Suspect:
    frame = trace.users
    if frame is None:
        return Suspect(site, kind, trace.error, log=log)
    file = clean(frame.custom or frame.file, 300)
    function, code = clean(frame.function, 100), clean(frame.code, 300)
    return Suspect(site, kind, trace.error, file, frame.line, function, code, log)


def _first(pattern: re.Pattern[str], trace: Trace) -> re.Match[str] | None:
    """The first match in the message of an exception or of those it came from."""
    return next((match for one in trace.chain if (match := pattern.search(one.message))), None)


def _file(match: re.Match[str]) -> str:
    """The name of the configuration file that is told of."""
    return clean(PurePosixPath(match["config"]).name)


def _element(match: re.Match[str]) -> str:
    """Where in a configuration, in brackets."""
    return f"({_file(match)}, {clean(match['path'])})"
