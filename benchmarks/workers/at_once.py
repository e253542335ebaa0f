"""Many calls at once on one session."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from common import connect, main, median, timed

CALLS = 64  # at once
REPEATS = 5


def measure(module: str, kit: str) -> dict[str, float]:
    """Return how long it takes until all of 64 concurrent calls are answered, in milliseconds."""
    session = connect(module, kit)
    job = session.list_jobs()[0]["job_id"]
    with ThreadPoolExecutor(CALLS) as pool:

        def all_at_once() -> None:
            answers = list(pool.map(session.get_job_meta, [job] * CALLS))
            if [answer["job_id"] for answer in answers] != [job] * CALLS:
                raise SystemExit("a wrong answer")

        all_at_once()  # starts the threads
        took = [timed(all_at_once)[0] for _ in range(REPEATS)]
    session.close()
    return {"at_once": median(took)}


if __name__ == "__main__":
    main(measure)
