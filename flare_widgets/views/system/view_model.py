"""The server and its sites as every form of the view shows them: texts, and the moments from which they count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...formatting.live_text import COUNT, LiveText, live, to_json
from ...formatting.text import sanitize
from ...monitoring.system.format import (
    STALE_AFTER_S,
    describe_counts,
    last_seen_text,
    live_problems,
    role_and_org,
    running_jobs_text,
    server_state,
    site_state,
)
from ...monitoring.system.snapshot import Site, SystemSnapshot

_MAX_NAME_CHARS = 60  # characters


@dataclass(frozen=True)
class Row:
    """The server, or a site.

    Attributes
    ----------
    name
        Its name. Untrusted: it is what the browser's messages name, so it is not sanitized.
    state
        Its state, with a severity.
    state_when_lost
        Its state while the kernel does not answer: the last one known.
    jobs, jobs_title
        The running jobs; and all their ids, or the reason why they are unknown.
    since, since_label
        The moment since when it is up or connected, None if unknown; and the words before it.
    last_seen
        The age of a site's last heartbeat, and its moment.
    version, resources
        Its answers to the last request for details.
    """

    name: str
    state: LiveText
    state_when_lost: LiveText
    jobs: str
    jobs_title: str
    since: float | None
    since_label: str
    last_seen: LiveText
    last_seen_at: float | None
    version: str
    resources: str


@dataclass(frozen=True)
class SystemViewModel:
    """The drawing data of the system. All text but the rows' names is sanitized; for HTML it must still be escaped.

    Attributes
    ----------
    address, user, study
        The server, and the user with role and organization; empty if unknown.
    counts
        The numbers of sites and jobs; empty before the first answer.
    state
        The server's state in two words, with its severity.
    freshness
        The age of the data, with the severity ``warn`` once it is stale.
    updated_at
        The time of the server's last answer; None before the first.
    problems
        A sentence for each problem, the worst first; empty ones have not arisen yet.
    rows
        The server, then the sites.
    no_sites
        A text in place of the sites; empty if there are some.
    details_at, details_age, unknown_detail
        The time of the last versions and resources, its age, and the text in place of a missing one.
    """

    address: str
    user: str
    study: str
    counts: LiveText
    state: LiveText
    freshness: LiveText
    updated_at: float | None
    problems: tuple[LiveText, ...]
    rows: tuple[Row, ...]
    no_sites: str
    details_at: float | None
    details_age: LiveText
    unknown_detail: str

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return to_json(self)


def build_view_model(snapshot: SystemSnapshot, is_paused: bool = False) -> SystemViewModel:
    """Return the view model of the system.

    Parameters
    ----------
    snapshot
        The system's snapshot.
    is_paused
        True if the server is not polled now. Nothing but the age of the data is counted on then.
    """
    updated_at, details_at = snapshot.facts_at, snapshot.details_at
    rows = (_server_row(snapshot), *(_site_row(snapshot, site) for site in snapshot.sites))
    problems = tuple(live_problems(snapshot))
    counts = _describe_counts(snapshot)
    if is_paused and updated_at is not None:
        rows = tuple(
            replace(row, state=row.state.frozen_at(updated_at), last_seen=row.last_seen.frozen_at(updated_at))
            for row in rows
        )
        problems = tuple(problem.frozen_at(updated_at) for problem in problems)
        counts = counts.frozen_at(updated_at)
    role = role_and_org(snapshot.role, snapshot.organization)
    reason = sanitize(snapshot.details_missing, 400)
    return SystemViewModel(
        address=sanitize(snapshot.address) or "FLARE server",
        user=" ".join(filter(None, (sanitize(snapshot.username), f"({role})" if role else ""))),
        study=sanitize(snapshot.study),
        counts=counts,
        state=_describe_state(snapshot, is_paused),
        freshness=_describe_freshness(updated_at, is_paused),
        updated_at=updated_at,
        problems=problems,
        rows=rows,
        no_sites=""
        if updated_at is None or snapshot.sites
        else "No site is connected. Start a site with its startup kit; it appears here by itself.",
        details_at=details_at,
        details_age=live("") if details_at is None else live(f"as of {COUNT} ago", details_at),
        unknown_detail=f"not known ({reason})" if reason else "not known",
    )


def _describe_counts(snapshot: SystemSnapshot) -> LiveText:
    if snapshot.facts_at is None:
        return live("")
    counts = describe_counts(snapshot)
    return live(f"last known: {counts.text_at(snapshot.facts_at)}") if snapshot.trouble else counts


def _describe_state(snapshot: SystemSnapshot, is_paused: bool) -> LiveText:
    if snapshot.facts_at is None:
        return server_state(snapshot)
    if snapshot.trouble:
        return live(sanitize(snapshot.trouble_label) or "no answer", severity="warn")
    connected = live("connected", severity="good")
    return connected if is_paused else connected.then(snapshot.facts_at + STALE_AFTER_S, "no answer", severity="warn")


def _describe_freshness(updated_at: float | None, is_paused: bool) -> LiveText:
    if updated_at is None:
        return live("no answer from the server yet")
    if is_paused:
        return live(f"paused while out of sight, updated {COUNT} ago", updated_at)
    fresh = live(f"updated {COUNT} ago", updated_at)
    return fresh.then(updated_at + STALE_AFTER_S, f"! last seen {COUNT} ago", updated_at, "warn")


def _server_row(snapshot: SystemSnapshot) -> Row:
    seen = snapshot.facts_at
    return Row(
        name="server",
        state=server_state(snapshot),
        state_when_lost=live("" if seen is None else f"last seen {COUNT} ago", seen, "unknown"),
        jobs=running_jobs_text(snapshot, snapshot.jobs),
        jobs_title=", ".join(sanitize(job.job_id) for job in snapshot.jobs),
        since=snapshot.started_at,
        since_label="up since",
        last_seen=live(""),
        last_seen_at=None,
        version=sanitize(snapshot.version),
        resources=sanitize(snapshot.resources, 300),
    )


def _site_row(snapshot: SystemSnapshot, site: Site) -> Row:
    # Without answers from the server, the clock of its sites stops.
    last_known = live(f"last known: {site_state(site).text_at(snapshot.facts_at or 0.0)}", severity="unknown")
    is_lost = snapshot.trouble and snapshot.facts_at is not None
    unknown = dict(snapshot.missing).get("jobs of sites", "") if site.connected else ""
    jobs = running_jobs_text(snapshot, site.jobs)
    return Row(
        name=site.name,
        state=last_known if is_lost else site_state(site),
        state_when_lost=last_known,
        jobs=jobs or ("running jobs unknown" if unknown else ""),
        jobs_title=sanitize(unknown, 300) or ", ".join(sanitize(job.job_id) for job in site.jobs),
        since=site.since,
        since_label="connected since",
        last_seen=live("") if is_lost else last_seen_text(site),
        last_seen_at=site.last_seen,
        version=sanitize(site.version, _MAX_NAME_CHARS),
        resources=sanitize(site.resources, 300),
    )
