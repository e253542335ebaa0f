"""Evidence of a failure, and its diagnosis: frozen, plain, JSON-able data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

FAILURE_KINDS = (
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
"""Kinds of failure: the ways in which a job ends badly or never starts."""


@dataclass(frozen=True)
class Failure:
    """Diagnosis of a job that ended badly or does not start.

    All text is sanitized and bounded; for HTML it must still be escaped.

    Attributes
    ----------
    sentence
        The failure in one sentence: participant, place, error. An inference says "probably".
    kind
        One of :data:`FAILURE_KINDS`.
    site
        The failed participant: a site's name, ``server``, or empty if unknown. If several failed alike, the first.
    error
        The exception's type and message, such as ``ValueError: shapes not aligned``; empty if there was none.
    round
        The number of the round in which it happened, as FLARE counts (mostly from 0; the sentence counts from 1); None
        if unknown.
    file, line, function, code
        The location in the user's code, as far as a traceback shows: the file relative to the job's ``custom``
        folder (or the faulty configuration), the line number from 1, the function, the line's text.
    log, log_of
        The last relevant lines of a log, oldest first, and the owner of that log.
    next_step
        The recommended action.
    next_methods
        The methods of a session that do it, in their order, such as ``clone_job``.
    missing
        Unavailable evidence, a sentence each: the log, the reason, and who can read it and where.
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
    next_methods: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able data; :meth:`from_json` reads it back."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Failure:
        """Create an object from the output of :meth:`to_json`; fields of a later version are ignored."""
        fields = _known_fields(cls, data)
        for name in ("log", "missing", "next_methods"):
            fields[name] = tuple(data.get(name, ()))
        return cls(**fields)

    def __str__(self) -> str:
        return f"{self.sentence}\n{self.next_step}" if self.next_step else self.sentence


@dataclass(frozen=True)
class LogText:
    """Excerpt of a log, as received.

    Attributes
    ----------
    of
        The owner: ``server`` or a site's name.
    what
        ``job`` for the log of the job's process, ``errors`` for the errors in it, ``parent`` for the lines about the
        job in the participant's own log, ``remembered`` for the errors recorded by the components of a running job,
        ``output`` for another log in the job's folder, such as that of a program which the job runs.
    text
        The lines, in the format of ``log.txt`` or of ``log.json``; of ``output`` in any.
    name
        The file's name, of ``output``.
    """

    of: str
    what: str
    text: str
    name: str = ""


@dataclass(frozen=True)
class Evidence:
    """Everything known about a job that may have failed: the input of :func:`.diagnose`.

    Attributes
    ----------
    meta
        The job's meta as sent by the server; of any shape.
    logs
        The logs that could be read.
    missing
        Unavailable evidence, a sentence each.
    aborted_by
        The user who aborted the job, according to the server's audit log; empty if unknown.
    connected
        The sites that are connected to the server; None if unknown.
    running
        The ids of the jobs that really run on the server; None if unknown.
    idle
        Sites of the job that answer, but report that they do not run it.
    server_started
        The time when the server started, in seconds since the epoch; None if unknown.
    refusal
        The message of a refused submission (`str` of the exception); empty if it was not refused.
    at
        The time when the evidence was collected, in seconds since the epoch; None if unknown.
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
        """Return JSON-able data; :meth:`from_json` reads it back."""
        data = dataclasses.asdict(self)
        for name in ("logs", "missing", "connected", "running", "idle"):
            data[name] = None if data[name] is None else list(data[name])
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evidence:
        """Create an object from the output of :meth:`to_json`; fields of a later version are ignored."""
        fields = _known_fields(cls, data)
        fields["logs"] = tuple(LogText(**log) for log in data.get("logs", ()))
        fields["missing"] = tuple(data.get("missing", ()))
        fields["idle"] = tuple(data.get("idle", ()))
        for name in ("connected", "running"):
            value = data.get(name)
            fields[name] = None if value is None else tuple(value)
        return cls(**fields)


def _known_fields(cls: Any, data: dict[str, Any]) -> dict[str, Any]:
    return {f.name: data[f.name] for f in dataclasses.fields(cls) if f.name in data}
