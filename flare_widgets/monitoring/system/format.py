"""Text for the server and its sites: the problems first, then one line each.

The same sentences everywhere, for the time they are read at; ``js/src/system/format.ts`` has the same rules.
Nothing in a snapshot is trusted: all of it is sanitized.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ...formatting.text import SHORT_ID, sanitize
from ..job.format import MAX_NAMED, format_age, job_label
from .snapshot import Site, SiteJob, SystemSnapshot

_MAX_NAME_CHARS = 60  # characters

STALE_AFTER = 5.0
"""Seconds without an answer from the server after which that is reported."""


@dataclass(frozen=True)
class StateText:
    """Severity of a state, and its description.

    Attributes
    ----------
    tone
        ``good``, ``warn``, ``bad`` or ``unknown``.
    words
        The description, which says all that the tone does.
    """

    tone: str
    words: str


def server_state(snapshot: SystemSnapshot, now: float) -> StateText:
    """Return the state of the server."""
    if snapshot.facts_at is None:
        return StateText("warn" if snapshot.trouble else "unknown", "no answer yet")
    if snapshot.trouble:
        return StateText("bad", f"not reachable, last seen {format_age(max(0.0, now - snapshot.facts_at))} ago")
    return StateText("good", "connected")


def site_state(site: Site, now: float) -> StateText:
    """Return the state of a site: connected, silent, disabled, or gone."""
    silence = site.silence(now)
    if site.disabled:
        return StateText("warn", "disabled")
    if not site.connected:
        heard = "" if site.last_seen is None else f", last seen {format_age(max(0.0, now - site.last_seen))} ago"
        return StateText("bad", f"not connected{heard}")
    if silence is not None:
        return StateText("bad", f"silent for {format_age(silence)}")
    if not site.answers:
        return StateText("warn", "connected, but does not answer the server")
    return StateText("good", "connected")


def running_jobs_text(jobs: tuple[SiteJob, ...]) -> str:
    """Return the jobs that run at a site: ``runs 76b8d043 (app)``; empty if there are none."""
    if not jobs:
        return ""
    named = [
        f"{sanitize(job.job_id[:SHORT_ID])}" + (f" ({sanitize(job.app, _MAX_NAME_CHARS)})" if job.app else "")
        for job in jobs[:MAX_NAMED]
    ]
    more = len(jobs) - MAX_NAMED
    return f"runs {', '.join(named)}" + (f" and {more} more" if more > 0 else "")


def problems(snapshot: SystemSnapshot, now: float) -> list[str]:
    """Return a sentence for each problem, the worst first, each with the action to take."""
    return list(_iter_problems(snapshot, now))


def _iter_problems(snapshot: SystemSnapshot, now: float) -> Iterator[str]:
    # Without answers from the server, the clock of its sites stops.
    seen = snapshot.facts_at if snapshot.trouble and snapshot.facts_at is not None else now
    if snapshot.trouble:
        yield sanitize(snapshot.trouble, 400)
    for site in snapshot.sites:
        name, silence = sanitize(site.name, _MAX_NAME_CHARS), site.silence(seen)
        if site.disabled:
            yield f"{name} is disabled: it cannot connect until it is enabled again"
        elif not site.connected:
            yield f"{name} is no longer connected. Check its process and its network; it reconnects by itself"
        elif silence is not None:
            yield (
                f"{name} has been silent for {format_age(silence)}; sites report every 10 s. "
                "Check that its process is running and can reach the server"
            )
        elif not site.answers:
            yield f"{name} does not answer the server's requests. It may be hung; restart it if this persists"
    for zombie in snapshot.zombies:
        if zombie.certain:
            yield (
                f"the server still lists job {job_label(zombie.name, zombie.job_id)} as RUNNING, but no process runs "
                "it (was the server restarted?). It will not end by itself; clone it to run it again"
            )
    yield from _version_problems(snapshot)


def _version_problems(snapshot: SystemSnapshot) -> Iterator[str]:
    by_version: dict[str, list[str]] = {}
    for name, version in [
        ("server", snapshot.version),
        *((site.name, site.version) for site in snapshot.connected_sites),
    ]:
        if version:
            by_version.setdefault(version, []).append(sanitize(name, _MAX_NAME_CHARS))
    if len(by_version) > 1:
        said = "; ".join(
            f"{sanitize(version, _MAX_NAME_CHARS)} on {_join_names(names)}" for version, names in by_version.items()
        )
        yield f"versions of FLARE differ: {said}. Jobs across these may fail; install the same version everywhere"


def _join_names(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    return f"{', '.join(names[:MAX_NAMED])}{f' and {more} more' if more > 0 else ''}"


def describe_system(snapshot: SystemSnapshot, now: float | None = None) -> str:
    """Describe the session, the problems, and the server, the sites and the jobs, one line each."""
    now = time.time() if now is None else now
    who = ", ".join(filter(None, (sanitize(snapshot.role).replace("_", " "), sanitize(snapshot.organization))))
    user = f"{sanitize(snapshot.username)}  {who}" if who else sanitize(snapshot.username)
    lines = [f"{user}  →  {sanitize(snapshot.address)}  study {sanitize(snapshot.study)}"]
    lines += [f"  ! {words}" for words in problems(snapshot, now)]
    started = snapshot.started_at
    since = "" if started is None else f"up since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(started))}"
    rows = [("server", _join_nonempty(server_state(snapshot, now).words, since, _version_text(snapshot.version)))]
    for site in snapshot.sites:
        state = site_state(site, now)
        fresh = site.connected and site.last_seen is not None and state.tone != "bad"
        heard = f"last seen {format_age(max(0.0, now - (site.last_seen or now)))} ago" if fresh else ""
        parts = _join_nonempty(state.words, heard, running_jobs_text(site.jobs), _version_text(site.version))
        rows.append((sanitize(site.name, _MAX_NAME_CHARS), parts))
    if not snapshot.sites and snapshot.facts_at is not None:
        rows.append(("sites", "none connected"))
    rows += [
        ("job", f"{sanitize(job.job_id)} is running ({sanitize(job.app, _MAX_NAME_CHARS)})") for job in snapshot.jobs
    ]
    if not snapshot.jobs and snapshot.facts_at is not None:
        rows.append(("jobs", "none running"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(lines + [f"  {name:<{width}}  {words}" for name, words in rows])


def summarize_system(snapshot: SystemSnapshot, now: float) -> str:
    """Summarize the system in one sentence, for a screen reader."""
    wrong = problems(snapshot, now)
    here = len(snapshot.connected_sites)
    parts = [
        f"FLARE server {sanitize(snapshot.address)}: {server_state(snapshot, now).words}",
        f"{here} {'site' if here == 1 else 'sites'} connected",
        f"{len(snapshot.jobs)} {'job' if len(snapshot.jobs) == 1 else 'jobs'} running",
        f"{len(wrong)} {'problem' if len(wrong) == 1 else 'problems'}" if wrong else "no problems",
    ]
    return ", ".join(parts)


def _version_text(version: str) -> str:
    return f"FLARE {sanitize(version, _MAX_NAME_CHARS)}" if version else ""


def _join_nonempty(*parts: str) -> str:
    return ", ".join(filter(None, parts))
