"""What is known of a failure, and what is said of it: frozen, plain, JSON-able data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "client-exception",
    "client-exit",
    "server-exception",
    "bad-class",
    "missing-package",
    "refused",
    "unschedulable",
    "aborted",
    "site-lost",
    "server-restarted",
    "timeout",
    "unknown",
)
"""The ways a job ends badly or never starts."""


@dataclass(frozen=True)
class Failure:
    """Why a job ended badly or does not start.

    All text is cleaned and bounded; for HTML it must still be escaped.

    Attributes
    ----------
    sentence
        What happened: who, where, what. An inference says "probably".
    kind
        One of :data:`KINDS`.
    site
        Who failed: a site's name, ``server``, or empty when not known. When several sites failed alike, the first.
    error
        The exception's type and message, such as ``ValueError: shapes not aligned``; empty when there was none.
    round
        The number of the round in which it happened, as FLARE counts (mostly from 0; the sentence counts from 1); None
        when not known.
    file, line, function, code
        Where in the user's code, as far as a traceback tells: the file relative to the job's ``custom`` folder (or
        the configuration that is wrong), the line's number from 1, the function, the line's text.
    log, log_of
        The last relevant lines of a log, oldest first, and whose log it is.
    next_step
        What to do about it.
    missing
        What could not be had, a sentence each: whose log, why, and who can read it where.
    """

    sentence: str
    kind: str
    site: str = ""
    error: str = ""
    round: int | None = None
    file: str = ""
    line: int | None = None
    function: str = ""
    code: str = ""
    log: tuple[str, ...] = ()
    log_of: str = ""
    next_step: str = ""
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data; :meth:`from_json` reads it back."""
        return {**dataclasses.asdict(self), "log": list(self.log), "missing": list(self.missing)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Failure:
        """Read what :meth:`to_json` wrote; fields of a later version are ignored."""
        fields = _known(cls, data)
        fields["log"] = tuple(data.get("log", ()))
        fields["missing"] = tuple(data.get("missing", ()))
        return cls(**fields)

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.next_step}" if self.next_step else self.sentence


@dataclass(frozen=True)
class LogText:
    """A piece of a log, as it was given.

    Attributes
    ----------
    of
        Whose: ``server`` or a site's name.
    what
        ``job`` for the log of the job's process, ``errors`` for the errors in it, ``parent`` for what the
        participant's own log says about the job, ``remembered`` for what the parts of a running job remember.
    text
        The lines, in the form of ``log.txt`` or of ``log.json``.
    """

    of: str
    what: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """All that is known about a job that may have failed: what :func:`.explain` judges.

    Attributes
    ----------
    meta
        The job's meta as the server gave it; of any shape.
    logs
        What could be read of logs.
    missing
        What could not be had, a sentence each.
    aborted_by
        Who sent the command to abort the job, by the server's audit log; empty when not known.
    connected
        The sites that are connected to the server; None when not known.
    running
        The ids of the jobs that really run on the server; None when not known.
    idle
        Sites of the job that answer, but say that they do not run it.
    server_started
        When the server came up, in seconds since the epoch; None when not known.
    refusal
        What a refused submission said (`str` of the exception); empty when it was not refused.
    at
        When all this was asked, in seconds since the epoch; None when not known.
    """

    meta: dict[str, Any] = field(default_factory=dict)
    logs: tuple[LogText, ...] = ()
    missing: tuple[str, ...] = ()
    aborted_by: str = ""
    connected: tuple[str, ...] | None = None
    running: tuple[str, ...] | None = None
    idle: tuple[str, ...] = ()
    server_started: float | None = None
    refusal: str = ""
    at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data; :meth:`from_json` reads it back."""
        data = dataclasses.asdict(self)
        for name in ("logs", "missing", "connected", "running", "idle"):
            data[name] = None if data[name] is None else list(data[name])
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evidence:
        """Read what :meth:`to_json` wrote; fields of a later version are ignored."""
        fields = _known(cls, data)
        fields["logs"] = tuple(LogText(**log) for log in data.get("logs", ()))
        fields["missing"] = tuple(data.get("missing", ()))
        fields["idle"] = tuple(data.get("idle", ()))
        for name in ("connected", "running"):
            value = data.get(name)
            fields[name] = None if value is None else tuple(value)
        return cls(**fields)


def _known(cls: Any, data: dict[str, Any]) -> dict[str, Any]:
    return {f.name: data[f.name] for f in dataclasses.fields(cls) if f.name in data}
