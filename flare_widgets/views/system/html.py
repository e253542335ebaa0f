"""The system as HTML for a saved notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any

from ...formatting.text import clean
from ...monitoring.system.format import Words, runs, server_state, site_state, troubles
from ...monitoring.system.snapshot import Site, SiteJob, SystemSnapshot
from ..core.html import _environment, _style, _Times

GLYPHS = {"good": "●", "warn": "!", "bad": "✕", "unknown": "○"}
"""A sign for each tone, for eyes that do not tell the colours apart."""

_MOST = 200


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
        What is known. Nothing in it is trusted.
    now
        The time the form is made, in seconds since the epoch: ages are counted to the last answer before it.
    zone
        The time zone to show times in; this machine's when not given.
    outcomes
        What has come of the user's wishes, in words.
    """
    # A picture tells how it was when the server last answered: when the picture was made says nothing of the sites.
    seen = now if snapshot.facts_at is None else snapshot.facts_at
    moments = [now, snapshot.facts_at, snapshot.started_at, *(site.since for site in snapshot.sites)]
    times = _Times([at for at in moments if at is not None], zone)
    root, style = _style("system-static.css")
    rows = [_row("server", server_state(snapshot, now), snapshot.jobs, snapshot.started_at, "up since", times)]
    rows[0]["details"] = _details(snapshot.version, snapshot.resources)
    for site in snapshot.sites[:_MOST]:
        rows.append(_site(site, seen, times))
    return (
        _environment()
        .get_template("system.html.j2")
        .render(
            root=root,
            style=style,
            state=server_state(snapshot, now),
            glyph=GLYPHS[server_state(snapshot, now).tone],
            address=clean(snapshot.address) or "FLARE server",
            counts=_counts(snapshot),
            who=_who(snapshot),
            study=clean(snapshot.study),
            trouble=bool(snapshot.trouble),
            troubles=troubles(snapshot, seen),
            rows=rows,
            more=max(0, len(snapshot.sites) - _MOST),
            jobs=[{"id": clean(job.job_id), "app": clean(job.app, 60)} for job in snapshot.jobs[:_MOST]],
            outcomes=[clean(words, 500) for words in outcomes],
            facts_at=None if snapshot.facts_at is None else times.show(snapshot.facts_at),
            made_at=times.show(now),
            common=times.common,
        )
    )


def _site(site: Site, seen: float, times: _Times) -> dict[str, Any]:
    row = _row(clean(site.name, 60), site_state(site, seen), site.jobs, site.since, "connected since", times)
    row["details"] = _details(site.version, site.resources)
    return row


def _row(
    name: str, state: Words, jobs: tuple[SiteJob, ...], since: float | None, word: str, times: _Times
) -> dict[str, Any]:
    return {
        "name": name,
        "tone": state.tone,
        "glyph": GLYPHS[state.tone],
        "words": state.words,
        "runs": runs(jobs),
        "since_word": word,
        "since": None if since is None else times.show(since),
        "details": "",
    }


def _details(version: str, resources: str) -> str:
    parts: Iterable[str] = (f"FLARE {clean(version)}" if version else "", clean(resources, 300))
    return "; ".join(filter(None, parts))


def _who(snapshot: SystemSnapshot) -> str:
    mandate = ", ".join(filter(None, (clean(snapshot.role).replace("_", " "), clean(snapshot.organization))))
    return " ".join(filter(None, (clean(snapshot.username), f"({mandate})" if mandate else "")))


def _counts(snapshot: SystemSnapshot) -> str:
    if snapshot.facts_at is None:
        return ""
    here, jobs = len(snapshot.here), len(snapshot.jobs)
    sites = "no site is connected" if not here else f"{here} {'site' if here == 1 else 'sites'} connected"
    return f"{sites}, " + ("no job is running" if not jobs else f"{jobs} {'job' if jobs == 1 else 'jobs'} running")
