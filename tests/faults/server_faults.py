"""The faults of the server and of the site, each with its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from fragile import Fragile

from flare_widgets.api import Session
from flare_widgets.errors import JobNotDone, SystemStateError

from .judge import Judge

Fault = Callable[[Fragile, Judge], bool]
"""Injects a fault and ends it; returns whether it could be injected."""

_DOWN_S = 1.5
_DONE_BEFORE_S = 0.3


def _kill(process: str) -> Fault:
    def inject(fragile: Fragile, judge: Judge) -> bool:
        fragile.federation.kill(process)
        time.sleep(_DOWN_S)
        fragile.federation.bring_back(process)
        return True

    return inject


def _stop(process: str, seconds: float) -> Fault:
    def inject(fragile: Fragile, judge: Judge) -> bool:
        fragile.federation.pause(process)
        time.sleep(seconds)
        fragile.federation.bring_back(process)
        return True

    return inject


def _restart(target: str) -> Fault:
    def inject(fragile: Fragile, judge: Judge) -> bool:
        def restart(session: Session) -> bool:
            try:
                session.restart(target, wait=False)
            except (JobNotDone, SystemStateError):
                return False
            return True

        return judge(restart)

    return inject


def _forget(fragile: Fragile, judge: Judge) -> bool:
    fragile.forget_sessions(after=_DONE_BEFORE_S)
    time.sleep(1)
    fragile.forget_sessions(after=1800)
    return True


SERVER_FAULTS: dict[str, Fault] = {
    "server killed": _kill("server"),
    "server stopped 3 s": _stop("server", 3),
    "server stopped 8 s": _stop("server", 8),
    "server stopped 14 s": _stop("server", 14),
    "server restarted by an admin": _restart("server"),
    "session forgotten": _forget,
    "site killed": _kill("site-1"),
    "site stopped 5 s": _stop("site-1", 5),
    "site restarted by an admin": _restart("client"),
}
