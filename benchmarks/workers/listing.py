"""Listing the jobs of a server that has many."""

from __future__ import annotations

import time
from typing import Any

from common import connect, main, median, server_cpu, timed

SAMPLES = 3
PATIENT = 60.0  # seconds, instead of the client's own 5


def measure(module: str, kit: str, stored: str, server: str) -> dict[str, Any]:
    """Return how long a list takes, in milliseconds, with the client's own time-out and with a long one.

    In words what came instead of the list, if that is what a user gets. And the CPU time in it, the client's own and
    the server's, whose process is named.
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
    cpu, of_server = time.process_time(), server_cpu(server)
    patiently = median([timed(listed)[0] for _ in range(SAMPLES)])
    cpu = (time.process_time() - cpu) / SAMPLES * 1000
    of_server = (server_cpu(server) - of_server) / SAMPLES
    session.close()
    found = {"": took, "_patiently": patiently, "_cpu": cpu, "_server": of_server}
    return {f"list_{stored}{what}": number for what, number in found.items()}


def _exported(error: Exception) -> str:
    """Return the name of the FLARE API's exception that an error is."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return "NoConnection" if "NoConnection" in names else names[0]


if __name__ == "__main__":
    main(measure)
