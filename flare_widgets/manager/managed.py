"""A session with a name, and what goes with it."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..api import ClientInfo, Session, SessionState, commands
from ..errors import JobNotFound
from ..formatting.text import clean
from ..kit import StartupKit
from ..monitoring import Monitor

_MOST_REMEMBERED = 500
_FRESH = 10.0  # seconds for which what the server said is taken for what it would say


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
        self._asked: dict[str, tuple[float, concurrent.futures.Future[Any]]] = {}
        self._monitor: Monitor | None = None
        self._lock = threading.Lock()

    @property
    def monitor(self) -> Monitor:
        """The monitor of the session; it has a thread only while something is watched."""
        with self._lock:
            if self._monitor is None:
                self._monitor = Monitor(self.session, self._poll_interval)
            return self._monitor

    def find_job(self, word: str | None) -> str:
        """Return the id of a job.

        Parameters
        ----------
        word
            Its id, the beginning of its id, or its name; None for the last job: the one submitted or watched last
            here, or else the newest one of the study.

        Raises
        ------
        JobNotFound
            No job, or more than one, has such an id or name.
        """
        if word is None:
            newest = [] if self.last_job else self.session.list_jobs(reverse=True, limit=1)
            found = self.last_job or next((str(job["job_id"]) for job in newest), None)
            if found is None:
                raise JobNotFound(f"there is no job in the study {self.session.study} yet")
            return found
        try:
            return self.session.job(word).id
        except JobNotFound:
            listed = self.session.list_jobs(name_prefix=word, reverse=True)
            ids = [str(job["job_id"]) for job in listed if job.get("job_name") == word]
            if not ids:
                raise
            if len(ids) > 1:
                raise JobNotFound(
                    f"{len(ids)} jobs are called {clean(word)!r}, the newest is {clean(ids[0])}: give an id"
                ) from None
            return ids[0]

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

    def remember_sites(self, connected: Sequence[ClientInfo]) -> None:
        """Take note of the sites that are connected."""
        self.sites = tuple(sorted(clean(site.name) for site in connected))

    def remember_studies(self, found: Mapping[str, Any]) -> None:
        """Take note of studies as ``list_studies`` returns them."""
        names = found.get("studies")
        self.studies = tuple(clean(str(name)) for name in names) if isinstance(names, list) else ()

    def recall(self, patience: float) -> None:
        """Have the server asked for jobs, sites and studies, unless that was done a moment ago.

        The answers are remembered when they come. What the server refuses, or what does not come, is left as it was.

        Parameters
        ----------
        patience
            Seconds to wait for answers of which there was none before.
        """
        if self.session.state is not SessionState.READY:
            return
        first = [
            self._ask("jobs", commands.list_jobs(reverse=True, limit=_MOST_REMEMBERED), self.remember_jobs),
            self._ask("sites", commands.get_system_info(), lambda info: self.remember_sites(info.client_info)),
            self._ask("studies", commands.list_studies(), self.remember_studies),
        ]
        concurrent.futures.wait([future for future in first if future is not None], patience)

    def _ask(
        self, what: str, command: commands.Command[Any], remember: Callable[[Any], None]
    ) -> concurrent.futures.Future[Any] | None:
        """Ask the server, and return what to wait for if it has never answered this."""
        now = time.monotonic()
        before = self._asked.get(what)
        if before is not None and (not before[1].done() or now - before[0] < _FRESH):
            return None if before[1].done() else before[1]

        def note(future: concurrent.futures.Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                remember(future.result())

        future = self.session.start(command)
        future.add_done_callback(note)
        self._asked[what] = now, future
        return future if before is None else None

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
