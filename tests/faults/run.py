"""A run of many trials against one federation."""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kits
from fragile import Fragile
from jobs import write_job

from . import disks
from .client import Client
from .fault_proxy import FaultProxy
from .judge import Judge, find_doubles
from .server_faults import SERVER_FAULTS
from .trials import LANE_FAULTS, OPERATIONS, Lane, Stored, Trial, shuffle_again

LANES = 8
PHASE_S = 30.0
_SERVER_FAULTS_A_PHASE = 2

_BALLAST_BYTES = 2_500_000
_STORED_TIMEOUT_S = 120.0


@dataclass
class Outcome:
    """All trials of a run, and what was found at its end.

    Attributes
    ----------
    at_the_end
        Jobs that the server no longer has, or has more than once, in words.
    holdings
        What each client held before and after.
    server_faults
        How often each fault of the server or the site was injected.
    """

    trials: list[Trial] = field(default_factory=list)
    at_the_end: list[str] = field(default_factory=list)
    holdings: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    server_faults: dict[str, int] = field(default_factory=dict)

    def count_injected(self) -> int:
        """The number of faults; one of the server counts once, however many operations it met."""
        own = sum(trial.is_injected for trial in self.trials if trial.fault not in SERVER_FAULTS)
        return own + sum(self.server_faults.values())


@dataclass(frozen=True)
class Plan:
    """The extent of a run.

    Attributes
    ----------
    seconds
        Nothing new begins later.
    seed
        Decides on all that is random, but for the order in which things happen.
    faults
        Nothing new begins after so many.
    lanes
        The number of clients.
    phase
        Seconds of trials in all lanes, after which faults of the server follow.
    server_faults, lane_faults
        The faults of the server and the site, and those of each client and its way.
    """

    seconds: float
    seed: int
    faults: int | None = None
    lanes: int = LANES
    phase: float = PHASE_S
    server_faults: tuple[str, ...] = tuple(SERVER_FAULTS)
    lane_faults: tuple[str, ...] = LANE_FAULTS


def run(fragile: Fragile, scheme: str, plan: Plan, folder: Path, tell: Callable[[Trial], None]) -> Outcome:
    """Run trials against a federation.

    Parameters
    ----------
    fragile
        The federation.
    scheme
        Its scheme.
    plan
        How many.
    folder
        An empty folder.
    tell
        Called with each trial, in any thread.
    """
    outcome = Outcome()
    lock = threading.Lock()
    deadline = time.monotonic() + plan.seconds

    def note(trial: Trial) -> None:
        with lock:
            outcome.trials.append(trial)
        tell(trial)

    def is_over() -> bool:
        return time.monotonic() > deadline or (plan.faults is not None and outcome.count_injected() >= plan.faults)

    with _lanes(fragile, scheme, plan, folder) as (judge, lanes), ThreadPoolExecutor(plan.lanes) as pool:
        costs = [name for name, weight in OPERATIONS.items() if weight]
        before = list(pool.map(lambda lane: lane.calibrate(costs), lanes))
        rng = random.Random(f"{plan.seed} {scheme} server")
        server_faults = shuffle_again(plan.server_faults, rng)
        while not is_over():
            phase_ends_at = min(deadline, time.monotonic() + plan.phase)

            def work(lane: Lane, phase_ends_at: float = phase_ends_at) -> None:
                while not (lane.is_broken or is_over() or time.monotonic() > phase_ends_at):
                    note(lane.next_trial())

            list(pool.map(work, lanes))
            lanes = [lane for lane in lanes if not lane.is_broken]
            if not lanes:
                break
            for fault in itertools.islice(server_faults, _SERVER_FAULTS_A_PHASE):
                if not is_over() and _harm_server(fragile, judge, fault, lanes, pool, rng, note):
                    outcome.server_faults[fault] = outcome.server_faults.get(fault, 0) + 1
        after = [lane.hold() for lane in lanes]
        outcome.holdings = list(zip(before, after, strict=False))
        outcome.at_the_end = _check_all(judge, lanes)
    return outcome


@contextlib.contextmanager
def _lanes(fragile: Fragile, scheme: str, plan: Plan, folder: Path) -> Iterator[tuple[Judge, list[Lane]]]:
    with contextlib.ExitStack() as stack:
        judge = Judge(fragile.kit)
        stack.callback(judge.close)
        jobs = folder / "jobs"
        jobs.mkdir()
        stored = Stored(_store_job(judge, jobs, scheme), jobs)
        lanes = []
        for number in range(plan.lanes):
            rng = random.Random(f"{plan.seed} {scheme} {number}")
            own = folder / f"lane-{number}"
            own.mkdir()
            is_disk = stack.enter_context(disks.small_disk(own / "disk"))
            proxy = FaultProxy(fragile.federation.port, rng)
            port = stack.enter_context(proxy.running())
            kit = Path(shutil.copytree(fragile.kit, own / "kit"))
            kits.edit_admin(kit, host="localhost", port=port)
            client = Client(kit, own / "disk")
            stack.callback(client.end)
            disk = own / "disk" if is_disk else None
            lanes.append(Lane(number, scheme, client, proxy, judge, stored, disk, plan.lane_faults, rng))
        yield judge, lanes


def _store_job(judge: Judge, folder: Path, scheme: str) -> str:
    job = judge.submit(write_job(folder, f"stored-{scheme}", ballast=_BALLAST_BYTES, sites=1))
    deadline = time.monotonic() + _STORED_TIMEOUT_S
    while not (status := judge.status(job)).startswith("FINISHED"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the job that the trials read is {status}")
        time.sleep(0.2)
    return job


def _harm_server(
    fragile: Fragile,
    judge: Judge,
    fault: str,
    lanes: list[Lane],
    pool: ThreadPoolExecutor,
    rng: random.Random,
    note: Callable[[Trial], None],
) -> bool:
    """Inject a fault of the server while each lane performs operations; return whether it came."""
    is_over = threading.Event()
    began_at, ended_at = float("inf"), float("inf")
    ready = threading.Barrier(len(lanes) + 1)

    def work(lane: Lane) -> list[tuple[float, Trial]]:
        operation = lane.choose_operation()
        task = lane.prepare(operation)
        ready.wait()
        done = []
        while True:
            at = time.monotonic()
            done.append((at, lane.run("", operation, task)))
            if is_over.is_set() or lane.is_broken:
                return done
            operation = lane.choose_operation()
            task = lane.prepare(operation)

    working = [pool.submit(work, lane) for lane in lanes]
    ready.wait()
    time.sleep(rng.uniform(0, 0.1))
    began_at = time.monotonic()
    try:
        is_injected = SERVER_FAULTS[fault](fragile, judge)
        judge.wait_until_up()
    finally:
        ended_at = time.monotonic()
        is_over.set()
    for lane, future in zip(lanes, working, strict=True):
        trials = future.result()
        for at, trial in trials:
            trial.fault = fault
            trial.is_injected = is_injected
            trial.was_during = is_injected and at < ended_at and at + trial.answer.seconds > began_at
        lane.finish(trials[-1][1], ended_at)
        for _, trial in trials:
            note(trial)
    return is_injected


def _check_all(judge: Judge, lanes: list[Lane]) -> list[str]:
    """Compare all that was answered with the server's list once more: what came late, what went."""
    listed = judge.list_jobs()
    names = [name for lane in lanes for name in lane.submitted]
    found = [f"doubled: {count} jobs named {name}" for name, count in find_doubles(names, listed).items()]
    ids = {str(job["job_id"]) for job in listed}
    return found + [f"lost: job {job}" for lane in lanes for job in lane.answered if job not in ids]
