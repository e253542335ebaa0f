"""Many calls at once on one session."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from common import connect, main, median, server_cpu, timed

CALLS = 64  # at once
REPEATS = 5


def measure(module: str, kit: str, server: str) -> dict[str, float]:
    """Return how long it takes until all of 64 concurrent calls are answered, and the CPU of both, in milliseconds."""
    session = connect(module, kit)
    job = session.list_jobs()[0]["job_id"]
    with ThreadPoolExecutor(CALLS) as pool:

        def all_at_once() -> None:
            answers = list(pool.map(session.get_job_meta, [job] * CALLS))
            if [answer["job_id"] for answer in answers] != [job] * CALLS:
                raise SystemExit("a wrong answer")

        all_at_once()  # starts the threads
        cpu, of_server = time.process_time(), server_cpu(server)
        took = [timed(all_at_once)[0] for _ in range(REPEATS)]
        cpu = (time.process_time() - cpu) / REPEATS * 1000
        of_server = (server_cpu(server) - of_server) / REPEATS
    session.close()
    return {"at_once": median(took), "at_once_cpu": cpu, "at_once_server": of_server}


if __name__ == "__main__":
    main(measure)
