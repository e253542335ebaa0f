"""Listing the jobs of a server that has many."""

from __future__ import annotations

import time
from typing import Any

from common import connect, main, median, timed

SAMPLES = 3
PATIENT = 60.0  # seconds, instead of the client's own 5


def measure(module: str, kit: str, stored: str) -> dict[str, Any]:
    """Return how long a list takes, in milliseconds, with the client's own time-out and with a long one.

    In words what came instead of the list, if that is what a user gets. And the CPU time of the client in it: the rest
    is the server's.
    """
    session = connect(module, kit)

    def listed() -> None:
        if len(session.list_jobs()) != int(stored):
            raise SystemExit(f"there are not {stored} jobs")

    try:
        took: Any = median([timed(listed)[0] for _ in range(SAMPLES)])
    except Exception as error:
        took = f"failed: {_exported(error)}"
    session.set_timeout(PATIENT)
    cpu = time.process_time()
    patiently = median([timed(listed)[0] for _ in range(SAMPLES)])
    cpu = (time.process_time() - cpu) / SAMPLES * 1000
    session.close()
    return {f"list_{stored}": took, f"list_{stored}_patiently": patiently, f"list_{stored}_cpu": cpu}


def _exported(error: Exception) -> str:
    """Return the name of the FLARE API's exception that an error is."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return "NoConnection" if "NoConnection" in names else names[0]


if __name__ == "__main__":
    main(measure)
