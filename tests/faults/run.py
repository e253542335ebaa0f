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
_READY_TIMEOUT_S = 300.0  # for a lane's judge to get through


@dataclass
class Outcome:
    """All trials of a run, and what was found at its end.

    Attributes
    ----------
    at_the_end
        Jobs that the server no longer has, or has more than once, in words.
    holdings
        Threads, descriptors and so on of each client, before and after.
    server_faults
        Count of each fault of the server or the site.
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
    has_runs
        True to watch running jobs, too, while the server or the site is harmed.
    """

    seconds: float
    seed: int
    faults: int | None = None
    lanes: int = LANES
    phase: float = PHASE_S
    server_faults: tuple[str, ...] = tuple(SERVER_FAULTS)
    lane_faults: tuple[str, ...] = LANE_FAULTS
    has_runs: bool = True


def run(fragile: Fragile, scheme: str, plan: Plan, folder: Path, tell: Callable[[Trial], None]) -> Outcome:
    """Run trials against a federation.

    Parameters
    ----------
    fragile
        The federation.
    scheme
        Its scheme.
    plan
        The extent.
    folder
        An empty folder.
    tell
        Called with each trial, in any thread.
    """
    deadline = time.monotonic() + plan.seconds
    with ThreadPoolExecutor(plan.lanes) as pool, _make_lanes(fragile, scheme, plan, folder, pool) as (judge, lanes):
        return _Run(fragile, judge, lanes, pool, plan, random.Random(f"{plan.seed} {scheme}"), tell).run(deadline)


class _Run:
    """The lanes at work."""

    def __init__(
        self,
        fragile: Fragile,
        judge: Judge,
        lanes: list[Lane],
        pool: ThreadPoolExecutor,
        plan: Plan,
        rng: random.Random,
        tell: Callable[[Trial], None],
    ) -> None:
        self._fragile, self._judge, self._lanes, self._pool = fragile, judge, lanes, pool
        self._plan, self._rng, self._tell = plan, rng, tell
        self._outcome = Outcome()
        self._lock = threading.Lock()
        self._deadline = 0.0

    def run(self, deadline: float) -> Outcome:
        """Run trials and faults of the server in turn; nothing new begins after the deadline."""
        self._deadline = deadline
        outcome = self._outcome
        usual = [name for name, weight in OPERATIONS.items() if weight]
        before = list(self._pool.map(lambda lane: lane.calibrate(usual), self._lanes))
        server_faults = shuffle_again(self._plan.server_faults, self._rng)
        while self._working() and not self._is_over():
            phase_ends_at = time.monotonic() + self._plan.phase
            list(self._pool.map(lambda lane, until=phase_ends_at: self._run_trials(lane, until), self._working()))
            for fault in itertools.islice(server_faults, _SERVER_FAULTS_A_PHASE):
                if self._working() and not self._is_over() and self._harm_server(fault):
                    outcome.server_faults[fault] = outcome.server_faults.get(fault, 0) + 1
        outcome.holdings = [
            (held, lane.hold()) for held, lane in zip(before, self._lanes, strict=True) if not lane.is_broken
        ]
        outcome.at_the_end = _check_all(self._judge, self._lanes)
        return outcome

    def _working(self) -> list[Lane]:
        return [lane for lane in self._lanes if not lane.is_broken]

    def _is_over(self) -> bool:
        faults = self._plan.faults
        return time.monotonic() > self._deadline or (faults is not None and self._outcome.count_injected() >= faults)

    def _note(self, trial: Trial) -> None:
        with self._lock:
            self._outcome.trials.append(trial)
            self._tell(trial)

    def _run_trials(self, lane: Lane, until: float) -> None:
        while not (lane.is_broken or self._is_over() or time.monotonic() > until):
            self._note(lane.run_next())

    def _harm_server(self, fault: str) -> bool:
        """Inject a fault of the server while each lane performs operations; return whether it came."""
        lanes = self._working()
        runner = lanes[0] if self._plan.has_runs else None  # one job at a time is enough for the machine
        is_over = threading.Event()
        ready = threading.Barrier(len(lanes) + 1)

        def work(lane: Lane) -> list[tuple[float, Trial]]:
            operation = lane.choose_operation(may_run=lane is runner)
            task = lane.prepare(operation)
            ready.wait()
            done = []
            while True:
                began_at = time.monotonic()
                done.append((began_at, lane.run("", operation, task)))
                if is_over.is_set() or lane.is_broken:
                    return done
                operation = lane.choose_operation(may_run=False)
                task = lane.prepare(operation)

        working = [self._pool.submit(work, lane) for lane in lanes]
        ready.wait(_READY_TIMEOUT_S)
        time.sleep(self._rng.uniform(0, 0.1))
        fault_began_at = time.monotonic()
        try:
            is_injected = SERVER_FAULTS[fault](self._fragile, self._judge)
            self._judge.wait_until_up()
        finally:
            fault_ended_at = time.monotonic()
            is_over.set()
        for lane, future in zip(lanes, working, strict=True):
            trials = future.result()
            lane.finish(trials[-1][1], fault_ended_at)
            for began_at, trial in trials:
                trial.fault, trial.is_injected = fault, is_injected
                overlaps = began_at < fault_ended_at and began_at + trial.answer.seconds > fault_began_at
                trial.was_during = is_injected and overlaps
                self._note(trial)
        return is_injected


@contextlib.contextmanager
def _make_lanes(
    fragile: Fragile, scheme: str, plan: Plan, folder: Path, pool: ThreadPoolExecutor
) -> Iterator[tuple[Judge, list[Lane]]]:
    with contextlib.ExitStack() as stack:
        judge = Judge(fragile.kit)
        stack.callback(judge.close)
        jobs = folder / "jobs"
        jobs.mkdir()
        job = judge.submit(write_job(jobs, f"stored-{scheme}", ballast=_BALLAST_BYTES, sites=1))

        def make(number: int) -> Lane:
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
            return Lane(number, scheme, client, proxy, judge, Stored(job, jobs), disk, plan.lane_faults, rng)

        lanes = list(pool.map(make, range(plan.lanes)))
        _wait_until_finished(judge, job)
        yield judge, lanes


def _wait_until_finished(judge: Judge, job: str) -> None:
    deadline = time.monotonic() + _STORED_TIMEOUT_S
    while not (status := judge.status(job)).startswith("FINISHED"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the job that the trials read is {status}")
        time.sleep(0.2)


def _check_all(judge: Judge, lanes: list[Lane]) -> list[str]:
    """Compare all that was answered with the server's list once more: what came late, what went."""
    listed = judge.list_jobs()
    names = [name for lane in lanes for name in lane.submitted]
    found = [f"doubled: {count} jobs named {name}" for name, count in find_doubles(names, listed).items()]
    ids = {str(job["job_id"]) for job in listed}
    return found + [f"lost: job {job}" for lane in lanes for job in lane.answered if job not in ids]
