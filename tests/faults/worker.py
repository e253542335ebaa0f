"""The client under test, in a process of its own, so that it can be interrupted, stopped and starved.

Requests and answers are lines of JSON: ``{"op": "list", ...}`` is answered by ``{"outcome": ..., "value": ...}``.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from flare_widgets import Monitor, connect
from flare_widgets.api import FlareError, NoConnection, Session
from flare_widgets.errors import OutcomeUnknown

USABLE_TIMEOUT_S = 60.0
_TRY_S = 2.0


class Worker:
    """A session and what it is asked to do.

    Parameters
    ----------
    session
        The session.
    downloads
        An empty folder.
    """

    def __init__(self, session: Session, downloads: Path) -> None:
        self._session = session
        self._monitor: Monitor | None = None
        self._downloads = downloads
        self.operations: dict[str, Callable[..., Any]] = {
            "list": self.list_jobs,
            "meta": self.meta,
            "logs": self.logs,
            "system": self.system,
            "submit": self.submit,
            "submit chunks": self.submit,
            "clone": self.clone,
            "download": self.download,
            "abort": self.abort,
            "watch": self.watch,
            "watch a run": self.watch,
            "usable": self.usable,
        }

    def list_jobs(self) -> list[str]:
        return [str(job["job_id"]) for job in self._session.list_jobs()]

    def meta(self, job: str) -> str:
        return str(self._session.get_job_meta(job)["job_id"])

    def logs(self, job: str) -> str:
        found = self._session.get_job_logs(job)["logs"]
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    def system(self) -> list[str]:
        return sorted(client.name for client in self._session.get_system_info().client_info)

    def submit(self, folder: str) -> str:
        return self._session.submit_job(folder)

    def clone(self, job: str) -> str:
        return self._session.clone_job(job)

    def download(self, job: str) -> str:
        return self._session.download_job_result(job, str(self._downloads))

    def abort(self, job: str) -> str:
        return str(self._session.abort_job(job))

    def watch(self, job: str, timeout: float) -> dict[str, Any]:
        self._monitor = self._monitor or Monitor(self._session)
        watch = self._monitor.watch(job)
        try:
            watch.wait(timeout)
            return {"state": watch.state.name, "status": watch.snapshot.status, "error": repr(watch.error)}
        finally:
            watch.stop()

    def usable(self) -> dict[str, Any]:
        """Ask until there is an answer; return what the process holds then."""
        deadline = time.monotonic() + USABLE_TIMEOUT_S
        self._session.set_timeout(_TRY_S)
        try:
            while True:
                try:
                    self._session.get_system_info()
                    break
                except NoConnection:
                    if time.monotonic() > deadline:
                        raise
        finally:
            self._session.unset_timeout()
        return {"state": self._session.state.name, **holdings()}


def holdings() -> dict[str, int]:
    """Resources that this process holds."""
    process = psutil.Process()
    left = [path for path in Path(tempfile.gettempdir()).iterdir() if path.name.startswith("flare-widgets")]
    return {
        "threads": threading.active_count(),
        "descriptors": process.num_fds(),
        "memory": process.memory_info().rss >> 20,
        "temporary": len(left),
    }


def perform(call: Callable[[], Any]) -> dict[str, Any]:
    """Call an operation and return its outcome: done, refused, unknown, interrupted or wrong."""
    began = time.monotonic()
    error: BaseException | None = None
    value, outcome = None, "done"
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            value = call()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt as e:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        outcome, error = "interrupted", e
    except OutcomeUnknown as e:
        outcome, error = "unknown", e
    except FlareError as e:
        outcome, error = "refused", e
    except BaseException as e:
        outcome, error = "wrong", e
    words = f"{type(error).__name__}: {error}" if error is not None else ""
    return {"outcome": outcome, "value": value, "error": words, "seconds": time.monotonic() - began}


def main() -> None:
    """Connect with a kit, and do what is asked until the end of the input."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    kit, folder = sys.argv[1], Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with connect(kit, timeout=30) as session:
        worker = Worker(session, folder)
        answer: dict[str, Any] = {"outcome": "done", "value": holdings(), "error": "", "seconds": 0.0}
        while True:
            os.write(1, json.dumps(answer).encode() + b"\n")
            line = sys.stdin.readline()
            if not line:
                break
            request = json.loads(line)
            operation = worker.operations[request.pop("op")]
            answer = perform(lambda operation=operation, request=request: operation(**request))  # type: ignore[misc]


if __name__ == "__main__":
    main()
