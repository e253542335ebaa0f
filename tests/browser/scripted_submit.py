"""A submit form whose server does what the test says. Imported by the kernels of the browser tests."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scripted import ScriptedWatch

from flare_widgets.api import SessionState
from flare_widgets.api.models import ClientInfo, ServerInfo, SystemInfo
from flare_widgets.errors import InvalidJobDefinition, TransferCancelled
from flare_widgets.views.job.view import JobView
from flare_widgets.views.submit.view import SubmitForm


class ScriptedServer:
    """A session that takes jobs, as slowly as it is told."""

    def __init__(self, role: str = "lead") -> None:
        self.read_only = False
        self.kit = SimpleNamespace(username="ann@h.org", organization="h", role=role, address="server.example.org:8002")
        self.study = "default"
        self.closed = False
        self.status = SimpleNamespace(state=SessionState.READY, reason="")
        self.submitted: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.refuse = ""

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: None

    def start(self, command: Any) -> concurrent.futures.Future[Any]:
        answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
        clients = [ClientInfo(name, time.time()) for name in ("site-1", "site-2")]
        answer.set_result(SystemInfo(ServerInfo("started", 1.0), clients, []))
        return answer

    def submit_job(self, path: str, *, progress: Callable[[int, int], Any]) -> str:
        for done in range(0, 4_000_001, 1_000_000):
            if progress(done, 4_000_000) is False:
                raise TransferCancelled("the upload was cancelled: the job was not submitted")
            if done == 2_000_000:
                while not self.go_on.wait(0.1):
                    if progress(done, 4_000_000) is False:
                        raise TransferCancelled("the upload was cancelled: the job was not submitted")
        if self.refuse:
            raise InvalidJobDefinition(self.refuse)
        self.submitted.append(path)
        return f"{len(self.submitted)}6b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"


def make_jobs(root: Path) -> None:
    """Make a folder with a good job, a broken one, and one that is for a site nobody knows."""
    for name, deploy_map in {
        "hello": {"app": ["@ALL"]},
        "broken": {"other": ["@ALL"]},
        "elsewhere": {"app": ["server", "site-9"]},
    }.items():
        config = root / "jobs" / name / "app" / "config"
        config.mkdir(parents=True, exist_ok=True)
        for side in ("server", "client"):
            (config / f"config_fed_{side}.json").write_text("{}")
        meta = {"name": name, "min_clients": 1, "deploy_map": deploy_map}
        (root / "jobs" / name / "meta.json").write_text(json.dumps(meta))
    (root / "empty").mkdir(exist_ok=True)


def show(server: ScriptedServer, folder: str | None = None) -> SubmitForm:
    """Show the form in the current cell; each job it submits is one that a test moves on."""

    def opened(job_id: str) -> JobView:
        server.watch = ScriptedWatch()  # type: ignore[attr-defined]
        return JobView(server.watch)  # type: ignore[attr-defined]

    form = SubmitForm(server, folder, opened)  # type: ignore[arg-type]
    form.show()
    return form
