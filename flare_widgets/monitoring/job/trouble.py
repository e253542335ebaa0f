"""Troubles of a job that has not ended, in sentences that count the time; and the word for its status.

Nothing in a snapshot is trusted: all of it is sanitized.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...api.job_status import JobStatus
from ...formatting.live_text import COUNT, LiveText, live
from ...formatting.text import format_duration, join_names, sanitize
from .state import QUEUED_AFTER_S, JobState

LOST = "LOST"
"""The status of a job that the server lists as RUNNING but does not run."""

OUTCOME_WAIT = "up to 15 minutes by default"
"""Time for which a server waits for the outcome of a site that went away (FLARE 2.9)."""

_MAX_NAMED = 4  # sites in a sentence
_MAX_SITE_CHARS, _MAX_REASON_CHARS = 40, 120


def status_text(snapshot: JobState) -> str:
    """Return the server's word for the status of a job; `LOST` if it lists as RUNNING a job that it does not run."""
    unknown = "UNKNOWN" if snapshot.trouble else "asking the server"
    return LOST if snapshot.is_zombie else sanitize(snapshot.status) or unknown


def is_waiting(snapshot: JobState, now: float) -> bool:
    """Return whether a submitted job waits: the server said why, or it has been queued for `QUEUED_AFTER_S` seconds."""
    if snapshot.status != JobStatus.SUBMITTED:
        return False
    since = snapshot.submitted_at
    return bool(snapshot.scheduling.reason) or since is None or now - since > QUEUED_AFTER_S


def waiting_note(snapshot: JobState, now: float) -> str:
    """Return the job's waiting time and the server's reason, or that it is queued; empty if it does neither."""
    if snapshot.status != JobStatus.SUBMITTED:
        return ""
    return _live_waiting_note(snapshot, now).text_at(now) if is_waiting(snapshot, now) else "queued"


def absence_note(snapshot: JobState) -> str:
    """Return a note on a job that the server lists as RUNNING but does not run; empty for any other job."""
    if snapshot.is_zombie:
        return "the server no longer runs it (was it restarted?), so it will not end by itself"
    if not snapshot.is_awaiting_outcomes:
        return ""
    sites = join_names(map(_site_name, snapshot.silent_sites), _MAX_NAMED) or "its sites"
    return f"it has ended on the server, which waits for the outcome of {sites}, {OUTCOME_WAIT}"


def live_troubles(snapshot: JobState, now: float) -> list[LiveText]:
    """Return a sentence for each trouble that a job is in at the time `now`, the worst first; none if it goes well.

    A lost connection is none of the job's, and the diagnosis of a stalled job has a place of its own.
    """
    return [] if snapshot.ended else list(_iter_troubles(snapshot, now))


def _iter_troubles(snapshot: JobState, now: float) -> Iterator[LiveText]:
    if is_waiting(snapshot, now):
        yield _live_waiting_note(snapshot, now)
    if absent := absence_note(snapshot):
        yield live(absent)
    if snapshot.status != JobStatus.RUNNING or snapshot.is_zombie:
        return
    silent = snapshot.silent_since
    yield from _about_sites(silent, "is silent: no heartbeat for {}", "are silent: no heartbeat for {}")
    late = {site: cell for site, cell in snapshot.site_states(now).items() if cell.state == "late"}
    yield from _about_sites(
        {site: cell.since for site, cell in late.items() if not cell.is_fetched},
        "has not fetched its task for {}",
        "have not fetched their tasks for {}",
    )
    yield from _about_sites(
        {site: cell.since for site, cell in late.items() if cell.is_fetched},
        "has been working for {}, much longer than usual",
        "have been working for {}, much longer than usual",
    )
    usual = snapshot.usual_round_duration
    if not silent and not late and snapshot.is_round_late(now) and usual is not None:
        words = f"round {snapshot.rounds_begun} has lasted {COUNT}; those before took {format_duration(usual)}"
        yield live(words, snapshot.round_since)


def _about_sites(since_by_site: Mapping[str, float | None], of_one: str, of_several: str) -> Iterator[LiveText]:
    """Yield a sentence about sites, if there are any, counting from the earliest moment."""
    since = min((at for at in since_by_site.values() if at is not None), default=None)
    if since_by_site and since is not None:
        names = join_names(map(_site_name, sorted(since_by_site)), _MAX_NAMED)
        words = of_one.format(COUNT) if len(since_by_site) == 1 else of_several.format(f"up to {COUNT}")
        yield live(f"{names} {words}", since)


def _live_waiting_note(snapshot: JobState, now: float) -> LiveText:
    since = snapshot.submitted_at
    words = "waiting" if since is None else f"waiting for {COUNT}"
    if snapshot.failure is not None:
        return live(words, since)  # the reason is stated elsewhere
    attempts = snapshot.scheduling.attempts
    if snapshot.scheduling.reason:
        often = f", tried {attempts} times" if attempts > 1 else ""
        words += f": {sanitize(snapshot.scheduling.reason, _MAX_REASON_CHARS)}{often}"
    elif snapshot.is_scheduler_idle(now):
        words += ": the server has not tried to start it yet"
    return live(words, since)


def _site_name(site: str) -> str:
    return sanitize(site, _MAX_SITE_CHARS)
