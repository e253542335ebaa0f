"""Many calls at once on one session."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from common import connect, main, median, timed

CALLS = 64  # at once
REPEATS = 5


def measure(module: str, kit: str) -> dict[str, float]:
    """Return how long it takes until all of 64 concurrent calls are answered, in milliseconds, and the client's CPU."""
    session = connect(module, kit)
    job = session.list_jobs()[0]["job_id"]
    with ThreadPoolExecutor(CALLS) as pool:

        def all_at_once() -> None:
            answers = list(pool.map(session.get_job_meta, [job] * CALLS))
            if [answer["job_id"] for answer in answers] != [job] * CALLS:
                raise SystemExit("a wrong answer")

        all_at_once()  # starts the threads
        cpu = time.process_time()
        took = [timed(all_at_once)[0] for _ in range(REPEATS)]
        cpu = (time.process_time() - cpu) / REPEATS * 1000
    session.close()
    return {"at_once": median(took), "at_once_cpu": cpu}


if __name__ == "__main__":
    main(measure)
