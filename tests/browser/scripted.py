"""A job that does what the test says. Imported by the kernels of the browser tests; no server is needed."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flare_widgets.monitoring.snapshot import JobSnapshot, SiteDeployment, StatusChange

SITES = tuple(SiteDeployment(name, "deployed") for name in ("server", "site-1", "site-2"))


class ScriptedWatch:
    """A watch with a thread of its own, as the monitor has: listeners are called there, never in a cell."""

    def __init__(self, **facts: Any) -> None:
        self.job_id = "76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"
        self.done = False
        self.aborts = 0
        self._news: queue.Queue[tuple[JobSnapshot, threading.Event]] = queue.Queue()
        self._listeners: list[Callable[[JobSnapshot], None]] = []
        now = time.time()
        self.snapshot = JobSnapshot(
            self.job_id,
            name="hello-numpy",
            submitter="admin@nvidia.com",
            status="SUBMITTED",
            timeline=(StatusChange("SUBMITTED", now, True),),
            facts_at=now,
        )
        self.snapshot = replace(self.snapshot, **facts)
        threading.Thread(target=self._run, name="flare-monitor", daemon=True).start()

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def say(self, status: str = "", *, wait: bool = True, **facts: Any) -> None:
        """Let the thread bring news of a new status or of other facts."""
        now = time.time()
        news = replace(self.snapshot, **{"facts_at": now, **facts})
        if status:
            change = StatusChange(status, facts.get("at", now), True)
            news = replace(news, status=status, timeline=(*news.timeline, change))
        if status == "RUNNING":
            news = replace(news, sites=SITES)
        told = threading.Event()
        self._news.put((news, told))
        if wait:
            assert told.wait(10), "the listeners are stuck"

    def abort(self) -> concurrent.futures.Future[str]:
        """Abort as a session does: the answer comes from another thread, the status a little later."""
        self.aborts += 1
        answer: concurrent.futures.Future[str] = concurrent.futures.Future()
        threading.Thread(target=answer.set_result, args=("Abort signal has been sent.",)).start()
        return answer

    def _run(self) -> None:
        while True:
            self.snapshot, told = self._news.get()
            self.done = self.snapshot.ended
            for listener in list(self._listeners):
                listener(self.snapshot)
            told.set()
