"""Watch of the server and its sites, which polls only while it is active.

The polls and their costs (FLARE 2.9, loopback):

===============  ==================================  ==============  ==========================================
poll             command                             right           costs the server
===============  ==================================  ==============  ==========================================
connected sites  ``check_status server``             view            5 ms
jobs of sites    ``check_status client SITES``       view            9 ms, and a message to each site
zombies          ``list_jobs``                       view            0.11 ms for each job it stores
disabled sites   ``cat server disabled_clients.json``  shell_commands  6 ms
details          ``report_version``                  report_version  10 ms, and a message to each site; on demand
...              ``report_resources``                operate         the same
===============  ==================================  ==============  ==========================================
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from ...api import commands
from ...api.commands import Command
from ...api.models import SystemInfo, TargetType
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, NoConnection, SessionClosed
from ...formatting.text import sanitize
from ..job.updates import ConnectionProblem, GroupRefreshed, GroupUnavailable
from ..polling import polls
from ..polling.pending import PendingPoll
from ..polling.polls import Answer, error_reason
from ..signal import Signal
from .snapshot import (
    DisabledSites,
    JobListReport,
    SiteDetails,
    SiteJobsReport,
    SystemReport,
    SystemSnapshot,
    SystemUpdate,
    apply_system_updates,
)

log = logging.getLogger("flare_widgets.monitoring")

POLL_INTERVAL_S = 3.0
"""Seconds between two polls of the connected sites."""

_INTERVALS_S = {"who": POLL_INTERVAL_S, "doing": 6.0, "disabled": 12.0, "jobs": 15.0}  # seconds
_MAX_SERVER_SHARE = 0.02  # maximum share of the server's time that a poll may take, whatever its interval
_NEVER = float("inf")
_DENIED_MARKER = "is not authorized for"  # in a site's answer
_DISABLED_SITES_FILE = "disabled_clients.json"  # of the server's folder (private/fed/server/fed_server.py)

SystemPollGenerator = Generator[Sequence[Command[Any]], Sequence[Answer], "list[SystemUpdate]"]


class SystemWatch:
    """Watch of the server and its sites, up to date while it is active.

    Made by :meth:`.Monitor.watch_system`.

    Parameters
    ----------
    session
        The session to send commands with.
    register
        A function that hands this watch to the monitor's thread, until it is idle.

    Attributes
    ----------
    snapshot
        The newest snapshot; updated before the listeners are called.
    done
        True if the watch has ended: it was stopped, or the session was closed.
    """

    def __init__(self, session: Session, register: Callable[[SystemWatch], None]) -> None:
        kit = session.kit
        self.session = session
        self.snapshot = SystemSnapshot(
            address=kit.address,
            study=session.study,
            username=kit.username,
            role=kit.role,
            organization=kit.organization,
        )
        self.done = False
        self._is_end_published = False
        self._register = register
        self._lock = threading.Lock()  # updates come from the monitor's thread, and from callers of `update`
        self._signal = Signal[SystemSnapshot]()
        self._is_active = False
        self._details_requested = False
        self._due: dict[str, float] = {}
        self._pending_polls: dict[str, PendingPoll[list[SystemUpdate]]] = {}
        self._retry_count = 0

    # -- for callers ----------------------------------------------------------------------------------------

    def subscribe(self, listener: Callable[[SystemSnapshot], None]) -> Callable[[], None]:
        """Call `listener` for each new snapshot, on the monitor's thread; return an unsubscribe function."""
        return self._signal.subscribe(listener)

    def resume(self) -> None:
        """Start polling the server."""
        if self.done or self._is_active:
            return
        self._is_active = True
        self._due = {name: at for name, at in self._due.items() if at == _NEVER}
        self._register(self)

    def pause(self) -> None:
        """Stop polling until :meth:`resume`."""
        self._is_active = False

    def request_details(self) -> None:
        """Request versions and resources, once; silent sites are left out."""
        self._details_requested = True
        self._due.pop("details", None)
        if not self.done:
            self._register(self)

    def update(self, info: SystemInfo) -> None:
        """Apply an answer that another caller got from the server just now."""
        self._apply([SystemReport(info, time.time(), polls.significant_clock_offset(self.session))])
        self._publish()

    def refresh(self) -> None:
        """Poll everything immediately: something has changed."""
        self._due = {name: at for name, at in self._due.items() if at == _NEVER}
        if self._is_active:
            self._register(self)

    def stop(self) -> None:
        """End the watch; the listeners are notified."""
        if not self.done:
            self.done, self._is_active, self._details_requested = True, False, False
            self._register(self)

    # -- the monitor's thread ------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """True if the watch is polling."""
        return self._is_active

    @property
    def is_idle(self) -> bool:
        """True if there is nothing to send and no answer to wait for."""
        wanted = not self._is_end_published if self.done else self._is_active or self._details_requested
        return not wanted and not self._pending_polls

    def next_due(self) -> float | None:
        """Return the time of the next poll (monotonic clock); None if only answers are pending."""
        at = min((self._due.get(name, 0.0) for name in self._sources_to_poll()), default=_NEVER)
        return None if at == _NEVER else at

    def run_once(self, wake: Callable[[], None], disconnect_reason: str = "") -> None:
        """Process received answers and send due polls; never waits.

        `wake` is called when an answer has come; `disconnect_reason` is not empty if the server is not answering.
        """
        if self.done:
            for polling in self._pending_polls.values():
                polling.cancel()
            self._pending_polls.clear()
            if not self._is_end_published:
                self._is_end_published = True
                self._publish()
            return
        before = self.snapshot
        now = time.monotonic()
        for name, polling in list(self._pending_polls.items()):
            self._receive(name, polling)
        if disconnect_reason and self._is_active and not self._retry_count:
            self._apply([ConnectionProblem(sanitize(disconnect_reason, 300), time.time())])
        for name in list(self._sources_to_poll()):
            if self._due.get(name, 0.0) <= now:
                polling = PendingPoll(self.session, self._make_poll(name), wake)
                self._pending_polls[name] = polling
                polling.start()
        if self.snapshot is not before:
            self._publish()

    def _sources_to_poll(self) -> list[str]:
        names = [] if self.done or not self._is_active else list(_INTERVALS_S)
        if self._details_requested:
            names.append("details")
        known = self.snapshot.facts_at is not None
        # The rest depends on the connected sites, and is not worth polling while the server does not answer.
        wanted = names if known and not self.snapshot.trouble else [n for n in names if n == "who"]
        if self._details_requested and not known and not self._is_active:
            wanted = ["who"]
        return [name for name in wanted if name not in self._pending_polls]

    def _make_poll(self, name: str) -> SystemPollGenerator:
        if name == "who":
            return _poll_status(polls.significant_clock_offset(self.session))
        names = self.snapshot.reachable_sites(time.time())
        if name == "doing":
            return _poll_site_jobs(names)
        if name == "jobs":
            return _poll_job_list()
        if name == "disabled":
            return _poll_disabled_sites()
        self._details_requested = False
        return _poll_details(names, len(self.snapshot.connected_sites) - len(names))

    def _receive(self, name: str, polling: PendingPoll[list[SystemUpdate]]) -> None:
        pace = _INTERVALS_S.get(name, 0.0)
        try:
            over, facts = polling.advance()
        except SessionClosed as e:
            self._apply([ConnectionProblem(sanitize(str(e), 300), time.time())])
            self.stop()
            return
        except FlareError as e:
            del self._pending_polls[name]
            self._retry_count += 1
            lost = f"no connection to {sanitize(self.snapshot.address)}" if isinstance(e, NoConnection) else str(e)
            words = f"{sanitize(lost, 300)}, trying again ({self._retry_count})"
            self._apply([ConnectionProblem(words, time.time())])
            self._due[name] = time.monotonic() + pace
            return
        except Exception:  # an internal error in one poll: the others continue
            log.exception("asking for '%s' failed", name)
            del self._pending_polls[name]
            self._due[name] = time.monotonic() + 5 * pace
            return
        if not over:
            return
        del self._pending_polls[name]
        found = facts or []
        if name == "who":
            self._retry_count = 0
            before = {job.job_id for job in self.snapshot.jobs}, {site.name for site in self.snapshot.connected_sites}
        self._apply(found)
        refused = any(isinstance(fact, GroupUnavailable) and fact.reason.startswith("not permitted") for fact in found)
        self._due[name] = _NEVER if refused else time.monotonic() + max(pace, polling.latency_s / _MAX_SERVER_SHARE)
        if name == "who" and before != (
            {j.job_id for j in self.snapshot.jobs},
            {s.name for s in self.snapshot.connected_sites},
        ):
            # The jobs of sites and the disabled sites have probably changed too.
            for other in ("doing", "disabled"):
                if self._due.get(other) != _NEVER:
                    self._due.pop(other, None)

    def _apply(self, updates: Iterable[SystemUpdate]) -> None:
        with self._lock:
            self.snapshot = apply_system_updates(self.snapshot, updates)

    def _publish(self) -> None:
        self._signal.publish(self.snapshot)


def _poll_status(clock_offset: float) -> SystemPollGenerator:
    (answer,) = yield [commands.get_system_info()]
    if answer.error is not None:
        raise answer.error
    return [SystemReport(answer.value, answer.received_at, clock_offset)]


def _poll_site_jobs(names: list[str]) -> SystemPollGenerator:
    group = "jobs of sites"
    if not names:
        return [GroupRefreshed(group, 0.0)]
    (answer,) = yield [commands.get_client_job_status(names)]
    if answer.error is not None:
        return [GroupUnavailable(group, _short_reason(answer.error), answer.received_at)]
    entries = [entry for entry in answer.value or [] if isinstance(entry, dict)]
    return [SiteJobsReport(tuple(entries)), GroupRefreshed(group, answer.received_at)]


def _poll_job_list() -> SystemPollGenerator:
    group = "list of jobs"
    (answer,) = yield [commands.list_jobs()]
    if answer.error is not None:
        return [GroupUnavailable(group, _short_reason(answer.error), answer.received_at)]
    jobs = tuple(job for job in answer.value or [] if isinstance(job, dict))
    return [JobListReport(jobs, answer.received_at), GroupRefreshed(group, answer.received_at)]


def _poll_disabled_sites() -> SystemPollGenerator:
    group = "disabled sites"
    (answer,) = yield [commands.read_file("cat", "server", None, _DISABLED_SITES_FILE)]
    if answer.error is not None:
        return [GroupUnavailable(group, _short_reason(answer.error), answer.received_at)]
    try:
        names = json.loads(answer.value)["disabled_clients"]
    except (ValueError, TypeError, KeyError):
        names = []  # no such file: no site was ever disabled, or the server is too old
    found = [name for name in names if isinstance(name, str) and name] if isinstance(names, list) else []
    return [DisabledSites(frozenset(found)), GroupRefreshed(group, answer.received_at)]


def _poll_details(names: list[str], silent_count: int) -> SystemPollGenerator:
    server = TargetType.SERVER
    asked: list[Command[dict[str, Any]]] = [commands.report_version(server), commands.report_resources(server)]
    if names:
        asked += [
            commands.report_version(TargetType.CLIENT, names),
            commands.report_resources(TargetType.CLIENT, names),
        ]
    answers = yield asked
    versions: dict[str, str] = {}
    resources: dict[str, str] = {}
    missing: list[str] = []
    for command, answer in zip(asked, answers, strict=True):
        what = "versions" if command.line.startswith("report_version") else "resources"
        if answer.error is not None:
            words = f"{what}: {_short_reason(answer.error)}"
            if words not in missing:
                missing.append(words)
            continue
        told = versions if what == "versions" else resources
        for name, said in answer.value.items():
            words = _value_text(said)
            if _DENIED_MARKER in words:
                # Each site applies its own policy, and the server passes a refusal on as if it were an answer.
                missing.append(f"{what} of {sanitize(str(name), 60)}: not permitted to your role")
            else:
                told[str(name)] = sanitize(words, 300)
    if silent_count:
        missing.append("silent sites were not asked")
    now = max(answer.received_at for answer in answers)
    return [SiteDetails(versions, resources, now, "; ".join(missing))]


def _value_text(value: Any) -> str:
    """Return a version, which comes as ``{"version": "2.9.0"}``, or resources, as text."""
    if isinstance(value, dict) and isinstance(value.get("version"), str):
        return str(value["version"])
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _short_reason(error: FlareError) -> str:
    if isinstance(error, AuthorizationError):
        return "not permitted to your role"
    return error_reason(error)
