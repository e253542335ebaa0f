"""Measure a classroom: many kernels on one server, each with a session, a watched running job and the table of jobs.

``python -m benchmarks.classroom``: two minutes. It prints what watching costs the server, which commands it was asked
how often, and how old the facts of a kernel became.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from flare_widgets import LocalFederation, Session, connect
from flare_widgets.monitoring.polling import intervals

from . import jobs
from .monitoring import say, server_of, used

KERNELS = 20
STARTING = 4  # kernels that start at once: all of them would keep a small machine from answering
RUNNING_JOBS = 2
ROUND_S = 2.0
SETTLE_S = 12.0  # the first ten seconds of a running job are looked at more often
WINDOW_S = 30.0

_WORKER = Path(__file__).resolve().parent / "workers" / "kernel.py"
_ACTION = re.compile(r"\[A:([^]\s]+)")


@contextmanager
def kernels(kit: Path, job_ids: list[str], folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Run kernels that watch one of these jobs each, until the end of the block."""
    started: list[subprocess.Popen[str]] = []
    try:
        with (folder / "kernels.log").open("a") as log:
            for number, job_id in enumerate(job_ids):
                if number >= STARTING:
                    _wait_until_ready(started[number - STARTING], folder)
                command = [sys.executable, str(_WORKER), str(kit), job_id]
                pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
                started.append(subprocess.Popen(command, cwd=folder, text=True, **pipes))
        for kernel in started[-STARTING:]:
            _wait_until_ready(kernel, folder)
        yield started
    finally:
        for kernel in started:
            kernel.kill()


def measure(count: int) -> dict[str, Any]:
    """Return the numbers of a classroom with some kernels."""
    with tempfile.TemporaryDirectory() as temporary, LocalFederation(2, start_timeout=120) as federation:
        folder, kit, server = Path(temporary), federation.admin_kit, server_of(federation)
        made = jobs.training(folder, {"endless": 10_000}, ROUND_S)
        with connect(kit) as session:
            ids = [session.submit_job(made["endless"]) for _ in range(RUNNING_JOBS)]
            say(f"waiting for {RUNNING_JOBS} jobs to run")
            _wait_until_running(session, ids)
            say("nobody watches")
            time.sleep(SETTLE_S)
            idle, _ = _observe(server, federation.folder, WINDOW_S / 2)
            say(f"{count} kernels connect")
            with kernels(kit, [ids[number % RUNNING_JOBS] for number in range(count)], folder) as started:
                time.sleep(intervals.SESSION_COUNT_INTERVAL_S + SETTLE_S)  # each knows of all
                _tell(started)
                say(f"{WINDOW_S:g} s of watching")
                busy, actions = _observe(server, federation.folder, WINDOW_S)
                _tell(started)
                found = [json.loads(_read(kernel)) for kernel in started]
            say("tidying up")
            for job_id in ids:
                session.abort_job(job_id)
    if {kernel["status"] for kernel in found} != {"RUNNING"}:
        raise SystemExit("a job has ended meanwhile")
    return {"idle": idle, "busy": busy, "actions": actions, "kernels": found}


def _observe(server: psutil.Process, folder: Path, seconds: float) -> tuple[float, Counter[str]]:
    """Return the share of a core that the server uses, and the commands it was sent, in the next seconds."""
    (audit,) = folder.glob("**/server/audit.log")
    start, before, began = audit.stat().st_size, used(server), time.monotonic()
    time.sleep(seconds)
    share = (used(server) - before) / (time.monotonic() - began)
    with audit.open() as file:
        file.seek(start)
        return share, Counter(_ACTION.findall(file.read()))


def _wait_until_ready(kernel: subprocess.Popen[str], folder: Path) -> None:
    if _read(kernel) != "ready":
        raise SystemExit(f"a kernel failed:\n{(folder / 'kernels.log').read_text()[-3000:]}")


def _tell(started: list[subprocess.Popen[str]]) -> None:
    for kernel in started:
        assert kernel.stdin is not None
        kernel.stdin.write("\n")
        kernel.stdin.flush()


def _read(kernel: subprocess.Popen[str]) -> str:
    assert kernel.stdout is not None
    return kernel.stdout.readline().strip()


def _wait_until_running(session: Session, job_ids: list[str]) -> None:
    deadline = time.monotonic() + 120
    while any(session.get_job_meta(job_id)["status"] != "RUNNING" for job_id in job_ids):
        if time.monotonic() > deadline:
            raise SystemExit("the jobs do not run")
        time.sleep(0.5)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classroom", description=__doc__)
    parser.add_argument("--kernels", type=int, default=KERNELS, help=f"default {KERNELS}")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = measure(options.kernels)
    print(f"{options.kernels} kernels, {RUNNING_JOBS} running jobs, {os.cpu_count()} cores, load {load:.1f} before")
    print(f"server, nobody watches, % of a core     {100 * found['idle']:6.1f}")
    print(f"server, for watching, % of a core       {100 * (found['busy'] - found['idle']):6.1f}")
    print(f"a kernel's CPU, p50, % of a core        {100 * median(k['cpu'] for k in found['kernels']):6.1f}")
    for name in ("job", "table"):
        oldest = sorted(kernel[name] for kernel in found["kernels"])
        print(f"oldest fact of the {name + ',':6} p50 / max, s    {median(oldest):6.2f} {oldest[-1]:6.2f}")
    for action, count in found["actions"].most_common():
        print(f"{action:20} a second and kernel  {count / WINDOW_S / options.kernels:6.2f}")


if __name__ == "__main__":
    main()
