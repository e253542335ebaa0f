"""What is known about the server and its sites at one moment: frozen, plain, comparable data.

A :class:`SystemSnapshot` is made by folding the server's answers into the one before it (:func:`fold_system`). All
times are seconds since the epoch, by this machine's clock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...api.models import SystemInfo
from ..job.snapshot import SILENT_AFTER, ZOMBIE_AFTER
from ..job.updates import Learned, Missed, Trouble

__all__ = ["SILENT_AFTER", "ZOMBIE_AFTER", "Site", "SystemFact", "SystemSnapshot", "fold_system"]

_MOST = 1000  # sites, and jobs of one of them: more is a server gone mad


@dataclass(frozen=True)
class SiteJob:
    """A job that a site, or the server, runs now.

    Attributes
    ----------
    job_id
        The job.
    app
        The app of it that is run there.
    status
        ``starting``, ``started`` or ``stopped``; empty when it is not said.
    """

    job_id: str
    app: str = ""
    status: str = ""


@dataclass(frozen=True)
class Site:
    """A site, as the server knows it.

    Attributes
    ----------
    name
        Its name.
    connected
        Whether the server counts it among its clients. It does so for ten minutes after the last word of it.
    last_seen
        When the server last heard of it.
    since
        When it connected; None when that was before one looked.
    disabled
        Whether it was shut out (:meth:`.Session.disable_client`).
    jobs
        What it runs, as far as it was asked.
    answers
        False when it did not answer the server's last question.
    version, resources
        What it said when asked for it; empty before.
    """

    name: str
    connected: bool = True
    last_seen: float | None = None
    since: float | None = None
    disabled: bool = False
    jobs: tuple[SiteJob, ...] = ()
    answers: bool = True
    version: str = ""
    resources: str = ""

    def silence(self, now: float) -> float | None:
        """Seconds for which a connected site has not been heard of, when they are too many; else None."""
        age = None if self.last_seen is None else now - self.last_seen
        return age if self.connected and age is not None and age > SILENT_AFTER else None


@dataclass(frozen=True)
class Zombie:
    """A job that the server calls RUNNING though it does not run it.

    Attributes
    ----------
    job_id, name
        The job.
    since, seen
        When that was first seen, and last.
    """

    job_id: str
    name: str
    since: float
    seen: float

    @property
    def certain(self) -> bool:
        """Whether it is no job that just begins or ends, where the server's words differ for some seconds too."""
        return self.seen - self.since >= ZOMBIE_AFTER


@dataclass(frozen=True)
class SystemSnapshot:
    """What is known about the server and its sites. Nothing that they said is trusted: escape before showing.

    Attributes
    ----------
    address, study, username, role, organization
        Who asks whom, in which study.
    started_at
        When the server came up.
    jobs
        What the server runs.
    sites
        By name.
    zombies
        Jobs that nobody runs, though the server believes so.
    version, resources
        The server's, as of a site.
    facts_at
        When the server last answered; None before the first answer.
    trouble
        One sentence when it does not answer now.
    details_at, details_missing
        When versions and resources were last told; why some could not be had.
    missing
        What else could not be had, and why: ``jobs of sites``, ``disabled sites``, ``list of jobs``.
    """

    address: str = ""
    study: str = ""
    username: str = ""
    role: str = ""
    organization: str = ""
    started_at: float | None = None
    jobs: tuple[SiteJob, ...] = ()
    sites: tuple[Site, ...] = ()
    zombies: tuple[Zombie, ...] = ()
    version: str = ""
    resources: str = ""
    facts_at: float | None = None
    trouble: str = ""
    details_at: float | None = None
    details_missing: str = ""
    missing: tuple[tuple[str, str], ...] = ()

    def site(self, name: str) -> Site | None:
        """Return a site by its name, None if there is no such."""
        return next((site for site in self.sites if site.name == name), None)

    @property
    def here(self) -> tuple[Site, ...]:
        """The sites that are connected."""
        return tuple(site for site in self.sites if site.connected)

    def asked(self, now: float) -> list[str]:
        """Return the sites worth a question: one that does not answer holds up the answers of all."""
        return [site.name for site in self.here if site.silence(now) is None]

    def to_json(self) -> dict[str, Any]:
        """Return the snapshot as what JSON can hold."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Connected:
    """The server's answer to ``check_status server``, when it came, and by how much the server's clock is ahead."""

    info: SystemInfo
    now: float
    ahead: float = 0.0


@dataclass(frozen=True)
class Doing:
    """What sites that were asked run: the answer to ``check_status client``."""

    entries: tuple[Mapping[str, Any], ...] = field(hash=False)


@dataclass(frozen=True)
class Listed:
    """The server's list of jobs, and when it came."""

    jobs: tuple[Mapping[str, Any], ...] = field(hash=False)
    now: float


@dataclass(frozen=True)
class Disabled:
    """The names of all sites that are shut out."""

    names: frozenset[str]


@dataclass(frozen=True)
class Details:
    """What each said about its version and its resources, by name, when that came, and why some is missing."""

    versions: Mapping[str, str] = field(hash=False)
    resources: Mapping[str, str] = field(hash=False)
    now: float
    missing: str = ""


SystemFact = Connected | Doing | Listed | Disabled | Details | Learned | Missed | Trouble
"""Anything that can be folded into a snapshot of the system."""


def fold_system(snapshot: SystemSnapshot, facts: Iterable[SystemFact]) -> SystemSnapshot:
    """Return the snapshot with the server's answers taken in, in their order."""
    for fact in facts:
        snapshot = _fold(snapshot, fact)
    return snapshot


def _fold(before: SystemSnapshot, fact: SystemFact) -> SystemSnapshot:
    match fact:
        case Connected():
            return _connected(before, fact)
        case Doing():
            return replace(before, sites=tuple(_doing(before.sites, fact)))
        case Listed():
            return replace(before, zombies=tuple(_zombies(before, fact)))
        case Disabled(names=names):
            return _disabled(before, names)
        case Details():
            return replace(
                before,
                version=fact.versions.get("server", before.version),
                resources=fact.resources.get("server", before.resources),
                sites=tuple(
                    replace(
                        site,
                        version=fact.versions.get(site.name, site.version),
                        resources=fact.resources.get(site.name, site.resources),
                    )
                    for site in before.sites
                ),
                details_at=fact.now if fact.versions or fact.resources else before.details_at,
                details_missing=fact.missing,
            )
        case Learned(group=group):
            return replace(before, missing=tuple(entry for entry in before.missing if entry[0] != group))
        case Missed(group=group, reason=reason):
            others = [entry for entry in before.missing if entry[0] != group]
            return replace(before, missing=tuple(sorted([*others, (group, reason)])))
        case Trouble(words=words):
            return replace(before, trouble=words)


def _connected(before: SystemSnapshot, fact: Connected) -> SystemSnapshot:
    known = {site.name: site for site in before.sites}
    first = before.facts_at is None
    came: dict[str, Site] = {}
    for client in fact.info.client_info[:_MOST]:
        name, at = client.name, _time(client.last_connect_time)
        if not isinstance(name, str) or not name:
            continue
        old = known.get(name)
        stayed = old is not None and old.connected
        since = old.since if old is not None and stayed else None if first else fact.now
        seen = None if at is None else at - fact.ahead
        # Who is connected is not shut out (any more), whatever was said before.
        came[name] = replace(old or Site(name), connected=True, last_seen=seen, since=since, disabled=False)
    left = [replace(site, connected=False, since=None, jobs=()) for site in before.sites if site.name not in came]
    started = _time(fact.info.server_info.start_time)
    running = tuple(SiteJob(_text(job.job_id), _text(job.app_name)) for job in fact.info.job_info[:_MOST])
    ids = {job.job_id for job in running}
    return replace(
        before,
        started_at=None if started is None else started - fact.ahead,
        jobs=running,
        sites=tuple(sorted([*came.values(), *left], key=lambda site: site.name)),
        zombies=tuple(zombie for zombie in before.zombies if zombie.job_id not in ids),
        facts_at=fact.now,
        trouble="",
    )


def _doing(sites: Iterable[Site], fact: Doing) -> Iterable[Site]:
    said: dict[str, list[Mapping[str, Any]]] = {}
    for entry in fact.entries:
        said.setdefault(_text(entry.get("client_name")), []).append(entry)
    for site in sites:
        entries = said.get(site.name)
        if entries is None:
            yield site
        elif any(entry.get("status") == "no_reply" for entry in entries):
            yield replace(site, answers=False)
        else:
            jobs = [
                SiteJob(_text(e["job_id"]), _text(e.get("app_name")), _text(e.get("status")))
                for e in entries[:_MOST]
                if e.get("job_id")
            ]
            yield replace(site, answers=True, jobs=tuple(jobs))


def _zombies(before: SystemSnapshot, fact: Listed) -> Iterable[Zombie]:
    """A job in the server's list that is RUNNING where nobody runs it; young ones count only when they stay so."""
    running = {job.job_id for job in before.jobs}
    known = {zombie.job_id: zombie.since for zombie in before.zombies}
    for job in fact.jobs:
        job_id = _text(job.get("job_id"))
        if job.get("status") == "RUNNING" and job_id not in running:
            yield Zombie(job_id, _text(job.get("job_name")), known.get(job_id, fact.now), fact.now)


def _disabled(before: SystemSnapshot, names: frozenset[str]) -> SystemSnapshot:
    known = {site.name for site in before.sites}
    sites = [replace(site, disabled=site.name in names and not site.connected) for site in before.sites]
    sites += [Site(name, connected=False, disabled=True) for name in list(names - known)[:_MOST]]
    # One that was let in again and has never been seen here is nobody's business any more.
    kept = [site for site in sites if site.connected or site.disabled or site.last_seen is not None]
    return replace(before, sites=tuple(sorted(kept, key=lambda site: site.name)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e11 else None
