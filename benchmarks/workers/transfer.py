"""One upload or one download, and what it takes of memory at its peak."""

from __future__ import annotations

from typing import Any

from common import connect, main, peak_memory, timed


def measure(module: str, kit: str, direction: str, size: str, *what: str) -> dict[str, Any]:
    """Return the milliseconds and the peak memory, in MB, of one transfer.

    Parameters
    ----------
    module, kit
        The client and its startup kit.
    direction
        ``submit`` or ``download``.
    size
        For the keys of the numbers.
    *what
        The job folder; or the job, and where to put its result.
    """
    session = connect(module, kit)
    session.list_jobs()  # so that nothing but the transfer is new
    method = session.submit_job if direction == "submit" else session.download_job_result
    took, answer = timed(method, *what)
    numbers = {f"{direction}_{size}": took, f"{direction}_{size}_peak": peak_memory(), "answer": answer}
    session.close()
    return numbers


if __name__ == "__main__":
    main(measure)
