"""A session with a name, and what goes with it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from ..api import Session
from ..kit import StartupKit
from ..monitoring import Monitor

_MOST_REMEMBERED = 500


class ManagedSession:
    """A session with a name, its monitor, and what is remembered of its server to complete what a user types.

    Parameters
    ----------
    name
        The name, which never changes.
    session
        The session.
    kit
        The startup kit it was opened with.
    poll_interval
        Of the monitor; see :class:`.Monitor`.

    Attributes
    ----------
    last_job
        The job submitted, cloned or watched last; None before the first.
    jobs
        The jobs as the server listed them last, newest first: `job_id` and `job_name`, hostile text.
    sites, studies
        The names that the server said last.
    """

    def __init__(self, name: str, session: Session, kit: StartupKit, poll_interval: float | None = None) -> None:
        self.name = name
        self.session = session
        self.last_job: str | None = None
        self.jobs: tuple[dict[str, str], ...] = ()
        self.sites: tuple[str, ...] = ()
        self.studies: tuple[str, ...] = ()
        self._identity = identity(kit, session.study)
        self._poll_interval = poll_interval
        self._monitor: Monitor | None = None
        self._lock = threading.Lock()

    @property
    def monitor(self) -> Monitor:
        """The monitor of the session; it has a thread only while something is watched."""
        with self._lock:
            if self._monitor is None:
                self._monitor = Monitor(self.session, self._poll_interval)
            return self._monitor

    def remember_jobs(self, listed: Sequence[Mapping[str, Any]]) -> None:
        """Take note of jobs as ``list_jobs`` returns them; newest first."""
        self.jobs = tuple(
            {key: str(job.get(key) or "") for key in ("job_id", "job_name")} for job in listed[:_MOST_REMEMBERED]
        )

    def remember_job(self, job_id: str, name: str = "") -> None:
        """Take note of a new job, which is the last one from now on."""
        self.last_job = job_id
        others = [job for job in self.jobs if job["job_id"] != job_id]
        self.remember_jobs([{"job_id": job_id, "job_name": name}, *others])

    def close(self) -> None:
        """End all watches and the session. May be called again."""
        with self._lock:
            monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()
        self.session.close()

    def is_for(self, kit: StartupKit, study: str) -> bool:
        """Whether it is open, and what a session with this kit in this study would be."""
        return not self.session.closed and self._identity == identity(kit, study)

    def __repr__(self) -> str:
        return f"<ManagedSession {self.name!r}: {self.session!r}>"


def identity(kit: StartupKit, study: str) -> tuple[object, ...]:
    """What two sessions that are the same to a user have in common.

    Also the certificate: in a folder of the same name there may be the kit of another federation by now.
    """
    return kit.root, kit.address, kit.certificate, study
