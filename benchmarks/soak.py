"""Watch a job of very many rounds, and a small one each minute, for long: does the client grow?

``python -m benchmarks.soak --minutes 60``. It prints memory, threads and open files of this process, in which the
client is, and says whether they stay what they are. The exit code is 1 when they do not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil

from flare_widgets import JobSnapshot, LocalFederation, Monitor, connect
from flare_widgets.monitoring.job.watch import Watch

from . import jobs

ROUND = 0.5  # seconds that a site takes for a round
SMALL_ROUNDS = 3
EVERY = 60.0  # seconds from one small job to the next
SAMPLE = 5.0
WARM = 45.0  # seconds until the first small job has ended, and what is loaded only then is loaded

MORE_THREADS, MORE_FILES = 2, 4
"""Maximum growth from the first third to the last: calls under way come and go."""

MORE_MEMORY = 15.0
"""MB an hour by which memory may grow: a snapshot remembers up to 10,000 rounds and tasks."""

JUDGED_AFTER = 20.0
"""Minutes after which growth of memory can be told from the noise."""


@dataclass(frozen=True)
class Sample:
    """This process at one moment.

    Attributes
    ----------
    minute
        Since the first sample.
    memory
        Resident, MB.
    threads
        Python's.
    files
        Open ones, sockets among them.
    rounds, tasks
        Of the long job, in its snapshot.
    """

    minute: float
    memory: float
    threads: int
    files: int
    rounds: int
    tasks: int


class Words:
    """A listener that does what a terminal does: each snapshot becomes a sentence."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, snapshot: JobSnapshot) -> None:
        self.count += bool(str(snapshot))


def soak(minutes: float) -> tuple[list[Sample], list[Watch]]:
    """Run jobs for a while; return the samples, and the watches of the small jobs."""
    process = psutil.Process()
    small: list[Watch] = []
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as temporary, LocalFederation(2) as federation:
        made = jobs.training(Path(temporary), {"long": 1_000_000, "small": SMALL_ROUNDS}, ROUND)
        with connect(federation.admin_kit) as session:
            monitor, words = Monitor(session), Words()
            long = monitor.watch(session.submit_job(made["long"]))
            long.subscribe(words)
            began = time.monotonic()
            end = began + WARM + 60 * minutes
            next_small, next_sample = began, began + WARM
            while (now := time.monotonic()) < end and not long.done:
                if now >= next_small:
                    small.append(monitor.watch(session.submit_job(made["small"])))
                    small[-1].subscribe(words)
                    next_small += EVERY
                if now >= next_sample:
                    snapshot = long.snapshot
                    samples.append(
                        Sample(
                            (now - began - WARM) / 60,
                            process.memory_info().rss / 1e6,
                            threading.active_count(),
                            process.num_fds(),
                            snapshot.rounds_begun,
                            len(snapshot.tasks),
                        )
                    )
                    next_sample += SAMPLE
                    say(f"{long.snapshot}  {words.count} snapshots")
                time.sleep(max(0.0, min(next_small, next_sample, end) - time.monotonic()))
            session.abort_job(long.job_id)
            for watch in (long, *small):
                watch.wait(60)
    return samples, small


def report(samples: list[Sample], small: list[Watch]) -> tuple[str, bool]:
    """Return the numbers and the verdict in words, and whether it is good."""
    columns = list(zip(*map(astuple, samples), strict=True))
    rows = [["", "first", "last", "least", "most"]]
    for name, values in zip(("memory, MB", "threads", "open files", "rounds", "tasks"), columns[1:], strict=True):
        form = "{:.1f}" if name.startswith("memory") else "{}"
        rows.append([name, *(form.format(v) for v in (values[0], values[-1], min(values), max(values)))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    third = max(1, len(samples) // 3)
    early, late = samples[:third], samples[-third:]
    problems = []
    for name, most, of in (("threads", MORE_THREADS, "threads"), ("open files", MORE_FILES, "files")):
        before, after = (max(getattr(s, of) for s in part) for part in (early, late))
        if after > before + most:
            problems.append(f"{name} grew from {before} to {after}")
    minutes = samples[-1].minute - samples[0].minute
    rate = slope([s.minute for s in samples[third:]], [s.memory for s in samples[third:]]) * 60
    lines.append(f"memory grows by {rate:.1f} MB an hour after the first third of {minutes:.0f} minutes")
    if minutes >= JUDGED_AFTER and rate > MORE_MEMORY:
        problems.append(f"memory grows by more than {MORE_MEMORY:g} MB an hour")
    ended = [w.snapshot.status for w in small]
    bad = [status for status in ended if status != "FINISHED:COMPLETED"]
    lines.append(f"{len(ended)} small jobs, of which {len(ended) - len(bad)} were watched to FINISHED:COMPLETED")
    if bad:
        problems.append(f"{len(bad)} small jobs ended otherwise: {', '.join(sorted(set(bad)))}")
    judged = "" if minutes >= JUDGED_AFTER else f" (memory is judged only after {JUDGED_AFTER:g} minutes)"
    lines.append(f"verdict: {'; '.join(problems) if problems else 'it does not grow'}{judged}")
    return "\n".join(lines), not problems


def slope(xs: list[float], ys: list[float]) -> float:
    """Return how fast the second grows with the first, by the least squares."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((a - x) ** 2 for a in xs)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / spread if spread else 0.0


def say(words: str) -> None:
    """Tell on standard error how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr)


def main() -> None:
    """Read the options, soak, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default 60), after a warm-up")
    options = parser.parse_args()
    if options.minutes < 1:
        parser.error("--minutes must be 1 or more")
    text, good = report(*soak(options.minutes))
    print(text)
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
