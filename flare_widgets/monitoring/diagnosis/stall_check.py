"""Background checks of stalled jobs: waiting for sites, orphaned, or with a late or silent site.

A check takes several commands, and up to some seconds if a site hangs, so it runs in a separate thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ...api.job_status import JobStatus
from ...api.session import Session
from ..job.snapshot import JobSnapshot
from ..job.updates import Diagnosed
from . import diagnose
from .collect import collect_evidence

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-stall-check"

CHECK_INTERVAL_S = 30.0
"""Seconds between two checks of a job."""


def is_due(snapshot: JobSnapshot, now: float) -> bool:
    """Return whether a job looks stalled, so that a check is worthwhile.

    Parameters
    ----------
    snapshot
        The job's snapshot.
    now
        The current time.
    """
    if snapshot.ended or snapshot.trouble:
        return False
    if snapshot.waiting_reason(now) or snapshot.is_zombie:
        return True
    if snapshot.status != JobStatus.RUNNING:
        return False
    late = any(cell.state in ("late", "failed") for row in snapshot.matrix(now).values() for cell in row.values())
    return late or bool(snapshot.silent_sites)


class StallCheck:
    """One check of a stalled job.

    Parameters
    ----------
    session
        The session to send commands with.
    meta
        The job's meta.
    on_done
        Called, in this thread, when the check is done.

    Attributes
    ----------
    result
        The diagnosis, once there is one; it may also be that nothing is wrong.
    is_done
        True if there is nothing more to wait for.
    """

    def __init__(self, session: Session, meta: dict[str, Any], on_done: Callable[[], None]) -> None:
        self.result: Diagnosed | None = None
        self.is_done = False
        self._session = session
        self._meta = meta
        self._on_done = on_done
        threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = Diagnosed(diagnose(collect_evidence(self._session, self._meta)), time.time())
        except Exception:
            log.exception("the stall check of job %s failed", self._meta.get("job_id"))
        finally:
            self.is_done = True
            self._on_done()
