"""Text for the server and its sites: the problems first, then one line each.

The same sentences everywhere, for the time they are read at. Nothing in a snapshot is trusted: all of it is sanitized.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from ...formatting.live_text import COUNT, LiveText, live
from ...formatting.reader_time import format_date_time
from ...formatting.table import align
from ...formatting.text import SHORT_ID, join_names, sanitize
from ..job.format import MAX_NAMED, job_label
from ..job.trouble import OUTCOME_WAIT
from .snapshot import SILENT_AFTER, Site, SiteJob, SystemSnapshot

_MAX_NAME_CHARS = 60  # characters
STALE_AFTER_S = 5.0
"""Seconds without an answer from the server, which is polled every 3 s, after which its state is not known."""

_MAX_MOMENTS = 32  # sites report every 10 s, so they fall silent within some 30 s of the last answer
_LAST_SEEN = f", last seen {COUNT} ago"


def server_state(snapshot: SystemSnapshot) -> LiveText:
    """Return the state of the server, with its severity."""
    seen_at = snapshot.facts_at
    if seen_at is None:
        return live("no answer yet", severity="warn" if snapshot.trouble else "unknown")
    if snapshot.trouble:
        return live(f"{snapshot.trouble_label or 'no answer'}, last seen {COUNT} ago", seen_at, "warn")
    connected = live("connected", severity="good")
    return connected.then(seen_at + STALE_AFTER_S, f"no answer, last seen {COUNT} ago", seen_at, "warn")


def site_state(site: Site) -> LiveText:
    """Return the state of a site, with its severity: connected, silent, disabled, or gone."""
    if site.disabled:
        return live("disabled", severity="warn")
    if not site.connected:
        return live("not connected" + ("" if site.last_seen is None else _LAST_SEEN), site.last_seen, "bad")
    alive = live("connected", severity="good")
    if not site.answers:
        alive = live("connected, but does not answer the server", severity="warn")
    if site.last_seen is None:
        return alive
    return alive.then(site.last_seen + SILENT_AFTER, f"silent for {COUNT}", site.last_seen, "bad")


def last_seen_text(site: Site) -> LiveText:
    """Return the age of a connected site's last heartbeat; empty once the state itself is about that."""
    if site.last_seen is None or not site.connected:
        return live("")
    return live(f"last seen {COUNT} ago", site.last_seen).then(site.last_seen + SILENT_AFTER)


def running_jobs_text(snapshot: SystemSnapshot, jobs: Sequence[SiteJob]) -> str:
    """Return the jobs that run at a site: ``running hello-numpy (76b8d043)``; empty if there are none."""
    names = dict(snapshot.job_names)
    named = [_running_job_text(job, names.get(job.job_id, "")) for job in jobs]
    return f"running {join_names(named, MAX_NAMED + 1)}" if named else ""


def _running_job_text(job: SiteJob, name: str) -> str:
    short, app = sanitize(job.job_id[:SHORT_ID]), sanitize(job.app, _MAX_NAME_CHARS)
    if name:
        return f"{sanitize(name, _MAX_NAME_CHARS)} ({short})"
    return f"{short} ({app})" if app else short


def _running_job_row(job: SiteJob, name: str) -> str:
    job_id = sanitize(job.job_id)
    if name:
        return f"{sanitize(name, _MAX_NAME_CHARS)} ({job_id}) is running"
    return f"{job_id} is running ({sanitize(job.app, _MAX_NAME_CHARS)})"


def problems(snapshot: SystemSnapshot, now: float) -> list[str]:
    """Return a sentence for each problem at the time `now`, the worst first, each with the action to take."""
    return list(filter(None, (problem.text_at(now) for problem in live_problems(snapshot))))


def live_problems(snapshot: SystemSnapshot) -> list[LiveText]:
    """Return a text for each problem, the worst first; one that may still arise is empty before."""
    return list(_iter_problems(snapshot))


def _iter_problems(snapshot: SystemSnapshot) -> Iterator[LiveText]:
    if snapshot.trouble:
        yield live(sanitize(snapshot.trouble, 400))
    yield from _site_problems(snapshot)
    for zombie in snapshot.zombies:
        if zombie.certain:
            yield live(
                f"the server still lists job {job_label(zombie.name, zombie.job_id)} as RUNNING, but no process runs "
                "it (was the server restarted?). It will not end by itself; clone it to run it again"
            )
        elif zombie.is_awaiting_outcomes:
            yield live(
                f"job {job_label(zombie.name, zombie.job_id)} has ended on the server, which waits for the outcome of "
                f"its sites, {OUTCOME_WAIT}"
            )
    yield from _version_problems(snapshot)


def _site_problems(snapshot: SystemSnapshot) -> Iterator[LiveText]:
    """Yield one sentence for each kind of problem, however many sites have it."""
    gone = [site for site in snapshot.sites if not site.connected and not site.disabled]
    if gone:
        yield live(
            f"{_sites(gone, 'is', 'are')} no longer connected. Check the process and the network; "
            "a site reconnects by itself"
        )
    # Without answers from the server, the clock of its sites stops.
    is_lost = snapshot.trouble and snapshot.facts_at is not None
    for problem in (_silence_problem(snapshot), _hung_problem(snapshot)):
        if any(phase.text for phase in problem.phases):
            yield problem.frozen_at(snapshot.facts_at or 0.0) if is_lost else problem
    disabled = [site for site in snapshot.sites if site.disabled]
    if disabled:
        one = len(disabled) == 1
        yield live(
            f"{_sites(disabled, 'is', 'are')} disabled: {'it' if one else 'they'} cannot connect "
            f"until {'it is' if one else 'they are'} enabled again"
        )


def _silence_problem(snapshot: SystemSnapshot) -> LiveText:
    problem = live("")
    for after, silent in _silences(snapshot):
        since = min(site.last_seen or after for site in silent)
        length = COUNT if len(silent) == 1 else f"up to {COUNT}"
        problem = problem.then(
            after,
            f"{_sites(silent, 'has', 'have')} been silent for {length}; sites report every 10 s. "
            f"Check that {'its process is' if len(silent) == 1 else 'their processes are'} running "
            "and can reach the server",
            since,
        )
    return problem


def _hung_problem(snapshot: SystemSnapshot) -> LiveText:
    problem = live(_hung_text(snapshot, ()))
    for after, silent in _silences(snapshot):
        problem = problem.then(after, _hung_text(snapshot, silent))
    return problem


def _hung_text(snapshot: SystemSnapshot, silent: Sequence[Site]) -> str:
    hung = [site for site in snapshot.connected_sites if not site.answers and site not in silent]
    if not hung:
        return ""
    it = "It may be hung; restart it" if len(hung) == 1 else "They may be hung; restart them"
    return f"{_sites(hung, 'does', 'do')} not answer the server's requests. {it} if this persists"


def _silences(snapshot: SystemSnapshot) -> list[tuple[float, list[Site]]]:
    """Return the moments, to the second, at which sites fall silent unless seen again, and all that are silent then."""
    falling = [
        (ceil(site.last_seen + SILENT_AFTER), site) for site in snapshot.connected_sites if site.last_seen is not None
    ]
    known_at = snapshot.facts_at or 0.0
    past = [at for at, _ in falling if at <= known_at]
    moments = sorted({at for at, _ in falling if at > known_at} | {max(past, default=0)} - {0})[:_MAX_MOMENTS]
    return [(at, [site for falls, site in falling if falls <= at]) for at in moments]


def _sites(sites: Iterable[Site], singular: str, plural: str) -> str:
    """Return the names of sites, or their number and some names, and the verb that follows."""
    names = [sanitize(site.name, _MAX_NAME_CHARS) for site in sites]
    if len(names) == 1:
        return f"{names[0]} {singular}"
    return f"{len(names)} sites ({join_names(names, MAX_NAMED + 1)}) {plural}"


def _version_problems(snapshot: SystemSnapshot) -> Iterator[LiveText]:
    if len(snapshot.names_by_version) > 1:
        said = "; ".join(
            f"{sanitize(version, _MAX_NAME_CHARS)} on "
            f"{join_names((sanitize(name, _MAX_NAME_CHARS) for name in names), MAX_NAMED + 1)}"
            for version, names in snapshot.names_by_version.items()
        )
        yield live(f"versions of FLARE differ: {said}. Jobs across these may fail; install the same version everywhere")


def describe_system(snapshot: SystemSnapshot, now: float | None = None) -> str:
    """Describe the session, the problems, and the server, the sites and the jobs, one line each."""
    now = time.time() if now is None else now
    who = role_and_org(snapshot.role, snapshot.organization)
    user = f"{sanitize(snapshot.username)}  {who}" if who else sanitize(snapshot.username)
    lines = [f"{user}  →  {sanitize(snapshot.address)}  study {sanitize(snapshot.study)}"]
    lines += [f"  ! {words}" for words in problems(snapshot, now)]
    started = snapshot.started_at
    since = "" if started is None else f"up since {format_date_time(started)}"
    rows = [("server", _join_nonempty(server_state(snapshot).text_at(now), since, _version_text(snapshot.version)))]
    for site in snapshot.sites:
        state, seen = site_state(site).text_at(now), last_seen_text(site).text_at(now)
        parts = _join_nonempty(state, seen, running_jobs_text(snapshot, site.jobs), _version_text(site.version))
        rows.append((sanitize(site.name, _MAX_NAME_CHARS), parts))
    if not snapshot.sites and snapshot.facts_at is not None:
        rows.append(("sites", "none connected"))
    names = dict(snapshot.job_names)
    rows += [("job", _running_job_row(job, names.get(job.job_id, ""))) for job in snapshot.running_jobs]
    if not snapshot.running_jobs and snapshot.facts_at is not None:
        rows.append(("jobs", "none running"))
    return "\n".join([*lines, *align(rows, indent="  ")])


def summarize_system(snapshot: SystemSnapshot, now: float) -> str:
    """Summarize the system in one sentence, for a screen reader."""
    wrong = problems(snapshot, now)
    parts = [
        f"FLARE server {sanitize(snapshot.address)}: {server_state(snapshot).text_at(now)}",
        describe_counts(snapshot).text_at(now),
        _count(len(wrong), "problem") if wrong else "no problems",
    ]
    return ", ".join(parts)


def describe_counts(snapshot: SystemSnapshot) -> LiveText:
    """Return the numbers of silent sites, of the other connected ones, and of running jobs."""
    counts = live(_counts_text(snapshot, 0))
    for after, silent in _silences(snapshot):
        counts = counts.then(after, _counts_text(snapshot, len(silent)))
    return counts


def _counts_text(snapshot: SystemSnapshot, silent: int) -> str:
    connected, jobs = len(snapshot.connected_sites) - silent, len(snapshot.running_jobs)
    nobody = f"no {'other ' if silent else ''}site is connected"
    parts = [
        f"{silent} silent" if silent else "",
        f"{_count(connected, 'site')} connected" if connected else nobody,
        f"{_count(jobs, 'job')} running" if jobs else "no job is running",
    ]
    return _join_nonempty(*parts)


def role_and_org(role: str, organization: str) -> str:
    """Return a user's role and organization: ``project admin, nvidia``."""
    return ", ".join(filter(None, (sanitize(role).replace("_", " "), sanitize(organization))))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"


def _version_text(version: str) -> str:
    return f"FLARE {sanitize(version, _MAX_NAME_CHARS)}" if version else ""


def _join_nonempty(*parts: str) -> str:
    return ", ".join(filter(None, parts))
