"""A FLARE server whose jobs and sites do what the test says, for clients that connect for real, with a startup kit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import kits
from scripted_session import Files, record
from servers import FlareServer, ok


class FakeFederation:
    """A federation with a server that is nearly FLARE's.

    Parameters
    ----------
    sites
        The names of the connected sites.

    Attributes
    ----------
    server
        The server.
    jobs
        The metadata of each job, by its id.
    sites
        The connected sites: their names, and the time of their last heartbeat.
    """

    def __init__(self, *sites: str) -> None:
        self.server = FlareServer()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.sites = dict.fromkeys(sites, 0.0)
        self._files: dict[str, Files] = {}
        self._port = 0
        answers: dict[str, Callable[[list[str]], Any]] = {
            "list_jobs": lambda _: ok(jobs=list(self.jobs.values())),
            "get_job_meta": lambda words: ok(job_meta=self.jobs[words[1]]),
            "check_status": self._check_status,
            "abort_job": self._abort,
            "report_resources": lambda _: ok(),
            "report_version": lambda _: ok(),
            **dict.fromkeys(("tail", "cat", "ls"), self._shell),
        }
        for verb, answer in answers.items():
            self.server.commands[verb] = lambda line, answer=answer: answer(line.split())

    @contextlib.contextmanager
    def running(self) -> Iterator[FakeFederation]:
        """Run the server until the end of the block."""
        with self.server.running() as port:
            self._port = port
            yield self

    def write_kit(self, folder: Path, **settings: Any) -> Path:
        """Write a startup kit of a project admin."""
        root = kits.authority()
        user = root.issue(kits.USER, role="project_admin")
        return kits.write_kit(folder, root, user, host="127.0.0.1", port=self._port, **settings)

    def add_job(self, job_id: str, name: str, status: str = "RUNNING", *, age_s: float = 60.0, **meta: Any) -> str:
        """Add a job, and return its id."""
        submitted = datetime.fromtimestamp(time.time() - age_s, timezone.utc)
        running = {"start_time": submitted.isoformat()} if status == "RUNNING" else {}
        ended = {"duration": "0:00:31.000000"} if status.startswith("FINISHED") else {}
        self.jobs[job_id] = {
            "job_id": job_id,
            "job_name": name,
            "name": name,
            "status": status,
            "submit_time": submitted.timestamp(),
            "submit_time_iso": submitted.isoformat(),
            "submitter_name": kits.USER,
            "submitter_org": "nvidia",
            "submitter_role": "project_admin",
            "study": "default",
            **running,
            **ended,
            **meta,
        }
        self._files[job_id] = Files()
        return job_id

    def log(self, job_id: str, *messages: str) -> None:
        """Write messages into the server's log of a job."""
        for message in messages:
            at = datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
            self._files[job_id].write(record(message, asctime=at))

    def end(self, job_id: str, status: str = "FINISHED:COMPLETED") -> None:
        """End a job."""
        self.jobs[job_id] = {**self.jobs[job_id], "status": status, "duration": "0:00:31.000000"}

    def _abort(self, words: list[str]) -> Any:
        self.end(words[1], "FINISHED:ABORTED")
        return ok()

    def _check_status(self, words: list[str]) -> Any:
        if words[1] == "client":
            return ok(client_status=[])
        clients = [{"client_name": name, "client_last_conn_time": at or time.time()} for name, at in self.sites.items()]
        running = [{"job_id": i, "app_name": "app"} for i, meta in self.jobs.items() if meta["status"] == "RUNNING"]
        return ok(server_status="started", server_start_time=time.time() - 3600, clients=clients, jobs=running)

    def _shell(self, words: list[str]) -> Any:
        job = next((job for job in self._files if job in words[-1]), "")
        text = self._files[job].shell(" ".join(words)) if job else ""
        return {"data": [{"type": "string", "data": text}], "meta": {"status": "ok"}}
