"""One upload or one download, and what it takes of memory at its peak."""

from __future__ import annotations

import time
from typing import Any

from common import connect, main, peak_memory, server_cpu, timed


def measure(module: str, kit: str, server: str, direction: str, size: str, *what: str) -> dict[str, Any]:
    """Return the milliseconds and the peak memory, in MB, of one transfer, and the CPU in it of client and server.

    Parameters
    ----------
    module, kit
        The client and its startup kit.
    server
        The server's process.
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
    cpu, of_server = time.process_time(), server_cpu(server)
    took, answer = timed(method, *what)
    cpu, of_server = (time.process_time() - cpu) * 1000, server_cpu(server) - of_server
    found = {"": took, "_peak": peak_memory(), "_cpu": cpu, "_server": of_server}
    numbers = {f"{direction}_{size}{name}": number for name, number in found.items()} | {"answer": answer}
    session.close()
    return numbers


if __name__ == "__main__":
    main(measure)
