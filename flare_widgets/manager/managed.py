"""A session with a name, and its related objects."""

from __future__ import annotations

import concurrent.futures
import difflib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..api import ClientInfo, Session, SessionState, commands
from ..errors import JobNotFound
from ..formatting.text import SHORT_ID, did_you_mean, sanitize
from ..kit import StartupKit
from ..monitoring import Monitor

_ID_BEGINNING = re.compile(r"[0-9a-f-]{4,36}")
_MAX_CACHED_JOBS = 500
_CACHE_LIFETIME_S = 10.0  # seconds for which the server's replies are considered current


class ManagedSession:
    """A session with a name, its monitor, and cached data of its server for completing the user's input.

    Parameters
    ----------
    name
        The name, which never changes.
    session
        The session.
    kit
        The startup kit it was opened with.
    poll_interval
        The monitor's poll interval; see :class:`.Monitor`.

    Attributes
    ----------
    last_job_id
        The job submitted, cloned or watched last; None before the first.
    jobs
        The jobs in the server's last list, newest first: `job_id` and `job_name`, untrusted text.
    sites, studies
        The names in the server's last reply.
    """

    def __init__(self, name: str, session: Session, kit: StartupKit, poll_interval: float | None = None) -> None:
        self.name = name
        self.session = session
        self.last_job_id: str | None = None
        self.jobs: tuple[dict[str, str], ...] = ()
        self.sites: tuple[str, ...] = ()
        self.studies: tuple[str, ...] = ()
        self._identity = make_identity(kit, session.study)
        self._poll_interval = poll_interval
        self._refreshes: dict[str, tuple[float, concurrent.futures.Future[Any]]] = {}
        self._monitor: Monitor | None = None
        self._lock = threading.Lock()

    @property
    def monitor(self) -> Monitor:
        """The monitor of the session; it has a thread only while something is watched."""
        with self._lock:
            if self._monitor is None:
                self._monitor = Monitor(self.session, self._poll_interval)
            return self._monitor

    def find_job_id(self, id_or_name: str | None) -> str:
        """Return the id of a job.

        Parameters
        ----------
        id_or_name
            Its id, the beginning of its id, or its name; None for the last job: the one submitted or watched last
            here, or else the newest one of the study.

        Raises
        ------
        JobNotFound
            No job, or more than one, has such an id or name.
        """
        if id_or_name is None:
            newest = [] if self.last_job_id else self.session.list_jobs(reverse=True, limit=1)
            found = self.last_job_id or next((str(job["job_id"]) for job in newest), None)
            if found is None:
                raise JobNotFound(f"no jobs in the study {self.session.study} yet")
            return found
        try:
            return self.session.job(id_or_name).id
        except JobNotFound as error:
            listed = self.session.list_jobs(name_prefix=id_or_name, reverse=True)
            ids = [str(job["job_id"]) for job in listed if job.get("job_name") == id_or_name]
            if not ids:
                raise self._improve_error(error, id_or_name) from None
            if len(ids) > 1:
                raise JobNotFound(
                    f"{len(ids)} jobs are called {sanitize(id_or_name)!r}, the newest is {sanitize(ids[0])}: pass an id"
                ) from None
            return ids[0]

    def find_job_ids(self, word: str) -> list[str]:
        """Return the ids of the jobs whose names fit a pattern such as ``train*``, oldest first.

        Any other word names one job, as in :meth:`find_job_id`.

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        if "*" not in word:
            return [self.find_job_id(word)]
        pattern = re.compile(".*".join(map(re.escape, word.split("*"))), re.DOTALL)
        prefix = word.partition("*")[0]
        # A prefix of the server's has no white space.
        listed = self.session.list_jobs(name_prefix=None if any(map(str.isspace, prefix)) else prefix or None)
        ids = [str(job["job_id"]) for job in listed if pattern.fullmatch(str(job.get("job_name") or ""))]
        if not ids:
            raise JobNotFound(f"no job of the study {self.session.study} has a name like {sanitize(word)!r}")
        return ids

    def _improve_error(self, error: JobNotFound, word: str) -> JobNotFound:
        """Return an error that names the job that was probably meant; the given one if several ids begin like that."""
        jobs = self.session.list_jobs(reverse=True, limit=_MAX_CACHED_JOBS)
        if any(str(job.get("job_id")).startswith(word) for job in jobs):
            return error
        question = suggest_job(word, jobs)
        return JobNotFound(
            f"no job of the study {self.session.study} has the name or the id {sanitize(word)!r}",
            next_step=f"{question[:1].upper()}{question[1:]}" or "List the jobs to see their names and ids",
        )

    def cache_jobs(self, jobs: Sequence[Mapping[str, Any]]) -> None:
        """Cache the jobs that ``list_jobs`` returned; newest first."""
        self.jobs = tuple(
            {key: str(job.get(key) or "") for key in ("job_id", "job_name")} for job in jobs[:_MAX_CACHED_JOBS]
        )

    def set_last_job(self, job_id: str, name: str = "") -> None:
        """Record a job as the last one."""
        self.last_job_id = job_id
        others = [job for job in self.jobs if job["job_id"] != job_id]
        self.cache_jobs([{"job_id": job_id, "job_name": name}, *others])

    def cache_sites(self, clients: Sequence[ClientInfo]) -> None:
        """Cache the connected sites."""
        self.sites = tuple(sorted(sanitize(site.name) for site in clients))

    def cache_studies(self, reply: Mapping[str, Any]) -> None:
        """Cache the studies that ``list_studies`` returned."""
        names = reply.get("studies")
        self.studies = tuple(sanitize(str(name)) for name in names) if isinstance(names, list) else ()

    def refresh_completions(self, timeout_s: float) -> None:
        """Request jobs, sites and studies from the server, unless that was done a moment ago.

        The replies are cached when they arrive. Data that the server refuses or does not send stays as it was.

        Parameters
        ----------
        timeout_s
            Seconds to wait for replies of a kind that was never received before.
        """
        if self.session.state is not SessionState.READY:
            return
        first = [
            self._refresh("jobs", commands.list_jobs(reverse=True, limit=_MAX_CACHED_JOBS), self.cache_jobs),
            self._refresh("sites", commands.get_system_info(), lambda info: self.cache_sites(info.client_info)),
            self._refresh("studies", commands.list_studies(), self.cache_studies),
        ]
        concurrent.futures.wait([future for future in first if future is not None], timeout_s)

    def _refresh(
        self, kind: str, command: commands.Command[Any], store: Callable[[Any], None]
    ) -> concurrent.futures.Future[Any] | None:
        """Send a query, and return its future if no reply to it was ever received."""
        now = time.monotonic()
        before = self._refreshes.get(kind)
        if before is not None and (not before[1].done() or now - before[0] < _CACHE_LIFETIME_S):
            return None if before[1].done() else before[1]

        def note(future: concurrent.futures.Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                store(future.result())

        future = self.session.start(command)
        future.add_done_callback(note)
        self._refreshes[kind] = now, future
        return future if before is None else None

    def close(self) -> None:
        """End all watches and the session. May be called again."""
        with self._lock:
            monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()
        self.session.close()

    def matches(self, kit: StartupKit, study: str) -> bool:
        """Return whether it is open, and equivalent to a session with this kit in this study."""
        return not self.session.closed and self._identity == make_identity(kit, study)

    def __repr__(self) -> str:
        return f"<ManagedSession {self.name!r}: {self.session!r}>"


def suggest_job(word: str, jobs: Iterable[Mapping[str, Any]]) -> str:
    """Return the question whether another job's name or short id was meant; empty if none is like `word`."""
    listed = [(str(job.get("job_name") or ""), str(job.get("job_id") or "")) for job in jobs]
    names = dict.fromkeys(sanitize(name) for name, _ in listed if name)
    # Any two ids have a few characters in common.
    is_id = _ID_BEGINNING.fullmatch(word) is not None
    ids = difflib.get_close_matches(word, [i[: max(SHORT_ID, len(word))] for _, i in listed], n=1, cutoff=0.7)
    return f"did you mean {sanitize(ids[0])!r}?" if is_id and ids else did_you_mean(word, names)


def make_identity(kit: StartupKit, study: str) -> tuple[object, ...]:
    """Return the identity of a session: equal for sessions that are the same to a user.

    It includes the certificate: by now, a folder of the same name may hold the kit of another federation.
    """
    return kit.root, kit.address, kit.certificate, study
