"""What is known about a job at one moment: frozen, plain, comparable data.

A :class:`JobSnapshot` is the only thing a view draws and a callback needs. It is made by folding what the
server says (job meta) into the snapshot before it. Folding is pure: no clock, no I/O; the caller passes the
time. All times are seconds since the epoch (UTC).
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..api.info import is_terminal
from .text import describe

SCHEMA = 1
"""Version of the snapshot's JSON form; raised when a field changes its meaning."""

_DURATION = re.compile(r"(?:(\d{1,6}) days?, )?(\d{1,2}):(\d{2}):(\d{2})(\.\d{1,9})?")
_LATEST = 1e11  # seconds since the epoch: what is later is not a time


@dataclass(frozen=True)
class StatusChange:
    """One step of a job's life.

    Attributes
    ----------
    status
        The server's word: ``SUBMITTED``, ``DISPATCHED``, ``RUNNING``, ``FINISHED:COMPLETED``, ...
    at
        When it came about, in seconds since the epoch.
    exact
        True when the server said when; False when `at` is the moment we first saw it.
    """

    status: str
    at: float
    exact: bool


@dataclass(frozen=True)
class SiteDeployment:
    """How the deployment of the job's app to one site (or the server) went.

    Attributes
    ----------
    name
        ``server`` or the site's name.
    state
        ``waiting`` (named in the job, nothing known yet), ``deployed`` or ``failed``.
    detail
        The server's words when it failed, else empty.
    """

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True)
class JobSnapshot:
    """What is known about a job.

    Attributes
    ----------
    job_id, name, study, submitter
        As the server has them; empty when it does not say. Hostile text: escape before showing.
    status
        The server's word; empty before the first answer.
    timeline
        The statuses passed so far, oldest first; the last one is the current one.
    sites
        Where the job goes; ``server`` first. Empty when the job is for all sites and not yet deployed.
    duration
        Seconds the job ran, once it has ended; None before that or when the server does not say.
    facts_at
        When the server last answered about this job (our clock); None before the first answer.
    trouble
        One sentence when the facts may be stale or nobody watches any more, else empty.
    """

    job_id: str
    name: str = ""
    study: str = ""
    submitter: str = ""
    status: str = ""
    timeline: tuple[StatusChange, ...] = ()
    sites: tuple[SiteDeployment, ...] = ()
    duration: float | None = None
    facts_at: float | None = None
    trouble: str = ""
    schema: int = SCHEMA

    @property
    def ended(self) -> bool:
        """Whether the job has reached a status it will not leave."""
        return is_terminal(self.status)

    @property
    def submitted_at(self) -> float | None:
        """When the job was submitted."""
        return self._when(lambda s: s == "SUBMITTED")

    @property
    def started_at(self) -> float | None:
        """When the job began to run."""
        return self._when(lambda s: s == "RUNNING")

    @property
    def ended_at(self) -> float | None:
        """When the job ended."""
        return self._when(is_terminal)

    def elapsed(self, now: float) -> float | None:
        """Seconds the job has been running at the time `now`; its duration once it has ended.

        None while it has not started, or when it ended without running.
        """
        if self.duration is not None:
            return self.duration
        if self.started_at is None:
            return None
        return max(0.0, (self.ended_at if self.ended_at is not None else now) - self.started_at)

    def age(self, now: float) -> float | None:
        """Seconds since the server last answered about this job, None before its first answer."""
        return None if self.facts_at is None else max(0.0, now - self.facts_at)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data with `ended` added; :meth:`from_json` reads it back."""
        return {**dataclasses.asdict(self), "ended": self.ended}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobSnapshot:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            When the data was written by a version whose fields mean something else, or is no snapshot at all.
        """
        if not isinstance(data, dict):
            raise ValueError(f"a snapshot is a map, not {type(data).__name__}")
        if data.get("schema") != SCHEMA:
            raise ValueError(f"a snapshot of schema {data.get('schema')!r} cannot be read, only {SCHEMA}")
        timeline = _parts(StatusChange, data.get("timeline", []))
        sites = _parts(SiteDeployment, data.get("sites", []))
        return cls(**{**_fields(cls, data), "timeline": timeline, "sites": sites})

    def __str__(self) -> str:
        return describe(self)

    def _when(self, wanted: Any) -> float | None:
        return next((s.at for s in self.timeline if wanted(s.status)), None)


_KINDS: dict[Any, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "float | None": (int, float, type(None)),
}


def _parts(cls: Any, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"the parts of a snapshot are a list, not {type(value).__name__}")
    return tuple(cls(**_fields(cls, part)) for part in value)


def _fields(cls: Any, data: Any) -> dict[str, Any]:
    """The fields of a dataclass in its JSON form; ValueError if one is missing, or is not what it should be."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        if not isinstance(data, dict) or (field.name not in data and field.default is dataclasses.MISSING):
            raise ValueError(f"a snapshot without '{field.name}'")
        if field.name not in data:
            continue
        value = found[field.name] = data[field.name]
        if not isinstance(value, _KINDS.get(field.type, (object,))):
            raise ValueError(f"a snapshot whose '{field.name}' is {type(value).__name__}")
        if isinstance(value, (int, float)) and not abs(value) < _LATEST:
            raise ValueError(f"a snapshot whose '{field.name}' is out of all bounds")
    return found


def fold_meta(before: JobSnapshot, meta: dict[str, Any], now: float) -> JobSnapshot:
    """Fold the answer of ``get_job_meta`` into what was known.

    Parameters
    ----------
    before
        What was known.
    meta
        The server's answer, of any shape: fields that are missing or of an unexpected type are ignored.
    now
        When the answer came, in seconds since the epoch.

    Returns
    -------
    JobSnapshot
        What is known now. Folding the same answer twice changes nothing but the age of the facts.
    """
    status = _text(meta.get("status")) or before.status
    return dataclasses.replace(
        before,
        name=_text(meta.get("name")) or before.name,
        study=_text(meta.get("study")) or before.study,
        submitter=_text(meta.get("submitter_name")) or before.submitter,
        status=status,
        timeline=_fold_timeline(before.timeline, status, meta, now),
        sites=_fold_sites(before.sites, meta),
        duration=_duration(meta.get("duration")) if is_terminal(status) else None,
        facts_at=now,
        trouble="",
    )


def _fold_timeline(
    before: tuple[StatusChange, ...], status: str, meta: dict[str, Any], now: float
) -> tuple[StatusChange, ...]:
    """Append what is new, and prefer the server's own times (submit, start, end) to the time we looked."""
    known: dict[str, StatusChange] = {s.status: s for s in before}
    submitted = meta.get("submit_time")
    if isinstance(submitted, (int, float)) and not isinstance(submitted, bool) and 0 < submitted < _LATEST:
        known["SUBMITTED"] = StatusChange("SUBMITTED", float(submitted), exact=True)
    started = _iso_time(meta.get("start_time"))
    if started is not None:
        known["RUNNING"] = StatusChange("RUNNING", started, exact=True)
    if status and (status not in known or not known[status].exact):
        duration = _duration(meta.get("duration"))
        if is_terminal(status) and started is not None and duration is not None:
            known[status] = StatusChange(status, started + duration, exact=True)
        elif status not in known:
            known[status] = StatusChange(status, now, exact=False)
    # A step we saw late may carry a later time than the server's exact time of the step after it (and the two
    # clocks may differ): the order of a job's life is fixed, so order by it and keep the times monotonic.
    steps = sorted(known.values(), key=lambda s: (_step(s.status), s.at))
    ceiling = float("inf")
    ordered: list[StatusChange] = []
    for change in reversed(steps):
        if not change.exact and change.at > ceiling:
            change = dataclasses.replace(change, at=ceiling)
        ceiling = change.at
        ordered.append(change)
    return tuple(reversed(ordered))


def _step(status: str) -> int:
    order = {"SUBMITTED": 0, "APPROVED": 1, "DISPATCHED": 2, "RUNNING": 3}
    return 5 if is_terminal(status) else order.get(status, 4)


def _fold_sites(before: tuple[SiteDeployment, ...], meta: dict[str, Any]) -> tuple[SiteDeployment, ...]:
    sites = {s.name: s for s in before}
    deploy_map = meta.get("deploy_map")
    if isinstance(deploy_map, dict):
        for targets in deploy_map.values():
            for target in targets if isinstance(targets, list) else ():
                if isinstance(target, str) and not target.startswith("@"):
                    sites.setdefault(target, SiteDeployment(target, "waiting"))
    details = meta.get("job_deploy_detail")
    for line in details if isinstance(details, list) else ():
        name, colon, words = str(line).partition(":")
        if colon and name.strip():
            ok = words.strip().upper() == "OK"
            sites[name.strip()] = SiteDeployment(
                name.strip(), "deployed" if ok else "failed", "" if ok else words.strip()
            )
    return tuple(sorted(sites.values(), key=lambda s: (s.name != "server", s.name)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _iso_time(value: Any) -> float | None:
    """Seconds since the epoch of an ISO time; servers before 2.9 give it without a zone (taken as local)."""
    if not isinstance(value, str) or not value:
        return None
    try:
        # Python 3.10 does not know the suffix Z.
        when = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return when.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _duration(value: Any) -> float | None:
    """Seconds of ``str(timedelta)``; None for ``N/A`` and anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(fraction or 0)
