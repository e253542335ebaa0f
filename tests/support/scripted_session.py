"""A session that answers by a script, for what cannot be had for real: faults on demand, days in seconds."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from fakes import Fake

from flare_widgets.api import SessionState
from flare_widgets.api.models import ClientInfo, JobInfo, ServerInfo, SystemInfo
from flare_widgets.api.transfer.result_files import ResultFiles
from flare_widgets.errors import JobNotDone

NO_FILE = "tail: cannot open 'x' for reading: No such file or directory"


class Clock:
    """Time that goes on when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_795_000_000.0 + self.now


class Files:
    """A job's folder as a server's shell shows it: the log rotates as FLARE's does."""

    def __init__(self, rotate_at: int = 20 << 20) -> None:
        self.files: dict[str, bytes] = {"log.json": b""}
        self.rotate_at = rotate_at
        self.sent = 0

    def write(self, text: str) -> None:
        data = text.encode()
        if len(self.files["log.json"]) + len(data) > self.rotate_at:
            self.rotate()
        self.files["log.json"] += data

    def rotate(self) -> None:
        for number in range(9, 0, -1):
            if f"log.json.{number}" in self.files:
                self.files[f"log.json.{number + 1}"] = self.files.pop(f"log.json.{number}")
        self.files["log.json.1"], self.files["log.json"] = self.files["log.json"], b""

    def shell(self, line: str) -> str:
        verb, _, *words = line.split()
        if verb == "ls":
            return "".join(f"-rw-r--r-- 1 root root {len(d)} Nov 25 16:45 {n}\n" for n, d in self.files.items())
        name = words[-1].partition("/")[2]
        if name not in self.files:
            return NO_FILE
        data = self.files[name]
        if verb == "tail":
            data = data[int(words[0][3:]) - 1 :]
        self.sent += len(data)
        return data.decode()


class ScriptedSession(Fake):
    """Answers commands at once, or as `answers` says.

    Attributes
    ----------
    sent
        The lines of the commands that were sent.
    answers
        By the first word of a command: what answers it, or raises. It may return a future.
    metas, files, submitted
        Of each job.
    """

    def __init__(self, *job_ids: str, status: str = "RUNNING", start_time: str = "2026-11-18T00:00:00+00:00") -> None:
        self.read_only = False
        self.kit = SimpleNamespace(address="server:8002", role="lead")
        self.clock_offset = 0.0
        self.state = SessionState.READY
        self.silence = 0.0
        self.sent: list[str] = []
        self.metas: dict[str, dict[str, Any]] = {
            job: {"job_id": job, "name": job, "status": status, "start_time": start_time} for job in job_ids
        }
        self.files = {job: Files() for job in job_ids}
        self.sites = ["site-1", "site-2"]
        self.running = set(job_ids)
        self.submitted: dict[str, tuple[str, str]] = {}
        self.asked = threading.Condition()
        self.answers: dict[str, Callable[[list[str]], Any]] = {
            "get_job_meta": lambda words: dict(self.metas[words[1]]),
            "list_jobs": lambda _: [dict(meta) for meta in self.metas.values()],
            "check_status": self._system,
            "list_sessions": lambda _: [{"USER": "lead", "IDLE": "0.01"}],
            "show_stats": lambda words: {words[-1]: {"ClientRunner": {"current_tasks": ["train"]}}},
            **dict.fromkeys(("tail", "cat", "ls"), self._shell),
        }

    def submitted_config(self, job_id: str) -> tuple[str, str] | None:
        return self.submitted.get(job_id)

    def start(self, command: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        words = command.line.split()
        try:
            value = self.answers[words[0]](words)
        except Exception as e:
            future.set_exception(e)
        else:
            if isinstance(value, concurrent.futures.Future):
                future = value
            else:
                future.set_result(value)
        with self.asked:
            self.sent.append(command.line)
            self.asked.notify_all()
        return future

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> bool:
        """Wait until something is true that a command brings about."""
        with self.asked:
            return self.asked.wait_for(condition, seconds)

    def counts(self) -> dict[str, int]:
        return dict(collections.Counter(line.split()[0] for line in self.sent))

    def end(self, job: str, status: str = "FINISHED:COMPLETED") -> None:
        self.metas[job] = {**self.metas[job], "status": status, "duration": "0:00:09"}

    def read_result_files(self, job_id: str, *_: Any, **__: Any) -> ResultFiles:
        raise JobNotDone("no result in this script")

    def list_job_components(self, job_id: str) -> list[str]:
        raise JobNotDone("no result in this script")

    def get_job_logs(self, job_id: str, **_: Any) -> dict[str, Any]:
        return {"logs": {"server": self.files[job_id].files["log.json"].decode()}}

    def _system(self, _: list[str]) -> SystemInfo:
        clients = [ClientInfo(name, 1.0) for name in self.sites]
        return SystemInfo(ServerInfo("started", 0.0), clients, [JobInfo(job, "app") for job in sorted(self.running)])

    def _shell(self, words: list[str]) -> str:
        job = next((job for job in self.files if job in words[-1]), "")
        return self.files[job].shell(" ".join(words))


def record(message: str, at: int = 0, **more: Any) -> str:
    """A record of a server's log, `at` seconds after the start."""
    minutes, seconds = divmod(at, 60)
    hours, minutes = divmod(minutes, 60)
    when = f"2026-11-18 {hours % 24:02}:{minutes:02}:{seconds:02},000"
    return (
        json.dumps({"asctime": when, "name": "x", "levelname": "INFO", "fl_ctx": "", "message": message, **more}) + "\n"
    )
