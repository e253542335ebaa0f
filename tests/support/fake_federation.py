"""A FLARE server whose jobs and sites do what the test says, for clients that connect for real, with a startup kit."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import kits
from scripted_session import Files, record
from servers import FlareServer, ok

_COMMON = "nvflare.app_common"
_FED_AVG = f"{_COMMON}.workflows.fedavg.FedAvg"


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

    def train(self, job_id: str, rounds: int, total: int, round_s: float = 40.0) -> None:
        """Write what FLARE logs of FedAvg on all sites: rounds that are over, and one that has just begun."""
        folder = self._files[job_id]
        selector = {"path": f"{_COMMON}.widgets.intime_model_selector.IntimeModelSelector"}
        workflow = {"id": "controller", "path": _FED_AVG, "args": {"num_clients": len(self.sites), "num_rounds": total}}
        config = {"workflows": [workflow], "components": [{"id": "selector", **selector, "args": {}}]}
        folder.files["app_server/config/config_fed_server.json"] = json.dumps(config).encode()
        begun = time.time() - rounds * round_s - 4

        def log(at: float, message: str, **context: str) -> None:
            when = datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
            told = ", ".join(f"{key}={value}" for key, value in {"run": job_id, "wf": "controller", **context}.items())
            folder.write(record(message, asctime=when, fl_ctx=f"[{told}]"))

        log(begun, f"starting workflow controller (<class '{_FED_AVG}'>) ...")
        for number in range(rounds + 1):
            at = begun + number * round_s
            log(at, f"Round {number} started.")
            for place, site in enumerate(self.sites):
                task = f"{site}-{number}"
                context = {"peer": site, "task_name": "train", "task_id": task}
                log(at + 0.3, f"assigned task to client {site}: name=train, id={task}", **context)
                if number < rounds:
                    known = 0.93 - 0.05 * place - 0.42 * 0.75**number
                    done = at + round_s - 3 + place
                    log(done - 0.2, f"got result from client {site} for task: name=train, id={task}", **context)
                    log(done, f"validation metric {known:.4f} from client {site}", **context)
                    log(done, f"Aggregated {place + 1}/{len(self.sites)} results", **context)
            if number < rounds:
                metrics = {"accuracy": round(0.90 - 0.4 * 0.74**number, 4)}
                log(at + round_s - 0.5, f"Round {number} global metrics: {metrics}")

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
