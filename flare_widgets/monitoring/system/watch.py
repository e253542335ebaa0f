"""Watching the server and its sites, while somebody looks.

What is asked, and how often (FLARE 2.9, loopback):

===============  ==================================  ==============  ==========================================
what             command                             right           costs the server
===============  ==================================  ==============  ==========================================
who is there     ``check_status server``             view            5 ms
what sites run   ``check_status client SITES``       view            9 ms, and a message to each site
zombies          ``list_jobs``                       view            0.11 ms for each job it stores
who is shut out  ``cat server disabled_clients.json``  shell_commands  6 ms
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
from ...formatting.text import clean
from ..job.updates import Learned, Missed, Trouble
from ..polling import polls
from ..polling.pending import Polling
from ..polling.polls import Answer, why_not
from ..signal import Listeners
from .snapshot import Connected, Details, Disabled, Doing, Listed, SystemFact, SystemSnapshot, fold_system

log = logging.getLogger("flare_widgets.monitoring")

POLL = 3.0
"""Seconds between two looks at who is there."""

_PACES = {"who": POLL, "doing": 6.0, "disabled": 12.0, "jobs": 15.0}  # seconds
_SHARE = 0.02  # of the server's time that a question may take, whatever its pace
_NEVER = float("inf")
_REFUSED = "is not authorized for"  # in a site's answer
_SHUT_OUT = "disabled_clients.json"  # of the server's folder (private/fed/server/fed_server.py)

SystemPoll = Generator[Sequence[Command[Any]], Sequence[Answer], "list[SystemFact]"]


class SystemWatch:
    """What is known about the server and its sites, kept fresh while somebody looks.

    Made by :meth:`.Monitor.watch_system`.

    Parameters
    ----------
    session
        Whom to ask.
    join
        Has the monitor's thread take care of this, until it rests.

    Attributes
    ----------
    snapshot
        What is known; renewed before the listeners are called.
    done
        Whether the watch has ended: it was stopped, or the session was closed.
    """

    def __init__(self, session: Session, join: Callable[[SystemWatch], None]) -> None:
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
        self._end_told = False
        self._join = join
        self._lock = threading.Lock()  # answers come from the monitor's thread, and from whoever got one
        self._listeners = Listeners[SystemSnapshot]()
        self._looking = False
        self._details_wanted = False
        self._due: dict[str, float] = {}
        self._under_way: dict[str, Polling[list[SystemFact]]] = {}
        self._failures = 0

    # -- whoever looks -------------------------------------------------------------------------------------

    def subscribe(self, listener: Callable[[SystemSnapshot], None]) -> Callable[[], None]:
        """Have `listener` called at every new snapshot, on the monitor's thread; return what ends that."""
        return self._listeners.add(listener)

    def resume(self) -> None:
        """Ask the server, from now on."""
        if self.done or self._looking:
            return
        self._looking = True
        self._due = {name: at for name, at in self._due.items() if at == _NEVER}
        self._join(self)

    def pause(self) -> None:
        """Ask nothing more, until :meth:`resume`."""
        self._looking = False

    def ask_details(self) -> None:
        """Have versions and resources asked for, once; those of sites that are silent are left out."""
        self._details_wanted = True
        self._due.pop("details", None)
        if not self.done:
            self._join(self)

    def learn(self, info: SystemInfo) -> None:
        """Take in an answer that somebody else got from the server just now."""
        self._learn([Connected(info, time.time(), polls.ahead(self.session))])
        self._tell()

    def look_again(self) -> None:
        """Ask everything at once: something was done."""
        self._due = {name: at for name, at in self._due.items() if at == _NEVER}
        if self._looking:
            self._join(self)

    def stop(self) -> None:
        """End the watch; the listeners are told."""
        if not self.done:
            self.done, self._looking, self._details_wanted = True, False, False
            self._join(self)

    # -- the monitor's thread ------------------------------------------------------------------------------

    @property
    def looking(self) -> bool:
        """Whether somebody looks."""
        return self._looking

    @property
    def rests(self) -> bool:
        """Whether there is nothing to ask and no answer to wait for."""
        wanted = not self._end_told if self.done else self._looking or self._details_wanted
        return not wanted and not self._under_way

    def due(self) -> float | None:
        """Return when something is to be asked next (monotonic clock); None when only answers are waited for."""
        at = min((self._due.get(name, 0.0) for name in self._wanted()), default=_NEVER)
        return None if at == _NEVER else at

    def turn(self, wake: Callable[[], None], lost: str = "") -> None:
        """Take what has arrived and ask for what is due; never waits.

        `wake` is called when an answer has come; `lost` says so when nobody answers now.
        """
        if self.done:
            for polling in self._under_way.values():
                polling.cancel()
            self._under_way.clear()
            if not self._end_told:
                self._end_told = True
                self._tell()
            return
        before = self.snapshot
        now = time.monotonic()
        for name, polling in list(self._under_way.items()):
            self._receive(name, polling)
        if lost and self._looking and not self._failures:
            self._learn([Trouble(clean(lost, 300), time.time())])
        for name in list(self._wanted()):
            if self._due.get(name, 0.0) <= now:
                polling = Polling(self.session, self._poll(name), wake)
                self._under_way[name] = polling
                polling.start()
        if self.snapshot is not before:
            self._tell()

    def _wanted(self) -> list[str]:
        names = [] if self.done or not self._looking else list(_PACES)
        if self._details_wanted:
            names.append("details")
        known = self.snapshot.facts_at is not None
        # The rest builds on who is there; and nothing of it is worth a question while the server does not answer.
        wanted = names if known and not self.snapshot.trouble else [n for n in names if n == "who"]
        if self._details_wanted and not known and not self._looking:
            wanted = ["who"]
        return [name for name in wanted if name not in self._under_way]

    def _poll(self, name: str) -> SystemPoll:
        if name == "who":
            return _who(polls.ahead(self.session))
        names = self.snapshot.asked(time.time())
        if name == "doing":
            return _doing(names)
        if name == "jobs":
            return _jobs()
        if name == "disabled":
            return _shut_out()
        self._details_wanted = False
        return _details(names, len(self.snapshot.here) - len(names))

    def _receive(self, name: str, polling: Polling[list[SystemFact]]) -> None:
        pace = _PACES.get(name, 0.0)
        try:
            over, facts = polling.advance()
        except SessionClosed as e:
            self._learn([Trouble(clean(str(e), 300), time.time())])
            self.stop()
            return
        except FlareError as e:
            del self._under_way[name]
            self._failures += 1
            lost = f"no connection to {clean(self.snapshot.address)}" if isinstance(e, NoConnection) else str(e)
            words = f"{clean(lost, 300)}, trying again ({self._failures})"
            self._learn([Trouble(words, time.time())])
            self._due[name] = time.monotonic() + pace
            return
        except Exception:  # a mistake of ours in one of them: the others go on
            log.exception("asking for '%s' failed", name)
            del self._under_way[name]
            self._due[name] = time.monotonic() + 5 * pace
            return
        if not over:
            return
        del self._under_way[name]
        found = facts or []
        if name == "who":
            self._failures = 0
            before = {job.job_id for job in self.snapshot.jobs}, {site.name for site in self.snapshot.here}
        self._learn(found)
        refused = any(isinstance(fact, Missed) and fact.reason.startswith("not permitted") for fact in found)
        self._due[name] = _NEVER if refused else time.monotonic() + max(pace, polling.took / _SHARE)
        if name == "who" and before != ({j.job_id for j in self.snapshot.jobs}, {s.name for s in self.snapshot.here}):
            # What the sites run and who is shut out has changed with it.
            for other in ("doing", "disabled"):
                if self._due.get(other) != _NEVER:
                    self._due.pop(other, None)

    def _learn(self, facts: Iterable[SystemFact]) -> None:
        with self._lock:
            self.snapshot = fold_system(self.snapshot, facts)

    def _tell(self) -> None:
        self._listeners.tell(self.snapshot)


def _who(ahead: float) -> SystemPoll:
    (answer,) = yield [commands.get_system_info()]
    if answer.error is not None:
        raise answer.error
    return [Connected(answer.value, answer.now, ahead)]


def _doing(names: list[str]) -> SystemPoll:
    group = "jobs of sites"
    if not names:
        return [Learned(group, 0.0)]
    (answer,) = yield [commands.get_client_job_status(names)]
    if answer.error is not None:
        return [Missed(group, _why(answer.error), answer.now)]
    entries = [entry for entry in answer.value or [] if isinstance(entry, dict)]
    return [Doing(tuple(entries)), Learned(group, answer.now)]


def _jobs() -> SystemPoll:
    group = "list of jobs"
    (answer,) = yield [commands.list_jobs()]
    if answer.error is not None:
        return [Missed(group, _why(answer.error), answer.now)]
    jobs = tuple(job for job in answer.value or [] if isinstance(job, dict))
    return [Listed(jobs, answer.now), Learned(group, answer.now)]


def _shut_out() -> SystemPoll:
    group = "disabled sites"
    (answer,) = yield [commands.read_file("cat", "server", None, _SHUT_OUT)]
    if answer.error is not None:
        return [Missed(group, _why(answer.error), answer.now)]
    try:
        names = json.loads(answer.value)["disabled_clients"]
    except (ValueError, TypeError, KeyError):
        names = []  # no such file: nobody has ever been shut out, or the server is older than that
    found = [name for name in names if isinstance(name, str) and name] if isinstance(names, list) else []
    return [Disabled(frozenset(found)), Learned(group, answer.now)]


def _details(names: list[str], silent: int) -> SystemPoll:
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
            words = f"{what}: {_why(answer.error)}"
            if words not in missing:
                missing.append(words)
            continue
        told = versions if what == "versions" else resources
        for name, said in answer.value.items():
            words = _said(said)
            if _REFUSED in words:
                # Each site judges by its own policy, and the server passes its answer on as if it were one.
                missing.append(f"{what} of {clean(str(name), 60)}: not permitted to your role")
            else:
                told[str(name)] = clean(words, 300)
    if silent:
        missing.append("silent sites were not asked")
    now = max(answer.now for answer in answers)
    return [Details(versions, resources, now, "; ".join(missing))]


def _said(value: Any) -> str:
    """A version comes as ``{"version": "2.9.0"}``, resources as text."""
    if isinstance(value, dict) and isinstance(value.get("version"), str):
        return str(value["version"])
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _why(error: FlareError) -> str:
    if isinstance(error, AuthorizationError):
        return "not permitted to your role"
    return why_not(error)
