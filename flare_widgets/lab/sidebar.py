"""The sidebar's facts: sessions, kits, active jobs, sites, and what ended; folded from the sessions and their watches.

FLARE is asked only while a page shows the sidebar, or wants notices.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..api import Session, SessionState
from ..api.job_status import JobStatus
from ..formatting.text import sanitize
from ..manager import ManagedSession
from ..monitoring.job.format import progress_text
from ..monitoring.job.snapshot import JobSnapshot
from ..monitoring.job.trouble import is_waiting
from ..monitoring.job_list.watch import JobsSnapshot, ListedJob
from ..monitoring.system.snapshot import Site, SystemSnapshot
from ..monitoring.watch import BaseWatch
from ..views.core.tab import digest_session
from ..views.core.throttle import Throttle
from ..views.job.timeline import STATUS_GLYPHS, readable_status, status_category
from ..views.session.view_model import session_trouble
from .notifications import EndedJob, EndWatch, has_failed
from .workspace import Workspace

log = logging.getLogger("flare_widgets.lab")

MAX_ROWS = 50
"""Active jobs that the sidebar lists."""

_MAX_WATCHED_JOBS = 10  # the newest active ones are watched in detail: rounds, and the reason why one waits
_MAX_TROUBLED_SITES = 20
_MIN_INTERVAL_S = 0.5
_DAY_S = 86_400.0
_HOUR_S = 3600.0

_STATES = {
    SessionState.READY: "ready",
    SessionState.CONNECTING: "connecting",
    SessionState.RECONNECTING: "lost",
    SessionState.EXPIRED: "asleep",
    SessionState.CLOSED: "failed",
}


# -- folding, pure ---------------------------------------------------------------------------------------------


def session_json(name: str, session: Session, is_current: bool, now: float) -> dict[str, Any]:
    """Return a session as the sidebar has it."""
    kit, status = session.kit, session.status
    state = _STATES.get(status.state, "failed")
    words = {
        "asleep": "logged out by the server for being idle; logs in again when it is needed",
        "failed": f"closed: {sanitize(status.reason, 300)}" if status.reason else "closed",
        "lost": session_trouble(session),
    }.get(state, "")
    return {
        "name": name,
        "key": digest_session(session),
        "user": sanitize(kit.username),
        "role": sanitize(kit.role),
        "org": sanitize(kit.organization),
        "project": sanitize(kit.project_name),
        "study": sanitize(session.study),
        "address": sanitize(kit.address),
        "state": state,
        "words": words,
        "days_left": int((kit.expires_at.timestamp() - now) // _DAY_S),
        "current": is_current,
        "read_only": session.read_only,
    }


def job_json(job: ListedJob, details: JobSnapshot | None, now: float) -> dict[str, Any]:
    """Return an active job as the sidebar has it; `details` if it is watched. Nothing in it counts the time."""
    category = "lost" if job.is_lost else status_category(job.status, job.ended)
    known = details if details is not None and details.facts_at is not None and not details.ended else None
    words, hint, rounds, begun = readable_status(job.status) or "unknown", "", None, None
    if job.is_lost:
        words = "lost"
        hint = "The server lists it as running, but no process runs it."
    elif known is not None:
        hint = known.trouble or ("" if known.failure is None else known.failure.sentence)
        if known.status == JobStatus.RUNNING:
            words = progress_text(known) or words
            begun, rounds = known.rounds_begun or None, known.total_rounds
            if rounds is not None and begun is not None and rounds < begun:
                rounds = None
        elif is_waiting(known, now):
            words, hint = "waiting", hint or known.scheduling.reason
    return {
        "id": job.job_id,
        "name": sanitize(job.name, 100),
        "status": category,
        "glyph": STATUS_GLYPHS[category],
        "words": sanitize(words, 200),
        "round": begun,
        "rounds": rounds,
        "fraction": None if not rounds or begun is None else max(0.0, min(1.0, (begun - 1) / rounds)),
        "since": job.started_at or job.submitted_at,
        "hint": sanitize(hint, 500),
    }


def sites_json(system: SystemSnapshot, now: float) -> dict[str, Any]:
    """Return the sites as the sidebar has them: numbers, and those in trouble."""
    if system.facts_at is None:
        return {"known": False, "connected": 0, "total": 0, "trouble": []}
    troubled = [(site, words) for site in system.sites if (words := _about(site, now))][:_MAX_TROUBLED_SITES]
    trouble = [{"name": sanitize(site.name, 100), "words": words} for site, words in troubled]
    connected = len(system.connected_sites)
    return {"known": True, "connected": connected, "total": len(system.sites), "trouble": trouble}


def ended_json(jobs: Iterable[ListedJob], now: float) -> dict[str, Any]:
    """Return how many jobs of the last day have ended, and how many of them failed."""
    since = (now // _HOUR_S) * _HOUR_S - _DAY_S
    ended = [job for job in jobs if job.ended and (job.submitted_at or 0.0) >= since]
    failed = sum(has_failed(job) for job in ended)
    return {"finished": len(ended) - failed, "failed": failed, "since": since}


def _about(site: Site, now: float) -> str:
    if site.disabled:
        return "disabled"
    if not site.connected:
        return "disconnected"
    if site.silence(now) is not None:
        return "no heartbeat"
    return "" if site.answers else "does not answer"


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that are new or differ."""
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


# -- following -------------------------------------------------------------------------------------------------


class _SessionFollower:
    """The watches of one session for the sidebar.

    Parameters
    ----------
    managed
        The session.
    on_change
        Called, from any thread, when a snapshot has changed.
    """

    def __init__(self, managed: ManagedSession, on_change: Callable[[], None]) -> None:
        self.managed = managed
        self.ends = EndWatch()
        self._on_change = on_change
        monitor = managed.monitor
        self._jobs = monitor.watch_jobs()
        self._system = monitor.watch_system()
        self._watched: dict[str, Any] = {}
        self._unsubscribe = [self._jobs.subscribe(self._notify), self._system.subscribe(self._notify)]
        self._system.resume()

    @property
    def jobs(self) -> JobsSnapshot:
        return self._jobs.snapshot

    @property
    def system(self) -> SystemSnapshot:
        return self._system.snapshot

    def details(self, job_id: str) -> JobSnapshot | None:
        watch = self._watched.get(job_id)
        return None if watch is None else watch.snapshot

    def update(self, now: float) -> None:
        """Watch the newest active jobs, and those whose end is to be told; and no others."""
        if self.jobs.facts_at is not None:
            self.ends.note(self.jobs.jobs, now)
        active = [job.job_id for job in self.jobs.jobs if not job.ended and not job.is_lost][:_MAX_WATCHED_JOBS]
        wanted = {*active, *self.ends.pending}
        for job_id in wanted - set(self._watched):
            watch = self.managed.monitor.watch(job_id)
            self._watched[job_id] = watch
            self._unsubscribe.append(watch.subscribe(self._notify))
        for job_id in set(self._watched) - wanted:
            self._watched.pop(job_id).stop()

    def take_ended(self, now: float) -> list[EndedJob]:
        reasons: dict[str, str | None] = {}
        for job_id in self.ends.pending:
            watch = self._watched.get(job_id)
            if watch is not None and watch.done:
                failure = watch.snapshot.failure
                reasons[job_id] = "" if failure is None else failure.sentence
        return self.ends.take(self.managed.name, reasons, now)

    def refresh(self) -> None:
        for watch in (self._jobs, self._system):
            if watch.is_active:
                watch.refresh()

    def close(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        watches: list[BaseWatch[Any]] = [self._jobs, self._system, *self._watched.values()]
        for watch in watches:
            watch.stop()

    def _notify(self, _: Any) -> None:
        self._on_change()


class Sidebar:
    """The sidebar's facts, and the watches behind them. May be used from any thread, but may block.

    Parameters
    ----------
    workspace
        The sessions and kits.
    publish
        Called with the facts that have changed, by key, from any thread.
    notify
        Called with the jobs that have ended, from any thread.
    """

    def __init__(
        self,
        workspace: Workspace,
        publish: Callable[[dict[str, Any]], None],
        notify: Callable[[Sequence[EndedJob]], None],
    ) -> None:
        self._workspace = workspace
        self._publish = publish
        self._notify = notify
        self._lock = threading.RLock()
        self._is_seen = self._are_notices_wanted = self._is_closed = False
        self._followers: dict[str, _SessionFollower] = {}
        self._subscriptions: dict[int, Callable[[], None]] = {}
        self._facts: dict[str, Any] = {}
        self._throttle = Throttle(self._update, _MIN_INTERVAL_S)
        workspace.manager.observe(self._on_sessions_change, ["sessions", "current"])

    @property
    def facts(self) -> dict[str, Any]:
        """All facts, by key."""
        with self._lock:
            if not self._facts:
                self._facts = self._fold(time.time())
            return dict(self._facts)

    def set_attention(self, is_seen: bool, are_notices_wanted: bool) -> None:
        """Set whether a page shows the sidebar, and whether one wants notices: else FLARE is not asked."""
        with self._lock:
            self._is_seen, self._are_notices_wanted = is_seen, are_notices_wanted
        self._throttle.request()

    def refresh(self) -> None:
        """Ask FLARE again at once, if it is asked at all: something may have changed, as by a job of a kernel."""
        with self._lock:
            for follower in self._followers.values():
                follower.refresh()
        self._throttle.request()

    def request_update(self) -> None:
        """Schedule an update."""
        self._throttle.request()

    def close(self) -> None:
        """End all watches."""
        self._throttle.close()
        self._workspace.manager.unobserve(self._on_sessions_change, ["sessions", "current"])
        with self._lock:
            self._is_closed = True
            for unsubscribe in self._subscriptions.values():
                unsubscribe()
            for follower in self._followers.values():
                follower.close()
            self._followers.clear()

    def _on_sessions_change(self, _: Any) -> None:
        sessions = {id(managed.session): managed.session for managed in self._workspace.manager.sessions.values()}
        with self._lock:
            for gone in set(self._subscriptions) - set(sessions):
                self._subscriptions.pop(gone)()
            new = set(sessions) - set(self._subscriptions)
            self._subscriptions |= dict.fromkeys(new, lambda: None)
        # Without the lock: a session may call at once.
        for key in new:
            unsubscribe = sessions[key].subscribe(lambda _: self._throttle.request())
            with self._lock:
                self._subscriptions[key] = unsubscribe
        self._throttle.request()

    def _update(self) -> None:
        now = time.time()
        with self._lock:
            if self._is_closed:
                return
            try:
                self._follow_sessions()
                for follower in self._followers.values():
                    follower.update(now)
                ended = [each for follower in self._followers.values() for each in follower.take_ended(now)]
                facts = self._fold(now)
            except Exception:
                log.exception("the sidebar could not be updated")
                return
            news = changed_keys(self._facts, facts)
            self._facts = facts
        if news:
            self._publish(news)
        if ended and self._are_notices_wanted:
            self._notify(ended)

    def _follow_sessions(self) -> None:
        manager = self._workspace.manager
        wanted: dict[str, ManagedSession] = {}
        for name, managed in manager.sessions.items():
            is_asked = self._are_notices_wanted or (self._is_seen and name == manager.current)
            if is_asked and not managed.session.closed:
                wanted[name] = managed
        for name, follower in list(self._followers.items()):
            if wanted.get(name) is not follower.managed:
                self._followers.pop(name).close()
        for name, managed in wanted.items():
            if name not in self._followers:
                self._followers[name] = _SessionFollower(managed, self._throttle.request)

    def _fold(self, now: float) -> dict[str, Any]:
        manager = self._workspace.manager
        current = manager.current
        follower = self._followers.get(current)
        jobs = JobsSnapshot() if follower is None else follower.jobs
        system = SystemSnapshot() if follower is None else follower.system
        active = [job for job in jobs.jobs if not job.ended]
        return {
            "sessions": [
                session_json(name, managed.session, name == current, now) for name, managed in manager.sessions.items()
            ],
            "kits": self._workspace.kits(),
            "lessons": self._workspace.lessons,
            "jobs": {
                "known": jobs.facts_at is not None,
                "total": len(active),
                "rows": [
                    job_json(job, None if follower is None else follower.details(job.job_id), now)
                    for job in active[:MAX_ROWS]
                ],
            },
            "sites": sites_json(system, now),
            "ended": ended_json(jobs.jobs, now),
            "trouble": _trouble(manager.current_session, jobs),
            "local": self._workspace.local.to_json(),
            "read_only": manager.read_only,
        }


def _trouble(managed: ManagedSession | None, jobs: JobsSnapshot) -> dict[str, Any] | None:
    words = jobs.trouble or ("" if managed is None else session_trouble(managed.session))
    return {"words": sanitize(words, 500), "facts_at": jobs.facts_at} if words else None
