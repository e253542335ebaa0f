"""Snapshot of the server and its sites at one moment: frozen, plain, comparable data.

A :class:`SystemSnapshot` is made by applying the server's answers to the previous one
(:func:`apply_system_updates`). All times are seconds since the epoch, by this machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...api.job_status import JobStatus
from ...api.models import SystemInfo
from ...formatting.text import parse_duration
from ..job.state import SILENT_AFTER, ZOMBIE_AFTER
from ..job.updates import ConnectionProblem, GroupRefreshed, GroupUnavailable

__all__ = ["SILENT_AFTER", "ZOMBIE_AFTER", "Site", "SystemSnapshot", "SystemUpdate", "apply_system_updates"]

_MAX_ENTRIES = 1000  # sites, or jobs of one of them: more means a misbehaving server


@dataclass(frozen=True)
class SiteJob:
    """Job that a site, or the server, is running now.

    Attributes
    ----------
    job_id
        The job.
    app
        The job's app that is run there.
    status
        ``starting``, ``started`` or ``stopped``; empty if not reported.
    """

    job_id: str
    app: str = ""
    status: str = ""


@dataclass(frozen=True)
class Site:
    """Site, as the server knows it.

    Attributes
    ----------
    name
        The site's name.
    connected
        True if the server counts it among its clients. It does so for ten minutes after its last heartbeat.
    last_seen
        The time of its last heartbeat at the server.
    since
        The time when it connected; None if that was before the first poll.
    disabled
        True if it was disabled (:meth:`.Session.disable_client`).
    jobs
        The jobs it is running, as of the last poll.
    answers
        False if it did not answer the server's last request.
    version, resources
        Its answers to the last request for details; empty before.
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
        """Return the seconds since a connected site's last heartbeat, if they are too many; else None."""
        age = None if self.last_seen is None else now - self.last_seen
        return age if self.connected and age is not None and age > SILENT_AFTER else None


@dataclass(frozen=True)
class Zombie:
    """Job that the server lists as RUNNING though no process runs it.

    Attributes
    ----------
    job_id, name
        The job.
    since, seen
        The times when that was first and last seen.
    has_server_restarted
        True if the server started after the job; None if that is not known.
    """

    job_id: str
    name: str
    since: float
    seen: float
    has_server_restarted: bool | None = None

    @property
    def certain(self) -> bool:
        """True if its process was lost with the server, or it has been without one for too long."""
        return self._lasts if self.has_server_restarted is None else self.has_server_restarted

    @property
    def is_awaiting_outcomes(self) -> bool:
        """True if its part on the server has ended, and the server waits for what the sites report."""
        return self.has_server_restarted is False and self._lasts

    @property
    def _lasts(self) -> bool:
        # While a job is starting or ending, the reports differ briefly.
        return self.seen - self.since >= ZOMBIE_AFTER


@dataclass(frozen=True)
class SystemSnapshot:
    """Snapshot of the server and its sites. Nothing that they sent is trusted: escape before showing.

    Attributes
    ----------
    address, study, username, role, organization
        The session: the server's address, the study, and the user.
    started_at
        The time when the server started.
    jobs
        The jobs that the server is running.
    sites
        The sites, by name.
    zombies
        Jobs that the server lists as RUNNING though no process runs them.
    job_names
        The id and the name of each job that was last listed as RUNNING.
    version, resources
        The server's own, as for a site.
    facts_at
        The time of the server's last answer; None before the first answer.
    trouble, trouble_label
        One sentence if it is not answering now, and the same in two words.
    details_at, details_missing
        The time of the last versions and resources; the reason if some are unavailable.
    missing
        Other unavailable data, and the reason: ``jobs of sites``, ``disabled sites``, ``list of jobs``.
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
    job_names: tuple[tuple[str, str], ...] = ()
    version: str = ""
    resources: str = ""
    facts_at: float | None = None
    trouble: str = ""
    trouble_label: str = ""
    details_at: float | None = None
    details_missing: str = ""
    missing: tuple[tuple[str, str], ...] = ()

    def site(self, name: str) -> Site | None:
        """Return a site by its name, None if there is none."""
        return next((site for site in self.sites if site.name == name), None)

    @property
    def connected_sites(self) -> tuple[Site, ...]:
        """The sites that are connected."""
        return tuple(site for site in self.sites if site.connected)

    @property
    def running_jobs(self) -> tuple[SiteJob, ...]:
        """The jobs that run on the server or at a site, whichever was heard from last."""
        found = {job.job_id: job for site in self.sites for job in site.jobs}
        return tuple((found | {job.job_id: job for job in self.jobs}).values())

    @property
    def names_by_version(self) -> dict[str, list[str]]:
        """The server and the connected sites, by the version of FLARE that they run, where it is known."""
        found: dict[str, list[str]] = {}
        for name, version in [("server", self.version), *((site.name, site.version) for site in self.connected_sites)]:
            if version:
                found.setdefault(version, []).append(name)
        return found

    def reachable_sites(self, now: float) -> list[str]:
        """Return the sites that should be polled: one that does not answer delays the answers of all."""
        return [site.name for site in self.connected_sites if site.silence(now) is None]


@dataclass(frozen=True)
class SystemReport:
    """Answer of the server to ``check_status server``, its time, and the seconds the server's clock is ahead."""

    info: SystemInfo
    received_at: float
    clock_offset: float = 0.0


@dataclass(frozen=True)
class SiteJobsReport:
    """Jobs that the queried sites are running: the answer to ``check_status client``."""

    entries: tuple[Mapping[str, Any], ...] = field(hash=False)


@dataclass(frozen=True)
class JobListReport:
    """List of jobs from the server, and its time."""

    jobs: tuple[Mapping[str, Any], ...] = field(hash=False)
    received_at: float


@dataclass(frozen=True)
class DisabledSites:
    """Names of all disabled sites."""

    names: frozenset[str]


@dataclass(frozen=True)
class SiteDetails:
    """Versions and resources by name, the time of the answer, and the reason if some are missing."""

    versions: Mapping[str, str] = field(hash=False)
    resources: Mapping[str, str] = field(hash=False)
    received_at: float
    missing: str = ""


SystemUpdate = (
    SystemReport
    | SiteJobsReport
    | JobListReport
    | DisabledSites
    | SiteDetails
    | GroupRefreshed
    | GroupUnavailable
    | ConnectionProblem
)
"""Any update that can be applied to a snapshot of the system."""


def apply_system_updates(snapshot: SystemSnapshot, updates: Iterable[SystemUpdate]) -> SystemSnapshot:
    """Apply the server's answers to a snapshot, in their order, and return the new one."""
    for fact in updates:
        snapshot = _apply_one(snapshot, fact)
    return snapshot


def _apply_one(before: SystemSnapshot, update: SystemUpdate) -> SystemSnapshot:
    match update:
        case SystemReport():
            return _apply_status(before, update)
        case SiteJobsReport():
            return replace(before, sites=tuple(_apply_site_jobs(before.sites, update)))
        case JobListReport():
            running = [job for job in update.jobs if job.get("status") == JobStatus.RUNNING]
            names = tuple((_text_or_empty(job.get("job_id")), _text_or_empty(job.get("job_name"))) for job in running)
            return replace(before, zombies=tuple(_find_zombies(before, update)), job_names=names[:_MAX_ENTRIES])
        case DisabledSites(names=names):
            return _apply_disabled(before, names)
        case SiteDetails():
            return replace(
                before,
                version=update.versions.get("server", before.version),
                resources=update.resources.get("server", before.resources),
                sites=tuple(
                    replace(
                        site,
                        version=update.versions.get(site.name, site.version),
                        resources=update.resources.get(site.name, site.resources),
                    )
                    for site in before.sites
                ),
                details_at=update.received_at if update.versions or update.resources else before.details_at,
                details_missing=update.missing,
            )
        case GroupRefreshed(group=group):
            return replace(before, missing=tuple(entry for entry in before.missing if entry[0] != group))
        case GroupUnavailable(group=group, reason=reason):
            others = [entry for entry in before.missing if entry[0] != group]
            return replace(before, missing=tuple(sorted([*others, (group, reason)])))
        case ConnectionProblem(message=words, label=label):
            return replace(before, trouble=words, trouble_label=label)


def _apply_status(before: SystemSnapshot, update: SystemReport) -> SystemSnapshot:
    known = {site.name: site for site in before.sites}
    first = before.facts_at is None
    came: dict[str, Site] = {}
    for client in update.info.client_info[:_MAX_ENTRIES]:
        name, at = client.name, _time_or_none(client.last_connect_time)
        if not isinstance(name, str) or not name:
            continue
        old = known.get(name)
        stayed = old is not None and old.connected
        since = old.since if old is not None and stayed else None if first else update.received_at
        seen = None if at is None else at - update.clock_offset
        # A connected site is not disabled (any more), whatever was reported before.
        came[name] = replace(old or Site(name), connected=True, last_seen=seen, since=since, disabled=False)
    left = [replace(site, connected=False, since=None, jobs=()) for site in before.sites if site.name not in came]
    started = _time_or_none(update.info.server_info.start_time)
    running = tuple(
        SiteJob(_text_or_empty(job.job_id), _text_or_empty(job.app_name)) for job in update.info.job_info[:_MAX_ENTRIES]
    )
    ids = {job.job_id for job in running}
    return replace(
        before,
        started_at=None if started is None else started - update.clock_offset,
        jobs=running,
        sites=tuple(sorted([*came.values(), *left], key=lambda site: site.name)),
        zombies=tuple(zombie for zombie in before.zombies if zombie.job_id not in ids),
        facts_at=update.received_at,
        trouble="",
        trouble_label="",
    )


def _apply_site_jobs(sites: Iterable[Site], update: SiteJobsReport) -> Iterable[Site]:
    said: dict[str, list[Mapping[str, Any]]] = {}
    for entry in update.entries:
        said.setdefault(_text_or_empty(entry.get("client_name")), []).append(entry)
    for site in sites:
        entries = said.get(site.name)
        if entries is None:
            yield site
        elif any(entry.get("status") == "no_reply" for entry in entries):
            yield replace(site, answers=False)
        else:
            jobs = [
                SiteJob(_text_or_empty(e["job_id"]), _text_or_empty(e.get("app_name")), _text_or_empty(e.get("status")))
                for e in entries[:_MAX_ENTRIES]
                if e.get("job_id")
            ]
            yield replace(site, answers=True, jobs=tuple(jobs))


def _find_zombies(before: SystemSnapshot, update: JobListReport) -> Iterable[Zombie]:
    """Yield the jobs listed as RUNNING that no process runs; new ones count only if they stay so."""
    running = {job.job_id for job in before.jobs}
    known = {zombie.job_id: zombie.since for zombie in before.zombies}
    for job in update.jobs:
        job_id = _text_or_empty(job.get("job_id"))
        if job.get("status") == JobStatus.RUNNING and job_id not in running:
            lasted = parse_duration(job.get("duration"))
            has_restarted = None
            if lasted is not None and before.started_at is not None:
                has_restarted = before.started_at > update.received_at - lasted
            since = known.get(job_id, update.received_at)
            yield Zombie(job_id, _text_or_empty(job.get("job_name")), since, update.received_at, has_restarted)


def _apply_disabled(before: SystemSnapshot, names: frozenset[str]) -> SystemSnapshot:
    known = {site.name for site in before.sites}
    sites = [replace(site, disabled=site.name in names and not site.connected) for site in before.sites]
    sites += [Site(name, connected=False, disabled=True) for name in list(names - known)[:_MAX_ENTRIES]]
    # A re-enabled site that has never been seen here is dropped.
    kept = [site for site in sites if site.connected or site.disabled or site.last_seen is not None]
    return replace(before, sites=tuple(sorted(kept, key=lambda site: site.name)))


def _text_or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time_or_none(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e11 else None
