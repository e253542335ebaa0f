"""Count what one more fact costs in a job of many sites or rounds, with made facts: no server, no browser.

CPU time of this process, so that others on the machine change little. The bytes are those of the messages that a view
sends to its browsers for ten changed points.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from flare_widgets.monitoring.job.model import Point, Round, SiteTask, Workflow
from flare_widgets.monitoring.job.reducer import apply_updates
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.updates import JobMeta, MetricValue, Update
from flare_widgets.views.job.view import JobView
from flare_widgets.views.job.view_model import build_view_model

SIZES = ((1_000, 50), (30, 500), (3, 5_000))
"""Sites and rounds."""

CHANGED_POINTS = 10
ROUND_S = 10.0
BEGAN = 1_750_000_000.0
WORKFLOW = "controller"
TICKS = 15


class MadeJob:
    """A watched job that runs, and its facts.

    Parameters
    ----------
    sites, rounds
        The number of sites, and of the rounds that are over.
    """

    job_id = "00000000-0000-4000-8000-000000000000"
    done = False

    def __init__(self, sites: int, rounds: int) -> None:
        self.sites = [f"site-{number}" for number in range(1, sites + 1)]
        self._next_round = rounds
        meta = {
            "name": "scale",
            "status": "RUNNING",
            "deploy_map": {"app": ["server", *self.sites]},
            "submit_time": BEGAN,
            "start_time": str(BEGAN),
        }
        first: list[Update] = [JobMeta(meta, BEGAN), Workflow(WORKFLOW, "ScatterAndGather", total_rounds=rounds + 100)]
        for number in range(rounds):
            first += self.updates_of_round(number)
        self.snapshot = apply_updates(JobSnapshot(self.job_id), first)

    @property
    def now(self) -> float:
        """The time at the end of what is known."""
        return BEGAN + (self._next_round + 1) * ROUND_S

    def updates_of_round(self, number: int, sites: int | None = None) -> Iterator[Update]:
        """Yield the facts of a round of the first sites; of all if no number of sites is given."""
        at = BEGAN + number * ROUND_S
        yield Round(number, at, None, WORKFLOW)
        for site in self.sites[:sites]:
            task_id = f"{site}-{number}"
            yield SiteTask(task_id, site, "train", number, at + 1, at + 8, "OK", WORKFLOW, "training")
            yield MetricValue("accuracy", site, Point(number, 1 - 1 / (number + 2)), WORKFLOW)

    def begin_round(self) -> None:
        """Learn that ten points of the next round have come."""
        self.learn(self.updates_of_round(self._next_round, CHANGED_POINTS))
        self._next_round += 1

    def learn(self, updates: Iterator[Update]) -> None:
        """Apply updates."""
        self.snapshot = apply_updates(self.snapshot, list(updates))

    def subscribe(self, _: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Call no listener: the view is told when to send."""
        return lambda: None


def cpu_ms(action: Callable[[], Any]) -> float:
    """Return the milliseconds of CPU that an action takes, the median of a few times."""
    samples = []
    for _ in range(TICKS):
        gc.collect()
        began = time.process_time()
        action()
        samples.append((time.process_time() - began) * 1000)
    return median(samples)


class SentBytes:
    """The bytes of JSON that a view sends, counted at its comm."""

    def __init__(self, view: JobView) -> None:
        self.count = 0
        self._send = view.comm.send
        view.comm.send = self._note

    def _note(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        self.count += len(json.dumps(data, default=str).encode())
        self._send(data, *args, **kwargs)


def measure(sites: int, rounds: int) -> dict[str, float]:
    """Return what one more fact costs in a job of so many sites and rounds that are over."""
    job = MadeJob(sites, rounds)
    view = JobView(job)
    numbers = itertools.count(rounds)

    def fold() -> None:
        job.snapshot = apply_updates(job.snapshot, list(job.updates_of_round(next(numbers), 1))[-2:])

    found = {"fold of one news, ms": cpu_ms(fold)}
    job._next_round = next(numbers)
    found["view model, ms"] = cpu_ms(lambda: build_view_model(JobSnapshot(**vars_of(job.snapshot)), job.now).to_json())
    sent = SentBytes(view)
    ticks = []
    for _ in range(TICKS):
        job.begin_round()
        before = sent.count
        view._send_update()
        ticks.append(sent.count - before)
    found["bytes for 10 changed points"] = median(ticks)

    def tick() -> None:
        job.begin_round()
        view._send_update()

    found["a tick of the view, ms"] = cpu_ms(tick)
    view.make_static()
    return found


def vars_of(snapshot: JobSnapshot) -> dict[str, Any]:
    """Return a snapshot's fields, without anything it has remembered."""
    return {name: getattr(snapshot, name) for name in snapshot.__dataclass_fields__}


def main() -> None:
    """Measure, and print."""
    argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__).parse_args()
    for sites, rounds in SIZES:
        for name, number in measure(sites, rounds).items():
            print(f"{sites:,} sites, {rounds:,} rounds: {name:30} {number:12,.1f}")


if __name__ == "__main__":
    main()
