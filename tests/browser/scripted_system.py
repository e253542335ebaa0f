"""A system that does what the test says. Imported by the kernels of the browser tests; no server is needed."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from flare_widgets.api.models import ClientInfo, ServerInfo, SystemInfo
from flare_widgets.monitoring.system.snapshot import Site, SiteJob, SystemReport, SystemSnapshot, apply_system_updates
from flare_widgets.views.system.view import SystemView

JOB = SiteJob("76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11", "app", "started")


class ScriptedSystem:
    """A watch of a system with a thread of its own, as the monitor has."""

    def __init__(self, *sites: str, role: str = "project_admin") -> None:
        now = time.time()
        self.done = False
        self.paused = True
        self.looked_at: list[bool] = []
        self.details = 0
        self._news: queue.Queue[tuple[SystemSnapshot, threading.Event]] = queue.Queue()
        self._listeners: list[Callable[[SystemSnapshot], None]] = []
        self.snapshot = SystemSnapshot(
            address="server.example.org:8002",
            study="default",
            username="admin@nvidia.com",
            role=role,
            organization="nvidia",
            started_at=now - 7200,
            jobs=(JOB,),
            sites=tuple(Site(name, last_seen=now - 3, jobs=(JOB,)) for name in sites),
            facts_at=now,
        )
        threading.Thread(target=self._run, name="flare-monitor", daemon=True).start()

    def subscribe(self, listener: Callable[[SystemSnapshot], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def resume(self) -> None:
        """Poll again; the first answer comes at once."""
        self.looked_at.append(True)
        self.paused = False
        self.say(wait=False)

    def pause(self) -> None:
        self.looked_at.append(False)
        self.paused = True

    def request_details(self) -> None:
        self.details += 1
        sites = tuple(
            replace(s, version="2.9.0", resources='{"gpu": 2, "memory": "64 GiB"}') for s in self.snapshot.sites
        )
        self.say(version="2.9.0", resources="unlimited", sites=sites, details_at=time.time(), wait=False)

    def refresh(self) -> None:
        pass

    def stop(self) -> None:
        self.done = True

    def update(self, info: SystemInfo) -> None:
        news = apply_system_updates(self.snapshot, [SystemReport(info, time.time())])
        self.say(**{name: getattr(news, name) for name in ("sites", "jobs", "started_at")})

    def say(self, *, wait: bool = True, **facts: Any) -> None:
        """Let the thread bring news."""
        told = threading.Event()
        self._news.put((replace(self.snapshot, **{"facts_at": time.time(), **facts}), told))
        if wait:
            assert told.wait(10), "the listeners are stuck"

    def change(self, name: str, **facts: Any) -> None:
        """Let the thread bring news of one site."""
        self.say(sites=tuple(replace(s, **facts) if s.name == name else s for s in self.snapshot.sites))

    def end(self) -> None:
        """The session was closed."""
        self.done = True
        self.say(trouble="the session was closed")

    def _run(self) -> None:
        while True:
            self.snapshot, told = self._news.get()
            for listener in list(self._listeners):
                listener(self.snapshot)
            told.set()


class ScriptedAdmin:
    """A session whose server does at once what it is told."""

    def __init__(self, system: ScriptedSystem) -> None:
        self.system = system
        self.done: list[str] = []
        seen = system.snapshot
        self.read_only = False
        self.kit = SimpleNamespace(
            username=seen.username, organization=seen.organization, role=seen.role, address=seen.address
        )

    def start(self, command: Any) -> concurrent.futures.Future[Any]:
        self.done.append(command.line)
        verb, *_, name = command.line.split()
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
        out = verb == "disable_client"
        self.system.change(name, disabled=out, connected=not out, jobs=())
        answer.set_result({})
        return answer

    def restart(self, kind: str, names: list[str] | None, timeout: float) -> dict[str, Any]:
        self.done.append(f"restart {kind} {' '.join(names or ())}")
        return {}

    def shutdown(self, kind: str, names: list[str] | None, timeout: float) -> dict[str, Any]:
        self.done.append(f"shutdown {kind} {' '.join(names or ())}")
        raise TimeoutError

    def get_system_info(self) -> SystemInfo:
        clients = [ClientInfo(site.name, time.time()) for site in self.system.snapshot.sites]
        return SystemInfo(ServerInfo("started", 0.0), clients, [])


def show(system: ScriptedSystem) -> tuple[SystemView, ScriptedAdmin]:
    """Show the view of a scripted system in the current cell."""
    admin = ScriptedAdmin(system)
    view = SystemView(system, admin)  # type: ignore[arg-type]
    view.show()
    return view, admin
