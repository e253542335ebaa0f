"""Listing the jobs of a server that has many."""

from __future__ import annotations

import time
from typing import Any

from common import connect, main, median, timed


def measure(module: str, kit: str, stored: str) -> dict[str, Any]:
    """Return how long a list takes, in milliseconds, or in words what came instead of it.

    With the client's own time-out for commands, as a user has it.
    """
    number = int(stored)
    session = connect(module, kit)
    key = f"list_{number}"
    took = []
    for _ in range(3 if number > 1000 else 10):
        began = time.perf_counter()
        try:
            millis, jobs = timed(session.list_jobs)
        except Exception as error:
            return {key: f"{type(error).__name__} after {time.perf_counter() - began:.1f} s"}
        if len(jobs) != number:
            raise SystemExit(f"{len(jobs)} jobs of {number}")
        took.append(millis)
    session.close()
    return {key: median(took)}


if __name__ == "__main__":
    main(measure)
