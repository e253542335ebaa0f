"""What the server stores about a job (``get_job_meta``), read with care: of any shape, or hostile. Pure."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timezone
from typing import Any

from ...api.models import is_terminal
from .model import Scheduling, SiteDeployment, StatusChange

_DURATION = re.compile(r"(?:(\d{1,6}) days?, )?(\d{1,2}):(\d{2}):(\d{2})(\.\d{1,9})?")
_LOCAL_TIME = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}): ?(.*)", re.DOTALL)
_LATEST = 1e11  # seconds since the epoch: what is later is not a time
_LONGEST = 1000  # characters of a name
_FRACTION = re.compile(r"\.\d+")
_QUARTER = 900.0  # seconds; zones differ from UTC by multiples of that


def text(value: Any) -> str:
    """Return `value` if it is text, cut if that is very long; else nothing."""
    return value[:_LONGEST] if isinstance(value, str) else ""


def seconds(value: Any) -> float | None:
    """Return `value` if it is a time in seconds since the epoch."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 < value < _LATEST else None


def learned(
    seen: tuple[StatusChange, ...], status: str, meta: dict[str, Any], now: float, ahead: float = 0.0
) -> tuple[StatusChange, ...]:
    """Return the statuses that are known to have been, each with the best time for it, in no order.

    Parameters
    ----------
    seen
        What was known.
    status
        The job's status.
    meta
        The server's answer, which has times for the submission, the start and the end.
    now
        When it came; the time of a status that has none.
    ahead
        Seconds by which the server's clock is ahead of ours.
    """
    known: dict[str, StatusChange] = {s.status: s for s in seen}

    def take(status: str, at: float, exact: bool) -> None:
        change = StatusChange(status, at, exact)
        known[status] = min(known.get(status, change), change, key=lambda s: (not s.exact, s.at))

    submitted = seconds(meta.get("submit_time"))
    if submitted is not None:
        take("SUBMITTED", submitted - ahead, True)
    started = iso_time(meta.get("start_time"))
    if started is not None:
        take("RUNNING", started - ahead, True)
    if status:
        lasted = duration(meta.get("duration"))
        if is_terminal(status) and started is not None and lasted is not None:
            take(status, started - ahead + lasted, True)
        else:
            take(status, now, False)
    return tuple(sorted(known.values(), key=lambda s: s.status))


def timeline(seen: tuple[StatusChange, ...]) -> tuple[StatusChange, ...]:
    """Return the statuses in order, with times that do not contradict it.

    A step we saw late may carry a later time than the server's exact time of the step after it (and the two clocks
    may differ): the order of a job's life is fixed, so order by it and keep the times monotonic.
    """
    ceiling = float("inf")
    ordered: list[StatusChange] = []
    for change in sorted(seen, key=lambda s: (_step(s.status), s.at, s.status), reverse=True):
        if not change.exact and change.at > ceiling:
            change = dataclasses.replace(change, at=ceiling)
        ceiling = change.at
        ordered.append(change)
    return tuple(reversed(ordered))


def sites(before: tuple[SiteDeployment, ...], meta: dict[str, Any]) -> tuple[SiteDeployment, ...]:
    """Return where the job goes, and how that went."""
    known = {s.name: s for s in before}
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
            known[found.name] = found.merged(known.get(found.name, found))
    return tuple(sorted(known.values(), key=lambda s: (s.name != "server", s.name)))


def scheduling(meta: dict[str, Any], ahead: float = 0.0) -> Scheduling:
    """Return how often the server tried to start the job, and why it did not.

    ``schedule_history`` has a line an attempt, ``2026-11-25 15:59:35: connected sites (2) < min_sites (5)`` or
    ``...: scheduled``.
    """
    count, history = meta.get("schedule_count"), meta.get("schedule_history")
    last_at = seconds(meta.get("last_schedule_time"))
    words = _history_line(history)[1]
    return Scheduling(
        count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0,
        None if last_at is None else last_at - ahead,
        "" if words == "scheduled" else words,
    )


def zone_offset(meta: dict[str, Any]) -> float | None:
    """Return by how many seconds the server's local time, in which its logs are written, is ahead of UTC.

    The last attempt to schedule the job is told in both: in local time in ``schedule_history``, since the epoch in
    ``last_schedule_time``. None before the first attempt.
    """
    at = seconds(meta.get("last_schedule_time"))
    local = local_time(_history_line(meta.get("schedule_history"))[0])
    if at is None or local is None:
        return None
    return round((local - at) / _QUARTER) * _QUARTER


def our_zone() -> float:
    """Return by how many seconds this machine's local time is ahead of UTC."""
    offset = datetime.now().astimezone().utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def local_time(words: str) -> float | None:
    """Return ``2026-11-25 15:59:35`` (and ``,123`` milliseconds) as seconds since the epoch as if it were UTC."""
    try:
        return datetime.fromisoformat(words.replace(",", ".")).replace(tzinfo=timezone.utc).timestamp()
    except (ValueError, OverflowError):
        return None


def iso_time(value: Any) -> float | None:
    """Seconds since the epoch of an ISO time; servers before 2.9 give it without a zone (taken as local)."""
    if not isinstance(value, str) or not value:
        return None
    try:
        # Python 3.10 knows neither the suffix Z nor fractions of a second with other than 3 or 6 digits.
        words = _FRACTION.sub(lambda m: f"{m[0]:0<7}"[:7], value.replace("Z", "+00:00"), count=1)
        when = datetime.fromisoformat(words)
        return when.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def duration(value: Any) -> float | None:
    """Seconds of ``str(timedelta)``; None for ``N/A`` and anything else."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    days, hours, minutes, secs, fraction = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(secs) + float(fraction or 0)


def _history_line(history: Any) -> tuple[str, str]:
    """The time and the words of the last line."""
    last = history[-1] if isinstance(history, list) and history else ""
    match = _LOCAL_TIME.match(last) if isinstance(last, str) else None
    return (match[1], match[2].strip()) if match else ("", "")


def _step(status: str) -> int:
    order = {"SUBMITTED": 0, "APPROVED": 1, "DISPATCHED": 2, "RUNNING": 3}
    return 5 if is_terminal(status) else order.get(status, 4)
