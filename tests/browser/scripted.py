"""A job that does what the test says. Imported by the kernels of the browser tests; no server is needed."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from flare_widgets.api.commands import Command
from flare_widgets.errors import TransferCancelled
from flare_widgets.monitoring.job.model import SiteDeployment, StatusChange
from flare_widgets.monitoring.job.snapshot import JobSnapshot

SITES = tuple(SiteDeployment(name, "deployed") for name in ("server", "site-1", "site-2"))


class ScriptedWatch:
    """A watch with a thread of its own, as the monitor has: listeners are called there, never in a cell."""

    def __init__(self, **facts: Any) -> None:
        self.job_id = "76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"
        self.done = False
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

    def _run(self) -> None:
        while True:
            self.snapshot, told = self._news.get()
            self.done = self.snapshot.ended
            for listener in list(self._listeners):
                listener(self.snapshot)
            told.set()


class ScriptedSession:
    """A session for one job: the answer to each command comes from another thread, and is what the test says.

    Attributes
    ----------
    asked
        The commands' lines.
    answers
        By the command's first word, what is answered: a result, an exception, or a function of the line.
    logs
        By the participant's name, its log of the job; none of whoever is not here.
    sent
        Bytes of a download so far; it is finished when `whole` is set.
    """

    def __init__(self, role: str = "project_admin", name: str = "admin@nvidia.com") -> None:
        self.read_only = False
        server = {"project_name": "example", "address": "server:8002"}
        self.kit = SimpleNamespace(username=name, organization="nvidia", role=role, **server)
        self.study = "default"
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {
            "abort_job": "Abort signal has been sent.",
            "clone_job": "1a2b3c4d-5f0e-4c7e-9f61-0d3c5f2f8a11",
            "delete_job": {},
            "ls": self._ls,
            "tail": self._tail,
            "get_job_log": lambda line: {"logs": {}},
        }
        self.logs: dict[str, bytes] = {}
        self.sent = 1_000_000
        self.whole = threading.Event()

    def start(self, command: Command[Any]) -> concurrent.futures.Future[Any]:
        self.asked.append(command.line)
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        threading.Thread(target=self._answer, args=(command.line, future)).start()
        return future

    def log(self, target: str, *records: str) -> None:
        """Have a participant log records: a level and words each."""
        lines = [f"2026-11-23 19:00:45,046 - Trainer - {record.replace(' ', ' - ', 1)}\n" for record in records]
        self.logs[target] = self.logs.get(target, b"") + "".join(lines).encode()

    def _ls(self, line: str) -> str:
        _, target, _, path = line.split()
        if target not in self.logs:
            return f"ls: cannot access '{path}': No such file or directory\n"
        return f"-rw-r--r-- 1 flare flare {len(self.logs[target])} Nov 23 19:00 {path}\n"

    def _tail(self, line: str) -> str:
        _, target, offset, path = line.split()
        if target not in self.logs:
            return f"tail: cannot open '{path}' for reading: No such file or directory\n"
        return self.logs[target][int(offset.removeprefix("-c+")) - 1 :].decode()

    def count(self, verb: str) -> int:
        """Return the number of times that a command was given."""
        return sum(line.split()[0] == verb for line in self.asked)

    def download_job_result(
        self, job_id: str, destination: str | None = None, *, folder_name: str | None = None, progress: Any = None
    ) -> str:
        self.asked.append(f"download_job {job_id}")
        while not self.whole.wait(0.05):
            if not progress(self.sent, 0):
                raise TransferCancelled("the download was cancelled: nothing was kept")
        return f"{destination}/{folder_name}"

    def _answer(self, line: str, future: concurrent.futures.Future[Any]) -> None:
        answer = self.answers[line.split()[0]]
        if callable(answer):
            answer = answer(line)
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
