"""Why a job does not come along, being found out: it waits for sites, nobody runs it, a site is late or silent.

That takes some commands, and up to some seconds where a site hangs, so it runs in a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ...api.session import Session
from ..job.snapshot import JobSnapshot
from ..job.updates import Failed
from . import explain
from .collect import gather

log = logging.getLogger("flare_widgets.monitoring")

THREAD_NAME = "flare-inquiry"

PAUSE = 30.0
"""Seconds between two inquiries about a job."""


def is_due(snapshot: JobSnapshot, now: float) -> bool:
    """Whether a job gives reason to ask why it does not come along.

    Parameters
    ----------
    snapshot
        What is known about it.
    now
        The time.
    """
    if snapshot.ended or snapshot.trouble:
        return False
    if snapshot.waits_for(now) or snapshot.zombie:
        return True
    if snapshot.status != "RUNNING":
        return False
    late = any(cell.state in ("late", "failed") for row in snapshot.matrix(now).values() for cell in row.values())
    return late or bool(snapshot.silent_sites)


class Inquiry:
    """One look at why a job does not come along.

    Parameters
    ----------
    session
        Whom to ask.
    meta
        The job's meta.
    wake
        Called, in this thread, when it is over.

    Attributes
    ----------
    found
        What was found out, once it was: also that nothing is the matter.
    over
        Whether there is nothing more to wait for.
    """

    def __init__(self, session: Session, meta: dict[str, Any], wake: Callable[[], None]) -> None:
        self.found: Failed | None = None
        self.over = False
        self._session = session
        self._meta = meta
        self._wake = wake
        threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()

    def _run(self) -> None:
        try:
            self.found = Failed(explain(gather(self._session, self._meta)), time.time())
        except Exception:
            log.exception("why job %s does not come along could not be asked", self._meta.get("job_id"))
        finally:
            self.over = True
            self._wake()
