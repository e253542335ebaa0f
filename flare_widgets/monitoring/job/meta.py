"""Parser for the server's job meta (``get_job_meta``), which may be of any shape, or hostile. Pure."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timezone
from typing import Any

from ...api.job_status import JobStatus, has_ended
from ...formatting.text import parse_duration, parse_iso_time
from .model import Scheduling, SiteDeployment, StatusChange

_LOCAL_TIME = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}): ?(.*)", re.DOTALL)
MAX_TIME_S = 1e11
"""Times in seconds since the epoch, and durations, from this on are not valid."""
_MAX_TEXT_CHARS = 1000  # characters of a name
_QUARTER_HOUR_S = 900.0  # seconds; time zones differ from UTC by multiples of that


def text_or_empty(value: Any) -> str:
    """Return `value`, truncated if very long, if it is text; else an empty string."""
    return value[:_MAX_TEXT_CHARS] if isinstance(value, str) else ""


def epoch_seconds(value: Any) -> float | None:
    """Return `value` if it is a valid time in seconds since the epoch."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 < value < MAX_TIME_S else None


def merge_statuses(
    history: tuple[StatusChange, ...], status: str, meta: dict[str, Any], received_at: float, clock_offset: float = 0.0
) -> tuple[StatusChange, ...]:
    """Return the statuses the job is known to have had, each with the best known time, in no order.

    Parameters
    ----------
    history
        The statuses known so far.
    status
        The job's status.
    meta
        The server's answer, which has the times of the submission, the start and the end.
    received_at
        The time when it was received; used for a status that has no time.
    clock_offset
        Seconds by which the server's clock is ahead of ours.
    """
    known: dict[str, StatusChange] = {s.status: s for s in history}

    def take(status: str, at: float, exact: bool) -> None:
        change = StatusChange(status, at, exact)
        known[status] = min(known.get(status, change), change, key=lambda s: (not s.exact, s.at))

    submitted = epoch_seconds(meta.get("submit_time"))
    if submitted is not None:
        take(JobStatus.SUBMITTED.value, submitted - clock_offset, True)
    started = parse_iso_time(meta.get("start_time"))
    if started is not None:
        take(JobStatus.RUNNING.value, started - clock_offset, True)
    if status:
        lasted = parse_duration(meta.get("duration"))
        if has_ended(status) and started is not None and lasted is not None:
            take(status, started - clock_offset + lasted, True)
        else:
            take(status, received_at, False)
    return tuple(sorted(known.values(), key=lambda s: s.status))


def order_statuses(history: tuple[StatusChange, ...]) -> tuple[StatusChange, ...]:
    """Return the statuses in order, with monotonic times.

    A status that we saw late may have a later time than the server's exact time of the next one (and the two clocks
    may differ). The order of statuses is fixed, so sort by it and make the times monotonic.
    """
    ceiling = float("inf")
    ordered: list[StatusChange] = []
    for change in sorted(history, key=lambda s: (_status_order(s.status), s.at, s.status), reverse=True):
        if not change.exact and change.at > ceiling:
            change = dataclasses.replace(change, at=ceiling)
        ceiling = change.at
        ordered.append(change)
    return tuple(reversed(ordered))


def read_sites(previous: tuple[SiteDeployment, ...], meta: dict[str, Any]) -> tuple[SiteDeployment, ...]:
    """Return the job's sites, and the state of the deployment to each."""
    known = {s.name: s for s in previous}
    deploy_map = meta.get("deploy_map")
    if isinstance(deploy_map, dict):
        for targets in deploy_map.values():
            for target in targets if isinstance(targets, list) else ():
                if isinstance(target, str) and not target.startswith("@"):
                    known.setdefault(target, SiteDeployment(target, "waiting"))
    details = meta.get("job_deploy_detail")
    for line in details if isinstance(details, list) else ():
        name, colon, words = str(line).partition(":")
        if colon and name.strip():
            ok = words.strip().upper() == "OK"
            found = SiteDeployment(name.strip(), "deployed" if ok else "failed", "" if ok else words.strip())
            known[found.name] = found.merge(known.get(found.name, found))
    return tuple(sorted(known.values(), key=lambda s: (s.name != "server", s.name)))


def read_scheduling(meta: dict[str, Any], clock_offset: float = 0.0) -> Scheduling:
    """Return the number of scheduling attempts, and the reason why the last one failed.

    ``schedule_history`` has one line per attempt, ``2026-11-25 15:59:35: connected sites (2) < min_sites (5)`` or
    ``...: scheduled``.
    """
    count, history = meta.get("schedule_count"), meta.get("schedule_history")
    last_at = epoch_seconds(meta.get("last_schedule_time"))
    words = _last_history_line(history)[1]
    return Scheduling(
        count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0,
        None if last_at is None else last_at - clock_offset,
        "" if words == "scheduled" else words,
    )


def server_utc_offset(meta: dict[str, Any]) -> float | None:
    """Return the number of seconds by which the server's local time, used in its logs, is ahead of UTC.

    The last scheduling attempt is recorded in both: in local time in ``schedule_history``, since the epoch in
    ``last_schedule_time``. None before the first attempt.
    """
    at = epoch_seconds(meta.get("last_schedule_time"))
    local = parse_local_time(_last_history_line(meta.get("schedule_history"))[0])
    if at is None or local is None:
        return None
    return round((local - at) / _QUARTER_HOUR_S) * _QUARTER_HOUR_S


def local_utc_offset() -> float:
    """Return the number of seconds by which this machine's local time is ahead of UTC."""
    offset = datetime.now().astimezone().utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def parse_local_time(value: str) -> float | None:
    """Parse ``2026-11-25 15:59:35`` (and ``,123`` milliseconds) to seconds since the epoch, as if it were UTC."""
    try:
        return datetime.fromisoformat(value.replace(",", ".")).replace(tzinfo=timezone.utc).timestamp()
    except (ValueError, OverflowError):
        return None


def _last_history_line(history: Any) -> tuple[str, str]:
    """Return the time and the text of the last line."""
    last = history[-1] if isinstance(history, list) and history else ""
    match = _LOCAL_TIME.match(last) if isinstance(last, str) else None
    return (match[1], match[2].strip()) if match else ("", "")


def _status_order(status: str) -> int:
    before_end = (JobStatus.SUBMITTED, JobStatus.APPROVED, JobStatus.DISPATCHED, JobStatus.RUNNING)
    if has_ended(status):
        return len(before_end) + 1
    return before_end.index(status) if status in before_end else len(before_end)
