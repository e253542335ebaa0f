"""The operations, the faults, and one trial of one against the other."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs import RESULT, write_job

from . import disks, fault_proxy
from .client import Client, Hung
from .fault_proxy import FaultProxy
from .judge import Answer, Judge, Problems, judge_abort, judge_new_job, judge_read, judge_watch

HUNG_AFTER_S = 100.0

#: The operations, and how often each is chosen.
OPERATIONS = {
    "list": 2,
    "meta": 2,
    "logs": 2,
    "system": 1,
    "submit": 4,
    "submit chunks": 4,
    "clone": 3,
    "download": 3,
    "abort": 3,
    "watch": 2,
    "watch a run": 0,  # starts processes: see Lane.choose_operation
}
CHUNKS_BYTES = 3_000_000

#: The faults of the client's own machine.
CLIENT_FAULTS = {
    "interrupt": tuple(OPERATIONS),
    "client stopped": tuple(OPERATIONS),
    "no descriptors": tuple(name for name in OPERATIONS if not name.startswith("watch")),
    "no file above n bytes": ("download",),
    "disk full": ("download",),
}

#: All faults of a client and of its way.
LANE_FAULTS = (*fault_proxy.FAULTS, *CLIENT_FAULTS)

_ABORT_AFTER_S = {"watch": (0.3, 1.5), "watch a run": (7.0, 9.0)}
_WATCH_TIMEOUT_S = {"watch": 40.0, "watch a run": 60.0}  # for the job's end to be seen, whatever the fault
_WATCH_BYTES = 4000


@dataclass
class Trial:
    """An operation and the fault it met.

    Attributes
    ----------
    is_injected
        True if the fault came at all; one on the way waits for bytes that may never come.
    was_during
        True if it came, or was there, while the operation was under way.
    usable_after
        Seconds from the end of the fault, or of the operation if that is later, until the session answered again;
        nothing helped it.
    """

    scheme: str
    lane: int
    fault: str
    operation: str
    is_injected: bool = False
    was_during: bool = False
    answer: Answer = field(default_factory=lambda: Answer(""))
    usable_after: float | None = None
    problems: Problems = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """An operation that is ready to begin: its arguments, and who judges the answer."""

    operation: str
    arguments: dict[str, Any]
    judge: Callable[[Answer], Problems]
    accompany: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Stored:
    """A finished job that the server has, and its folder of jobs to submit."""

    job: str
    folder: Path


class Lane:
    """A client under test with its way to the server.

    Parameters
    ----------
    number
        Which one.
    scheme
        The federation's.
    client, proxy
        The client, and its way.
    judge
        A session that nothing harms.
    stored
        The job that is read.
    disk
        The small disk of the client; None if there is none.
    faults
        Those that are injected.
    rng
        Decides on all that is random.
    """

    def __init__(
        self,
        number: int,
        scheme: str,
        client: Client,
        proxy: FaultProxy,
        judge: Judge,
        stored: Stored,
        disk: Path | None,
        faults: Sequence[str],
        rng: random.Random,
    ) -> None:
        self.number, self._scheme = number, scheme
        self.client, self._proxy, self._judge, self._stored = client, proxy, judge, stored
        self._disk, self._rng = disk, rng
        self._names = (f"{scheme}-{number}-{count}" for count in itertools.count())
        self._right: dict[str, Any] = {}
        self._cost: dict[str, tuple[int, int, float]] = {}  # bytes up, bytes down, seconds, undisturbed
        self.submitted: list[str] = []  # names, each of one job at most
        self.answered: list[str] = []  # ids that the server must have
        self.is_broken = False
        self._faults = shuffle_again([name for name in faults if name != "disk full" or disk is not None], rng)

    def calibrate(self, operations: list[str]) -> dict[str, Any]:
        """Perform each operation once, undisturbed; return what the process holds then.

        Raises
        ------
        RuntimeError
            One fails: then no fault would show anything.
        """
        for operation in operations:
            before = self._proxy.up, self._proxy.down
            task = self.prepare(operation)
            self.client.begin(operation, **task.arguments)
            task.accompany()
            answer = Answer(**self.client.wait(HUNG_AFTER_S))
            if answer.outcome == "done" and operation == "logs":
                self._right[operation] = answer.value
            if answer.outcome != "done" or task.judge(answer):
                raise RuntimeError(f"{operation} fails without a fault: {answer} {task.judge(answer)}")
            self._cost[operation] = self._proxy.up - before[0], self._proxy.down - before[1], answer.seconds
        return self._ask_usable()

    def _ask_usable(self) -> dict[str, Any]:
        self.client.begin("usable")
        answer = Answer(**self.client.wait(HUNG_AFTER_S))
        if answer.outcome != "done":
            raise Hung(answer.error)
        return dict(answer.value)

    # -- trials --------------------------------------------------------------------------------------------

    def run_next(self) -> Trial:
        """Run the next fault against some operation."""
        fault = next(self._faults)
        allowed = CLIENT_FAULTS.get(fault, tuple(OPERATIONS))
        operation = self._rng.choices(allowed, [OPERATIONS[name] for name in allowed])[0]
        return self.run(fault, operation)

    def choose_operation(self, *, may_run: bool) -> str:
        """An operation for a fault of the server or the site; a third of them watch a running job if they may."""
        if may_run and self._rng.random() < 1 / 3:
            return "watch a run"
        return self._rng.choices([*OPERATIONS], [*OPERATIONS.values()])[0]

    def run(self, fault: str, operation: str, task: Task | None = None) -> Trial:
        """Run one operation with a fault of the way or of the client; with none if `fault` is empty."""
        trial = Trial(self._scheme, self.number, fault, operation)
        task = task or self.prepare(operation)
        try:
            fault_ends_at = self._perform(trial, task)
            trial.problems = task.judge(trial.answer)
            if fault:
                self._check_usable(trial, fault_ends_at)
        except Hung as e:
            trial.problems["hung"] = str(e)
            self.is_broken = True  # what it answers later would be taken for the answer to something else
        return trial

    def _perform(self, trial: Trial, task: Task) -> float:
        """Perform an operation with its fault, and return when the fault ended."""
        with self._harmed(trial) as inject:
            self.client.begin(task.operation, **task.arguments)
            aside = threading.Thread(target=task.accompany, daemon=True)
            aside.start()
            inject()
            trial.answer = Answer(**self.client.wait(HUNG_AFTER_S))
            aside.join()
        if trial.fault in fault_proxy.FAULTS:
            self._proxy.disarm()
            trial.is_injected = trial.was_during = self._proxy.fired_at is not None
            return self._proxy.ends_at
        return time.monotonic()

    @contextlib.contextmanager
    def _harmed(self, trial: Trial) -> Iterator[Callable[[], None]]:
        """Prepare a fault; yield a function that injects it, if it comes at a certain moment."""
        rng, fault = self._rng, trial.fault
        up, down, seconds = self._cost.get(trial.operation, (_WATCH_BYTES, _WATCH_BYTES, 5.0))
        moment = rng.uniform(0, seconds)

        def nothing() -> None:
            pass

        def at_a_moment() -> None:
            time.sleep(moment)
            trial.is_injected = True
            trial.was_during = self.client.is_busy
            if fault == "interrupt":
                self.client.interrupt()
            else:
                with self.client.stopped():
                    time.sleep(rng.choice((1.0, 3.0, 7.0, 13.0)))

        if fault in fault_proxy.FAULTS:
            if trial.operation.startswith("watch"):
                up = down = _WATCH_BYTES
            is_up = rng.random() < 0.5
            after = rng.randint(1, max(1, up if is_up else down))
            self._proxy.arm(fault, up=is_up, after=after, seconds=rng.uniform(*fault_proxy.FAULTS[fault]))
            yield nothing
        elif fault in ("interrupt", "client stopped"):
            yield at_a_moment
        elif not fault:
            yield nothing
        else:
            trial.is_injected = trial.was_during = True
            with self._starved(fault):
                yield nothing

    def _starved(self, fault: str) -> contextlib.AbstractContextManager[None]:
        if fault == "no descriptors":
            return self.client.descriptors_limited(self._rng.randint(0, 5))
        size = self._rng.choice((0, 1, 100, 4096, 100_000, 1_000_000))
        if fault == "no file above n bytes":
            return self.client.file_size_limited(size)
        assert self._disk is not None
        return disks.filled(self._disk, size)

    def finish(self, trial: Trial, fault_ended_at: float) -> None:
        """Wait until the session answers again after a fault of the server; note that in its last trial."""
        if self.is_broken:
            return
        try:
            self._check_usable(trial, fault_ended_at)
        except Hung as e:
            trial.problems["hung"] = str(e)
            self.is_broken = True

    def hold(self) -> dict[str, Any]:
        """Resources that the client's process holds now."""
        return self._ask_usable()

    def _check_usable(self, trial: Trial, fault_ends_at: float) -> None:
        """Wait until the session answers again; nothing helps it.

        Raises
        ------
        Hung
            It does not.
        """
        began = max(fault_ends_at, time.monotonic())
        state = self._ask_usable()["state"]
        trial.usable_after = max(0.0, time.monotonic() - began)
        if state != "READY":
            trial.problems["wrong state"] = f"the session answers and is {state}"

    # -- operations ----------------------------------------------------------------------------------------

    def prepare(self, operation: str) -> Task:
        """Make an operation ready to begin."""
        if operation in ("submit", "submit chunks"):
            return self._prepare_submission(operation)
        if operation == "clone":
            return self._prepare_clone()
        if operation in ("abort", "watch", "watch a run"):
            return self._prepare_waiting_job(operation)
        return self._prepare_read(operation)

    def _prepare_submission(self, operation: str) -> Task:
        name = next(self._names)
        folder = self._write_job(name, ballast=CHUNKS_BYTES if operation == "submit chunks" else 0)

        def judge(answer: Answer) -> Problems:
            shutil.rmtree(folder)
            return self._judge_new(answer, self._judge.jobs_named(name))

        self.submitted.append(name)
        return Task(operation, {"folder": str(folder)}, judge)

    def _prepare_clone(self) -> Task:
        name = next(self._names)
        source = self._judge.submit(self._write_job(name))
        self._judge.abort(source)

        def judge(answer: Answer) -> Problems:
            return self._judge_new(answer, [job for job in self._judge.jobs_named(name) if job != source])

        return Task("clone", {"job": source}, judge)

    def _judge_new(self, answer: Answer, jobs: list[str]) -> Problems:
        if answer.outcome == "done":
            self.answered.append(str(answer.value))
        for job in jobs:  # the server tries again and again to schedule those that wait
            self._judge.abort(job)
        return judge_new_job(answer, jobs)

    def _prepare_waiting_job(self, operation: str) -> Task:
        runs = operation == "watch a run"
        job = self._judge.submit(self._write_job(next(self._names), runs=runs))

        def abort() -> None:
            if operation != "abort":
                time.sleep(self._rng.uniform(*_ABORT_AFTER_S[operation]))
                self._judge.end(job)

        def judge(answer: Answer) -> Problems:
            if operation == "abort":
                wanted = "FINISHED:ABORTED" if answer.outcome == "done" else ""
                status = self._judge.settled_status(job, lambda status: status == wanted or not wanted)
                self._judge.abort(job)
                return judge_abort(answer, status)
            status = self._judge.settled_status(job, lambda status: status.startswith("FINISHED"))
            self._judge.abort(job)
            return judge_watch(answer, status)

        timeout = _WATCH_TIMEOUT_S.get(operation)
        return Task(operation, {"job": job, **({"timeout": timeout} if timeout else {})}, judge, abort)

    def _prepare_read(self, operation: str) -> Task:
        job, answered = self._stored.job, tuple(self.answered)
        is_right: dict[str, Callable[[Any], bool]] = {
            "list": lambda value: {job, *answered} <= set(value),
            "meta": lambda value: bool(value == job),
            "logs": lambda value: bool(value == self._right.get("logs", value)),
            "system": lambda value: value in (["site-1"], []),  # none just after a server's return
            "download": self._make_download_check(),
        }
        arguments = {} if operation in ("list", "system") else {"job": job}
        return Task(operation, arguments, lambda answer: judge_read(answer, is_right[operation]))

    def _make_download_check(self) -> Callable[[Any], bool]:
        """Return a function that tells whether a download is whole, and the only thing new in its place.

        Not in the client's process, which may not be able to open a file any more.
        """
        # Without a descriptor an earlier download could not remove its part; one that follows after a minute does.
        before = set(self.client.downloads.iterdir())

        def is_right(value: Any) -> bool:
            folder = Path(value)
            left = {*self.client.downloads.iterdir()} - before - {folder}
            try:
                digest = hashlib.sha256((folder / "workspace" / RESULT).read_bytes()).hexdigest()
            except OSError:
                return False
            shutil.rmtree(folder)
            return not left and digest == self._right.setdefault("download", digest)

        return is_right

    def _write_job(self, name: str, *, ballast: int = 0, runs: bool = False) -> Path:
        folder = write_job(self._stored.folder, name, wait=True, ballast=ballast, sites=1 if runs else 2)
        if not runs:  # it waits for sites that will never come
            meta = folder / "meta.json"
            meta.write_text(json.dumps({**json.loads(meta.read_text()), "min_clients": 50}))
        return folder


def shuffle_again(names: Sequence[str], rng: random.Random) -> Iterator[str]:
    """All names in a random order, again and again; nothing if there are none."""
    while names:
        yield from rng.sample(names, len(names))
