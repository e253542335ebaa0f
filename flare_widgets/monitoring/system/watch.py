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
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from ...api import commands
from ...api.commands import Command
from ...api.models import SystemInfo, TargetType
from ...api.session import Session
from ...errors import AuthorizationError, FlareError, SessionClosed
from ...formatting.text import sanitize
from ..callbacks import CallbackPool
from ..job.updates import NOT_MONITORED, ConnectionProblem, GroupRefreshed, GroupUnavailable
from ..polling import polls
from ..polling.pending import PendingPoll, describe_retry
from ..polling.poller import Poller
from ..polling.polls import Answer, error_reason
from ..watch import BaseWatch, WatchState
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

POLL_INTERVAL_S = 3.0
"""Seconds between two polls of the connected sites."""

_INTERVALS_S = {"who": POLL_INTERVAL_S, "doing": 6.0, "disabled": 12.0, "jobs": 15.0}  # seconds
_MAX_SERVER_SHARE = 0.02  # maximum share of the server's time that a poll may take, whatever its interval
_DETAILS = "details"
_DENIED_MARKER = "is not authorized for"  # in a site's answer
_DISABLED_SITES_FILE = "disabled_clients.json"  # of the server's folder (private/fed/server/fed_server.py)

SystemPollGenerator = Generator[Sequence[Command[Any]], Sequence[Answer], "list[SystemUpdate]"]
_SystemPoller = Poller["list[SystemUpdate]"]


class SystemWatch(BaseWatch[SystemSnapshot]):
    """Watch of the server and its sites; paused at first. Made by :meth:`.Monitor.watch_system`.

    Parameters
    ----------
    session
        The session to send commands with.
    pool
        The pool that runs the listeners.
    register
        A function that hands this watch to the monitor's thread, until it is idle.

    Attributes
    ----------
    pollers
        All pollers of the watch.
    """

    def __init__(self, session: Session, pool: CallbackPool, register: Callable[[SystemWatch], None]) -> None:
        kit = session.kit
        snapshot = SystemSnapshot(
            address=kit.address,
            study=session.study,
            username=kit.username,
            role=kit.role,
            organization=kit.organization,
        )
        super().__init__(snapshot, pool, lambda: register(self), self._refresh_pollers, WatchState.PAUSED)
        self.session = session
        self._is_details_wanted = False
        self._pollers = {name: self._make_poller(name) for name in (*_INTERVALS_S, _DETAILS)}
        self.pollers = list(self._pollers.values())

    # -- for callers ----------------------------------------------------------------------------------------

    def request_details(self) -> None:
        """Request versions and resources, once; silent sites are left out."""
        if not self.done:
            self._is_details_wanted = True
            self._pollers[_DETAILS].refresh()
            self._wake()

    def update(self, info: SystemInfo) -> None:
        """Apply an answer that another caller got from the server just now."""
        self._apply([SystemReport(info, time.time(), polls.significant_clock_offset(self.session))])
        self.notify()

    # -- the monitor's thread ------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """True if there is nothing to send and no answer to wait for."""
        is_needed = self.is_active or (self._is_details_wanted and not self.done)
        return not is_needed and not any(poller.is_pending for poller in self.pollers)

    def run_once(self, now: float, paused: bool, disconnect: ConnectionProblem | None = None) -> None:
        """Process received answers and send due polls; never waits.

        `disconnect` is the problem if the server is not answering.
        """
        if self.done:
            for poller in self.pollers:
                poller.stop()
            return
        before = self.snapshot
        for name, poller in self._pollers.items():
            self._receive(name, poller, now)
        if disconnect is not None and self.is_active and not self._pollers["who"].retry_count:
            self._apply([disconnect])
        for name, poller in self._pollers.items():
            if not paused and poller.is_due(now):
                poller.begin(PendingPoll(self.session, self._make_poll(name), self._wake))
        if self.snapshot is not before:
            self.notify()

    def _refresh_pollers(self) -> None:
        for poller in self.pollers:
            poller.refresh()

    def _make_poller(self, name: str) -> _SystemPoller:
        interval = _INTERVALS_S.get(name, 0.0)
        return Poller(
            f"the system ({name})",
            standby=lambda: not self._needs(name),
            backoff_s=interval,
            max_backoff_s=interval,
        )

    def _needs(self, name: str) -> bool:
        """Return whether a poll is needed; most depend on the connected sites, and wait while the server is silent."""
        is_known = self.snapshot.facts_at is not None
        if self.done:
            return False
        if name == "who":
            return self.is_active or (self._is_details_wanted and not is_known)
        is_wanted = self._is_details_wanted if name == _DETAILS else self.is_active
        return is_wanted and is_known and not self.snapshot.trouble

    def _make_poll(self, name: str) -> SystemPollGenerator:
        if name == "who":
            return _poll_server(polls.significant_clock_offset(self.session))
        names = self.snapshot.reachable_sites(time.time())
        if name == "doing":
            return _poll_site_jobs(names)
        if name == "jobs":
            return _poll_job_list()
        if name == "disabled":
            return _poll_disabled_sites()
        self._is_details_wanted = False
        return _poll_details(names, len(self.snapshot.connected_sites) - len(names))

    def _receive(self, name: str, poller: _SystemPoller, now: float) -> None:
        try:
            updates = poller.receive(now)
        except SessionClosed as e:
            self._apply([ConnectionProblem(sanitize(str(e), 300), time.time(), NOT_MONITORED)])
            self._end(WatchState.FAILED, e)
            return
        except FlareError as e:
            self._apply([describe_retry(self.snapshot.address, e, poller.retry_count)])
            return
        if updates is None:
            return
        before = self.snapshot
        self._apply(updates)
        poller.interval_s = max(_INTERVALS_S.get(name, 0.0), poller.latency_s / _MAX_SERVER_SHARE)
        if any(isinstance(each, GroupUnavailable) and each.reason.startswith("not permitted") for each in updates):
            poller.stop()
        if name == "who" and _names(before) != _names(self.snapshot):
            # The jobs of sites and the disabled sites have probably changed too; a new job has a name.
            for name_of_poll in ("doing", "disabled", "jobs"):
                self._pollers[name_of_poll].refresh()

    def _apply(self, updates: Iterable[SystemUpdate]) -> None:
        with self._lock:  # updates come from the monitor's thread, and from callers of `update`
            self._snapshot = apply_system_updates(self._snapshot, updates)


def _names(snapshot: SystemSnapshot) -> tuple[set[str], set[str]]:
    return {job.job_id for job in snapshot.jobs}, {site.name for site in snapshot.connected_sites}


def _poll_server(clock_offset: float) -> SystemPollGenerator:
    return read_server((yield from polls.poll_system_info()), clock_offset)


def read_server(answer: Answer, clock_offset: float) -> list[SystemUpdate]:
    """Return the connected sites and the jobs that the server runs. Raises the error if there is no answer."""
    if answer.error is not None:
        raise answer.error
    return [SystemReport(answer.value, answer.received_at, clock_offset)]


def _poll_site_jobs(names: list[str]) -> SystemPollGenerator:
    group = "jobs of sites"
    if not names:
        return [GroupRefreshed(group, 0.0)]
    return (
        yield from _poll_group(
            group, commands.get_client_job_status(names), lambda answer: SiteJobsReport(_dicts(answer.value))
        )
    )


def _poll_job_list() -> SystemPollGenerator:
    return _poll_group(
        "list of jobs",
        commands.list_jobs(),
        lambda answer: JobListReport(_dicts(answer.value), answer.received_at),
    )


def _poll_disabled_sites() -> SystemPollGenerator:
    command = commands.read_file("cat", "server", None, _DISABLED_SITES_FILE)
    return _poll_group("disabled sites", command, lambda answer: DisabledSites(_read_disabled_sites(answer.value)))


def _poll_group(group: str, command: Command[Any], read: Callable[[Answer], SystemUpdate]) -> SystemPollGenerator:
    (answer,) = yield [command]
    if answer.error is not None:
        return [GroupUnavailable(group, _short_reason(answer.error), answer.received_at)]
    return [read(answer), GroupRefreshed(group, answer.received_at)]


def _dicts(entries: Any) -> tuple[dict[str, Any], ...]:
    return tuple(entry for entry in entries or [] if isinstance(entry, dict))


def _read_disabled_sites(text: str) -> frozenset[str]:
    try:
        names = json.loads(text)["disabled_clients"]
    except (ValueError, TypeError, KeyError):
        names = []  # no such file: no site was ever disabled, or the server is too old
    return (
        frozenset(name for name in names if isinstance(name, str) and name) if isinstance(names, list) else frozenset()
    )


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
