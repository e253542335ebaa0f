"""A study whose jobs do what the test says. Imported by the kernels of the browser tests; no server is needed."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from scripted import ScriptedWatch

from flare_widgets.monitoring.job.model import Argument, KeyMetric, Point, Round, Series, StatusChange, Workflow
from flare_widgets.monitoring.job_list.watch import JobsSnapshot, ListedJob

STATUSES = ("FINISHED:COMPLETED", "FINISHED:COMPLETED", "FINISHED:EXECUTION_EXCEPTION", "FINISHED:ABORTED")
NAMES = ("hello-numpy", "cifar10-fedavg", "brats-segmentation", "statistics")
PEOPLE = ("admin@nvidia.com", "lead@hospital-a.org")


def many(count: int, now: float) -> tuple[ListedJob, ...]:
    """Jobs, newest first: two that run, one that waits, the others ended."""
    jobs = []
    for i in range(count):
        at = now - 40 - i * 1800
        status = ("SUBMITTED", "RUNNING", "RUNNING")[i] if i < 3 else STATUSES[i % 4]
        running = status == "RUNNING"
        jobs.append(
            ListedJob(
                f"{0xA0000000 + i * 7919:08x}-5f0e-4c7e-9f61-{i:012x}",
                NAMES[i % 4],
                "default",
                PEOPLE[i % 3 == 0],
                status,
                at,
                at + 2 if running else None,
                None if i < 3 else 31.0 + i % 600,
                "round 4/10" if i == 1 else "",
            )
        )
    return tuple(jobs)


class ScriptedMonitor:
    """A monitor, its session and its watch of the jobs in one."""

    def __init__(self, count: int = 12, role: str = "project_admin") -> None:
        self.read_only = False
        self.kit = SimpleNamespace(username="admin@nvidia.com", organization="nvidia", role=role, address="server:8002")
        self.session: Any = self
        self.study, self.closed, self.done = "default", False, False
        self.paused = False
        self.done_to: list[tuple[str, str]] = []
        self.refreshes = 0
        self.listeners: list[Callable[[JobsSnapshot], None]] = []
        now = time.time()
        self.snapshot = JobsSnapshot(many(count, now), now)

    # -- as a monitor and as its watch

    def watch_jobs(self) -> ScriptedMonitor:
        return self

    def subscribe(self, listener: Callable[[JobsSnapshot], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener) if listener in self.listeners else None

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def refresh(self) -> None:
        self.refreshes += 1

    def stop(self) -> None:
        self.done = True

    # -- as a session

    def abort_job(self, job_id: str) -> str:
        self.done_to.append(("abort", job_id))
        self.change(job_id, status="FINISHED:ABORTED", duration=3.0, started_at=None)
        return ""

    def delete_job(self, job_id: str) -> dict[str, Any]:
        self.done_to.append(("delete", job_id))
        self.say(jobs=tuple(job for job in self.snapshot.jobs if job.job_id != job_id))
        return {}

    def start(self, command: Any) -> concurrent.futures.Future[str]:
        self.done_to.append(("start", command.line))
        future: concurrent.futures.Future[str] = concurrent.futures.Future()
        threading.Thread(target=future.set_result, args=("c10e0000-1111",)).start()
        return future

    # -- for the tests

    def change(self, job_id: str, **facts: Any) -> None:
        self.say(jobs=tuple(replace(j, **facts) if j.job_id == job_id else j for j in self.snapshot.jobs))

    def say(self, **facts: Any) -> None:
        """Let a thread bring news, as the monitor does."""
        self.snapshot = replace(self.snapshot, **{"facts_at": time.time(), "trouble": "", **facts})
        told = [threading.Thread(target=listener, args=(self.snapshot,)) for listener in list(self.listeners)]
        for thread in told:
            thread.start()
        for thread in told:
            thread.join(10)

    def open_job(self, job_id: str) -> Any:
        from flare_widgets.views.job.view import JobView

        job = next(job for job in self.snapshot.jobs if job.job_id == job_id)
        watch = ScriptedWatch(name=job.name)
        return JobView(watch), lambda: None

    def compare(self, job_ids: list[str]) -> Any:
        from flare_widgets.views.compare.view import CompareView

        jobs = {job.job_id: job for job in self.snapshot.jobs}
        return CompareView([ScriptedWatch(**trained(jobs[i], n)) for n, i in enumerate(job_ids)]), lambda: None


def trained(job: ListedJob, number: int, rounds: int = 10) -> dict[str, Any]:
    """Snapshot of a job that trains, for a scripted watch."""
    began = time.time() - 100
    return {
        "job_id": job.job_id,
        "name": job.name,
        "status": job.status,
        "workflows": (Workflow("", "FedAvg", first_round=0, total_rounds=rounds + number),),
        "rounds": tuple(Round(n, began + n, began + n + 1) for n in range(rounds)),
        "timeline": (StatusChange("SUBMITTED", began - 1, True), StatusChange("RUNNING", began, True)),
        "round_metrics": (
            Series("accuracy", "", tuple(Point(n, 0.5 + n * 0.04 - number * 0.05) for n in range(rounds))),
            Series("val_loss", "", tuple(Point(n, 2.0 / (n + 1) + number * 0.1) for n in range(rounds))),
        ),
    }


def swept(count: int) -> Any:
    """The comparison of the jobs of a sweep, which have ended but for the last one."""
    from flare_widgets.views.compare.view import CompareView

    now = time.time()
    watches = []
    for number, job in enumerate(many(count, now)):
        rate, batch = ("0.001", "0.01", "0.1", "1")[number % 4], str(16 << number // 4 % 4)
        facts = trained(replace(job, name=f"train rate={rate} batch={batch}"), 0)
        gain = 0.05 / (1 + abs(number % 4 - 2)) + number * 0.0007
        watches.append(
            ScriptedWatch(
                **{
                    **facts,
                    "status": "RUNNING" if number == count - 1 else "FINISHED:COMPLETED",
                    "duration": None if number == count - 1 else 61.0 + number,
                    "arguments": (Argument("batch", batch), Argument("epochs", "2"), Argument("rate", rate)),
                    "round_metrics": (
                        Series("accuracy", "", tuple(Point(n, 0.5 + n * gain) for n in range(10))),
                        Series("val_loss", "", tuple(Point(n, 20.0 / (n + 1) ** (1 + 10 * gain)) for n in range(10))),
                    ),
                    "key_metric": KeyMetric("accuracy"),
                }
            )
        )
        watches[-1].done = number < count - 1
    return CompareView(watches)
