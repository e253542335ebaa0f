"""A long run: jobs are submitted and watched while all connections are cut again and again."""

from __future__ import annotations

import random
import shutil
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import kits
import psutil
from fragile import Fragile
from jobs import write_job

from flare_widgets import Monitor, connect
from flare_widgets.monitoring.job.watch import Watch

from .fault_proxy import FaultProxy
from .judge import Judge

CUT_INTERVAL_S = 25.0
WATCHED = 20
"""Jobs that are watched at any time."""

SAMPLE_INTERVAL_S = 5.0
END_TIMEOUT_S = 180.0
"""For the last jobs to end."""

MAX_MEMORY_MB_PER_MINUTE = 0.5
"""By which memory may grow in the second half."""

JUDGED_AFTER_S = 1200.0
"""Length of a run in which growth can be told from the noise."""

MAX_MORE_THREADS, MAX_MORE_DESCRIPTORS = 3, 4


@dataclass(frozen=True)
class Sample:
    """This process, in which the client is, at one moment."""

    second: float
    memory: float
    threads: int
    descriptors: int


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
    samples: list[Sample] = []
    answered: list[str] = []
    ended: dict[str, str] = {}
    problems: list[str] = []
    cuts = 0
    with proxy.running() as port:
        kits.edit_admin(kit, host="localhost", port=port)
        with connect(kit, timeout=30) as session:
            monitor = Monitor(session)
            watches: list[Watch] = []
            began = time.monotonic()
            end, last = began + seconds, began + seconds + END_TIMEOUT_S
            next_cut, next_sample = began + CUT_INTERVAL_S, began
            while (now := time.monotonic()) < end or (watches and now < last):
                if now >= next_cut:
                    proxy.cut()
                    cuts += 1
                    next_cut += CUT_INTERVAL_S
                if now >= next_sample:
                    samples.append(_sample(now - began))
                    next_sample += SAMPLE_INTERVAL_S
                    print(f"{now - began:.0f} s: {len(answered)} jobs, {samples[-1]}", file=sys.stderr)
                for watch in [watch for watch in watches if watch.done]:
                    watches.remove(watch)
                    ended[watch.job_id] = watch.snapshot.status
                    if watch.error is not None:
                        problems.append(f"the watch of {watch.job_id} failed: {watch.error!r}")
                if now < end and len(watches) < WATCHED:
                    made = write_job(folder, f"soak-{len(answered)}", sites=1)
                    answered.append(session.submit_job(str(made)))
                    watches.append(monitor.watch(answered[-1]))
                    shutil.rmtree(made)
                else:
                    time.sleep(0.1)
            problems += [f"the watch of {watch.job_id} has not ended: {watch.snapshot.status}" for watch in watches]
            monitor.close()
    problems += _compare(judge, answered, ended)
    judge.close()
    samples = [sample for sample in samples if sample.second <= seconds]  # then it only waits for the last jobs
    return _report(samples, len(answered), len(ended), cuts, problems), problems


def _sample(second: float) -> Sample:
    process = psutil.Process()
    return Sample(second, process.memory_info().rss / 1e6, threading.active_count(), process.num_fds())


def _compare(judge: Judge, answered: list[str], ended: dict[str, str]) -> list[str]:
    """Compare what the client was told with the server's list."""
    jobs = {str(job["job_id"]): job for job in judge.list_jobs() if str(job["job_name"]).startswith("soak-")}
    names = Counter(str(job["job_name"]) for job in jobs.values())
    problems = [f"doubled: {count} jobs named {name}" for name, count in names.items() if count > 1]
    problems += [f"lost: job {job}" for job in answered if job not in jobs]
    problems += [
        f"the watch of {job} ended with {status}, but it is {jobs[job]['status']}"
        for job, status in ended.items()
        if job in jobs and jobs[job]["status"] != status
    ]
    return problems


def _report(samples: list[Sample], submitted: int, ended: int, cuts: int, problems: list[str]) -> str:
    """Return the figures in words; add growth to the problems."""
    first, last = samples[len(samples) // 4], samples[-1]
    half = samples[len(samples) // 2 :]
    rate = 0.0
    if len(half) > 1:
        rate = 60 * statistics.linear_regression([s.second for s in half], [s.memory for s in half]).slope
    is_judged = last.second >= JUDGED_AFTER_S
    if is_judged and rate > MAX_MEMORY_MB_PER_MINUTE:
        problems.append(f"memory grows by {rate:.2f} MB a minute in the second half")
    for name, limit in (("threads", MAX_MORE_THREADS), ("descriptors", MAX_MORE_DESCRIPTORS)):
        early, late = (max(getattr(s, name) for s in part) for part in (samples[: len(samples) // 2], half))
        if late > early + limit:
            problems.append(f"{name} grew from {early} to {late}")
    return (
        f"{submitted} jobs submitted, {ended} watches ended, {cuts} cuts in {last.second:.0f} s\n"
        f"memory {first.memory:.0f} -> {last.memory:.0f} MB, {rate:+.2f} MB a minute in the second half"
        f"{'' if is_judged else f' (judged only after {JUDGED_AFTER_S / 60:.0f} minutes)'}\n"
        f"threads {first.threads} -> {last.threads}, descriptors {first.descriptors} -> {last.descriptors}"
    )
