"""Job folders for the tests: small ones that do next to nothing, and end once their sites have come."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

#: What the quick job leaves in its workspace: enough for a download to need several requests.
RESULT = "result.bin"
RESULT_SIZE = 6 << 20

_WORKFLOW = f'''\
"""The server's and the sites' part of a job without training."""

import random
import time
from pathlib import Path

from nvflare.apis.controller_spec import Task
from nvflare.apis.executor import Executor
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable


class Quick(Controller):
    """Waits for its sites, leaves a result, and ends; or waits until the job is aborted."""

    def __init__(self, wait=False):
        super().__init__()
        self.wait = wait

    def start_controller(self, fl_ctx):
        pass

    def control_flow(self, abort_signal, fl_ctx):
        while self.wait and not abort_signal.triggered:
            time.sleep(0.05)
        # A site that comes once the job's server has gone asks it for tasks until FLARE gives up, a quarter of an hour.
        self.broadcast_and_wait(Task("greet", data=Shareable()), fl_ctx, abort_signal=abort_signal)
        run = Path(fl_ctx.get_engine().get_workspace().get_run_dir(fl_ctx.get_job_id()))
        (run / "{RESULT}").write_bytes(random.Random(1).randbytes({RESULT_SIZE}))

    def stop_controller(self, fl_ctx):
        pass

    def process_result_of_unknown_task(self, client, task_name, client_task_id, result, fl_ctx):
        pass


class Nothing(Executor):
    """A site that has nothing to do."""

    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        return Shareable()
'''

#: A server's component that understands a command of its own.
ECHO = """

class Quick(Quick):
    def start_controller(self, fl_ctx):
        fl_ctx.get_engine().register_app_command("echo", lambda topic, data, fl_ctx: {"topic": topic, "data": data})
"""


def write_job(folder: Path, name: str = "quick", *, wait: bool = False, ballast: int = 0, sites: int = 2) -> Path:
    """Make a job folder that a server accepts.

    Parameters
    ----------
    folder
        Where to put it.
    name
        The folder's and the job's name.
    wait
        Whether the job lasts until it is aborted.
    ballast
        Bytes of an additional file, for an upload of more than one chunk.
    sites
        How many sites take part: each has a process, which takes its time to start.
    """
    job = folder / name
    (job / "app" / "config").mkdir(parents=True)
    (job / "app" / "custom").mkdir()
    where = ["@ALL"] if sites == 2 else ["server", *(f"site-{number + 1}" for number in range(sites))]
    _write(job / "meta.json", {"name": name, "resource_spec": {}, "min_clients": sites, "deploy_map": {"app": where}})
    workflow = {"id": "quick", "path": "quick_workflow.Quick", "args": {"wait": wait}}
    _write(job / "app" / "config" / "config_fed_server.json", {"format_version": 2, "workflows": [workflow]})
    executor = {"tasks": ["*"], "executor": {"path": "quick_workflow.Nothing", "args": {}}}
    _write(job / "app" / "config" / "config_fed_client.json", {"format_version": 2, "executors": [executor]})
    (job / "app" / "custom" / "quick_workflow.py").write_text(_WORKFLOW)
    if ballast:
        noise = random.Random(2)
        with (job / "app" / "custom" / "ballast.bin").open("wb") as file:
            for written in range(0, ballast, 1 << 20):
                file.write(noise.randbytes(min(1 << 20, ballast - written)))
    return job


def with_code(job: Path, code: str) -> Path:
    """The job folder, with more in its code."""
    with (job / "app" / "custom" / "quick_workflow.py").open("a") as file:
        file.write(code)
    return job


def state(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Everything a tree has: the mode, modification time, inode and content of each folder and file."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (facts.st_mode, facts.st_mtime_ns, facts.st_ino, content)
    return found


def contents(folder: Path) -> dict[str, bytes | None]:
    """The content of each file below a folder; None for a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2))
