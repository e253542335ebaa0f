"""A long run: jobs are submitted and watched while all connections are cut again and again."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kits
from fragile import Fragile

from .client import ROOT, make_path
from .fault_proxy import FaultProxy
from .judge import Judge
from .soak_client import END_TIMEOUT_S, Sample

CUT_INTERVAL_S = 25.0
KEPT = 20
"""Ended jobs that stay at the server. Older ones are deleted, since each list of jobs has all of them: growth would be
theirs. (:mod:`fragile` has the server survive that.)"""

MAX_MEMORY_MB_PER_MINUTE = 0.5
MAX_BLOCKS_PER_MINUTE = 100.0
"""Limits of growth in the second half."""

JUDGED_AFTER_S = 1200.0
"""Length of a run in which growth can be told from the noise."""

MAX_MORE_THREADS, MAX_MORE_DESCRIPTORS = 3, 4
_END_TIMEOUT_S = END_TIMEOUT_S + 60.0


@dataclass
class Soaked:
    """Events of a soak.

    Attributes
    ----------
    names
        The name of each job that was submitted, by id.
    ended
        The status with which the watch of each job ended.
    samples
        Of the client's process.
    cuts
        How often all connections were cut.
    problems
        Everything that went wrong, in words.
    """

    names: dict[str, str] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    cuts: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, event: dict[str, Any]) -> None:
        """Take an event of the client."""
        kind, job = event.pop("event"), event.get("job", "")
        if kind == "sample":
            self.samples.append(Sample(**event))
            print(f"{len(self.names)} jobs, {self.samples[-1]}", file=sys.stderr)
        elif kind == "submitted":
            self.names[job] = event["name"]
        elif kind == "ended":
            self.ended[job] = event["status"]
            if event["error"]:
                self.problems.append(f"the watch of {job} failed: {event['error']}")
        else:
            self.problems.append(f"the watch of {job} has not ended: {event['status']}")


def soak(fragile: Fragile, folder: Path, seconds: float) -> tuple[str, list[str]]:
    """Soak a session; return the figures, and what went wrong.

    Parameters
    ----------
    fragile
        The federation.
    folder
        An empty folder.
    seconds
        For so long jobs are submitted.
    """
    proxy = FaultProxy(fragile.federation.port, random.Random(0))
    judge = Judge(fragile.kit)
    kit = Path(shutil.copytree(fragile.kit, folder / "kit"))
    soaked = Soaked()
    checked: set[str] = set()
    next_cut = time.monotonic() + CUT_INTERVAL_S
    with proxy.running() as port:
        kits.edit_admin(kit, host="localhost", port=port)
        with _client(kit, folder, seconds) as events:
            while (event := _next(events, next_cut)) is not _OVER:
                if event is not None:
                    soaked.take(event)
                if time.monotonic() >= next_cut:
                    proxy.cut()
                    soaked.cuts += 1
                    next_cut += CUT_INTERVAL_S
                old = [job for job in soaked.ended if job not in checked][:-KEPT]
                if old:
                    soaked.problems += compare_jobs(soaked, old, judge.list_jobs())
                    checked.update(old)
                    for job in old:
                        judge.delete(job)
    soaked.problems += compare_jobs(soaked, [job for job in soaked.names if job not in checked], judge.list_jobs())
    judge.close()
    text, problems = report_growth(soaked.samples)
    heading = f"{len(soaked.names)} jobs submitted, {len(soaked.ended)} watches ended, {soaked.cuts} cuts"
    return f"{heading} in {seconds:.0f} s\n{text}", soaked.problems + problems


_OVER: dict[str, Any] = {"event": "over"}


def _next(events: queue.Queue[dict[str, Any]], until: float) -> dict[str, Any] | None:
    with contextlib.suppress(queue.Empty):
        return events.get(timeout=max(0.0, until - time.monotonic()))
    return None


@contextlib.contextmanager
def _client(kit: Path, folder: Path, seconds: float) -> Iterator[queue.Queue[dict[str, Any]]]:
    """Run the client; yield its events, the last of which is :data:`_OVER`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.soak_client", str(kit), str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": make_path()},
    )
    events: queue.Queue[dict[str, Any]] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            events.put(json.loads(line))
        events.put(_OVER)

    guard = threading.Timer(seconds + _END_TIMEOUT_S, process.kill)
    guard.start()
    threading.Thread(target=read, name="faults-soak", daemon=True).start()
    try:
        yield events
        if code := process.wait(30):
            raise RuntimeError(f"the client of the soak ended with exit code {code}")
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def compare_jobs(soaked: Soaked, jobs: Sequence[str], listed: Sequence[dict[str, Any]]) -> list[str]:
    """Compare what the client was told of jobs with the server's list. Pure."""
    found = {str(job["job_id"]): job for job in listed}
    names = [str(job["job_name"]) for job in listed]
    problems = [f"lost: job {job}" for job in jobs if job not in found]
    for job in jobs:
        if (count := names.count(soaked.names[job])) > 1:
            problems.append(f"doubled: {count} jobs named {soaked.names[job]}")
        status = soaked.ended.get(job)
        if job in found and status is not None and found[job]["status"] != status:
            problems.append(f"the watch of {job} ended with {status}, but it is {found[job]['status']}")
    return problems


def report_growth(samples: Sequence[Sample]) -> tuple[str, list[str]]:
    """Return the figures in words, and what grows too much. Pure."""
    first, last = samples[len(samples) // 4], samples[-1]
    half = samples[len(samples) // 2 :]
    is_judged = last.second >= JUDGED_AFTER_S
    problems = []
    lines = []
    for name, label, limit in (
        ("memory", "memory in MB", MAX_MEMORY_MB_PER_MINUTE),
        ("free", "of it, kept by the allocator for later use", None),
        ("blocks", "blocks that Python's objects hold", MAX_BLOCKS_PER_MINUTE),
    ):
        rate = _rate(half, name)
        if is_judged and limit is not None and rate > limit:
            problems.append(f"{label}: {rate:+.2f} a minute in the second half, more than {limit}")
        grown = f"{getattr(first, name):.0f} -> {getattr(last, name):.0f}"
        lines.append(f"{label} {grown}, {rate:+.2f} a minute in the second half")
    for name, limit in (("threads", MAX_MORE_THREADS), ("descriptors", MAX_MORE_DESCRIPTORS)):
        early, late = (max(getattr(s, name) for s in part) for part in (samples[: len(samples) // 2], half))
        if late > early + limit:
            problems.append(f"{name} grew from {early} to {late}")
    lines.append(f"threads {first.threads} -> {last.threads}, descriptors {first.descriptors} -> {last.descriptors}")
    if not is_judged:
        lines.append(f"(growth is judged only after {JUDGED_AFTER_S / 60:.0f} minutes)")
    return "\n".join(lines), problems


def _rate(samples: Sequence[Sample], name: str) -> float:
    """The growth of something, by minute."""
    if len(samples) < 2:
        return 0.0
    return 60 * statistics.linear_regression([s.second for s in samples], [getattr(s, name) for s in samples]).slope
