"""Who is connected, in words."""

from __future__ import annotations

import time

from ..api.info import SystemInfo
from ..api.session import Session
from ..text import clean

_SILENT = 25.0  # seconds: sites report every 10, so two reports are missing


class SystemStatus(SystemInfo):
    """What ``Session.get_system_info`` returns, shown as a person would say it.

    Parameters
    ----------
    session
        Who asked whom.
    info
        The answer.
    now
        When it came, in seconds since the epoch.
    """

    def __init__(self, session: Session, info: SystemInfo, now: float) -> None:
        super().__init__(info.server_info, info.client_info, info.job_info)
        self._text = describe_system(session, info, now)

    def __repr__(self) -> str:
        return self._text


def describe_system(session: Session, info: SystemInfo, now: float) -> str:
    """Return the session, the server, the sites and the running jobs, a line each."""
    kit = session.kit
    who = ", ".join(filter(None, (clean(kit.role), clean(kit.organization))))
    lines = [f"{clean(kit.username)}  {who}  →  {kit.address}  study {session.study}"]
    started = info.server_info.start_time
    since = f", up since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(started))}" if started else ""
    rows = [("server", f"connected{since}")]
    for site in sorted(info.client_info, key=lambda c: c.name):
        age = None if site.last_connect_time is None else max(0.0, now - site.last_connect_time)
        if age is None:
            words = "connected"
        elif age > _SILENT:
            words = f"silent for {age:.0f} s"
        else:
            words = f"connected, heard of {age:.0f} s ago"
        rows.append((clean(site.name, 60), words))
    if not info.client_info:
        rows.append(("sites", "none is connected"))
    rows += [("job", f"{clean(job.job_id)} is running ({clean(job.app_name, 60)})") for job in info.job_info]
    if not info.job_info:
        rows.append(("jobs", "none is running"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(lines + [f"  {name:<{width}}  {words}" for name, words in rows])
