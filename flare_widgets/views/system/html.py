"""The system as HTML for a saved notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from ...formatting.text import sanitize
from ...monitoring.system.format import StateText, problems, running_jobs_text, server_state, site_state
from ...monitoring.system.snapshot import Site, SiteJob, SystemSnapshot
from ..core.html import TimeFormatter, scoped_style, template_environment

SEVERITY_GLYPHS = {"good": "●", "warn": "!", "bad": "✕", "unknown": "○"}
"""A glyph for each severity, for users who cannot tell the colours apart."""

_MAX_ROWS = 200


def system_html(
    snapshot: SystemSnapshot,
    now: float,
    zone: tzinfo | None = None,
    *,
    outcomes: Sequence[str] = (),
) -> str:
    """Return the server and its sites as HTML for a saved notebook.

    Parameters
    ----------
    snapshot
        The system's snapshot. Untrusted.
    now
        The time the form is made, in seconds since the epoch: ages are relative to the last answer before it.
    zone
        The time zone of the times; this machine's if not given.
    outcomes
        The results of the user's actions, in words.
    """
    # A static form shows the state at the server's last answer: the time it was made says nothing about the sites.
    seen = now if snapshot.facts_at is None else snapshot.facts_at
    moments = [now, snapshot.facts_at, snapshot.started_at, *(site.since for site in snapshot.sites)]
    times = TimeFormatter([at for at in moments if at is not None], zone)
    root, style = scoped_style("system-static.css")
    rows = [_row("server", server_state(snapshot, now), snapshot.jobs, snapshot.started_at, "up since", times)]
    rows[0]["details"] = _describe_details(snapshot.version, snapshot.resources)
    for site in snapshot.sites[:_MAX_ROWS]:
        rows.append(_site_row(site, seen, times))
    return (
        template_environment()
        .get_template("system.html.j2")
        .render(
            root=root,
            style=style,
            state=server_state(snapshot, now),
            glyph=SEVERITY_GLYPHS[server_state(snapshot, now).tone],
            address=sanitize(snapshot.address) or "FLARE server",
            counts=_describe_counts(snapshot),
            who=_describe_user(snapshot),
            study=sanitize(snapshot.study),
            trouble=bool(snapshot.trouble),
            troubles=problems(snapshot, seen),
            rows=rows,
            more=max(0, len(snapshot.sites) - _MAX_ROWS),
            jobs=[{"id": sanitize(job.job_id), "app": sanitize(job.app, 60)} for job in snapshot.jobs[:_MAX_ROWS]],
            outcomes=[sanitize(words, 500) for words in outcomes],
            facts_at=None if snapshot.facts_at is None else times.format(snapshot.facts_at),
            made_at=times.format(now),
            common=times.common,
        )
    )


def _site_row(site: Site, as_of: float, times: TimeFormatter) -> dict[str, Any]:
    row = _row(sanitize(site.name, 60), site_state(site, as_of), site.jobs, site.since, "connected since", times)
    row["details"] = _describe_details(site.version, site.resources)
    return row


def _row(
    name: str, state: StateText, jobs: tuple[SiteJob, ...], since: float | None, since_label: str, times: TimeFormatter
) -> dict[str, Any]:
    return {
        "name": name,
        "tone": state.tone,
        "glyph": SEVERITY_GLYPHS[state.tone],
        "words": state.words,
        "runs": running_jobs_text(jobs),
        "since_word": since_label,
        "since": None if since is None else times.format(since),
        "details": "",
    }


def _describe_details(version: str, resources: str) -> str:
    parts: Iterable[str] = (f"FLARE {sanitize(version)}" if version else "", sanitize(resources, 300))
    return "; ".join(filter(None, parts))


def _describe_user(snapshot: SystemSnapshot) -> str:
    mandate = ", ".join(filter(None, (sanitize(snapshot.role).replace("_", " "), sanitize(snapshot.organization))))
    return " ".join(filter(None, (sanitize(snapshot.username), f"({mandate})" if mandate else "")))


def _describe_counts(snapshot: SystemSnapshot) -> str:
    if snapshot.facts_at is None:
        return ""
    here, jobs = len(snapshot.connected_sites), len(snapshot.jobs)
    sites = "no site is connected" if not here else f"{here} {'site' if here == 1 else 'sites'} connected"
    return f"{sites}, " + ("no job is running" if not jobs else f"{jobs} {'job' if jobs == 1 else 'jobs'} running")
